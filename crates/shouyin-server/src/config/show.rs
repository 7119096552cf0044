//! The settings as they count, for `shouyin config check`: the form of the file, secrets masked.

use std::fmt;

use super::{Config, Merchant};
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
        writeln!(f, "\n[timeouts]")?;
        writeln!(f, "connect_ms = {}", ms(self.timeouts.connect))?;
        writeln!(f, "call_ms = {}", ms(self.timeouts.call))?;
        writeln!(f, "request_ms = {}", ms(self.timeouts.request))?;
        writeln!(f, "notification_ms = {}", ms(self.timeouts.notification))?;
        writeln!(f, "drain_ms = {}", ms(self.timeouts.drain))?;
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
            writeln!(f, "app_secret = {HIDDEN}")?;
        }
        Ok(())
    }
}

fn show_merchant(merchant: &Merchant, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "\n[[merchants]]")?;
    writeln!(f, "mchid = \"{}\"", merchant.mchid)?;
    writeln!(f, "serial_no = {:?}", merchant.serial_no)?;
    writeln!(f, "private_key = {HIDDEN}")?;
    writeln!(f, "api_v3_key = {HIDDEN}")?;
    if let Some((id, _)) = &merchant.public_key {
        writeln!(f, "public_key_id = {id:?}")?;
    }
    writeln!(
        f,
        "platform_certificates = {}",
        merchant.platform_certificates
    )?;
    let appids: Vec<&str> = merchant.appids.iter().map(|appid| appid.as_str()).collect();
    writeln!(f, "appids = {appids:?}")?;
    writeln!(f, "# notifications come to {}", merchant.notify_url)
}
