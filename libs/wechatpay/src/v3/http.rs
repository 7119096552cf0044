//! The HTTP transport (feature `client`).

mod identity;
mod options;
#[cfg(test)]
mod tests;
mod tls;

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use reqwest::Url;

use super::request::{Method, RawResponse, SignedRequest};
use super::transport::{Transport, TransportError};
use crate::BoxFuture;

pub use identity::ClientIdentity;
pub use options::{HttpError, HttpOptions, PRIMARY_HOST, SECONDARY_HOST};

/// Idle connections are dropped before the other side drops them: a request that meets a closing connection has an
/// unknown outcome.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// A file of many megabytes may take longer than an answer.
const FILE_TIME: Duration = Duration::from_secs(300);

/// Sends requests over HTTPS with pooled connections.
///
/// When no connection to the first host can be made, the same signed request goes to the second: the host is not part
/// of what is signed. Once a connection was made nothing is repeated, because the request may have arrived. There is
/// no way to switch off the check of WeChat's TLS certificate; redirects and proxies of the environment are ignored.
pub struct HttpTransport {
    client: reqwest::Client,
    primary: Url,
    secondary: Option<Url>,
    limits: Limits,
}

/// What one exchange may take.
#[derive(Clone, Copy)]
struct Limits {
    bytes: usize,
    time: Duration,
}

impl HttpTransport {
    /// Prepares connections; makes none yet.
    ///
    /// # Errors
    /// When an address is not `http(s)://host[:port]` or the machine's root certificates cannot be loaded.
    pub fn new(options: HttpOptions) -> Result<Self, HttpError> {
        let primary = options::base_url(&options.primary)?;
        let secondary = options
            .secondary
            .as_deref()
            .map(options::base_url)
            .transpose()?;
        let secure = std::iter::once(&primary)
            .chain(&secondary)
            .any(|url| url.scheme() == "https");
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(secure, &options)?)
            .user_agent(&options.user_agent)
            .connect_timeout(options.connect_timeout)
            .pool_idle_timeout(IDLE_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| HttpError::Client(chain(&error)))?;
        Ok(Self {
            client,
            primary,
            secondary,
            limits: Limits {
                bytes: options.answer_limit,
                time: options.timeout,
            },
        })
    }

    async fn send_to_one_or_other(
        &self,
        request: &SignedRequest,
        limits: Limits,
    ) -> Result<RawResponse, TransportError> {
        let first = self.send_to(&self.primary, request, limits).await;
        match (&first, &self.secondary) {
            (Err(TransportError::NotSent(why)), Some(secondary)) => {
                tracing::warn!("WeChat's first host cannot be reached, trying the second: {why}");
                self.send_to(secondary, request, limits).await
            }
            _ => first,
        }
    }

    async fn send_to(
        &self,
        base: &Url,
        request: &SignedRequest,
        limits: Limits,
    ) -> Result<RawResponse, TransportError> {
        let url = url(base, &request.target)?;
        let mut builder = self
            .client
            .request(method(request.method), url)
            .timeout(limits.time)
            .body(request.body.clone());
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let mut response = builder.send().await.map_err(|error| failure(&error))?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect();
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| TransportError::NoAnswer(chain(&error)))?
        {
            if body.len() + chunk.len() > limits.bytes {
                return Err(TransportError::NoAnswer(format!(
                    "the answer has more than {} bytes",
                    limits.bytes
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(RawResponse {
            status,
            headers,
            body,
        })
    }
}

impl Transport for HttpTransport {
    fn send<'a>(
        &'a self,
        request: &'a SignedRequest,
    ) -> BoxFuture<'a, Result<RawResponse, TransportError>> {
        Box::pin(self.send_to_one_or_other(request, self.limits))
    }

    fn fetch<'a>(
        &'a self,
        request: &'a SignedRequest,
        limit: usize,
    ) -> BoxFuture<'a, Result<RawResponse, TransportError>> {
        let limits = Limits {
            bytes: limit,
            time: self.limits.time.max(FILE_TIME),
        };
        Box::pin(self.send_to_one_or_other(request, limits))
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport")
            .field("primary", &self.primary.as_str())
            .field("secondary", &self.secondary.as_ref().map(Url::as_str))
            .finish_non_exhaustive()
    }
}

/// The address to call. The target must survive as it was signed, byte for byte; without its leading `/` it could
/// also name another host (`@evil.example`).
fn url(base: &Url, target: &str) -> Result<Url, TransportError> {
    let refuse = || TransportError::NotSent(format!("{target:?} is not a request target"));
    let origin = base.as_str().trim_end_matches('/');
    let url = Url::parse(&format!("{origin}{target}")).map_err(|_| refuse())?;
    let kept = target.starts_with('/') && url.as_str().strip_prefix(origin) == Some(target);
    if kept { Ok(url) } else { Err(refuse()) }
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}

/// Only a failed connection proves that nothing was sent.
fn failure(error: &reqwest::Error) -> TransportError {
    let text = chain(error);
    if error.is_connect() || error.is_builder() {
        TransportError::NotSent(text)
    } else {
        TransportError::NoAnswer(text)
    }
}

/// The error with its causes; without the address, which carries order numbers.
fn chain(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() {
        "timed out".to_owned()
    } else if error.is_connect() {
        "no connection".to_owned()
    } else {
        "the exchange failed".to_owned()
    };
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
