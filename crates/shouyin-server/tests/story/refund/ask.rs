use serde_json::json;
use shouyin_core::time::{DAY_MS, MINUTE_MS, SECOND_MS};

use crate::desk::Desk;

#[tokio::test]
async fn everything_goes_back() {
    let desk = Desk::new().await;
    let sold = desk.sell("A-1").await;
    assert_eq!(desk.balance().await, (1990, 0));
    let refund = desk.refund(&sold.id, "R-1", None).await.ok(201);
    assert_eq!(refund["state"], "processing");
    assert_eq!(refund["amount_fen"], 1990);
    assert_eq!(refund["out_trade_no"], sold.out_trade_no.as_str());
    assert_eq!(desk.balance().await, (1990, 1990));

    desk.pass(10 * SECOND_MS).await;
    let refund = desk.refund_state(&refund).await;
    assert_eq!(refund["state"], "succeeded", "{refund}");
    assert_eq!(refund["succeeded_at"], "2026-01-05T04:03:07.000Z");
    assert_eq!(refund["received_account"], "支付用户零钱");
    assert_eq!(desk.heart.refunded(), (1990, 1));
    assert_eq!(desk.balance().await, (0, 0));
    let payment = desk.payment(&sold.id).await;
    assert_eq!(
        (&payment["refunded_fen"], &payment["refunding_fen"]),
        (&json!(1990), &json!(0))
    );
    for (name, count) in [("refund.created", 1), ("refund.succeeded", 1)] {
        assert_eq!(desk.events(name).await, count, "{name}");
    }
}

#[tokio::test]
async fn a_part_then_the_rest_and_never_more() {
    let desk = Desk::new().await;
    let sold = desk.sell("A-1").await;
    let too_much = desk.refund(&sold.id, "R-0", Some(1991)).await;
    assert_eq!(too_much.problem(409, "refund_too_much")["left_fen"], 1990);

    let part = desk.refund(&sold.id, "R-1", Some(500)).await.ok(201);
    let too_much = desk.refund(&sold.id, "R-2", Some(1491)).await;
    assert_eq!(too_much.problem(409, "refund_too_much")["left_fen"], 1490);
    // WeChat takes one refund of an order a minute: the second one waits here.
    let rest = desk.refund(&sold.id, "R-3", None).await.ok(201);
    assert_eq!(
        (&rest["state"], &rest["amount_fen"]),
        (&json!("recorded"), &json!(1490))
    );
    assert_eq!(desk.heart.refunded(), (500, 1));
    let nothing_left = desk.refund(&sold.id, "R-4", None).await;
    assert_eq!(nothing_left.problem(409, "refund_too_much")["left_fen"], 0);

    desk.pass(2 * MINUTE_MS).await;
    assert_eq!(desk.refund_state(&part).await["state"], "succeeded");
    assert_eq!(desk.refund_state(&rest).await["state"], "succeeded");
    assert_eq!(desk.heart.refunded(), (1990, 2));
}

#[tokio::test]
async fn fifty_refunds_and_no_more() {
    let desk = Desk::new().await;
    let sold = desk.sell("A-1").await;
    for n in 0..50 {
        desk.refund(&sold.id, &format!("R-{n}"), Some(1))
            .await
            .ok(201);
    }
    let one_more = desk.refund(&sold.id, "R-50", Some(1)).await;
    one_more.problem(409, "refund_too_many");
    desk.pass(60 * MINUTE_MS).await;
    assert_eq!(desk.heart.refunded(), (50, 50));
    assert_eq!(desk.events("refund.succeeded").await, 50);
    assert_eq!(desk.balance().await, (1940, 0));
    let refunds = format!("/v1/payments/{}/refunds", sold.id);
    let refunds = desk.world.get(&refunds).await.ok(200);
    assert_eq!(refunds["data"].as_array().unwrap().len(), 50);
}

#[tokio::test]
async fn a_year_and_no_longer() {
    let desk = Desk::new().await;
    let sold = desk.sell("A-1").await;
    desk.pass(365 * DAY_MS).await;
    desk.refund(&sold.id, "R-1", Some(1)).await.ok(201);
    desk.pass(SECOND_MS).await;
    let late = desk.refund(&sold.id, "R-2", Some(1)).await;
    late.problem(409, "refund_too_late");
    assert_eq!(desk.heart.refunded(), (1, 1));
}

#[tokio::test]
async fn what_is_not_paid_cannot_go_back() {
    let desk = Desk::new().await;
    let id = desk.world.order("A-1").await;
    let asked = desk.refund(&id, "R-1", None).await;
    asked.problem(409, "refund_not_paid");
    let nobody = "pay_00000000000000000000000000000000";
    desk.refund(nobody, "R-1", None)
        .await
        .problem(404, "payment_not_found");
    desk.refund("pay_1", "R-1", None)
        .await
        .problem(404, "payment_not_found");
}

#[tokio::test]
async fn the_same_refund_no_is_the_same_refund() {
    let desk = Desk::new().await;
    let sold = desk.sell("A-1").await;
    let first = desk.refund(&sold.id, "R-1", Some(500)).await.ok(201);
    desk.pass(10 * SECOND_MS).await;
    let again = desk.refund(&sold.id, "R-1", Some(500)).await.ok(200);
    assert_eq!(again["id"], first["id"]);
    assert_eq!(again["state"], "succeeded");
    let other = desk.refund(&sold.id, "R-1", Some(501)).await;
    other.problem(409, "refund_no_taken");
    assert_eq!(desk.heart.refunded(), (500, 1));
    assert_eq!(desk.events("refund.created").await, 1);
}

#[tokio::test]
async fn the_same_key_is_the_same_answer() {
    let desk = Desk::new().await;
    let sold = desk.sell("A-1").await;
    let (world, path) = (&desk.world, format!("/v1/payments/{}/refunds", sold.id));
    let body = json!({ "refund_no": "R-1", "amount_fen": 500 }).to_string();
    let first = world.post_as(&world.api_key, "k-1", &path, &body).await;
    desk.pass(10 * SECOND_MS).await;
    let again = world.post_as(&world.api_key, "k-1", &path, &body).await;
    assert_eq!((first.status, &first.text), (201, &again.text));
    let other = body.replace("500", "501");
    let other = world.post_as(&world.api_key, "k-1", &path, &other).await;
    other.problem(409, "idempotency_key_reused");
    // What is wrong can be corrected under the same key: only answers are remembered.
    let wrong = world
        .post_as(&world.api_key, "k-2", &path, r#"{"refund_no":""}"#)
        .await;
    wrong.problem(400, "invalid_field");
    let right = world
        .post_as(&world.api_key, "k-2", &path, r#"{"refund_no":"R-2"}"#)
        .await;
    right.ok(201);
}

#[tokio::test]
async fn bodies_are_read_strictly() {
    let desk = Desk::new().await;
    let sold = desk.sell("A-1").await;
    let path = format!("/v1/payments/{}/refunds", sold.id);
    let long = "退".repeat(81);
    for (body, says) in [
        (json!({}), "refund_no"),
        (json!({ "refund_no": "" }), "refund_no"),
        (json!({ "refund_no": "R", "amount_fen": 0 }), "amount_fen"),
        (json!({ "refund_no": "R", "amount_fen": -1 }), "amount_fen"),
        (json!({ "refund_no": "R", "amount_fen": 1.5 }), "amount_fen"),
        (json!({ "refund_no": "R", "amount_fen": "1" }), "amount_fen"),
        (json!({ "refund_no": "R", "reason": "" }), "reason"),
        (json!({ "refund_no": "R", "reason": "☕😀" }), "reason"),
        (json!({ "refund_no": "R", "reason": long }), "reason"),
        (
            json!({ "refund_no": "R", "out_trade_no": "?" }),
            "out_trade_no",
        ),
        (json!({ "refund_no": "R", "amount": 1 }), "amount"),
    ] {
        let problem = desk
            .world
            .post(&path, &body)
            .await
            .problem(400, "invalid_field");
        assert!(
            problem["detail"].as_str().unwrap().contains(says),
            "{problem}"
        );
    }
    assert_eq!(desk.heart.refunded(), (0, 0));
    assert_eq!(desk.events("refund.created").await, 0);
}

#[tokio::test]
async fn refunds_are_listed_page_by_page_and_only_for_their_merchant() {
    let desk = Desk::new().await;
    let (one, two) = (desk.sell("A-1").await, desk.sell("A-2").await);
    let first = desk.refund(&one.id, "R-1", Some(1)).await.ok(201);
    desk.pass(MINUTE_MS).await;
    let second = desk.refund(&two.id, "R-2", Some(2)).await.ok(201);
    let third = desk.refund(&two.id, "R-3", Some(3)).await.ok(201);
    let world = &desk.world;
    let list = async |query: &str| {
        let page = world.get(&format!("/v1/refunds{query}")).await.ok(200);
        let ids = page["data"].as_array().unwrap().iter();
        let ids: Vec<_> = ids.map(|refund| refund["id"].clone()).collect();
        (ids, page["next"].clone())
    };
    let id = |refund: &serde_json::Value| refund["id"].clone();
    let (page, next) = list("?limit=2").await;
    assert_eq!(page, [id(&third), id(&second)]);
    let (page, next) = list(&format!("?limit=2&after={}", next.as_str().unwrap())).await;
    assert_eq!((page, next), (vec![id(&first)], json!(null)));
    assert_eq!(
        list(&format!("?payment_id={}", one.id)).await.0,
        [id(&first)]
    );
    assert_eq!(list("?state=recorded").await.0, [id(&third)]);
    for bad in [
        "?state=done",
        "?payment_id=1",
        "?after=1",
        "?limit=0",
        "?x=1",
    ] {
        let answer = world.get(&format!("/v1/refunds{bad}")).await;
        answer.problem(400, "invalid_query");
    }

    let others = world
        .get_as(&world.other_api_key, "/v1/refunds")
        .await
        .ok(200);
    assert_eq!(others["data"], json!([]));
    let path = format!("/v1/refunds/{}", first["id"].as_str().unwrap());
    let other = world.get_as(&world.other_api_key, &path).await;
    other.problem(404, "refund_not_found");
    let other = world
        .get_as(
            &world.other_api_key,
            &format!("/v1/payments/{}/refunds", one.id),
        )
        .await;
    other.problem(404, "payment_not_found");
    for action in ["sync", "remedy"] {
        let body = if action == "sync" {
            "{}"
        } else {
            r#"{"type":"merchant_bank_card"}"#
        };
        let other = world
            .post_as(
                &world.other_api_key,
                action,
                &format!("{path}/{action}"),
                body,
            )
            .await;
        other.problem(404, "refund_not_found");
    }
    world
        .get("/v1/refunds/ref_1")
        .await
        .problem(404, "refund_not_found");
}
