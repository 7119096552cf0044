//! A small WeChat: orders, signed answers, sealed notifications, login codes, and trouble on demand.

mod refund;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use shouyin_core::ports::Clock;
use wechat_miniprogram as mp;
use wechatpay::BoxFuture;
use wechatpay::crypto::{ApiV3Key, PrivateKey};
use wechatpay::time::WechatTime;
use wechatpay::v3::notification::{Plain, seal};
use wechatpay::v3::{
    RawResponse, RsaSigner, SignedRequest, Signer, Transport, TransportError, signature_headers,
};

use crate::world::TestClock;

/// Published test keys of the SDK's vectors.
pub(crate) const MERCHANT_KEY: &str =
    include_str!("../../../../libs/wechatpay/tests/vectors/c_private.pem");
pub(crate) const MERCHANT_SERIAL: &str = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1";
pub(crate) const WECHAT_KEY: &str =
    include_str!("../../../../libs/wechatpay/tests/vectors/a_private_pkcs1.pem");
pub(crate) const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000000012026010500000000000001";
pub(crate) const API_V3_KEY: &str = "a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb";
pub(crate) const APP_SECRET: &str = "app-secret-of-the-shop";
pub(crate) const SESSION_KEY: &str = "tiihtNczf5v6AKRyjwEUhQ==";

/// What goes wrong with the next call of a kind.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trouble {
    /// No connection.
    NotSent,
    /// WeChat does it, but its answer does not arrive.
    AnswerLost,
    /// WeChat says no.
    Refuse(u16, &'static str),
    /// The answer's signature is wrong.
    WrongSignature,
}

#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) body: Value,
    pub(crate) prepay_id: String,
    pub(crate) state: &'static str,
    pub(crate) transaction_id: Option<String>,
}

#[derive(Debug, Default)]
struct State {
    orders: BTreeMap<String, Order>,
    refunds: BTreeMap<String, Value>,
    trouble: BTreeMap<&'static str, VecDeque<Trouble>>,
    calls: Vec<String>,
    used_codes: BTreeSet<String>,
    made: u64,
}

/// WeChat, shared by the transports and the test.
#[derive(Debug)]
pub(crate) struct Wechat {
    state: Mutex<State>,
    signer: RsaSigner,
    clock: Arc<TestClock>,
}

impl Wechat {
    pub(crate) fn new(clock: Arc<TestClock>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            signer: RsaSigner::new(PUBLIC_KEY_ID, PrivateKey::from_pem(WECHAT_KEY).unwrap()),
            clock,
        })
    }

    /// The next call of this kind (`prepay`, `query`, `close`, `login`) goes wrong.
    pub(crate) fn trouble(&self, call: &'static str, trouble: Trouble) {
        let mut state = self.state.lock().unwrap();
        state.trouble.entry(call).or_default().push_back(trouble);
    }

    /// Every call so far, for example `prepay 0199...`.
    pub(crate) fn calls(&self, kind: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state
            .calls
            .iter()
            .filter(|call| call.starts_with(kind))
            .cloned()
            .collect()
    }

    pub(crate) fn orders(&self) -> BTreeMap<String, Order> {
        self.state.lock().unwrap().orders.clone()
    }

    /// The only order there is.
    pub(crate) fn the_order(&self) -> String {
        let orders = self.orders();
        assert_eq!(orders.len(), 1, "{orders:?}");
        orders.into_keys().next().unwrap()
    }

    /// The buyer types the password.
    pub(crate) fn buyer_pays(&self, out_trade_no: &str) {
        let mut state = self.state.lock().unwrap();
        state.made += 1;
        let id = format!("4200000001{:018}", state.made);
        let order = state.orders.get_mut(out_trade_no).unwrap();
        assert_eq!(order.state, "NOTPAY");
        order.state = "SUCCESS";
        order.transaction_id = Some(id);
    }

    /// The order as query and notification tell it.
    pub(crate) fn transaction(&self, out_trade_no: &str) -> Value {
        let state = self.state.lock().unwrap();
        let order = &state.orders[out_trade_no];
        let mut said = json!({
            "appid": order.body["appid"], "mchid": order.body["mchid"], "out_trade_no": out_trade_no,
            "trade_state": order.state, "trade_state_desc": "", "attach": "",
            "amount": { "total": order.body["amount"]["total"], "currency": "CNY" },
        });
        if let Some(id) = &order.transaction_id {
            said["transaction_id"] = json!(id);
            said["trade_type"] = json!("JSAPI");
            said["bank_type"] = json!("OTHERS");
            said["success_time"] =
                json!(WechatTime::from_unix_ms(self.clock.now().as_millis()).as_str());
            said["payer"] = order.body["payer"].clone();
            said["amount"]["payer_total"] = order.body["amount"]["total"].clone();
            said["amount"]["payer_currency"] = json!("CNY");
        }
        said
    }

    /// A genuine notification about this content.
    pub(crate) fn notification(&self, resource: &Value) -> (Vec<(String, String)>, Vec<u8>) {
        let key = ApiV3Key::new(API_V3_KEY).unwrap();
        self.notification_sealed(resource, &key)
    }

    pub(crate) fn notification_sealed(
        &self,
        resource: &Value,
        key: &ApiV3Key,
    ) -> (Vec<(String, String)>, Vec<u8>) {
        let plain = Plain {
            id: "5d7f1f5e-2c4b-5a39-9f0e-6b8f3f1c2a10",
            create_time: &WechatTime::from_unix_ms(self.clock.now().as_millis()),
            event_type: "TRANSACTION.SUCCESS",
            original_type: "transaction",
            summary: "支付成功",
            nonce: "Qm7Kx2Vb9TzL",
            associated_data: "transaction",
            resource: &resource.to_string(),
        };
        let body = seal(key, &plain).unwrap();
        (self.sign(&body), body)
    }

    /// WeChat's signature over a body, now.
    pub(crate) fn sign(&self, body: &[u8]) -> Vec<(String, String)> {
        self.sign_as(&self.signer, self.clock.now().as_seconds(), body)
    }

    pub(crate) fn sign_as(
        &self,
        signer: &dyn Signer,
        timestamp: i64,
        body: &[u8],
    ) -> Vec<(String, String)> {
        signature_headers(signer, timestamp, "9f2c4e6a8b0d1f3a5c7e9b1d3f5a7c9e", body)
    }

    fn answer(&self, request: &SignedRequest) -> Result<RawResponse, TransportError> {
        let path = request.target.split('?').next().unwrap();
        let (kind, number) = if path == "/v3/pay/transactions/jsapi" {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            ("prepay", body["out_trade_no"].as_str().unwrap().to_owned())
        } else if let Some(call) = refund::call(path, &request.body) {
            call
        } else {
            let rest = path
                .strip_prefix("/v3/pay/transactions/out-trade-no/")
                .unwrap();
            match rest.strip_suffix("/close") {
                Some(number) => ("close", number.to_owned()),
                None => ("query", rest.to_owned()),
            }
        };
        let trouble = {
            let mut state = self.state.lock().unwrap();
            state.calls.push(format!("{kind} {number}"));
            state.trouble.get_mut(kind).and_then(VecDeque::pop_front)
        };
        if let Some(Trouble::NotSent) = trouble {
            return Err(TransportError::NotSent("connection refused".into()));
        }
        let (status, body) = match trouble {
            Some(Trouble::Refuse(status, code)) => (status, refusal(code)),
            _ => match kind {
                "prepay" => self.prepay(&number, &request.body),
                "close" => self.close(&number),
                "refund" => self.refund(&number, &request.body),
                "ask_refund" => self.ask_refund(&number),
                _ => self.query(&number),
            },
        };
        if let Some(Trouble::AnswerLost) = trouble {
            return Err(TransportError::NoAnswer("timed out".into()));
        }
        let mut headers = self.sign(body.as_bytes());
        if let Some(Trouble::WrongSignature) = trouble {
            headers = self.sign(b"something else");
        }
        headers.push(("Request-ID".into(), "08F5-4711".into()));
        Ok(RawResponse {
            status,
            headers,
            body: body.into_bytes(),
        })
    }

    fn prepay(&self, number: &str, body: &[u8]) -> (u16, String) {
        let mut state = self.state.lock().unwrap();
        state.made += 1;
        let prepay_id = format!("wx{:034}", state.made);
        let body: Value = serde_json::from_slice(body).unwrap();
        let order = state.orders.entry(number.to_owned()).or_insert(Order {
            body,
            prepay_id: prepay_id.clone(),
            state: "NOTPAY",
            transaction_id: None,
        });
        match order.state {
            "SUCCESS" => (400, refusal("ORDERPAID")),
            "CLOSED" => (400, refusal("ORDER_CLOSED")),
            _ => {
                order.prepay_id.clone_from(&prepay_id);
                (200, json!({ "prepay_id": prepay_id }).to_string())
            }
        }
    }

    fn close(&self, number: &str) -> (u16, String) {
        let mut state = self.state.lock().unwrap();
        match state.orders.get_mut(number) {
            None => (404, refusal("ORDER_NOT_EXIST")),
            Some(order) if order.state == "SUCCESS" => (400, refusal("ORDERPAID")),
            Some(order) => {
                order.state = "CLOSED";
                (204, String::new())
            }
        }
    }

    fn query(&self, number: &str) -> (u16, String) {
        if self.orders().contains_key(number) {
            (200, self.transaction(number).to_string())
        } else {
            (404, refusal("ORDER_NOT_EXIST"))
        }
    }

    /// Codes: `alice-1`, `bob-2` stand for users; `bad`, `busy`, `often`, `blocked`, `secret` for WeChat's errors.
    fn code2session(&self, request: &mp::Request) -> Result<mp::Response, mp::TransportError> {
        let target = request.target.as_str();
        assert!(
            target.contains("secret="),
            "no secret in {}",
            request.path()
        );
        let code = target
            .split("js_code=")
            .nth(1)
            .unwrap()
            .split('&')
            .next()
            .unwrap()
            .replace("%2D", "-");
        let mut state = self.state.lock().unwrap();
        state.calls.push(format!("login {code}"));
        if let Some(Trouble::NotSent) = state.trouble.get_mut("login").and_then(VecDeque::pop_front)
        {
            return Err(mp::TransportError::NotSent("connection refused".into()));
        }
        let error = |errcode: i64, errmsg: &str| json!({ "errcode": errcode, "errmsg": errmsg });
        let body = match code.as_str() {
            "bad" => error(40029, "invalid code"),
            "busy" => error(-1, "system error"),
            "often" => error(45011, "frequency limit"),
            "blocked" => error(40226, "code blocked"),
            "secret" => error(40125, "invalid appsecret"),
            _ if !state.used_codes.insert(code.clone()) => error(40163, "code been used"),
            _ => {
                json!({ "openid": openid(code.split('-').next().unwrap()), "session_key": SESSION_KEY })
            }
        };
        Ok(mp::Response {
            status: 200,
            body: body.to_string().into_bytes(),
        })
    }
}

/// The openid of a user, in full: must never be seen outside.
pub(crate) fn openid(user: &str) -> String {
    format!("oUpF8uMuAJO_M2pxb1Q9z{user:_>7}")
}

fn refusal(code: &str) -> String {
    json!({ "code": code, "message": "微信说不" }).to_string()
}

/// WeChat Pay's door.
#[derive(Debug)]
pub(crate) struct PayDoor(pub(crate) Arc<Wechat>);

impl Transport for PayDoor {
    fn send<'a>(
        &'a self,
        request: &'a SignedRequest,
    ) -> BoxFuture<'a, Result<RawResponse, TransportError>> {
        Box::pin(async move { self.0.answer(request) })
    }
}

/// The mini-program interfaces' door.
#[derive(Debug)]
pub(crate) struct LoginDoor(pub(crate) Arc<Wechat>);

impl mp::Transport for LoginDoor {
    fn send<'a>(
        &'a self,
        request: &'a mp::Request,
    ) -> mp::BoxFuture<'a, Result<mp::Response, mp::TransportError>> {
        Box::pin(async move { self.0.code2session(request) })
    }
}
