//! Configuration: `config/default.toml` (compiled in, the manual), then a file, then the environment; parsed to raw structs,
//! then to a [`Config`] that is valid or does not exist.

mod check;
mod raw;
mod show;

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use shouyin_core::id::{Appid, Mchid};
use shouyin_core::policy::Policy;
use shouyin_wechat::{AppKind, H5Site, Protocol};
use wechat_miniprogram::AppSecret;
use wechatpay::crypto::{ApiV3Key, PrivateKey, PublicKey};
use wechatpay::text::NotifyUrl;
use wechatpay::v2::{ApiKey, SignType};
use wechatpay::v3::http::ClientIdentity;

use crate::logging::LogFormat;

/// The defaults with their explanation.
pub const DEFAULT: &str = include_str!("../../config/default.toml");

/// Settings that are complete, parsed and consistent. Key files were read. `Debug` shows no secrets, nor does `Display`.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where the database lives.
    pub data_dir: PathBuf,
    /// The address under which the world reaches this server, without a slash at the end.
    pub public_url: String,
    /// WeChat's hosts.
    pub wechat: WechatHosts,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// Webhooks to merchants.
    pub webhooks: Webhooks,
    /// How much one merchant may ask of this server.
    pub limits: Limits,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Merchants, by number.
    pub merchants: Vec<Merchant>,
    /// Mini programs whose users log in here.
    pub apps: Vec<AppConfig>,
}

/// WeChat's hosts: `https://host[:port]`; plain `http` for simulators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WechatHosts {
    /// WeChat Pay.
    pub pay_base_url: String,
    /// WeChat Pay's second host.
    pub pay_secondary_url: Option<String>,
    /// Interfaces of mini programs and official accounts.
    pub api_base_url: String,
    /// Where browsers of official accounts' users are sent to say who they are.
    pub pages_base_url: String,
    /// An authority that is trusted beside the machine's own by calls to WeChat Pay, as PEM: for simulators with HTTPS.
    pub pay_extra_root: Option<String>,
}

/// How long things may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// A connection to WeChat.
    pub connect: Duration,
    /// One exchange with WeChat.
    pub call: Duration,
    /// One API request.
    pub request: Duration,
    /// One notification.
    pub notification: Duration,
    /// Running requests after the stop signal.
    pub drain: Duration,
}

/// Webhooks to merchants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhooks {
    /// Whether endpoints may have `http` addresses.
    pub allow_http: bool,
    /// Networks that may be called although they are internal.
    pub allowed_networks: Vec<IpNet>,
    /// How long one delivery may take, in milliseconds.
    pub timeout_ms: u64,
}

/// This machine, for demos and tests: the networks behind `localhost`.
pub fn loopback() -> Vec<IpNet> {
    vec![
        IpNet::V4(Ipv4Net::from(Ipv4Addr::LOCALHOST)),
        IpNet::V6(Ipv6Net::from(Ipv6Addr::LOCALHOST)),
    ]
}

/// How much one merchant may ask of this server, so that others do not notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// API requests a second, on average; 0 for no limit.
    pub requests_per_second: u32,
    /// API requests at once after a quiet time; at least as many as a second allows.
    pub burst: u32,
    /// API requests that run at the same time.
    pub concurrent: usize,
}

impl Default for Limits {
    /// As in `config/default.toml`.
    fn default() -> Self {
        Self {
            requests_per_second: 200,
            burst: 400,
            concurrent: 128,
        }
    }
}

/// One merchant number.
#[derive(Debug, Clone)]
pub struct Merchant {
    /// The number.
    pub mchid: Mchid,
    /// Its keys, for each protocol it uses.
    pub keys: Keys,
    /// The apps it takes payments in.
    pub appids: Vec<Appid>,
    /// Whether WeChat granted it payment codes by APIv3.
    pub v3_codes: bool,
    /// The shop's site, for browsers outside WeChat.
    pub h5_site: Option<H5Site>,
    /// How often WeChat is called for it.
    pub wechat_limits: shouyin_wechat::Limits,
    /// What is done with money nobody asked for.
    pub policy: Policy,
    /// Where WeChat sends its notifications.
    pub notify_url: NotifyUrl,
}

/// The keys of the protocols that a merchant uses.
#[derive(Debug, Clone)]
pub enum Keys {
    /// APIv3 only.
    V3(Box<V3Keys>),
    /// The older protocol only.
    V2(Box<V2Keys>),
    /// New orders go by one, orders of the other are still served.
    Both {
        /// APIv3.
        v3: Box<V3Keys>,
        /// The older protocol.
        v2: Box<V2Keys>,
        /// Which one new orders go by.
        new_orders: Protocol,
    },
}

impl Keys {
    /// Those of APIv3, if it is used.
    pub fn v3(&self) -> Option<&V3Keys> {
        match self {
            Self::V3(v3) | Self::Both { v3, .. } => Some(v3),
            Self::V2(_) => None,
        }
    }

    /// Those of the older protocol, if it is used.
    pub fn v2(&self) -> Option<&V2Keys> {
        match self {
            Self::V2(v2) | Self::Both { v2, .. } => Some(v2),
            Self::V3(_) => None,
        }
    }
}

/// What APIv3 needs.
#[derive(Debug, Clone)]
pub struct V3Keys {
    /// Serial number of the API certificate.
    pub serial_no: String,
    /// Signs requests.
    pub private_key: PrivateKey,
    /// Decrypts notifications and platform certificates.
    pub api_v3_key: ApiV3Key,
    /// WeChat Pay's public key and its id.
    pub public_key: Option<(String, PublicKey)>,
    /// Whether WeChat's platform certificates are fetched.
    pub platform_certificates: bool,
}

/// What the older protocol needs.
#[derive(Debug, Clone)]
pub struct V2Keys {
    /// Signs and verifies everything.
    pub api_key: ApiKey,
    /// How.
    pub sign_type: SignType,
    /// The API certificate, which refunds are sent with.
    pub identity: ClientIdentity,
}

/// One app.
#[derive(Debug, Clone)]
pub struct AppConfig {
    /// Its id.
    pub appid: Appid,
    /// What it is at WeChat.
    pub kind: AppKind,
    /// Its secret. Mobile apps need none here: their users do not log in to this server.
    pub app_secret: Option<AppSecret>,
}

/// One thing that is wrong: where, what, and what to do, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ConfigError {
    /// The file, variable or key.
    pub place: String,
    /// What is wrong and what to do.
    pub problem: String,
}

/// Everything that is wrong, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl std::fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ConfigError::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for ConfigErrors {}

impl Config {
    /// Reads the settings: defaults, then `file`, then variables, which `variable` looks up by name
    /// (`|name| std::env::var(name).ok()`).
    ///
    /// # Errors
    /// Everything that is wrong, each in one line that says what to do.
    pub fn load(
        file: Option<&Path>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigErrors> {
        let raw = raw::read(file, &variable).map_err(|error| ConfigErrors(vec![error]))?;
        let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
        check::check(raw, folder)
    }
}
