//! One server, one WeChat, one clock that stands still until it is moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use shouyin_core::Timestamp;
use shouyin_core::id::{Appid, Mchid};
use shouyin_core::policy::{Policies, Policy};
use shouyin_core::ports::{Clock, Ids, Ports, Store, StoreError, WebhookSender};
use shouyin_core::task::Lane;
use shouyin_core::worker;
use shouyin_server::config::{Limits, loopback};
use shouyin_server::journal::{Journal, JournalLoginTransport, JournalTransport, MerchantKeys};
use shouyin_server::{HttpWebhookSender, Parts, Server, WebhookOptions, WechatLogin, new_api_key};
use shouyin_store::{CommitFaults, MemoryStore};
use shouyin_wechat::{AppKind, H5Site, MerchantAccount, WechatAcquirer};
use tower::ServiceExt;
use wechat_miniprogram::AppSecret;
use wechatpay::crypto::{ApiV3Key, PrivateKey};
use wechatpay::text::NotifyUrl;
use wechatpay::v3::{self, KeyRing, RsaSigner};

use crate::v2::Speaks;
use crate::wechat::{
    API_V3_KEY, APP_SECRET, LoginDoor, MERCHANT_KEY, MERCHANT_SERIAL, PUBLIC_KEY_ID, PayDoor,
    WECHAT_KEY, Wechat,
};

pub(crate) const MCHID: &str = "1900000001";
pub(crate) const OTHER_MCHID: &str = "1900000002";
pub(crate) const APPID: &str = "wx1111222233334444";
pub(crate) const OTHER_APPID: &str = "wx5555666677778888";

/// Whoever runs what is owed.
pub(crate) const LANES: [Lane; 3] = [Lane::Money, Lane::Webhook, Lane::Bill];

/// 2026-01-05T12:03:04+08:00
const START_MS: i64 = 1_767_585_784_000;

#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

impl TestClock {
    pub(crate) fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

/// Numbers that differ and are the same in every run.
#[derive(Debug, Default)]
struct Counted(AtomicU64);

impl Ids for Counted {
    fn random(&self) -> u128 {
        let n = u128::from(self.0.fetch_add(1, Ordering::SeqCst) + 1);
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }
}

/// A disk that is full while the switch is on.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    full: AtomicBool,
}

impl Disk {
    pub(crate) fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }
}

impl CommitFaults for Disk {
    fn before_commit(&self, _: u64) -> Result<(), StoreError> {
        if self.full.load(Ordering::SeqCst) {
            Err(StoreError::Unavailable(
                "disk /var/secret-path is full".into(),
            ))
        } else {
            Ok(())
        }
    }

    fn after_commit(&self, _: u64) -> Result<(), StoreError> {
        Ok(())
    }
}

/// An answer, read.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {:?}", self.text))
    }

    /// A success with this status, as JSON.
    #[track_caller]
    pub(crate) fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// A problem with this status and code, whose detail says something.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["status"], status);
        assert_eq!(body["type"], format!("/docs#{code}"));
        assert!(body["title"].as_str().unwrap().len() > 5);
        assert!(body["detail"].as_str().unwrap().len() > 10, "{body}");
        body
    }
}

/// How a world differs from the usual one.
pub(crate) struct Setup {
    pub(crate) journal: bool,
    pub(crate) clock: Arc<TestClock>,
    /// Another WeChat than the small one.
    pub(crate) wires: Option<Wires>,
    /// Another database than the one in memory.
    pub(crate) store: Option<Arc<dyn Store>>,
    /// Another way to the merchants' servers than the usual one.
    pub(crate) merchants: Option<Arc<dyn WebhookSender>>,
    pub(crate) policy: Policy,
    pub(crate) limits: Limits,
    /// The protocols the merchants use.
    pub(crate) speaks: Speaks,
    /// What the apps are at WeChat.
    pub(crate) app_kind: AppKind,
    /// Whether payment codes go by APIv3.
    pub(crate) v3_codes: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            journal: false,
            clock: Arc::new(TestClock(AtomicI64::new(START_MS))),
            wires: None,
            store: None,
            merchants: None,
            policy: Policy::default(),
            limits: Limits::default(),
            speaks: Speaks::default(),
            app_kind: AppKind::MiniProgram,
            v3_codes: false,
        }
    }
}

/// The ways to WeChat.
pub(crate) struct Wires {
    pub(crate) pay: Arc<dyn v3::Transport>,
    /// The one that presents the merchant's certificate; nobody asks for it by default.
    pub(crate) certified: Option<Arc<dyn v3::Transport>>,
    pub(crate) login: Arc<dyn wechat_miniprogram::Transport>,
}

pub(crate) struct World {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) wechat: Arc<Wechat>,
    pub(crate) store: MemoryStore,
    pub(crate) disk: Arc<Disk>,
    pub(crate) journal: Option<Arc<Journal>>,
    pub(crate) parts: Parts,
    pub(crate) ports: Ports,
    router: Router,
    wires: Wires,
    pub(crate) api_key: String,
    pub(crate) other_api_key: String,
    keys: AtomicU64,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::build(Setup::default()).await
    }

    pub(crate) async fn with_journal() -> Self {
        Self::build(Setup {
            journal: true,
            ..Setup::default()
        })
        .await
    }

    pub(crate) async fn build(setup: Setup) -> Self {
        let clock = setup.clock;
        let ids: Arc<dyn Ids> = Arc::new(Counted::default());
        let wechat = Wechat::new(Arc::clone(&clock));
        let wires = setup.wires.unwrap_or_else(|| Wires {
            pay: Arc::new(PayDoor(Arc::clone(&wechat))),
            certified: None,
            login: Arc::new(LoginDoor(Arc::clone(&wechat))),
        });
        let rows = MemoryStore::new();
        let disk = Arc::new(Disk::default());
        let store = rows.with_faults(Arc::clone(&disk) as _);
        let journal = setup
            .journal
            .then(|| Journal::new(200, Arc::clone(&clock) as _));
        let kind = (setup.app_kind, setup.v3_codes);
        let acquirer = Arc::new(acquirer(
            &wires,
            setup.speaks,
            kind,
            &clock,
            journal.as_ref(),
        ));
        let ports = Ports {
            store: setup.store.unwrap_or_else(|| Arc::new(store.clone())),
            acquirer: Arc::clone(&acquirer) as _,
            clock: Arc::clone(&clock) as _,
            ids: Arc::clone(&ids),
            merchants: setup.merchants.unwrap_or_else(|| Arc::new(webhooks())),
            policies: Arc::new(Policies::new([(mchid(MCHID), setup.policy)])),
        };
        let (api_key, other_api_key) = api_keys(&*ports.store, &*ids, clock.now()).await;
        let login = Arc::new(login(
            &wires.login,
            setup.app_kind,
            &clock,
            journal.as_ref(),
        ));
        let apps = [
            (mchid(MCHID), vec![appid(APPID)]),
            (mchid(OTHER_MCHID), vec![appid(APPID), appid(OTHER_APPID)]),
        ];
        let mut parts = Parts::new(ports, login, apps.into_iter().collect());
        parts.journal.clone_from(&journal);
        parts.limits = setup.limits;
        parts.wechat_status = Some(Arc::new(move || {
            acquirer.status().map(|(_, status)| status).collect()
        }));
        let server = Server::build(parts.clone());
        Self {
            router: server.router(),
            ports: server.ports().clone(),
            clock,
            wechat,
            store,
            disk,
            journal,
            parts,
            wires,
            api_key,
            other_api_key,
            keys: AtomicU64::new(0),
        }
    }

    /// Any request.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self
            .router
            .clone()
            .oneshot(request.body(body.into()).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    fn fresh_key(&self) -> String {
        format!("key-{}", self.keys.fetch_add(1, Ordering::SeqCst))
    }

    /// The shop's backend posts, under a fresh idempotency key.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_as(&self.api_key, &self.fresh_key(), path, &body.to_string())
            .await
    }

    pub(crate) async fn post_as(&self, api_key: &str, key: &str, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {api_key}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("idempotency-key", key),
            ("content-type", "application/json"),
        ];
        self.send("POST", path, &headers, body.to_owned()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_as(&self.api_key, path).await
    }

    pub(crate) async fn get_as(&self, token: &str, path: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        self.send("GET", path, &[("authorization", bearer.as_str())], "")
            .await
    }

    /// The phone posts.
    pub(crate) async fn phone(&self, session: &str, path: &str) -> Answer {
        let bearer = format!("Bearer {session}");
        self.send("POST", path, &[("authorization", bearer.as_str())], "{}")
            .await
    }

    pub(crate) async fn login(&self, code: &str) -> Answer {
        let body = json!({ "appid": APPID, "code": code }).to_string();
        self.send("POST", "/mp/v1/login", &[], body).await
    }

    /// A session of this user.
    pub(crate) async fn session(&self, code: &str) -> String {
        let answer = self.login(code).await.ok(200);
        answer["session_token"].as_str().unwrap().to_owned()
    }

    /// A coffee for 19.90 yuan; its payment id.
    pub(crate) async fn order(&self, order_no: &str) -> String {
        let payment = self.post("/v1/payments", &coffee(order_no)).await.ok(201);
        payment["id"].as_str().unwrap().to_owned()
    }

    /// WeChat delivers.
    pub(crate) async fn notify(&self, (headers, body): (Vec<(String, String)>, Vec<u8>)) -> Answer {
        self.notify_to(MCHID, &headers, body).await
    }

    pub(crate) async fn notify_to(
        &self,
        mchid: &str,
        headers: &[(String, String)],
        body: Vec<u8>,
    ) -> Answer {
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        self.send("POST", &format!("/wechat/notify/{mchid}"), &headers, body)
            .await
    }

    pub(crate) async fn state(&self, id: &str) -> String {
        let payment = self.get(&format!("/v1/payments/{id}")).await.ok(200);
        payment["state"].as_str().unwrap().to_owned()
    }

    /// The process dies and another one begins on the same database.
    pub(crate) fn restart(&mut self) {
        let server = Server::build(self.parts.clone());
        self.router = server.router();
        self.ports = server.ports().clone();
    }

    /// The process stops, the settings say another protocol, and another process begins on the same database.
    pub(crate) fn restart_speaking(&mut self, speaks: Speaks) {
        let acquirer = acquirer(
            &self.wires,
            speaks,
            (AppKind::MiniProgram, false),
            &self.clock,
            self.journal.as_ref(),
        );
        self.parts.ports.acquirer = Arc::new(acquirer);
        self.restart();
    }

    /// Runs everything that is due, as the worker loop does, until nothing is.
    pub(crate) async fn work(&self) {
        loop {
            let mut due = Vec::new();
            for lane in LANES {
                due.extend(worker::claim(&self.ports, lane, 64).await.unwrap());
            }
            if due.is_empty() {
                return;
            }
            for task in due {
                worker::run_task(&self.ports, task).await.unwrap();
            }
        }
    }

    /// How many events of this type there are.
    pub(crate) fn events(&self, name: &str) -> usize {
        let all = self.store.all_events();
        all.iter()
            .filter(|e| e.event.event_type.as_str() == name)
            .count()
    }
}

pub(crate) fn coffee(order_no: &str) -> Value {
    json!({ "order_no": order_no, "amount_fen": 1990, "description": "拿铁 Latte" })
}

fn mchid(text: &str) -> Mchid {
    Mchid::parse(text).unwrap()
}

fn appid(text: &str) -> Appid {
    Appid::parse(text).unwrap()
}

fn seconds(clock: &Arc<TestClock>) -> Arc<dyn Fn() -> i64 + Send + Sync> {
    let clock = Arc::clone(clock);
    Arc::new(move || clock.now().as_seconds())
}

/// The real sender; receivers of stories listen on this machine.
fn webhooks() -> HttpWebhookSender {
    HttpWebhookSender::new(WebhookOptions {
        allow_http: true,
        allowed_networks: loopback(),
        timeout_ms: 5_000,
    })
    .unwrap()
}

fn acquirer(
    wires: &Wires,
    speaks: Speaks,
    (app_kind, v3_codes): (AppKind, bool),
    clock: &Arc<TestClock>,
    journal: Option<&Arc<Journal>>,
) -> WechatAcquirer {
    let account = |number: &str, apps: &[&str]| {
        let keys = Arc::new(KeyRing::new());
        keys.insert_public_key(
            PUBLIC_KEY_ID,
            PrivateKey::from_pem(WECHAT_KEY).unwrap().public_key(),
        );
        let mut transport = Arc::clone(&wires.pay);
        let api_v3_key = ApiV3Key::new(API_V3_KEY).unwrap();
        if let Some(journal) = journal {
            journal.set_keys(
                mchid(number),
                MerchantKeys {
                    keys: Arc::clone(&keys),
                    api_v3_key: api_v3_key.clone(),
                },
            );
            transport = Arc::new(JournalTransport::new(
                transport,
                Arc::clone(journal),
                Arc::clone(&keys),
            ));
        }
        let account = v3::Account {
            mchid: wechatpay::text::Mchid::parse(number).unwrap(),
            signer: Arc::new(RsaSigner::new(
                MERCHANT_SERIAL,
                PrivateKey::from_pem(MERCHANT_KEY).unwrap(),
            )),
            keys,
            api_v3_key: Some(api_v3_key),
            request_serial: Some(PUBLIC_KEY_ID.to_owned()),
        };
        let client = v3::Client::new(
            account,
            transport,
            seconds(clock),
            Arc::new(v3::random_nonce),
        );
        let notify_url =
            NotifyUrl::parse(&format!("https://pay.example.com/wechat/notify/{number}")).unwrap();
        let apps = apps.iter().map(|app| (appid(app), app_kind));
        (
            mchid(number),
            MerchantAccount {
                protocols: speaks.protocols(number, client, wires, clock),
                apps: apps.collect(),
                v3_codes,
                h5_site: Some(H5Site {
                    url: "https://shop.example.com".to_owned(),
                    name: "Coffee".to_owned(),
                }),
                notify_url,
            },
        )
    };
    WechatAcquirer::new([
        account(MCHID, &[APPID]),
        account(OTHER_MCHID, &[APPID, OTHER_APPID]),
    ])
    .with_clock(Arc::clone(clock) as _)
}

fn login(
    wire: &Arc<dyn wechat_miniprogram::Transport>,
    kind: AppKind,
    clock: &Arc<TestClock>,
    journal: Option<&Arc<Journal>>,
) -> WechatLogin {
    let mut transport = Arc::clone(wire);
    if let Some(journal) = journal {
        transport = Arc::new(JournalLoginTransport::new(transport, Arc::clone(journal)));
    }
    WechatLogin::new([APPID, OTHER_APPID].map(|id| {
        let client = wechat_miniprogram::Client::new(
            id,
            AppSecret::new(APP_SECRET),
            Arc::clone(&transport),
            seconds(clock),
        );
        (appid(id), kind, client)
    }))
}

async fn api_keys(store: &dyn Store, ids: &dyn Ids, now: Timestamp) -> (String, String) {
    let (one, first) = new_api_key(mchid(MCHID), "shop", ids, now);
    let (two, second) = new_api_key(mchid(OTHER_MCHID), "other shop", ids, now);
    store.put_api_key(first).await.unwrap();
    store.put_api_key(second).await.unwrap();
    (one, two)
}
