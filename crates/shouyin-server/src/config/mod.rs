//! Configuration: `config/default.toml` (compiled in, the manual), then a file, then the environment; parsed to raw structs,
//! then to a [`Config`] that is valid or does not exist.

mod check;
mod raw;
mod show;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use shouyin_core::id::{Appid, Mchid};
use wechat_miniprogram::AppSecret;
use wechatpay::crypto::{ApiV3Key, PrivateKey, PublicKey};
use wechatpay::text::NotifyUrl;

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
    /// Mini-program interfaces.
    pub api_base_url: String,
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

/// One merchant number.
#[derive(Debug, Clone)]
pub struct Merchant {
    /// The number.
    pub mchid: Mchid,
    /// Serial number of its API certificate.
    pub serial_no: String,
    /// Signs requests.
    pub private_key: PrivateKey,
    /// Decrypts notifications and platform certificates.
    pub api_v3_key: ApiV3Key,
    /// WeChat Pay's public key and its id.
    pub public_key: Option<(String, PublicKey)>,
    /// Whether WeChat's platform certificates are fetched.
    pub platform_certificates: bool,
    /// The apps it takes payments in.
    pub appids: Vec<Appid>,
    /// Where WeChat sends its notifications.
    pub notify_url: NotifyUrl,
}

/// One mini program.
#[derive(Debug, Clone)]
pub struct AppConfig {
    /// Its id.
    pub appid: Appid,
    /// Its secret.
    pub app_secret: AppSecret,
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
