//! Webhook endpoints, deliveries and their log.

use std::collections::{BTreeMap, BTreeSet};

use shouyin_core::Timestamp;
use shouyin_core::event::{Event, StoredEvent};
use shouyin_core::id::{EndpointId, EventId, Mchid};
use shouyin_core::ports::{Changes, DeliveryChange, DeliveryFilter, EndpointChange, StoreError};
use shouyin_core::webhook::model::{Delivery, DeliveryAttempt, DeliveryState, Endpoint};

use super::event::Events;

#[derive(Debug, Default)]
pub(super) struct Webhooks {
    /// In the order of storing.
    pub(super) endpoints: Vec<Endpoint>,
    /// By endpoint, and then by the event's place in the order of commits.
    pub(super) deliveries: BTreeMap<(EndpointId, i64), Delivery>,
    /// In the order of storing.
    pub(super) log: BTreeMap<(EndpointId, i64), Vec<DeliveryAttempt>>,
}

impl Webhooks {
    pub(super) fn endpoint(&self, id: &EndpointId) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.id == *id)
    }

    pub(super) fn of_merchant(&self, mchid: &Mchid) -> Vec<Endpoint> {
        self.endpoints
            .iter()
            .filter(|endpoint| endpoint.mchid == *mchid)
            .cloned()
            .collect()
    }

    /// Whose the endpoints are that the changes leave.
    pub(super) fn check_endpoints<'a>(
        &'a self,
        changes: &'a [EndpointChange],
    ) -> Result<Owners<'a>, StoreError> {
        let mut owners: Owners<'a> = self
            .endpoints
            .iter()
            .map(|endpoint| (&endpoint.id, &endpoint.mchid))
            .collect();
        for change in changes {
            match change {
                EndpointChange::Put(endpoint) => {
                    let owner = owners.entry(&endpoint.id).or_insert(&endpoint.mchid);
                    if **owner != endpoint.mchid {
                        return refuse(format!("endpoint {} is another merchant's", endpoint.id));
                    }
                }
                EndpointChange::Delete(id) => {
                    owners.remove(id);
                }
            }
        }
        Ok(owners)
    }

    pub(super) fn apply_endpoint(&mut self, change: EndpointChange) {
        match change {
            EndpointChange::Put(endpoint) => {
                match self.endpoints.iter_mut().find(|e| e.id == endpoint.id) {
                    Some(known) => *known = endpoint,
                    None => self.endpoints.push(endpoint),
                }
            }
            EndpointChange::Delete(id) => {
                self.endpoints.retain(|endpoint| endpoint.id != id);
                self.deliveries.retain(|(endpoint, _), _| *endpoint != id);
                self.log.retain(|(endpoint, _), _| *endpoint != id);
            }
        }
    }

    pub(super) fn apply_delivery(&mut self, change: DeliveryChange, events: &Events) {
        match change {
            DeliveryChange::Put(delivery) => {
                if let Some(stored) = events.by_id(&delivery.mchid, &delivery.event_id) {
                    let key = (delivery.endpoint_id.clone(), stored.seq);
                    self.deliveries.insert(key, delivery);
                }
            }
            DeliveryChange::Hurry {
                endpoint_id,
                due_at: latest,
            } => {
                let pending = self.deliveries.range_mut(all_of(&endpoint_id));
                for (_, delivery) in pending {
                    if let DeliveryState::Pending { due_at } = &mut delivery.state {
                        *due_at = latest.min(*due_at);
                    }
                }
            }
        }
    }

    /// Adds a line. What was deleted while it was being sent has no log any more.
    pub(super) fn apply_log(&mut self, attempt: DeliveryAttempt, events: &Events) {
        let endpoint = self.endpoint(&attempt.endpoint_id);
        let stored = endpoint.and_then(|e| events.by_id(&e.mchid, &attempt.event_id));
        let key = stored.map(|stored| (attempt.endpoint_id.clone(), stored.seq));
        if let Some(key) = key.filter(|key| self.deliveries.contains_key(key)) {
            self.log.entry(key).or_default().push(attempt);
        }
    }

    /// An endpoint's deliveries in the order of their events.
    fn of_endpoint(&self, id: &EndpointId) -> impl DoubleEndedIterator<Item = (i64, &Delivery)> {
        self.deliveries
            .range(all_of(id))
            .map(|((_, seq), delivery)| (*seq, delivery))
    }

    /// Those of the asked deliveries that exist, and when the first pending one that was not asked for is due.
    pub(super) fn load(
        &self,
        id: &EndpointId,
        asked: &[EventId],
    ) -> (Vec<Delivery>, Option<Timestamp>) {
        let asked: BTreeSet<&EventId> = asked.iter().collect();
        let (found, others): (Vec<_>, Vec<_>) = self
            .of_endpoint(id)
            .map(|(_, delivery)| delivery)
            .partition(|delivery| asked.contains(&delivery.event_id));
        let next_due = others.into_iter().filter_map(due_at).min();
        (found.into_iter().cloned().collect(), next_due)
    }

    pub(super) fn due(
        &self,
        id: &EndpointId,
        now: Timestamp,
        limit: u32,
        events: &Events,
    ) -> Vec<(Delivery, Event)> {
        self.of_endpoint(id)
            .filter(|(_, delivery)| due_at(delivery).is_some_and(|due_at| due_at <= now))
            .filter_map(|(_, delivery)| {
                let stored = events.by_id(&delivery.mchid, &delivery.event_id)?;
                Some((delivery.clone(), stored.event.clone()))
            })
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .collect()
    }

    pub(super) fn page(
        &self,
        mchid: &Mchid,
        id: &EndpointId,
        filter: &DeliveryFilter,
        events: &Events,
    ) -> Vec<Delivery> {
        let end = match &filter.before {
            None => i64::MAX,
            // A cursor that is not this merchant's leads nowhere.
            Some(event_id) => events
                .by_id(mchid, event_id)
                .map_or(i64::MIN, |stored: &StoredEvent| stored.seq),
        };
        self.of_endpoint(id)
            .rev()
            .filter(|(seq, delivery)| *seq < end && delivery.mchid == *mchid)
            .filter(|(_, delivery)| {
                let state = filter.state.as_deref();
                state.is_none_or(|state| delivery.state.as_str() == state)
            })
            .take(usize::try_from(filter.limit).unwrap_or(usize::MAX))
            .map(|(_, delivery)| delivery.clone())
            .collect()
    }

    pub(super) fn log_of(&self, id: &EndpointId, stored: &StoredEvent) -> Vec<DeliveryAttempt> {
        let key = (id.clone(), stored.seq);
        self.log.get(&key).cloned().unwrap_or_default()
    }
}

/// Whose each endpoint is.
type Owners<'a> = BTreeMap<&'a EndpointId, &'a Mchid>;

/// A delivery is between an event and an endpoint of one merchant.
pub(super) fn check_deliveries(
    owners: &Owners<'_>,
    changes: &Changes,
    events: &Events,
) -> Result<(), StoreError> {
    for change in &changes.deliveries {
        let DeliveryChange::Put(delivery) = change else {
            continue;
        };
        let (mchid, event_id) = (&delivery.mchid, &delivery.event_id);
        if owners.get(&delivery.endpoint_id) != Some(&mchid) {
            return refuse(format!(
                "a delivery to endpoint {}, which this merchant does not have",
                delivery.endpoint_id
            ));
        }
        let is_new = |event: &Event| event.id == *event_id && event.mchid == *mchid;
        if events.by_id(mchid, event_id).is_none() && !changes.events.iter().any(is_new) {
            return refuse(format!(
                "a delivery of event {event_id}, which this merchant does not have"
            ));
        }
    }
    Ok(())
}

fn all_of(id: &EndpointId) -> std::ops::RangeInclusive<(EndpointId, i64)> {
    (id.clone(), i64::MIN)..=(id.clone(), i64::MAX)
}

fn due_at(delivery: &Delivery) -> Option<Timestamp> {
    match delivery.state {
        DeliveryState::Pending { due_at } => Some(due_at),
        DeliveryState::Delivered { .. } | DeliveryState::Failed { .. } => None,
    }
}

fn refuse<T>(what: String) -> Result<T, StoreError> {
    Err(StoreError::Corrupt(format!(
        "refused by a rule of the database: {what}"
    )))
}
