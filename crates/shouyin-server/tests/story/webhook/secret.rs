//! Secrets are changed without a moment in which webhooks are refused.

use serde_json::json;

use super::receiver::{Answer, Receiver};
use super::scene::{Made, Scene};

#[tokio::test]
async fn while_a_secret_is_replaced_both_are_valid() {
    let scene = Scene::new().await;
    let shop = Receiver::new(Answer::Status(200)).await;
    let old = scene.endpoint(&shop.url(), &["payment.created"]).await;
    let path = format!("/v1/webhook_endpoints/{}/rotate_secret", old.id);
    let rotated = scene
        .world()
        .post(&path, &json!({ "overlap_seconds": 3600 }))
        .await;
    let new = Made::of(&rotated.ok(200));
    assert_ne!(new.secret, old.secret);

    scene.world().order("A-1").await;
    scene.deliver().await;
    let both = shop.got().remove(0);
    assert_eq!(both.signatures().len(), 2);
    assert!(both.is_signed_with(&old.secret) && both.is_signed_with(&new.secret));

    scene.pass_hours(1).await;
    scene.world().order("A-2").await;
    scene.deliver().await;
    let one = shop.got().remove(1);
    assert_eq!(one.signatures().len(), 1);
    assert!(one.is_signed_with(&new.secret) && !one.is_signed_with(&old.secret));
    // Nothing but the two answers that make a secret ever shows one.
    for path in [
        "/v1/webhook_endpoints".to_owned(),
        format!("/v1/webhook_endpoints/{}", old.id),
        format!("/v1/webhook_endpoints/{}/deliveries", old.id),
        "/v1/events".to_owned(),
    ] {
        let text = scene.world().get(&path).await.text;
        assert!(!text.contains("whsec_"), "{path}: {text}");
    }
}

#[tokio::test]
async fn a_secret_that_leaked_is_replaced_at_once() {
    let scene = Scene::new().await;
    let shop = Receiver::new(Answer::Status(200)).await;
    let old = scene.endpoint(&shop.url(), &["payment.created"]).await;
    // On its way when the secret is replaced: it is signed at the moment of sending.
    scene.world().order("A-1").await;
    let path = format!("/v1/webhook_endpoints/{}/rotate_secret", old.id);
    let rotated = scene
        .world()
        .post(&path, &json!({ "overlap_seconds": 0 }))
        .await;
    let new = Made::of(&rotated.ok(200));
    scene.deliver().await;
    let got = shop.got().remove(0);
    assert_eq!(got.signatures().len(), 1);
    assert!(got.is_signed_with(&new.secret) && !got.is_signed_with(&old.secret));
}
