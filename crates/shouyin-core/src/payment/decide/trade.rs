//! WeChat told the state of an order: by notification or as the answer to a query. Everything is compared with our own
//! record before it counts.

use super::{event, key, task};
use crate::event::EventType;
use crate::id::{OutRefundNo, OutTradeNo, TransactionId};
use crate::incident::{Incident, IncidentKind};
use crate::ledger::{Posting, PostingKind};
use crate::payment::model::{Attempt, AttemptState, Paid, Payment, PaymentState};
use crate::policy::{MoneyPolicy, Policy};
use crate::ports::{Changes, Ids, RefundFact, Trade, TradeState};
use crate::product::Product;
use crate::refund::{self, RefundOrigin};
use crate::task::{TaskChange, TaskKind};
use crate::time::Timestamp;

/// A verified message contradicts our record. Never a success; kept as an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// What does not fit.
    pub kind: IncidentKind,
    /// For people: what was expected and what came.
    pub detail: String,
}

impl Mismatch {
    /// As an incident about an order, to store.
    pub fn incident(
        &self,
        payment: &Payment,
        out_trade_no: &OutTradeNo,
        now: Timestamp,
    ) -> Incident {
        self.incident_about(payment, out_trade_no, None, now)
    }

    /// As an incident about a refund that WeChat told of, to store.
    pub fn refund_incident(
        &self,
        payment: &Payment,
        fact: &RefundFact,
        now: Timestamp,
    ) -> Incident {
        self.incident_about(payment, &fact.out_trade_no, Some(&fact.out_refund_no), now)
    }

    pub(crate) fn incident_about(
        &self,
        payment: &Payment,
        out_trade_no: &OutTradeNo,
        out_refund_no: Option<&OutRefundNo>,
        now: Timestamp,
    ) -> Incident {
        Incident {
            mchid: payment.mchid.clone(),
            kind: self.kind,
            out_trade_no: Some(out_trade_no.clone()),
            out_refund_no: out_refund_no.cloned(),
            bill_date: None,
            payment_id: Some(payment.id.clone()),
            at: now,
            detail: self.detail.clone(),
        }
    }
}

fn mismatch<T>(kind: IncidentKind, detail: String) -> Result<T, Mismatch> {
    Err(Mismatch { kind, detail })
}

/// Compares merchant, app, amount, currency, product and payer with our record.
fn cross_check<'p>(payment: &'p Payment, trade: &Trade) -> Result<&'p Attempt, Mismatch> {
    let Some(attempt) = payment.attempt(&trade.out_trade_no) else {
        return mismatch(
            IncidentKind::UnknownOrder,
            "this out_trade_no is no attempt of the payment".into(),
        );
    };
    if trade.mchid != payment.mchid.as_str() || trade.appid != payment.appid.as_str() {
        return mismatch(
            IncidentKind::OwnerMismatch,
            format!(
                "expected merchant {} and app {}, got {} and {}",
                payment.mchid, payment.appid, trade.mchid, trade.appid
            ),
        );
    }
    if trade.total.is_some_and(|total| total != attempt.amount) {
        return mismatch(
            IncidentKind::AmountMismatch,
            format!(
                "expected {} fen, got {:?} fen",
                attempt.amount.get(),
                trade.total.map(fen::Fen::get)
            ),
        );
    }
    if trade
        .currency
        .as_deref()
        .is_some_and(|currency| currency != "CNY")
    {
        return mismatch(
            IncidentKind::AmountMismatch,
            format!("expected CNY, got {:?}", trade.currency),
        );
    }
    if trade
        .payer
        .as_ref()
        .zip(attempt.payer.as_ref())
        .is_some_and(|(payer, expected)| payer != expected)
    {
        return mismatch(
            IncidentKind::PayerMismatch,
            "paid by another user than the one the order was made for".into(),
        );
    }
    if trade
        .trade_type
        .as_deref()
        .is_some_and(|name| name != payment.product.trade_type())
    {
        return mismatch(
            IncidentKind::ProductMismatch,
            format!(
                "expected {}, got {:?}",
                payment.product.trade_type(),
                trade.trade_type
            ),
        );
    }
    Ok(attempt)
}

/// Everything that a success must carry to count as proof.
fn proof(trade: &Trade) -> Result<(TransactionId, Timestamp), Mismatch> {
    match (
        &trade.transaction_id,
        trade.success_at,
        trade.total,
        &trade.payer,
    ) {
        (Some(transaction_id), Some(at), Some(_), Some(_)) => Ok((transaction_id.clone(), at)),
        (transaction_id, at, total, payer) => mismatch(
            IncidentKind::IncompleteSuccess,
            format!(
                "a success without transaction_id ({}), success_time ({}), amount ({}) or payer ({})",
                transaction_id.is_some(),
                at.is_some(),
                total.is_some(),
                payer.is_some()
            ),
        ),
    }
}

/// Applies what WeChat says about one attempt. `Changes::payment` is set only if the payment changed, so any number of
/// copies, in any order, make one transition and one event.
pub fn on_trade(
    payment: &Payment,
    trade: &Trade,
    policy: Policy,
    now: Timestamp,
    ids: &dyn Ids,
) -> Result<Changes, Mismatch> {
    let attempt = cross_check(payment, trade)?;
    match &trade.state {
        TradeState::Success | TradeState::Refund => {
            let (transaction_id, at) = proof(trade)?;
            match &attempt.state {
                AttemptState::Paid {
                    transaction_id: known,
                } if *known == transaction_id => Ok(Changes::default()),
                AttemptState::Paid {
                    transaction_id: known,
                } => mismatch(
                    IncidentKind::TransactionMismatch,
                    format!("paid as transaction {known}, now reported as {transaction_id}"),
                ),
                AttemptState::Recorded
                | AttemptState::Open
                | AttemptState::Closed
                | AttemptState::Rejected { .. }
                    if attempt.reversing_since.is_some() && trade.state == TradeState::Success =>
                {
                    // A reversal may be on its way, and it gives the money back whatever we believe: what was charged is no
                    // payment any more. The query that told us owes the next reversal, until WeChat confirms one; and once it has,
                    // this is an answer that was overtaken, and no late money. Not so once somebody has refunded a part of it in
                    // WeChat's console: WeChat takes no such order back, and what was charged is a payment with a refund.
                    Ok(Changes::default())
                }
                AttemptState::Recorded
                | AttemptState::Open
                | AttemptState::Closed
                | AttemptState::Rejected { .. } => {
                    Ok(paid(payment, trade, transaction_id, at, policy, now, ids))
                }
            }
        }
        TradeState::Closed | TradeState::Revoked | TradeState::PayError => {
            Ok(closed(payment, &trade.out_trade_no, now, ids))
        }
        TradeState::NotPay | TradeState::UserPaying => Ok(seen_open(payment, &trade.out_trade_no)),
        TradeState::Other(_) => Ok(Changes::default()),
    }
}

fn paid(
    payment: &Payment,
    trade: &Trade,
    transaction_id: TransactionId,
    at: Timestamp,
    policy: Policy,
    now: Timestamp,
    ids: &dyn Ids,
) -> Changes {
    let mut payment = payment.clone();
    let mut changes = Changes::default();
    let Some(attempt) = payment.attempt_mut(&trade.out_trade_no) else {
        return changes;
    };
    attempt.state = AttemptState::Paid {
        transaction_id: transaction_id.clone(),
    };
    attempt.reversing_since = None;
    let amount = attempt.amount;
    changes.postings.push(Posting {
        mchid: payment.mchid.clone(),
        kind: PostingKind::Paid,
        payment_id: payment.id.clone(),
        out_trade_no: trade.out_trade_no.clone(),
        out_refund_no: None,
        amount,
        at: now,
    });
    let is_surplus = matches!(payment.state, PaymentState::Paid(_)) || amount != payment.amount;
    if is_surplus {
        surplus(
            &mut payment,
            trade,
            &transaction_id,
            policy,
            now,
            ids,
            &mut changes,
        );
        changes.payment = Some(payment);
        return changes;
    }
    if payment.payer.is_none() {
        // Its product names nobody beforehand. Whoever paid more than is asked for is not the payer of this.
        payment.payer.clone_from(&trade.payer);
    }
    changes
        .tasks
        .push(TaskChange::RemoveAttemptTasks(payment.id.clone()));
    // No second payment may come in through an attempt that is still open.
    for attempt in payment
        .attempts
        .iter()
        .filter(|attempt| attempt.state.is_unresolved())
    {
        changes.tasks.push(TaskChange::Put(task(
            TaskKind::CloseAttempt,
            &payment,
            Some(&attempt.out_trade_no),
            now,
        )));
    }
    let late = matches!(payment.state, PaymentState::Closed { .. });
    payment.state = PaymentState::Paid(Paid {
        at,
        transaction_id,
        out_trade_no: trade.out_trade_no.clone(),
        payer_total: trade.payer_total,
        late,
    });
    let kind = if late {
        EventType::PaymentPaidLate
    } else {
        EventType::PaymentPaid
    };
    changes.events.push(event(kind, &payment, now, ids));
    if late && policy.late == MoneyPolicy::Refund {
        refund::decide::automatic(
            &mut payment,
            &trade.out_trade_no,
            RefundOrigin::LatePolicy,
            now,
            ids,
            &mut changes,
        );
    }
    changes.payment = Some(payment);
    changes
}

/// Money beyond what the payment asks for: through a second attempt, or through one with an amount that was revised since.
/// The payment itself stays as it is.
fn surplus(
    payment: &mut Payment,
    trade: &Trade,
    transaction_id: &TransactionId,
    policy: Policy,
    now: Timestamp,
    ids: &dyn Ids,
    changes: &mut Changes,
) {
    let number = &trade.out_trade_no;
    for kind in [
        TaskKind::SendPrepay,
        TaskKind::QueryAttempt,
        TaskKind::CloseAttempt,
    ] {
        changes
            .tasks
            .push(TaskChange::Remove(key(kind, payment, Some(number))));
    }
    let detail = match &payment.state {
        PaymentState::Paid(first) => format!(
            "paid as {} and again as {transaction_id}",
            first.transaction_id
        ),
        PaymentState::Open | PaymentState::Closing { .. } | PaymentState::Closed { .. } => format!(
            "paid as {transaction_id} with an amount that was revised to {} fen meanwhile",
            payment.amount.get()
        ),
    };
    let found = Mismatch {
        kind: IncidentKind::SurplusPaid,
        detail,
    };
    changes.incidents.push(found.incident(payment, number, now));
    changes
        .events
        .push(event(EventType::PaymentSurplusPaid, payment, now, ids));
    if policy.surplus == MoneyPolicy::Refund {
        refund::decide::automatic(
            payment,
            number,
            RefundOrigin::SurplusPolicy,
            now,
            ids,
            changes,
        );
    }
    super::close_if_resolved(payment, now, ids, changes);
}

/// The order is closed at WeChat: nobody can pay this attempt any more.
pub(super) fn closed(
    payment: &Payment,
    out_trade_no: &OutTradeNo,
    now: Timestamp,
    ids: &dyn Ids,
) -> Changes {
    let mut payment = payment.clone();
    let Some(attempt) = payment
        .attempt_mut(out_trade_no)
        .filter(|attempt| attempt.state.is_unresolved())
    else {
        return Changes::default();
    };
    attempt.state = AttemptState::Closed;
    attempt.prepay = None;
    let mut changes = Changes::default();
    code_failed(&payment, now, ids, &mut changes);
    super::close_if_resolved(&mut payment, now, ids, &mut changes);
    changes.payment = Some(payment);
    changes
}

/// An attempt by payment code ended without money while the payer may still be at the till: the merchant is told.
pub(super) fn code_failed(payment: &Payment, now: Timestamp, ids: &dyn Ids, changes: &mut Changes) {
    if payment.product == Product::Code && payment.state == PaymentState::Open {
        let failed = event(EventType::PaymentCodeFailed, payment, now, ids);
        changes.events.push(failed);
    }
}

/// The order exists at WeChat and is unpaid: a lost answer to our order call is resolved by this.
fn seen_open(payment: &Payment, out_trade_no: &OutTradeNo) -> Changes {
    let mut payment = payment.clone();
    match payment.attempt_mut(out_trade_no) {
        Some(attempt) if attempt.state == AttemptState::Recorded => {
            attempt.state = AttemptState::Open;
            Changes {
                payment: Some(payment),
                ..Changes::default()
            }
        }
        _ => Changes::default(),
    }
}
