//! Endpoints come, change and go.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::task;
use crate::event::EventType;
use crate::id::{EndpointId, Mchid};
use crate::ports::{Changes, DeliveryChange, EndpointChange, Ids};
use crate::task::TaskChange;
use crate::time::{DAY_MS, Timestamp};
use crate::webhook::model::{Endpoint, EndpointState, MAX_ENDPOINTS, Secret};

/// Longest description in characters.
pub const MAX_DESCRIPTION: usize = 200;
/// Longest address in bytes.
pub const MAX_URL: usize = 500;
/// At most this many secrets are kept for an endpoint: every one makes each webhook longer.
pub const MAX_SECRETS: usize = 5;
/// A replaced secret signs for at most this long, in milliseconds.
pub const MAX_OVERLAP_MS: i64 = 7 * DAY_MS;

/// An endpoint that a merchant wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEndpoint {
    /// Whose.
    pub mchid: Mchid,
    /// Where to.
    pub url: String,
    /// For people; at most [`MAX_DESCRIPTION`] characters.
    pub description: String,
    /// Which events; all, if empty.
    pub event_types: Vec<EventType>,
}

/// What a merchant wants to be different; what is none stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointPatch {
    /// Where to.
    pub url: Option<String>,
    /// For people; at most [`MAX_DESCRIPTION`] characters.
    pub description: Option<String>,
    /// Which events; all, if empty.
    pub event_types: Option<Vec<EventType>>,
    /// Whether anything is sent.
    pub enabled: Option<bool>,
}

/// Why an endpoint is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Nothing may be sent to this address.
    #[error("url {0}")]
    BadUrl(String),
    /// The merchant has [`MAX_ENDPOINTS`] already.
    #[error("there are {MAX_ENDPOINTS} webhook endpoints already; delete one first")]
    TooMany,
    /// Another member is wrong.
    #[error("{field} {problem}")]
    Invalid {
        /// Which, in the words of the API.
        field: &'static str,
        /// What is wrong with it and what is accepted.
        problem: String,
    },
}

/// An endpoint with its newest secret, which is shown this once.
#[derive(Clone, PartialEq, Eq)]
pub struct Created {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// `whsec_` and Base64 of 32 random bytes.
    pub secret: String,
}

impl std::fmt::Debug for Created {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Created")
            .field("endpoint", &self.endpoint)
            .field("secret", &"***")
            .finish()
    }
}

impl NewEndpoint {
    /// Checks what can be checked without the database. `accepts` says whether an address may be used.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, accepts: impl Fn(&str) -> Result<(), String>) -> Result<(), EndpointError> {
        check_url(&self.url, accepts)?;
        check_description(&self.description)
    }
}

impl EndpointPatch {
    /// Checks what can be checked without the database. `accepts` says whether an address may be used.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, accepts: impl Fn(&str) -> Result<(), String>) -> Result<(), EndpointError> {
        if let Some(url) = &self.url {
            check_url(url, accepts)?;
        }
        self.description
            .as_deref()
            .map_or(Ok(()), check_description)
    }
}

fn check_url(url: &str, accepts: impl Fn(&str) -> Result<(), String>) -> Result<(), EndpointError> {
    if url.len() > MAX_URL {
        return Err(EndpointError::BadUrl(format!(
            "is longer than {MAX_URL} bytes"
        )));
    }
    accepts(url).map_err(EndpointError::BadUrl)
}

fn check_description(text: &str) -> Result<(), EndpointError> {
    if text.chars().count() > MAX_DESCRIPTION {
        return Err(EndpointError::Invalid {
            field: "description",
            problem: format!("is longer than {MAX_DESCRIPTION} characters"),
        });
    }
    Ok(())
}

/// Each type once, in the order of the catalogue.
fn each_once(mut event_types: Vec<EventType>) -> Vec<EventType> {
    event_types.sort_unstable();
    event_types.dedup();
    event_types
}

fn fresh_secret(ids: &dyn Ids) -> Secret {
    let mut bytes = Vec::with_capacity(32);
    bytes.extend(ids.random().to_be_bytes());
    bytes.extend(ids.random().to_be_bytes());
    Secret {
        text: format!("whsec_{}", STANDARD.encode(bytes)),
        expires_at: None,
    }
}

fn put(endpoint: Endpoint) -> Changes {
    Changes {
        endpoints: vec![EndpointChange::Put(endpoint)],
        ..Changes::default()
    }
}

/// Makes an endpoint beside these. `new` was checked.
///
/// # Errors
/// There are too many already.
pub fn create(
    endpoints: &[Endpoint],
    new: NewEndpoint,
    now: Timestamp,
    ids: &dyn Ids,
) -> Result<(Created, Changes), EndpointError> {
    if endpoints.len() >= MAX_ENDPOINTS {
        return Err(EndpointError::TooMany);
    }
    let secret = fresh_secret(ids);
    let created = Created {
        secret: secret.text.clone(),
        endpoint: Endpoint {
            id: EndpointId::fresh(ids, now),
            mchid: new.mchid,
            url: new.url,
            description: new.description,
            event_types: each_once(new.event_types),
            secrets: vec![secret],
            state: EndpointState::Enabled,
            created_at: now,
            failing_since: None,
        },
    };
    let changes = put(created.endpoint.clone());
    Ok((created, changes))
}

/// Changes an endpoint. `patch` was checked.
pub fn update(endpoint: &Endpoint, patch: EndpointPatch, now: Timestamp) -> (Endpoint, Changes) {
    let mut after = endpoint.clone();
    if let Some(url) = patch.url {
        after.url = url;
    }
    if let Some(description) = patch.description {
        after.description = description;
    }
    if let Some(event_types) = patch.event_types {
        after.event_types = each_once(event_types);
    }
    after.state = match (patch.enabled, endpoint.state) {
        (Some(true), _) => EndpointState::Enabled,
        (Some(false), EndpointState::Enabled) => EndpointState::Disabled {
            at: now,
            by_failure: false,
        },
        // Since when, and by whom, stays true.
        (Some(false), disabled @ EndpointState::Disabled { .. }) => disabled,
        (None, state) => state,
    };
    let is_enabled = after.state == EndpointState::Enabled;
    // Failures at another address say nothing about this one. And who enables an endpoint believes that it works now.
    let starts_anew = is_enabled
        && (after.url != endpoint.url || (patch.enabled == Some(true) && needs_a_start(endpoint)));
    if starts_anew {
        after.failing_since = None;
    }
    if after == *endpoint {
        return (after, Changes::default());
    }
    let mut changes = put(after.clone());
    if starts_anew {
        changes.deliveries.push(DeliveryChange::Hurry {
            endpoint_id: after.id.clone(),
            due_at: now,
        });
        changes.tasks.push(TaskChange::Wake(task(&after, now)));
    }
    (after, changes)
}

fn needs_a_start(endpoint: &Endpoint) -> bool {
    endpoint.state != EndpointState::Enabled || endpoint.failing_since.is_some()
}

/// Removes an endpoint, with its deliveries, their log and its task.
pub fn delete(endpoint: &Endpoint) -> Changes {
    Changes {
        endpoints: vec![EndpointChange::Delete(endpoint.id.clone())],
        ..Changes::default()
    }
}

/// Adds a fresh secret. The ones before it go on signing for `overlap_ms` (0 to [`MAX_OVERLAP_MS`]; more and less are cut), so
/// that the receiver can change over without losing a webhook.
pub fn rotate_secret(
    endpoint: &Endpoint,
    overlap_ms: i64,
    now: Timestamp,
    ids: &dyn Ids,
) -> (Created, Changes) {
    let end = now.plus_ms(overlap_ms.clamp(0, MAX_OVERLAP_MS));
    let secret = fresh_secret(ids);
    let text = secret.text.clone();
    let older = endpoint.secrets.iter().map(|old| Secret {
        text: old.text.clone(),
        // An end that was promised before is not put off.
        expires_at: Some(old.expires_at.map_or(end, |promised| promised.min(end))),
    });
    let mut after = Endpoint {
        secrets: std::iter::once(secret).chain(older).collect(),
        ..endpoint.clone()
    };
    after.secrets = after.valid_secrets(now);
    after.secrets.truncate(MAX_SECRETS);
    let changes = put(after.clone());
    let created = Created {
        endpoint: after,
        secret: text,
    };
    (created, changes)
}
