use serde_json::json;

use crate::world::{OTHER_APPID, World, coffee};

#[tokio::test]
async fn a_shop_asks_to_be_paid() {
    let world = World::new().await;
    let answer = world.post("/v1/payments", &coffee("A-1")).await;
    let payment = answer.ok(201);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let id = payment["id"].as_str().unwrap();
    assert!(id.starts_with("pay_") && id.len() == 36, "{id}");
    assert_eq!(
        payment,
        json!({
            "id": id, "order_no": "A-1", "appid": "wx1111222233334444", "product": "mini_program",
            "mchid": "1900000001", "amount_fen": 1990, "currency": "CNY", "description": "拿铁 Latte", "state": "open", "attempts": [],
            "refunded_fen": 0, "refunding_fen": 0, "created_at": "2026-01-05T04:03:04.000Z", "expires_at": "2026-01-05T04:33:04.000Z"
        })
    );
    assert_eq!(
        world.get(&format!("/v1/payments/{id}")).await.ok(200),
        payment
    );
    assert!(
        world.wechat.calls("").is_empty(),
        "nothing leaves before a buyer wants to pay"
    );
}

#[tokio::test]
async fn the_same_request_again_gets_the_same_answer() {
    let world = World::new().await;
    let body = coffee("A-1").to_string();
    let first = world
        .post_as(&world.api_key, "once", "/v1/payments", &body)
        .await;
    world.clock.advance_ms(60_000);
    let again = world
        .post_as(&world.api_key, "once", "/v1/payments", &body)
        .await;
    assert_eq!((first.status, &first.text), (201, &again.text));
    assert_eq!(again.status, 201);
    // Another key, same order, same parameters: the payment that is there.
    let other = world
        .post_as(&world.api_key, "twice", "/v1/payments", &body)
        .await;
    assert_eq!((other.status, &other.text), (200, &first.text));
    assert_eq!(world.store.all_payments().len(), 1);
    assert_eq!(world.events("payment.created"), 1);
}

#[tokio::test]
async fn two_of_the_same_requests_at_once_make_one_payment() {
    let world = World::new().await;
    let body = coffee("A-1").to_string();
    let one = world.post_as(&world.api_key, "once", "/v1/payments", &body);
    let two = world.post_as(&world.api_key, "once", "/v1/payments", &body);
    let (one, two) = tokio::join!(one, two);
    assert_eq!((one.status, two.status), (201, 201));
    assert_eq!(one.text, two.text);
    assert_eq!(world.store.all_payments().len(), 1);
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let world = World::new().await;
    world
        .post_as(
            &world.api_key,
            "once",
            "/v1/payments",
            &coffee("A-1").to_string(),
        )
        .await
        .ok(201);
    let other_body = world
        .post_as(
            &world.api_key,
            "once",
            "/v1/payments",
            &coffee("A-2").to_string(),
        )
        .await;
    other_body.problem(409, "idempotency_key_reused");
    // Even a space more is another body: what was agreed on is bytes.
    let space = world
        .post_as(
            &world.api_key,
            "once",
            "/v1/payments",
            &format!("{} ", coffee("A-1")),
        )
        .await;
    space.problem(409, "idempotency_key_reused");
    assert_eq!(world.store.all_payments().len(), 1);
    // Keys of two merchants have nothing to do with each other.
    let mut body = coffee("A-1");
    body["appid"] = json!(OTHER_APPID);
    world
        .post_as(
            &world.other_api_key,
            "once",
            "/v1/payments",
            &body.to_string(),
        )
        .await
        .ok(201);
}

#[tokio::test]
async fn an_order_has_one_price() {
    let world = World::new().await;
    let id = world.order("A-1").await;
    let mut dearer = coffee("A-1");
    dearer["amount_fen"] = json!(2990);
    let problem = world
        .post("/v1/payments", &dearer)
        .await
        .problem(409, "order_no_conflict");
    assert!(problem["detail"].as_str().unwrap().contains(&id));
    assert_eq!(world.store.all_payments().len(), 1);
}

#[tokio::test]
async fn amounts_are_whole_fen_within_limits() {
    let world = World::new().await;
    for (amount, says) in [
        ("0", "amount_fen must be an integer from 1 to 1000000000"),
        ("-1", "amount_fen must be an integer from 1 to 1000000000"),
        (
            "1000000001",
            "amount_fen must be an integer from 1 to 1000000000",
        ),
        (
            "19.9",
            "amount_fen: an amount must be an integer number of fen, not 19.9: send 1990 for 19.90 yuan",
        ),
        (
            "1990.0",
            "amount_fen: an amount must be an integer number of fen",
        ),
        (
            "\"1990\"",
            "amount_fen: an amount must be a JSON number, not a text: send 1990 (without quotes)",
        ),
        ("null", "amount_fen: invalid type: null"),
        ("99999999999999999999", "amount_fen:"),
        ("1e3", "amount_fen:"),
    ] {
        let body = format!(r#"{{"order_no":"A-1","amount_fen":{amount},"description":"Latte"}}"#);
        let answer = world
            .post_as(&world.api_key, amount, "/v1/payments", &body)
            .await;
        let problem = answer.problem(400, "invalid_field");
        assert!(
            problem["detail"].as_str().unwrap().contains(says),
            "{amount}: {problem}"
        );
    }
    for amount in [1, 1_000_000_000] {
        let mut body = coffee(&format!("A-{amount}"));
        body["amount_fen"] = json!(amount);
        world.post("/v1/payments", &body).await.ok(201);
    }
}

#[tokio::test]
async fn every_other_field_has_its_limits_too() {
    let world = World::new().await;
    let long = "好".repeat(128);
    for (field, value, says) in [
        (
            "order_no",
            json!(""),
            "order_no must be 1 to 64 visible ASCII characters",
        ),
        ("order_no", json!("订单"), "order_no must be"),
        ("order_no", json!("x".repeat(65)), "order_no must be"),
        ("order_no", json!(7), "order_no: invalid type"),
        (
            "description",
            json!(""),
            "description must have 1 to 127 characters",
        ),
        (
            "description",
            json!(long),
            "description must have 1 to 127 characters",
        ),
        ("description", json!("☕️🥐"), "emoji"),
        (
            "attach",
            json!("好".repeat(129)),
            "attach must have at most 128",
        ),
        (
            "expires_in_seconds",
            json!(59),
            "expires_in_seconds must be from 60 to 604800",
        ),
        (
            "expires_in_seconds",
            json!(604_801),
            "expires_in_seconds must be",
        ),
        (
            "expires_in_seconds",
            json!(i64::MAX),
            "expires_in_seconds must be",
        ),
        (
            "expires_in_seconds",
            json!(90.5),
            "expires_in_seconds: invalid type",
        ),
        ("appid", json!("not an app"), "appid must be"),
        ("price", json!(1), "unknown field `price`"),
    ] {
        let mut body = coffee("A-1");
        body[field] = value;
        let problem = world
            .post("/v1/payments", &body)
            .await
            .problem(400, "invalid_field");
        assert!(
            problem["detail"].as_str().unwrap().contains(says),
            "{field}: {problem}"
        );
    }
    assert!(world.store.all_payments().is_empty(), "nothing half-done");
}

#[tokio::test]
async fn an_app_must_be_the_merchants() {
    let world = World::new().await;
    let mut body = coffee("A-1");
    body["appid"] = json!(OTHER_APPID);
    let problem = world
        .post("/v1/payments", &body)
        .await
        .problem(400, "unknown_app");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("wx1111222233334444")
    );
    // A merchant with two apps has to say which.
    let answer = world
        .post_as(
            &world.other_api_key,
            "k",
            "/v1/payments",
            &coffee("A-1").to_string(),
        )
        .await;
    assert!(
        answer.problem(400, "invalid_field")["detail"]
            .as_str()
            .unwrap()
            .contains("appid is missing")
    );
}

#[tokio::test]
async fn broken_json_is_told_where_it_breaks() {
    let world = World::new().await;
    let said = |answer: crate::world::Answer| {
        answer.problem(400, "malformed_json")["detail"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let post = |body: &'static str| world.post_as(&world.api_key, "k", "/v1/payments", body);
    assert!(
        said(post("{\"order_no\": \"A-1\",\n \"amount_fen\" 1}").await).contains("line 2 column")
    );
    assert!(said(post("").await).contains("empty"));
    assert!(said(post("{\"order_no\":\"A-1\"").await).contains("EOF"));
    let trailing = r#"{"order_no":"A-1","amount_fen":1,"description":"Latte"} and more"#;
    assert!(said(post(trailing).await).contains("trailing characters at line 1 column 57"));
    post("[1,2]").await.problem(400, "invalid_field");
    post("null").await.problem(400, "invalid_field");
}

#[tokio::test]
async fn a_post_needs_a_usable_idempotency_key() {
    let world = World::new().await;
    let bearer = format!("Bearer {}", world.api_key);
    let auth = ("authorization", bearer.as_str());
    let id = world.order("A-1").await;
    for path in [
        "/v1/payments".to_owned(),
        format!("/v1/payments/{id}/close"),
        format!("/v1/payments/{id}/sync"),
    ] {
        world
            .send("POST", &path, &[auth], "{}")
            .await
            .problem(400, "idempotency_key_missing");
    }
    let two = [auth, ("idempotency-key", "a"), ("idempotency-key", "b")];
    world
        .send("POST", "/v1/payments", &two, "{}")
        .await
        .problem(400, "idempotency_key_invalid");
    for bad in ["", "with space", &"x".repeat(256)] {
        let answer = world
            .send(
                "POST",
                "/v1/payments",
                &[auth, ("idempotency-key", bad)],
                "{}",
            )
            .await;
        answer.problem(400, "idempotency_key_invalid");
    }
}

#[tokio::test]
async fn only_the_merchants_own_key_opens_its_payments() {
    let world = World::new().await;
    let id = world.order("A-1").await;
    let path = format!("/v1/payments/{id}");
    world
        .get_as(&world.other_api_key, &path)
        .await
        .problem(404, "payment_not_found");
    for action in ["close", "sync"] {
        let answer = world
            .post_as(
                &world.other_api_key,
                action,
                &format!("{path}/{action}"),
                "",
            )
            .await;
        answer.problem(404, "payment_not_found");
    }
    assert_eq!(world.state(&id).await, "open");
    for guess in [
        "pay_0",
        "1",
        "pay_00000000000000000000000000000000",
        "..%2F..",
        "%ff",
    ] {
        world
            .get(&format!("/v1/payments/{guess}"))
            .await
            .problem(404, "payment_not_found");
    }
}

#[tokio::test]
async fn without_a_known_key_nothing_opens() {
    let world = World::new().await;
    let session = world.session("alice-1").await;
    for (path, method) in [
        ("/v1/payments", "GET"),
        ("/v1/payments", "POST"),
        ("/v1/events", "GET"),
    ] {
        let answer = world.send(method, path, &[], "").await;
        answer.problem(401, "api_key_missing");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        let wrong = format!("{}x", world.api_key);
        for token in [wrong.as_str(), "sk_", session.as_str()] {
            let bearer = format!("Bearer {token}");
            let answer = world
                .send(method, path, &[("authorization", &bearer)], "")
                .await;
            answer.problem(401, "api_key_invalid");
            assert!(
                !answer.text.contains(token) || token == "sk_",
                "a key never comes back"
            );
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_said_and_nothing_is_half_done() {
    let world = World::new().await;
    world.disk.set_full(true);
    let body = coffee("A-1").to_string();
    let answer = world
        .post_as(&world.api_key, "once", "/v1/payments", &body)
        .await;
    answer.problem(503, "store_unavailable");
    assert!(answer.headers.contains_key("retry-after"));
    assert!(
        !answer.text.contains("secret-path"),
        "internal text stays inside"
    );
    world.disk.set_full(false);
    world
        .post_as(&world.api_key, "once", "/v1/payments", &body)
        .await
        .ok(201);
    assert_eq!(world.events("payment.created"), 1);
}
