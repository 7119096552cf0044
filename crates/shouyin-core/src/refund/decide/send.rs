//! Asking WeChat for a refund: always under the number it was recorded with.

use super::fact::on_fact;
use super::request::may_send_at;
use super::{event, order, posting, task};
use crate::event::EventType;
use crate::id::OutRefundNo;
use crate::ledger::PostingKind;
use crate::outcome::{Outcome, Refusal, RefusalKind};
use crate::payment::decide::TaskRun;
use crate::payment::model::Payment;
use crate::ports::{Changes, Ids, RefundFact, RefundOrder};
use crate::refund::model::{RefundState, Trouble, TroubleKind};
use crate::refund::schedule::{SPACING_MS, not_enough_delay_ms, query_delay_ms, retry_delay_ms};
use crate::task::{TaskChange, TaskKind};
use crate::time::Timestamp;

/// The worker is about to send a stored refund: note when, or find that it must wait or is not wanted any more.
pub fn begin_send(
    payment: &Payment,
    out_refund_no: &OutRefundNo,
    run: &TaskRun,
    now: Timestamp,
) -> (Option<RefundOrder>, Changes) {
    let mut payment = payment.clone();
    let Some(refund) = payment
        .refund(out_refund_no)
        .filter(|refund| refund.state == RefundState::Recorded)
    else {
        return (None, Changes::tasks(vec![run.finish()]));
    };
    let send_at = may_send_at(&payment, refund, now);
    if send_at > now {
        return (None, Changes::tasks(vec![run.put_off_to(send_at)]));
    }
    let Some(order) = order(&payment, refund) else {
        return (None, Changes::tasks(vec![run.finish()]));
    };
    if let Some(refund) = payment.refund_mut(out_refund_no) {
        refund.sends = refund.sends.saturating_add(1);
        refund.last_sent_at = now;
    }
    let changes = Changes {
        payment: Some(payment),
        ..Changes::default()
    };
    (Some(order), changes)
}

/// WeChat answered a refund call, or did not.
pub fn on_sent(
    payment: &Payment,
    out_refund_no: &OutRefundNo,
    outcome: &Outcome<RefundFact>,
    run: &TaskRun,
    now: Timestamp,
    ids: &dyn Ids,
) -> Changes {
    let recorded = payment
        .refund(out_refund_no)
        .is_some_and(|refund| refund.state == RefundState::Recorded);
    if !recorded {
        // A notification or a query was quicker; a query is owed if it is not final.
        return Changes::tasks(vec![run.finish()]);
    }
    let tries = run.tries.saturating_add(1);
    let query_at =
        |due_at| TaskChange::Put(task(TaskKind::QueryRefund, payment, out_refund_no, due_at));
    match outcome {
        Outcome::Succeeded(fact) => match on_fact(payment, fact, now, ids) {
            Ok(mut changes) => {
                changes.tasks.push(run.finish());
                if changes.payment.is_none() {
                    // It has the refund, in a state that we do not know.
                    changes.tasks.push(query_at(now.plus_ms(query_delay_ms(0))));
                }
                changes
            }
            Err(mismatch) => Changes {
                incidents: vec![mismatch.refund_incident(payment, fact, now)],
                tasks: vec![run.again_after(retry_delay_ms(tries).max(10 * SPACING_MS), now)],
                ..Changes::default()
            },
        },
        Outcome::Rejected(refusal) if !refusal.verified => {
            // Nobody vouches for this no. The money was promised: it stays reserved and is asked for again.
            let delay = retry_delay_ms(tries).max(SPACING_MS);
            wait(
                payment,
                out_refund_no,
                refusal,
                TroubleKind::Passing,
                run.again_after(delay, now),
            )
        }
        Outcome::Rejected(refusal) => match refusal.kind {
            RefusalKind::NotEnough => {
                let again = run.again_after(not_enough_delay_ms(tries), now);
                let mut changes = wait(
                    payment,
                    out_refund_no,
                    refusal,
                    TroubleKind::NotEnough,
                    again,
                );
                tell_once(payment, out_refund_no, now, ids, &mut changes);
                changes
            }
            RefusalKind::RateLimited => {
                let delay = retry_delay_ms(tries).max(SPACING_MS);
                wait(
                    payment,
                    out_refund_no,
                    refusal,
                    TroubleKind::Passing,
                    run.again_after(delay, now),
                )
            }
            RefusalKind::OrderPaid
            | RefusalKind::CodeRefused
            | RefusalKind::TooLateToReverse
            | RefusalKind::OrderClosed
            | RefusalKind::OrderNotExist
            | RefusalKind::NumberUsed
            | RefusalKind::NotYet
            | RefusalKind::Other => {
                let sends = payment
                    .refund(out_refund_no)
                    .map_or(0, |refund| refund.sends);
                if sends > 1 {
                    // An earlier request may have been taken: this refusal does not speak for it. Ask.
                    let mut changes = wait(
                        payment,
                        out_refund_no,
                        refusal,
                        TroubleKind::Refused,
                        run.finish(),
                    );
                    changes.tasks.push(query_at(now));
                    changes
                } else {
                    let mut changes = reject(payment, out_refund_no, refusal.into(), now, ids);
                    changes.tasks.push(run.finish());
                    changes
                }
            }
        },
        // Not sent, and nobody's trouble: the limit is free again in a second.
        Outcome::Blocked(refusal) if refusal.is_local() => {
            Changes::tasks(vec![run.again_after(retry_delay_ms(tries), now)])
        }
        // WeChat asks to wait a minute; whether it took the refund is open, so the number stays
        // (WeChat Pay APIv3, "refund", error codes).
        Outcome::Blocked(refusal) => {
            let delay = retry_delay_ms(tries).max(SPACING_MS);
            wait(
                payment,
                out_refund_no,
                refusal,
                TroubleKind::Passing,
                run.again_after(delay, now),
            )
        }
        Outcome::Unknown(_) => Changes::tasks(vec![
            run.again_after(retry_delay_ms(tries), now),
            TaskChange::PutIfAbsent(task(
                TaskKind::QueryRefund,
                payment,
                out_refund_no,
                now.plus_ms(query_delay_ms(0)),
            )),
        ]),
    }
}

impl From<&Refusal> for Trouble {
    fn from(refusal: &Refusal) -> Self {
        Self {
            code: refusal.code.clone(),
            message: refusal.message.clone(),
            kind: TroubleKind::Refused,
        }
    }
}

/// It stays recorded, with what WeChat said.
fn wait(
    payment: &Payment,
    out_refund_no: &OutRefundNo,
    refusal: &Refusal,
    kind: TroubleKind,
    next: TaskChange,
) -> Changes {
    let mut payment = payment.clone();
    if let Some(refund) = payment.refund_mut(out_refund_no) {
        refund.trouble = Some(Trouble {
            kind,
            ..refusal.into()
        });
    }
    Changes {
        payment: Some(payment),
        tasks: vec![next],
        ..Changes::default()
    }
}

/// A person must do something: said when it begins, not at every try.
fn tell_once(
    before: &Payment,
    out_refund_no: &OutRefundNo,
    now: Timestamp,
    ids: &dyn Ids,
    changes: &mut Changes,
) {
    let told = before
        .refund(out_refund_no)
        .is_some_and(crate::refund::Refund::needs_action);
    let after = changes.payment.as_ref().unwrap_or(before);
    if let Some(refund) = after.refund(out_refund_no).filter(|_| !told) {
        let told = event(EventType::RefundActionNeeded, after, refund, now, ids);
        changes.events.push(told);
    }
}

/// WeChat will not make it, and no request under its number can have got through.
pub(super) fn reject(
    payment: &Payment,
    out_refund_no: &OutRefundNo,
    trouble: Trouble,
    now: Timestamp,
    ids: &dyn Ids,
) -> Changes {
    let mut payment = payment.clone();
    let Some(refund) = payment.refund_mut(out_refund_no) else {
        return Changes::default();
    };
    refund.state = RefundState::Rejected {
        code: trouble.code.clone(),
    };
    refund.trouble = Some(trouble);
    let refund = refund.clone();
    Changes {
        postings: vec![posting(PostingKind::Release, &payment, &refund, now)],
        events: vec![event(
            EventType::RefundRejected,
            &payment,
            &refund,
            now,
            ids,
        )],
        tasks: vec![TaskChange::Remove(super::key(
            TaskKind::QueryRefund,
            &payment,
            out_refund_no,
        ))],
        payment: Some(payment),
        ..Changes::default()
    }
}
