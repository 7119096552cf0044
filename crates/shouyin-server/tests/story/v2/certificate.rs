//! From a settings file to WeChat, over real sockets: the certificate is presented where it is asked for.

use std::path::Path;
use std::sync::Arc;

use fen::Fen;
use shouyin_core::id::{Appid, Mchid, Openid, OutRefundNo, OutTradeNo};
use shouyin_core::outcome::{Outcome, RefusalKind};
use shouyin_core::ports::{Acquirer, Clock, PrepayOrder, RefundOrder};
use shouyin_core::product::Product;
use shouyin_server::config::Config;
use shouyin_server::{BuildError, Parts, SystemClock};
use shouyin_store::MemoryStore;
use wechat_simulator::{
    Assumptions, ClientCertificate, Handle, Simulator, SimulatorOptions, write_merchant_files,
};

/// A simulator with HTTPS that never lets money out without the certificate, and what it hands its merchant.
async fn wechat(folder: &Path) -> Handle {
    let simulator = Simulator::start(SimulatorOptions {
        tls_listen: Some(([127, 0, 0, 1], 0).into()),
        assumptions: Assumptions {
            v2_client_certificate: ClientCertificate::Always,
            ..Assumptions::default()
        },
        ..SimulatorOptions::default()
    })
    .await
    .unwrap();
    write_merchant_files(folder, &simulator.merchant).unwrap();
    let settings = &simulator.merchant.settings;
    std::fs::write(folder.join("api_key.txt"), &settings.api_key).unwrap();
    std::fs::write(folder.join("app_secret.txt"), &settings.app_secret).unwrap();
    simulator
}

fn config(folder: &Path, simulator: &Handle, certificate: &str) -> Config {
    let settings = &simulator.merchant.settings;
    let text = format!(
        "public_url = \"https://pay.example.com\"\n[wechat]\npay_base_url = {:?}\npay_secondary_url = \"\"\npay_extra_root_file = \"simulator_ca.pem\"\n[[apps]]\nappid = {appid:?}\napp_secret_file = \"app_secret.txt\"\n[[merchants]]\nmchid = {:?}\nprotocol = \"v2\"\napi_key_file = \"api_key.txt\"\nappids = [{appid:?}]\n{certificate}\n",
        settings.pay_tls_url.as_ref().unwrap(),
        settings.mchid,
        appid = settings.appid,
    );
    let file = folder.join("shouyin.toml");
    std::fs::write(&file, text).unwrap();
    Config::load(Some(&file), |_| None).unwrap()
}

fn assemble(config: &Config) -> Result<Parts, BuildError> {
    let clock = Arc::new(SystemClock::default());
    Parts::assemble(config, Arc::new(MemoryStore::new()), clock, None)
}

async fn order_and_refund(acquirer: &dyn Acquirer, simulator: &Handle, number: &str) {
    let settings = &simulator.merchant.settings;
    let mchid = Mchid::parse(settings.mchid.as_str()).unwrap();
    let appid = Appid::parse(settings.appid.as_str()).unwrap();
    let route = acquirer.route(&mchid, Product::MiniProgram);
    assert_eq!(route.as_str(), "v2");
    let out_trade_no = OutTradeNo::parse(number).unwrap();
    let placed = acquirer
        .prepay(&PrepayOrder {
            mchid: mchid.clone(),
            appid: appid.clone(),
            route: route.clone(),
            out_trade_no: out_trade_no.clone(),
            amount: Fen::new(1990),
            description: "拿铁".to_owned(),
            attach: None,
            product: Product::MiniProgram,
            payer: Some(Openid::parse(settings.openid.as_str()).unwrap()),
            scene: None,
            time_expire: SystemClock::default().now(),
        })
        .await;
    assert!(matches!(placed, Outcome::Succeeded(_)), "{placed:?}");
    let refused = acquirer
        .refund(&RefundOrder {
            mchid,
            appid,
            route,
            out_refund_no: OutRefundNo::parse("R-1").unwrap(),
            out_trade_no,
            amount: Fen::new(1990),
            total: Fen::new(1990),
            reason: None,
        })
        .await;
    // Nobody has paid. That WeChat says so under its signature shows that it took the certificate.
    let Outcome::Rejected(refusal) = refused else {
        panic!("{refused:?}")
    };
    assert!(refusal.verified, "{refusal:?}");
    assert_eq!(refusal.kind, RefusalKind::OrderNotExist, "{refusal:?}");
}

#[tokio::test]
async fn refunds_leave_with_the_certificate_of_either_file() {
    let folder = tempfile::tempdir().unwrap();
    let simulator = wechat(folder.path()).await;
    for (number, certificate) in [
        ("CERTIFICATE-P12", "p12_file = \"apiclient_cert.p12\""),
        (
            "CERTIFICATE-PEM",
            "certificate_file = \"apiclient_cert.pem\"\nprivate_key_file = \"apiclient_key.pem\"",
        ),
    ] {
        let config = config(folder.path(), &simulator, certificate);
        let parts = assemble(&config).unwrap();
        order_and_refund(&*parts.ports.acquirer, &simulator, number).await;
    }
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_certificate_without_its_key_is_named_before_the_server_starts() {
    let folder = tempfile::tempdir().unwrap();
    let simulator = wechat(folder.path()).await;
    let other = include_str!("../../../../../libs/wechatpay/tests/vectors/c_private.pem");
    std::fs::write(folder.path().join("other_key.pem"), other).unwrap();
    let certificate =
        "certificate_file = \"apiclient_cert.pem\"\nprivate_key_file = \"other_key.pem\"";
    let config = config(folder.path(), &simulator, certificate);
    let refused = assemble(&config).err().map(|error| error.to_string());
    let text = refused.unwrap();
    assert!(
        text.contains("1900000001") && text.contains("certificate"),
        "{text}"
    );
    simulator.shutdown().await;
}
