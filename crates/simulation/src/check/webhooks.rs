//! S6 for webhooks: every copy of an event carries its one id and the same body, and goes to whom it is for. L3: every event
//! arrives at each endpoint that was to get it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use shouyin_core::event::Event;
use shouyin_core::id::{EndpointId, EventId, Mchid};
use shouyin_core::ports::DeliveryChange;
use shouyin_core::webhook::model::{Delivery, Message};
use shouyin_core::webhook::{DeliveryState, Endpoint, EndpointState};

use super::{Checker, Violation};
use crate::hub::{CommitNote, Hub};
use crate::marks::Mark;
use crate::rows::Rows;
use crate::setup::MCHIDS;

#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Every endpoint there is, as of the last commit.
    endpoints: BTreeMap<EndpointId, Endpoint>,
    /// Who an address once belonged to.
    owners: BTreeMap<String, Mchid>,
    /// Every event there is.
    events: BTreeMap<EventId, Event>,
    /// The first body that was sent for an event.
    bodies: BTreeMap<EventId, String>,
    /// Which events each endpoint was to get when they happened.
    entitled: BTreeSet<(EndpointId, EventId)>,
    /// What receivers took, by address.
    taken: BTreeSet<(String, EventId)>,
}

fn broken(what: String) -> Violation {
    Violation::new("S6", what)
}

/// Written out once more instead of asked of the product.
fn wants(endpoint: &Endpoint, event: &Event) -> bool {
    let types = &endpoint.event_types;
    endpoint.mchid == event.mchid
        && endpoint.state == EndpointState::Enabled
        && (types.is_empty() || types.contains(&event.event_type))
}

impl Seen {
    /// Before the events of the same commit: whoever was added with them gets them.
    pub(super) fn endpoints_changed(&mut self, hub: &Hub, rows: &Rows) -> Result<(), Violation> {
        let before = std::mem::take(&mut self.endpoints);
        for name in MCHIDS {
            let mchid = Mchid::parse(name).map_err(|e| Violation::new("WORLD", e.to_string()))?;
            for endpoint in rows.endpoints(&mchid)? {
                self.owners
                    .insert(endpoint.url.clone(), endpoint.mchid.clone());
                self.endpoints.insert(endpoint.id.clone(), endpoint);
            }
        }
        for (id, old) in &before {
            match self.endpoints.get(id) {
                None => {
                    hub.mark(Mark::EndpointDeleted);
                    self.entitled.retain(|(endpoint, _)| endpoint != id);
                }
                Some(new) => {
                    let was_enabled = old.state == EndpointState::Enabled;
                    match (was_enabled, new.state) {
                        (false, EndpointState::Enabled) => hub.mark(Mark::EndpointEnabledAgain),
                        (
                            true,
                            EndpointState::Disabled {
                                by_failure: true, ..
                            },
                        ) => {
                            hub.mark(Mark::EndpointDisabled);
                        }
                        (true, EndpointState::Enabled | EndpointState::Disabled { .. })
                        | (false, EndpointState::Disabled { .. }) => {}
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn all_events(&self) -> impl Iterator<Item = &Event> {
        self.events.values()
    }

    pub(super) fn happened(&mut self, event: Event) {
        for endpoint in self.endpoints.values().filter(|it| wants(it, &event)) {
            self.entitled
                .insert((endpoint.id.clone(), event.id.clone()));
        }
        self.events.insert(event.id.clone(), event);
    }

    /// What a commit says about deliveries must be true: delivered means that the receiver took it.
    pub(super) fn deliveries_changed(&self, hub: &Hub, note: &CommitNote) -> Result<(), Violation> {
        for change in &note.deliveries {
            let DeliveryChange::Put(delivery) = change else {
                continue;
            };
            match delivery.state {
                DeliveryState::Delivered { .. } => self.was_taken(delivery)?,
                DeliveryState::Failed { .. } => hub.mark(Mark::WebhookGivenUp),
                DeliveryState::Pending { .. } => {}
            }
        }
        Ok(())
    }

    fn was_taken(&self, delivery: &Delivery) -> Result<(), Violation> {
        let Some(endpoint) = self.endpoints.get(&delivery.endpoint_id) else {
            return Ok(());
        };
        let (url, id) = (endpoint.url.clone(), delivery.event_id.clone());
        if self.taken.contains(&(url, id)) {
            Ok(())
        } else {
            let (id, url) = (&delivery.event_id, &endpoint.url);
            Err(broken(format!(
                "{id} counts as delivered; {url} never took it"
            )))
        }
    }
}

/// What a webhook must say about an event: not made by the product's own function.
fn fits(event: &Event, body: &str) -> bool {
    let said: Value = serde_json::from_str(body).unwrap_or_default();
    let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
    said["id"] == event.id.as_str()
        && said["type"] == event.event_type.as_str()
        && said["data"] == data
}

impl Checker {
    /// Before a webhook gets its fate.
    pub(crate) fn webhook_sent(&mut self, hub: &Hub, message: &Message) -> Result<(), Violation> {
        let seen = &mut self.webhooks;
        let (id, url) = (&message.event_id, &message.url);
        let Some(event) = seen.events.get(id) else {
            return Err(broken(format!("{id} was sent before it was stored")));
        };
        if seen.owners.get(url) != Some(&event.mchid) {
            return Err(Violation::new(
                "S7",
                format!("{id} was sent to {url}, another merchant's"),
            ));
        }
        if message.secrets.is_empty() {
            return Err(broken(format!("{id} was sent without a signature")));
        }
        match seen.bodies.get(id) {
            Some(first) if *first == message.body => {}
            Some(_) => {
                return Err(broken(format!(
                    "{id} was sent with another body than before"
                )));
            }
            None if fits(event, &message.body) => {
                seen.bodies.insert(id.clone(), message.body.clone());
            }
            None => return Err(broken(format!("{id} was sent as {}", message.body))),
        }
        if seen.taken.contains(&(url.clone(), id.clone())) {
            hub.mark(Mark::WebhookResent);
        }
        Ok(())
    }

    /// A receiver took an event.
    pub(crate) fn webhook_taken(&mut self, url: &str, id: &EventId) {
        self.webhooks.taken.insert((url.to_owned(), id.clone()));
    }

    /// L3: everything arrived that was to arrive.
    pub(crate) fn all_delivered(&self) -> Result<(), Violation> {
        let seen = &self.webhooks;
        for (endpoint_id, event_id) in &seen.entitled {
            let Some(endpoint) = seen.endpoints.get(endpoint_id) else {
                continue;
            };
            let event = seen.events.get(event_id);
            // The merchant wants no more of these: what was given up before is not sent again.
            let types = &endpoint.event_types;
            if event.is_some_and(|it| !types.is_empty() && !types.contains(&it.event_type)) {
                continue;
            }
            if !seen
                .taken
                .contains(&(endpoint.url.clone(), event_id.clone()))
            {
                let what = event.map_or("?", |event| event.event_type.as_str());
                let detail = format!("{what} {event_id} never arrived at {}", endpoint.url);
                return Err(Violation::new("L3", detail));
            }
        }
        Ok(())
    }

    /// Every endpoint there is.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.webhooks.endpoints.values()
    }

    /// An event of this merchant, if there is one.
    pub(crate) fn some_event(&self, mchid: &Mchid, index: usize) -> Option<EventId> {
        let mut events = self.webhooks.events.values().rev();
        let mine = events.by_ref().filter(|event| event.mchid == *mchid);
        mine.take(8).nth(index).map(|event| event.id.clone())
    }
}
