use std::collections::BTreeMap;
use std::sync::Arc;

use shouyin_core::time::{HOUR_MS, MINUTE_MS};
use shouyin_server::config::Limits;
use shouyin_store::SqliteStore;

use crate::desk::Desk;
use crate::world::Setup;

/// 500 requests for a part of one payment, all at once, on SQLite; what came of them by code, and what WeChat has at the end.
async fn race(amount_fen: i64) -> (BTreeMap<String, usize>, (i64, usize)) {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::build(Setup {
        store: Some(Arc::new(
            SqliteStore::open(folder.path().join("race.db")).unwrap(),
        )),
        limits: Limits {
            requests_per_second: 0,
            burst: 0,
            concurrent: 1_000,
        },
        ..Setup::default()
    })
    .await;
    let sold = desk.sell("A-1").await;
    let desk = Arc::new(desk);
    #[expect(
        clippy::disallowed_methods,
        reason = "a figure to print, never asserted"
    )]
    let begun = std::time::Instant::now();
    let mut racing = tokio::task::JoinSet::new();
    for n in 0..500 {
        let (desk, id) = (Arc::clone(&desk), sold.id.clone());
        racing.spawn(async move {
            let answer = desk.refund(&id, &format!("R-{n}"), Some(amount_fen)).await;
            match answer.status {
                201 => "201".to_owned(),
                _ => answer.json()["code"].as_str().unwrap().to_owned(),
            }
        });
    }
    let mut codes = BTreeMap::new();
    for code in racing.join_all().await {
        *codes.entry(code).or_default() += 1;
    }
    println!(
        "500 requests answered in {} ms",
        begun.elapsed().as_millis()
    );
    let taken = i64::try_from(codes["201"]).unwrap();
    assert_eq!(desk.balance().await, (1990, taken * amount_fen));
    // One a minute.
    desk.pass(HOUR_MS + MINUTE_MS).await;
    assert_eq!(desk.balance().await, (1990 - taken * amount_fen, 0));
    assert_eq!(desk.events("refund.succeeded").await, codes["201"]);
    (codes, desk.heart.refunded())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn five_hundred_at_once_never_exceed_what_was_paid() {
    let (codes, at_wechat) = race(100).await;
    println!(
        "500 racing refunds of 100 of 1990 fen: {codes:?}; at WeChat (fen, refunds): {at_wechat:?}"
    );
    assert_eq!(codes["201"], 19);
    assert_eq!(codes["refund_too_much"], 481);
    assert_eq!(at_wechat, (1900, 19));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn five_hundred_at_once_never_exceed_fifty() {
    let (codes, at_wechat) = race(7).await;
    println!(
        "500 racing refunds of 7 of 1990 fen: {codes:?}; at WeChat (fen, refunds): {at_wechat:?}"
    );
    assert_eq!(codes["201"], 50);
    assert_eq!(codes["refund_too_many"], 450);
    assert_eq!(at_wechat, (350, 50));
}
