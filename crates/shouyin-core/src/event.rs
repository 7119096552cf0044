//! Events: business facts with an id that never changes.

use serde::{Deserialize, Serialize};

use crate::id::{EventId, Mchid, PaymentId};
use crate::time::Timestamp;

/// The kinds of events, as merchants see them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
pub enum EventType {
    /// The merchant asked to be paid.
    #[serde(rename = "payment.created")]
    PaymentCreated,
    /// WeChat has the money; verified and cross-checked.
    #[serde(rename = "payment.paid")]
    PaymentPaid,
    /// The payment was closed here, then WeChat reported it paid: money that needs a decision.
    #[serde(rename = "payment.paid_late")]
    PaymentPaidLate,
    /// Nobody can pay it any more; WeChat confirmed it.
    #[serde(rename = "payment.closed")]
    PaymentClosed,
}

impl EventType {
    /// The name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PaymentCreated => "payment.created",
            Self::PaymentPaid => "payment.paid",
            Self::PaymentPaidLate => "payment.paid_late",
            Self::PaymentClosed => "payment.closed",
        }
    }

    /// The inverse of [`EventType::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::PaymentCreated,
            Self::PaymentPaid,
            Self::PaymentPaidLate,
            Self::PaymentClosed,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == text)
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
    /// To which payment.
    pub payment_id: PaymentId,
    /// When it was stored.
    pub at: Timestamp,
    /// The payment as it was then, as JSON text (see [`crate::payment::view::PaymentView`]).
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
