//! The older protocol over real sockets: the SDK's client, TLS, and the merchant's certificate from its p12 file.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use fen::Fen;
use serde_json::{Value, json};
use wechatpay::v2::code::{AuthCode, Micropay, Reverse, Reversed};
use wechatpay::v2::notification::{ACCEPTED, Notification};
use wechatpay::v2::pay::{Body, CloseOrder, Order, Product, QueryOrder, UnifiedOrder};
use wechatpay::v2::refund::{CreateRefund, QueryRefund, RefundNews};
use wechatpay::v2::{Account, ApiKey, Client, SignType};
use wechatpay::v3::http::{ClientIdentity, HttpOptions, HttpTransport};
use wechatpay::v3::pay::TradeState;
use wechatpay::v3::refund::RefundStatus;
use wechatpay::v3::{Outcome, random_nonce};
use wechatpay::wire::Wire;

use crate::clock::real_ms;
use crate::*;

/// A merchant's server that keeps what it was told and accepts it.
#[derive(Clone)]
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Bytes>>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            url: format!("http://{}/v2", listener.local_addr().unwrap()),
            got: Arc::default(),
        };
        async fn receive(State(receiver): State<Receiver>, body: Bytes) -> &'static str {
            receiver.got.lock().unwrap().push(body);
            ACCEPTED
        }
        let router = Router::new()
            .route("/v2", post(receive))
            .with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        receiver
    }

    async fn notification(&self, index: usize) -> Bytes {
        for _ in 0..500 {
            if let Some(body) = self.got.lock().unwrap().get(index) {
                return body.clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("notification {index} did not come")
    }
}

struct Shop {
    simulator: Handle,
    client: Client,
    receiver: Receiver,
    control: reqwest::Client,
}

impl Shop {
    async fn start(sign_type: SignType, with_certificate: bool) -> Self {
        let simulator = Simulator::start(SimulatorOptions {
            tls_listen: Some(([127, 0, 0, 1], 0).into()),
            ..SimulatorOptions::default()
        })
        .await
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        write_merchant_files(folder.path(), &simulator.merchant).unwrap();
        let file = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        let settings: MerchantFile = serde_json::from_slice(&file("merchant.json")).unwrap();
        let root = String::from_utf8(file("simulator_ca.pem")).unwrap();
        let identity = ClientIdentity::from_p12(&file("apiclient_cert.p12"), &settings.mchid);
        let identity = identity.unwrap();
        let transport = |identity: Option<ClientIdentity>| {
            let options = HttpOptions {
                extra_roots: vec![root.clone()],
                identity,
                ..HttpOptions::at(settings.pay_tls_url.as_deref().unwrap())
            };
            Arc::new(HttpTransport::new(options).unwrap())
        };
        let account = Account {
            mchid: settings.mchid.parse().unwrap(),
            key: ApiKey::parse(&settings.api_key).unwrap(),
            sign_type,
        };
        let certified = transport(with_certificate.then_some(identity));
        Self {
            client: Client::new(
                account,
                transport(None),
                Some(certified),
                Arc::new(random_nonce),
            ),
            control: crate::http::deliver::client().unwrap(),
            receiver: Receiver::start().await,
            simulator,
        }
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.simulator.merchant.settings.control_url);
        let request = self.control.post(url).json(&body);
        let response = request
            .timeout(Duration::from_secs(60))
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    fn appid<T: std::str::FromStr<Err: std::fmt::Debug>>(&self) -> T {
        self.simulator.merchant.settings.appid.parse().unwrap()
    }

    fn order(&self, number: &str) -> UnifiedOrder {
        let settings = &self.simulator.merchant.settings;
        UnifiedOrder {
            appid: self.appid(),
            product: Product::Jsapi {
                openid: settings.openid.parse().unwrap(),
            },
            body: Body::parse("茶馆-龙井").unwrap(),
            attach: None,
            out_trade_no: number.parse().unwrap(),
            total_fee: Fen::new(1990),
            spbill_create_ip: [203, 0, 113, 9].into(),
            time_expire_ms: None,
            notify_url: self.receiver.url.parse().unwrap(),
        }
    }

    fn query(&self, number: &str) -> QueryOrder {
        QueryOrder {
            appid: self.appid(),
            out_trade_no: number.parse().unwrap(),
        }
    }

    fn refund(&self, number: &str) -> CreateRefund {
        CreateRefund {
            appid: self.appid(),
            out_trade_no: number.parse().unwrap(),
            out_refund_no: "R-1".parse().unwrap(),
            total_fee: Fen::new(1990),
            refund_fee: Fen::new(990),
            refund_desc: None,
            notify_url: Some(self.receiver.url.parse().unwrap()),
        }
    }

    /// Orders, opens the cashier with signed parameters, and pays.
    async fn buy(&self, number: &str) {
        let placed = self.client.send(&self.order(number)).await.done().unwrap();
        let appid = &self.simulator.merchant.settings.appid;
        let prepay_id = placed.prepay_id.as_str();
        let now = real_ms() / 1000;
        let parameters = self.client.request_payment(appid, prepay_id, now);
        let mut open = serde_json::to_value(&parameters).unwrap();
        open["appid"] = json!(appid);
        assert_eq!(self.post("/cashier/open", open).await.0, 200);
        let act = json!({ "prepay_id": prepay_id, "action": "pay" });
        assert_eq!(self.post("/cashier/pay", act).await.0, 200);
    }
}

#[tokio::test]
async fn a_shop_of_the_older_protocol_gets_everything() {
    for sign_type in [SignType::Md5, SignType::HmacSha256] {
        let shop = Shop::start(sign_type, true).await;
        shop.buy("ORDER-000001").await;
        let told = shop.receiver.notification(0).await;
        let Ok(Notification::Payment(verified)) = shop.client.open_notification(&told) else {
            panic!("not opened")
        };
        let told = Order::from_notification(&verified).unwrap();
        assert_eq!(told.total_fee, Some(Fen::new(1990)));
        let seen = shop.client.send(&shop.query("ORDER-000001")).await;
        let seen = seen.done().unwrap();
        assert_eq!(seen.trade_state, Wire::Known(TradeState::Success));
        assert_eq!(seen.transaction_id, told.transaction_id);

        let accepted = shop.client.send(&shop.refund("ORDER-000001")).await;
        let accepted = accepted.done().unwrap();
        assert_eq!(accepted.refund_fee, Fen::new(990));
        shop.post("/clock", json!({ "advance_ms": 5_000 })).await;
        let told = shop.receiver.notification(1).await;
        let Ok(Notification::RefundHint(hint)) = shop.client.open_notification(&told) else {
            panic!("not opened")
        };
        assert_eq!(RefundNews::read(&hint).unwrap().out_refund_no, "R-1");
        let query = QueryRefund {
            appid: shop.appid(),
            out_refund_no: "R-1".parse().unwrap(),
        };
        let refund = shop.client.send(&query).await.done().unwrap();
        assert_eq!(refund.status, Wire::Known(RefundStatus::Success));

        shop.client
            .send(&shop.order("ORDER-000002"))
            .await
            .done()
            .unwrap();
        shop.post("/clock", json!({ "advance_ms": 300_000 })).await;
        let close = CloseOrder {
            appid: shop.appid(),
            out_trade_no: "ORDER-000002".parse().unwrap(),
        };
        shop.client.send(&close).await.done().unwrap();
        let seen = shop.client.send(&shop.query("ORDER-000002")).await;
        assert_eq!(
            seen.done().unwrap().trade_state,
            Wire::Known(TradeState::Closed)
        );
        shop.simulator.shutdown().await;
    }
}

#[tokio::test]
async fn a_till_a_qr_code_and_a_new_key() {
    let shop = Shop::start(SignType::HmacSha256, true).await;
    let (_, shown) = shop.post("/payment-codes", json!({})).await;
    let till = Micropay {
        appid: shop.appid(),
        body: Body::parse("茶馆-龙井").unwrap(),
        attach: None,
        out_trade_no: "TILL-000001".parse().unwrap(),
        total_fee: Fen::new(1990),
        spbill_create_ip: [192, 0, 2, 8].into(),
        store: None,
        auth_code: AuthCode::parse(shown["auth_code"].as_str().unwrap()).unwrap(),
    };
    let paid = shop.client.send(&till).await.done().unwrap();
    assert_eq!(paid.trade_type.as_deref(), Some("MICROPAY"));
    let reverse = Reverse {
        appid: shop.appid(),
        out_trade_no: "TILL-000001".parse().unwrap(),
    };
    let reversed = shop.client.send(&reverse).await.done().unwrap();
    assert_eq!(reversed, Reversed::Finished);

    let native = UnifiedOrder {
        product: Product::Native {
            product_id: "tea".to_owned(),
        },
        ..shop.order("NATIVE-00001")
    };
    let placed = shop.client.send(&native).await.done().unwrap();
    let scan = json!({ "url": placed.code_url.unwrap().as_str(), "user": "passer-by" });
    let (status, cashier) = shop.post("/cashier/follow", scan).await;
    assert_eq!(
        (status, &cashier["out_trade_no"]),
        (200, &json!("NATIVE-00001"))
    );

    let mobile = shop.simulator.merchant.settings.mobile_app.clone().unwrap();
    let appid = mobile.appid.as_str();
    let app = UnifiedOrder {
        appid: appid.parse().unwrap(),
        product: Product::App,
        ..shop.order("APP-0000001")
    };
    let placed = shop.client.send(&app).await.done().unwrap();
    let parameters = shop
        .client
        .app_payment(appid, placed.prepay_id.as_str(), real_ms() / 1000);
    let parameters = serde_json::to_value(&parameters).unwrap();
    assert_eq!(shop.post("/cashier/app", parameters).await.0, 200);

    assert_eq!(
        shop.post("/keys/api", json!({ "api_key": "short" }))
            .await
            .0,
        400
    );
    let (_, key) = shop.post("/keys/api", json!({})).await;
    assert_eq!(key["api_key"].as_str().unwrap().len(), 32);
    let outcome = shop.client.send(&shop.query("NATIVE-00001")).await;
    assert!(matches!(outcome, Outcome::Rejected(_)), "{outcome:?}");
}

#[tokio::test]
async fn without_the_certificate_no_money_goes_out() {
    let shop = Shop::start(SignType::HmacSha256, false).await;
    shop.buy("ORDER-000001").await;
    let outcome = shop.client.send(&shop.refund("ORDER-000001")).await;
    let Outcome::Rejected(error) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(error.message, "请求未携带API证书");
    let (_, pair) = shop
        .post("/keys/replace-merchant-certificate", json!({}))
        .await;
    let pem = |name: &str| pair[name].as_str().unwrap();
    let identity =
        ClientIdentity::from_pem(pem("certificate_pem"), pem("private_key_pem")).unwrap();
    let files = &shop.simulator.merchant;
    let options = HttpOptions {
        extra_roots: files.authority_pem.clone().into_iter().collect(),
        identity: Some(identity),
        ..HttpOptions::at(files.settings.pay_tls_url.as_deref().unwrap())
    };
    let certified = Arc::new(HttpTransport::new(options).unwrap());
    let plain = HttpTransport::new(HttpOptions::at(&files.settings.pay_base_url)).unwrap();
    let client = Client::new(
        shop.client.account().clone(),
        Arc::new(plain),
        Some(certified),
        Arc::new(random_nonce),
    );
    client
        .send(&shop.refund("ORDER-000001"))
        .await
        .done()
        .unwrap();
}

#[tokio::test]
async fn a_strangers_certificate_does_not_get_through_the_handshake() {
    let shop = Shop::start(SignType::HmacSha256, true).await;
    let stranger = Credentials::generate("1900000009", "wx9999222233334444", real_ms()).unwrap();
    let identity = ClientIdentity::from_pem(
        &stranger.merchant_certificate_pem,
        &stranger.merchant_key_pem,
    );
    let files = &shop.simulator.merchant;
    let options = HttpOptions {
        extra_roots: files.authority_pem.clone().into_iter().collect(),
        identity: Some(identity.unwrap()),
        ..HttpOptions::at(files.settings.pay_tls_url.as_deref().unwrap())
    };
    let transport = Arc::new(HttpTransport::new(options).unwrap());
    let client = Client::new(
        shop.client.account().clone(),
        transport.clone(),
        Some(transport),
        Arc::new(random_nonce),
    );
    let outcome = client.send(&shop.query("ORDER-000001")).await;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
}
