//! The same server in front of the simulator's heart: a WeChat that checks every signature, keeps books of its own, and breaks
//! what it is told to break. Time stands still until [`Desk::pass`] moves it from one thing that happens to the next.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use fen::Fen;
use serde_json::{Value, json};
use shouyin_core::ports::Clock;
use shouyin_wechat::AppKind;
use tokio::sync::Notify;
use wechat_miniprogram as mp;
use wechat_simulator::{
    App, BuyerAction, CashierAction, ClientCertificate, Command, CommandAnswer, Connection,
    Dispatch, Fault, FaultKind, Input, Merchant, OpenCashier, Operation, Options, Output,
    PhoneAction, PhoneAnswer, PlatformKey, PlatformKeys, RefundEnd, Wechat, WireRequest,
};
use wechatpay::BoxFuture;
use wechatpay::crypto::{ApiV3Key, PrivateKey};
use wechatpay::v2::ApiKey;
use wechatpay::v3::{RawResponse, RsaSigner, SignedRequest, Transport, TransportError};

use crate::v2::API_KEY;
use crate::wechat::{
    API_V3_KEY, APP_SECRET, MERCHANT_KEY, MERCHANT_SERIAL, PUBLIC_KEY_ID, WECHAT_KEY,
};
use crate::world::{APPID, Answer, LANES, MCHID, Setup, TestClock, Wires, World};

/// The simulator's heart with the clock of the world.
#[derive(Debug)]
pub(crate) struct Heart {
    wechat: Mutex<Wechat>,
    clock: Arc<TestClock>,
    pub(crate) outbox: Mutex<VecDeque<Dispatch>>,
    calls: AtomicUsize,
    /// The next answer never comes, and whoever waits for it is told here.
    silent: AtomicBool,
    pub(crate) fell_silent: Notify,
}

impl Heart {
    fn new(clock: Arc<TestClock>, kind: AppKind) -> Arc<Self> {
        let key = PrivateKey::from_pem(WECHAT_KEY).unwrap();
        let platform = PlatformKeys::public_key(PlatformKey {
            signer: Arc::new(RsaSigner::new(PUBLIC_KEY_ID, key.clone())),
            opener: Some(Arc::new(key)),
        });
        let verifier = PrivateKey::from_pem(MERCHANT_KEY).unwrap().public_key();
        let mut merchant = Merchant::new(MCHID, "Coffee", platform)
            .with_app(APPID)
            .with_api_v3_key(ApiV3Key::new(API_V3_KEY).unwrap())
            .with_api_key(ApiKey::parse(API_KEY).unwrap())
            .with_certificate(MERCHANT_SERIAL, Arc::new(verifier));
        merchant.refund_notify_url = Some(format!("https://pay.example.com/wechat/notify/{MCHID}"));
        let mut options = Options::default();
        options.assumptions.v2_client_certificate = ClientCertificate::Always;
        let wechat = Wechat::new(options)
            .with_app(App {
                appid: APPID.to_owned(),
                secret: APP_SECRET.to_owned(),
                platform: None,
            })
            .with_app_kind(
                APPID,
                match kind {
                    AppKind::MiniProgram => wechat_simulator::AppKind::MiniProgram,
                    AppKind::OfficialAccount => wechat_simulator::AppKind::OfficialAccount,
                    AppKind::MobileApp => wechat_simulator::AppKind::MobileApp,
                },
            )
            .with_merchant(merchant);
        Arc::new(Self {
            wechat: Mutex::new(wechat),
            clock,
            outbox: Mutex::default(),
            calls: AtomicUsize::new(0),
            silent: AtomicBool::new(false),
            fell_silent: Notify::new(),
        })
    }

    /// How often WeChat Pay was called.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// WeChat's books.
    pub(crate) fn books(&self) -> MutexGuard<'_, Wechat> {
        self.wechat.lock().unwrap()
    }

    fn step(&self, input: Input) -> Vec<Output> {
        let now_ms = self.clock.now().as_millis();
        let outputs = self.books().step(now_ms, input);
        let mut rest = Vec::new();
        for output in outputs {
            match output {
                Output::SendNotification(dispatch) => {
                    self.outbox.lock().unwrap().push_back(dispatch);
                }
                other @ (Output::Answer { .. }
                | Output::NoAnswer { .. }
                | Output::Phone(_)
                | Output::Control(_)) => rest.push(other),
            }
        }
        rest
    }

    fn request(&self, request: WireRequest) -> Result<RawResponse, String> {
        match self.step(Input::Request(request)).pop() {
            Some(Output::Answer { response, .. }) => Ok(response),
            other => Err(format!("{other:?}")),
        }
    }

    /// Throws a switch.
    pub(crate) fn throw(&self, command: Command) -> CommandAnswer {
        match self.step(Input::Control(command)).pop() {
            Some(Output::Control(answer)) => answer.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The next call of this kind goes wrong.
    pub(crate) fn fault(&self, kind: FaultKind, operation: Operation) {
        self.throw(Command::AddFault(Fault::new(kind).at(operation)));
    }

    /// The next answer never comes: for a process that is killed while it waits.
    pub(crate) fn be_silent(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }

    /// A browser asks WeChat for a page; where it is sent.
    pub(crate) fn browse(&self, target: &str, user: &str) -> String {
        let request = WireRequest {
            method: "GET".to_owned(),
            target: target.to_owned(),
            headers: vec![("Cookie".to_owned(), format!("simulated_user={user}"))],
            body: Vec::new(),
            connection: Connection::Plain,
        };
        let answer = self.request(request).unwrap();
        assert_eq!(answer.status, 302, "{:?}", String::from_utf8(answer.body));
        let location = answer
            .headers
            .into_iter()
            .find(|(name, _)| name == "Location");
        location.unwrap().1
    }

    pub(crate) fn phone(&self, action: PhoneAction) -> PhoneAnswer {
        match self.step(Input::Phone(action)).pop() {
            Some(Output::Phone(answer)) => answer.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The cashier opens with these parameters; its prepay id.
    pub(crate) fn open(&self, user: &str, parameters: &Value) -> String {
        let word = |name: &str| parameters[name].as_str().unwrap().to_owned();
        let opened = self.phone(PhoneAction::Open(OpenCashier {
            appid: APPID.to_owned(),
            user: user.to_owned(),
            time_stamp: parameters["timeStamp"].clone(),
            nonce_str: word("nonceStr"),
            package: word("package"),
            sign_type: word("signType"),
            pay_sign: word("paySign"),
        }));
        match opened {
            PhoneAnswer::Cashier(cashier) => cashier.prepay_id,
            PhoneAnswer::Result(result) => panic!("{result:?}"),
        }
    }

    /// The buyer types the password at the open cashier; the order's state afterwards, or the dialog.
    pub(crate) fn pay(&self, user: &str, prepay_id: &str) -> Result<&'static str, String> {
        let action = PhoneAction::Act(CashierAction {
            prepay_id: prepay_id.to_owned(),
            user: user.to_owned(),
            action: BuyerAction::Pay,
            coupon_fen: None,
            coupon_no_cash: false,
            bank_type: None,
        });
        match self.step(Input::Phone(action)).pop() {
            Some(Output::Phone(Ok(PhoneAnswer::Result(result)))) => Ok(result.trade_state),
            Some(Output::Phone(Err(refusal))) => Err(refusal.reason),
            other => panic!("{other:?}"),
        }
    }

    /// Ends a refund now.
    pub(crate) fn finish_refund(&self, out_refund_no: &str, end: RefundEnd) {
        self.throw(Command::FinishRefund {
            refund: (MCHID.to_owned(), out_refund_no.to_owned()),
            end: Some(end),
        });
    }

    pub(crate) fn set_balance(&self, fen: i64) {
        self.throw(Command::SetBalance {
            mchid: MCHID.to_owned(),
            balance: Some(Fen::new(fen)),
        });
    }

    /// What went back or is going back of all orders, in fen, and through how many refunds.
    pub(crate) fn refunded(&self) -> (i64, usize) {
        let books = self.books();
        let held: Vec<i64> = books
            .refunds()
            .filter(|refund| refund.holds_money())
            .map(|refund| refund.refund.get())
            .collect();
        (held.iter().sum(), held.len())
    }

    /// Every order: number, total and state.
    pub(crate) fn orders(&self) -> Vec<(String, i64, &'static str)> {
        let books = self.books();
        books
            .orders()
            .map(|order| {
                (
                    order.out_trade_no.clone(),
                    order.total.get(),
                    order.trade_state(),
                )
            })
            .collect()
    }
}

/// WeChat Pay's door.
#[derive(Debug)]
struct PayWire {
    heart: Arc<Heart>,
    connection: Connection,
}

impl Transport for PayWire {
    fn send<'a>(
        &'a self,
        request: &'a SignedRequest,
    ) -> BoxFuture<'a, Result<RawResponse, TransportError>> {
        Box::pin(async move {
            self.heart.calls.fetch_add(1, Ordering::SeqCst);
            let answer = self.heart.request(WireRequest {
                method: request.method.as_str().to_owned(),
                target: request.target.clone(),
                headers: request.headers.clone(),
                body: request.body.clone(),
                connection: self.connection.clone(),
            });
            if self.heart.silent.swap(false, Ordering::SeqCst) {
                self.heart.fell_silent.notify_one();
                std::future::pending::<()>().await;
            }
            answer.map_err(TransportError::NoAnswer)
        })
    }
}

/// The mini-program interfaces' door.
#[derive(Debug)]
struct LoginWire(Arc<Heart>);

impl mp::Transport for LoginWire {
    fn send<'a>(
        &'a self,
        request: &'a mp::Request,
    ) -> mp::BoxFuture<'a, Result<mp::Response, mp::TransportError>> {
        Box::pin(async move {
            let answer = self.0.request(WireRequest {
                method: "GET".to_owned(),
                target: request.target.as_str().to_owned(),
                headers: Vec::new(),
                body: Vec::new(),
                connection: Connection::Plain,
            });
            let answer = answer.map_err(mp::TransportError::NoAnswer)?;
            Ok(mp::Response {
                status: answer.status,
                body: answer.body,
            })
        })
    }
}

/// A world whose WeChat is the simulator.
pub(crate) struct Desk {
    pub(crate) world: World,
    pub(crate) heart: Arc<Heart>,
}

/// A payment that is paid.
#[derive(Debug, Clone)]
pub(crate) struct Sold {
    pub(crate) id: String,
    pub(crate) out_trade_no: String,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        Self::build(Setup::default()).await
    }

    pub(crate) async fn build(mut setup: Setup) -> Self {
        let heart = Heart::new(Arc::clone(&setup.clock), setup.app_kind);
        setup.wires = Some(Wires {
            pay: Arc::new(PayWire {
                heart: Arc::clone(&heart),
                connection: Connection::Tls { certificate: None },
            }),
            certified: Some(Arc::new(PayWire {
                heart: Arc::clone(&heart),
                connection: Connection::Tls {
                    certificate: Some(MERCHANT_SERIAL.to_owned()),
                },
            })),
            login: Arc::new(LoginWire(Arc::clone(&heart))),
        });
        let world = World::build(setup).await;
        Self { world, heart }
    }

    /// A session of this user.
    pub(crate) async fn session(&self, user: &str) -> String {
        let code = self.heart.throw(Command::LoginCode {
            appid: APPID.to_owned(),
            user: user.to_owned(),
        });
        let CommandAnswer::LoginCode { code, .. } = code else {
            panic!("{code:?}")
        };
        self.world.session(&code).await
    }

    /// The phone asks for the parameters and opens the cashier with them; its prepay id.
    pub(crate) async fn cashier(&self, user: &str, session: &str, id: &str) -> String {
        let path = format!("/mp/v1/payments/{id}/pay");
        let ready = self.world.phone(session, &path).await.ok(200);
        self.heart.open(user, &ready["request_payment"])
    }

    /// A coffee for 19.90 yuan, paid and notified.
    pub(crate) async fn sell(&self, order_no: &str) -> Sold {
        let id = self.world.order(order_no).await;
        let session = self.session("alice").await;
        let prepay_id = self.cashier("alice", &session, &id).await;
        assert_eq!(self.heart.pay("alice", &prepay_id), Ok("SUCCESS"));
        self.deliver().await;
        let payment = self.payment(&id).await;
        assert_eq!(payment["state"], "paid", "{payment}");
        let out_trade_no = payment["paid"]["out_trade_no"].as_str().unwrap().to_owned();
        Sold { id, out_trade_no }
    }

    pub(crate) async fn payment(&self, id: &str) -> Value {
        self.world.get(&format!("/v1/payments/{id}")).await.ok(200)
    }

    /// The shop asks for a refund.
    pub(crate) async fn refund(
        &self,
        id: &str,
        refund_no: &str,
        amount_fen: Option<i64>,
    ) -> Answer {
        let mut body = json!({ "refund_no": refund_no, "reason": "少了一杯" });
        if let Some(amount_fen) = amount_fen {
            body["amount_fen"] = json!(amount_fen);
        }
        self.world
            .post(&format!("/v1/payments/{id}/refunds"), &body)
            .await
    }

    pub(crate) async fn refund_state(&self, refund: &Value) -> Value {
        let id = refund["id"].as_str().unwrap();
        self.world.get(&format!("/v1/refunds/{id}")).await.ok(200)
    }

    pub(crate) async fn balance(&self) -> (i64, i64) {
        let balance = self.world.get("/v1/balance").await.ok(200);
        let fen = |name: &str| balance[name].as_i64().unwrap();
        (fen("cash_fen"), fen("reserved_fen"))
    }

    /// How many events of this type there are, through the API.
    pub(crate) async fn events(&self, name: &str) -> usize {
        let (mut after, mut count) = ("0".to_owned(), 0);
        loop {
            let page = self
                .world
                .get(&format!("/v1/events?limit=100&after={after}"))
                .await
                .ok(200);
            let data = page["data"].as_array().unwrap();
            if data.is_empty() {
                return count;
            }
            count += data.iter().filter(|event| event["type"] == name).count();
            after = page["next"].as_str().unwrap().to_owned();
        }
    }

    /// WeChat's notifications that are under way arrive; the statuses they were answered with.
    pub(crate) async fn deliver(&self) -> Vec<u16> {
        let mut statuses = Vec::new();
        loop {
            let next = self.heart.outbox.lock().unwrap().pop_front();
            let Some(dispatch) = next else {
                return statuses;
            };
            assert!(dispatch.url.ends_with(&format!("/wechat/notify/{MCHID}")));
            let answer = self
                .world
                .notify_to(MCHID, &dispatch.headers, dispatch.body)
                .await;
            statuses.push(answer.status);
            self.heart.step(Input::NotificationAnswered {
                delivery: dispatch.delivery,
                attempt: dispatch.attempt,
                status: Some(answer.status),
                body: answer.text.into_bytes(),
            });
        }
    }

    /// Time passes; whatever is due on either side happens at its own time.
    pub(crate) async fn pass(&self, ms: i64) {
        let end = self.world.clock.now().plus_ms(ms).as_millis();
        loop {
            self.heart.step(Input::Tick);
            self.deliver().await;
            self.world.work().await;
            self.deliver().await;
            let now = self.world.clock.now().as_millis();
            if now >= end {
                return;
            }
            let store = &self.world.ports.store;
            let mut ours = None;
            for lane in LANES {
                let due = store.next_due(lane).await.unwrap();
                ours = ours.into_iter().chain(due).min();
            }
            let theirs = self.heart.books().next_due();
            let next = [ours.map(|due| due.as_millis()), theirs]
                .into_iter()
                .flatten()
                .min()
                .unwrap_or(end)
                .clamp(now + 1, end);
            self.world.clock.advance_ms(next - now);
        }
    }
}

impl Heart {
    /// Something on a phone that may be refused.
    pub(crate) fn try_phone(&self, action: PhoneAction) -> Vec<Output> {
        self.step(Input::Phone(action))
    }
}

impl Desk {
    /// A payment as the database has it.
    pub(crate) async fn stored(&self, id: &str) -> shouyin_core::payment::Payment {
        let id = shouyin_core::id::PaymentId::parse(id).unwrap();
        let key = shouyin_core::ports::PaymentKey::AnyId(id);
        self.world.ports.store.payment(key).await.unwrap().unwrap()
    }
}
