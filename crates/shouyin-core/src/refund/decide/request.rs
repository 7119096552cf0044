//! Somebody wants money to go back.

use fen::Fen;

use super::{event, leased, order, posting, task};
use crate::event::EventType;
use crate::id::{Mchid, OutRefundNo, OutTradeNo, PaymentId, RefundId, RefundNo};
use crate::ledger::PostingKind;
use crate::payment::decide::TaskRun;
use crate::payment::model::{AttemptState, Payment, PaymentState};
use crate::ports::{Changes, Ids, RefundOrder};
use crate::refund::model::{
    MAX_REASON, MAX_REFUNDS, REFUND_WINDOW_MS, Refund, RefundOrigin, RefundState,
};
use crate::refund::schedule::SPACING_MS;
use crate::task::{TaskChange, TaskKind};
use crate::time::Timestamp;

/// What the merchant asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefund {
    /// Who asks.
    pub mchid: Mchid,
    /// Of which payment.
    pub payment_id: PaymentId,
    /// The shop's own number: asking again under it is the same refund.
    pub refund_no: RefundNo,
    /// In fen; everything that is left, if none.
    pub amount: Option<Fen>,
    /// What the payer reads.
    pub reason: Option<String>,
    /// Which attempt; the one that paid the payment, if none. Another one only for surplus that was kept.
    pub out_trade_no: Option<OutTradeNo>,
}

/// Why it cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefundError {
    /// A field is out of its limits.
    #[error("{field} {problem}")]
    Invalid {
        /// Which, in the words of the API.
        field: &'static str,
        /// What is accepted.
        problem: String,
    },
    /// There is no money to give back.
    #[error("it is not paid")]
    NotPaid,
    /// More than what is left.
    #[error("only {} fen are left to refund", left.get())]
    TooMuch {
        /// Paid, less what went back, less what may still go back.
        left: Fen,
    },
    /// WeChat takes fifty refunds for one order.
    #[error("WeChat takes at most {MAX_REFUNDS} refunds for one order")]
    TooMany,
    /// WeChat takes refunds for one year.
    #[error("WeChat takes refunds until 365 days after the payment")]
    TooLate,
    /// The number belongs to a refund with other parameters.
    #[error("refund_no already has refund {refund_id} with another amount, reason or attempt")]
    RefundNoTaken {
        /// That refund.
        refund_id: RefundId,
    },
}

/// The refund, and what to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// The refund as it is stored.
    pub refund: Refund,
    /// False if the same request had made it before.
    pub is_new: bool,
    /// Send this now; the task is ours. None if another refund of the order was sent less than a minute ago.
    pub send: Option<(RefundOrder, TaskRun)>,
}

/// What can still be refunded of an attempt, in fen.
fn left(payment: &Payment, out_trade_no: &OutTradeNo) -> Option<Fen> {
    let attempt = payment.attempt(out_trade_no)?;
    let held = payment
        .refunds_of(out_trade_no)
        .filter(|refund| refund.state.holds_money())
        .map(|refund| refund.amount);
    attempt
        .amount
        .checked_sub(Fen::checked_sum(held)?)
        .map(|left| left.max(Fen::ZERO))
}

fn check_reason(reason: Option<&String>) -> Result<(), RefundError> {
    // WeChat takes characters of at most three UTF-8 bytes (WeChat Pay APIv3, "interface rules").
    let is_bad = |text: &String| {
        text.chars().count() > MAX_REASON
            || text.trim().is_empty()
            || text.chars().any(|c| c.len_utf8() > 3 || c.is_control())
    };
    if reason.is_some_and(is_bad) {
        return Err(RefundError::Invalid {
            field: "reason",
            problem: format!(
                "must have 1 to {MAX_REASON} characters, without emoji or control characters"
            ),
        });
    }
    Ok(())
}

/// The attempt that the money is to go back through, and when it was paid.
fn paid_attempt(payment: &Payment, new: &NewRefund) -> Result<OutTradeNo, RefundError> {
    let number = match (&new.out_trade_no, &payment.state) {
        (Some(number), _) => number,
        (None, PaymentState::Paid(paid)) => &paid.out_trade_no,
        (None, PaymentState::Open | PaymentState::Closing { .. } | PaymentState::Closed { .. }) => {
            return Err(RefundError::NotPaid);
        }
    };
    match payment.attempt(number).map(|attempt| &attempt.state) {
        Some(AttemptState::Paid { .. }) => Ok(number.clone()),
        Some(
            AttemptState::Recorded
            | AttemptState::Open
            | AttemptState::Closed
            | AttemptState::Rejected { .. },
        )
        | None => Err(RefundError::NotPaid),
    }
}

/// The merchant asks for a refund. Called with the payment's lock held: two requests can never both take what is left.
pub fn request(
    payment: &Payment,
    new: &NewRefund,
    now: Timestamp,
    ids: &dyn Ids,
) -> Result<(Requested, Changes), RefundError> {
    check_reason(new.reason.as_ref())?;
    let out_trade_no = paid_attempt(payment, new)?;
    let number = OutRefundNo::of(&payment.id, &new.refund_no);
    // By its number at WeChat, too: one that an old backup forgot has come back as WeChat's news, without the shop's number.
    let known = payment.refunds.iter().find(|refund| {
        refund.refund_no.as_ref() == Some(&new.refund_no) || refund.out_refund_no == number
    });
    if let Some(known) = known {
        let same = new.amount.is_none_or(|amount| amount == known.amount)
            && (known.refund_no.is_none() || new.reason == known.reason)
            && out_trade_no == known.out_trade_no;
        return if same {
            let requested = Requested {
                refund: known.clone(),
                is_new: false,
                send: None,
            };
            Ok((requested, Changes::default()))
        } else {
            Err(RefundError::RefundNoTaken {
                refund_id: known.id.clone(),
            })
        };
    }
    let left = left(payment, &out_trade_no).unwrap_or(Fen::ZERO);
    let amount = new.amount.unwrap_or(left);
    if new.amount.is_some_and(|amount| !amount.is_positive()) {
        return Err(RefundError::Invalid {
            field: "amount_fen",
            problem: "must be an integer of at least 1 (fen)".into(),
        });
    }
    if !amount.is_positive() || amount > left {
        return Err(RefundError::TooMuch { left });
    }
    // What WeChat rejected does not count there either; everything else does, also what it closed.
    let counted = payment
        .refunds_of(&out_trade_no)
        .filter(|refund| !matches!(refund.state, RefundState::Rejected { .. }))
        .count();
    if counted >= MAX_REFUNDS {
        return Err(RefundError::TooMany);
    }
    if paid_at(payment, &out_trade_no).is_some_and(|at| now.since(at) > REFUND_WINDOW_MS) {
        return Err(RefundError::TooLate);
    }
    let mut payment = payment.clone();
    let mut changes = Changes::default();
    let mut refund = fresh(
        out_trade_no,
        amount,
        new.reason.clone(),
        RefundOrigin::Merchant,
        now,
        ids,
    );
    refund.out_refund_no = number;
    refund.refund_no = Some(new.refund_no.clone());
    let send_at = may_send_at(&payment, &refund, now);
    let send = if send_at > now {
        None
    } else {
        refund.sends = 1;
        let (owed, run) = leased(
            TaskKind::SendRefund,
            &payment,
            &refund.out_refund_no,
            now,
            ids,
        );
        changes.tasks.push(TaskChange::Put(owed));
        order(&payment, &refund).map(|order| (order, run))
    };
    if send.is_none() {
        let owed = task(
            TaskKind::SendRefund,
            &payment,
            &refund.out_refund_no,
            send_at,
        );
        changes.tasks.push(TaskChange::Put(owed));
    }
    record(&mut payment, refund.clone(), now, ids, &mut changes);
    changes.payment = Some(payment);
    let requested = Requested {
        refund,
        is_new: true,
        send,
    };
    Ok((requested, changes))
}

/// Sends a whole attempt's money back because a policy says so. The worker sends it.
pub(crate) fn automatic(
    payment: &mut Payment,
    out_trade_no: &OutTradeNo,
    origin: RefundOrigin,
    now: Timestamp,
    ids: &dyn Ids,
    changes: &mut Changes,
) {
    let Some(amount) = left(payment, out_trade_no).filter(|left| left.is_positive()) else {
        return;
    };
    let refund = fresh(out_trade_no.clone(), amount, None, origin, now, ids);
    let owed = task(TaskKind::SendRefund, payment, &refund.out_refund_no, now);
    changes.tasks.push(TaskChange::Put(owed));
    record(payment, refund, now, ids, changes);
}

fn fresh(
    out_trade_no: OutTradeNo,
    amount: Fen,
    reason: Option<String>,
    origin: RefundOrigin,
    now: Timestamp,
    ids: &dyn Ids,
) -> Refund {
    Refund {
        id: RefundId::fresh(ids, now),
        refund_no: None,
        out_refund_no: OutRefundNo::fresh(ids, now),
        out_trade_no,
        amount,
        reason,
        origin,
        state: RefundState::Recorded,
        wechat_id: None,
        received_account: None,
        trouble: None,
        created_at: now,
        last_sent_at: now,
        sends: 0,
        asked_at: None,
        remedied_at: None,
    }
}

/// Writes a new refund into the books.
fn record(
    payment: &mut Payment,
    refund: Refund,
    now: Timestamp,
    ids: &dyn Ids,
    changes: &mut Changes,
) {
    changes
        .postings
        .push(posting(PostingKind::Reserve, payment, &refund, now));
    payment.refunds.push(refund.clone());
    changes
        .events
        .push(event(EventType::RefundCreated, payment, &refund, now, ids));
}

/// When a refund's first request may be sent: a minute after the last one of another refund of the same order.
pub(super) fn may_send_at(payment: &Payment, refund: &Refund, now: Timestamp) -> Timestamp {
    payment
        .refunds_of(&refund.out_trade_no)
        .filter(|other| other.sends > 0 && other.out_refund_no != refund.out_refund_no)
        // A clock that was set back must not make anybody wait for longer than a minute.
        .map(|other| other.last_sent_at.min(now).plus_ms(SPACING_MS))
        .max()
        .unwrap_or(now)
        .max(now)
}

/// When an attempt was paid; known for the one that paid its payment.
fn paid_at(payment: &Payment, out_trade_no: &OutTradeNo) -> Option<Timestamp> {
    match &payment.state {
        PaymentState::Paid(paid) if paid.out_trade_no == *out_trade_no => Some(paid.at),
        PaymentState::Paid(_)
        | PaymentState::Open
        | PaymentState::Closing { .. }
        | PaymentState::Closed { .. } => payment
            .attempt(out_trade_no)
            .map(|attempt| attempt.created_at),
    }
}
