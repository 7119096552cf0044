//! Webhooks: what the merchant's own servers get, whatever happens to them, to us, or on the way.

mod address;
mod crash;
mod ending;
mod outage;
mod receiver;
mod record;
mod resend;
mod scene;
mod secret;
mod trouble;

use serde_json::json;

use receiver::{Answer, Receiver};
use scene::Scene;

#[tokio::test]
async fn a_payment_is_told_with_the_same_data_as_the_pull_api() {
    let scene = Scene::new().await;
    let shop = Receiver::new(Answer::Status(204)).await;
    let endpoint = scene.endpoint(&shop.url(), &[]).await;
    assert!(endpoint.id.starts_with("whk_") && endpoint.secret.starts_with("whsec_"));
    let payment = scene.buy("A-1").await;
    assert_eq!(shop.count(), 0, "nothing is sent before the worker comes");
    scene.deliver().await;

    let got = shop.got();
    let types: Vec<_> = got.iter().map(|one| one.event_type()).collect();
    assert_eq!(types, ["payment.created", "payment.paid"]);
    for one in &got {
        assert_eq!(one.header("content-type"), "application/json");
        assert!(one.is_signed_with(&endpoint.secret));
    }
    let events = scene.events().await;
    for (one, event) in got.iter().zip(&events) {
        assert_eq!(one.header("webhook-id"), event["id"]);
        let body = one.json();
        assert_eq!(
            (
                &body["id"],
                &body["type"],
                &body["data"],
                &body["timestamp"]
            ),
            (
                &event["id"],
                &event["type"],
                &event["data"],
                &event["created_at"]
            )
        );
        assert_eq!(body["version"], "1");
        assert_eq!(body["data"]["id"], payment);
        assert!(!one.body.contains("oUpF8u"), "no openid leaves");
    }
    // Nothing more, however often the worker comes.
    scene.pass_hours(80).await;
    assert_eq!(shop.count(), 2);
}

#[tokio::test]
async fn a_refund_is_told_too() {
    let scene = Scene::new().await;
    let payment = scene.buy("A-1").await;
    let shop = Receiver::new(Answer::Status(200)).await;
    scene
        .endpoint(&shop.url(), &["refund.created", "refund.succeeded"])
        .await;
    let refund = scene.refund(&payment, 990).await;
    scene.pass_hours(24).await;
    let types: Vec<_> = shop.got().iter().map(|one| one.event_type()).collect();
    assert_eq!(types, ["refund.created", "refund.succeeded"]);
    for one in shop.got() {
        let data = &one.json()["data"];
        assert_eq!(
            (&data["id"], &data["amount_fen"]),
            (&json!(refund), &json!(990))
        );
    }
}

#[tokio::test]
async fn an_endpoint_gets_the_types_it_asked_for_and_only_its_merchants() {
    let scene = Scene::new().await;
    let (all, paid, closed, other) = (
        Receiver::new(Answer::Status(200)).await,
        Receiver::new(Answer::Status(200)).await,
        Receiver::new(Answer::Status(200)).await,
        Receiver::new(Answer::Status(200)).await,
    );
    scene.endpoint(&all.url(), &[]).await;
    scene.endpoint(&paid.url(), &["payment.paid"]).await;
    scene
        .endpoint(&closed.url(), &["payment.closed", "payment.paid_late"])
        .await;
    scene.endpoint_of_other_merchant(&other.url()).await;
    scene.buy("A-1").await;
    scene.deliver().await;
    let counts = [&all, &paid, &closed, &other].map(Receiver::count);
    assert_eq!(counts, [2, 1, 0, 0]);
    assert_eq!(paid.got()[0].event_type(), "payment.paid");
    // Both copies of one event carry the same id and the same body.
    assert_eq!(paid.got()[0].body, all.got()[1].body);
}

#[tokio::test]
async fn an_endpoint_hears_nothing_of_the_time_before_it_was_made() {
    let scene = Scene::new().await;
    scene.buy("A-1").await;
    let shop = Receiver::new(Answer::Status(200)).await;
    scene.endpoint(&shop.url(), &[]).await;
    scene.deliver().await;
    assert_eq!(shop.count(), 0);
    scene.world().order("A-2").await;
    scene.deliver().await;
    assert_eq!(shop.count(), 1);
}

#[tokio::test]
async fn the_log_tells_every_try() {
    let scene = Scene::new().await;
    let shop = Receiver::new(Answer::Status(500)).await;
    let endpoint = scene.endpoint(&shop.url(), &["payment.paid"]).await;
    scene.buy("A-1").await;
    scene.deliver().await;
    let waiting = scene.deliveries(&endpoint.id).await;
    assert_eq!(waiting.len(), 1);
    let event_id = waiting[0]["event_id"].as_str().unwrap().to_owned();
    assert_eq!(
        (
            &waiting[0]["state"],
            &waiting[0]["tries"],
            &waiting[0]["event_type"]
        ),
        (&json!("pending"), &json!(1), &json!("payment.paid"))
    );
    assert_eq!(
        waiting[0]["due_at"], "2026-01-05T04:03:09.000Z",
        "in five seconds"
    );

    shop.answers(Answer::HangUp);
    scene.pass_ms(5_000).await;
    shop.answers(Answer::Status(202));
    scene.pass_hours(1).await;
    let path = format!(
        "/v1/webhook_endpoints/{}/deliveries/{event_id}",
        endpoint.id
    );
    let delivery = scene.world().get(&path).await.ok(200);
    assert_eq!(
        (&delivery["state"], &delivery["tries"]),
        (&json!("delivered"), &json!(3))
    );
    let attempts: Vec<_> = delivery["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["status"].clone(), one["error"].clone()))
        .collect();
    assert_eq!(
        attempts,
        [
            (json!(500), json!(null)),
            (json!(null), json!("the connection ended without an answer")),
            (json!(202), json!(null)),
        ]
    );
    // Another merchant sees none of it.
    scene
        .world()
        .get_as(&scene.world().other_api_key, &path)
        .await
        .problem(404, "webhook_endpoint_not_found");
    // Three copies, one id, one body.
    let got = shop.got();
    assert_eq!(got.len(), 3);
    assert!(got.iter().all(|one| one.body == got[0].body));
    assert!(got.iter().all(|one| one.header("webhook-id") == event_id));
    assert!(got.iter().all(|one| one.is_signed_with(&endpoint.secret)));
}
