//! The rules of refunds: pure functions from what is and what came to what changes. One set of rules for the answer to our
//! own call, the notification and the query.

mod fact;
mod query;
mod request;
mod send;

#[cfg(test)]
pub(crate) mod tests;

pub use fact::on_fact;
pub use query::{NotAbnormal, ask_now, on_query, on_remedy, request_remedy};
pub use request::{NewRefund, RefundError, Requested, request};
pub use send::{begin_send, on_sent};

pub(crate) use request::automatic;

use super::model::Refund;
use super::view::RefundView;
use crate::event::{Event, EventType};
use crate::id::{EventId, OutRefundNo};
use crate::ledger::{Posting, PostingKind};
use crate::payment::Payment;
use crate::payment::decide::TaskRun;
use crate::ports::{Ids, RefundOrder};
use crate::task::{LEASE_MS, Subject, Task, TaskKey, TaskKind};
use crate::time::Timestamp;

fn key(kind: TaskKind, payment: &Payment, out_refund_no: &OutRefundNo) -> TaskKey {
    TaskKey {
        kind,
        subject: Subject::Refund(payment.id.clone(), out_refund_no.clone()),
    }
}

fn task(kind: TaskKind, payment: &Payment, out_refund_no: &OutRefundNo, due_at: Timestamp) -> Task {
    Task {
        key: key(kind, payment, out_refund_no),
        mchid: payment.mchid.clone(),
        due_at,
        tries: 0,
        lease: None,
    }
}

/// The task that asks WeChat about a refund, also about one that we do not know yet.
pub(crate) fn query_task(
    payment: &Payment,
    out_refund_no: &OutRefundNo,
    due_at: Timestamp,
) -> Task {
    task(TaskKind::QueryRefund, payment, out_refund_no, due_at)
}

/// A task that its maker runs at once. If the maker dies, others take over when the lease ends.
fn leased(
    kind: TaskKind,
    payment: &Payment,
    out_refund_no: &OutRefundNo,
    now: Timestamp,
    ids: &dyn Ids,
) -> (Task, TaskRun) {
    let lease = ids.lease();
    let task = Task {
        lease: Some(lease),
        ..task(kind, payment, out_refund_no, now.plus_ms(LEASE_MS))
    };
    let run = TaskRun {
        key: task.key.clone(),
        lease,
        tries: 0,
    };
    (task, run)
}

fn event(
    event_type: EventType,
    payment: &Payment,
    refund: &Refund,
    now: Timestamp,
    ids: &dyn Ids,
) -> Event {
    Event {
        id: EventId::fresh(ids, now),
        mchid: payment.mchid.clone(),
        event_type,
        payment_id: Some(payment.id.clone()),
        refund_id: Some(refund.id.clone()),
        at: now,
        data: RefundView::new(payment, refund).to_json(),
    }
}

fn posting(kind: PostingKind, payment: &Payment, refund: &Refund, now: Timestamp) -> Posting {
    Posting {
        mchid: payment.mchid.clone(),
        kind,
        payment_id: payment.id.clone(),
        out_trade_no: refund.out_trade_no.clone(),
        out_refund_no: Some(refund.out_refund_no.clone()),
        amount: refund.amount,
        at: now,
    }
}

/// What is sent for a refund: the same for every copy.
fn order(payment: &Payment, refund: &Refund) -> Option<RefundOrder> {
    let attempt = payment.attempt(&refund.out_trade_no)?;
    Some(RefundOrder {
        mchid: payment.mchid.clone(),
        appid: payment.appid.clone(),
        route: attempt.route.clone(),
        out_refund_no: refund.out_refund_no.clone(),
        out_trade_no: refund.out_trade_no.clone(),
        amount: refund.amount,
        total: attempt.amount,
        reason: refund.reason.clone(),
    })
}
