//! The HTTP transport (feature `client`).

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use crate::BoxFuture;
use crate::transport::{Method, Request, Response, Transport, TransportError};

/// The host of WeChat's server interfaces.
pub const HOST: &str = "https://api.weixin.qq.com";

/// How to reach WeChat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpOptions {
    /// `https://host[:port]` without a path. Plain `http` is for simulators.
    pub base_url: String,
    /// For one connection, TLS included.
    pub connect_timeout: Duration,
    /// For a whole exchange.
    pub timeout: Duration,
    /// Who we are.
    pub user_agent: String,
    /// Longer answers are not read to their end (bytes).
    pub answer_limit: usize,
}

impl HttpOptions {
    /// WeChat's own host, with 5 s for a connection and 10 s for an exchange.
    pub fn wechat() -> Self {
        Self::at(HOST)
    }

    /// Another host, for example a simulator.
    pub fn at(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
            user_agent: concat!("wechat-miniprogram-rs/", env!("CARGO_PKG_VERSION")).to_owned(),
            answer_limit: 1024 * 1024,
        }
    }
}

/// Why the transport cannot be made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is not usable.
    #[error("{0:?} is not http(s)://host[:port]")]
    BaseUrl(String),
    /// The machine's root certificates or the TLS library.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// Anything else.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
}

/// Sends requests over HTTPS with pooled connections. The check of WeChat's TLS certificate cannot be switched off;
/// redirects and proxies of the environment are ignored. Error texts never hold the address, whose query has secrets.
pub struct HttpTransport {
    client: reqwest::Client,
    base: Url,
    answer_limit: usize,
}

impl HttpTransport {
    /// Prepares connections; makes none yet.
    ///
    /// # Errors
    /// When the address is not `http(s)://host[:port]` or the machine's root certificates cannot be loaded.
    pub fn new(options: HttpOptions) -> Result<Self, HttpError> {
        let refuse = || HttpError::BaseUrl(options.base_url.clone());
        let base = Url::parse(&options.base_url).map_err(|_| refuse())?;
        let plain = matches!(base.scheme(), "http" | "https")
            && base.path() == "/"
            && base.query().is_none()
            && base.fragment().is_none()
            && base.username().is_empty();
        if !plain {
            return Err(refuse());
        }
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(base.scheme() == "https")?)
            .user_agent(&options.user_agent)
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            // Before the other side drops them: a request that meets a closing connection may be lost.
            .pool_idle_timeout(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| HttpError::Client(causes(&error)))?;
        Ok(Self {
            client,
            base,
            answer_limit: options.answer_limit,
        })
    }

    async fn exchange(&self, request: &Request) -> Result<Response, TransportError> {
        let url = url(&self.base, &request.target)?;
        let mut builder = match request.method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url),
        };
        if !request.body.is_empty() {
            builder = builder
                .header("Content-Type", "application/json")
                .body(request.body.to_vec());
        }
        let mut response = builder.send().await.map_err(|error| failure(&error))?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| TransportError::NoAnswer(causes(&error)))?
        {
            if body.len() + chunk.len() > self.answer_limit {
                return Err(TransportError::NoAnswer(format!(
                    "the answer has more than {} bytes",
                    self.answer_limit
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status, body })
    }
}

impl Transport for HttpTransport {
    fn send<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Response, TransportError>> {
        Box::pin(self.exchange(request))
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpTransport({})", self.base)
    }
}

/// The address to call. Without its leading `/` a target could name another host (`@evil.example`).
fn url(base: &Url, target: &str) -> Result<Url, TransportError> {
    let refuse = || TransportError::NotSent("the path is not usable".to_owned());
    if !target.starts_with('/') {
        return Err(refuse());
    }
    let origin = base.as_str().trim_end_matches('/');
    Url::parse(&format!("{origin}{target}")).map_err(|_| refuse())
}

/// TLS with the machine's root certificates and a named provider, so that nothing depends on a process-wide default.
fn tls(secure: bool) -> Result<ClientConfig, HttpError> {
    let refuse = |error: rustls::Error| HttpError::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(refuse)?;
    let mut config = if secure {
        builder
            .with_platform_verifier()
            .map_err(refuse)?
            .with_no_client_auth()
    } else {
        // Only a plain address (a simulator): nothing to trust.
        builder
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth()
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Only a failed connection proves that nothing was sent.
fn failure(error: &reqwest::Error) -> TransportError {
    if error.is_connect() || error.is_builder() {
        TransportError::NotSent(causes(error))
    } else {
        TransportError::NoAnswer(causes(error))
    }
}

/// What went wrong, without the address.
fn causes(error: &reqwest::Error) -> String {
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

#[cfg(test)]
mod tests;
