//! The shop changes what it asks for while somebody is at the cashier.

use serde_json::{Value, json};
use shouyin_core::policy::{MoneyPolicy, Policy};
use shouyin_core::time::{MINUTE_MS, SECOND_MS};
use wechat_simulator::{FaultKind, Operation};

use crate::desk::Desk;
use crate::world::{Answer, Setup};

async fn revise(desk: &Desk, id: &str, change: Value) -> Answer {
    desk.world
        .post(&format!("/v1/payments/{id}/revise"), &change)
        .await
}

#[tokio::test]
async fn a_new_price_closes_the_old_order_and_opens_another() {
    let desk = Desk::new().await;
    let id = desk.world.order("A-1").await;
    let session = desk.session("alice").await;
    let old = desk.cashier("alice", &session, &id).await;
    let revised = revise(&desk, &id, json!({ "amount_fen": 1790 }))
        .await
        .ok(200);
    assert_eq!(
        (&revised["amount_fen"], &revised["state"]),
        (&json!(1790), &json!("open"))
    );
    assert_eq!(revised["attempts"][0]["state"], "closed");
    assert_eq!(revised["attempts"][0]["amount_fen"], 1990);

    assert!(
        desk.heart.pay("alice", &old).is_err(),
        "its cashier is closed"
    );
    let new = desk.cashier("alice", &session, &id).await;
    assert_ne!(new, old);
    desk.heart.pay("alice", &new).unwrap();
    desk.deliver().await;
    let payment = desk.payment(&id).await;
    assert_eq!(
        (&payment["state"], &payment["amount_fen"]),
        (&json!("paid"), &json!(1790))
    );
    let mut orders: Vec<_> = desk
        .heart
        .orders()
        .into_iter()
        .map(|(_, fen, state)| (fen, state))
        .collect();
    orders.sort_unstable();
    assert_eq!(orders, [(1790, "SUCCESS"), (1990, "CLOSED")]);
    assert_eq!(desk.events("payment.revised").await, 1);
    assert_eq!(desk.balance().await, (1790, 0));
}

#[tokio::test]
async fn nobody_gets_the_old_parameters_while_the_old_order_is_not_closed() {
    let desk = Desk::new().await;
    let id = desk.world.order("A-1").await;
    let session = desk.session("alice").await;
    let old = desk.cashier("alice", &session, &id).await;
    for _ in 0..2 {
        desk.heart.fault(FaultKind::RequestLost, Operation::Close);
    }
    revise(&desk, &id, json!({ "amount_fen": 1790 }))
        .await
        .ok(200);
    let pay = format!("/mp/v1/payments/{id}/pay");
    desk.world
        .phone(&session, &pay)
        .await
        .problem(503, "wechat_unavailable");
    let new = desk.cashier("alice", &session, &id).await;
    assert_ne!(new, old);
    assert!(desk.heart.pay("alice", &old).is_err());
    desk.heart.pay("alice", &new).unwrap();
    desk.pass(MINUTE_MS).await;
    assert_eq!(desk.balance().await, (1790, 0));
}

/// The old order is paid in the moment in which its close gets lost.
async fn paid_with_the_old_price(surplus: MoneyPolicy) -> (Desk, String, String) {
    let desk = Desk::build(Setup {
        policy: Policy {
            surplus,
            ..Policy::default()
        },
        ..Setup::default()
    })
    .await;
    let id = desk.world.order("A-1").await;
    let session = desk.session("alice").await;
    let old = desk.cashier("alice", &session, &id).await;
    desk.heart.fault(FaultKind::RequestLost, Operation::Close);
    revise(&desk, &id, json!({ "amount_fen": 1790 }))
        .await
        .ok(200);
    assert_eq!(desk.heart.pay("alice", &old), Ok("SUCCESS"));
    desk.deliver().await;
    assert_eq!(desk.payment(&id).await["state"], "open");
    assert_eq!(desk.events("payment.surplus_paid").await, 1);
    assert_eq!(desk.events("payment.paid").await, 0);
    let incidents = desk.world.get("/v1/incidents").await.ok(200);
    assert_eq!(incidents["data"][0]["kind"], "surplus_paid");
    assert_eq!(incidents["data"][0]["payment_id"], id.as_str());
    (desk, id, session)
}

#[tokio::test]
async fn money_for_the_old_price_goes_back_by_itself() {
    let (desk, id, session) = paid_with_the_old_price(MoneyPolicy::Refund).await;
    desk.pass(MINUTE_MS).await;
    assert_eq!(desk.heart.refunded(), (1990, 1));
    assert_eq!(desk.balance().await, (0, 0));
    let refunds = desk.world.get("/v1/refunds").await.ok(200);
    assert_eq!(refunds["data"][0]["origin"], "surplus_policy");
    assert_eq!(refunds["data"][0]["state"], "succeeded");

    let new = desk.cashier("alice", &session, &id).await;
    desk.heart.pay("alice", &new).unwrap();
    desk.deliver().await;
    assert_eq!(desk.payment(&id).await["state"], "paid");
    assert_eq!(desk.balance().await, (1790, 0));
}

#[tokio::test]
async fn money_for_the_old_price_is_kept_if_the_shop_wants_so() {
    let (desk, id, _) = paid_with_the_old_price(MoneyPolicy::Keep).await;
    desk.pass(MINUTE_MS).await;
    assert_eq!(desk.heart.refunded(), (0, 0));
    assert_eq!(desk.balance().await, (1990, 0));
    // The shop decides for itself; the order has to be named.
    desk.refund(&id, "R-0", None)
        .await
        .problem(409, "refund_not_paid");
    let (number, ..) = desk.heart.orders().remove(0);
    let body = json!({ "refund_no": "R-1", "out_trade_no": number });
    let path = format!("/v1/payments/{id}/refunds");
    desk.world.post(&path, &body).await.ok(201);
    desk.pass(10 * SECOND_MS).await;
    assert_eq!(desk.heart.refunded(), (1990, 1));
    assert_eq!(desk.balance().await, (0, 0));
}

#[tokio::test]
async fn two_phones_pay_two_orders_and_one_of_them_goes_back() {
    let desk = Desk::new().await;
    let id = desk.world.order("A-1").await;
    let session = desk.session("alice").await;
    let old = desk.cashier("alice", &session, &id).await;
    desk.heart.fault(FaultKind::RequestLost, Operation::Close);
    revise(&desk, &id, json!({ "description": "大杯拿铁" }))
        .await
        .ok(200);
    // On the first phone the old cashier is still open; the close that is owed is told that it is paid already.
    assert_eq!(desk.heart.pay("alice", &old), Ok("SUCCESS"));
    let pay = format!("/mp/v1/payments/{id}/pay");
    let answer = desk.world.phone(&session, &pay).await.ok(200);
    let paid = answer["state"] == "paid";
    if !paid {
        let new = desk.heart.open("alice", &answer["request_payment"]);
        desk.heart.pay("alice", &new).unwrap();
    }
    desk.pass(5 * MINUTE_MS).await;
    assert_eq!(desk.payment(&id).await["state"], "paid");
    assert_eq!(desk.balance().await, (1990, 0), "once, however it went");
}

#[tokio::test]
async fn what_is_paid_closed_or_nobodys_cannot_be_revised() {
    let desk = Desk::new().await;
    let sold = desk.sell("A-1").await;
    let change = json!({ "amount_fen": 1 });
    let paid = revise(&desk, &sold.id, change.clone()).await;
    paid.problem(409, "payment_paid");
    let id = desk.world.order("A-2").await;
    desk.world
        .post(&format!("/v1/payments/{id}/close"), &json!({}))
        .await
        .ok(200);
    let closed = revise(&desk, &id, change.clone()).await;
    closed.problem(409, "payment_closed");
    let nobodys = revise(
        &desk,
        "pay_00000000000000000000000000000000",
        change.clone(),
    )
    .await;
    nobodys.problem(404, "payment_not_found");
    let (world, path) = (&desk.world, format!("/v1/payments/{id}/revise"));
    let others = world
        .post_as(&world.other_api_key, "k", &path, &change.to_string())
        .await;
    others.problem(404, "payment_not_found");
    assert_eq!(desk.events("payment.revised").await, 0);
}

#[tokio::test]
async fn a_revision_is_read_strictly_and_changes_only_what_it_names() {
    let desk = Desk::new().await;
    let id = desk.world.order("A-1").await;
    for bad in [
        json!({ "amount_fen": 0 }),
        json!({ "amount_fen": 1_000_000_001 }),
        json!({ "amount_fen": "1" }),
        json!({ "description": "" }),
        json!({ "order_no": "A-2" }),
    ] {
        revise(&desk, &id, bad).await.problem(400, "invalid_field");
    }
    let same = revise(&desk, &id, json!({})).await.ok(200);
    assert_eq!(same["amount_fen"], 1990);
    let same = revise(&desk, &id, json!({ "amount_fen": 1990 }))
        .await
        .ok(200);
    assert_eq!(same["description"], "拿铁 Latte");
    assert_eq!(desk.events("payment.revised").await, 0);
    let other = revise(&desk, &id, json!({ "attach": "table 7" }))
        .await
        .ok(200);
    assert_eq!(
        (&other["attach"], &other["amount_fen"]),
        (&json!("table 7"), &json!(1990))
    );
    assert_eq!(desk.events("payment.revised").await, 1);
}
