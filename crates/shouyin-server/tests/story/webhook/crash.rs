//! This process dies at the worst moment.

use std::sync::Arc;

use serde_json::json;
use shouyin_core::ports::{BoxFuture, WebhookSender};
use shouyin_core::task::LEASE_MS;
use shouyin_core::webhook::model::{Message, Reply};
use shouyin_core::worker;
use tokio::sync::Notify;

use super::receiver::{Answer, Receiver};
use super::scene::{Scene, sender};

/// Sends, and never gets to say what came of it.
struct Dies {
    inner: Arc<dyn WebhookSender>,
    sent: Arc<Notify>,
}

impl WebhookSender for Dies {
    fn accepts(&self, url: &str) -> Result<(), String> {
        self.inner.accepts(url)
    }

    fn send<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let reply = self.inner.send(message).await;
            assert!(reply.is_received());
            self.sent.notify_one();
            std::future::pending().await
        })
    }
}

#[tokio::test]
async fn killed_between_sending_and_storing_it_is_sent_again_with_the_same_id_and_body() {
    let scene = Scene::new().await;
    let shop = Receiver::new(Answer::Status(200)).await;
    let endpoint = scene.endpoint(&shop.url(), &["payment.created"]).await;
    scene.world().order("A-1").await;

    let sent = Arc::new(Notify::new());
    let dying = shouyin_core::ports::Ports {
        merchants: Arc::new(Dies {
            inner: Arc::new(sender(10_000)),
            sent: Arc::clone(&sent),
        }),
        ..scene.ports().clone()
    };
    let task = scene.claim().await.remove(0);
    tokio::select! {
        ended = worker::run_task(&dying, task) => panic!("{ended:?}"),
        () = sent.notified() => {}
    }
    assert_eq!(
        shop.count(),
        1,
        "the receiver has it, and nobody here knows"
    );
    let waiting = &scene.deliveries(&endpoint.id).await[0];
    assert_eq!(
        (&waiting["state"], &waiting["tries"]),
        (&json!("pending"), &json!(0))
    );

    // Nobody touches it before the lease ends.
    scene.world().clock.advance_ms(LEASE_MS - 1);
    scene.deliver().await;
    assert_eq!(shop.count(), 1);
    scene.world().clock.advance_ms(1);
    scene.deliver().await;
    let got = shop.got();
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].body, got[1].body);
    assert_eq!(got[0].header("webhook-id"), got[1].header("webhook-id"));
    assert!(got.iter().all(|one| one.is_signed_with(&endpoint.secret)));
    assert_ne!(
        got[0].header("webhook-timestamp"),
        got[1].header("webhook-timestamp"),
        "the second copy is signed afresh, so that it is not refused as old"
    );
    let delivered = &scene.deliveries(&endpoint.id).await[0];
    assert_eq!(
        (&delivered["state"], &delivered["tries"]),
        (&json!("delivered"), &json!(1))
    );
}

#[tokio::test]
async fn a_full_disk_after_sending_means_the_same_copy_again() {
    let scene = Scene::new().await;
    let shop = Receiver::new(Answer::Status(200)).await;
    scene.endpoint(&shop.url(), &["payment.created"]).await;
    scene.world().order("A-1").await;
    let task = scene.claim().await.remove(0);
    scene.world().disk.set_full(true);
    assert!(worker::run_task(scene.ports(), task).await.is_err());
    scene.world().disk.set_full(false);
    scene.world().clock.advance_ms(LEASE_MS);
    scene.deliver().await;
    let got = shop.got();
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].body, got[1].body);
}

#[tokio::test]
async fn an_event_that_was_not_committed_is_not_told() {
    let scene = Scene::new().await;
    let shop = Receiver::new(Answer::Status(200)).await;
    scene.endpoint(&shop.url(), &[]).await;
    scene.world().disk.set_full(true);
    let refused = scene
        .world()
        .post("/v1/payments", &crate::world::coffee("A-1"))
        .await;
    refused.problem(503, "store_unavailable");
    scene.world().disk.set_full(false);
    scene.deliver().await;
    assert_eq!((scene.events().await.len(), shop.count()), (0, 0));
}
