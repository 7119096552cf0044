//! The answer to a query, and what is still owed after it.

use super::charge::{reverse_owed, till_patience_ms};
use super::trade::{Mismatch, closed, on_trade};
use super::{TaskRun, leased, task};
use crate::id::OutTradeNo;
use crate::incident::IncidentKind;
use crate::outcome::{Outcome, RefusalKind};
use crate::payment::model::{Attempt, Payment, PaymentState, REQUEST_MAY_ARRIVE_MS};
use crate::payment::schedule::{
    ask_pause_ms, product_query_delay_ms, query_delay_ms, retry_delay_ms, shortened_ms,
};
use crate::policy::Policy;
use crate::ports::{Changes, Ids, Trade};
use crate::task::{Task, TaskChange, TaskKind};
use crate::time::{MINUTE_MS, Timestamp};

/// After a contradiction nobody is helped by asking every few seconds, in milliseconds.
const AFTER_MISMATCH_MS: i64 = 10 * MINUTE_MS;

/// A client waits for the truth about this attempt: take its query into our hands, unless it was asked for just now.
pub fn ask_now(
    payment: &Payment,
    out_trade_no: &OutTradeNo,
    now: Timestamp,
    ids: &dyn Ids,
) -> (Option<TaskRun>, Changes) {
    let mut payment = payment.clone();
    let wanted = payment.attempt_mut(out_trade_no).filter(|attempt| {
        attempt.state.is_unresolved()
            && attempt.asked_at.is_none_or(|asked| {
                now < asked || now.since(asked) >= ask_pause_ms(now.since(attempt.last_sent_at))
            })
    });
    let Some(attempt) = wanted else {
        return (None, Changes::default());
    };
    attempt.asked_at = Some(now);
    let (task, run) = leased(TaskKind::QueryAttempt, &payment, out_trade_no, now, ids);
    (
        Some(run),
        Changes {
            payment: Some(payment),
            tasks: vec![TaskChange::Put(task)],
            ..Changes::default()
        },
    )
}

/// A delay as long as is bearable for this attempt: whoever has paid is not kept waiting, whatever went wrong before.
pub(super) fn bearable_ms(attempt: Option<&Attempt>, delay_ms: i64, now: Timestamp) -> i64 {
    attempt.map_or(delay_ms, |attempt| {
        shortened_ms(delay_ms, now.since(attempt.payable_until()))
    })
}

/// A delay after an answer. One that came when the handle was dead has settled it: nothing will arrive any more.
fn after_answer_ms(attempt: Option<&Attempt>, delay_ms: i64, now: Timestamp) -> i64 {
    bearable_ms(
        attempt.filter(|attempt| now <= attempt.payable_until()),
        delay_ms,
        now,
    )
}

/// WeChat answered a query, or did not.
pub fn on_query(
    payment: &Payment,
    out_trade_no: &OutTradeNo,
    outcome: &Outcome<Trade>,
    run: &TaskRun,
    policy: Policy,
    now: Timestamp,
    ids: &dyn Ids,
) -> Changes {
    let attempt = payment.attempt(out_trade_no);
    match outcome {
        Outcome::Succeeded(trade) => match on_trade(payment, trade, policy, now, ids) {
            Ok(changes) => {
                let delay = product_query_delay_ms(payment.product, run.tries.saturating_add(1));
                let delay = after_answer_ms(attempt, delay, now);
                then(payment, out_trade_no, changes, run, delay, now)
            }
            Err(mismatch) => contradiction(payment, out_trade_no, &mismatch, run, now),
        },
        Outcome::Rejected(refusal)
            if refusal.verified && refusal.kind == RefusalKind::OrderNotExist =>
        {
            not_found(payment, out_trade_no, run, now, ids)
        }
        Outcome::Rejected(_) | Outcome::Blocked(_) | Outcome::Unknown(_) => {
            let delay = retry_delay_ms(run.tries.saturating_add(1))
                .max(product_query_delay_ms(payment.product, run.tries));
            // That nobody answers is no reason to leave a payer charged, or to wait for longer at the till.
            let delay =
                till_patience_ms(payment, out_trade_no, now).map_or(delay, |left| delay.min(left));
            let mut tasks = vec![run.again_after(bearable_ms(attempt, delay, now), now)];
            let reverse = reverse_owed(payment, out_trade_no, run.tries, now);
            tasks.extend(reverse.map(TaskChange::PutIfAbsent));
            Changes::tasks(tasks)
        }
    }
}

/// Finishes the query if the attempt is settled; otherwise asks again, and goes on closing what is to be closed.
fn then(
    before: &Payment,
    out_trade_no: &OutTradeNo,
    mut changes: Changes,
    run: &TaskRun,
    delay_ms: i64,
    now: Timestamp,
) -> Changes {
    let after = changes.payment.as_ref().unwrap_or(before);
    let open = after
        .attempt(out_trade_no)
        .is_some_and(|attempt| attempt.state.is_unresolved());
    // Also after the payment was paid through another attempt, or revised: this one must not be paid any more.
    let revised = after
        .attempt(out_trade_no)
        .is_some_and(|attempt| !after.asks_for(attempt));
    let to_close = open && (revised || after.state != PaymentState::Open);
    if to_close {
        let tries = run.tries.saturating_add(1);
        let delay = bearable_ms(after.attempt(out_trade_no), retry_delay_ms(tries), now);
        let due_at = now.plus_ms(delay);
        let close = Task {
            tries,
            ..task(TaskKind::CloseAttempt, after, Some(out_trade_no), due_at)
        };
        changes.tasks.push(TaskChange::PutIfAbsent(close));
    } else if let Some(reverse) = reverse_owed(after, out_trade_no, run.tries, now) {
        changes.tasks.push(TaskChange::PutIfAbsent(reverse));
    }
    changes.tasks.push(if open {
        run.again_after(delay_ms, now)
    } else {
        run.finish()
    });
    changes
}

fn contradiction(
    payment: &Payment,
    out_trade_no: &OutTradeNo,
    mismatch: &Mismatch,
    run: &TaskRun,
    now: Timestamp,
) -> Changes {
    let delay = bearable_ms(payment.attempt(out_trade_no), AFTER_MISMATCH_MS, now);
    Changes {
        incidents: vec![mismatch.incident(payment, out_trade_no, now)],
        tasks: vec![run.again_after(delay, now)],
        ..Changes::default()
    }
}

/// WeChat knows no such order. While a request of ours may still be on its way this proves nothing.
fn not_found(
    payment: &Payment,
    out_trade_no: &OutTradeNo,
    run: &TaskRun,
    now: Timestamp,
    ids: &dyn Ids,
) -> Changes {
    let Some(attempt) = payment.attempt(out_trade_no) else {
        return Changes::tasks(vec![run.finish()]);
    };
    if let Some(prepay) = &attempt.prepay {
        if now.since(prepay.obtained_at) < REQUEST_MAY_ARRIVE_MS {
            // The question was on its way before the order was: it was overtaken, not contradicted. Two servers' clocks may
            // be minutes apart.
            let delay = query_delay_ms(run.tries.saturating_add(1));
            let delay = bearable_ms(Some(attempt), delay, now);
            return Changes::tasks(vec![run.again_after(delay, now)]);
        }
        let vanished = Mismatch {
            kind: IncidentKind::OrderVanished,
            detail:
                "WeChat once gave a prepay_id for this order and now says that it does not exist"
                    .into(),
        };
        return contradiction(payment, out_trade_no, &vanished, run, now);
    }
    let certain_at = attempt.last_sent_at.plus_ms(REQUEST_MAY_ARRIVE_MS);
    if now < certain_at {
        let delay = certain_at
            .since(now)
            .min(match till_patience_ms(payment, out_trade_no, now) {
                // A payer at a till is not kept waiting because the first question overtook the charge.
                Some(left) => product_query_delay_ms(payment.product, run.tries).min(left),
                None => query_delay_ms(run.tries.saturating_add(1)).max(MINUTE_MS),
            });
        let delay = bearable_ms(Some(attempt), delay, now);
        return Changes::tasks(vec![run.again_after(delay, now)]);
    }
    then(
        payment,
        out_trade_no,
        closed(payment, out_trade_no, now, ids),
        run,
        0,
        now,
    )
}
