//! Endpoints that end: by the shop, or because they failed for too long.

use serde_json::json;

use super::receiver::{Answer, Receiver};
use super::scene::Scene;

async fn patch(scene: &Scene, endpoint: &str, body: serde_json::Value) -> serde_json::Value {
    let bearer = format!("Bearer {}", scene.world().api_key);
    let path = format!("/v1/webhook_endpoints/{endpoint}");
    let headers = [("authorization", bearer.as_str())];
    scene
        .world()
        .send("PATCH", &path, &headers, body.to_string())
        .await
        .ok(200)
}

#[tokio::test]
async fn after_a_long_failure_an_endpoint_is_disabled_and_the_other_one_is_told() {
    let scene = Scene::new().await;
    let (dead, alive) = (
        Receiver::new(Answer::Status(200)).await,
        Receiver::new(Answer::Status(200)).await,
    );
    dead.stop().await;
    let broken = scene.endpoint(&dead.url(), &[]).await;
    scene
        .endpoint(&alive.url(), &["webhook_endpoint.disabled"])
        .await;
    scene.world().order("A-1").await;
    scene.pass_hours(4 * 24).await;
    assert_eq!(scene.look(&broken.id).await["state"], "enabled", "not yet");
    scene.world().order("A-2").await;
    scene.pass_hours(3 * 24).await;

    let now = scene.look(&broken.id).await;
    assert_eq!(
        (&now["state"], &now["disabled_by"]),
        (&json!("disabled"), &json!("failure"))
    );
    let told = alive.got();
    assert_eq!(told.len(), 1);
    let said = told[0].json();
    assert_eq!(said["type"], "webhook_endpoint.disabled");
    assert_eq!(
        (&said["data"]["id"], &said["data"]["state"]),
        (&json!(broken.id), &json!("disabled"))
    );
    assert_eq!(scene.world().events("webhook_endpoint.disabled"), 1);

    // Nothing is sent to it any more, though it would answer now.
    dead.start().await;
    scene.world().order("A-3").await;
    scene.pass_hours(24).await;
    assert_eq!(dead.count(), 0);
    let path = format!("/v1/webhook_endpoints/{}/resend", broken.id);
    let all = json!({ "after": "0" });
    scene
        .world()
        .post(&path, &all)
        .await
        .problem(409, "webhook_endpoint_disabled");

    // The shop repaired it: it enables it and asks for what it missed.
    let enabled = patch(&scene, &broken.id, json!({ "enabled": true })).await;
    assert_eq!(enabled["state"], "enabled");
    assert!(enabled.get("failing_since").is_none());
    scene.world().post(&path, &all).await.ok(200);
    scene.deliver().await;
    let events = scene.events().await;
    let mut got: Vec<_> = dead
        .got()
        .iter()
        .map(|one| one.header("webhook-id").to_owned())
        .collect();
    got.sort();
    got.dedup();
    assert_eq!(got.len(), events.len(), "everything that ever happened");
}

#[tokio::test]
async fn an_endpoint_that_the_shop_disables_gets_nothing_until_it_is_enabled() {
    let scene = Scene::new().await;
    let shop = Receiver::new(Answer::Status(200)).await;
    let endpoint = scene.endpoint(&shop.url(), &[]).await;
    let disabled = patch(&scene, &endpoint.id, json!({ "enabled": false })).await;
    assert_eq!(disabled["disabled_by"], "merchant");
    scene.world().order("A-1").await;
    scene.deliver().await;
    patch(&scene, &endpoint.id, json!({ "enabled": true })).await;
    scene.world().order("A-2").await;
    scene.deliver().await;
    assert_eq!(shop.count(), 1);
    assert!(shop.got()[0].body.contains("A-2"));
}

#[tokio::test]
async fn a_deleted_endpoint_gets_nothing_more() {
    let scene = Scene::new().await;
    let shop = Receiver::new(Answer::Status(500)).await;
    let endpoint = scene.endpoint(&shop.url(), &[]).await;
    scene.world().order("A-1").await;
    scene.deliver().await;
    assert_eq!(shop.count(), 1);
    let bearer = format!("Bearer {}", scene.world().api_key);
    let path = format!("/v1/webhook_endpoints/{}", endpoint.id);
    let deleted = scene
        .world()
        .send("DELETE", &path, &[("authorization", bearer.as_str())], "")
        .await;
    assert_eq!(deleted.status, 204);
    scene.world().order("A-2").await;
    scene.pass_hours(1).await;
    assert_eq!(shop.count(), 1);
    scene
        .world()
        .get(&path)
        .await
        .problem(404, "webhook_endpoint_not_found");
}

#[tokio::test]
async fn a_new_address_gets_what_the_old_one_did_not_take() {
    let scene = Scene::new().await;
    let (old, new) = (
        Receiver::new(Answer::Status(503)).await,
        Receiver::new(Answer::Status(200)).await,
    );
    let endpoint = scene.endpoint(&old.url(), &[]).await;
    scene.world().order("A-1").await;
    scene.pass_ms(600_000).await;
    patch(&scene, &endpoint.id, json!({ "url": new.url() })).await;
    let before = old.count();
    scene.deliver().await;
    assert_eq!((new.count(), old.count()), (1, before));
    assert_eq!(new.got()[0].body, old.got()[0].body);
    assert!(new.got()[0].is_signed_with(&endpoint.secret));
}
