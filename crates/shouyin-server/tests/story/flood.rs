//! One merchant asks for too much.

use shouyin_server::config::Limits;

use crate::world::{Setup, World, coffee};

async fn world() -> World {
    World::build(Setup {
        limits: Limits {
            requests_per_second: 10,
            burst: 20,
            concurrent: 4,
        },
        ..Setup::default()
    })
    .await
}

#[tokio::test]
async fn a_flood_is_told_when_to_come_back_and_nothing_is_done_for_it() {
    let world = world().await;
    for n in 0..20 {
        world.order(&format!("A-{n}")).await;
    }
    let refused = world.post("/v1/payments", &coffee("A-20")).await;
    refused.problem(429, "rate_limited");
    assert_eq!(refused.headers["retry-after"], "1");
    let refused = world.get("/v1/payments").await;
    refused.problem(429, "rate_limited");
    assert_eq!(world.events("payment.created"), 20);

    // Others do not notice: another merchant, phones, WeChat, probes.
    let others = world.get_as(&world.other_api_key, "/v1/payments").await;
    others.ok(200);
    world.session("alice-1").await;
    world.send("GET", "/readyz", &[], "").await.ok(200);
    // Nor do guessed keys use up anybody's share.
    let guessed = world.get_as("sk_guess", "/v1/payments").await;
    guessed.problem(401, "api_key_invalid");

    world.clock.advance_ms(1_000);
    for n in 20..30 {
        world.order(&format!("A-{n}")).await;
    }
    let refused = world.get("/v1/payments").await;
    refused.problem(429, "rate_limited");
}

#[tokio::test]
async fn requests_that_hang_do_not_pile_up() {
    let world = world().await;
    let bearer = format!("Bearer {}", world.api_key);
    let headers = [
        ("authorization", bearer.as_str()),
        ("idempotency-key", "slow"),
    ];
    // Bodies that never end keep their requests waiting.
    let hang = || {
        let body = axum::body::Body::from_stream(futures_util::stream::pending::<
            Result<axum::body::Bytes, std::io::Error>,
        >());
        Box::pin(world.send("POST", "/v1/payments", &headers, body))
    };
    let mut hanging = [hang(), hang(), hang(), hang()];
    for request in &mut hanging {
        assert!(futures_util::poll!(request).is_pending());
    }
    let refused = world.get("/v1/payments").await;
    refused.problem(429, "rate_limited");
    let others = world.get_as(&world.other_api_key, "/v1/payments").await;
    others.ok(200);
    drop(hanging);
    world.get("/v1/payments").await.ok(200);
}
