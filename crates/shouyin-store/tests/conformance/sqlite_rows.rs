//! What the rows of a SQLite file may say: rules that the database holds by itself, and rows that make no sense.

use rusqlite::Connection;
use shouyin_core::ports::{DeliveryFilter, PaymentKey, Store, StoreError};
use shouyin_store::SqliteStore;

use crate::block_on::block_on;
use crate::sample::*;
use crate::sqlite::{changes, directory, refund_changes, tamper};

#[test]
fn a_row_that_makes_no_sense_is_named() {
    for (sql, expected) in [
        (
            "update payment set payer = '' where seq = 1",
            format!("payment {}, column payer", payment_id(1)),
        ),
        (
            "update payment set payer_total_fen = null, mchid = 'no digits'",
            format!("payment {}, column mchid", payment_id(1)),
        ),
        (
            "pragma ignore_check_constraints = on; update payment set state = 'lost'",
            format!("payment {}", payment_id(1)),
        ),
        (
            "pragma ignore_check_constraints = on; update attempt set handle_at = null",
            format!("attempt {}", number(1)),
        ),
    ] {
        let (_directory, path) = directory();
        let store = SqliteStore::open(&path).unwrap();
        block_on(save(&store, changes(1))).unwrap();
        store.close().unwrap();
        tamper(&path, sql);
        let store = SqliteStore::open(&path).unwrap();
        let read = block_on(store.payment(PaymentKey::AnyId(payment_id(1))));
        match read {
            Err(StoreError::Corrupt(text)) => assert!(text.contains(&expected), "{text}"),
            other => panic!("{sql}: expected a corrupt row, got {other:?}"),
        }
        block_on(store.ping()).unwrap();
    }
}

#[test]
fn an_unknown_event_type_is_named() {
    let (_directory, path) = directory();
    let store = SqliteStore::open(&path).unwrap();
    block_on(save(&store, changes(1))).unwrap();
    store.close().unwrap();
    tamper(&path, "update event set type = 'payment.eaten'");
    let store = SqliteStore::open(&path).unwrap();
    let read = block_on(store.events(mchid(), 0, 10));
    let expected = "event 1, column type: \"payment.eaten\" is not known";
    assert_eq!(read, Err(StoreError::Corrupt(expected.into())));
}

#[test]
fn a_row_of_a_refund_or_webhook_that_makes_no_sense_is_named() {
    let names = [
        ("refund", refund_id(1).to_string()),
        ("webhook_endpoint", endpoint_id(1).to_string()),
        ("webhook_delivery", "of event 1".into()),
        ("webhook_delivery_attempt", "of event 1".into()),
        ("posting", "1".into()),
    ];
    for (sql, (table, row)) in [
        "update refund set state = 'succeeded'",
        "update webhook_endpoint set event_types = 'payment.paid payment.eaten'",
        "update webhook_delivery set event_type = 'payment.eaten'",
        "update webhook_delivery_attempt set reason = 'both'",
        "drop trigger posting_is_never_changed; update posting set out_refund_no = ''",
    ]
    .into_iter()
    .zip(names)
    {
        let (_directory, path) = directory();
        let store = SqliteStore::open(&path).unwrap();
        block_on(save(&store, refund_changes(1))).unwrap();
        store.close().unwrap();
        tamper(
            &path,
            &format!("pragma ignore_check_constraints = on; {sql}"),
        );
        let store = SqliteStore::open(&path).unwrap();
        let read = block_on(async {
            let filter = DeliveryFilter {
                limit: 9,
                ..DeliveryFilter::default()
            };
            store.payment(PaymentKey::AnyId(payment_id(1))).await?;
            store.endpoint(endpoint_id(1)).await?;
            store.deliveries(mchid(), endpoint_id(1), filter).await?;
            store
                .delivery_attempts(mchid(), endpoint_id(1), event_id(1))
                .await?;
            store.postings(mchid(), payment_id(1)).await.map(|_| ())
        });
        match read {
            Err(StoreError::Corrupt(text)) => {
                assert!(text.contains(&format!("{table} {row}")), "{text}");
            }
            other => panic!("{sql}: expected a corrupt row, got {other:?}"),
        }
    }
}

#[test]
fn the_file_is_durable_and_checked() {
    let (_directory, path) = directory();
    let store = SqliteStore::open(&path).unwrap();
    block_on(save(&store, changes(1))).unwrap();
    block_on(save(&store, refund_changes(2))).unwrap();
    store.close().unwrap();
    let conn = Connection::open(&path).unwrap();
    let text = |sql: &str| -> String { conn.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(text("pragma journal_mode"), "wal");
    assert_eq!(text("pragma integrity_check"), "ok");
    // The database holds the rules too, for whoever writes into it by hand.
    conn.execute_batch("pragma foreign_keys = on").unwrap();
    for sql in [
        "update payment set amount_fen = 0",
        "update payment set state = 'paid'",
        "update payment set state = 'refunded'",
        "update attempt set payment_id = 'pay_none'",
        "update attempt set state = 'rejected'",
        "update task set kind = 'make_coffee'",
        "update payment set amount_fen = 'nineteen'",
        "update attempt set amount_fen = 0",
        "update refund set amount_fen = -1",
        "update refund set out_trade_no = 'none'",
        "update refund set state = 'closed'",
        "update posting set amount_fen = 1",
        "delete from posting",
        "insert into posting (mchid, kind, payment_id, out_trade_no, amount_fen, at) values ('1', 'paid', 'p', 'o', 0, 0)",
        "update webhook_delivery set mchid = '1'",
        "update webhook_delivery set state = 'failed'",
        "delete from webhook_endpoint",
    ] {
        let refused = conn.execute_batch(sql).unwrap_err();
        let code = refused.sqlite_error_code();
        assert_eq!(
            code,
            Some(rusqlite::ErrorCode::ConstraintViolation),
            "{sql}"
        );
    }
}
