//! What is sent to an endpoint in one round, and what its answers mean.

use crate::event::{Event, EventType};
use crate::id::{EndpointId, EventId};
use crate::payment::decide::TaskRun;
use crate::ports::{Changes, DeliveryChange, EndpointChange, Ids, Loaded};
use crate::task::TaskChange;
use crate::time::Timestamp;
use crate::webhook::model::{
    Delivery, DeliveryAttempt, DeliveryState, Endpoint, EndpointState, Reply,
};
use crate::webhook::schedule::{DISABLE_AFTER_MS, DISABLE_EVIDENCE_MS, next_try, pause_ms};
use crate::webhook::view::EndpointView;

/// At most this many are sent at once.
const BATCH: u8 = 16;
/// How many due deliveries of a failing endpoint are looked at to find the one that has been tried least.
const PROBE_CHOICE: u8 = 128;

/// How many due deliveries to read for [`plan`].
pub fn read_limit(endpoint: &Endpoint) -> u32 {
    u32::from(if endpoint.failing_since.is_some() {
        PROBE_CHOICE
    } else {
        BATCH
    })
}

/// What is sent in a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Sent at once, all together.
    pub first: Vec<(Delivery, Event)>,
    /// Sent together after that, if the first was received.
    pub then: Vec<(Delivery, Event)>,
    /// When the delivery that has waited longest was asked for.
    pub waiting_since: Option<Timestamp>,
}

/// Chooses from the due deliveries. A failing endpoint gets one call, and the others only if it answers that: a dead receiver
/// costs one call a round. The one that was tried least goes first, so that an event which the receiver always refuses does
/// not stand in the way of the others.
pub fn plan(endpoint: &Endpoint, mut due: Vec<(Delivery, Event)>) -> Plan {
    let waiting_since = due.iter().map(|(delivery, _)| delivery.requested_at).min();
    let batch = usize::from(BATCH);
    let size = if endpoint.failing_since.is_some() {
        due.sort_by_key(|(delivery, _)| delivery.tries);
        1
    } else {
        batch
    };
    due.truncate(batch);
    let then = due.split_off(due.len().min(size));
    Plan {
        first: due,
        then,
        waiting_since,
    }
}

/// One sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The delivery as it was read before.
    pub delivery: Delivery,
    /// When it was answered, or given up.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// What came of it.
    pub reply: Reply,
}

/// Everything that was sent before the store is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// The endpoint as it was read before.
    pub endpoint: Endpoint,
    /// What was sent to it.
    pub sent: Vec<Sent>,
    /// [`Plan::waiting_since`].
    pub waiting_since: Option<Timestamp>,
}

fn find<'a>(loaded: &'a Loaded, id: &EndpointId) -> Option<&'a Endpoint> {
    loaded.endpoints.iter().find(|endpoint| endpoint.id == *id)
}

/// Nothing was due, or nothing may be sent. Whether there is more to do is decided here, with the lock held: what was added
/// since is not forgotten.
pub fn on_nothing_due(loaded: &Loaded, id: &EndpointId, run: &TaskRun) -> Changes {
    let next_due = find(loaded, id)
        .filter(|endpoint| endpoint.state == EndpointState::Enabled)
        .and(loaded.next_delivery_due);
    Changes::tasks(vec![match next_due {
        Some(due_at) => run.put_off_to(due_at),
        None => run.finish(),
    }])
}

/// The answers of a round, against the endpoint and the sent deliveries as they are now.
pub fn on_replies(
    loaded: &Loaded,
    round: &Round,
    run: &TaskRun,
    now: Timestamp,
    ids: &dyn Ids,
) -> Changes {
    let Some(endpoint) = find(loaded, &round.endpoint.id) else {
        // It was deleted meanwhile, and its deliveries with it.
        return Changes::tasks(vec![run.finish()]);
    };
    let mut changes = Changes {
        delivery_attempts: round.sent.iter().map(log_line).collect(),
        ..Changes::default()
    };
    let is_same_address = endpoint.url == round.endpoint.url;
    let mut next_due: Option<Timestamp> = None;
    let mut others = loaded.next_delivery_due;
    for sent in &round.sent {
        let Some(known) = stored(loaded, &sent.delivery.event_id) else {
            continue;
        };
        match judge(known, sent, is_same_address, now) {
            None => others = earliest(others, pending_due(known)),
            Some(after) => {
                next_due = earliest(next_due, pending_due(&after));
                changes.deliveries.push(DeliveryChange::Put(after));
            }
        }
    }
    if endpoint.state != EndpointState::Enabled {
        changes.tasks.push(run.finish());
        return changes;
    }

    // What came of calls to another address says nothing about this one.
    let has_answers = is_same_address && !round.sent.is_empty();
    if has_answers && round.sent.iter().any(|sent| sent.reply.is_received()) {
        if endpoint.failing_since.is_some() {
            works_again(endpoint, now, &mut changes);
            others = others.map(|due_at| due_at.min(now));
        }
    } else if has_answers {
        let failing_since = endpoint.failing_since.unwrap_or(now);
        let failing = Endpoint {
            failing_since: Some(failing_since),
            ..endpoint.clone()
        };
        let failing_ms = now.since(failing_since);
        if failing_ms >= DISABLE_AFTER_MS && has_waited_long(round, now) {
            disable(failing, now, ids, &mut changes);
            changes.tasks.push(run.finish());
            return changes;
        }
        if failing != *endpoint {
            changes.endpoints.push(EndpointChange::Put(failing));
        }
        let pause_ends = now.plus_ms(pause_ms(failing_ms));
        let next = earliest(next_due, others).map(|due_at| due_at.max(pause_ends));
        let rounds = run.tries.saturating_add(1);
        changes.tasks.push(go_on(next, run, rounds, now));
        return changes;
    }
    let next = earliest(next_due, others);
    changes.tasks.push(go_on(next, run, 0, now));
    changes
}

/// True if these changes would make the task due at once: then it is not given back, and its holder goes on. Should the holder
/// die, the task is due when the lease ends.
pub fn keep_lease(changes: &mut Changes, now: Timestamp) -> bool {
    let is_due = matches!(
        changes.tasks.last(),
        Some(TaskChange::Reschedule { due_at, .. }) if *due_at <= now
    );
    if is_due {
        changes.tasks.pop();
    }
    is_due
}

fn has_waited_long(round: &Round, now: Timestamp) -> bool {
    round
        .waiting_since
        .is_some_and(|since| now.since(since) >= DISABLE_EVIDENCE_MS)
}

fn log_line(sent: &Sent) -> DeliveryAttempt {
    DeliveryAttempt {
        endpoint_id: sent.delivery.endpoint_id.clone(),
        event_id: sent.delivery.event_id.clone(),
        at: sent.at,
        took_ms: sent.took_ms,
        reply: sent.reply.clone(),
    }
}

fn stored<'a>(loaded: &'a Loaded, event_id: &EventId) -> Option<&'a Delivery> {
    loaded
        .deliveries
        .iter()
        .find(|delivery| delivery.event_id == *event_id)
}

/// The delivery as it is after this answer; none if the answer does not change it.
fn judge(known: &Delivery, sent: &Sent, is_same_address: bool, now: Timestamp) -> Option<Delivery> {
    let tries = known.tries.saturating_add(1);
    let state = if sent.reply.is_received() {
        // It has arrived, whatever came of other copies. Unless it was asked for anew: that is a wish for one more.
        let is_delivered = matches!(known.state, DeliveryState::Delivered { .. });
        if is_delivered || known.requested_at != sent.delivery.requested_at {
            return None;
        }
        DeliveryState::Delivered { at: sent.at }
    } else {
        // A failure proves something only about the delivery as it was sent: somebody may have resent it, hurried it, or
        // had an answer meanwhile.
        if *known != sent.delivery || !is_same_address {
            return None;
        }
        match next_try(tries, known.requested_at, now) {
            Some(due_at) => DeliveryState::Pending { due_at },
            None => DeliveryState::Failed { at: now },
        }
    };
    Some(Delivery {
        state,
        tries,
        ..known.clone()
    })
}

/// The first answer after failures: everything that waits is sent now.
fn works_again(endpoint: &Endpoint, now: Timestamp, changes: &mut Changes) {
    changes.endpoints.push(EndpointChange::Put(Endpoint {
        failing_since: None,
        ..endpoint.clone()
    }));
    // Before the changes of this round: what has just failed keeps its delay.
    changes.deliveries.insert(
        0,
        DeliveryChange::Hurry {
            endpoint_id: endpoint.id.clone(),
            due_at: now,
        },
    );
}

fn disable(endpoint: Endpoint, now: Timestamp, ids: &dyn Ids, changes: &mut Changes) {
    let disabled = Endpoint {
        state: EndpointState::Disabled {
            at: now,
            by_failure: true,
        },
        ..endpoint
    };
    changes.events.push(Event {
        id: EventId::fresh(ids, now),
        mchid: disabled.mchid.clone(),
        event_type: EventType::EndpointDisabled,
        payment_id: None,
        refund_id: None,
        at: now,
        data: EndpointView::from(&disabled).to_json(),
    });
    changes.endpoints.push(EndpointChange::Put(disabled));
}

const fn pending_due(delivery: &Delivery) -> Option<Timestamp> {
    match delivery.state {
        DeliveryState::Pending { due_at } => Some(due_at),
        DeliveryState::Delivered { .. } | DeliveryState::Failed { .. } => None,
    }
}

fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

/// The next round, or the end of the task. Never due in the past: an endpoint with a long queue takes its turn behind the
/// others.
fn go_on(next_due: Option<Timestamp>, run: &TaskRun, tries: u32, now: Timestamp) -> TaskChange {
    match next_due {
        None => run.finish(),
        Some(due_at) => TaskChange::Reschedule {
            key: run.key.clone(),
            lease: run.lease,
            due_at: due_at.max(now),
            tries,
        },
    }
}
