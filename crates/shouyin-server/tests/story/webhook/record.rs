//! What the referees in `referees/webhooks` judge: webhooks as a receiver got them, in a file.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::receiver::{Answer, Got, Receiver};
use super::scene::{Made, Scene};

fn line(got: &Got, secrets: &[&str], other_secrets: &[&str]) -> String {
    let headers: serde_json::Map<String, Value> = got
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap())))
        .collect();
    let line = json!({
        "headers": headers, "body": got.body, "secrets": secrets, "other_secrets": other_secrets,
    });
    format!("{line}\n")
}

#[tokio::test]
async fn the_referees_get_what_receivers_get() {
    let scene = Scene::new().await;
    let shop = Receiver::new(Answer::Status(200)).await;
    let old = scene.endpoint(&shop.url(), &[]).await;
    let stranger = scene.endpoint_of_other_merchant(&shop.url()).await;
    let payment = scene.buy("A-1").await;
    scene.deliver().await;
    let with_old = shop.count();

    let path = format!("/v1/webhook_endpoints/{}/rotate_secret", old.id);
    let body = json!({ "overlap_seconds": 86_400 });
    let new = Made::of(&scene.world().post(&path, &body).await.ok(200));
    scene.buy("A-2").await;
    scene.refund(&payment, 990).await;
    scene.deliver().await;
    let with_both = shop.count();

    scene.pass_hours(25).await;
    let with_both_late = shop.count();
    scene.buy("A-3").await;
    scene.world().order("A-4").await;
    scene.deliver().await;

    let mut text = String::new();
    for (place, got) in shop.got().iter().enumerate() {
        let (old, new, other) = (&*old.secret, &*new.secret, &*stranger.secret);
        if place < with_old {
            text += &line(got, &[old], &[new, other]);
        } else if place < with_both {
            text += &line(got, &[new, old], &[other]);
        } else if place >= with_both_late {
            text += &line(got, &[new], &[old, other]);
        }
    }
    assert!(with_old >= 2 && with_both > with_old && shop.count() > with_both_late);
    fs::write(
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("webhooks.jsonl"),
        text,
    )
    .unwrap();
}
