//! The settings as they count, for `shouyin config check`: the form of the file, secrets masked.

use std::fmt;

use shouyin_core::policy::MoneyPolicy;
use shouyin_wechat::Protocol;

use super::{Config, Keys, Merchant, Webhooks};
use crate::logging::LogFormat;

const HIDDEN: &str = "\"***\"";

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |duration: std::time::Duration| duration.as_millis();
        writeln!(f, "listen = \"{}\"", self.listen)?;
        writeln!(f, "data_dir = {:?}", self.data_dir)?;
        writeln!(f, "public_url = {:?}", self.public_url)?;
        writeln!(f, "\n[wechat]")?;
        writeln!(f, "pay_base_url = {:?}", self.wechat.pay_base_url)?;
        let secondary = self.wechat.pay_secondary_url.as_deref().unwrap_or_default();
        writeln!(f, "pay_secondary_url = {secondary:?}")?;
        writeln!(f, "api_base_url = {:?}", self.wechat.api_base_url)?;
        writeln!(f, "pages_base_url = {:?}", self.wechat.pages_base_url)?;
        if self.wechat.pay_extra_root.is_some() {
            writeln!(f, "# pay_extra_root_file: another authority is trusted")?;
        }
        writeln!(f, "\n[timeouts]")?;
        writeln!(f, "connect_ms = {}", ms(self.timeouts.connect))?;
        writeln!(f, "call_ms = {}", ms(self.timeouts.call))?;
        writeln!(f, "request_ms = {}", ms(self.timeouts.request))?;
        writeln!(f, "notification_ms = {}", ms(self.timeouts.notification))?;
        writeln!(f, "drain_ms = {}", ms(self.timeouts.drain))?;
        show_webhooks(&self.webhooks, f)?;
        writeln!(f, "\n[limits]")?;
        writeln!(
            f,
            "requests_per_second = {}",
            self.limits.requests_per_second
        )?;
        writeln!(f, "burst = {}", self.limits.burst)?;
        writeln!(f, "concurrent = {}", self.limits.concurrent)?;
        writeln!(f, "\n[log]")?;
        let format = match self.log_format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        };
        writeln!(f, "format = {format:?}")?;
        for merchant in &self.merchants {
            show_merchant(merchant, f)?;
        }
        for app in &self.apps {
            writeln!(f, "\n[[apps]]")?;
            writeln!(f, "appid = \"{}\"", app.appid)?;
            writeln!(f, "kind = {:?}", app.kind.as_str())?;
            if app.app_secret.is_some() {
                writeln!(f, "app_secret = {HIDDEN}")?;
            }
        }
        Ok(())
    }
}

fn show_webhooks(webhooks: &Webhooks, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "\n[webhooks]")?;
    writeln!(f, "allow_http = {}", webhooks.allow_http)?;
    let networks: Vec<String> = webhooks
        .allowed_networks
        .iter()
        .map(ToString::to_string)
        .collect();
    writeln!(f, "allowed_networks = {networks:?}")?;
    writeln!(f, "timeout_seconds = {}", webhooks.timeout_ms / 1_000)
}

fn policy(policy: MoneyPolicy) -> &'static str {
    match policy {
        MoneyPolicy::Keep => "keep",
        MoneyPolicy::Refund => "refund",
    }
}

fn show_merchant(merchant: &Merchant, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "\n[[merchants]]")?;
    writeln!(f, "mchid = \"{}\"", merchant.mchid)?;
    let protocol = match &merchant.keys {
        Keys::V3(_) => "v3",
        Keys::V2(_) => "v2",
        Keys::Both { new_orders, .. } => match new_orders {
            Protocol::V3 => "v3_accepting_v2",
            Protocol::V2 => "v2_accepting_v3",
        },
    };
    writeln!(f, "protocol = {protocol:?}")?;
    if let Some(keys) = merchant.keys.v3() {
        writeln!(f, "serial_no = {:?}", keys.serial_no)?;
        writeln!(f, "private_key = {HIDDEN}")?;
        writeln!(f, "api_v3_key = {HIDDEN}")?;
        if let Some((id, _)) = &keys.public_key {
            writeln!(f, "public_key_id = {id:?}")?;
        }
        let platform = keys.platform_certificates;
        writeln!(f, "platform_certificates = {platform}")?;
    }
    if let Some(keys) = merchant.keys.v2() {
        writeln!(f, "api_key = {HIDDEN}")?;
        writeln!(f, "sign_type = {:?}", keys.sign_type.as_str())?;
        writeln!(f, "certificate = {HIDDEN}")?;
    }
    let appids: Vec<&str> = merchant.appids.iter().map(|appid| appid.as_str()).collect();
    writeln!(f, "appids = {appids:?}")?;
    writeln!(f, "v3_codes = {}", merchant.v3_codes)?;
    if let Some(site) = &merchant.h5_site {
        writeln!(
            f,
            "h5_site = {{ url = {:?}, name = {:?} }}",
            site.url, site.name
        )?;
    }
    writeln!(f, "late_payment = {:?}", policy(merchant.policy.late))?;
    writeln!(f, "surplus_payment = {:?}", policy(merchant.policy.surplus))?;
    writeln!(f, "# notifications come to {}", merchant.notify_url)?;
    let limits = merchant.wechat_limits;
    writeln!(f, "\n[merchants.wechat_limits]")?;
    for (key, value) in [
        ("prepay_per_second", limits.prepay_per_second),
        ("charge_per_second", limits.charge_per_second),
        ("query_per_second", limits.query_per_second),
        ("close_per_second", limits.close_per_second),
        ("refund_per_second", limits.refund_per_second),
        (
            "failing_refunds_per_second",
            limits.failing_refunds_per_second,
        ),
        ("refund_query_per_second", limits.refund_query_per_second),
    ] {
        writeln!(f, "{key} = {value}")?;
    }
    Ok(())
}
