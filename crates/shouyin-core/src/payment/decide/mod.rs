//! The rules of payments: pure functions from what is and what came to what changes. One set of rules for three ways in:
//! the answer to our own call, the notification and the query.

mod close;
mod create;
mod pay;
mod query;
mod trade;

#[cfg(test)]
mod tests;

pub use close::{expire, on_close, request_close};
pub use create::{
    CreateError, Created, MAX_AMOUNT_FEN, MAX_ATTACH, MAX_DESCRIPTION, MAX_EXPIRY_MS,
    MIN_EXPIRY_MS, NewPayment, create,
};
pub use pay::{PayDecision, PayRefused, begin_send, on_prepay, pay};
pub use query::{ask_now, on_query};
pub use trade::{Mismatch, on_trade};

use super::model::{CloseReason, Payment, PaymentState};
use super::view::PaymentView;
use crate::event::{Event, EventType};
use crate::id::{EventId, OutTradeNo};
use crate::ports::{Changes, Ids};
use crate::task::{LEASE_MS, Lease, Task, TaskChange, TaskKey, TaskKind};
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
    fn finish(&self) -> TaskChange {
        TaskChange::Finish {
            key: self.key.clone(),
            lease: self.lease,
        }
    }

    fn again_after(&self, delay_ms: i64, now: Timestamp) -> TaskChange {
        TaskChange::Reschedule {
            key: self.key.clone(),
            lease: self.lease,
            due_at: now.plus_ms(delay_ms),
            tries: self.tries.saturating_add(1),
        }
    }
}

fn key(kind: TaskKind, payment: &Payment, out_trade_no: Option<&OutTradeNo>) -> TaskKey {
    TaskKey {
        kind,
        payment_id: payment.id.clone(),
        out_trade_no: out_trade_no.cloned(),
    }
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
        payment_id: payment.id.clone(),
        at: now,
        data: PaymentView::from(payment).to_json(),
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
        .push(TaskChange::RemoveAll(payment.id.clone()));
}
