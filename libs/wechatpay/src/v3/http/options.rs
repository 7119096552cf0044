use std::time::Duration;

use reqwest::Url;

use super::identity::ClientIdentity;

/// The first host of WeChat Pay.
pub const PRIMARY_HOST: &str = "https://api.mch.weixin.qq.com";
/// The second, in another place of the net.
pub const SECONDARY_HOST: &str = "https://api2.mch.weixin.qq.com";

/// How to reach WeChat Pay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpOptions {
    /// `https://host[:port]` without a path. Plain `http` is for simulators.
    pub primary: String,
    /// Where to go when no connection to the first can be made.
    pub secondary: Option<String>,
    /// For one connection, TLS included.
    pub connect_timeout: Duration,
    /// For a whole exchange with one host, from the first byte to the last.
    pub timeout: Duration,
    /// Who we are.
    pub user_agent: String,
    /// Longer answers are not read to their end (bytes).
    pub answer_limit: usize,
    /// The merchant's certificate, for calls that ask for it.
    pub identity: Option<ClientIdentity>,
    /// Authorities to trust *beside* the machine's own, as PEM: for a simulator that serves HTTPS. The other side is always checked.
    pub extra_roots: Vec<String>,
}

impl HttpOptions {
    /// WeChat's own hosts, with 5 s for a connection and 15 s for an exchange.
    pub fn wechat() -> Self {
        Self {
            secondary: Some(SECONDARY_HOST.to_owned()),
            ..Self::at(PRIMARY_HOST)
        }
    }

    /// One host, for example a simulator.
    pub fn at(base_url: impl Into<String>) -> Self {
        Self {
            primary: base_url.into(),
            secondary: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(15),
            user_agent: concat!("wechatpay-rs/", env!("CARGO_PKG_VERSION")).to_owned(),
            answer_limit: 1024 * 1024,
            identity: None,
            extra_roots: Vec::new(),
        }
    }
}

/// Why the transport cannot be made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HttpError {
    /// An address is not usable.
    #[error("{0:?} is not http(s)://host[:port]")]
    BaseUrl(String),
    /// The machine's root certificates or the TLS library.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The merchant's certificate or key.
    #[error("{0}")]
    Identity(String),
    /// Anything else, for example an unusable user agent.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
}

/// A path prefix would not be signed, a user name would be sent to nobody: neither is allowed.
pub(super) fn base_url(text: &str) -> Result<Url, HttpError> {
    let refuse = || HttpError::BaseUrl(text.to_owned());
    let url = Url::parse(text).map_err(|_| refuse())?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if plain { Ok(url) } else { Err(refuse()) }
}
