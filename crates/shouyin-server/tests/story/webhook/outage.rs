//! A receiver is away from Friday evening to Monday evening.

use std::collections::BTreeSet;
use std::sync::Arc;

use shouyin_store::SqliteStore;

use super::receiver::{Answer, Receiver};
use super::scene::Scene;

const HOURS: usize = 72;

/// How many pairs arrived the other way round than they happened.
fn inversions(places: &[usize]) -> usize {
    let later = |at: usize| {
        places[at + 1..]
            .iter()
            .filter(move |place| **place < places[at])
    };
    (0..places.len()).map(|at| later(at).count()).sum()
}

#[tokio::test]
async fn a_receiver_that_was_away_for_72_hours_gets_everything_once_it_is_back() {
    outage("memory", Scene::new().await).await;
}

#[tokio::test]
async fn the_same_on_a_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("shouyin.db")).unwrap();
    outage("SQLite", Scene::on(Arc::new(store)).await).await;
}

async fn outage(store: &str, scene: Scene) {
    let shop = Receiver::new(Answer::Status(200)).await;
    let endpoint = scene.endpoint(&shop.url(), &[]).await;
    scene.buy("A-0").await;
    scene.deliver().await;
    let before: Vec<_> = shop
        .got()
        .iter()
        .map(|one| one.header("webhook-id").to_owned())
        .collect();
    assert_eq!(before.len(), 2);

    shop.stop().await;
    for hour in 1..=HOURS {
        scene.buy(&format!("A-{hour}")).await;
        scene.pass_hours(1).await;
    }
    assert_eq!(shop.count(), 2, "it was away");
    assert_eq!(scene.look(&endpoint.id).await["state"], "enabled");
    let waiting = scene.deliveries(&endpoint.id).await;
    assert!(
        waiting
            .iter()
            .take(100)
            .all(|one| one["state"] == "pending")
    );

    shop.start().await;
    let mut minutes = 0;
    while shop.count() < 2 + 2 * HOURS && minutes < 60 {
        scene.pass_ms(60_000).await;
        minutes += 1;
    }
    scene.pass_hours(24).await;

    let events: Vec<_> = scene
        .events()
        .await
        .iter()
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect();
    let got = shop.got();
    let ids: Vec<_> = got
        .iter()
        .map(|one| one.header("webhook-id").to_owned())
        .collect();
    let places: Vec<usize> = ids
        .iter()
        .map(|id| events.iter().position(|event| event == id).unwrap())
        .collect();
    let mut tries = 0;
    for event in &events {
        let path = format!("/v1/webhook_endpoints/{}/deliveries/{event}", endpoint.id);
        let delivery = scene.world().get(&path).await.ok(200);
        tries += delivery["attempts"].as_array().unwrap().len();
    }
    println!(
        "{store}: receiver away for {HOURS} h: {} events, {tries} tries, of which {} found nobody; all there {minutes} min after it \
         was back; {} webhooks received, {} ids more than once",
        events.len(),
        tries - got.len(),
        got.len(),
        got.len() - ids.iter().collect::<BTreeSet<_>>().len(),
    );
    println!(
        "order of arrival (place of each event in the order of commits), {} of {} pairs the other way round:",
        inversions(&places),
        places.len() * (places.len() - 1) / 2
    );
    println!("{places:?}");

    assert_eq!(events.len(), 2 + 2 * HOURS);
    assert_eq!(ids.len(), events.len(), "each came once");
    assert_eq!(
        ids.iter().collect::<BTreeSet<_>>(),
        events.iter().collect::<BTreeSet<_>>(),
        "with the ids of the pull API"
    );
    assert!(got.iter().all(|one| one.is_signed_with(&endpoint.secret)));
    assert!(minutes <= 11, "the longest pause is ten minutes");
    let ends = scene.deliveries(&endpoint.id).await;
    assert!(ends.iter().all(|one| one["state"] == "delivered"));
    assert!(
        scene
            .look(&endpoint.id)
            .await
            .get("failing_since")
            .is_none()
    );
}

/// The shop does not wait: it reads what it missed from the pull API, with the cursor of the last event it knows, and then
/// finds in the webhooks that come nothing that it does not have.
#[tokio::test]
async fn the_pull_api_catches_up_before_the_webhooks_do() {
    let scene = Scene::new().await;
    let shop = Receiver::new(Answer::Status(200)).await;
    scene.endpoint(&shop.url(), &[]).await;
    scene.buy("A-0").await;
    scene.deliver().await;
    let page = scene.world().get("/v1/events?limit=100").await.ok(200);
    let cursor = page["next"].as_str().unwrap();
    shop.stop().await;
    for n in 1..=5 {
        scene.buy(&format!("A-{n}")).await;
        scene.pass_hours(1).await;
    }
    let missed = scene
        .world()
        .get(&format!("/v1/events?after={cursor}"))
        .await
        .ok(200);
    let missed = missed["data"].as_array().unwrap();
    assert_eq!(missed.len(), 10);
    shop.start().await;
    scene.pass_hours(1).await;
    let got = shop.got();
    assert_eq!(got.len(), 12);
    for one in &got[2..] {
        let body = one.json();
        let known = missed
            .iter()
            .find(|event| event["id"] == body["id"])
            .unwrap();
        assert_eq!(known["data"], body["data"]);
    }
}
