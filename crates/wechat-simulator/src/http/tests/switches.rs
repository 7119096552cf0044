//! Switches that only make sense through real sockets, and those that the HTTP front adds.

use serde_json::{Value, json};
use wechatpay::crypto::ApiV3Key;

use super::desk::Desk;
use crate::clock::real_ms;

#[tokio::test]
async fn a_held_answer_waits_until_it_is_released() {
    let desk = Desk::start().await;
    desk.post(
        "/faults",
        json!({ "fault": "answer_held", "operation": "prepay" }),
    )
    .await;
    let prepay = desk.prepay("ORDER-000001");
    let meanwhile = async {
        while desk.get("/held").await["held"] == 0 {
            tokio::task::yield_now().await;
        }
        let order = desk.get("/orders/ORDER-000001").await;
        assert_eq!(order["trade_state"], "NOTPAY", "the work is done");
        desk.post("/held/release", Value::Null).await
    };
    let (outcome, released) = tokio::join!(prepay, meanwhile);
    assert!(outcome.done().is_some());
    assert_eq!(released["held"], 1);
    assert_eq!(desk.get("/held").await["held"], 0);
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn a_new_api_v3_key_seals_what_comes_after_it() {
    let desk = Desk::start().await;
    let key = desk.post("/keys/apiv3", json!({})).await;
    let key = ApiV3Key::new(key["apiv3_key"].as_str().unwrap()).unwrap();
    desk.buy("ORDER-000001").await;
    desk.receiver.wait(1).await;
    let (headers, body) = desk.receiver.got.lock().unwrap()[0].clone();
    let opened = desk
        .client
        .open_notification(&headers, &body, real_ms() / 1000);
    assert!(opened.is_err(), "the old key does not open it");
    let envelope: Value = serde_json::from_slice(&body).unwrap();
    let resource = &envelope["resource"];
    let text = |name: &str| resource[name].as_str().unwrap();
    let plain = key.open(text("nonce"), text("associated_data"), text("ciphertext"));
    assert!(plain.is_ok());
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn refunds_by_hand_misreports_and_replays_are_calls() {
    let desk = Desk::start().await;
    desk.buy("ORDER-000001").await;
    desk.receiver.wait(1).await;
    desk.post("/notifications/1/replay", json!({})).await;
    desk.receiver.wait(2).await;
    let bodies: Vec<Vec<u8>> = {
        let got = desk.receiver.got.lock().unwrap();
        got.iter().map(|(_, body)| body.clone()).collect()
    };
    assert_eq!(bodies[0], bodies[1]);
    let misreport = json!({ "out_trade_no": "ORDER-000001", "changes": { "appid": "wx0" } });
    desk.post("/notifications/misreport", misreport).await;
    desk.receiver.wait(3).await;
    let url = json!({ "url": desk.receiver.url });
    desk.post("/refund-notify-url", url).await;
    let by_hand = json!({ "out_trade_no": "ORDER-000001", "refund_fen": 990 });
    let made = desk.post("/refunds", by_hand.clone()).await;
    desk.post("/clock", json!({ "advance_ms": 3_000 })).await;
    desk.receiver.wait(4).await;
    let refunds = desk.get("/refunds").await;
    assert_eq!(refunds[0]["out_refund_no"], made["out_refund_no"]);
    assert_eq!(refunds[0]["status"], "SUCCESS");
    let more = json!({ "out_trade_no": "ORDER-000001", "refund_fen": 1001 });
    let (status, _) = desk.control(reqwest::Method::POST, "/refunds", &more).await;
    assert_eq!(status, 400);
    desk.simulator.shutdown().await;
}
