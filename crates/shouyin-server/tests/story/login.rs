use serde_json::json;

use crate::wechat::{SESSION_KEY, Trouble, openid};
use crate::world::{APPID, World};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

#[tokio::test]
async fn a_code_becomes_a_session_and_the_openid_stays_on_the_server() {
    let world = World::new().await;
    let answer = world.login("alice-1").await;
    let session = answer.ok(200);
    assert_eq!(session["expires_at"], "2026-01-12T04:03:04.000Z");
    let token = session["session_token"].as_str().unwrap();
    assert_eq!(token.len(), 43, "32 bytes as base64url");
    assert!(!answer.text.contains(&openid("alice")) && !answer.text.contains(SESSION_KEY));
    assert_eq!(answer.headers["cache-control"], "no-store");
    let id = world.order("A-1").await;
    let seen = world.get_as(token, &format!("/mp/v1/payments/{id}")).await;
    assert_eq!(
        seen.ok(200),
        json!({"id": id, "amount_fen": 1990, "description": "拿铁 Latte", "state": "open", "expires_at": "2026-01-05T04:33:04.000Z"})
    );
}

#[tokio::test]
async fn a_repeated_code_is_forgiven_for_five_minutes() {
    let world = World::new().await;
    let first = world.session("alice-1").await;
    world.clock.advance_ms(299_000);
    let second = world.session("alice-1").await;
    assert_ne!(first, second);
    // Both are sessions of the same user: what one begins to pay, the other goes on paying.
    let id = world.order("A-1").await;
    world
        .phone(&first, &format!("/mp/v1/payments/{id}/pay"))
        .await
        .ok(200);
    world
        .phone(&second, &format!("/mp/v1/payments/{id}/pay"))
        .await
        .ok(200);
    assert_eq!(world.wechat.orders().len(), 1);
    world.clock.advance_ms(301_000);
    world.login("alice-1").await.problem(400, "login_code_used");
}

#[tokio::test]
async fn repeating_a_code_does_not_prolong_its_five_minutes() {
    let world = World::new().await;
    world.session("alice-1").await;
    world.clock.advance_ms(200_000);
    let again = world.login("alice-1").await.ok(200);
    assert_eq!(again["expires_at"], "2026-01-12T04:03:04.000Z");
    world.clock.advance_ms(100_000);
    world.login("alice-1").await.problem(400, "login_code_used");
}

#[tokio::test]
async fn an_impatient_phone_gets_a_session_for_each_request() {
    let world = World::new().await;
    let (one, two) = tokio::join!(world.login("alice-1"), world.login("alice-1"));
    assert_ne!(one.ok(200)["session_token"], two.ok(200)["session_token"]);
}

#[tokio::test]
async fn each_refusal_of_wechat_says_what_to_do() {
    let world = World::new().await;
    let bad = world.login("bad").await.problem(400, "login_code_invalid");
    assert!(bad["detail"].as_str().unwrap().contains("wx.login"));
    let often = world.login("often").await;
    often.problem(429, "rate_limited");
    assert_eq!(often.headers["retry-after"], "60");
    world.login("blocked").await.problem(403, "user_blocked");
    let secret = world.login("secret").await;
    secret.problem(500, "misconfigured");
    assert!(
        !secret.text.contains("appsecret"),
        "internal text stays inside"
    );
    let busy = world.login("busy").await;
    busy.problem(503, "wechat_unavailable");
    assert!(busy.headers.contains_key("retry-after"));
    world.wechat.trouble("login", Trouble::NotSent);
    world
        .login("alice-1")
        .await
        .problem(503, "wechat_unavailable");
    // The same code works as soon as WeChat does.
    world.login("alice-1").await.ok(200);
}

#[tokio::test]
async fn nonsense_does_not_reach_wechat() {
    let world = World::new().await;
    let send = |body: &'static str| world.send("POST", "/mp/v1/login", &[], body);
    send(r#"{"appid":"wx9999","code":"alice-1"}"#)
        .await
        .problem(400, "unknown_app");
    send(r#"{"appid":"wx1111222233334444"}"#)
        .await
        .problem(400, "invalid_field");
    send(r#"{"appid":"wx1111222233334444","code":""}"#)
        .await
        .problem(400, "invalid_field");
    send(r#"{"appid":"wx1111222233334444","code":"a b"}"#)
        .await
        .problem(400, "invalid_field");
    send(r#"{"appid":"wx 1","code":"a"}"#)
        .await
        .problem(400, "invalid_field");
    send(r#"{"appid":"wx1111222233334444","code":"a","openid":"o1"}"#)
        .await
        .problem(400, "invalid_field");
    send("{").await.problem(400, "malformed_json");
    let long = json!({ "appid": APPID, "code": "x".repeat(257) }).to_string();
    world
        .send("POST", "/mp/v1/login", &[], long)
        .await
        .problem(400, "invalid_field");
    assert!(world.wechat.calls("login").is_empty());
}

#[tokio::test]
async fn a_session_ends_after_seven_days() {
    let world = World::new().await;
    let session = world.session("alice-1").await;
    let id = world.order("A-1").await;
    let path = format!("/mp/v1/payments/{id}");
    world.clock.advance_ms(7 * DAY_MS - 1);
    world.get_as(&session, &path).await.ok(200);
    world.clock.advance_ms(1);
    world
        .get_as(&session, &path)
        .await
        .problem(401, "session_expired");
    world
        .get_as("nobody", &path)
        .await
        .problem(401, "session_invalid");
    world
        .get_as(&world.api_key, &path)
        .await
        .problem(401, "session_invalid");
    world
        .send("GET", &path, &[], "")
        .await
        .problem(401, "session_missing");
    for action in ["pay", "confirm"] {
        world
            .phone(&session, &format!("{path}/{action}"))
            .await
            .problem(401, "session_expired");
    }
}

#[tokio::test]
async fn a_login_is_not_given_when_it_cannot_be_stored() {
    let world = World::new().await;
    world.disk.set_full(true);
    world
        .login("alice-1")
        .await
        .problem(503, "store_unavailable");
}
