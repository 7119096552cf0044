//! The rules of payments: pure functions from what is and what came to what changes. One set of rules for three ways in:
//! the answer to our own call, the notification and the query.

mod charge;
mod close;
mod create;
mod pay;
mod query;
mod revise;
mod trade;

#[cfg(test)]
mod tests;

pub(crate) use charge::order_at;
pub use charge::{ChargeDecision, begin_close, charge, on_charge};
pub use close::{expire, on_close, request_close};
pub use create::{
    CreateError, Created, MAX_AMOUNT_FEN, MAX_ATTACH, MAX_DESCRIPTION, MAX_EXPIRY_MS,
    MIN_EXPIRY_MS, NewPayment, create,
};
pub use pay::{Asker, PayDecision, PayRefused, begin_send, may_be_paid, on_prepay, pay};
pub use query::{ask_now, on_query};
pub use revise::{ReviseError, Revision, revise};
pub use trade::{Mismatch, on_trade};

use super::model::{CloseReason, Payment, PaymentState};
use super::view::PaymentView;
use crate::event::{Event, EventType};
use crate::id::{EventId, OutTradeNo};
use crate::ports::{Changes, Ids};
use crate::task::{LEASE_MS, Lease, Subject, Task, TaskChange, TaskKey, TaskKind};
use crate::time::Timestamp;

/// A task in the hands of whoever runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRun {
    /// Which.
    pub key: TaskKey,
    /// The lease it is run under.
    pub lease: Lease,
    /// How often it was tried before.
    pub tries: u32,
}

impl TaskRun {
    pub(crate) fn finish(&self) -> TaskChange {
        TaskChange::Finish {
            key: self.key.clone(),
            lease: self.lease,
        }
    }

    /// Not now, and this was no try.
    pub(crate) fn put_off_to(&self, due_at: Timestamp) -> TaskChange {
        TaskChange::Reschedule {
            key: self.key.clone(),
            lease: self.lease,
            due_at,
            tries: self.tries,
        }
    }

    pub(crate) fn again_after(&self, delay_ms: i64, now: Timestamp) -> TaskChange {
        TaskChange::Reschedule {
            key: self.key.clone(),
            lease: self.lease,
            due_at: now.plus_ms(delay_ms),
            tries: self.tries.saturating_add(1),
        }
    }
}

fn key(kind: TaskKind, payment: &Payment, out_trade_no: Option<&OutTradeNo>) -> TaskKey {
    let subject = match out_trade_no {
        None => Subject::Payment(payment.id.clone()),
        Some(number) => Subject::Attempt(payment.id.clone(), number.clone()),
    };
    TaskKey { kind, subject }
}

fn task(
    kind: TaskKind,
    payment: &Payment,
    out_trade_no: Option<&OutTradeNo>,
    due_at: Timestamp,
) -> Task {
    Task {
        key: key(kind, payment, out_trade_no),
        mchid: payment.mchid.clone(),
        due_at,
        tries: 0,
        lease: None,
    }
}

/// The task that asks WeChat about an attempt.
pub(crate) fn query_task(payment: &Payment, out_trade_no: &OutTradeNo, due_at: Timestamp) -> Task {
    task(TaskKind::QueryAttempt, payment, Some(out_trade_no), due_at)
}

/// A task that its maker runs at once. If the maker dies, others take over when the lease ends.
fn leased(
    kind: TaskKind,
    payment: &Payment,
    out_trade_no: &OutTradeNo,
    now: Timestamp,
    ids: &dyn Ids,
) -> (Task, TaskRun) {
    let lease = ids.lease();
    let task = Task {
        lease: Some(lease),
        ..task(kind, payment, Some(out_trade_no), now.plus_ms(LEASE_MS))
    };
    let run = TaskRun {
        key: task.key.clone(),
        lease,
        tries: 0,
    };
    (task, run)
}

fn event(event_type: EventType, payment: &Payment, now: Timestamp, ids: &dyn Ids) -> Event {
    Event {
        id: EventId::fresh(ids, now),
        mchid: payment.mchid.clone(),
        event_type,
        payment_id: Some(payment.id.clone()),
        refund_id: None,
        at: now,
        data: PaymentView::from(payment).to_json(),
    }
}

/// Ends a payment that is to be closed, if this was the last order that kept it from that.
fn close_if_resolved(payment: &mut Payment, now: Timestamp, ids: &dyn Ids, changes: &mut Changes) {
    if let PaymentState::Closing { reason } = payment.state
        && payment.all_resolved()
    {
        close_now(payment, reason, now, ids, changes);
    }
}

/// Ends a payment that nobody can pay any more.
fn close_now(
    payment: &mut Payment,
    reason: CloseReason,
    now: Timestamp,
    ids: &dyn Ids,
    changes: &mut Changes,
) {
    debug_assert!(payment.all_resolved());
    payment.state = PaymentState::Closed { reason, at: now };
    changes
        .events
        .push(event(EventType::PaymentClosed, payment, now, ids));
    changes
        .tasks
        .push(TaskChange::RemoveAttemptTasks(payment.id.clone()));
}
