//! Events: business facts with an id that never changes.

use serde::{Deserialize, Serialize};

use crate::id::{EventId, Mchid, PaymentId, RefundId};
use crate::time::Timestamp;

/// The kinds of events, as merchants see them. `docs/events.md` is the catalogue.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
pub enum EventType {
    /// The merchant asked to be paid.
    #[serde(rename = "payment.created")]
    PaymentCreated,
    /// The merchant changed what it asks for; earlier orders at WeChat are being closed.
    #[serde(rename = "payment.revised")]
    PaymentRevised,
    /// WeChat has the money; verified and cross-checked.
    #[serde(rename = "payment.paid")]
    PaymentPaid,
    /// The payment was closed here, then WeChat reported it paid: kept or refunded, by the merchant's policy.
    #[serde(rename = "payment.paid_late")]
    PaymentPaidLate,
    /// Money beyond what the payment asked for came in through another attempt: refunded or kept, by the merchant's policy.
    #[serde(rename = "payment.surplus_paid")]
    PaymentSurplusPaid,
    /// A scanned payment code brought no money, and will not: the payer may show a fresh one.
    #[serde(rename = "payment.code_failed")]
    PaymentCodeFailed,
    /// Nobody can pay it any more; WeChat confirmed it.
    #[serde(rename = "payment.closed")]
    PaymentClosed,
    /// A refund was recorded: asked for here, made by policy, or found at WeChat.
    #[serde(rename = "refund.created")]
    RefundCreated,
    /// The money went back.
    #[serde(rename = "refund.succeeded")]
    RefundSucceeded,
    /// WeChat closed the refund: nothing went back, and the amount can be refunded again.
    #[serde(rename = "refund.closed")]
    RefundClosed,
    /// WeChat will not make this refund: nothing went back.
    #[serde(rename = "refund.rejected")]
    RefundRejected,
    /// The refund waits for a person: the balance must be topped up, or the payer's account cannot take the money.
    #[serde(rename = "refund.action_needed")]
    RefundActionNeeded,
    /// A webhook endpoint failed for so long that nothing is sent to it any more.
    #[serde(rename = "webhook_endpoint.disabled")]
    EndpointDisabled,
    /// WeChat's bill of a day was compared with our books.
    #[serde(rename = "reconciliation.completed")]
    ReconciliationCompleted,
    /// The bill and our books differ, and a person has to look.
    #[serde(rename = "reconciliation.difference_found")]
    ReconciliationDifferenceFound,
}

impl EventType {
    /// All kinds.
    pub const ALL: [Self; 15] = [
        Self::PaymentCreated,
        Self::PaymentRevised,
        Self::PaymentPaid,
        Self::PaymentPaidLate,
        Self::PaymentSurplusPaid,
        Self::PaymentCodeFailed,
        Self::PaymentClosed,
        Self::RefundCreated,
        Self::RefundSucceeded,
        Self::RefundClosed,
        Self::RefundRejected,
        Self::RefundActionNeeded,
        Self::EndpointDisabled,
        Self::ReconciliationCompleted,
        Self::ReconciliationDifferenceFound,
    ];

    /// The name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PaymentCreated => "payment.created",
            Self::PaymentRevised => "payment.revised",
            Self::PaymentPaid => "payment.paid",
            Self::PaymentPaidLate => "payment.paid_late",
            Self::PaymentSurplusPaid => "payment.surplus_paid",
            Self::PaymentCodeFailed => "payment.code_failed",
            Self::PaymentClosed => "payment.closed",
            Self::RefundCreated => "refund.created",
            Self::RefundSucceeded => "refund.succeeded",
            Self::RefundClosed => "refund.closed",
            Self::RefundRejected => "refund.rejected",
            Self::RefundActionNeeded => "refund.action_needed",
            Self::EndpointDisabled => "webhook_endpoint.disabled",
            Self::ReconciliationCompleted => "reconciliation.completed",
            Self::ReconciliationDifferenceFound => "reconciliation.difference_found",
        }
    }

    /// The inverse of [`EventType::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One fact. Its body is written once, in the transaction that made it true, and never again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The id that every copy of this event carries.
    pub id: EventId,
    /// Whose event it is.
    pub mchid: Mchid,
    /// What happened.
    pub event_type: EventType,
    /// To which payment, if to one.
    pub payment_id: Option<PaymentId>,
    /// To which refund, if to one.
    pub refund_id: Option<RefundId>,
    /// When it was stored.
    pub at: Timestamp,
    /// The payment, the refund, the endpoint, the day or the difference as it was then, as JSON text (see
    /// [`crate::payment::view::PaymentView`], [`crate::refund::view::RefundView`], [`crate::webhook::view::EndpointView`],
    /// [`crate::reconciliation::view`]).
    pub data: String,
}

/// An event with its place in the order of commits, for readers that page through all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Grows with every commit; the cursor of the pull API.
    pub seq: i64,
    /// The event.
    pub event: Event,
}
