//! What only a SQLite file can show: it outlives the process, fills up, is locked, and can be damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use rusqlite::Connection;
use shouyin_core::event::Event;
use shouyin_core::ledger::PostingKind;
use shouyin_core::payment::Payment;
use shouyin_core::ports::{Changes, EndpointChange, PaymentFilter, PaymentKey, Store, StoreError};
use shouyin_core::task::{Lane, Lease, TaskChange, TaskKind};
use shouyin_core::webhook::model::Reply;
use shouyin_store::{OpenError, SqliteStore};
use tempfile::TempDir;

use crate::block_on::block_on;
use crate::sample::*;

pub(crate) fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shouyin.db");
    (directory, path)
}

/// A payment with an event and a task.
pub(crate) fn changes(n: u32) -> Changes {
    Changes {
        payment: Some(payment_with_attempt(n)),
        events: vec![event(n, mchid())],
        tasks: vec![TaskChange::Put(task(TaskKind::QueryAttempt, n, at(0)))],
        ..Changes::default()
    }
}

/// A paid payment with a refund, its postings, an endpoint and a delivery with a log.
pub(crate) fn refund_changes(n: u32) -> Changes {
    Changes {
        payment: Some(Payment {
            refunds: vec![refund(n, n)],
            ..paid_payment(n)
        }),
        postings: vec![posting(PostingKind::Paid, n)],
        endpoints: vec![EndpointChange::Put(endpoint(n))],
        events: vec![event(n, mchid())],
        delivery_attempts: vec![log_line(n, n, Reply::Status(500))],
        ..Changes::default()
    }
}

/// The payments `0..count` are there completely, with their events and tasks, and nothing else is.
#[track_caller]
fn assert_complete(store: &SqliteStore, count: u32) {
    block_on(async {
        for n in 0..count {
            assert_eq!(get(store, n).await, Some(payment_with_attempt(n)));
        }
        let filter = PaymentFilter {
            limit: u32::MAX,
            ..PaymentFilter::default()
        };
        let wanted = usize::try_from(count).unwrap();
        let payments = store.payments(mchid(), filter).await.unwrap();
        assert_eq!(payments.len(), wanted);
        let events = store.events(mchid(), 0, u32::MAX).await.unwrap();
        assert_eq!(events.len(), wanted);
        let tasks = store
            .claim_tasks(Lane::Money, at(0), at(0), Lease(1), u32::MAX)
            .await;
        assert_eq!(tasks.unwrap().len(), wanted);
    });
}

#[test]
fn everything_is_there_after_closing_and_opening_again() {
    let (_directory, path) = directory();
    for round in 0..3 {
        let store = SqliteStore::open(&path).unwrap();
        assert_complete(&store, round);
        block_on(save(&store, changes(round))).unwrap();
        store.close().unwrap();
        store.close().unwrap();
    }
    assert!(
        !path.with_extension("db-wal").exists(),
        "tidied up at the end"
    );
}

#[test]
fn everything_is_there_after_dropping_the_store() {
    let (_directory, path) = directory();
    for round in 0..3 {
        let store = SqliteStore::open(&path).unwrap();
        assert_complete(&store, round);
        block_on(save(&store, changes(round))).unwrap();
    }
}

#[test]
fn refunds_postings_and_webhooks_are_there_after_opening_again() {
    let (_directory, path) = directory();
    let store = SqliteStore::open(&path).unwrap();
    block_on(save(&store, refund_changes(1))).unwrap();
    store.close().unwrap();
    let store = SqliteStore::open(&path).unwrap();
    block_on(async {
        assert_eq!(get(&store, 1).await, refund_changes(1).payment);
        let postings = store.postings(mchid(), payment_id(1)).await.unwrap();
        assert_eq!(postings, [posting(PostingKind::Paid, 1)]);
        assert_eq!(store.endpoints(mchid()).await.unwrap(), [endpoint(1)]);
        assert_eq!(deliveries(&store, 1).await, [delivery(1, 1)]);
        let log = store.delivery_attempts(mchid(), endpoint_id(1), event_id(1));
        assert_eq!(log.await.unwrap().len(), 1);
        assert_eq!(store.next_due(Lane::Webhook).await.unwrap(), Some(at(1)));
    });
}

/// The files as they are at this moment, as a machine would find them after losing power.
fn as_after_a_power_cut(path: &Path, to: &Path) {
    fs::copy(path, to).unwrap();
    let beside = |path: &Path| path.with_extension("db-wal");
    fs::copy(beside(path), beside(to)).unwrap();
}

#[test]
fn what_was_answered_survives_a_power_cut() {
    let (directory, path) = directory();
    let store = SqliteStore::open(&path).unwrap();
    for count in 0..10 {
        let copy = directory.path().join(format!("copy-{count}.db"));
        as_after_a_power_cut(&path, &copy);
        assert_complete(&SqliteStore::open(&copy).unwrap(), count);
        block_on(save(&store, changes(count))).unwrap();
    }
}

#[test]
fn a_power_cut_in_traffic_leaves_whole_requests() {
    let (directory, path) = directory();
    let store = SqliteStore::open(&path).unwrap();
    let copy = directory.path().join("copy.db");
    thread::scope(|scope| {
        for first in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for n in 0..50 {
                    block_on(save(store, changes(first * 50 + n))).unwrap();
                }
            });
        }
        // The database file itself is not written before the first checkpoint, far beyond this traffic.
        as_after_a_power_cut(&path, &copy);
    });
    let survivor = SqliteStore::open(&copy).unwrap();
    block_on(async {
        let events = survivor.events(mchid(), 0, u32::MAX).await.unwrap();
        let tasks = survivor
            .claim_tasks(Lane::Money, at(0), at(0), Lease(1), u32::MAX)
            .await;
        assert_eq!(tasks.unwrap().len(), events.len());
        for stored in events {
            let Event { payment_id, .. } = stored.event;
            let found = survivor
                .payment(PaymentKey::AnyId(payment_id.unwrap()))
                .await;
            assert_eq!(found.unwrap().unwrap().attempts.len(), 1);
        }
    });
}

#[test]
fn waiting_requests_are_finished_by_closing() {
    let (_directory, path) = directory();
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    let saved: u32 = thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|first| {
                let store = &store;
                scope.spawn(move || {
                    let ended = |n: &u32| {
                        let result = block_on(save(&**store, changes(n * 4 + first)));
                        if result.is_err() {
                            assert_unavailable(&result);
                        }
                        result.is_err()
                    };
                    (0..100_000)
                        .find(ended)
                        .expect("the store is closed meanwhile")
                })
            })
            .collect();
        while block_on(store.events(mchid(), 100, 1)).unwrap().is_empty() {
            thread::yield_now();
        }
        store.close().unwrap();
        workers.into_iter().map(|w| w.join().unwrap()).sum()
    });
    assert_unavailable(&block_on(store.ping()));
    let read = block_on(store.payment(PaymentKey::AnyId(payment_id(0))));
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    let again = SqliteStore::open(&path).unwrap();
    let events = block_on(again.events(mchid(), 0, u32::MAX)).unwrap();
    assert_eq!(u32::try_from(events.len()).unwrap(), saved);
}

#[test]
fn a_second_process_is_refused_until_the_first_has_ended() {
    let (_directory, path) = directory();
    let first = SqliteStore::open(&path).unwrap();
    let refused = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused:?}");
    let text = refused.to_string();
    assert!(text.contains("in use by another Shouyin process"), "{text}");
    assert!(!text.contains('\n'), "{text}");
    block_on(first.ping()).unwrap();
    first.close().unwrap();
    let second = SqliteStore::open(&path).unwrap();
    block_on(second.ping()).unwrap();
}

#[test]
fn a_full_disk_refuses_writing_and_recovers() {
    let (_directory, path) = directory();
    let store = SqliteStore::open(&path).unwrap();
    block_on(save(&store, changes(0))).unwrap();
    block_on(store.limit_pages(1)).unwrap();
    let mut saved = 1;
    let failure = loop {
        let mut more = changes(saved);
        more.events[0].data = "x".repeat(20_000);
        more.idempotency = Some(idempotency(&format!("key-{saved}"), mchid()));
        match block_on(save(&store, more)) {
            Ok(()) => saved += 1,
            Err(failure) => break failure,
        }
        assert!(saved < 100, "the disk is never full");
    };
    let text = failure.to_string();
    assert!(text.contains("the disk is full"), "{text}");
    assert_complete(&store, saved);
    // Reading and small changes go on.
    let shrink = TaskChange::RemoveAttemptTasks(payment_id(0));
    block_on(save(&store, of_tasks(vec![shrink]))).unwrap();
    let again = TaskChange::Put(task(TaskKind::QueryAttempt, 0, at(0)));
    block_on(save(&store, of_tasks(vec![again]))).unwrap();
    block_on(store.limit_pages(1_000_000)).unwrap();
    block_on(save(&store, changes(saved))).unwrap();
    assert_complete(&store, saved + 1);
    drop(store);
    assert_complete(&SqliteStore::open(&path).unwrap(), saved + 1);
}

#[test]
fn a_full_disk_in_traffic_leaves_whole_requests() {
    let (_directory, path) = directory();
    let store = SqliteStore::open(&path).unwrap();
    block_on(store.limit_pages(100)).unwrap();
    let saved: Vec<u32> = thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|first| {
                let store = &store;
                scope.spawn(move || {
                    let numbers = (0..100).map(|n| n * 8 + first);
                    let saved = numbers.filter(|n| {
                        let result = block_on(save(store, changes(*n)));
                        if result.is_err() {
                            assert_unavailable(&result);
                        }
                        result.is_ok()
                    });
                    saved.collect::<Vec<u32>>()
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|w| w.join().unwrap())
            .collect()
    });
    assert!(saved.len() < 800, "the disk was never full");
    assert!(!saved.is_empty());
    block_on(async {
        for n in &saved {
            assert_eq!(get(&store, *n).await, Some(payment_with_attempt(*n)));
        }
        let events = store.events(mchid(), 0, u32::MAX).await.unwrap();
        assert_eq!(events.len(), saved.len());
        store.limit_pages(1_000_000).await.unwrap();
        save(&store, changes(1000)).await.unwrap();
    });
}

/// Runs SQL behind the store's back.
pub(crate) fn tamper(path: &Path, sql: &str) {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch(sql).unwrap();
}

#[track_caller]
fn refusal(path: &Path) -> OpenError {
    let refused = SqliteStore::open(path).unwrap_err();
    assert!(!refused.to_string().contains('\n'), "{refused}");
    refused
}

#[test]
fn a_database_of_a_newer_version_is_refused() {
    let (_directory, path) = directory();
    SqliteStore::open(&path).unwrap().close().unwrap();
    tamper(
        &path,
        "insert into refinery_schema_history values (999, 'later', '2030-01-01T00:00:00Z', '1')",
    );
    let refused = refusal(&path);
    let OpenError::NewerSchema { found, known, .. } = refused else {
        panic!("expected a newer schema, got {refused:?}");
    };
    assert!(found == 999 && known < 999);
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let (_directory, path) = directory();
    fs::write(
        &path,
        "These are not the tables you are looking for.".repeat(100),
    )
    .unwrap();
    let refused = refusal(&path);
    assert!(matches!(refused, OpenError::Failed { .. }), "{refused:?}");
    assert!(
        refused.to_string().contains("file is not a database"),
        "{refused}"
    );
}

#[test]
fn a_missing_directory_is_named() {
    let (directory, _) = directory();
    let path = directory.path().join("no/such/shouyin.db");
    let refused = refusal(&path);
    assert!(
        matches!(refused, OpenError::NotWritable { .. }),
        "{refused:?}"
    );
    assert!(
        refused.to_string().contains("no/such/shouyin.db"),
        "{refused}"
    );
}

#[test]
#[cfg(unix)]
fn others_on_the_machine_cannot_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let (_directory, path) = directory();
    let store = SqliteStore::open(&path).unwrap();
    block_on(store.ping()).unwrap();
    for file in [path.clone(), path.with_extension("db-wal")] {
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", file.display());
    }
}
