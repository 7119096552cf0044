//! The rules of webhooks: pure.

mod endpoint;
mod replies;
mod resend;

#[cfg(test)]
pub(super) mod tests;

pub use endpoint::{
    Created, EndpointError, EndpointPatch, MAX_DESCRIPTION, MAX_OVERLAP_MS, MAX_SECRETS, MAX_URL,
    NewEndpoint, create, delete, rotate_secret, update,
};
pub use replies::{Plan, Round, Sent, keep_lease, on_nothing_due, on_replies, plan, read_limit};
pub use resend::{ResendError, Resent, Wanted, resend};

use super::model::{Delivery, DeliveryState, Endpoint};
use crate::event::Event;
use crate::ports::DeliveryChange;
use crate::task::{Subject, Task, TaskChange, TaskKey, TaskKind};
use crate::time::Timestamp;

/// Who gets these events. Called by the store, inside the transaction that stores them, with the endpoints of the events'
/// merchant: what is a fact is on its way to everybody who wants it, or neither is.
pub fn fan_out(endpoints: &[Endpoint], events: &[Event]) -> (Vec<DeliveryChange>, Vec<TaskChange>) {
    let mut deliveries = Vec::new();
    let mut tasks = Vec::new();
    for endpoint in endpoints {
        let mut first: Option<Timestamp> = None;
        for event in events
            .iter()
            .filter(|event| event.mchid == endpoint.mchid && endpoint.wants(event.event_type))
        {
            first = first.or(Some(event.at));
            deliveries.push(DeliveryChange::Put(Delivery {
                endpoint_id: endpoint.id.clone(),
                mchid: endpoint.mchid.clone(),
                event_id: event.id.clone(),
                event_type: event.event_type,
                state: DeliveryState::Pending { due_at: event.at },
                tries: 0,
                requested_at: event.at,
            }));
        }
        if let Some(due_at) = first {
            tasks.push(TaskChange::Wake(task(endpoint, due_at)));
        }
    }
    (deliveries, tasks)
}

/// The one task of an endpoint.
pub fn task(endpoint: &Endpoint, due_at: Timestamp) -> Task {
    Task {
        key: TaskKey {
            kind: TaskKind::DeliverWebhooks,
            subject: Subject::Endpoint(endpoint.id.clone()),
        },
        mchid: endpoint.mchid.clone(),
        due_at,
        tries: 0,
        lease: None,
    }
}
