//! A simulator, a merchant's server, and the SDK's client between them.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde_json::{Value, json};
use wechatpay::crypto::{ApiV3Key, PublicKey};
use wechatpay::v3::http::{HttpOptions, HttpTransport};
use wechatpay::v3::{Account, Client, KeyRing, Outcome, Request, RsaSigner, Target, random_nonce};

use crate::clock::real_ms;
use crate::*;

/// A merchant's server that remembers what it was told.
#[derive(Clone)]
pub(super) struct Receiver {
    pub(super) url: String,
    pub(super) status: Arc<AtomicU16>,
    pub(super) got: Arc<Mutex<Vec<Received>>>,
}

/// Headers and body.
pub(super) type Received = (Vec<(String, String)>, Vec<u8>);

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            url: format!("http://{}/notify", listener.local_addr().unwrap()),
            status: Arc::new(AtomicU16::new(204)),
            got: Arc::default(),
        };
        let router = Router::new()
            .route("/notify", post(Self::receive))
            .with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        receiver
    }

    pub(super) async fn receive(
        State(receiver): State<Self>,
        headers: axum::http::HeaderMap,
        body: axum::body::Bytes,
    ) -> axum::http::StatusCode {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        receiver.got.lock().unwrap().push((headers, body.to_vec()));
        axum::http::StatusCode::from_u16(receiver.status.load(Ordering::SeqCst)).unwrap()
    }

    /// Waits until so many have arrived.
    pub(super) async fn wait(&self, count: usize) {
        for _ in 0..500 {
            if self.got.lock().unwrap().len() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("only {} notifications came", self.got.lock().unwrap().len());
    }
}

pub(super) struct Desk {
    pub(super) simulator: Handle,
    pub(super) client: Client,
    pub(super) control: reqwest::Client,
    pub(super) receiver: Receiver,
}

impl Desk {
    pub(super) async fn start() -> Self {
        let simulator = Simulator::start(SimulatorOptions::default()).await.unwrap();
        let settings = &simulator.merchant.settings;
        let keys = &simulator.merchant.credentials;
        let ring = KeyRing::new();
        let public_key = PublicKey::from_pem(&keys.public_key_pem().unwrap()).unwrap();
        ring.insert_public_key(&settings.public_key_id, public_key);
        let account = Account {
            mchid: settings.mchid.parse().unwrap(),
            signer: Arc::new(RsaSigner::new(
                &settings.serial_no,
                keys.merchant_key().unwrap(),
            )),
            keys: Arc::new(ring),
            api_v3_key: Some(ApiV3Key::new(&settings.apiv3_key).unwrap()),
            request_serial: Some(settings.public_key_id.clone()),
        };
        let transport = HttpTransport::new(HttpOptions::at(&settings.pay_base_url));
        let clock = Arc::new(|| real_ms() / 1000);
        let client = Client::new(
            account,
            Arc::new(transport.unwrap()),
            clock,
            Arc::new(random_nonce),
        );
        Self {
            control: crate::http::deliver::client().unwrap(),
            receiver: Receiver::start().await,
            client,
            simulator,
        }
    }

    pub(super) async fn control(
        &self,
        method: reqwest::Method,
        path: &str,
        body: &Value,
    ) -> (u16, Value) {
        let url = format!("{}{path}", self.simulator.merchant.settings.control_url);
        let mut request = self
            .control
            .request(method, url)
            .timeout(Duration::from_secs(60));
        if !body.is_null() {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.control(reqwest::Method::POST, path, &body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.control(reqwest::Method::GET, path, &Value::Null).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub(super) async fn prepay(&self, out_trade_no: &str) -> Outcome<Value> {
        let settings = &self.simulator.merchant.settings;
        let body = json!({
            "appid": settings.appid, "mchid": settings.mchid, "description": "龙井茶",
            "out_trade_no": out_trade_no, "notify_url": self.receiver.url,
            "amount": { "total": 1990 }, "payer": { "openid": settings.openid },
        });
        let target = Target::parse("/v3/pay/transactions/jsapi").unwrap();
        self.client.call(Request::post_json(target, &body)).await
    }

    pub(super) async fn query(&self, out_trade_no: &str) -> Outcome<Value> {
        let target = Target::path(&["v3", "pay", "transactions", "out-trade-no", out_trade_no])
            .with_query("mchid", &self.simulator.merchant.settings.mchid);
        self.client.call(Request::get(target)).await
    }

    /// Orders, opens the cashier with signed parameters, and pays.
    pub(super) async fn buy(&self, out_trade_no: &str) -> Value {
        let prepay_id = self.prepay(out_trade_no).await.done().unwrap()["prepay_id"].clone();
        let appid = &self.simulator.merchant.settings.appid;
        let parameters = self
            .client
            .request_payment(appid, prepay_id.as_str().unwrap());
        let mut open = serde_json::to_value(&parameters).unwrap();
        open["appid"] = json!(appid);
        let cashier = self.post("/cashier/open", open).await;
        assert_eq!(cashier["amount_fen"], 1990);
        self.post(
            "/cashier/pay",
            json!({ "prepay_id": prepay_id, "action": "pay" }),
        )
        .await
    }
}
