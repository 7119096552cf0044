//! S6: exactly one event for one business fact.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use shouyin_core::event::{Event, EventType};
use shouyin_core::id::{EventId, Mchid, PaymentId, RefundId};
use shouyin_core::payment::{AttemptState, Payment, PaymentState};
use shouyin_core::refund::{Refund, RefundState};

use super::Violation;
use crate::rows::Rows;
use crate::setup::MCHIDS;

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    created: u32,
    revised: u32,
    paid: u32,
    paid_late: u32,
    surplus: u32,
    code_failed: u32,
    closed: u32,
}

#[derive(Debug, Default, Clone, Copy)]
struct RefundCount {
    created: u32,
    succeeded: u32,
    closed: u32,
    rejected: u32,
    action_needed: u32,
}

/// What happened to a payment that its state does not show.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct SoFar {
    /// How often its terms were changed.
    pub(super) revisions: u32,
    /// How many payment codes brought no money while the payer may have been at the till.
    pub(super) codes_failed: u32,
}

/// The events so far, read as a merchant reads them: page by page from a cursor.
#[derive(Debug, Default)]
pub(super) struct Seen {
    cursors: BTreeMap<&'static str, i64>,
    ids: BTreeSet<EventId>,
    counts: BTreeMap<PaymentId, Count>,
    refunds: BTreeMap<RefundId, RefundCount>,
}

/// What merchants go by in an event, read from its text and not by the product's own types.
#[derive(Debug, Default, Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    payment_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    state: Option<Cow<'a, str>>,
    #[serde(default)]
    action_needed: bool,
}

fn broken(of: impl std::fmt::Display, what: &str) -> Violation {
    Violation::new("S6", format!("{of}: {what}"))
}

impl Seen {
    /// Reads what is new, and hands it on.
    pub(super) fn read_on(&mut self, rows: &Rows) -> Result<Vec<Event>, Violation> {
        let mut new = Vec::new();
        for name in MCHIDS {
            let mchid = Mchid::parse(name).map_err(|e| Violation::new("WORLD", e.to_string()))?;
            let cursor = self.cursors.get(name).copied().unwrap_or(0);
            for stored in rows.events(&mchid, cursor)? {
                self.cursors.insert(name, stored.seq);
                self.add(&stored.event)?;
                new.push(stored.event);
            }
        }
        Ok(new)
    }

    fn add(&mut self, event: &Event) -> Result<(), Violation> {
        let body: Body<'_> = serde_json::from_str(&event.data).unwrap_or_default();
        let is = |said: &Option<Cow<'_, str>>, id: &str| said.as_deref() == Some(id);
        if !self.ids.insert(event.id.clone()) {
            return Err(broken(&event.id, "twice"));
        }
        let fits = match event.event_type {
            EventType::PaymentCreated
            | EventType::PaymentRevised
            | EventType::PaymentPaid
            | EventType::PaymentPaidLate
            | EventType::PaymentSurplusPaid
            | EventType::PaymentCodeFailed
            | EventType::PaymentClosed => {
                let id = event.payment_id.as_ref();
                id.is_some_and(|id| is(&body.id, id.as_str())) && event.refund_id.is_none()
            }
            EventType::RefundCreated
            | EventType::RefundSucceeded
            | EventType::RefundClosed
            | EventType::RefundRejected
            | EventType::RefundActionNeeded => {
                let (id, payment) = (event.refund_id.as_ref(), event.payment_id.as_ref());
                id.is_some_and(|id| is(&body.id, id.as_str()))
                    && payment.is_some_and(|id| is(&body.payment_id, id.as_str()))
            }
            EventType::EndpointDisabled
            | EventType::ReconciliationCompleted
            | EventType::ReconciliationDifferenceFound => event.refund_id.is_none(),
        };
        let state = body.state.as_deref().unwrap_or_default();
        let says = match event.event_type {
            EventType::PaymentCreated
            | EventType::PaymentRevised
            | EventType::PaymentCodeFailed => state == "open",
            EventType::PaymentPaid | EventType::PaymentPaidLate => state == "paid",
            EventType::PaymentClosed => state == "closed",
            EventType::RefundSucceeded => state == "succeeded",
            EventType::RefundClosed => state == "closed",
            EventType::RefundRejected => state == "rejected",
            EventType::RefundActionNeeded => body.action_needed,
            EventType::RefundCreated => state == "recorded",
            EventType::PaymentSurplusPaid
            | EventType::EndpointDisabled
            | EventType::ReconciliationCompleted
            | EventType::ReconciliationDifferenceFound => true,
        };
        if !fits || !says {
            let what = format!("{} says {}", event.event_type.as_str(), event.data);
            return Err(broken(&event.id, &what));
        }
        self.count(event);
        Ok(())
    }

    fn count(&mut self, event: &Event) {
        if let Some(id) = &event.refund_id {
            let count = self.refunds.entry(id.clone()).or_default();
            match event.event_type {
                EventType::RefundCreated => count.created += 1,
                EventType::RefundSucceeded => count.succeeded += 1,
                EventType::RefundClosed => count.closed += 1,
                EventType::RefundRejected => count.rejected += 1,
                EventType::RefundActionNeeded => count.action_needed += 1,
                EventType::PaymentCreated
                | EventType::PaymentRevised
                | EventType::PaymentPaid
                | EventType::PaymentPaidLate
                | EventType::PaymentSurplusPaid
                | EventType::PaymentCodeFailed
                | EventType::PaymentClosed
                | EventType::EndpointDisabled
                | EventType::ReconciliationCompleted
                | EventType::ReconciliationDifferenceFound => {}
            }
        } else if let Some(id) = &event.payment_id {
            let count = self.counts.entry(id.clone()).or_default();
            match event.event_type {
                EventType::PaymentCreated => count.created += 1,
                EventType::PaymentRevised => count.revised += 1,
                EventType::PaymentPaid => count.paid += 1,
                EventType::PaymentPaidLate => count.paid_late += 1,
                EventType::PaymentSurplusPaid => count.surplus += 1,
                EventType::PaymentCodeFailed => count.code_failed += 1,
                EventType::PaymentClosed => count.closed += 1,
                EventType::RefundCreated
                | EventType::RefundSucceeded
                | EventType::RefundClosed
                | EventType::RefundRejected
                | EventType::RefundActionNeeded
                | EventType::EndpointDisabled
                | EventType::ReconciliationCompleted
                | EventType::ReconciliationDifferenceFound => {}
            }
        }
    }

    /// Compares the events of a payment and its refunds with their states.
    pub(super) fn check(&self, payment: &Payment, so_far: SoFar) -> Result<(), Violation> {
        let count = self.counts.get(&payment.id).copied().unwrap_or_default();
        let is_paid = |state: &AttemptState| matches!(state, AttemptState::Paid { .. });
        let paid = payment
            .attempts
            .iter()
            .filter(|a| is_paid(&a.state))
            .count();
        let counted = usize::from(matches!(payment.state, PaymentState::Paid(_)));
        let surplus = u32::try_from(paid.saturating_sub(counted)).unwrap_or(u32::MAX);
        let [in_time, late, closed] = match &payment.state {
            PaymentState::Open | PaymentState::Closing { .. } => [0, 0, 0],
            PaymentState::Closed { .. } => [0, 0, 1],
            PaymentState::Paid(paid) if paid.late => [0, 1, 1],
            PaymentState::Paid(_) => [1, 0, 0],
        };
        let SoFar {
            revisions,
            codes_failed,
        } = so_far;
        let expected = [1, revisions, in_time, late, surplus, codes_failed, closed];
        let found = [
            count.created,
            count.revised,
            count.paid,
            count.paid_late,
            count.surplus,
            count.code_failed,
            count.closed,
        ];
        if found != expected {
            let state = payment.state.as_str();
            let what = format!("is {state}, {so_far:?}, with events {count:?}");
            return Err(broken(&payment.id, &what));
        }
        payment
            .refunds
            .iter()
            .try_for_each(|refund| self.check_refund(refund))
    }

    fn check_refund(&self, refund: &Refund) -> Result<(), Violation> {
        let count = self.refunds.get(&refund.id).copied().unwrap_or_default();
        let expected = match refund.state {
            RefundState::Recorded | RefundState::Processing | RefundState::Abnormal => [1, 0, 0, 0],
            RefundState::Succeeded { .. } => [1, 1, 0, 0],
            RefundState::Closed { .. } => [1, 0, 1, 0],
            RefundState::Rejected { .. } => [1, 0, 0, 1],
        };
        let found = [count.created, count.succeeded, count.closed, count.rejected];
        let must_tell = matches!(refund.state, RefundState::Abnormal);
        if found != expected || (must_tell && count.action_needed == 0) {
            let state = refund.state.as_str();
            let what = format!("is {state} with events {count:?}");
            return Err(broken(&refund.id, &what));
        }
        Ok(())
    }
}
