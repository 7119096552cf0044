//! WeChat changes the keys it signs with, in the middle of traffic.

use serde_json::{Value, json};

use crate::desk::Desk;

async fn buy(desk: &Desk, api_key: &str, session: &str, order_no: &str) -> Value {
    let new = json!({"order_no": order_no, "amount_fen": 1990, "description": "latte"});
    let payment = desk.post("/v1/payments", api_key, new).await;
    let id = payment["id"].as_str().unwrap();
    let ready = desk
        .post(&format!("/mp/v1/payments/{id}/pay"), session, json!({}))
        .await;
    desk.pay_at_cashier(&ready["request_payment"]).await;
    desk.wait_until_paid(id, api_key).await
}

/// Serial of the key that signed the last notification the simulator sent.
async fn last_signer(desk: &Desk) -> String {
    let log = desk.control_get("log?after=0").await;
    let sent = |entry: &&Value| entry["kind"] == "notification";
    let last = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .find(sent)
        .unwrap()
        .clone();
    let is_serial = |header: &&Value| {
        header[0]
            .as_str()
            .is_some_and(|name| name.eq_ignore_ascii_case("wechatpay-serial"))
    };
    let headers = last["request"]["headers"].as_array().unwrap().clone();
    headers.iter().find(is_serial).unwrap()[1]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn public_key_and_platform_certificate_are_accepted_side_by_side() {
    let desk = Desk::with_platform_certificates();
    let api_key = desk.api_key();
    // The merchant still has platform certificates when the server starts: it fetches them by itself.
    desk.control(
        "keys/switch",
        json!({"to": "switching", "notifications_per_mille": 0}),
    )
    .await;
    let _server = desk.serve();
    let session = desk.login().await;

    buy(&desk, &api_key, &session, "by-certificate").await;
    let certificate = last_signer(&desk).await;
    assert!(!certificate.starts_with("PUB_KEY_ID_"), "{certificate}");

    desk.control("keys/switch", json!({"to": "public_key"}))
        .await;
    buy(&desk, &api_key, &session, "by-public-key").await;
    assert!(last_signer(&desk).await.starts_with("PUB_KEY_ID_"));
}
