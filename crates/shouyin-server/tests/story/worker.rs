use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use shouyin_core::ports::{BoxFuture, WebhookSender};
use shouyin_core::webhook::model::{Message, Reply};
use shouyin_server::{Server, bind};

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
async fn a_lost_notification_is_healed_when_the_buyer_asks() {
    let world = World::new().await;
    let (id, session, number) = begun(&world).await;
    let confirm = format!("/mp/v1/payments/{id}/confirm");
    assert_eq!(
        world.phone(&session, &confirm).await.ok(200)["state"],
        "open"
    );
    world.wechat.buyer_pays(&number);
    world.clock.advance_ms(1_000);
    assert_eq!(
        world.phone(&session, &confirm).await.ok(200)["state"],
        "paid"
    );
    assert_eq!(world.events("payment.paid"), 1);
}

#[tokio::test]
async fn impatient_buyers_do_not_make_us_ask_more_than_once_a_second() {
    let world = World::new().await;
    let (id, session, _) = begun(&world).await;
    for _ in 0..10 {
        world
            .phone(&session, &format!("/mp/v1/payments/{id}/confirm"))
            .await
            .ok(200);
    }
    assert_eq!(world.wechat.calls("query").len(), 1);
}

#[tokio::test]
async fn a_lost_notification_is_healed_within_seconds_without_anybody_asking() {
    let world = World::new().await;
    let (id, _, number) = begun(&world).await;
    world.wechat.buyer_pays(&number);
    world.clock.advance_ms(3_000);
    world.work().await;
    assert_eq!(world.state(&id).await, "paid");
}

#[tokio::test]
async fn queries_that_fail_are_repeated() {
    let world = World::new().await;
    let (id, _, number) = begun(&world).await;
    world.wechat.buyer_pays(&number);
    for trouble in [
        Trouble::NotSent,
        Trouble::WrongSignature,
        Trouble::Refuse(500, "SYSTEM_ERROR"),
        Trouble::AnswerLost,
    ] {
        world.wechat.trouble("query", trouble);
    }
    for _ in 0..6 {
        world.clock.advance_ms(60_000);
        world.work().await;
    }
    assert_eq!(world.state(&id).await, "paid");
    assert_eq!(world.wechat.calls("query").len(), 5);
}

/// The real loop, with its own timers; the world's clock is moved by hand.
#[tokio::test(start_paused = true)]
async fn the_loop_finishes_what_a_dead_process_left_behind() {
    let world = World::new().await;
    let id = world.order("A-1").await;
    let session = world.session("alice-1").await;
    world.wechat.trouble("prepay", Trouble::AnswerLost);
    world
        .phone(&session, &format!("/mp/v1/payments/{id}/pay"))
        .await
        .problem(503, "wechat_unavailable");
    let number = world.wechat.the_order();
    world.wechat.buyer_pays(&number);

    // Another process on the same rows.
    let server = Server::build(world.parts.clone());
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.serve(listener, async move {
        stopped.await.unwrap();
    }));
    for _ in 0..120 {
        world.clock.advance_ms(1_000);
        tokio::time::sleep(Duration::from_secs(1)).await;
        if world.state(&id).await == "paid" {
            break;
        }
    }
    assert_eq!(world.state(&id).await, "paid");
    assert_eq!(world.events("payment.paid"), 1);
    stop.send(()).unwrap();
    running.await.unwrap();
}

/// A receiver that takes every connection and never answers.
#[derive(Debug)]
struct Mute;

impl WebhookSender for Mute {
    fn accepts(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn send<'a>(&'a self, _: &'a Message) -> BoxFuture<'a, Reply> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn receivers_that_never_answer_delay_no_money() {
    let mut world = World::new().await;
    world.parts.ports.merchants = Arc::new(Mute);
    world.restart();
    for n in 0..20 {
        let body = json!({ "url": format!("https://shop.example.com/{n}") });
        world.post("/v1/webhook_endpoints", &body).await.ok(201);
    }
    let server = Server::build(world.parts.clone());
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    // Never stopped by signal: deliveries would be waited for, and these never end.
    let running = tokio::spawn(server.serve(listener, std::future::pending()));
    let mut ids = Vec::new();
    for n in 0..10 {
        let id = world.order(&format!("A-{n}")).await;
        let session = world.session(&format!("alice-{n}")).await;
        let pay = format!("/mp/v1/payments/{id}/pay");
        world.phone(&session, &pay).await.ok(200);
        ids.push(id);
    }
    for number in world.wechat.orders().into_keys() {
        world.wechat.buyer_pays(&number);
    }
    // Every notification is lost; the queries of the money lane find out.
    for _ in 0..10 {
        world.clock.advance_ms(1_000);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    for id in ids {
        assert_eq!(world.state(&id).await, "paid");
    }
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn chores_run_at_the_start_and_hourly() {
    use std::sync::atomic::{AtomicU32, Ordering};
    let world = World::new().await;
    world.session("alice-1").await;
    let refreshed = Arc::new(AtomicU32::new(0));
    let mut parts = world.parts.clone();
    let count = Arc::clone(&refreshed);
    parts.refresh.push(Arc::new(move || {
        let count = Arc::clone(&count);
        Box::pin(async move {
            // The first try fails: it is repeated after a minute, not after an hour.
            match count.fetch_add(1, Ordering::SeqCst) {
                0 => Err("WeChat is away".to_owned()),
                _ => Ok(()),
            }
        })
    }));
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(Server::build(parts).serve(listener, async move {
        stopped.await.unwrap();
    }));
    let minutes = async |n: i64| {
        for _ in 0..n {
            world.clock.advance_ms(60_000);
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
    };
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(refreshed.load(Ordering::SeqCst), 1);
    minutes(2).await;
    assert_eq!(refreshed.load(Ordering::SeqCst), 2);
    minutes(58).await;
    assert_eq!(refreshed.load(Ordering::SeqCst), 2);
    minutes(4).await;
    assert_eq!(refreshed.load(Ordering::SeqCst), 3);
    // A session that has ended is deleted, which turns "expired" into "unknown".
    minutes(7 * 24 * 60 + 61).await;
    let debug = format!("{:?}", world.store);
    assert!(!debug.contains("Session {"), "ended sessions are deleted");
    stop.send(()).unwrap();
    running.await.unwrap();
}
