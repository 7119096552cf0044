//! The shop wants webhooks again.

use serde_json::json;

use super::receiver::{Answer, Receiver};
use super::scene::Scene;

#[tokio::test]
async fn one_event_is_sent_again_by_its_id() {
    let scene = Scene::new().await;
    let shop = Receiver::new(Answer::Status(200)).await;
    let endpoint = scene.endpoint(&shop.url(), &["payment.paid"]).await;
    scene.buy("A-1").await;
    scene.deliver().await;
    let events = scene.events().await;
    let path = format!("/v1/webhook_endpoints/{}/resend", endpoint.id);
    let (created, paid) = (&events[0]["id"], &events[1]["id"]);
    let resent = scene
        .world()
        .post(&path, &json!({ "event_id": paid }))
        .await
        .ok(200);
    assert_eq!(resent["state"], "pending");
    scene.deliver().await;
    let got = shop.got();
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].body, got[1].body);
    // One that the endpoint does not usually get.
    scene
        .world()
        .post(&path, &json!({ "event_id": created }))
        .await
        .ok(200);
    scene.deliver().await;
    assert_eq!(shop.got()[2].header("webhook-id"), created);
    let nobodys = json!({ "event_id": "evt_00000000000000000000000000000000" });
    scene
        .world()
        .post(&path, &nobodys)
        .await
        .problem(404, "event_not_found");
    let answer = scene
        .world()
        .post_as(
            &scene.world().other_api_key,
            "r",
            &path,
            &json!({ "event_id": paid }).to_string(),
        )
        .await;
    answer.problem(404, "webhook_endpoint_not_found");
    scene.deliver().await;
    assert_eq!(shop.count(), 3);
}

#[tokio::test]
async fn a_range_is_sent_again_in_order() {
    let scene = Scene::new().await;
    for n in 1..=3 {
        scene.buy(&format!("A-{n}")).await;
    }
    // Made when all this was over.
    let shop = Receiver::new(Answer::Status(200)).await;
    let endpoint = scene.endpoint(&shop.url(), &["payment.paid"]).await;
    let path = format!("/v1/webhook_endpoints/{}/resend", endpoint.id);
    let cursor = {
        let page = scene.world().get("/v1/events?limit=2").await.ok(200);
        page["next"].as_str().unwrap().to_owned()
    };
    let resent = scene.world().post(&path, &json!({ "after": cursor })).await;
    assert_eq!(resent.ok(200)["resent"], 2);
    scene.deliver().await;
    let paid: Vec<_> = scene
        .events()
        .await
        .iter()
        .filter(|event| event["type"] == "payment.paid")
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect();
    let mut got: Vec<_> = shop
        .got()
        .iter()
        .map(|one| one.header("webhook-id").to_owned())
        .collect();
    // Those of one round travel together, so they may overtake one another on the way.
    got.sort();
    assert_eq!(got, paid[1..]);
    let resent = scene
        .world()
        .post(&path, &json!({ "after": "0", "until": cursor }))
        .await;
    assert_eq!(resent.ok(200)["resent"], 1);
    scene.deliver().await;
    assert_eq!(shop.got()[2].header("webhook-id"), paid[0]);
    // Nothing failed, so nothing of that kind is sent again.
    let none = json!({ "after": "0", "only_failed": true });
    assert_eq!(scene.world().post(&path, &none).await.ok(200)["resent"], 0);
}

#[tokio::test]
async fn what_was_given_up_is_sent_again() {
    let scene = Scene::new().await;
    let shop = Receiver::new(Answer::Refuse("A-1")).await;
    let endpoint = scene.endpoint(&shop.url(), &["payment.created"]).await;
    scene.world().order("A-1").await;
    scene.world().order("A-2").await;
    scene.pass_hours(96).await;
    let states: Vec<_> = scene
        .deliveries(&endpoint.id)
        .await
        .iter()
        .map(|one| one["state"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(states, ["delivered", "failed"]);
    shop.answers(Answer::Status(200));
    let before = shop.count();
    let path = format!("/v1/webhook_endpoints/{}/resend", endpoint.id);
    let failed = json!({ "after": "0", "only_failed": true });
    assert_eq!(
        scene.world().post(&path, &failed).await.ok(200)["resent"],
        1
    );
    scene.deliver().await;
    let got = shop.got();
    assert_eq!(got.len(), before + 1);
    assert!(got[before].body.contains("A-1"));
    assert_eq!(
        scene.deliveries(&endpoint.id).await[1]["state"],
        "delivered"
    );
}
