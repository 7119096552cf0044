//! What merchants see: endpoints, deliveries, and the body of a webhook.

use serde::Serialize;
use serde_json::value::RawValue;

use super::model::{Delivery, DeliveryAttempt, DeliveryState, Endpoint, EndpointState, Reply};
use crate::event::{Event, EventType};
use crate::payment::view::rfc3339;

/// The version of the events' data, in every webhook. Members may be added under the same version; whatever breaks a
/// reader makes a new one.
pub const DATA_VERSION: &str = "1";

/// A webhook endpoint. Never its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct EndpointView {
    /// `whk_` and 32 hexadecimal digits.
    pub id: String,
    /// The merchant.
    pub mchid: String,
    /// Where webhooks are sent.
    #[schema(example = "https://shop.example.com/webhooks/pay")]
    pub url: String,
    /// For people.
    pub description: String,
    /// Which events; all, if empty.
    pub event_types: Vec<EventType>,
    /// `enabled` or `disabled`.
    #[schema(example = "enabled")]
    pub state: &'static str,
    /// Since when it is disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<String>,
    /// `merchant` or `failure`, if disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_by: Option<&'static str>,
    /// Since when every delivery has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<String>,
    /// When it was made.
    pub created_at: String,
}

impl From<&Endpoint> for EndpointView {
    fn from(endpoint: &Endpoint) -> Self {
        let (disabled_at, disabled_by) = match endpoint.state {
            EndpointState::Enabled => (None, None),
            EndpointState::Disabled { at, by_failure } => (
                Some(rfc3339(at)),
                Some(if by_failure { "failure" } else { "merchant" }),
            ),
        };
        Self {
            id: endpoint.id.to_string(),
            mchid: endpoint.mchid.to_string(),
            url: endpoint.url.clone(),
            description: endpoint.description.clone(),
            event_types: endpoint.event_types.clone(),
            state: endpoint.state.as_str(),
            disabled_at,
            disabled_by,
            failing_since: endpoint.failing_since.map(rfc3339),
            created_at: rfc3339(endpoint.created_at),
        }
    }
}

impl EndpointView {
    /// As JSON text: the data of `webhook_endpoint.disabled`.
    pub fn to_json(&self) -> String {
        // Serialising plain strings cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// One event on its way to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DeliveryView {
    /// The endpoint.
    pub endpoint_id: String,
    /// The event; `webhook-id` of every copy.
    pub event_id: String,
    /// What kind of event.
    pub event_type: EventType,
    /// `pending`, `delivered` or `failed`.
    pub state: &'static str,
    /// How often it was sent since it was last asked for.
    pub tries: u32,
    /// When it is sent next; `pending` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<String>,
    /// When it was received, or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
}

impl From<&Delivery> for DeliveryView {
    fn from(delivery: &Delivery) -> Self {
        let (due_at, ended_at) = match delivery.state {
            DeliveryState::Pending { due_at } => (Some(rfc3339(due_at)), None),
            DeliveryState::Delivered { at } | DeliveryState::Failed { at } => {
                (None, Some(rfc3339(at)))
            }
        };
        Self {
            endpoint_id: delivery.endpoint_id.to_string(),
            event_id: delivery.event_id.to_string(),
            event_type: delivery.event_type,
            state: delivery.state.as_str(),
            tries: delivery.tries,
            due_at,
            ended_at,
        }
    }
}

/// One sending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DeliveryAttemptView {
    /// When it was answered, or given up.
    pub at: String,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// The receiver's HTTP status, if it answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl From<&DeliveryAttempt> for DeliveryAttemptView {
    fn from(attempt: &DeliveryAttempt) -> Self {
        let (status, error) = match &attempt.reply {
            Reply::Status(status) => (Some(*status), None),
            Reply::None { reason } => (None, Some(reason.clone())),
        };
        Self {
            at: rfc3339(attempt.at),
            took_ms: attempt.took_ms,
            status,
            error,
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    event_type: EventType,
    version: &'static str,
    timestamp: String,
    data: &'a RawValue,
}

/// The body of a webhook. A function of the stored event alone, so every copy is the same, byte for byte.
pub fn body(event: &Event) -> String {
    // The data was made by our own views; text that is no JSON cannot be in the database, and would be sent as null.
    let data: &RawValue = serde_json::from_str(&event.data).unwrap_or(RawValue::NULL);
    let body = Body {
        id: event.id.as_str(),
        event_type: event.event_type,
        version: DATA_VERSION,
        timestamp: rfc3339(event.at),
        data,
    };
    serde_json::to_string(&body).unwrap_or_default()
}
