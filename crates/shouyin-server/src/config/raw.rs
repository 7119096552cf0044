//! The settings as they are written.

use std::path::Path;

use config::{File, FileFormat};
use serde::Deserialize;
use shouyin_core::policy::MoneyPolicy;

use super::{ConfigError, DEFAULT};
use crate::logging::LogFormat;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) listen: String,
    pub(super) data_dir: String,
    pub(super) public_url: Option<String>,
    pub(super) wechat: RawWechat,
    pub(super) timeouts: RawTimeouts,
    pub(super) webhooks: RawWebhooks,
    pub(super) limits: RawLimits,
    pub(super) log: RawLog,
    #[serde(default)]
    pub(super) merchants: Vec<RawMerchant>,
    #[serde(default)]
    pub(super) apps: Vec<RawApp>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWechat {
    pub(super) pay_base_url: String,
    pub(super) pay_secondary_url: String,
    pub(super) api_base_url: String,
    pub(super) pages_base_url: String,
    pub(super) pay_extra_root_file: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTimeouts {
    pub(super) connect_ms: u64,
    pub(super) call_ms: u64,
    pub(super) request_ms: u64,
    pub(super) notification_ms: u64,
    pub(super) drain_ms: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWebhooks {
    pub(super) allow_http: bool,
    pub(super) allowed_networks: Vec<String>,
    pub(super) timeout_seconds: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub(super) requests_per_second: u32,
    pub(super) burst: u32,
    pub(super) concurrent: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    pub(super) format: LogFormat,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMerchant {
    pub(super) mchid: String,
    pub(super) protocol: Option<RawProtocol>,
    pub(super) serial_no: Option<String>,
    pub(super) private_key_file: Option<String>,
    pub(super) api_v3_key_file: Option<String>,
    pub(super) api_v3_key: Option<String>,
    pub(super) public_key_id: Option<String>,
    pub(super) public_key_file: Option<String>,
    #[serde(default)]
    pub(super) platform_certificates: bool,
    pub(super) api_key_file: Option<String>,
    pub(super) api_key: Option<String>,
    pub(super) sign_type: Option<String>,
    pub(super) p12_file: Option<String>,
    pub(super) certificate_file: Option<String>,
    pub(super) appids: Vec<String>,
    #[serde(default)]
    pub(super) v3_codes: bool,
    pub(super) h5_site: Option<RawH5Site>,
    pub(super) late_payment: Option<MoneyPolicy>,
    pub(super) surplus_payment: Option<MoneyPolicy>,
    #[serde(default)]
    pub(super) wechat_limits: RawWechatLimits,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawH5Site {
    pub(super) url: String,
    pub(super) name: String,
}

/// Which protocol new orders go by, and whether orders of the other one are still served.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawProtocol {
    #[default]
    V3,
    V2,
    #[serde(rename = "v3_accepting_v2")]
    V3AcceptingV2,
    #[serde(rename = "v2_accepting_v3")]
    V2AcceptingV3,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWechatLimits {
    pub(super) prepay_per_second: Option<u32>,
    pub(super) charge_per_second: Option<u32>,
    pub(super) query_per_second: Option<u32>,
    pub(super) close_per_second: Option<u32>,
    pub(super) refund_per_second: Option<u32>,
    pub(super) failing_refunds_per_second: Option<u32>,
    pub(super) refund_query_per_second: Option<u32>,
}

impl std::fmt::Debug for RawMerchant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawMerchant")
            .field("mchid", &self.mchid)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawApp {
    pub(super) appid: String,
    #[serde(default)]
    pub(super) kind: RawAppKind,
    pub(super) app_secret_file: Option<String>,
}

/// What an app is at WeChat.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawAppKind {
    #[default]
    MiniProgram,
    OfficialAccount,
    MobileApp,
}

/// The keys that have a variable. A fixed list: clusters put variables of their own with our prefix into the environment
/// (`SHOUYIN_SERVICE_HOST`), which are no settings.
const WITH_VARIABLE: &[&str] = &[
    "listen",
    "data_dir",
    "public_url",
    "wechat.pay_base_url",
    "wechat.pay_secondary_url",
    "wechat.api_base_url",
    "wechat.pages_base_url",
    "wechat.pay_extra_root_file",
    "timeouts.connect_ms",
    "timeouts.call_ms",
    "timeouts.request_ms",
    "timeouts.notification_ms",
    "timeouts.drain_ms",
    "webhooks.allow_http",
    "webhooks.timeout_seconds",
    "limits.requests_per_second",
    "limits.burst",
    "limits.concurrent",
    "log.format",
];

fn variable_name(key: &str) -> String {
    format!("SHOUYIN_{}", key.replace('.', "_").to_ascii_uppercase())
}

pub(super) fn read(
    file: Option<&Path>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Raw, ConfigError> {
    let mut builder =
        config::Config::builder().add_source(File::from_str(DEFAULT, FileFormat::Toml));
    let place = file.map_or_else(|| "settings".to_owned(), |path| path.display().to_string());
    let fail = |error: config::ConfigError| ConfigError {
        place: place.clone(),
        problem: one_line(&error.to_string()),
    };
    if let Some(path) = file {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
            place: path.display().to_string(),
            problem: format!("cannot be read ({error}); check the path given with --config"),
        })?;
        builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
    }
    for key in WITH_VARIABLE {
        if let Some(value) = variable(&variable_name(key)) {
            builder = builder.set_override(*key, value).map_err(fail)?;
        }
    }
    let merged = builder.build().map_err(fail)?;
    merged.try_deserialize().map_err(fail)
}

/// The TOML reader draws a picture of the place; its first line says where, its last what.
fn one_line(text: &str) -> String {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    match (lines.next(), lines.next_back()) {
        (Some(first), Some(last)) => format!("{first}: {last}"),
        (first, _) => first.unwrap_or_default().to_owned(),
    }
}
