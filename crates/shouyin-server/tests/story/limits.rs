use std::time::Duration;

use axum::body::Body;
use shouyin_core::id::{Appid, Openid};
use shouyin_core::ports::BoxFuture;
use shouyin_server::{ExchangeError, LoginPort, Server};
use tower::ServiceExt;

use crate::world::World;

#[tokio::test]
async fn addresses_that_do_not_exist_are_problems_too() {
    let world = World::new().await;
    world
        .get("/v2/payments")
        .await
        .problem(404, "route_not_found");
    world.get("/").await.problem(404, "route_not_found");
    let answer = world.send("DELETE", "/v1/payments", &[], "").await;
    answer.problem(405, "method_not_allowed");
    let allow = answer.headers["allow"].to_str().unwrap();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
    world
        .send("GET", "/wechat/notify/1900000001", &[], "")
        .await
        .problem(405, "method_not_allowed");
    world
        .send("PUT", "/mp/v1/login", &[], "")
        .await
        .problem(405, "method_not_allowed");
}

#[tokio::test]
async fn bodies_have_a_limit() {
    let world = World::new().await;
    let long = format!("{{\"order_no\":\"{}\"}}", "x".repeat(64 * 1024));
    world
        .post_as(&world.api_key, "k", "/v1/payments", &long)
        .await
        .problem(413, "body_too_large");
    world
        .send("POST", "/mp/v1/login", &[], long.clone())
        .await
        .problem(413, "body_too_large");
    // Whoever is not known cannot even make us read it.
    world
        .send("POST", "/v1/payments", &[], long)
        .await
        .problem(401, "api_key_missing");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_told() {
    let world = World::new().await;
    let broken =
        futures_util::stream::iter([Ok("{\"appid\":"), Err(std::io::Error::other("reset"))]);
    let answer = world
        .send("POST", "/mp/v1/login", &[], Body::from_stream(broken))
        .await;
    answer.problem(400, "unreadable_body");
}

#[tokio::test]
async fn probes_tell_alive_from_ready() {
    let world = World::new().await;
    assert_eq!(world.get("/healthz").await.ok(200)["status"], "ok");
    assert_eq!(world.get("/readyz").await.ok(200)["status"], "ok");
    world.disk.set_full(true);
    assert_eq!(world.get("/healthz").await.ok(200)["status"], "ok");
    let answer = world.get("/readyz").await;
    answer.problem(503, "store_unavailable");
    assert!(!answer.text.contains("secret-path"));
}

/// WeChat's login interface, broken in two ways.
struct Broken;

impl LoginPort for Broken {
    fn exchange<'a>(
        &'a self,
        _: &'a Appid,
        code: &'a str,
    ) -> BoxFuture<'a, Result<Openid, ExchangeError>> {
        Box::pin(async move {
            assert_ne!(code, "panic", "a handler that breaks");
            std::future::pending().await
        })
    }
}

async fn broken(code: &str) -> (u16, serde_json::Value) {
    let world = World::new().await;
    let mut parts = world.parts.clone();
    parts.login = std::sync::Arc::new(Broken);
    parts.request_timeout = Duration::from_millis(20);
    let body = serde_json::json!({ "appid": crate::world::APPID, "code": code }).to_string();
    let request = http::Request::post("/mp/v1/login")
        .body(Body::from(body))
        .unwrap();
    let response = Server::build(parts)
        .router()
        .oneshot(request)
        .await
        .unwrap();
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), 10_000)
        .await
        .unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn a_handler_that_panics_breaks_one_request_only() {
    let (status, body) = broken("panic").await;
    assert_eq!((status, body["code"].as_str()), (500, Some("internal")));
    assert!(
        !body.to_string().contains("breaks"),
        "internal text stays inside"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_ends() {
    let (status, body) = broken("slow").await;
    assert_eq!((status, body["code"].as_str()), (503, Some("timeout")));
}
