//! Money that arrives after WeChat had confirmed that nobody can pay any more.

use serde_json::json;
use shouyin_core::policy::{MoneyPolicy, Policy};

use crate::wechat::openid;
use crate::world::{Setup, World};

/// A payment that was closed, at WeChat too, and is reported paid all the same.
async fn paid_late(late: MoneyPolicy) -> (World, String) {
    let world = World::build(Setup {
        policy: Policy {
            late,
            ..Policy::default()
        },
        ..Setup::default()
    })
    .await;
    let id = world.order("A-1").await;
    let session = world.session("alice-1").await;
    let pay = format!("/mp/v1/payments/{id}/pay");
    world.phone(&session, &pay).await.ok(200);
    let number = world.wechat.the_order();
    let mut said = world.wechat.transaction(&number);
    let close = format!("/v1/payments/{id}/close");
    let closed = world.post(&close, &json!({})).await.ok(200);
    assert_eq!(closed["state"], "closed");
    said["trade_state"] = json!("SUCCESS");
    said["transaction_id"] = json!("4200000001202601051234567890");
    said["trade_type"] = json!("JSAPI");
    said["success_time"] = json!("2026-01-05T12:03:04+08:00");
    said["payer"] = json!({"openid": openid("alice")});
    for _ in 0..2 {
        let notification = world.wechat.notification(&said);
        assert_eq!(world.notify(notification).await.status, 204);
    }
    let payment = world.get(&format!("/v1/payments/{id}")).await.ok(200);
    assert_eq!(
        (&payment["state"], &payment["paid"]["late"]),
        (&json!("paid"), &json!(true))
    );
    assert_eq!(world.events("payment.paid_late"), 1);
    assert_eq!(world.events("payment.paid"), 0);
    (world, id)
}

#[tokio::test]
async fn late_money_is_kept_and_the_shop_decides() {
    let (world, id) = paid_late(MoneyPolicy::Keep).await;
    world.clock.advance_ms(60_000);
    world.work().await;
    assert_eq!(world.wechat.refunded(), [0; 0]);
    assert_eq!(world.get("/v1/balance").await.ok(200)["cash_fen"], 1990);
    // The shop cannot deliver any more.
    let path = format!("/v1/payments/{id}/refunds");
    let refund = world.post(&path, &json!({ "refund_no": "R-1" })).await;
    assert_eq!(refund.ok(201)["state"], "succeeded");
    assert_eq!(world.wechat.refunded(), [1990]);
}

#[tokio::test]
async fn late_money_goes_back_by_itself_if_the_shop_wants_so() {
    let (world, id) = paid_late(MoneyPolicy::Refund).await;
    assert_eq!(world.events("refund.created"), 1);
    world.work().await;
    assert_eq!(world.wechat.refunded(), [1990]);
    let refunds = world
        .get(&format!("/v1/payments/{id}/refunds"))
        .await
        .ok(200);
    let refund = &refunds["data"][0];
    assert_eq!(
        (&refund["origin"], &refund["state"]),
        (&json!("late_policy"), &json!("succeeded"))
    );
    assert!(refund.get("refund_no").is_none());
    let balance = world.get("/v1/balance").await.ok(200);
    assert_eq!(
        (&balance["cash_fen"], &balance["reserved_fen"]),
        (&json!(0), &json!(0))
    );
}

#[tokio::test]
async fn late_money_is_neither_surplus_nor_an_incident() {
    let (world, _) = paid_late(MoneyPolicy::Keep).await;
    assert_eq!(world.events("payment.surplus_paid"), 0);
    assert_eq!(world.get("/v1/incidents").await.ok(200)["data"], json!([]));
}
