//! Receivers that are dead, slow or clever.

use std::sync::Arc;

use serde_json::json;
use shouyin_server::{Server, bind};

use super::receiver::{Answer, Receiver};
use super::scene::{Scene, sender};

/// A merchant has at most 20 endpoints: these, two dead in other ways, and one that works.
const HANGING: usize = 17;

/// The real loop with its own timers. All endpoints of a merchant but one are dead, each in its own way, and most of them hang
/// for the whole test: the one that works and another merchant's get their webhooks meanwhile.
#[tokio::test]
async fn dead_receivers_delay_nobody() {
    let scene = Scene::impatient(14_999).await;
    let (hanging, broken, gone) = (
        Receiver::new(Answer::Hang).await,
        Receiver::new(Answer::Status(500)).await,
        Receiver::new(Answer::Status(200)).await,
    );
    gone.stop().await;
    let (alive, other) = (
        Receiver::new(Answer::Status(200)).await,
        Receiver::new(Answer::Status(200)).await,
    );
    // The dead come first wherever order plays a part.
    let stuck = scene.endpoint(&hanging.url(), &[]).await;
    for _ in 1..HANGING {
        scene.endpoint(&hanging.url(), &[]).await;
    }
    for receiver in [&broken, &gone, &alive] {
        scene.endpoint(&receiver.url(), &[]).await;
    }
    scene.endpoint_of_other_merchant(&other.url()).await;

    let server = Server::build(scene.world().parts.clone());
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.serve(listener, async move {
        stopped.await.unwrap();
    }));
    scene.world().order("A-1").await;
    scene.order_of_other_merchant("B-1").await;
    hanging.wait_for(HANGING).await;
    alive.wait_for(1).await;
    other.wait_for(1).await;
    broken.wait_for(1).await;
    // What comes later is not delayed either: the hanging call still waits for its answer.
    scene.world().order("A-2").await;
    scene.order_of_other_merchant("B-2").await;
    alive.wait_for(2).await;
    other.wait_for(2).await;
    assert_eq!(hanging.count(), HANGING);
    for delivery in scene.deliveries(&stuck.id).await {
        assert_eq!(delivery["tries"], 0, "{delivery}");
    }
    stop.send(()).unwrap();
    // The loop would wait for the call that hangs; nobody needs it any more.
    running.abort();
}

#[tokio::test]
async fn money_goes_on_while_receivers_hang() {
    let scene = Scene::new().await;
    let hanging = Receiver::new(Answer::Hang).await;
    for _ in 0..3 {
        scene.endpoint(&hanging.url(), &[]).await;
    }
    let id = scene.world().order("A-1").await;
    let tasks = scene.claim().await;
    assert_eq!(tasks.len(), 3);
    let mut runs = Vec::new();
    for task in tasks {
        let ports = scene.ports().clone();
        runs.push(tokio::spawn(async move {
            shouyin_core::worker::run_task(&ports, task).await
        }));
    }
    hanging.wait_for(3).await;
    // Ordered, begun, paid, and the notification is lost: the worker asks WeChat and learns of it.
    let session = scene.desk.session("alice").await;
    let prepay_id = scene.desk.cashier("alice", &session, &id).await;
    assert_eq!(scene.desk.heart.pay("alice", &prepay_id), Ok("SUCCESS"));
    scene.world().clock.advance_ms(3_000);
    scene.world().work().await;
    assert_eq!(scene.world().state(&id).await, "paid");
    assert!(runs.iter().all(|run| !run.is_finished()), "they still hang");
    for run in runs {
        run.abort();
    }
}

#[tokio::test]
async fn a_slow_receiver_is_given_up_and_tried_again() {
    let scene = Scene::impatient(200).await;
    let shop = Receiver::new(Answer::Hang).await;
    let endpoint = scene.endpoint(&shop.url(), &["payment.created"]).await;
    scene.world().order("A-1").await;
    scene.deliver().await;
    let waiting = scene.deliveries(&endpoint.id).await;
    assert_eq!(
        (&waiting[0]["state"], &waiting[0]["tries"]),
        (&json!("pending"), &json!(1))
    );
    let path = format!(
        "/v1/webhook_endpoints/{}/deliveries/{}",
        endpoint.id,
        waiting[0]["event_id"].as_str().unwrap()
    );
    let log = scene.world().get(&path).await.ok(200);
    assert_eq!(log["attempts"][0]["error"], "no answer within 200 ms");
    shop.answers(Answer::Status(200));
    scene.pass_ms(5_000).await;
    let log = scene.world().get(&path).await.ok(200);
    assert_eq!(log["state"], "delivered");
    assert_eq!(shop.count(), 2);
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let scene = Scene::new().await;
    let target = Receiver::new(Answer::Status(200)).await;
    let shop = Receiver::new(Answer::Redirect(target.url())).await;
    let endpoint = scene.endpoint(&shop.url(), &["payment.created"]).await;
    scene.world().order("A-1").await;
    scene.deliver().await;
    scene.pass_ms(35_000).await;
    assert_eq!((shop.count(), target.count()), (3, 0));
    let waiting = scene.deliveries(&endpoint.id).await;
    assert_eq!(waiting[0]["state"], "pending");
    assert!(scene.look(&endpoint.id).await["failing_since"].is_string());
}

/// A receiver with a bug: it refuses one event for ever. The others go by it.
#[tokio::test]
async fn an_event_that_is_always_refused_does_not_stand_in_the_way() {
    let scene = Scene::new().await;
    let shop = Receiver::new(Answer::Refuse("A-2")).await;
    let endpoint = scene.endpoint(&shop.url(), &["payment.created"]).await;
    for order in ["A-1", "A-2", "A-3"] {
        scene.world().order(order).await;
    }
    scene.deliver().await;
    scene.pass_hours(10).await;
    scene.world().order("A-4").await;
    scene.deliver().await;
    let states: Vec<_> = scene
        .deliveries(&endpoint.id)
        .await
        .iter()
        .map(|delivery| delivery["state"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(states, ["delivered", "delivered", "pending", "delivered"]);
    // After three days it is given up, and the endpoint is fine.
    scene.pass_hours(90).await;
    let refused = &scene.deliveries(&endpoint.id).await[2];
    assert_eq!(refused["state"], "failed");
    assert_eq!(scene.look(&endpoint.id).await["state"], "enabled");
}

/// Two processes' worth of senders on one row: a lease that ran out is taken over, and the late answer harms nothing.
#[tokio::test]
async fn an_answer_that_comes_after_the_lease_ended_changes_nothing_twice() {
    let scene = Scene::new().await;
    let shop = Receiver::new(Answer::Hang).await;
    let endpoint = scene.endpoint(&shop.url(), &["payment.created"]).await;
    scene.world().order("A-1").await;
    let ports = shouyin_core::ports::Ports {
        merchants: Arc::new(sender(1_000)),
        ..scene.ports().clone()
    };
    let task = scene.claim().await.remove(0);
    let late = tokio::spawn(async move { shouyin_core::worker::run_task(&ports, task).await });
    shop.wait_for(1).await;
    scene.world().clock.advance_ms(31_000);
    shop.answers(Answer::Status(200));
    scene.deliver().await;
    assert_eq!(
        scene.deliveries(&endpoint.id).await[0]["state"],
        "delivered"
    );
    late.await.unwrap().unwrap();
    scene.pass_hours(1).await;
    assert_eq!(
        scene.deliveries(&endpoint.id).await[0]["state"],
        "delivered"
    );
    assert_eq!(shop.count(), 2);
}
