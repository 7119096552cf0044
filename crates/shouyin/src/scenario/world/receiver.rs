//! The shop's receiver of webhooks: a small server that remembers what it got, and misbehaves on demand.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::address::Address;
use super::clock::WorldClock;

/// Longer than the server waits for an answer.
const SLOW: Duration = Duration::from_secs(20);

/// What a receiver does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Ok,
    Fails,
    IsDown,
    IsSlow,
    Redirects,
}

impl Behaviour {
    pub(crate) const NAMES: [(&'static str, Self); 5] = [
        ("ok", Self::Ok),
        ("fails", Self::Fails),
        ("is_down", Self::IsDown),
        ("is_slow", Self::IsSlow),
        ("redirects", Self::Redirects),
    ];
}

/// One message as it came.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// When it came, by WeChat's clock.
    pub(crate) at_ms: i64,
    pub(crate) id: String,
    pub(crate) event_type: String,
    pub(crate) body: Vec<u8>,
    pub(crate) signatures: usize,
    /// True if it was answered 200.
    pub(crate) taken: bool,
    /// What is wrong with it; nothing, if none.
    pub(crate) problem: Option<String>,
}

#[derive(Debug)]
struct Inner {
    clock: Arc<WorldClock>,
    behaviour: Behaviour,
    /// Newest last. A message must be signed with at least one.
    secrets: Vec<String>,
    messages: Vec<Message>,
    url: String,
}

#[derive(Debug, Clone)]
struct Shared(Arc<Mutex<Inner>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(crate) struct Receiver {
    address: Address,
    shared: Shared,
    serving: Option<JoinHandle<()>>,
}

impl Receiver {
    pub(crate) async fn start(clock: Arc<WorldClock>) -> anyhow::Result<Self> {
        let address = Address::reserve()?;
        let url = format!("{}/webhooks", address.url());
        let mut receiver = Self {
            address,
            shared: Shared(Arc::new(Mutex::new(Inner {
                clock,
                behaviour: Behaviour::Ok,
                secrets: Vec::new(),
                messages: Vec::new(),
                url,
            }))),
            serving: None,
        };
        receiver.behave(Behaviour::Ok).await?;
        Ok(receiver)
    }

    pub(crate) fn url(&self) -> String {
        self.shared.lock().url.clone()
    }

    pub(crate) fn add_secret(&self, secret: String) {
        self.shared.lock().secrets.push(secret);
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.shared.lock().messages.clone()
    }

    pub(crate) async fn behave(&mut self, behaviour: Behaviour) -> anyhow::Result<()> {
        self.shared.lock().behaviour = behaviour;
        let down = behaviour == Behaviour::IsDown;
        match (down, self.serving.take()) {
            (true, Some(serving)) => {
                serving.abort();
                // An abort is the only way this task ends.
                drop(serving.await);
                self.address.close().await?;
            }
            (false, None) => {
                let listener = self
                    .address
                    .open()
                    .await
                    .context("the receiver cannot listen")?;
                let router = Router::new()
                    .fallback(receive)
                    .with_state(self.shared.clone());
                self.serving = Some(tokio::spawn(async move {
                    if let Err(why) = axum::serve(listener, router).await {
                        tracing::debug!("A receiver ended: {why}");
                    }
                }));
            }
            (_, unchanged) => self.serving = unchanged,
        }
        Ok(())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

async fn receive(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let behaviour = {
        let mut inner = shared.lock();
        let message = read(&inner, &headers, &body);
        inner.messages.push(message);
        inner.behaviour
    };
    match behaviour {
        Behaviour::Ok => StatusCode::OK.into_response(),
        Behaviour::Fails | Behaviour::IsDown => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Behaviour::IsSlow => {
            tokio::time::sleep(SLOW).await;
            StatusCode::OK.into_response()
        }
        // Whoever follows comes back to the same address, where he is counted.
        Behaviour::Redirects => {
            let url = shared.lock().url.clone();
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, url)]).into_response()
        }
    }
}

fn read(inner: &Inner, headers: &HeaderMap, body: &[u8]) -> Message {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let (id, timestamp, signature) = (
        text("webhook-id"),
        text("webhook-timestamp"),
        text("webhook-signature"),
    );
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let member = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    let problem = if id.is_empty() || member("id") != id {
        Some(format!(
            "webhook-id is {id:?}, the body says {:?}",
            member("id")
        ))
    } else if is_signed(&inner.secrets, &id, &timestamp, body, &signature) {
        None
    } else {
        Some("no signature verifies with a secret of this endpoint".to_owned())
    };
    Message {
        at_ms: inner.clock.now_ms(),
        id,
        event_type: member("type"),
        body: body.to_vec(),
        signatures: signature.split_whitespace().count(),
        taken: inner.behaviour == Behaviour::Ok,
        problem,
    }
}

/// As the Standard Webhooks specification says, with none of the code that signs.
fn is_signed(secrets: &[String], id: &str, timestamp: &str, body: &[u8], signature: &str) -> bool {
    let mut signed = format!("{id}.{timestamp}.").into_bytes();
    signed.extend_from_slice(body);
    secrets.iter().any(|secret| {
        let Some(Ok(bytes)) = secret
            .strip_prefix("whsec_")
            .map(|text| STANDARD.decode(text))
        else {
            return false;
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        let wanted = format!("v1,{}", STANDARD.encode(hmac::sign(&key, &signed)));
        signature.split_whitespace().any(|one| one == wanted)
    })
}
