//! QR codes, browsers, apps and pages: what is handed out, to whom, and what is refused.

use serde_json::json;
use shouyin_core::product::Product;
use shouyin_core::time::{HOUR_MS, MINUTE_MS};
use wechat_simulator::{FollowLink, Output, PhoneAction};

use super::{V2, at_the_cashier, desk, follow, means, order, page_session};
use crate::v2::Speaks;
use crate::world::OTHER_APPID;

const BOTH: [Speaks; 2] = [Speaks::V3, V2];

#[tokio::test]
async fn a_qr_code_is_drawn_and_stays_the_same_until_it_is_old() {
    for speaks in BOTH {
        let desk = desk(Product::Native, speaks).await;
        let id = order(&desk, Product::Native, "A-1").await;
        let svg = format!("/v1/payments/{id}/qr.svg");
        desk.world.get(&svg).await.problem(409, "qr_not_ready");
        let first = means(&desk, &id, json!({})).await.ok(200);
        let again = means(&desk, &id, json!({})).await.ok(200);
        assert_eq!(
            first, again,
            "asking again does not break the code on the wall"
        );
        let drawn = desk.world.get(&svg).await;
        assert_eq!(drawn.status, 200);
        assert_eq!(drawn.headers["content-type"], "image/svg+xml");
        assert!(drawn.text.contains("<svg"));
    }
}

#[tokio::test]
async fn a_browser_address_is_renewed_after_five_minutes_under_the_same_number() {
    for speaks in BOTH {
        let desk = desk(Product::H5, speaks).await;
        let id = order(&desk, Product::H5, "A-1").await;
        let asked = json!({ "payer_ip": "203.0.113.7" });
        let first = means(&desk, &id, asked.clone()).await.ok(200);
        desk.pass(6 * MINUTE_MS).await;
        let second = means(&desk, &id, asked).await.ok(200);
        assert_ne!(first["h5_url"], second["h5_url"]);
        assert_eq!(desk.heart.orders().len(), 1);
        let prepay_id = follow(&desk, &second["h5_url"], "alice");
        assert_eq!(desk.heart.pay("alice", &prepay_id), Ok("SUCCESS"));
        desk.deliver().await;
        assert_eq!(desk.world.state(&id).await, "paid");
    }
}

#[tokio::test]
async fn a_code_on_the_wall_is_scanned_by_two_people_and_paid_by_one() {
    for speaks in BOTH {
        let desk = desk(Product::Native, speaks).await;
        let id = order(&desk, Product::Native, "A-1").await;
        let ready = means(&desk, &id, json!({})).await.ok(200);
        let prepay_id = follow(&desk, &ready["code_url"], "alice");
        let scan = PhoneAction::Follow(FollowLink {
            url: ready["code_url"].as_str().unwrap().to_owned(),
            user: "bob".to_owned(),
        });
        let bob = desk.heart.try_phone(scan);
        assert!(matches!(bob.as_slice(), [Output::Phone(Err(_))]), "{bob:?}");
        assert_eq!(desk.heart.pay("alice", &prepay_id), Ok("SUCCESS"));
        desk.deliver().await;
        assert_eq!(desk.balance().await, (1990, 0));
    }
}

#[tokio::test]
async fn an_old_qr_code_is_renewed() {
    for speaks in BOTH {
        let desk = desk(Product::Native, speaks).await;
        let body = json!({
            "order_no": "A-1", "amount_fen": 1990, "description": "茶", "product": "native",
            "expires_in_seconds": 20_000,
        });
        let payment = desk.world.post("/v1/payments", &body).await.ok(201);
        let id = payment["id"].as_str().unwrap();
        let first = means(&desk, id, json!({})).await.ok(200);
        desk.pass(2 * HOUR_MS).await;
        let second = means(&desk, id, json!({})).await.ok(200);
        assert_ne!(first["code_url"], second["code_url"]);
        assert_eq!(desk.heart.orders().len(), 1);
    }
}

#[tokio::test]
async fn what_the_product_needs_is_asked_for_in_plain_words() {
    let refused = |product: Product, body, status, code: &'static str| async move {
        let desk = desk(product, Speaks::V3).await;
        let id = order(&desk, product, "A-1").await;
        means(&desk, &id, body).await.problem(status, code);
        assert_eq!(desk.heart.calls(), 0, "WeChat was not asked");
    };
    refused(Product::H5, json!({}), 400, "invalid_field").await;
    let ip = json!({ "payer_ip": "203.0.113.7" });
    refused(Product::Native, ip.clone(), 400, "invalid_field").await;
    let code = json!({ "auth_code": "134567890123456789" });
    refused(Product::Native, code.clone(), 409, "other_product").await;
    refused(Product::MiniProgram, json!({}), 409, "other_product").await;
    refused(Product::Code, json!({}), 409, "other_product").await;
    let short = json!({ "auth_code": "13456" });
    refused(Product::Code, short, 400, "invalid_field").await;
    let both = json!({ "auth_code": "134567890123456789", "payer_ip": "203.0.113.7" });
    refused(Product::Code, both, 400, "invalid_field").await;
    let elsewhere = json!({ "payer_ip": "203.0.113.7", "redirect_url": "javascript:alert(1)" });
    refused(Product::H5, elsewhere, 400, "invalid_field").await;
}

#[tokio::test]
async fn a_product_in_an_app_of_another_kind_is_refused_before_anything_is_stored() {
    let desk = desk(Product::MiniProgram, Speaks::V3).await;
    for product in ["jsapi", "app"] {
        let body = json!({
            "order_no": "A-1", "amount_fen": 1990, "description": "茶", "product": product,
        });
        let refused = desk.world.post("/v1/payments", &body).await;
        let problem = refused.problem(400, "product_not_served");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("kind"), "{detail}");
    }
    let list = desk.world.get("/v1/payments").await.ok(200);
    assert!(list["data"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_page_learns_its_user_only_for_its_own_official_account() {
    let desk = desk(Product::Jsapi, Speaks::V3).await;
    let authorize = |appid: &str, redirect_uri: &str, state: &str| {
        let path =
            format!("/mp/v1/authorize?appid={appid}&redirect_uri={redirect_uri}&state={state}");
        let world = &desk.world;
        async move { world.send("GET", &path, &[], "").await }
    };
    authorize("wx9", "https%3A%2F%2Fa.example", "")
        .await
        .problem(400, "unknown_app");
    authorize(crate::world::APPID, "javascript%3Aalert(1)", "")
        .await
        .problem(400, "invalid_query");
    authorize(
        crate::world::APPID,
        "https%3A%2F%2Fa.example",
        "no%20spaces",
    )
    .await
    .problem(400, "invalid_query");
    // A session of one account is nobody in another.
    let session = page_session(&desk, "alice").await;
    let body = json!({
        "order_no": "A-1", "amount_fen": 1990, "description": "茶", "product": "jsapi", "appid": OTHER_APPID,
    });
    let key = &desk.world.other_api_key;
    let payment = desk
        .world
        .post_as(key, "k1", "/v1/payments", &body.to_string())
        .await;
    let id = payment.ok(201)["id"].as_str().unwrap().to_owned();
    let tap = desk
        .world
        .phone(&session, &format!("/mp/v1/payments/{id}/pay"))
        .await;
    tap.problem(404, "payment_not_found");
}

#[tokio::test]
async fn who_paid_a_code_is_known_afterwards_and_never_told() {
    let desk = desk(Product::Native, Speaks::V3).await;
    let id = order(&desk, Product::Native, "A-1").await;
    let prepay_id = at_the_cashier(&desk, Product::Native, &id).await;
    assert_eq!(desk.heart.pay("alice", &prepay_id), Ok("SUCCESS"));
    desk.deliver().await;
    let payment = desk.payment(&id).await;
    assert_eq!(payment["state"], "paid");
    assert!(!payment.to_string().contains("openid"));
    let stored = desk.stored(&id).await;
    assert!(stored.payer.is_some());
}
