//! Types and states.

use crate::event::EventType;
use crate::id::{EndpointId, EventId, Mchid};
use crate::time::Timestamp;

/// A merchant keeps at most this many endpoints.
pub const MAX_ENDPOINTS: usize = 20;

/// An address that a merchant's events are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Our id.
    pub id: EndpointId,
    /// Whose.
    pub mchid: Mchid,
    /// Where to: `https` (or `http`, if the operator allows it), no user, no fragment.
    pub url: String,
    /// For people.
    pub description: String,
    /// Which events; all, if empty.
    pub event_types: Vec<EventType>,
    /// Newest first. More than one are valid while a secret is being rotated; each signs.
    pub secrets: Vec<Secret>,
    /// Whether anything is sent.
    pub state: EndpointState,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when every delivery has failed; none while deliveries succeed.
    pub failing_since: Option<Timestamp>,
}

/// Whether anything is sent to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointState {
    /// Events are sent.
    Enabled,
    /// Nothing is sent, and nothing is kept for it: the merchant said so, or it failed for too long.
    Disabled {
        /// Since when.
        at: Timestamp,
        /// True if it failed for too long; false if the merchant said so.
        by_failure: bool,
    },
}

impl EndpointState {
    /// The name in the API and in the database.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled { .. } => "disabled",
        }
    }
}

/// A signing secret of the Standard Webhooks format.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// `whsec_` and Base64 of 32 random bytes.
    pub text: String,
    /// Until when it signs; for ever, if none.
    pub expires_at: Option<Timestamp>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl Endpoint {
    /// True if events of this type are sent to it.
    pub fn wants(&self, event_type: EventType) -> bool {
        self.state == EndpointState::Enabled
            && (self.event_types.is_empty() || self.event_types.contains(&event_type))
    }

    /// The secrets that sign now, newest first.
    pub fn valid_secrets(&self, now: Timestamp) -> Vec<Secret> {
        self.secrets
            .iter()
            .filter(|secret| secret.expires_at.is_none_or(|end| now < end))
            .cloned()
            .collect()
    }
}

/// One event on its way to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// To where.
    pub endpoint_id: EndpointId,
    /// Whose.
    pub mchid: Mchid,
    /// Which event. One delivery per endpoint and event, however often it is sent.
    pub event_id: EventId,
    /// What kind of event.
    pub event_type: EventType,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was sent since it was last asked for.
    pub tries: u32,
    /// When it was asked for: with its event, or by a resend.
    pub requested_at: Timestamp,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// To be sent.
    Pending {
        /// Not before.
        due_at: Timestamp,
    },
    /// Answered 2xx.
    Delivered {
        /// When.
        at: Timestamp,
    },
    /// Given up after the last retry; can be resent.
    Failed {
        /// When.
        at: Timestamp,
    },
}

impl DeliveryState {
    /// The name in the API and in the database.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Delivered { .. } => "delivered",
            Self::Failed { .. } => "failed",
        }
    }
}

/// One sending of a delivery, for the log that merchants read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// To where.
    pub endpoint_id: EndpointId,
    /// Which event.
    pub event_id: EventId,
    /// When it was answered, or given up.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// What came of it.
    pub reply: Reply,
}

/// What a receiver answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// An HTTP status. 2xx counts as received; a redirect does not and is not followed.
    Status(u16),
    /// None: no connection, no answer in time, an address that must not be called.
    None {
        /// For people: why.
        reason: String,
    },
}

impl Reply {
    /// True if the receiver has it.
    pub const fn is_received(&self) -> bool {
        matches!(self, Self::Status(200..=299))
    }
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// To where.
    pub url: String,
    /// The event's id: header `webhook-id`, the same on every copy.
    pub event_id: EventId,
    /// The moment of sending, in seconds: header `webhook-timestamp`, signed.
    pub timestamp_s: i64,
    /// The body, the same on every copy (see [`crate::webhook::view::body`]).
    pub body: String,
    /// Each signs; header `webhook-signature` carries all signatures.
    pub secrets: Vec<Secret>,
}
