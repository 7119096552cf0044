//! Sends webhooks: signed in the Standard Webhooks format, and never to an internal address.
//!
//! A merchant chooses where webhooks go, and this process stands where merchants do not: inside the operator's network. So an
//! address is checked three times. [`WebhookSender::accepts`] refuses what is written to be internal, which is only a
//! courtesy. [`WebhookSender::send`] refuses it again, because the HTTP client never resolves a literal address. And a name
//! is resolved by [`resolve`], which hands the HTTP client nothing but checked addresses: the address that was checked is the
//! address that is connected to, whatever DNS says a moment later.

mod address;
mod failure;
mod resolve;
mod sign;
#[cfg(test)]
mod tests;
mod tls;
mod url;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use shouyin_core::ports::{BoxFuture, WebhookSender};
use shouyin_core::task::LEASE_MS;
use shouyin_core::webhook::model::{Message, Reply};

use address::Allowed;
pub use resolve::{Lookup, SystemLookup};

/// Who we are, to receivers.
const USER_AGENT: &str = concat!("Shouyin/", env!("CARGO_PKG_VERSION"));

/// Idle connections are dropped before most receivers drop them.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// So much of an answer's body is read, in bytes, and thrown away: a body that was read to its end leaves the connection
/// usable for the next webhook.
const BODY_LIMIT: usize = 16 * 1024;

/// And for so long. The status has been read by then, and nothing else counts.
const BODY_PATIENCE: Duration = Duration::from_secs(1);

/// How webhooks are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookOptions {
    /// Whether endpoints may be plain `http`.
    pub allow_http: bool,
    /// Addresses that may be called although they are internal.
    pub allowed_networks: Vec<IpNet>,
    /// How long one sending may take, from looking up the name to the answer, in milliseconds. Less than half of
    /// [`LEASE_MS`].
    pub timeout_ms: u64,
}

impl Default for WebhookOptions {
    /// `https` only, no internal addresses, 10 s.
    fn default() -> Self {
        Self {
            allow_http: false,
            allowed_networks: Vec::new(),
            timeout_ms: 10_000,
        }
    }
}

/// Why webhooks cannot be sent with these options.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookSetupError {
    /// Of the options.
    #[error("timeout_ms must be from 1 to {}", longest_timeout_ms())]
    Timeout,
    /// The machine's root certificates or the TLS library.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// Anything else.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
}

/// The task that sends holds its lease for [`LEASE_MS`]; two sendings must fit into it.
fn longest_timeout_ms() -> u64 {
    u64::try_from(LEASE_MS / 2 - 1).unwrap_or(0)
}

/// Sends webhooks over HTTP/1.1 with pooled connections. Follows no redirect, keeps no cookie, uses no proxy.
pub struct HttpWebhookSender {
    client: reqwest::Client,
    allow_http: bool,
    allowed: Arc<Allowed>,
    timeout: Duration,
}

impl HttpWebhookSender {
    /// Looks up names as the machine does. Prepares connections; makes none yet.
    ///
    /// # Errors
    /// Options out of range, or the machine's root certificates cannot be loaded.
    pub fn new(options: WebhookOptions) -> Result<Self, WebhookSetupError> {
        Self::with_lookup(options, Arc::new(SystemLookup))
    }

    /// The same with another way to look up names, for tests. What it answers is checked like everything else.
    ///
    /// # Errors
    /// As [`HttpWebhookSender::new`].
    pub fn with_lookup(
        options: WebhookOptions,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, WebhookSetupError> {
        let tls = tls::config(options.allow_http)?;
        Self::build(options, lookup, tls)
    }

    fn build(
        options: WebhookOptions,
        lookup: Arc<dyn Lookup>,
        tls: rustls::ClientConfig,
    ) -> Result<Self, WebhookSetupError> {
        if options.timeout_ms == 0 || options.timeout_ms > longest_timeout_ms() {
            return Err(WebhookSetupError::Timeout);
        }
        let timeout = Duration::from_millis(options.timeout_ms);
        let allowed = Arc::new(Allowed::new(options.allowed_networks));
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(resolve::Checked::new(lookup, Arc::clone(&allowed)))
            .user_agent(USER_AGENT)
            .timeout(timeout)
            // Divided among the addresses of a name, so that one of them being dead leaves time for the others.
            .connect_timeout(timeout / 2)
            .pool_idle_timeout(IDLE_LIMIT)
            // A redirect would lead where nobody checked; repeating is the worker's business, who writes it down.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            // A proxy would resolve the name itself, behind our back.
            .no_proxy()
            .referer(false)
            .http1_only()
            .build()
            .map_err(|error| WebhookSetupError::Client(error.to_string()))?;
        Ok(Self {
            client,
            allow_http: options.allow_http,
            allowed,
            timeout,
        })
    }

    async fn deliver(&self, message: &Message) -> Result<u16, String> {
        let url = url::check(&message.url, self.allow_http, &self.allowed)
            .map_err(|why| format!("the address {why}"))?;
        let signatures = sign::signatures(message)?;
        let sent = self
            .client
            .post(url)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .header(
                standardwebhooks::HEADER_WEBHOOK_ID,
                message.event_id.as_str(),
            )
            .header(
                standardwebhooks::HEADER_WEBHOOK_TIMESTAMP,
                message.timestamp_s,
            )
            .header(standardwebhooks::HEADER_WEBHOOK_SIGNATURE, signatures)
            .body(message.body.clone())
            .send();
        // The client has the same timeout; this one also covers what the client does before it starts its own.
        match tokio::time::timeout(self.timeout, sent).await {
            Err(_) => Err(failure::too_slow(self.timeout)),
            Ok(Err(error)) => Err(failure::reason(&error, self.timeout)),
            Ok(Ok(response)) => {
                let status = response.status().as_u16();
                finish(response).await;
                Ok(status)
            }
        }
    }
}

/// Reads a little of the body, and forgets it.
async fn finish(mut response: reqwest::Response) {
    let read = async {
        let mut length = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            length += chunk.len();
            if length > BODY_LIMIT {
                return;
            }
        }
    };
    // Whether it ended or not, the answer is known.
    drop(tokio::time::timeout(BODY_PATIENCE, read).await);
}

impl WebhookSender for HttpWebhookSender {
    fn accepts(&self, url: &str) -> Result<(), String> {
        url::check(url, self.allow_http, &self.allowed).map(drop)
    }

    fn send<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            match self.deliver(message).await {
                Ok(status) => Reply::Status(status),
                Err(reason) => Reply::None { reason },
            }
        })
    }
}

impl fmt::Debug for HttpWebhookSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpWebhookSender")
            .field("allow_http", &self.allow_http)
            .field("allowed", &self.allowed)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
