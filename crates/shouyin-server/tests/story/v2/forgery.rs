//! Notifications that WeChat did not send, or that say something else than our record.

use serde_json::json;
use wechat_simulator::{Command, Flaw};
use wechatpay::v2::Fields;

use super::{BOTH_SIGN_TYPES, desk};
use crate::desk::Desk;
use crate::world::{Answer, MCHID, OTHER_MCHID};

struct Waiting {
    desk: Desk,
    id: String,
    number: String,
}

/// Alice is at the cashier and has not paid.
async fn waiting(sign_type: wechatpay::v2::SignType) -> Waiting {
    let desk = desk(sign_type).await;
    let id = desk.world.order("A-1").await;
    let session = desk.session("alice").await;
    desk.cashier("alice", &session, &id).await;
    let number = desk.heart.orders()[0].0.clone();
    Waiting { desk, id, number }
}

impl Waiting {
    /// What the simulator's attacker would send.
    fn forged(&self, flaw: Flaw) -> Vec<u8> {
        self.desk.heart.throw(Command::Forge {
            order: (MCHID.to_owned(), self.number.clone()),
            flaw,
        });
        let mut outbox = self.desk.heart.outbox.lock().unwrap();
        outbox.pop_back().unwrap().body
    }

    /// Refused in the form of the older protocol, and nothing happened: no row, no call.
    async fn refused(&self, name: &str, to: &str, body: Vec<u8>) {
        let (calls, commits) = (self.desk.heart.calls(), self.desk.world.store.commits());
        let answer = self.desk.world.notify_to(to, &[], body).await;
        assert_eq!(answer.status, 401, "{name}: {}", answer.text);
        fail(&answer);
        self.desk.world.work().await;
        assert_eq!(self.desk.heart.calls(), calls, "{name} made us call");
        assert_eq!(
            self.desk.world.store.commits(),
            commits,
            "{name} was written"
        );
        assert_eq!(self.desk.world.state(&self.id).await, "open", "{name}");
    }
}

#[track_caller]
fn fail(answer: &Answer) {
    assert_eq!(answer.headers["content-type"], "text/xml");
    assert!(answer.text.starts_with("<xml>") && answer.text.ends_with("</xml>"));
    let said = Fields::parse(answer.text.as_bytes()).unwrap();
    assert_eq!(said.get("return_code"), Some("FAIL"));
}

#[tokio::test]
async fn forgeries_are_refused_with_nothing_written_and_nobody_called() {
    for sign_type in BOTH_SIGN_TYPES {
        let waiting = waiting(sign_type).await;
        for flaw in [
            Flaw::Unsigned,
            Flaw::WrongSignature,
            Flaw::OtherSignType,
            Flaw::Tampered,
            Flaw::Truncated,
            Flaw::Doctype,
        ] {
            let body = waiting.forged(flaw);
            waiting.refused(&format!("{flaw:?}"), MCHID, body).await;
        }
        // Genuine, but of another merchant.
        let genuine = waiting.forged(Flaw::None);
        waiting
            .refused("misdirected", OTHER_MCHID, genuine.clone())
            .await;
        // The same bytes at the right address: so it was none of the rest that was refused.
        let answer = waiting.desk.world.notify_to(MCHID, &[], genuine).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(waiting.desk.world.state(&waiting.id).await, "paid");
    }
}

/// Our own requests and WeChat's answers carry the same key's signature. None of them is a notification.
#[tokio::test]
async fn what_else_the_key_signed_is_no_notification() {
    let waiting = waiting(BOTH_SIGN_TYPES[0]).await;
    let key = wechatpay::v2::ApiKey::parse(super::API_KEY).unwrap();
    let base = Fields::new()
        .with("appid", crate::world::APPID)
        .with("mch_id", MCHID)
        .with("out_trade_no", waiting.number.as_str())
        .with("nonce_str", "n");
    let signed = |fields: Fields| {
        fields
            .signed(BOTH_SIGN_TYPES[0], &key)
            .to_xml()
            .into_bytes()
    };
    let request = base
        .clone()
        .with("total_fee", "1990")
        .with("trade_type", "JSAPI");
    waiting
        .refused("our own order", MCHID, signed(request))
        .await;
    let answer = base
        .with("return_code", "SUCCESS")
        .with("result_code", "SUCCESS")
        .with("trade_state", "NOTPAY");
    waiting.refused("an answer", MCHID, signed(answer)).await;
}

#[tokio::test]
async fn one_fen_more_with_a_genuine_signature_is_an_incident() {
    for (field, value, kind) in [
        ("total_fee", json!("1991"), "amount_mismatch"),
        ("total_fee", json!("1989"), "amount_mismatch"),
        ("fee_type", json!("USD"), "amount_mismatch"),
        ("appid", json!("wx5555666677778888"), "owner_mismatch"),
        (
            "openid",
            json!("oUpF8uMuAJO_M2pxb1Q9zmallory"),
            "payer_mismatch",
        ),
        ("trade_type", json!("NATIVE"), "product_mismatch"),
        ("transaction_id", json!(null), "incomplete_success"),
        ("out_trade_no", json!("UNKNOWN0000001"), "unknown_order"),
    ] {
        let waiting = waiting(BOTH_SIGN_TYPES[0]).await;
        waiting.desk.heart.throw(Command::Misreport {
            order: (MCHID.to_owned(), waiting.number.clone()),
            out_refund_no: None,
            changes: json!({ field: value }),
        });
        let body = waiting
            .desk
            .heart
            .outbox
            .lock()
            .unwrap()
            .pop_back()
            .unwrap()
            .body;
        let answer = waiting.desk.world.notify_to(MCHID, &[], body).await;
        assert_eq!(answer.status, 422, "{field}: {}", answer.text);
        fail(&answer);
        assert_eq!(
            waiting.desk.world.state(&waiting.id).await,
            "open",
            "{field}"
        );
        let incidents = waiting.desk.world.store.all_incidents();
        assert_eq!(incidents[0].kind.as_str(), kind, "{field}");
        assert_eq!(waiting.desk.balance().await, (0, 0));
    }
}

#[tokio::test]
async fn not_stored_is_not_answered_with_success() {
    let waiting = waiting(BOTH_SIGN_TYPES[0]).await;
    let genuine = waiting.forged(Flaw::None);
    waiting.desk.world.disk.set_full(true);
    let answer = waiting
        .desk
        .world
        .notify_to(MCHID, &[], genuine.clone())
        .await;
    assert_eq!(answer.status, 503, "{}", answer.text);
    fail(&answer);
    waiting.desk.world.disk.set_full(false);
    let answer = waiting.desk.world.notify_to(MCHID, &[], genuine).await;
    assert_eq!(answer.status, 200);
}

/// A merchant who never used the older protocol is not open to it.
#[tokio::test]
async fn xml_for_a_merchant_of_apiv3_is_refused() {
    let desk = Desk::new().await;
    let sold = desk.world.order("A-1").await;
    let commits = desk.world.store.commits();
    let body = b"<xml><return_code>SUCCESS</return_code></xml>".to_vec();
    let answer = desk.world.notify_to(MCHID, &[], body).await;
    assert_eq!(answer.status, 401);
    fail(&answer);
    assert_eq!(desk.world.store.commits(), commits);
    assert_eq!(desk.world.state(&sold).await, "open");
}
