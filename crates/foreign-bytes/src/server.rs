//! The server's router as a function: memory store, a clock that stands still, a WeChat that cannot be reached.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use futures_util::FutureExt;
use http::{Request, Response};
use shouyin_core::Timestamp;
use shouyin_core::id::{Appid, Mchid, Openid};
use shouyin_core::policy::Policies;
use shouyin_core::ports::{BoxFuture, Clock, Ids, Ports, Store};
use shouyin_server::{
    ExchangeError, HttpWebhookSender, LoginPort, Parts, Server, WebhookOptions, new_api_key,
};
use shouyin_store::MemoryStore;
use shouyin_wechat::{AppKind, MerchantAccount, WechatAcquirer};
use tokio::runtime::Runtime;
use tower::ServiceExt;
use wechatpay::text;
use wechatpay::v3::{Account, Client, RawResponse, SignedRequest, Transport, TransportError};

use crate::keys::{CheapKey, NOW, SERIAL, api_v3_key, ring};

pub(crate) const MCHID: &str = "1900000001";
/// Of the buyer.
pub(crate) const OPENID: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";
const APPID: &str = "wx1111222233334444";

/// A server with one merchant and one buyer who is logged in.
pub(crate) struct Desk {
    router: Router,
    runtime: Runtime,
    pub(crate) api_key: String,
    pub(crate) session: String,
    /// How many requests it has had: its store grows, so it is replaced now and then.
    pub(crate) requests: u64,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let runtime = must(
            tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build(),
        );
        let _inside = runtime.enter();
        let store = MemoryStore::new();
        let (mchid, appid) = (must(Mchid::parse(MCHID)), must(Appid::parse(APPID)));
        let ids: Arc<dyn Ids> = Arc::new(Counted(AtomicU64::new(1)));
        let (api_key, record) = new_api_key(mchid.clone(), "fuzz", &*ids, Still.now());
        must(ready(store.put_api_key(record)));
        let ports = Ports {
            store: Arc::new(store),
            acquirer: Arc::new(WechatAcquirer::new([(mchid.clone(), account(&appid))])),
            clock: Arc::new(Still),
            ids,
            merchants: Arc::new(must(HttpWebhookSender::new(WebhookOptions::default()))),
            policies: Arc::new(Policies::new([])),
        };
        let apps = BTreeMap::from([(mchid, vec![appid])]);
        let mut parts = Parts::new(ports, Arc::new(Login), apps);
        parts.limits.requests_per_second = 0;
        let router = Server::build(parts).router();
        let mut desk = Self {
            router,
            runtime,
            api_key,
            session: String::new(),
            requests: 0,
        };
        desk.session = desk.log_in();
        desk
    }

    fn log_in(&mut self) -> String {
        let body = format!(r#"{{"appid":"{APPID}","code":"code"}}"#);
        let request = must(Request::post("/mp/v1/login").body(Body::from(body)));
        let (_, answer) = self.send(request);
        let answer: serde_json::Value = must(serde_json::from_slice(&answer));
        answer["session_token"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Head and body of the answer.
    pub(crate) fn send(&mut self, request: Request<Body>) -> (Response<()>, Vec<u8>) {
        self.requests += 1;
        let router = self.router.clone();
        self.runtime.block_on(async move {
            let Ok(answer) = router.oneshot(request).await;
            let (head, body) = answer.into_parts();
            let body = http_body_util::BodyExt::collect(body).await;
            (
                Response::from_parts(head, ()),
                must(body).to_bytes().to_vec(),
            )
        })
    }
}

fn account(appid: &Appid) -> MerchantAccount {
    let account = Account {
        mchid: must(text::Mchid::parse(MCHID)),
        signer: Arc::new(CheapKey("5157F09EFDC096DE15EBE81A47057A7232F1B8E1")),
        keys: Arc::new(ring(Arc::new(CheapKey(SERIAL)))),
        api_v3_key: Some(api_v3_key()),
        request_serial: Some(SERIAL.to_owned()),
    };
    let client = Client::new(
        account,
        Arc::new(Nobody),
        Arc::new(|| NOW),
        Arc::new(|| "nonce".to_owned()),
    );
    MerchantAccount {
        protocols: client.into(),
        apps: [(appid.clone(), AppKind::MiniProgram)].into(),
        v3_codes: false,
        h5_site: None,
        notify_url: must(text::NotifyUrl::parse(
            "https://pay.example.com/wechat/notify/1900000001",
        )),
    }
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(NOW * 1000)
    }
}

struct Counted(AtomicU64);

impl Ids for Counted {
    fn random(&self) -> u128 {
        let number = u128::from(self.0.fetch_add(1, Ordering::Relaxed));
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }
}

/// A WeChat Pay that cannot be reached.
struct Nobody;

impl Transport for Nobody {
    fn send<'a>(
        &'a self,
        _: &'a SignedRequest,
    ) -> wechatpay::BoxFuture<'a, Result<RawResponse, TransportError>> {
        std::future::ready(Err(TransportError::NotSent("nobody is there".to_owned()))).boxed()
    }
}

/// One user, whatever the code.
struct Login;

impl LoginPort for Login {
    fn exchange<'a>(
        &'a self,
        _: &'a Appid,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Openid, ExchangeError>> {
        std::future::ready(Ok(must(Openid::parse(OPENID)))).boxed()
    }
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match future.now_or_never() {
        Some(value) => value,
        None => panic!("the memory store waits"),
    }
}

pub(crate) fn must<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(why) => panic!("{why:?}"),
    }
}
