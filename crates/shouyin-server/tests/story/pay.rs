use serde_json::Value;

use crate::wechat::{Trouble, openid};
use crate::world::World;

fn prepay_id(answer: &Value) -> String {
    assert_eq!(answer["state"], "ready", "{answer}");
    let parameters = &answer["request_payment"];
    assert_eq!(parameters["signType"], "RSA");
    assert_eq!(parameters["timeStamp"], "1767585784");
    assert!(parameters["nonceStr"].as_str().unwrap().len() <= 32);
    assert!(parameters["paySign"].as_str().unwrap().len() > 300);
    let package = parameters["package"].as_str().unwrap();
    package.strip_prefix("prepay_id=").unwrap().to_owned()
}

#[tokio::test]
async fn a_buyer_gets_parameters_for_the_cashier() {
    let world = World::new().await;
    let id = world.order("A-1").await;
    let session = world.session("alice-1").await;
    let answer = world
        .phone(&session, &format!("/mp/v1/payments/{id}/pay"))
        .await;
    let prepay = prepay_id(&answer.ok(200));
    assert!(!answer.text.contains(&openid("alice")));
    let number = world.wechat.the_order();
    let order = &world.wechat.orders()[&number];
    assert_eq!(order.prepay_id, prepay);
    assert_eq!(order.body["amount"]["total"], 1990);
    assert_eq!(order.body["payer"]["openid"], openid("alice"));
    assert_eq!(
        order.body["notify_url"],
        "https://pay.example.com/wechat/notify/1900000001"
    );
    let payment = world.get(&format!("/v1/payments/{id}")).await;
    assert_eq!(payment.ok(200)["attempts"][0]["out_trade_no"], number);
    assert!(!payment.text.contains(&openid("alice")));
}

#[tokio::test]
async fn double_taps_and_two_phones_lead_to_one_order() {
    let world = World::new().await;
    let id = world.order("A-1").await;
    let (one, two) = (
        world.session("alice-1").await,
        world.session("alice-2").await,
    );
    let path = format!("/mp/v1/payments/{id}/pay");
    let taps = tokio::join!(
        world.phone(&one, &path),
        world.phone(&one, &path),
        world.phone(&two, &path)
    );
    for tap in [taps.0, taps.1, taps.2] {
        prepay_id(&tap.ok(200));
    }
    assert_eq!(world.wechat.orders().len(), 1);
}

#[tokio::test]
async fn paying_again_after_a_cancel_continues_the_same_order() {
    let world = World::new().await;
    let id = world.order("A-1").await;
    let session = world.session("alice-1").await;
    let path = format!("/mp/v1/payments/{id}/pay");
    let first = prepay_id(&world.phone(&session, &path).await.ok(200));
    let again = prepay_id(&world.phone(&session, &path).await.ok(200));
    assert_eq!(first, again);
    assert_eq!(world.wechat.calls("prepay").len(), 1);
}

#[tokio::test]
async fn a_prepay_id_that_is_too_old_is_renewed_under_the_same_number() {
    let world = World::new().await;
    let mut body = crate::world::coffee("A-1");
    body["expires_in_seconds"] = serde_json::json!(86_400);
    let payment = world.post("/v1/payments", &body).await.ok(201);
    let path = format!("/mp/v1/payments/{}/pay", payment["id"].as_str().unwrap());
    let session = world.session("alice-1").await;
    let package = |answer: Value| answer["request_payment"]["package"].clone();
    let first = package(world.phone(&session, &path).await.ok(200));
    world.clock.advance_ms(2 * 60 * 60 * 1000);
    let second = package(world.phone(&session, &path).await.ok(200));
    assert_ne!(first, second);
    assert_eq!(world.wechat.orders().len(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_repeated_under_the_same_number() {
    let world = World::new().await;
    let id = world.order("A-1").await;
    let session = world.session("alice-1").await;
    let path = format!("/mp/v1/payments/{id}/pay");
    for trouble in [
        Trouble::AnswerLost,
        Trouble::NotSent,
        Trouble::WrongSignature,
        Trouble::Refuse(500, "SYSTEM_ERROR"),
        Trouble::Refuse(429, "FREQUENCY_LIMITED"),
    ] {
        world.wechat.trouble("prepay", trouble);
        let answer = world.phone(&session, &path).await;
        let problem = answer.problem(503, "wechat_unavailable");
        assert!(problem["detail"].as_str().unwrap().contains("Tap again"));
        assert!(answer.headers.contains_key("retry-after"));
    }
    prepay_id(&world.phone(&session, &path).await.ok(200));
    assert_eq!(world.wechat.orders().len(), 1);
    let numbers: std::collections::BTreeSet<_> = world.wechat.calls("prepay").into_iter().collect();
    assert_eq!(numbers.len(), 1, "one number for all tries: {numbers:?}");
}

#[tokio::test]
async fn a_definite_no_is_passed_on_in_wechats_words() {
    let world = World::new().await;
    let id = world.order("A-1").await;
    let session = world.session("alice-1").await;
    world
        .wechat
        .trouble("prepay", Trouble::Refuse(400, "PARAM_ERROR"));
    let answer = world
        .phone(&session, &format!("/mp/v1/payments/{id}/pay"))
        .await;
    let problem = answer.problem(422, "wechat_refused");
    assert_eq!(problem["wechat"]["code"], "PARAM_ERROR");
    assert_eq!(problem["wechat"]["message"], "微信说不");
    assert_eq!(problem["wechat"]["request_id"], "08F5-4711");
}

#[tokio::test]
async fn nobody_else_can_see_or_pay_what_somebody_has_begun_to_pay() {
    let world = World::new().await;
    let id = world.order("A-1").await;
    let (alice, bob) = (world.session("alice-1").await, world.session("bob-1").await);
    let path = format!("/mp/v1/payments/{id}");
    // Before somebody pays, everybody in the app may look.
    world.get_as(&bob, &path).await.ok(200);
    world.phone(&alice, &format!("{path}/pay")).await.ok(200);
    world
        .get_as(&bob, &path)
        .await
        .problem(404, "payment_not_found");
    world
        .phone(&bob, &format!("{path}/pay"))
        .await
        .problem(404, "payment_not_found");
    world
        .phone(&bob, &format!("{path}/confirm"))
        .await
        .problem(404, "payment_not_found");
    // A user of another app never.
    let body =
        serde_json::json!({ "appid": crate::world::OTHER_APPID, "code": "carol-1" }).to_string();
    let carol = world.send("POST", "/mp/v1/login", &[], body).await.ok(200);
    let carol = carol["session_token"].as_str().unwrap();
    let fresh = world.order("A-2").await;
    world
        .get_as(carol, &format!("/mp/v1/payments/{fresh}"))
        .await
        .problem(404, "payment_not_found");
    world
        .phone(carol, &format!("/mp/v1/payments/{fresh}/pay"))
        .await
        .problem(404, "payment_not_found");
    for guess in ["pay_0", "pay_00000000000000000000000000000000"] {
        world
            .phone(&alice, &format!("/mp/v1/payments/{guess}/pay"))
            .await
            .problem(404, "payment_not_found");
    }
    assert_eq!(world.wechat.orders().len(), 1);
}

#[tokio::test]
async fn the_phone_cannot_set_a_price() {
    let world = World::new().await;
    let id = world.order("A-1").await;
    let bearer = format!("Bearer {}", world.session("alice-1").await);
    let path = format!("/mp/v1/payments/{id}/pay");
    let answer = world
        .send(
            "POST",
            &path,
            &[("authorization", &bearer)],
            r#"{"amount_fen":1}"#,
        )
        .await;
    assert!(
        answer.problem(400, "invalid_field")["detail"]
            .as_str()
            .unwrap()
            .contains("amount_fen")
    );
    assert!(world.wechat.orders().is_empty());
    world
        .send("POST", &path, &[("authorization", &bearer)], "")
        .await
        .ok(200);
}

#[tokio::test]
async fn the_time_to_pay_ends() {
    let world = World::new().await;
    let id = world.order("A-1").await;
    world.clock.advance_ms(30 * 60 * 1000);
    let session = world.session("alice-1").await;
    let problem = world
        .phone(&session, &format!("/mp/v1/payments/{id}/pay"))
        .await
        .problem(409, "payment_closed");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("time to pay is over")
    );
    assert!(world.wechat.orders().is_empty());
}

#[tokio::test]
async fn a_paid_payment_is_not_paid_again() {
    let world = World::new().await;
    let id = world.order("A-1").await;
    let session = world.session("alice-1").await;
    let path = format!("/mp/v1/payments/{id}/pay");
    world.phone(&session, &path).await.ok(200);
    let number = world.wechat.the_order();
    world.wechat.buyer_pays(&number);
    world
        .notify(
            world
                .wechat
                .notification(&world.wechat.transaction(&number)),
        )
        .await;
    assert_eq!(
        world.phone(&session, &path).await.ok(200),
        serde_json::json!({"state": "paid"})
    );
}
