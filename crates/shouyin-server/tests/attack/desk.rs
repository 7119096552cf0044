//! A live server on a real socket, the simulator beside it, two merchants, two buyers, and payments in every state.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use shouyin_core::Timestamp;
use shouyin_core::id::{Appid, Mchid, Openid};
use shouyin_core::ports::{Clock, Store};
use shouyin_core::session::Session;
use shouyin_core::task::TaskKind;
use shouyin_server::config::Config;
use shouyin_server::{Parts, Server, SystemClock, SystemIds, bind, new_api_key};
use shouyin_store::MemoryStore;
use tempfile::TempDir;
use wechat_simulator::{Handle, Simulator, SimulatorOptions};

use crate::forge::Keys;
use crate::wire::{Answer, PATIENCE, Request, exchange};

pub(crate) const MCHID: &str = "1900000001";
pub(crate) const OTHER_MCHID: &str = "1900000002";
pub(crate) const APPID: &str = "wx1111222233334444";
pub(crate) const OTHER_APPID: &str = "wx5555666677778888";

/// Stands still, so that nothing happens by the passing of time while attacks are counted.
#[derive(Debug)]
struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

pub(crate) struct Desk {
    pub(crate) server: SocketAddr,
    store: MemoryStore,
    simulator: Handle,
    now: Timestamp,
    pub(crate) keys: Keys,
    pub(crate) other_keys: Keys,
    pub(crate) api_key: String,
    pub(crate) other_api_key: String,
    _folder: TempDir,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        let simulator = Simulator::start(SimulatorOptions {
            refund_ms: 0,
            ..SimulatorOptions::default()
        })
        .await
        .unwrap();
        let first: Value = control(
            &simulator,
            "GET",
            &format!("merchants/{MCHID}/files"),
            &json!({}),
        )
        .await;
        let second = json!({ "mchid": OTHER_MCHID, "appid": OTHER_APPID });
        let second = control(&simulator, "POST", "merchants", &second).await;
        let keys = Keys::new(&first, &simulator.merchant.credentials.wechat_key_pem);
        // WeChat's key for the second merchant never leaves the simulator: what is signed with these keys carries its serial
        // and the signature of another key. Its genuine notifications come from the simulator's log.
        let other_keys = Keys::new(&second, &simulator.merchant.credentials.wechat_key_pem);
        let now = SystemClock::default().now();
        announce_certificates(&simulator, now).await;
        let folder = tempfile::tempdir().unwrap();
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let server = listener.local_addr().unwrap();
        let config = config(&folder, server, &first, &second);
        let store = MemoryStore::new();
        let clock: Arc<dyn Clock> = Arc::new(Still(now));
        let mut parts = Parts::assemble(&config, Arc::new(store.clone()), clock, None).unwrap();
        // Now, and not while attacks are counted.
        for fetch_certificates in std::mem::take(&mut parts.refresh) {
            fetch_certificates().await.unwrap();
        }
        let mut api_keys = Vec::new();
        for mchid in [MCHID, OTHER_MCHID] {
            let mchid = Mchid::parse(mchid).unwrap();
            let (text, record) = new_api_key(mchid, "shop", &SystemIds::new(), now);
            store.put_api_key(record).await.unwrap();
            api_keys.push(text);
        }
        tokio::spawn(Server::build(parts).serve(listener, std::future::pending()));
        let other_api_key = api_keys.pop().unwrap();
        let api_key = api_keys.pop().unwrap();
        Self {
            server,
            store,
            simulator,
            now,
            keys,
            other_keys,
            api_key,
            other_api_key,
            _folder: folder,
        }
    }

    /// The server's time, Unix seconds.
    pub(crate) fn now_unix(&self) -> i64 {
        self.now.as_seconds()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.now.as_millis()
    }

    pub(crate) async fn send(&self, request: &Request) -> Answer {
        exchange(self.server, &request.bytes(), PATIENCE)
            .await
            .unwrap()
    }

    /// A request of the setting that must succeed.
    pub(crate) async fn done(&self, request: Request) -> Value {
        let answer = self.send(&request).await;
        assert!(
            matches!(answer.statuses[..], [200 | 201 | 204]),
            "{} {}: {}",
            request.method,
            request.target,
            answer.text
        );
        serde_json::from_str(answer.body()).unwrap_or_default()
    }

    /// The shop's backend posts.
    pub(crate) async fn post(&self, api_key: &str, path: &str, body: Value) -> Value {
        let key = format!("{path}{body}").replace(|c: char| !c.is_ascii_alphanumeric(), "");
        let request = post(api_key, path, body.to_string()).header("Idempotency-Key", key);
        self.done(request).await
    }

    /// A buyer who is logged in: the session token.
    pub(crate) async fn login(&self, appid: &str, user: &str) -> String {
        let code = json!({ "appid": appid, "user": user });
        let code = control(&self.simulator, "POST", "login-codes", &code).await;
        let body = json!({ "appid": appid, "code": code["code"] });
        let login = Request::new("POST", "/mp/v1/login").body(body.to_string());
        let session = self.done(login).await;
        session["session_token"].as_str().unwrap().to_owned()
    }

    /// A session that ended a second ago.
    pub(crate) async fn ended_session(&self) -> String {
        let token = "st_ended_0123456789abcdef";
        let hash = hex::encode(digest(&SHA256, token.as_bytes()));
        let session = Session {
            token_hash: hash.clone(),
            appid: Appid::parse(APPID).unwrap(),
            openid: Openid::parse("oEndedEndedEndedEndedEnded00").unwrap(),
            code_hash: hash,
            created_at: self.now.plus_ms(-2_000),
            expires_at: self.now.plus_ms(-1_000),
        };
        self.store.put_session(session).await.unwrap();
        token.to_owned()
    }

    /// A tap on "pay": WeChat's order number.
    pub(crate) async fn tap(&self, session: &str, id: &str) -> Value {
        let request = post(session, &format!("/mp/v1/payments/{id}/pay"), "{}");
        self.done(request).await["request_payment"].clone()
    }

    /// The buyer types the password.
    pub(crate) async fn pay(&self, user: &str, parameters: &Value) {
        let package = parameters["package"].as_str().unwrap();
        let prepay_id = package.strip_prefix("prepay_id=").unwrap();
        let action = json!({ "prepay_id": prepay_id, "user": user, "action": "pay" });
        control(&self.simulator, "POST", "cashier/pay", &action).await;
    }

    /// The payment as its merchant sees it.
    pub(crate) async fn payment(&self, api_key: &str, id: &str) -> Value {
        let request = Request::new("GET", format!("/v1/payments/{id}"));
        self.done(request.header("Authorization", format!("Bearer {api_key}")))
            .await
    }

    /// From now on WeChat tells the first merchant with a certificate that is not valid any more, as if it had forgotten to replace it.
    pub(crate) async fn sign_with_the_expired(&self) {
        let activate = json!({ "mchid": MCHID, "step": "activate" });
        control(&self.simulator, "POST", "keys/rotate", &activate).await;
    }

    /// From now on it tells everybody with the public key.
    pub(crate) async fn sign_with_the_public_key(&self) {
        let switch = json!({ "mchid": MCHID, "to": "public_key" });
        control(&self.simulator, "POST", "keys/switch", &switch).await;
    }

    /// Waits until it is in this state.
    pub(crate) async fn wait(&self, api_key: &str, id: &str, member: &str, value: &Value) -> Value {
        for _ in 0..600 {
            let payment = self.payment(api_key, id).await;
            if payment[member] == *value {
                return payment;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{id} never had {member} {value}");
    }

    /// What WeChat's books say about an order, in the words of a notification.
    pub(crate) async fn order(&self, out_trade_no: &str) -> Value {
        let path = format!("orders/{out_trade_no}");
        control(&self.simulator, "GET", &path, &json!({})).await
    }

    pub(crate) async fn refunds(&self) -> Value {
        control(&self.simulator, "GET", "refunds", &json!({})).await
    }

    /// Everything the simulator received and sent so far.
    async fn log(&self) -> Vec<Value> {
        let (mut after, mut log) = (0, Vec::new());
        loop {
            let path = format!("log?after={after}");
            let mut page = control(&self.simulator, "GET", &path, &json!({})).await;
            after = page["next"].as_u64().unwrap();
            let entries: Vec<Value> = serde_json::from_value(page["entries"].take()).unwrap();
            if entries.is_empty() {
                return log;
            }
            log.extend(entries);
        }
    }

    /// How many calls WeChat has received so far.
    pub(crate) async fn calls(&self) -> usize {
        let log = self.log().await;
        log.iter()
            .filter(|entry| entry["kind"] == "request")
            .count()
    }

    /// The notifications that WeChat really sent to this merchant: headers and body.
    pub(crate) async fn sent_to(&self, mchid: &str) -> Vec<(Vec<(String, String)>, String)> {
        let log = self.log().await;
        log.iter()
            .filter(|entry| entry["kind"] == "notification" && entry["mchid"] == mchid)
            .map(message)
            .collect()
    }

    /// The notification about this order, once the server has answered it: headers and body.
    pub(crate) async fn told(&self, out_trade_no: &str) -> (Vec<(String, String)>, String) {
        for _ in 0..600 {
            let log = self.log().await;
            let about = |kind: &str| {
                let mut found = log.iter();
                found.find(|entry| entry["kind"] == kind && entry["out_trade_no"] == out_trade_no)
            };
            if let (Some(sent), Some(_)) = (about("notification"), about("notification_answer")) {
                return message(sent);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("nothing was told of {out_trade_no}");
    }

    /// Everything that must not change, as text.
    pub(crate) fn books(&self) -> String {
        let store = &self.store;
        format!(
            "{:#?}\n{:#?}\n{:#?}\n{:#?}\n{:#?}",
            store.all_payments(),
            store.all_postings(),
            store.all_events(),
            store.all_endpoints(),
            store.all_tasks()
        )
    }

    /// Waits until the server has asked for the bills that it owes: nothing happens by itself any more.
    pub(crate) async fn rests(&self) {
        for _ in 0..3_000 {
            let mut bills = self.store.all_tasks();
            bills.retain(|task| task.key.kind == TaskKind::FetchBill);
            let of = |mchid: &str| bills.iter().any(|task| task.mchid.as_str() == mchid);
            let mut all = bills.iter();
            if of(MCHID)
                && of(OTHER_MCHID)
                && all.all(|task| task.lease.is_none() && task.due_at > self.now)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the bills are still being asked for");
    }

    /// Contradictions that were written down for people.
    pub(crate) fn incidents(&self) -> usize {
        self.store.all_incidents().len()
    }
}

/// The headers and the body of a request in the simulator's log.
fn message(entry: &Value) -> (Vec<(String, String)>, String) {
    let headers = entry["request"]["headers"].clone();
    let body = entry["request"]["body"].as_str().unwrap();
    (serde_json::from_value(headers).unwrap(), body.to_owned())
}

/// The first merchant is switching from certificates to the public key: what it asks is answered with the latter, and it is told with the former. One
/// certificate is valid; the other one, not used yet, was made six years ago for five years.
async fn announce_certificates(simulator: &Handle, now: Timestamp) {
    let switching = json!({ "mchid": MCHID, "to": "switching", "notifications_per_mille": 0 });
    control(simulator, "POST", "keys/switch", &switching).await;
    let long_ago = now.plus_ms(-6 * 366 * 86_400_000).as_millis();
    control(simulator, "POST", "clock", &json!({ "set_ms": long_ago })).await;
    let announce = json!({ "mchid": MCHID, "step": "announce" });
    control(simulator, "POST", "keys/rotate", &announce).await;
    let again = json!({ "set_ms": SystemClock::default().now().as_millis() });
    control(simulator, "POST", "clock", &again).await;
}

/// A POST with a bearer token and a JSON body.
pub(crate) fn post(token: &str, path: &str, body: impl Into<Vec<u8>>) -> Request {
    Request::new("POST", path)
        .header("Authorization", format!("Bearer {token}"))
        .header("Content-Type", "application/json")
        .body(body)
}

async fn control(simulator: &Handle, method: &str, path: &str, body: &Value) -> Value {
    let request = Request::new(method, format!("/_control/{path}"))
        .header("Content-Type", "application/json")
        .body(body.to_string());
    let answer = exchange(simulator.address, &request.bytes(), PATIENCE)
        .await
        .unwrap();
    assert_eq!(answer.statuses, [200], "{path}: {}", answer.text);
    serde_json::from_str(answer.body()).unwrap()
}

fn config(folder: &TempDir, server: SocketAddr, first: &Value, second: &Value) -> Config {
    let path = |name: String| folder.path().join(name);
    let mut text = format!(
        "public_url = \"http://{server}\"\n[wechat]\npay_base_url = {}\npay_secondary_url = \"\"\napi_base_url = {}\n\
         [limits]\nrequests_per_second = 0\n",
        first["pay_base_url"], first["api_base_url"]
    );
    for files in [first, second] {
        let member = |name: &str| files[name].as_str().unwrap();
        let mchid = member("mchid");
        for (name, content) in [
            ("key.pem", member("private_key_pem")),
            ("pub.pem", member("public_key_pem")),
            ("v3.txt", member("apiv3_key")),
            ("secret.txt", member("app_secret")),
            ("v2.txt", member("api_key")),
            ("cert.pem", member("certificate_pem")),
        ] {
            std::fs::write(path(format!("{mchid}-{name}")), content).unwrap();
        }
        // Both doors are open: the older protocol's is attacked as well.
        text.push_str(&format!(
            "[[merchants]]\nmchid = \"{mchid}\"\nprotocol = \"v3_accepting_v2\"\napi_key_file = \"{mchid}-v2.txt\"\n\
             certificate_file = \"{mchid}-cert.pem\"\nserial_no = {}\nprivate_key_file = \"{mchid}-key.pem\"\n\
             api_v3_key_file = \"{mchid}-v3.txt\"\npublic_key_id = {}\npublic_key_file = \"{mchid}-pub.pem\"\n\
             platform_certificates = {certificates}\nappids = [{appid}]\n[[apps]]\nappid = {appid}\napp_secret_file = \"{mchid}-secret.txt\"\n",
            files["serial_no"],
            files["public_key_id"],
            certificates = mchid == MCHID,
            appid = files["appid"],
        ));
    }
    let file = path("shouyin.toml".to_owned());
    std::fs::write(&file, text).unwrap();
    Config::load(Some(&file), |_| None).unwrap()
}
