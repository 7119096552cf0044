//! What is attacked: payments in every state, a refund, endpoints, sessions, of two merchants.

use serde_json::{Value, json};
use wechatpay::time::WechatTime;

use crate::desk::{APPID, Desk, MCHID, OTHER_APPID, post};
use crate::forge::Notice;
use crate::wire::Request;

/// One payment: our id and its order at WeChat.
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    pub(crate) id: String,
    /// What a genuine notification of its success says.
    pub(crate) success: Value,
}

pub(crate) struct Shop {
    pub(crate) desk: Desk,
    /// Paid by alice, 1990 fen, 500 of them refunded.
    pub(crate) paid: Payment,
    /// Ordered by alice, not paid, 2990 fen.
    pub(crate) open: Payment,
    /// The same again, for the real payment at the end.
    pub(crate) last: Payment,
    pub(crate) last_parameters: Value,
    /// What WeChat really sent when alice paid one more order, signed with a certificate that has expired: headers and body.
    pub(crate) expired: (Vec<(String, String)>, String),
    /// Closed before anybody asked to pay.
    pub(crate) closed: String,
    /// Nobody has asked to pay yet.
    pub(crate) untouched: String,
    /// A QR code that nobody has scanned, 1500 fen.
    pub(crate) native: Payment,
    /// For a browser outside WeChat; its address was never asked for.
    pub(crate) h5: String,
    /// For a till that has scanned nothing.
    pub(crate) code: String,
    /// Of the other merchant, paid by carol.
    pub(crate) others: Payment,
    /// The refund of `paid`, and what a genuine notification of its success says.
    pub(crate) refund: String,
    pub(crate) refund_success: Value,
    pub(crate) endpoint: String,
    pub(crate) others_endpoint: String,
    /// An event of ours.
    pub(crate) event: String,
    pub(crate) alice: String,
    pub(crate) bob: String,
    pub(crate) carol: String,
    pub(crate) ended: String,
}

impl Shop {
    pub(crate) async fn new() -> Self {
        let desk = Desk::new().await;
        let (key, other_key) = (desk.api_key.clone(), desk.other_api_key.clone());
        let alice = desk.login(APPID, "alice").await;
        let bob = desk.login(APPID, "bob").await;
        let carol = desk.login(OTHER_APPID, "carol").await;

        let (paid, parameters) = order(&desk, &key, &alice, "paid", 1990).await;
        desk.pay("alice", &parameters).await;
        desk.wait(&key, &paid, "state", &json!("paid")).await;
        let back = json!({ "refund_no": "R1", "amount_fen": 500 });
        let path = format!("/v1/payments/{paid}/refunds");
        let refund = desk.post(&key, &path, back).await;
        desk.wait(&key, &paid, "refunded_fen", &json!(500)).await;

        let (open, _) = order(&desk, &key, &alice, "open", 2990).await;
        let (last, last_parameters) = order(&desk, &key, &alice, "last", 2990).await;
        let (others, parameters) = order(&desk, &other_key, &carol, "others", 1990).await;
        desk.pay("carol", &parameters).await;
        desk.wait(&other_key, &others, "state", &json!("paid"))
            .await;

        let expired = told_with_the_expired(&desk, &key, &alice).await;
        let closed = create(&desk, &key, "closed", 990).await;
        desk.post(&key, &format!("/v1/payments/{closed}/close"), json!({}))
            .await;
        let untouched = create(&desk, &key, "untouched", 990).await;
        let endpoint = webhook_endpoint(&desk, &key).await;
        let others_endpoint = webhook_endpoint(&desk, &other_key).await;
        let events =
            Request::new("GET", "/v1/events").header("Authorization", format!("Bearer {key}"));
        let events = desk.done(events).await;
        let ended = desk.ended_session().await;
        Self {
            paid: known(&desk, &key, paid).await,
            open: known(&desk, &key, open).await,
            last: known(&desk, &key, last).await,
            native: known_native(&desk, &key).await,
            h5: of_product(&desk, &key, "h5").await,
            code: of_product(&desk, &key, "code").await,
            others: known(&desk, &other_key, others).await,
            refund_success: refund_success(&desk, &refund).await,
            refund: refund["id"].as_str().unwrap().to_owned(),
            event: events["data"][0]["id"].as_str().unwrap().to_owned(),
            last_parameters,
            expired,
            closed,
            untouched,
            endpoint,
            others_endpoint,
            alice,
            bob,
            carol,
            ended,
            desk,
        }
    }

    /// A genuine notification of this resource, sealed and signed as WeChat does.
    pub(crate) fn genuine(&self, notice: &Notice) -> Request {
        let body = notice.seal(&self.desk.keys, self.desk.now_ms());
        crate::forge::signed(&self.desk.keys, self.desk.now_unix(), body)
    }

    /// The genuine notification of the order that is not paid.
    pub(crate) fn control(&self) -> Request {
        self.genuine(&Notice::payment(self.open.success.clone()))
    }

    /// The same as a sealed body, to be signed otherwise.
    pub(crate) fn control_body(&self) -> Vec<u8> {
        Notice::payment(self.open.success.clone()).seal(&self.desk.keys, self.desk.now_ms())
    }
}

async fn create(desk: &Desk, key: &str, order_no: &str, amount_fen: i64) -> String {
    let new = json!({ "order_no": order_no, "amount_fen": amount_fen, "description": "latte" });
    let payment = desk.post(key, "/v1/payments", new).await;
    payment["id"].as_str().unwrap().to_owned()
}

async fn of_product(desk: &Desk, key: &str, product: &str) -> String {
    let new = json!({
        "order_no": format!("product-{product}"), "amount_fen": 1500, "description": "tea", "product": product,
    });
    let payment = desk.post(key, "/v1/payments", new).await;
    payment["id"].as_str().unwrap().to_owned()
}

/// A QR code hangs on the wall; what WeChat would say when somebody pays it.
async fn known_native(desk: &Desk, key: &str) -> Payment {
    let id = of_product(desk, key, "native").await;
    let ready = desk
        .post(key, &format!("/v1/payments/{id}/pay"), json!({}))
        .await;
    assert!(ready["code_url"].is_string(), "{ready}");
    let mut native = known(desk, key, id).await;
    native.success["trade_type"] = json!("NATIVE");
    native.success["payer"] = json!({ "openid": "oWhoeverScannedTheCode000001" });
    native
}

async fn order(
    desk: &Desk,
    key: &str,
    session: &str,
    order_no: &str,
    amount_fen: i64,
) -> (String, Value) {
    let id = create(desk, key, order_no, amount_fen).await;
    let parameters = desk.tap(session, &id).await;
    (id, parameters)
}

/// A payment of which WeChat tells with the expired certificate. The server refuses that by itself, so the payment stays open.
async fn told_with_the_expired(
    desk: &Desk,
    key: &str,
    alice: &str,
) -> (Vec<(String, String)>, String) {
    let (id, parameters) = order(desk, key, alice, "expired", 1990).await;
    let payment = desk.payment(key, &id).await;
    let number = payment["attempts"][0]["out_trade_no"].as_str().unwrap();
    desk.sign_with_the_expired().await;
    desk.pay("alice", &parameters).await;
    let told = desk.told(number).await;
    assert_eq!(desk.payment(key, &id).await["state"], payment["state"]);
    told
}

async fn webhook_endpoint(desk: &Desk, key: &str) -> String {
    // Only a kind of event that never happens here: nothing is sent to the world.
    let new = json!({ "url": "https://shop.example.com/hook", "event_types": ["webhook_endpoint.disabled"] });
    let made = desk.post(key, "/v1/webhook_endpoints", new).await;
    let id = made["id"].as_str().or(made["endpoint"]["id"].as_str());
    id.unwrap().to_owned()
}

/// What WeChat says, or would say, when this is paid.
async fn known(desk: &Desk, key: &str, id: String) -> Payment {
    let payment = desk.payment(key, &id).await;
    let number = payment["attempts"][0]["out_trade_no"].as_str().unwrap();
    let order = desk.order(number).await;
    let transaction = order["transaction_id"].as_str();
    let now = WechatTime::from_unix_ms(desk.now_ms());
    let amount = &order["amount_fen"];
    Payment {
        id,
        success: json!({
            "appid": order["appid"], "mchid": order["mchid"], "out_trade_no": number,
            "transaction_id": transaction.unwrap_or("4200009999202601051234567890"),
            "trade_type": "JSAPI", "trade_state": "SUCCESS", "trade_state_desc": "支付成功",
            "bank_type": "OTHERS", "attach": "", "success_time": now.as_str(),
            "payer": { "openid": order["openid"] },
            "amount": { "total": amount, "payer_total": amount, "currency": "CNY", "payer_currency": "CNY" },
        }),
    }
}

async fn refund_success(desk: &Desk, refund: &Value) -> Value {
    let number = refund["out_refund_no"].as_str().unwrap();
    let all = desk.refunds().await;
    let said = all
        .as_array()
        .unwrap()
        .iter()
        .find(|said| said["out_refund_no"] == number)
        .unwrap();
    let order = desk.order(said["out_trade_no"].as_str().unwrap()).await;
    let now = WechatTime::from_unix_ms(desk.now_ms());
    json!({
        "mchid": MCHID, "out_trade_no": said["out_trade_no"], "transaction_id": order["transaction_id"],
        "out_refund_no": number, "refund_id": said["refund_id"], "refund_status": "SUCCESS",
        "success_time": now.as_str(), "user_received_account": "支付用户零钱",
        "amount": { "total": 1990, "refund": 500, "payer_total": 1990, "payer_refund": 500 },
    })
}

/// A POST of the shop's backend under a key of its own.
pub(crate) fn keyed(token: &str, path: &str, body: impl Into<Vec<u8>>, key: &str) -> Request {
    post(token, path, body).header("Idempotency-Key", key)
}
