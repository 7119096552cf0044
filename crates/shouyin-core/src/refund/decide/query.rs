//! The answer to a query, and what is still owed after it; and the other way out of an abnormal refund.

use super::fact::on_fact;
use super::send::reject;
use super::{leased, task};
use crate::id::OutRefundNo;
use crate::incident::IncidentKind;
use crate::outcome::{Outcome, RefusalKind};
use crate::payment::decide::{Mismatch, TaskRun};
use crate::payment::model::{Payment, REQUEST_MAY_ARRIVE_MS};
use crate::payment::schedule::ask_pause_ms;
use crate::ports::{Changes, Ids, RefundFact};
use crate::refund::model::{RefundState, Trouble, TroubleKind};
use crate::refund::schedule::{query_delay_ms, retry_delay_ms};
use crate::task::{LEASE_MS, TaskChange, TaskKind};
use crate::time::{MINUTE_MS, Timestamp};

/// After a contradiction nobody is helped by asking often, in milliseconds.
const AFTER_MISMATCH_MS: i64 = 10 * MINUTE_MS;

/// A client waits for the truth about this refund: take its query into our hands, unless it was asked for just now.
pub fn ask_now(
    payment: &Payment,
    out_refund_no: &OutRefundNo,
    now: Timestamp,
    ids: &dyn Ids,
) -> (Option<TaskRun>, Changes) {
    let mut payment = payment.clone();
    let wanted = payment.refund_mut(out_refund_no).filter(|refund| {
        refund.state.is_unresolved()
            && (refund.sends > 0 || refund.wechat_id.is_some())
            && refund.asked_at.is_none_or(|asked| {
                now < asked || now.since(asked) >= ask_pause_ms(now.since(refund.last_sent_at))
            })
    });
    let Some(refund) = wanted else {
        return (None, Changes::default());
    };
    refund.asked_at = Some(now);
    let (owed, run) = leased(TaskKind::QueryRefund, &payment, out_refund_no, now, ids);
    (
        Some(run),
        Changes {
            payment: Some(payment),
            tasks: vec![TaskChange::Put(owed)],
            ..Changes::default()
        },
    )
}

/// WeChat answered a query, or did not.
pub fn on_query(
    payment: &Payment,
    out_refund_no: &OutRefundNo,
    outcome: &Outcome<RefundFact>,
    run: &TaskRun,
    now: Timestamp,
    ids: &dyn Ids,
) -> Changes {
    // A refund that we do not know is asked for because of news that nobody signed, or of a line in a bill; one that we believe rejected, because a bill
    // has it.
    let is_final = payment.refund(out_refund_no).is_some_and(|refund| {
        matches!(
            refund.state,
            RefundState::Succeeded { .. } | RefundState::Closed { .. }
        )
    });
    let is_rejected = payment
        .refund(out_refund_no)
        .is_some_and(|refund| matches!(refund.state, RefundState::Rejected { .. }));
    let unresolved = |payment: &Payment| {
        payment
            .refund(out_refund_no)
            .is_some_and(|refund| refund.state.is_unresolved())
    };
    if is_final {
        return Changes::tasks(vec![run.finish()]);
    }
    let tries = run.tries.saturating_add(1);
    match outcome {
        Outcome::Succeeded(fact) => match on_fact(payment, fact, now, ids) {
            Ok(mut changes) => {
                let open = unresolved(changes.payment.as_ref().unwrap_or(payment));
                changes.tasks.push(if open {
                    run.again_after(query_delay_ms(tries), now)
                } else {
                    run.finish()
                });
                changes
            }
            Err(mismatch) => Changes {
                incidents: vec![mismatch.refund_incident(payment, fact, now)],
                tasks: vec![run.again_after(AFTER_MISMATCH_MS, now)],
                ..Changes::default()
            },
        },
        Outcome::Rejected(refusal)
            if refusal.verified && refusal.kind == RefusalKind::OrderNotExist && is_rejected =>
        {
            Changes::tasks(vec![run.finish()])
        }
        Outcome::Rejected(refusal)
            if refusal.verified && refusal.kind == RefusalKind::OrderNotExist =>
        {
            not_found(payment, out_refund_no, run, now, ids)
        }
        Outcome::Rejected(_) | Outcome::Blocked(_) | Outcome::Unknown(_) => {
            let delay = retry_delay_ms(tries)
                .max(MINUTE_MS)
                .max(query_delay_ms(run.tries));
            Changes::tasks(vec![run.again_after(delay, now)])
        }
    }
}

/// WeChat knows no such refund. While a request of ours may still be on its way this proves nothing; and what was promised is
/// then asked for again, under the same number.
fn not_found(
    payment: &Payment,
    out_refund_no: &OutRefundNo,
    run: &TaskRun,
    now: Timestamp,
    ids: &dyn Ids,
) -> Changes {
    let Some(refund) = payment.refund(out_refund_no) else {
        return Changes::tasks(vec![run.finish()]);
    };
    if refund.wechat_id.is_some() {
        if now.since(refund.last_sent_at) < REQUEST_MAY_ARRIVE_MS {
            // The question was on its way before the refund was: it was overtaken, not contradicted. Two servers' clocks may
            // be minutes apart.
            return Changes::tasks(vec![run.again_after(MINUTE_MS, now)]);
        }
        let vanished = Mismatch {
            kind: IncidentKind::RefundVanished,
            detail: "WeChat once took this refund and now says that it does not exist".into(),
        };
        return Changes {
            incidents: vec![vanished.incident_about(
                payment,
                &refund.out_trade_no,
                Some(out_refund_no),
                now,
            )],
            tasks: vec![run.again_after(AFTER_MISMATCH_MS, now)],
            ..Changes::default()
        };
    }
    let certain_at = refund.last_sent_at.plus_ms(REQUEST_MAY_ARRIVE_MS);
    let refused = refund
        .trouble
        .clone()
        .filter(|trouble| trouble.kind == TroubleKind::Refused);
    match refused {
        Some(_) if now < certain_at => {
            let delay = certain_at
                .since(now)
                .min(query_delay_ms(run.tries).max(MINUTE_MS));
            Changes::tasks(vec![run.again_after(delay, now)])
        }
        Some(Trouble {
            code,
            message,
            kind,
        }) => {
            let trouble = Trouble {
                code,
                message,
                kind,
            };
            let mut changes = reject(payment, out_refund_no, trouble, now, ids);
            changes.tasks.push(run.finish());
            changes
        }
        None => Changes::tasks(vec![
            run.finish(),
            TaskChange::PutIfAbsent(task(TaskKind::SendRefund, payment, out_refund_no, now)),
        ]),
    }
}

/// Why an abnormal refund cannot be paid out in another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("only abnormal refunds can be paid out in another way")]
pub struct NotAbnormal;

/// The merchant wants an abnormal refund paid out in another way: noted before WeChat is asked.
///
/// # Errors
/// When it is not abnormal.
pub fn request_remedy(
    payment: &Payment,
    out_refund_no: &OutRefundNo,
    now: Timestamp,
) -> Result<Changes, NotAbnormal> {
    let mut payment = payment.clone();
    let refund = payment
        .refund_mut(out_refund_no)
        .filter(|refund| refund.state == RefundState::Abnormal)
        .ok_or(NotAbnormal)?;
    refund.remedied_at = Some(now);
    // Whatever comes of the call, even nothing: the state is asked for.
    let query = task(
        TaskKind::QueryRefund,
        &payment,
        out_refund_no,
        now.plus_ms(LEASE_MS),
    );
    Ok(Changes {
        payment: Some(payment),
        tasks: vec![TaskChange::Put(query)],
        ..Changes::default()
    })
}

/// WeChat answered the call for another way, or did not. Without an answer, the query that is owed tells.
pub fn on_remedy(
    payment: &Payment,
    outcome: &Outcome<RefundFact>,
    now: Timestamp,
    ids: &dyn Ids,
) -> Changes {
    match outcome {
        Outcome::Succeeded(fact) => match on_fact(payment, fact, now, ids) {
            Ok(changes) => changes,
            Err(mismatch) => Changes {
                incidents: vec![mismatch.refund_incident(payment, fact, now)],
                ..Changes::default()
            },
        },
        Outcome::Rejected(_) | Outcome::Blocked(_) | Outcome::Unknown(_) => Changes::default(),
    }
}
