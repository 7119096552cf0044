//! A merchant wants events again.

use super::task;
use crate::event::EventType;
use crate::id::EventId;
use crate::ports::{Changes, DeliveryChange};
use crate::task::TaskChange;
use crate::time::Timestamp;
use crate::webhook::model::{Delivery, DeliveryState, Endpoint, EndpointState};

/// Why nothing is resent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResendError {
    /// Nothing is sent to a disabled endpoint.
    #[error("the webhook endpoint is disabled; enable it first")]
    Disabled,
    /// The range is too wide.
    #[error("more than {max} events are in this range; ask for a smaller one")]
    TooMany {
        /// How many may be resent by one call.
        max: usize,
    },
}

/// An event to be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Which.
    pub event_id: EventId,
    /// What kind.
    pub event_type: EventType,
}

/// The deliveries that were asked for anew.
pub type Resent = Vec<Delivery>;

/// Sends these events to the endpoint, whether they were meant for it or not, and however their delivery ended. `known` are
/// their deliveries. With `only_failed`, events whose delivery did not fail are left alone.
///
/// # Errors
/// The endpoint is disabled.
pub fn resend(
    endpoint: &Endpoint,
    known: &[Delivery],
    wanted: &[Wanted],
    only_failed: bool,
    now: Timestamp,
) -> Result<(Resent, Changes), ResendError> {
    if endpoint.state != EndpointState::Enabled {
        return Err(ResendError::Disabled);
    }
    let resent: Resent = wanted
        .iter()
        .filter_map(|event| {
            let before = known.iter().find(|known| known.event_id == event.event_id);
            let has_failed = before
                .is_some_and(|delivery| matches!(delivery.state, DeliveryState::Failed { .. }));
            (has_failed || !only_failed).then(|| again(endpoint, before, event, now))
        })
        .collect();
    let mut changes = Changes::default();
    if !resent.is_empty() {
        changes.deliveries = resent.iter().cloned().map(DeliveryChange::Put).collect();
        changes.tasks = vec![TaskChange::Wake(task(endpoint, now))];
    }
    Ok((resent, changes))
}

fn again(
    endpoint: &Endpoint,
    before: Option<&Delivery>,
    event: &Wanted,
    now: Timestamp,
) -> Delivery {
    // Always later than the earlier request, so that a copy which is on its way cannot be taken for this one.
    let requested_at = before.map_or(now, |before| now.max(before.requested_at.plus_ms(1)));
    Delivery {
        endpoint_id: endpoint.id.clone(),
        mchid: endpoint.mchid.clone(),
        event_id: event.event_id.clone(),
        event_type: event.event_type,
        state: DeliveryState::Pending { due_at: now },
        tries: 0,
        requested_at,
    }
}
