//! What a person looks at when something does not add up: incidents, the balance, the probe.

use serde_json::json;
use shouyin_core::time::MINUTE_MS;

use crate::wechat::Trouble;
use crate::world::{World, coffee};

async fn begun(world: &World) -> String {
    let id = world.order("A-1").await;
    let session = world.session("alice-1").await;
    let pay = format!("/mp/v1/payments/{id}/pay");
    world.phone(&session, &pay).await.ok(200);
    id
}

#[tokio::test]
async fn a_contradiction_is_listed_once_and_for_its_merchant_only() {
    let world = World::new().await;
    let id = begun(&world).await;
    let number = world.wechat.the_order();
    world.wechat.buyer_pays(&number);
    let mut wrong = world.wechat.transaction(&number);
    wrong["amount"]["total"] = json!(1);
    for _ in 0..3 {
        let notification = world.wechat.notification(&wrong);
        assert_eq!(world.notify(notification).await.status, 422);
    }
    let listed = world.get("/v1/incidents").await.ok(200);
    let incidents = listed["data"].as_array().unwrap();
    assert_eq!(incidents.len(), 1, "{listed}");
    assert_eq!(incidents[0]["kind"], "amount_mismatch");
    assert_eq!(incidents[0]["payment_id"], id.as_str());
    assert_eq!(incidents[0]["out_trade_no"], number.as_str());
    assert!(incidents[0]["detail"].as_str().unwrap().contains("1990"));

    let others = world
        .get_as(&world.other_api_key, "/v1/incidents")
        .await
        .ok(200);
    assert_eq!(others["data"], json!([]));
    world
        .get("/v1/incidents?limit=101")
        .await
        .problem(400, "invalid_query");
    world
        .send("GET", "/v1/incidents", &[], "")
        .await
        .problem(401, "api_key_missing");
}

#[tokio::test]
async fn the_balance_is_what_was_paid_here() {
    let world = World::new().await;
    let empty = world.get("/v1/balance").await.ok(200);
    assert_eq!(
        empty,
        json!({ "mchid": "1900000001", "cash_fen": 0, "reserved_fen": 0, "currency": "CNY" })
    );
    begun(&world).await;
    let number = world.wechat.the_order();
    world.wechat.buyer_pays(&number);
    let paid = world.wechat.transaction(&number);
    for _ in 0..2 {
        let notification = world.wechat.notification(&paid);
        assert_eq!(world.notify(notification).await.status, 204);
    }
    assert_eq!(world.get("/v1/balance").await.ok(200)["cash_fen"], 1990);
    let others = world
        .get_as(&world.other_api_key, "/v1/balance")
        .await
        .ok(200);
    assert_eq!(others["cash_fen"], 0);
}

#[tokio::test]
async fn the_probe_says_since_when_wechat_does_not_answer_and_orders_are_still_taken() {
    let world = World::new().await;
    let ready = world.send("GET", "/readyz", &[], "").await.ok(200);
    assert_eq!(
        ready,
        json!({ "status": "ok", "database": "ok", "wechat": "ok" })
    );
    let id = world.order("A-1").await;
    let session = world.session("alice-1").await;
    let pay = format!("/mp/v1/payments/{id}/pay");
    for _ in 0..8 {
        world.wechat.trouble("prepay", Trouble::AnswerLost);
        let answer = world.phone(&session, &pay).await;
        answer.problem(503, "wechat_unavailable");
    }
    let calls = world.wechat.calls("prepay").len();
    let held_back = world.phone(&session, &pay).await;
    held_back.problem(503, "wechat_unavailable");
    assert_eq!(world.wechat.calls("prepay").len(), calls, "not sent");
    let ready = world.send("GET", "/readyz", &[], "").await.ok(200);
    // The other merchant of this server has not been held back.
    assert_eq!(ready["wechat"], "partly_unavailable");
    assert_eq!(
        ready["wechat_unavailable_since"],
        "2026-01-05T04:03:04.000Z"
    );
    world.post("/v1/payments", &coffee("A-2")).await.ok(201);

    world.clock.advance_ms(MINUTE_MS);
    world.phone(&session, &pay).await.ok(200);
    let ready = world.send("GET", "/readyz", &[], "").await.ok(200);
    assert_eq!(ready["wechat"], "ok");

    world.disk.set_full(true);
    let down = world.send("GET", "/readyz", &[], "").await;
    down.problem(503, "store_unavailable");
}
