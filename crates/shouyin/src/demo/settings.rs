//! The server's settings in the demo: the simulator's merchant instead of files.

use std::net::SocketAddr;
use std::path::Path;

use shouyin_core::id::{Appid, Mchid};
use shouyin_server::LogFormat;
use shouyin_server::config::{
    AppConfig, Config, Keys, Limits, Merchant, Timeouts, V3Keys, Webhooks, WechatHosts, loopback,
};
use std::time::Duration;
use wechat_miniprogram::AppSecret;
use wechat_simulator::MerchantFiles;
use wechatpay::crypto::{ApiV3Key, PublicKey};
use wechatpay::text::NotifyUrl;

pub(crate) fn config(
    files: &MerchantFiles,
    listen: SocketAddr,
    data_dir: &Path,
    base_url: &str,
) -> anyhow::Result<Config> {
    let settings = &files.settings;
    let appid = Appid::parse(settings.appid.clone())?;
    let public_key = PublicKey::from_pem(&files.credentials.public_key_pem()?)?;
    let merchant = Merchant {
        mchid: Mchid::parse(settings.mchid.clone())?,
        keys: Keys::V3(Box::new(V3Keys {
            serial_no: settings.serial_no.clone(),
            private_key: files.credentials.merchant_key()?,
            api_v3_key: ApiV3Key::new(&settings.apiv3_key)?,
            public_key: Some((settings.public_key_id.clone(), public_key)),
            platform_certificates: false,
        })),
        appids: vec![appid.clone()],
        v3_codes: false,
        h5_site: None,
        wechat_limits: shouyin_server::WechatLimits::default(),
        policy: shouyin_core::policy::Policy::default(),
        notify_url: NotifyUrl::parse_for_simulator(&format!(
            "{base_url}/wechat/notify/{}",
            settings.mchid
        ))?,
    };
    Ok(Config {
        listen,
        data_dir: data_dir.to_owned(),
        public_url: base_url.to_owned(),
        wechat: WechatHosts {
            pay_base_url: settings.pay_base_url.clone(),
            pay_secondary_url: None,
            api_base_url: settings.api_base_url.clone(),
            pages_base_url: settings.api_base_url.clone(),
            pay_extra_root: None,
        },
        // Short, so that a lost answer is noticed while somebody watches.
        timeouts: Timeouts {
            connect: Duration::from_secs(2),
            call: Duration::from_secs(5),
            request: Duration::from_secs(10),
            notification: Duration::from_millis(4_500),
            drain: Duration::from_secs(2),
        },
        // Receivers of somebody who tries webhooks out run on the same machine.
        webhooks: Webhooks {
            allow_http: true,
            allowed_networks: loopback(),
            timeout_ms: 5_000,
        },
        limits: Limits::default(),
        log_format: LogFormat::Text,
        merchants: vec![merchant],
        apps: vec![AppConfig {
            appid,
            kind: shouyin_server::AppKind::MiniProgram,
            app_secret: Some(AppSecret::new(settings.app_secret.clone())),
        }],
    })
}
