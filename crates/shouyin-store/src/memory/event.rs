//! Events in the order of commits.

use std::collections::{BTreeMap, BTreeSet};

use shouyin_core::event::{Event, StoredEvent};
use shouyin_core::id::{EventId, Mchid};
use shouyin_core::ports::StoreError;

#[derive(Debug, Default)]
pub(super) struct Events {
    pub(super) stored: Vec<StoredEvent>,
    /// Where each is in `stored`.
    places: BTreeMap<EventId, usize>,
}

impl Events {
    pub(super) fn check(&self, events: &[Event]) -> Result<(), StoreError> {
        let mut new_ids = BTreeSet::new();
        for event in events {
            if self.places.contains_key(&event.id) || !new_ids.insert(&event.id) {
                return Err(StoreError::Conflict(format!("event {} exists", event.id)));
            }
        }
        Ok(())
    }

    /// Keeps what [`Events::check`] has let through.
    pub(super) fn apply(&mut self, events: &[Event]) {
        for event in events {
            let seq = self.stored.last().map_or(1, |last| last.seq + 1);
            self.places.insert(event.id.clone(), self.stored.len());
            self.stored.push(StoredEvent {
                seq,
                event: event.clone(),
            });
        }
    }

    pub(super) fn by_id(&self, mchid: &Mchid, id: &EventId) -> Option<&StoredEvent> {
        self.places
            .get(id)
            .and_then(|place| self.stored.get(*place))
            .filter(|stored| stored.event.mchid == *mchid)
    }

    pub(super) fn page(&self, mchid: &Mchid, after: i64, limit: u32) -> Vec<StoredEvent> {
        let first = self.stored.partition_point(|stored| stored.seq <= after);
        self.stored
            .iter()
            .skip(first)
            .filter(|stored| stored.event.mchid == *mchid)
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .cloned()
            .collect()
    }
}
