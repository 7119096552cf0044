//! Postings and balances.

use std::sync::Arc;

use fen::Fen;
use shouyin_core::ledger::{Balance, Posting, PostingKind};
use shouyin_core::ports::{Changes, Store};

use crate::sample::*;

pub(crate) async fn postings_are_kept_in_their_order(store: Arc<dyn Store>) {
    // Through several orders, and a refund that was rejected and then made after all.
    let kinds = [
        PostingKind::Paid,
        PostingKind::Reserve,
        PostingKind::Release,
        PostingKind::Reserve,
        PostingKind::Release,
        PostingKind::Refunded,
    ];
    let ours: Vec<Posting> = kinds.into_iter().map(|kind| posting(kind, 1)).collect();
    let other = posting(PostingKind::Paid, 2);
    save(&*store, of_postings(ours[..4].to_vec()))
        .await
        .unwrap();
    save(&*store, of_postings(vec![other.clone()]))
        .await
        .unwrap();
    save(&*store, of_postings(ours[4..].to_vec()))
        .await
        .unwrap();
    let stored = store.postings(mchid(), payment_id(1)).await.unwrap();
    assert_eq!(stored, ours);
    let stored = store.postings(mchid(), payment_id(2)).await.unwrap();
    assert_eq!(stored, [other]);
    let foreign = store.postings(other_mchid(), payment_id(1)).await.unwrap();
    assert_eq!(foreign, []);
    let unknown = store.postings(mchid(), payment_id(3)).await.unwrap();
    assert_eq!(unknown, []);
}

pub(crate) async fn an_order_is_paid_once_and_a_refund_goes_back_once(store: Arc<dyn Store>) {
    for kind in PostingKind::ALL {
        save(&*store, of_postings(vec![posting(kind, 1)]))
            .await
            .unwrap();
    }
    for kind in [PostingKind::Paid, PostingKind::Refunded] {
        let again = Posting {
            payment_id: payment_id(2),
            amount: Fen::new(7),
            ..posting(kind, 1)
        };
        let with_event = Changes {
            events: vec![event(1, mchid())],
            ..of_postings(vec![again.clone()])
        };
        assert_conflict(&save(&*store, with_event).await);
        let twice = of_postings(vec![posting(kind, 3), posting(kind, 3)]);
        assert_conflict(&save(&*store, twice).await);
        let elsewhere = Posting {
            mchid: other_mchid(),
            ..again
        };
        save(&*store, of_postings(vec![elsewhere])).await.unwrap();
    }
    assert_eq!(store.events(mchid(), 0, 10).await.unwrap(), []);
    assert_eq!(
        store.postings(mchid(), payment_id(3)).await.unwrap(),
        [],
        "both or none"
    );
    assert_eq!(
        store.postings(mchid(), payment_id(1)).await.unwrap().len(),
        4
    );
}

async fn assert_balance(store: &dyn Store, cash: i64, reserved: i64) {
    let expected = Balance {
        cash: Fen::new(cash),
        reserved: Fen::new(reserved),
    };
    assert_eq!(store.balance(mchid()).await, Ok(expected));
}

pub(crate) async fn a_balance_is_the_sum_of_postings(store: Arc<dyn Store>) {
    assert_balance(&*store, 0, 0).await;
    let steps: [(PostingKind, u32, i64, (i64, i64)); 7] = [
        (PostingKind::Paid, 1, 1990, (1990, 0)),
        (PostingKind::Paid, 2, 10, (2000, 0)),
        (PostingKind::Reserve, 1, 500, (2000, 500)),
        (PostingKind::Reserve, 3, 70, (2000, 570)),
        (PostingKind::Release, 1, 500, (2000, 70)),
        (PostingKind::Refunded, 1, 500, (1500, 70)),
        (PostingKind::Release, 3, 70, (1500, 0)),
    ];
    for (kind, n, amount, (cash, reserved)) in steps {
        let step = Posting {
            amount: Fen::new(amount),
            ..posting(kind, n)
        };
        let elsewhere = Posting {
            mchid: other_mchid(),
            ..step.clone()
        };
        save(&*store, of_postings(vec![elsewhere, step]))
            .await
            .unwrap();
        assert_balance(&*store, cash, reserved).await;
    }
}

pub(crate) async fn a_posting_that_makes_no_sense_is_refused(store: Arc<dyn Store>) {
    let mut wrong: Vec<Posting> = [0, -1]
        .into_iter()
        .map(|amount| Posting {
            amount: Fen::new(amount),
            ..posting(PostingKind::Paid, 1)
        })
        .collect();
    wrong.push(Posting {
        out_refund_no: Some(refund_number(1)),
        ..posting(PostingKind::Paid, 1)
    });
    for kind in [
        PostingKind::Reserve,
        PostingKind::Release,
        PostingKind::Refunded,
    ] {
        wrong.push(Posting {
            out_refund_no: None,
            ..posting(kind, 1)
        });
    }
    for posting in wrong {
        assert_corrupt(&save(&*store, of_postings(vec![posting])).await);
    }
    assert_balance(&*store, 0, 0).await;
}
