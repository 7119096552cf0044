//! WeChat told the state of an order: by notification or as the answer to a query. Everything is compared with our own
//! record before it counts.

use super::{event, task};
use crate::event::EventType;
use crate::id::{OutTradeNo, TransactionId};
use crate::incident::{Incident, IncidentKind};
use crate::payment::model::{Attempt, AttemptState, Paid, Payment, PaymentState};
use crate::ports::{Changes, Ids, Trade, TradeState};
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
    /// As an incident to store.
    pub fn incident(
        &self,
        payment: &Payment,
        out_trade_no: &OutTradeNo,
        now: Timestamp,
    ) -> Incident {
        Incident {
            mchid: payment.mchid.clone(),
            kind: self.kind,
            out_trade_no: out_trade_no.clone(),
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
    if trade.total.is_some_and(|total| total != payment.amount) {
        return mismatch(
            IncidentKind::AmountMismatch,
            format!(
                "expected {} fen, got {:?} fen",
                payment.amount.get(),
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
        .is_some_and(|payer| *payer != attempt.payer)
    {
        return mismatch(
            IncidentKind::PayerMismatch,
            "paid by another user than the one the order was made for".into(),
        );
    }
    if trade
        .trade_type
        .as_deref()
        .is_some_and(|product| product != "JSAPI")
    {
        return mismatch(
            IncidentKind::ProductMismatch,
            format!("expected JSAPI, got {:?}", trade.trade_type),
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
                | AttemptState::Rejected { .. } => {
                    Ok(paid(payment, trade, transaction_id, at, now, ids))
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
    now: Timestamp,
    ids: &dyn Ids,
) -> Changes {
    let mut payment = payment.clone();
    let mut changes = Changes::default();
    if let Some(attempt) = payment.attempt_mut(&trade.out_trade_no) {
        attempt.state = AttemptState::Paid {
            transaction_id: transaction_id.clone(),
        };
    }
    changes
        .tasks
        .push(TaskChange::RemoveAll(payment.id.clone()));
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
    if let PaymentState::Paid(first) = &payment.state {
        let second = Mismatch {
            kind: IncidentKind::SecondSuccess,
            detail: format!(
                "paid as {} and again as {transaction_id}: refund one of them",
                first.transaction_id
            ),
        };
        changes
            .incidents
            .push(second.incident(&payment, &trade.out_trade_no, now));
    } else {
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
    }
    changes.payment = Some(payment);
    changes
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
    if let PaymentState::Closing { reason } = payment.state
        && payment.all_resolved()
    {
        super::close_now(&mut payment, reason, now, ids, &mut changes);
    }
    changes.payment = Some(payment);
    changes
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
