//! S6: exactly one event for one business fact.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use shouyin_core::event::{Event, EventType};
use shouyin_core::id::{EventId, Mchid, PaymentId};
use shouyin_core::payment::{Payment, PaymentState};
use shouyin_core::ports::Store;
use shouyin_store::MemoryStore;

use super::{Violation, ready};
use crate::setup::MCHIDS;

const PAGE: u32 = 100;

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    created: u32,
    paid: u32,
    paid_late: u32,
    closed: u32,
}

/// The events so far, read as a merchant reads them: page by page from a cursor.
#[derive(Debug, Default)]
pub(super) struct Seen {
    cursors: BTreeMap<&'static str, i64>,
    ids: BTreeSet<EventId>,
    counts: BTreeMap<PaymentId, Count>,
}

fn broken(payment: &PaymentId, what: &str) -> Violation {
    Violation::new("S6", format!("{payment}: {what}"))
}

impl Seen {
    /// Reads what is new.
    pub(super) fn read_on(&mut self, rows: &MemoryStore) -> Result<(), Violation> {
        for name in MCHIDS {
            let mchid = Mchid::parse(name).map_err(|e| Violation::new("WORLD", e.to_string()))?;
            let cursor = self.cursors.get(name).copied().unwrap_or(0);
            let page = match ready(rows.events(mchid, cursor, PAGE)) {
                Some(Ok(page)) => page,
                Some(Err(_)) | None => {
                    return Err(Violation::new("STORE", "events cannot be read"));
                }
            };
            for stored in page {
                self.cursors.insert(name, stored.seq);
                self.add(stored.event)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, event: Event) -> Result<(), Violation> {
        let body: Value = serde_json::from_str(&event.data).unwrap_or_default();
        let state = match event.event_type {
            EventType::PaymentCreated => "open",
            EventType::PaymentPaid | EventType::PaymentPaidLate => "paid",
            EventType::PaymentClosed => "closed",
        };
        if body["id"] != event.payment_id.as_str() || body["state"] != state {
            let what = format!("{} says {body}", event.event_type.as_str());
            return Err(broken(&event.payment_id, &what));
        }
        if !self.ids.insert(event.id.clone()) {
            return Err(broken(
                &event.payment_id,
                &format!("event id {} twice", event.id),
            ));
        }
        let count = self.counts.entry(event.payment_id).or_default();
        match event.event_type {
            EventType::PaymentCreated => count.created += 1,
            EventType::PaymentPaid => count.paid += 1,
            EventType::PaymentPaidLate => count.paid_late += 1,
            EventType::PaymentClosed => count.closed += 1,
        }
        Ok(())
    }

    /// Compares the events of a payment with its state.
    pub(super) fn check(&self, payment: &Payment) -> Result<(), Violation> {
        let count = self.counts.get(&payment.id).copied().unwrap_or_default();
        let expected = match &payment.state {
            PaymentState::Open | PaymentState::Closing { .. } => [0, 0, 0],
            PaymentState::Closed { .. } => [0, 0, 1],
            PaymentState::Paid(paid) if paid.late => [0, 1, 1],
            PaymentState::Paid(_) => [1, 0, 0],
        };
        let found = [count.paid, count.paid_late, count.closed];
        if count.created != 1 || found != expected {
            let state = payment.state.as_str();
            let what = format!("is {state} with events {count:?}");
            return Err(broken(&payment.id, &what));
        }
        Ok(())
    }
}
