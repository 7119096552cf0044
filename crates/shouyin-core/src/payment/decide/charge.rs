//! Payment codes (付款码): the till scans the payer's phone and WeChat is asked once. What is not known then is asked for, and
//! taken back when the payer's time is up, before anybody says "pay again".

use super::pay::{MAX_ATTEMPTS, mark_sent, new_attempt, settled};
use super::query::bearable_ms;
use super::trade::{code_failed, on_trade};
use super::{PayDecision, PayRefused, TaskRun, key, task};
use crate::id::{Mchid, OutTradeNo, Route};
use crate::outcome::{Outcome, RefusalKind};
use crate::payment::model::{Attempt, AttemptState, Payment};
use crate::payment::schedule::{
    CODE_FIRST_QUERY_MS, CODE_PAYER_HAS_MS, CODE_REVERSE_MIN_MS, CODE_REVERSE_REFUSED_MS,
    retry_delay_ms,
};
use crate::policy::Policy;
use crate::ports::{Changes, Ids, OrderAt, PrepayOrder, Trade};
use crate::product::{AskedBy, Product};
use crate::task::{Task, TaskChange, TaskKind};
use crate::time::Timestamp;

/// What to do with a scanned code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeDecision {
    /// Charge this order once (it is stored, and its state will be asked for), then tell the answer.
    Send(Box<PrepayOrder>),
    /// An earlier code is still being settled: no second one is charged beside it.
    Settling(OutTradeNo),
    /// It is paid already.
    Paid,
    /// It cannot be paid.
    Refused(PayRefused),
}

/// Decides what happens with the code that a till has scanned.
pub fn charge(
    payment: &Payment,
    mchid: &Mchid,
    route: &Route,
    now: Timestamp,
    ids: &dyn Ids,
) -> (ChargeDecision, Changes) {
    let refused = |why| (ChargeDecision::Refused(why), Changes::default());
    if payment.mchid != *mchid {
        return refused(PayRefused::NotYours);
    }
    if payment.product.asked_by() != AskedBy::Till {
        return refused(PayRefused::OtherProduct(payment.product));
    }
    match settled(payment, now) {
        None => {}
        Some(PayDecision::Paid) => return (ChargeDecision::Paid, Changes::default()),
        Some(PayDecision::Refused(why)) => return refused(why),
        Some(PayDecision::Ready(..) | PayDecision::Send { .. } | PayDecision::CloseFirst(_)) => {
            unreachable!("what is settled is paid or refused")
        }
    }
    if let Some(attempt) = payment.attempts.iter().find(|a| a.state.is_unresolved()) {
        let number = attempt.out_trade_no.clone();
        return (ChargeDecision::Settling(number), Changes::default());
    }
    if payment.attempts.len() >= MAX_ATTEMPTS {
        return refused(PayRefused::TooManyAttempts);
    }
    let mut payment = payment.clone();
    let attempt = new_attempt(&payment, None, route, now, ids);
    let number = attempt.out_trade_no.clone();
    payment.attempts.push(attempt);
    let Some(order) = mark_sent(&mut payment, &number, now) else {
        return refused(PayRefused::NotYours);
    };
    // The code itself is not stored, so nobody can send it again: whoever comes next asks.
    let query = task(
        TaskKind::QueryAttempt,
        &payment,
        Some(&number),
        now.plus_ms(CODE_FIRST_QUERY_MS),
    );
    let changes = Changes {
        tasks: vec![TaskChange::Put(query)],
        payment: Some(payment),
        ..Changes::default()
    };
    (ChargeDecision::Send(Box::new(order)), changes)
}

/// WeChat answered a charge, or did not. Whatever is left open is asked for on its schedule.
pub fn on_charge(
    payment: &Payment,
    out_trade_no: &OutTradeNo,
    outcome: &Outcome<Trade>,
    policy: Policy,
    now: Timestamp,
    ids: &dyn Ids,
) -> Changes {
    let Some(attempt) = payment
        .attempt(out_trade_no)
        .filter(|attempt| attempt.state.is_unresolved())
    else {
        return Changes::default();
    };
    match outcome {
        Outcome::Succeeded(trade) => match on_trade(payment, trade, policy, now, ids) {
            Ok(changes) => changes,
            Err(mismatch) => Changes {
                incidents: vec![mismatch.incident(payment, out_trade_no, now)],
                ..Changes::default()
            },
        },
        Outcome::Rejected(refusal) => match refusal.kind {
            // The only request under this number was refused for good: it brings no money.
            RefusalKind::CodeRefused | RefusalKind::NotEnough if refusal.verified => {
                let state = AttemptState::Rejected {
                    code: refusal.code.clone(),
                };
                ended(payment, out_trade_no, state, now, ids)
            }
            // Refused for a reason that leaves open whether anything was begun: taken back to be safe.
            RefusalKind::Other if refusal.verified => {
                let due_at = attempt.last_sent_at.plus_ms(CODE_REVERSE_MIN_MS);
                let close = task(TaskKind::CloseAttempt, payment, Some(out_trade_no), due_at);
                Changes::tasks(vec![TaskChange::PutIfAbsent(close)])
            }
            RefusalKind::OrderPaid
            | RefusalKind::OrderClosed
            | RefusalKind::OrderNotExist
            | RefusalKind::NumberUsed
            | RefusalKind::NotEnough
            | RefusalKind::CodeRefused
            | RefusalKind::NotYet
            | RefusalKind::TooLateToReverse
            | RefusalKind::RateLimited
            | RefusalKind::Other => Changes::default(),
        },
        // It never left this machine, and nobody else has the code.
        Outcome::Blocked(refusal) if refusal.is_local() => {
            ended(payment, out_trade_no, AttemptState::Closed, now, ids)
        }
        Outcome::Unknown(doubt) if doubt.not_sent => {
            ended(payment, out_trade_no, AttemptState::Closed, now, ids)
        }
        Outcome::Blocked(_) | Outcome::Unknown(_) => Changes::default(),
    }
}

/// The one charge under this number is proven to have come to nothing.
fn ended(
    payment: &Payment,
    out_trade_no: &OutTradeNo,
    state: AttemptState,
    now: Timestamp,
    ids: &dyn Ids,
) -> Changes {
    let mut payment = payment.clone();
    if let Some(attempt) = payment.attempt_mut(out_trade_no) {
        attempt.state = state;
    }
    let mut changes = Changes::default();
    for kind in [TaskKind::QueryAttempt, TaskKind::CloseAttempt] {
        let owed = key(kind, &payment, Some(out_trade_no));
        changes.tasks.push(TaskChange::Remove(owed));
    }
    code_failed(&payment, now, ids, &mut changes);
    super::close_if_resolved(&mut payment, now, ids, &mut changes);
    changes.payment = Some(payment);
    changes
}

/// Somebody is about to close an order, or to take back one that was charged: where it is, or that it is not wanted any more or
/// not yet. That an order is being taken back is stored before WeChat hears of it.
pub fn begin_close(
    payment: &Payment,
    out_trade_no: &OutTradeNo,
    run: &TaskRun,
    now: Timestamp,
) -> (Option<OrderAt>, Changes) {
    let Some(attempt) = payment.attempt(out_trade_no) else {
        return (None, Changes::tasks(vec![run.finish()]));
    };
    if !attempt.state.is_unresolved() {
        return (None, Changes::tasks(vec![run.finish()]));
    }
    let order = order_at(payment, attempt);
    if payment.product != Product::Code {
        return (Some(order), Changes::default());
    }
    let earliest = attempt.last_sent_at.plus_ms(CODE_REVERSE_MIN_MS);
    if now < earliest {
        return (None, Changes::tasks(vec![run.put_off_to(earliest)]));
    }
    if attempt.reversing_since.is_some() {
        return (Some(order), Changes::default());
    }
    let mut payment = payment.clone();
    if let Some(attempt) = payment.attempt_mut(out_trade_no) {
        attempt.reversing_since = Some(now);
    }
    let changes = Changes {
        payment: Some(payment),
        ..Changes::default()
    };
    (Some(order), changes)
}

/// Where an attempt is at WeChat.
pub(crate) fn order_at(payment: &Payment, attempt: &Attempt) -> OrderAt {
    OrderAt {
        mchid: payment.mchid.clone(),
        appid: payment.appid.clone(),
        product: payment.product,
        route: attempt.route.clone(),
        out_trade_no: attempt.out_trade_no.clone(),
    }
}

/// WeChat says that it is too late to take an order back: what was charged stays charged, and is asked for like any payment.
pub(super) fn give_up_reversing(payment: &Payment, out_trade_no: &OutTradeNo) -> Option<Payment> {
    let mut payment = payment.clone();
    let attempt = payment.attempt_mut(out_trade_no)?;
    attempt.reversing_since.take()?;
    Some(payment)
}

/// How long a payer at a till may still finish, in milliseconds; `None` if that is over, or if nobody is at a till.
pub(super) fn till_patience_ms(
    payment: &Payment,
    out_trade_no: &OutTradeNo,
    now: Timestamp,
) -> Option<i64> {
    let attempt = payment.attempt(out_trade_no)?;
    let left = CODE_PAYER_HAS_MS - now.since(attempt.last_sent_at);
    (payment.product == Product::Code && left > 0).then_some(left)
}

/// The task that takes an order back: because its payer's time is up, or because WeChat has not confirmed it yet. Slower every
/// time, should WeChat contradict itself.
pub(super) fn reverse_owed(
    payment: &Payment,
    out_trade_no: &OutTradeNo,
    tries: u32,
    now: Timestamp,
) -> Option<Task> {
    let attempt = payment
        .attempt(out_trade_no)
        .filter(|attempt| attempt.state.is_unresolved())?;
    let owed = |tries, delay_ms| Task {
        tries,
        ..task(
            TaskKind::CloseAttempt,
            payment,
            Some(out_trade_no),
            now.plus_ms(delay_ms),
        )
    };
    if attempt.reversing_since.is_none() {
        let age = now.since(attempt.last_sent_at);
        if payment.product != Product::Code || age < CODE_PAYER_HAS_MS {
            return None;
        }
        if age < CODE_PAYER_HAS_MS + CODE_REVERSE_REFUSED_MS {
            return Some(owed(0, 0));
        }
        // It may be that WeChat has refused it for long.
    }
    let tries = tries.saturating_add(1);
    let delay = bearable_ms(Some(attempt), retry_delay_ms(tries), now);
    Some(owed(tries, delay))
}
