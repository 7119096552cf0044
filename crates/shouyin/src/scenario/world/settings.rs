//! The server's settings: those of the demo, changed as the scenario says.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use shouyin_core::id::Appid;
use shouyin_core::policy::MoneyPolicy;
use shouyin_core::product::Product;
use shouyin_server::config::{AppConfig, Config, Keys, Timeouts, V2Keys};
use shouyin_wechat::H5Site;
use wechat_miniprogram::AppSecret;
use wechat_simulator::MerchantFiles;
use wechatpay::v2::{ApiKey, SignType};
use wechatpay::v3::http::ClientIdentity;

use crate::scenario::app::ShopApp;
use crate::scenario::file::Setup;
use crate::scenario::variant::Protocol;

/// Waited for in real time, when the simulator is silent.
const CALL: Duration = Duration::from_secs(4);

/// What a scenario changes while it runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hosts {
    /// WeChat's first domain, when it can go down; its second is then the simulator itself.
    pub(crate) primary: Option<String>,
}

/// What our server speaks with WeChat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// One protocol.
    One(Protocol),
    /// Both: the merchant is moving.
    Both { new_orders: Protocol },
}

pub(crate) fn config(
    setup: &Setup,
    product: Product,
    speaks: Speaks,
    merchants: &[MerchantFiles],
    hosts: &Hosts,
    listen: SocketAddr,
    folder: &Path,
) -> anyhow::Result<Config> {
    let base_url = format!("http://{listen}");
    let first = merchants.first().context("a scenario has a merchant")?;
    let mut config = crate::demo::settings::config(first, listen, folder, &base_url)?;
    for more in merchants.iter().skip(1) {
        let more = crate::demo::settings::config(more, listen, folder, &base_url)?;
        config.merchants.extend(more.merchants);
    }
    for (merchant, files) in config.merchants.iter_mut().zip(merchants) {
        merchant.keys = keys(speaks, merchant.keys.clone(), files)?;
        if let Some(late) = &setup.late {
            merchant.policy.late = policy("late", late)?;
        }
        if let Some(surplus) = &setup.surplus {
            merchant.policy.surplus = policy("surplus", surplus)?;
        }
        match &mut merchant.keys {
            Keys::V3(v3) | Keys::Both { v3, .. } => {
                v3.platform_certificates = setup.platform_certificates || setup.without_public_key;
                if setup.without_public_key {
                    v3.public_key = None;
                }
            }
            Keys::V2(_) => {}
        }
    }
    if product != Product::default() {
        sell_everything(&mut config, first)?;
    }
    config.wechat.pay_base_url = pay_url(speaks, first)?;
    config.wechat.pay_extra_root = first.authority_pem.clone();
    if let Some(primary) = &hosts.primary {
        let simulator = std::mem::replace(&mut config.wechat.pay_base_url, primary.clone());
        config.wechat.pay_secondary_url = Some(simulator);
    }
    if setup.internal_webhooks == Some(false) {
        config.webhooks.allowed_networks.clear();
    }
    config.webhooks.timeout_ms = 500;
    let call = match setup.call_timeout {
        Some(span) => Duration::from_millis(u64::try_from(span.0)?),
        None => CALL,
    };
    config.timeouts = Timeouts {
        connect: Duration::from_secs(2),
        call,
        request: Duration::from_secs(20),
        notification: Duration::from_millis(4_500),
        drain: Duration::from_secs(1),
    };
    Ok(config)
}

/// The first merchant has an app of each kind, and all that products ask of its settings.
fn sell_everything(config: &mut Config, files: &MerchantFiles) -> anyhow::Result<()> {
    let merchant = config.merchants.first_mut().context("no merchant")?;
    merchant.v3_codes = true;
    merchant.h5_site = Some(H5Site {
        url: "https://shop.example.com".to_owned(),
        name: "咖啡店 Coffee".to_owned(),
    });
    for kind in [ShopApp::OfficialAccount, ShopApp::MobileApp] {
        let (appid, secret) = app(files, kind)?;
        let appid = Appid::parse(appid)?;
        merchant.appids.push(appid.clone());
        config.apps.push(AppConfig {
            appid,
            kind: kind.kind(),
            app_secret: (kind == ShopApp::OfficialAccount).then(|| AppSecret::new(secret)),
        });
    }
    Ok(())
}

/// The appid and the secret of an app of the merchant's.
pub(super) fn app(files: &MerchantFiles, app: ShopApp) -> anyhow::Result<(String, String)> {
    let settings = &files.settings;
    let more = match app {
        ShopApp::MiniProgram => {
            return Ok((settings.appid.clone(), settings.app_secret.clone()));
        }
        ShopApp::OfficialAccount => &settings.official_account,
        ShopApp::MobileApp => &settings.mobile_app,
    };
    let keys = more.as_ref();
    let keys = keys.with_context(|| format!("the merchant has no {}", app.as_str()))?;
    Ok((keys.appid.clone(), keys.app_secret.clone()))
}

/// Where WeChat Pay is. The older protocol wants the merchant's certificate for refunds, and so a connection that shows it.
pub(super) fn pay_url(speaks: Speaks, files: &MerchantFiles) -> anyhow::Result<String> {
    let url = match speaks {
        Speaks::One(Protocol::V3) => Some(&files.settings.pay_base_url),
        Speaks::One(Protocol::V2) | Speaks::Both { .. } => files.settings.pay_tls_url.as_ref(),
    };
    url.cloned().context("the simulator has no TLS")
}

/// The demo's keys, which are those of APIv3, as they are needed here.
fn keys(speaks: Speaks, demo: Keys, files: &MerchantFiles) -> anyhow::Result<Keys> {
    Ok(match (speaks, demo) {
        (Speaks::One(Protocol::V2), _) => Keys::V2(Box::new(v2_keys(files)?)),
        (Speaks::Both { new_orders }, Keys::V3(v3)) => Keys::Both {
            v3,
            v2: Box::new(v2_keys(files)?),
            new_orders: match new_orders {
                Protocol::V3 => shouyin_wechat::Protocol::V3,
                Protocol::V2 => shouyin_wechat::Protocol::V2,
            },
        },
        (Speaks::One(Protocol::V3) | Speaks::Both { .. }, demo) => demo,
    })
}

fn v2_keys(files: &MerchantFiles) -> anyhow::Result<V2Keys> {
    let credentials = &files.credentials;
    Ok(V2Keys {
        api_key: ApiKey::parse(&files.settings.api_key)?,
        sign_type: SignType::default(),
        identity: ClientIdentity::from_pem(
            &credentials.merchant_certificate_pem,
            &credentials.merchant_key_pem,
        )?,
    })
}

fn policy(name: &str, text: &str) -> anyhow::Result<MoneyPolicy> {
    match text {
        "keep" => Ok(MoneyPolicy::Keep),
        "refund" => Ok(MoneyPolicy::Refund),
        other => bail!("setup.{name} is keep or refund, not {other:?}"),
    }
}
