use serde_json::json;

use crate::wechat::Trouble;
use crate::world::World;

async fn begun(world: &World) -> (String, String, String) {
    let id = world.order("A-1").await;
    let session = world.session("alice-1").await;
    world
        .phone(&session, &format!("/mp/v1/payments/{id}/pay"))
        .await
        .ok(200);
    (id, session, world.wechat.the_order())
}

#[tokio::test]
async fn closing_closes_at_wechat_too() {
    let world = World::new().await;
    let (id, session, number) = begun(&world).await;
    let closed = world
        .post(&format!("/v1/payments/{id}/close"), &json!({}))
        .await
        .ok(200);
    assert_eq!(closed["state"], "closed");
    assert_eq!(closed["closed"]["reason"], "merchant");
    assert_eq!(world.wechat.orders()[&number].state, "CLOSED");
    assert_eq!(world.events("payment.closed"), 1);
    world
        .phone(&session, &format!("/mp/v1/payments/{id}/pay"))
        .await
        .problem(409, "payment_closed");
    let confirmed = world
        .phone(&session, &format!("/mp/v1/payments/{id}/confirm"))
        .await
        .ok(200);
    assert_eq!(confirmed["state"], "closed");
    // The order number is free again.
    assert_ne!(world.order("A-1").await, id);
}

#[tokio::test]
async fn a_payment_nobody_began_to_pay_closes_without_wechat() {
    let world = World::new().await;
    let id = world.order("A-1").await;
    let closed = world
        .post(&format!("/v1/payments/{id}/close"), &json!({}))
        .await
        .ok(200);
    assert_eq!(closed["state"], "closed");
    assert!(world.wechat.calls("").is_empty());
}

#[tokio::test]
async fn close_is_answered_once_per_key() {
    let world = World::new().await;
    let (id, ..) = begun(&world).await;
    let path = format!("/v1/payments/{id}/close");
    let first = world.post_as(&world.api_key, "c1", &path, "{}").await;
    let calls = world.wechat.calls("").len();
    let again = world.post_as(&world.api_key, "c1", &path, "{}").await;
    assert_eq!((again.status, &again.text), (200, &first.text));
    assert_eq!(world.wechat.calls("").len(), calls);
    // The key belongs to this path and this body.
    let sync = format!("/v1/payments/{id}/sync");
    world
        .post_as(&world.api_key, "c1", &sync, "{}")
        .await
        .problem(409, "idempotency_key_reused");
    world
        .post_as(&world.api_key, "c1", &path, "")
        .await
        .problem(409, "idempotency_key_reused");
    let unknown = "/v1/payments/pay_00000000000000000000000000000000/close";
    world
        .post_as(&world.api_key, "c2", unknown, "{}")
        .await
        .problem(404, "payment_not_found");
    world
        .post(&path, &json!({"force": true}))
        .await
        .problem(400, "invalid_field");
}

#[tokio::test]
async fn a_close_that_wechat_does_not_confirm_goes_on_by_itself() {
    let world = World::new().await;
    let (id, _, number) = begun(&world).await;
    world.wechat.trouble("close", Trouble::NotSent);
    let closing = world
        .post(&format!("/v1/payments/{id}/close"), &json!({}))
        .await
        .ok(200);
    assert_eq!(closing["state"], "closing");
    assert_eq!(world.wechat.orders()[&number].state, "NOTPAY");
    world.clock.advance_ms(5_000);
    world.work().await;
    assert_eq!(world.state(&id).await, "closed");
    assert_eq!(world.wechat.orders()[&number].state, "CLOSED");
}

#[tokio::test]
async fn a_buyer_who_was_quicker_than_the_close_has_paid() {
    let world = World::new().await;
    let (id, session, number) = begun(&world).await;
    world.wechat.buyer_pays(&number);
    let answer = world
        .post(&format!("/v1/payments/{id}/close"), &json!({}))
        .await
        .ok(200);
    assert_eq!(answer["state"], "paid");
    assert_eq!(
        (world.events("payment.paid"), world.events("payment.closed")),
        (1, 0)
    );
    let confirmed = world
        .phone(&session, &format!("/mp/v1/payments/{id}/confirm"))
        .await
        .ok(200);
    assert_eq!(confirmed["state"], "paid");
}

#[tokio::test]
async fn an_unpaid_payment_is_closed_when_its_time_is_up() {
    let world = World::new().await;
    let (id, _, number) = begun(&world).await;
    world.clock.advance_ms(30 * 60 * 1000);
    world.work().await;
    let payment = world.get(&format!("/v1/payments/{id}")).await.ok(200);
    assert_eq!(
        (
            payment["state"].as_str(),
            payment["closed"]["reason"].as_str()
        ),
        (Some("closed"), Some("expired"))
    );
    assert_eq!(world.wechat.orders()[&number].state, "CLOSED");
    assert!(
        world.store.all_tasks().is_empty(),
        "nothing is owed any more"
    );
}

#[tokio::test]
async fn sync_asks_wechat_and_is_answered_once_per_key() {
    let world = World::new().await;
    let (id, _, number) = begun(&world).await;
    let path = format!("/v1/payments/{id}/sync");
    let open = world.post_as(&world.api_key, "s1", &path, "").await;
    assert_eq!(open.ok(200)["state"], "open");
    world.wechat.buyer_pays(&number);
    world.clock.advance_ms(1_000);
    assert_eq!(
        world.post_as(&world.api_key, "s1", &path, "").await.text,
        open.text
    );
    let paid = world.post_as(&world.api_key, "s2", &path, "").await.ok(200);
    assert_eq!(paid["state"], "paid");
    assert_eq!(paid["paid"]["out_trade_no"], number);
    assert_eq!(paid["paid"]["late"], false);
}
