//! The router of `shouyin-server`, called as a function: requests with real bytes in, answers with real bytes out. What is left
//! out is the socket.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use shouyin_core::event::EventType;
use shouyin_core::id::{Appid, IdempotencyKey, Mchid, Openid};
use shouyin_core::ports::{BoxFuture, Ports};
use shouyin_server::{ExchangeError, LoginPort, Parts, Server, new_api_key};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

use super::answer::{Kind, read};
use super::{Ask, Door, Phone, Problem, Receipt, Reply};
use crate::hub::{BEGIN_MS, Hub};
use crate::network::Letter;
use crate::ports::UniqueIds;
use crate::rows::{Rows, now};
use crate::setup::Setup;

/// A request in, status and body out.
type Handle = Arc<dyn Fn(Request<Full<Bytes>>) -> BoxFuture<'static, (u16, Vec<u8>)> + Send + Sync>;

/// What merchants and phones keep in order to be let in, whichever server they talk to.
pub(crate) struct FrontDesk {
    hub: Arc<Hub>,
    apps: Vec<Appid>,
    /// The router's timeouts want a runtime around them. Its clock stands still, so none of them fires by itself.
    runtime: Runtime,
    /// The merchants' API keys.
    api_keys: BTreeMap<Mchid, String>,
    phones: Mutex<Phones>,
}

/// What is on people's phones, and what WeChat's login knows of it.
#[derive(Debug, Default)]
struct Phones {
    sessions: BTreeMap<Phone, String>,
    /// Login codes that were not exchanged yet.
    codes: BTreeMap<String, Phone>,
    logins: u32,
}

impl std::fmt::Debug for FrontDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FrontDesk")
    }
}

impl FrontDesk {
    /// Gives every merchant an API key.
    pub(super) fn open(hub: &Arc<Hub>, rows: &Rows, setup: &Setup) -> Result<Self, String> {
        let runtime = Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let mut api_keys = BTreeMap::new();
        for party in &setup.parties {
            let _aside = hub.aside();
            let ids = UniqueIds::new(hub);
            let begin = shouyin_core::Timestamp::from_millis(BEGIN_MS);
            let (text, record) = new_api_key(party.mchid.clone(), "backend", &ids, begin);
            now(rows.store().put_api_key(record)).map_err(|error| error.to_string())?;
            api_keys.insert(party.mchid.clone(), text);
        }
        Ok(Self {
            hub: Arc::clone(hub),
            apps: setup.apps.keys().cloned().collect(),
            runtime,
            api_keys,
            phones: Mutex::default(),
        })
    }

    fn phones(&self) -> MutexGuard<'_, Phones> {
        self.phones.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What must never be in a log: keys and sessions.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let sessions = self.phones().sessions.values().cloned().collect::<Vec<_>>();
        self.api_keys.values().cloned().chain(sessions).collect()
    }

    /// Puts a server behind the door. Gives the ports that its worker is to use: they are the router's.
    pub(crate) fn server(self: &Arc<Self>, ports: Ports) -> (Ports, Door) {
        let apps = self.api_keys.keys();
        let apps = apps.map(|mchid| (mchid.clone(), self.apps.clone()));
        let login = Arc::new(WechatLogin(Arc::clone(self)));
        let server = Server::build(Parts::new(ports, login, apps.collect()));
        let router = server.router();
        let handle: Handle = Arc::new(move |request| {
            let router = router.clone();
            Box::pin(async move {
                let Ok(answer) = router.oneshot(request).await;
                let status = answer.status().as_u16();
                // A body that is cut off is no answer: nothing reads as nothing.
                let body = BodyExt::collect(answer.into_body()).await;
                (
                    status,
                    body.map_or_else(|_| Vec::new(), |body| body.to_bytes().to_vec()),
                )
            })
        });
        let entrance = Entrance {
            desk: Arc::clone(self),
            handle,
        };
        (server.ports().clone(), Door::Router(entrance))
    }
}

/// WeChat's `code2session`: what it is asked and may answer is not what this simulation is about.
struct WechatLogin(Arc<FrontDesk>);

impl LoginPort for WechatLogin {
    fn exchange<'a>(
        &'a self,
        appid: &'a Appid,
        code: &'a str,
    ) -> BoxFuture<'a, Result<Openid, ExchangeError>> {
        let phone = self.0.phones().codes.remove(code);
        let phone = phone.filter(|phone| phone.appid == *appid);
        let openid = phone.map(|phone| phone.openid);
        Box::pin(std::future::ready(openid.ok_or(ExchangeError::CodeUsed)))
    }
}

/// The way into one life of a server.
#[derive(Clone)]
pub(crate) struct Entrance {
    desk: Arc<FrontDesk>,
    handle: Handle,
}

/// A request as a client writes it.
struct Wanted {
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Wanted {
    fn post(path: String, body: Option<Value>) -> Self {
        Self {
            method: Method::POST,
            path,
            body,
        }
    }
}

/// Who asks.
enum Who {
    Merchant(Mchid),
    Phone(Phone),
}

impl Entrance {
    /// Lets the router work, inside its runtime.
    async fn call(&self, request: Request<Full<Bytes>>) -> (u16, Vec<u8>) {
        let mut work = pin!((self.handle)(request));
        poll_fn(|context| {
            let _inside = self.desk.runtime.enter();
            work.as_mut().poll(context)
        })
        .await
    }

    async fn send(
        &self,
        wanted: &Wanted,
        token: &str,
        key: &IdempotencyKey,
    ) -> Result<(u16, String), Problem> {
        let body = wanted
            .body
            .as_ref()
            .map_or_else(String::new, Value::to_string);
        let request = Request::builder()
            .method(wanted.method.clone())
            .uri(&wanted.path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", key.as_str())
            .body(Full::from(body))
            .map_err(|error| Problem::unreadable(error.to_string()))?;
        let (status, body) = self.call(request).await;
        let body = String::from_utf8(body).map_err(|e| Problem::unreadable(e.to_string()))?;
        Ok((status, body))
    }

    /// A client asks.
    pub(super) async fn ask(&self, ask: Ask, key: &IdempotencyKey) -> Reply {
        let kind = Kind::of(&ask);
        let (who, wanted) = wanted(ask);
        let (status, body) = match who {
            Who::Merchant(mchid) => {
                let token = self.desk.api_keys.get(&mchid).cloned().unwrap_or_default();
                self.send(&wanted, &token, key).await?
            }
            Who::Phone(phone) => {
                let known = self.desk.phones().sessions.get(&phone).cloned();
                let token = match known {
                    Some(token) => token,
                    None => self.log_in(&phone).await?,
                };
                match self.send(&wanted, &token, key).await? {
                    // The session has ended: the phone logs in again, as the package does.
                    (401, _) => {
                        let token = self.log_in(&phone).await?;
                        self.send(&wanted, &token, key).await?
                    }
                    answer => answer,
                }
            }
        };
        read(kind, status, &body)
    }

    /// The phone gets a session. It takes no time and no chance: what can go wrong with it is for other tests.
    async fn log_in(&self, phone: &Phone) -> Result<String, Problem> {
        let code = {
            let mut phones = self.desk.phones();
            phones.logins += 1;
            let code = format!("code-{}", phones.logins);
            phones.codes.insert(code.clone(), phone.clone());
            code
        };
        let body = json!({ "appid": phone.appid.as_str(), "code": code }).to_string();
        let request = Request::post("/mp/v1/login").body(Full::from(body));
        let request = request.map_err(|error| Problem::unreadable(error.to_string()))?;
        let mut work = pin!(self.call(request));
        let (status, body) = poll_fn(|context| {
            let _aside = self.desk.hub.aside();
            work.as_mut().poll(context)
        })
        .await;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        match answer["session_token"].as_str() {
            Some(token) => {
                let mut phones = self.desk.phones();
                phones.sessions.insert(phone.clone(), token.to_owned());
                Ok(token.to_owned())
            }
            None => Err(Problem::unreadable(format!("login: {status} {answer}"))),
        }
    }

    /// WeChat, or somebody who says so, sends a notification.
    pub(super) async fn receive(&self, letter: &Letter) -> Receipt {
        let mut request = Request::post(format!("/wechat/notify/{}", letter.mchid));
        for (name, value) in &letter.headers {
            request = request.header(name, value);
        }
        let (status, body) = match request.body(Full::from(letter.body.clone())) {
            Ok(request) => self.call(request).await,
            // A letter that HTTP cannot carry reaches nobody.
            Err(_) => (400, Vec::new()),
        };
        Receipt {
            status,
            body,
            seen: None,
        }
    }
}

fn types(types: &[EventType]) -> Value {
    types.iter().map(|it| it.as_str()).collect()
}

/// The request that asks for this.
fn wanted(ask: Ask) -> (Who, Wanted) {
    let payment = |id: &dyn std::fmt::Display, what: &str| format!("/v1/payments/{id}/{what}");
    let refund = |id: &dyn std::fmt::Display, what: &str| format!("/v1/refunds/{id}/{what}");
    let endpoint = |id: &dyn std::fmt::Display| format!("/v1/webhook_endpoints/{id}");
    match ask {
        Ask::Create(new) => {
            let mut body = json!({
                "order_no": new.order_no.as_str(),
                "amount_fen": new.amount.get(),
                "description": new.description,
                "appid": new.appid.as_str(),
                "product": new.product.as_str(),
                "expires_in_seconds": new.expires_in_ms / 1_000,
            });
            if let (Some(attach), Some(members)) = (new.attach, body.as_object_mut()) {
                members.insert("attach".to_owned(), attach.into());
            }
            let wanted = Wanted::post("/v1/payments".to_owned(), Some(body));
            (Who::Merchant(new.mchid), wanted)
        }
        Ask::Pay(id, phone) => {
            let path = format!("/mp/v1/payments/{id}/pay");
            (Who::Phone(phone), Wanted::post(path, None))
        }
        Ask::Means(mchid, id, scene) => {
            let mut body = json!({});
            if let Some(scene) = scene {
                body["payer_ip"] = scene.payer_ip.to_string().into();
                body["scene"] = scene.kind.as_str().into();
            }
            let wanted = Wanted::post(payment(&id, "pay"), Some(body));
            (Who::Merchant(mchid), wanted)
        }
        Ask::Charge(mchid, id, code) => {
            let mut body = json!({ "auth_code": code.auth_code.as_str() });
            if let Some(store) = code.store_id {
                body["store_id"] = store.as_str().into();
            }
            let wanted = Wanted::post(payment(&id, "pay"), Some(body));
            (Who::Merchant(mchid), wanted)
        }
        Ask::Confirm(id, phone) => {
            let path = format!("/mp/v1/payments/{id}/confirm");
            (Who::Phone(phone), Wanted::post(path, None))
        }
        Ask::Sync(mchid, id) => (
            Who::Merchant(mchid),
            Wanted::post(payment(&id, "sync"), None),
        ),
        Ask::Close(mchid, id) => (
            Who::Merchant(mchid),
            Wanted::post(payment(&id, "close"), None),
        ),
        Ask::Revise(mchid, id, revision) => {
            let mut body = json!({});
            if let Some(amount) = revision.amount {
                body["amount_fen"] = amount.get().into();
            }
            if let Some(description) = revision.description {
                body["description"] = description.into();
            }
            if let Some(attach) = revision.attach {
                body["attach"] = attach.into();
            }
            let wanted = Wanted::post(payment(&id, "revise"), Some(body));
            (Who::Merchant(mchid), wanted)
        }
        Ask::Refund(new) => {
            let mut body = json!({ "refund_no": new.refund_no.as_str() });
            if let Some(amount) = new.amount {
                body["amount_fen"] = amount.get().into();
            }
            if let Some(reason) = new.reason {
                body["reason"] = reason.into();
            }
            if let Some(number) = new.out_trade_no {
                body["out_trade_no"] = number.as_str().into();
            }
            let wanted = Wanted::post(payment(&new.payment_id, "refunds"), Some(body));
            (Who::Merchant(new.mchid), wanted)
        }
        Ask::SyncRefund(mchid, id) => (
            Who::Merchant(mchid),
            Wanted::post(refund(&id, "sync"), None),
        ),
        Ask::Remedy(mchid, id) => {
            let body = json!({ "type": "merchant_bank_card" });
            let wanted = Wanted::post(refund(&id, "remedy"), Some(body));
            (Who::Merchant(mchid), wanted)
        }
        Ask::AddEndpoint(new) => {
            let body = json!({
                "url": new.url,
                "description": new.description,
                "event_types": types(&new.event_types),
            });
            let wanted = Wanted::post("/v1/webhook_endpoints".to_owned(), Some(body));
            (Who::Merchant(new.mchid), wanted)
        }
        Ask::ChangeEndpoint(mchid, id, patch) => {
            let mut body = json!({});
            if let Some(url) = patch.url {
                body["url"] = url.into();
            }
            if let Some(description) = patch.description {
                body["description"] = description.into();
            }
            if let Some(wanted) = patch.event_types {
                body["event_types"] = types(&wanted);
            }
            if let Some(enabled) = patch.enabled {
                body["enabled"] = enabled.into();
            }
            let wanted = Wanted {
                method: Method::PATCH,
                path: endpoint(&id),
                body: Some(body),
            };
            (Who::Merchant(mchid), wanted)
        }
        Ask::DeleteEndpoint(mchid, id) => {
            let wanted = Wanted {
                method: Method::DELETE,
                path: endpoint(&id),
                body: None,
            };
            (Who::Merchant(mchid), wanted)
        }
        Ask::RotateSecret(mchid, id, overlap_ms) => {
            let body = json!({ "overlap_seconds": overlap_ms / 1_000 });
            let path = format!("{}/rotate_secret", endpoint(&id));
            (Who::Merchant(mchid), Wanted::post(path, Some(body)))
        }
        Ask::Resend(mchid, id, event) => {
            let body = json!({ "event_id": event.as_str() });
            let path = format!("{}/resend", endpoint(&id));
            (Who::Merchant(mchid), Wanted::post(path, Some(body)))
        }
        Ask::ResendRange(mchid, id, after, only_failed) => {
            let body = json!({ "after": after.to_string(), "only_failed": only_failed });
            let path = format!("{}/resend", endpoint(&id));
            (Who::Merchant(mchid), Wanted::post(path, Some(body)))
        }
    }
}
