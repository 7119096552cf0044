//! Closing: never a local statement alone. A payment is closed when WeChat has confirmed that no attempt can be paid.

use super::charge::give_up_reversing;
use super::query::bearable_ms;
use super::{TaskRun, close_now, leased, task};
use crate::id::OutTradeNo;
use crate::outcome::{Outcome, RefusalKind};
use crate::payment::model::{Attempt, CloseReason, Payment, PaymentState};
use crate::payment::schedule::{CODE_REVERSE_MAX_MS, CODE_REVERSE_REFUSED_MS, retry_delay_ms};
use crate::ports::{Changes, Ids};
use crate::task::{Task, TaskChange, TaskKind};
use crate::time::{MINUTE_MS, Timestamp};

/// How old an order must be before the older protocol closes it (WeChat Pay v2, "close order"), in milliseconds.
const LEAST_AGE_MS: i64 = 5 * MINUTE_MS;

/// Begins to close. Returns the close calls to make now, whose tasks the caller holds. Paid or closed payments stay as they are.
pub fn request_close(
    payment: &Payment,
    reason: CloseReason,
    now: Timestamp,
    ids: &dyn Ids,
) -> (Vec<TaskRun>, Changes) {
    match payment.state {
        PaymentState::Paid(_) | PaymentState::Closed { .. } => return (vec![], Changes::default()),
        PaymentState::Open | PaymentState::Closing { .. } => {}
    }
    let mut payment = payment.clone();
    let mut changes = Changes::default();
    if payment.all_resolved() {
        close_now(&mut payment, reason, now, ids, &mut changes);
        changes.payment = Some(payment);
        return (vec![], changes);
    }
    if payment.state == PaymentState::Open {
        payment.state = PaymentState::Closing { reason };
        changes.payment = Some(payment.clone());
        changes.tasks.push(TaskChange::Remove(super::key(
            TaskKind::ExpirePayment,
            &payment,
            None,
        )));
    }
    let mut runs = Vec::new();
    for attempt in payment
        .attempts
        .iter()
        .filter(|attempt| attempt.state.is_unresolved())
    {
        let (task, run) = leased(
            TaskKind::CloseAttempt,
            &payment,
            &attempt.out_trade_no,
            now,
            ids,
        );
        changes.tasks.push(TaskChange::Put(task));
        runs.push(run);
    }
    (runs, changes)
}

/// The payment's time is up.
pub fn expire(
    payment: &Payment,
    run: &TaskRun,
    now: Timestamp,
    ids: &dyn Ids,
) -> (Vec<TaskRun>, Changes) {
    let (runs, mut changes) = if payment.state == PaymentState::Open {
        request_close(payment, CloseReason::Expired, now, ids)
    } else {
        (vec![], Changes::default())
    };
    changes.tasks.push(run.finish());
    (runs, changes)
}

/// WeChat answered a close call, or did not. The answer alone changes no money state: the query that follows does.
/// Returns that query, if it is to be made now.
pub fn on_close(
    payment: &Payment,
    out_trade_no: &OutTradeNo,
    outcome: &Outcome<()>,
    run: &TaskRun,
    now: Timestamp,
    ids: &dyn Ids,
) -> (Option<TaskRun>, Changes) {
    let Some(attempt) = payment
        .attempt(out_trade_no)
        .filter(|attempt| attempt.state.is_unresolved())
    else {
        return (None, Changes::tasks(vec![run.finish()]));
    };
    let retry_ms = retry_delay_ms(run.tries.saturating_add(1));
    let retry_ms = bearable_ms(Some(attempt), retry_ms, now);
    // Nobody at a till waits for longer than it takes to know.
    let until_given_up_ms = give_up_at(attempt).map(|at| at.since(now));
    let retry_ms = match until_given_up_ms.filter(|left| *left > 0) {
        Some(left) => retry_ms.min(left),
        None => retry_ms,
    };
    let again_ms = match outcome {
        Outcome::Rejected(refusal) if refusal.kind == RefusalKind::NotYet => {
            // WeChat has the order since it was last sent, or for longer.
            let old_enough_at = attempt.last_sent_at.plus_ms(LEAST_AGE_MS);
            old_enough_at.since(now).max(retry_ms)
        }
        Outcome::Succeeded(())
        | Outcome::Rejected(_)
        | Outcome::Blocked(_)
        | Outcome::Unknown(_) => retry_ms,
    };
    let again = || run.again_after(again_ms, now);
    match outcome {
        Outcome::Succeeded(()) => ask(payment, out_trade_no, run, run.finish(), now, ids),
        Outcome::Rejected(refusal) => match refusal.kind {
            RefusalKind::OrderPaid | RefusalKind::OrderClosed | RefusalKind::OrderNotExist => {
                ask(payment, out_trade_no, run, run.finish(), now, ids)
            }
            kind if refusal.verified && is_too_late(kind, attempt, now) => {
                let settled = give_up_reversing(payment, out_trade_no);
                let (asking, changes) = ask(payment, out_trade_no, run, run.finish(), now, ids);
                let changes = Changes {
                    payment: settled,
                    ..changes
                };
                (asking, changes)
            }
            // Refused for another reason: ask at once what is the matter, the first time.
            RefusalKind::NumberUsed
            | RefusalKind::NotEnough
            | RefusalKind::CodeRefused
            | RefusalKind::TooLateToReverse
            | RefusalKind::RateLimited
            | RefusalKind::NotYet
            | RefusalKind::Other
                if run.tries == 0 =>
            {
                ask(payment, out_trade_no, run, again(), now, ids)
            }
            RefusalKind::NumberUsed
            | RefusalKind::NotEnough
            | RefusalKind::CodeRefused
            | RefusalKind::TooLateToReverse
            | RefusalKind::RateLimited
            | RefusalKind::NotYet
            | RefusalKind::Other => {
                // A query that is owed keeps its schedule; one that is not must be owed: nothing else will ever tell.
                let query = task(TaskKind::QueryAttempt, payment, Some(out_trade_no), now);
                let query = TaskChange::PutIfAbsent(Task {
                    tries: run.tries,
                    ..query
                });
                (None, Changes::tasks(vec![again(), query]))
            }
        },
        Outcome::Blocked(_) | Outcome::Unknown(_) => (None, Changes::tasks(vec![again()])),
    }
}

/// Whether WeChat, by refusing, says that the order cannot be taken back any more. The older protocol has a word for one that is too
/// old, and none for one with refunds; APIv3 names none at all. So any refusal says it of an order that is old enough, or after
/// [`CODE_REVERSE_REFUSED_MS`] of trying.
fn is_too_late(kind: RefusalKind, attempt: &Attempt, now: Timestamp) -> bool {
    match kind {
        RefusalKind::TooLateToReverse => true,
        RefusalKind::NumberUsed
        | RefusalKind::NotEnough
        | RefusalKind::CodeRefused
        | RefusalKind::Other => {
            let is_old = now.since(attempt.last_sent_at) > CODE_REVERSE_MAX_MS;
            give_up_at(attempt).is_some_and(|at| is_old || now >= at)
        }
        // These say something else.
        RefusalKind::OrderPaid
        | RefusalKind::OrderClosed
        | RefusalKind::OrderNotExist
        | RefusalKind::RateLimited
        | RefusalKind::NotYet => false,
    }
}

/// When a refusal ends the attempts to take an order back.
fn give_up_at(attempt: &Attempt) -> Option<Timestamp> {
    let since = attempt.reversing_since?;
    Some(since.plus_ms(CODE_REVERSE_REFUSED_MS))
}

/// Asks now, as patiently as the close was: closing and asking in turn must slow down when WeChat contradicts itself.
fn ask(
    payment: &Payment,
    out_trade_no: &OutTradeNo,
    run: &TaskRun,
    close: TaskChange,
    now: Timestamp,
    ids: &dyn Ids,
) -> (Option<TaskRun>, Changes) {
    let (owed, query) = leased(TaskKind::QueryAttempt, payment, out_trade_no, now, ids);
    let owed = Task {
        tries: run.tries,
        ..owed
    };
    let query = TaskRun {
        tries: run.tries,
        ..query
    };
    (
        Some(query),
        Changes::tasks(vec![close, TaskChange::Put(owed)]),
    )
}
