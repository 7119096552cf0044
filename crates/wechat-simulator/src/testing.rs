//! What the tests of this crate share: cheap keys, one shop, and a client that signs.

use std::sync::Arc;

use serde_json::{Value, json};
use wechatpay::crypto::ApiV3Key;
use wechatpay::v2::ApiKey;
use wechatpay::v3::{KeyRing, RawResponse, Signer, VerifyingKey, authorization};

use crate::*;

/// A keyed hash in place of RSA: the same interface, a thousand times cheaper.
#[derive(Clone, Debug)]
pub(crate) struct CheapKey(String);

impl CheapKey {
    pub(crate) fn new(serial: &str) -> Self {
        Self(serial.to_owned())
    }
}

impl Signer for CheapKey {
    fn serial_no(&self) -> &str {
        &self.0
    }

    fn sign(&self, text: &[u8]) -> String {
        let hash = self
            .0
            .bytes()
            .chain(text.iter().copied())
            .fold(7u64, |hash, byte| crate::ids::mix(hash ^ u64::from(byte)));
        format!("{hash:016x}")
    }
}

impl VerifyingKey for CheapKey {
    fn verify(&self, text: &[u8], signature: &str) -> bool {
        self.sign(text) == signature
    }
}

pub(crate) fn platform_key(serial: &str) -> PlatformKey {
    PlatformKey {
        signer: Arc::new(CheapKey::new(serial)),
        opener: None,
    }
}

pub(crate) const MCHID: &str = "1900000001";
pub(crate) const APPID: &str = "wx1111222233334444";
/// Of an official account.
pub(crate) const OFFICIAL: &str = "wx7777aaaabbbbcccc";
/// Of a mobile app.
pub(crate) const MOBILE: &str = "wx8888ddddeeeeffff";
pub(crate) const SECRET: &str = "secret";
pub(crate) const MERCHANT_SERIAL: &str = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1";
pub(crate) const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000000012026010500000000000001";
pub(crate) const API_V3_KEY: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const API_KEY: &str = "0123456789abcdef0123456789ABCDEF";
pub(crate) const NOTIFY_URL: &str = "https://pay.example.com/wechat/notify/1900000001";
/// 2026-01-05T12:00:00+08:00
pub(crate) const NOON: i64 = 1_767_585_600_000;

/// One WeChat with one merchant, one app, and the merchant's way of calling it.
pub(crate) struct Shop {
    pub(crate) wechat: Wechat,
    pub(crate) now_ms: i64,
    pub(crate) keys: KeyRing,
    pub(crate) sent: Vec<Dispatch>,
    nonce: u64,
}

impl Shop {
    pub(crate) fn new() -> Self {
        Self::with(Assumptions::default())
    }

    pub(crate) fn with(assumptions: Assumptions) -> Self {
        let merchant = Merchant::new(
            MCHID,
            "茶馆",
            PlatformKeys::public_key(platform_key(PUBLIC_KEY_ID)),
        )
        .with_app(APPID)
        .with_app(OFFICIAL)
        .with_app(MOBILE)
        .with_api_v3_key(ApiV3Key::new(API_V3_KEY).unwrap())
        .with_api_key(ApiKey::parse(API_KEY).unwrap())
        .with_certificate(MERCHANT_SERIAL, Arc::new(CheapKey::new(MERCHANT_SERIAL)));
        let app = |appid: &str| App {
            appid: appid.to_owned(),
            secret: SECRET.to_owned(),
            platform: None,
        };
        let options = Options {
            log: true,
            assumptions,
            ..Options::default()
        };
        let keys = KeyRing::new();
        keys.insert(PUBLIC_KEY_ID, Arc::new(CheapKey::new(PUBLIC_KEY_ID)));
        let mut shop = Self {
            wechat: Wechat::new(options)
                .with_app(app(APPID))
                .with_app(app(OFFICIAL))
                .with_app_kind(OFFICIAL, AppKind::OfficialAccount)
                .with_app(app(MOBILE))
                .with_app_kind(MOBILE, AppKind::MobileApp)
                .with_merchant(merchant),
            now_ms: NOON,
            keys,
            sent: Vec::new(),
            nonce: 0,
        };
        shop.login("buyer");
        shop
    }

    pub(crate) fn step(&mut self, input: Input) -> Option<Output> {
        let mut result = None;
        for output in self.wechat.step(self.now_ms, input) {
            match output {
                Output::SendNotification(dispatch) => self.sent.push(dispatch),
                other @ (Output::Answer { .. }
                | Output::NoAnswer { .. }
                | Output::Phone(_)
                | Output::Control(_)) => {
                    assert!(result.replace(other).is_none(), "two results in one step");
                }
            }
        }
        result
    }

    /// Lets time pass and everything happen that is due, each at its time.
    pub(crate) fn pass(&mut self, ms: i64) {
        let end = self.now_ms + ms;
        while let Some(due) = self.wechat.next_due().filter(|due| *due <= end) {
            self.now_ms = due;
            self.step(Input::Tick);
        }
        self.now_ms = end;
        self.step(Input::Tick);
    }

    pub(crate) fn control(&mut self, command: Command) -> CommandAnswer {
        match self.step(Input::Control(command)) {
            Some(Output::Control(result)) => result.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn fault(&mut self, fault: Fault) {
        self.control(Command::AddFault(fault));
    }

    /// A login code of this user; the openid is known from now on.
    pub(crate) fn login(&mut self, user: &str) -> (String, String) {
        let command = Command::LoginCode {
            appid: APPID.to_owned(),
            user: user.to_owned(),
        };
        match self.control(command) {
            CommandAnswer::LoginCode { code, openid } => (code, openid),
            other @ (CommandAnswer::Done
            | CommandAnswer::PaymentCode(_)
            | CommandAnswer::PhoneCode(_)
            | CommandAnswer::Refund(_)) => panic!("{other:?}"),
        }
    }

    pub(crate) fn signed(&mut self, method: &str, target: &str, body: &str) -> WireRequest {
        self.nonce += 1;
        let header = authorization(
            MCHID,
            &CheapKey::new(MERCHANT_SERIAL),
            method,
            target,
            body.as_bytes(),
            self.now_ms / 1000,
            &format!("nonce{}", self.nonce),
        );
        WireRequest {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: vec![
                ("Authorization".to_owned(), header),
                ("Wechatpay-Serial".to_owned(), PUBLIC_KEY_ID.to_owned()),
            ],
            body: body.as_bytes().to_vec(),
            connection: Connection::Plain,
        }
    }

    /// Sends a request; `None` when it is never answered.
    pub(crate) fn raw(&mut self, request: WireRequest) -> Option<RawResponse> {
        match self.step(Input::Request(request)) {
            Some(Output::Answer { response, .. }) => Some(response),
            Some(Output::NoAnswer { .. }) => None,
            other => panic!("{other:?}"),
        }
    }

    /// A signed call whose answer must be signed, too.
    pub(crate) fn call(&mut self, method: &str, target: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let request = self.signed(method, target, &body);
        let answer = self.raw(request).expect("an answer");
        self.keys
            .verify(&answer.headers, &answer.body, self.now_ms / 1000)
            .expect("a signed answer");
        assert!(answer.request_id().is_some());
        let value = if answer.body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&answer.body).unwrap()
        };
        (answer.status, value)
    }

    pub(crate) fn order_body(&self, out_trade_no: &str) -> Value {
        json!({
            "appid": APPID,
            "mchid": MCHID,
            "description": "龙井茶",
            "out_trade_no": out_trade_no,
            "attach": "shop=7",
            "notify_url": NOTIFY_URL,
            "amount": { "total": 1990, "currency": "CNY" },
            "payer": { "openid": openid(APPID, "buyer") },
        })
    }

    /// The body of an order of another product than JSAPI, without its payer.
    pub(crate) fn product_body(&self, product: &str, out_trade_no: &str) -> Value {
        let mut body = self.order_body(out_trade_no);
        body.as_object_mut().unwrap().remove("payer");
        match product {
            "app" => body["appid"] = json!(MOBILE),
            "h5" => {
                body["scene_info"] =
                    json!({ "payer_client_ip": "203.0.113.7", "h5_info": { "type": "Wap" } });
            }
            _ => {}
        }
        body
    }

    /// Places an order of another product than JSAPI; the one member of its answer.
    pub(crate) fn place(&mut self, product: &str, out_trade_no: &str) -> String {
        let body = self.product_body(product, out_trade_no);
        let target = format!("/v3/pay/transactions/{product}");
        let (status, answer) = self.call("POST", &target, &body);
        assert_eq!(status, 200, "{answer}");
        let members = answer.as_object().unwrap();
        assert_eq!(members.len(), 1, "{answer}");
        members
            .values()
            .next()
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(crate) fn follow(&mut self, url: &str, user: &str) -> Result<Cashier, PhoneRefusal> {
        let follow = FollowLink {
            url: url.to_owned(),
            user: user.to_owned(),
        };
        let answer = self.phone(PhoneAction::Follow(follow))?;
        match answer {
            PhoneAnswer::Cashier(cashier) => Ok(cashier),
            PhoneAnswer::Result(result) => panic!("{result:?}"),
        }
    }

    pub(crate) fn open_from_app(&mut self, parameters: Value) -> Result<Cashier, PhoneRefusal> {
        let open: OpenFromApp = serde_json::from_value(parameters).unwrap();
        match self.phone(PhoneAction::OpenFromApp(open))? {
            PhoneAnswer::Cashier(cashier) => Ok(cashier),
            PhoneAnswer::Result(result) => panic!("{result:?}"),
        }
    }

    pub(crate) fn act_as(
        &mut self,
        user: &str,
        prepay_id: &str,
        action: BuyerAction,
    ) -> Result<CashierResult, PhoneRefusal> {
        let act = CashierAction {
            prepay_id: prepay_id.to_owned(),
            user: user.to_owned(),
            action,
            coupon_fen: None,
            coupon_no_cash: false,
            bank_type: None,
        };
        match self.phone(PhoneAction::Act(act))? {
            PhoneAnswer::Result(result) => Ok(result),
            PhoneAnswer::Cashier(cashier) => panic!("{cashier:?}"),
        }
    }

    /// What a phone shows at the till.
    pub(crate) fn payment_code(&mut self, user: &str, story: CodeStory) -> String {
        let command = Command::PaymentCode {
            user: user.to_owned(),
            story,
            after_ms: None,
        };
        match self.control(command) {
            CommandAnswer::PaymentCode(code) => code,
            other @ (CommandAnswer::Done
            | CommandAnswer::LoginCode { .. }
            | CommandAnswer::PhoneCode(_)
            | CommandAnswer::Refund(_)) => panic!("{other:?}"),
        }
    }

    pub(crate) fn prepay(&mut self, out_trade_no: &str) -> String {
        let body = self.order_body(out_trade_no);
        let (status, answer) = self.call("POST", "/v3/pay/transactions/jsapi", &body);
        assert_eq!(status, 200, "{answer}");
        answer["prepay_id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn query(&mut self, out_trade_no: &str) -> (u16, Value) {
        let target = format!("/v3/pay/transactions/out-trade-no/{out_trade_no}?mchid={MCHID}");
        self.call("GET", &target, &Value::Null)
    }

    pub(crate) fn close(&mut self, out_trade_no: &str) -> (u16, Value) {
        let target = format!("/v3/pay/transactions/out-trade-no/{out_trade_no}/close");
        self.call("POST", &target, &json!({ "mchid": MCHID }))
    }

    pub(crate) fn act(
        &mut self,
        prepay_id: &str,
        action: BuyerAction,
    ) -> Result<CashierResult, PhoneRefusal> {
        self.act_as("buyer", prepay_id, action)
    }

    pub(crate) fn phone(&mut self, action: PhoneAction) -> Result<PhoneAnswer, PhoneRefusal> {
        match self.step(Input::Phone(action)) {
            Some(Output::Phone(result)) => result,
            other => panic!("{other:?}"),
        }
    }

    /// Orders and pays; returns WeChat's number.
    pub(crate) fn paid(&mut self, out_trade_no: &str) -> String {
        let prepay_id = self.prepay(out_trade_no);
        self.act(&prepay_id, BuyerAction::Pay).unwrap();
        let order = self.wechat.order(MCHID, out_trade_no).unwrap();
        order.payment().unwrap().transaction_id.clone()
    }

    /// Verifies and decrypts a notification as a receiver does.
    pub(crate) fn open(&self, dispatch: &Dispatch) -> Option<(Value, Value)> {
        self.keys
            .verify(&dispatch.headers, &dispatch.body, self.now_ms / 1000)
            .ok()?;
        let envelope: Value = serde_json::from_slice(&dispatch.body).ok()?;
        let resource = &envelope["resource"];
        let plain = ApiV3Key::new(API_V3_KEY)
            .unwrap()
            .open(
                resource["nonce"].as_str()?,
                resource["associated_data"].as_str().unwrap_or_default(),
                resource["ciphertext"].as_str()?,
            )
            .ok()?;
        Some((envelope, serde_json::from_slice(&plain).ok()?))
    }

    pub(crate) fn answer(&mut self, dispatch: &Dispatch, status: u16) {
        self.step(Input::NotificationAnswered {
            delivery: dispatch.delivery,
            attempt: dispatch.attempt,
            status: Some(status),
            body: Vec::new(),
        });
    }
}
