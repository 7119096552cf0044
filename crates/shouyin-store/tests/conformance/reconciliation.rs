//! Days, lines of bills, differences.

use std::sync::Arc;

use fen::Fen;
use shouyin_core::Timestamp;
use shouyin_core::ledger::{Posting, PostingKind};
use shouyin_core::ports::{Changes, DifferenceFilter, Load, Store, transact};
use shouyin_core::reconciliation::model::{
    BillLine, DayState, Difference, DifferenceKind, DifferenceState, Reconciliation, Resolution,
    Tally,
};
use shouyin_core::task::{Lane, Lease, Subject, Task, TaskChange, TaskKey, TaskKind};
use shouyin_core::time::BillDate;

use crate::sample::*;

pub(crate) fn day(n: u32) -> BillDate {
    (0..n).fold(BillDate::of(at(0)), |date, _| date.next())
}

pub(crate) fn reconciliation(n: u32, state: DayState) -> Reconciliation {
    Reconciliation {
        mchid: mchid(),
        date: day(n),
        state,
        bill: None,
        matched: Tally::default(),
        tries: n,
        trouble: Some("not made yet".into()),
        fetched_at: None,
        completed_at: None,
    }
}

pub(crate) fn difference(n: u32, kind: DifferenceKind) -> Difference {
    Difference {
        mchid: mchid(),
        date: day(n),
        kind,
        out_trade_no: "an order of somebody's, \"n°\" 1".into(),
        out_refund_no: None,
        transaction_id: Some("4200000001202601051234567890".into()),
        wechat_refund_id: None,
        payment_id: Some(payment_id(n)),
        in_bill: Some(Fen::new(1990)),
        in_books: None,
        state: DifferenceState::Open,
        found_at: at(5),
        detail: "拿铁".into(),
    }
}

pub(crate) fn line(n: u32, refund: bool) -> BillLine {
    BillLine {
        mchid: mchid(),
        out_trade_no: number(n),
        out_refund_no: refund.then(|| refund_number(n)),
        date: day(0),
        amount: Fen::new(1990),
    }
}

async fn put_days(store: &dyn Store, reconciliations: Vec<Reconciliation>) {
    let changes = Changes {
        reconciliations,
        ..Changes::default()
    };
    save(store, changes).await.unwrap();
}

async fn put_differences(store: &dyn Store, differences: Vec<Difference>) {
    let changes = Changes {
        differences,
        ..Changes::default()
    };
    save(store, changes).await.unwrap();
}

async fn differences(store: &dyn Store, date: Option<BillDate>, open: bool) -> Vec<Difference> {
    let filter = DifferenceFilter {
        date,
        unresolved: open,
    };
    store.differences(mchid(), filter).await.unwrap()
}

pub(crate) async fn every_state_of_a_day_is_kept(store: Arc<dyn Store>) {
    let tally = Tally {
        payments: 3,
        paid: Fen::new(5970),
        refunds: 1,
        refunded: Fen::new(990),
        revoked: 2,
        fees: -11_940,
    };
    for state in DayState::ALL {
        let waiting = reconciliation(1, state);
        put_days(&*store, vec![waiting.clone()]).await;
        let found = store.reconciliation(mchid(), day(1)).await.unwrap();
        assert_eq!(found, Some(waiting.clone()));
        let compared = Reconciliation {
            bill: Some(tally),
            matched: Tally {
                payments: 2,
                ..tally
            },
            trouble: None,
            fetched_at: Some(at(7)),
            completed_at: Some(at(8)),
            ..waiting
        };
        put_days(&*store, vec![compared.clone()]).await;
        let load = Load {
            reconciliation: Some((mchid(), day(1))),
            ..Load::default()
        };
        let seen = transact(&*store, load, |loaded| {
            (loaded.reconciliation, Changes::default())
        });
        assert_eq!(seen.await.unwrap(), Some(compared));
    }
    assert_eq!(store.reconciliation(mchid(), day(2)).await.unwrap(), None);
    let theirs = store.reconciliation(other_mchid(), day(1)).await.unwrap();
    assert_eq!(theirs, None);
}

pub(crate) async fn days_are_paged_newest_first(store: Arc<dyn Store>) {
    let days: Vec<Reconciliation> = [2, 0, 3, 1]
        .map(|n| reconciliation(n, DayState::Waiting))
        .into();
    put_days(&*store, days).await;
    let foreign = Reconciliation {
        mchid: other_mchid(),
        ..reconciliation(9, DayState::Waiting)
    };
    put_days(&*store, vec![foreign]).await;
    let page = async |before, limit| {
        let days = store.reconciliations(mchid(), before, limit).await.unwrap();
        days.into_iter().map(|day| day.tries).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 10).await, [3, 2, 1, 0]);
    assert_eq!(page(None, 2).await, [3, 2]);
    assert_eq!(page(Some(day(2)), 2).await, [1, 0]);
    assert_eq!(page(Some(day(0)), 2).await, Vec::<u32>::new());
}

pub(crate) async fn every_difference_is_kept_once(store: Arc<dyn Store>) {
    let mut all: Vec<Difference> = DifferenceKind::ALL.map(|kind| difference(1, kind)).into();
    let of_refund = Difference {
        out_refund_no: Some("R@1".into()),
        wechat_refund_id: Some("50300000012026010500000000001".into()),
        transaction_id: None,
        payment_id: None,
        in_bill: None,
        in_books: Some(Fen::new(1)),
        ..difference(1, DifferenceKind::NotPaidHere)
    };
    all.push(of_refund);
    put_differences(&*store, all.clone()).await;
    assert_eq!(differences(&*store, Some(day(1)), false).await, all);
    // The same ones again, further on.
    let at = at(99);
    let states = [
        DifferenceState::Asked,
        DifferenceState::Open,
        DifferenceState::Resolved {
            at,
            by: Resolution::Books,
        },
        DifferenceState::Resolved {
            at,
            by: Resolution::Bill,
        },
    ];
    for state in states {
        for known in &mut all {
            known.state = state;
            known.detail = format!("{state:?}");
        }
        put_differences(&*store, all.clone()).await;
        assert_eq!(differences(&*store, None, false).await, all);
    }
    assert_eq!(differences(&*store, None, true).await, []);
    let open = difference(2, DifferenceKind::MissingInBill);
    put_differences(&*store, vec![open.clone()]).await;
    assert_eq!(
        differences(&*store, None, true).await,
        std::slice::from_ref(&open)
    );
    assert_eq!(differences(&*store, Some(day(2)), true).await, [open]);
    assert_eq!(differences(&*store, Some(day(1)), true).await, []);
    let theirs = store.differences(other_mchid(), DifferenceFilter::default());
    assert_eq!(theirs.await.unwrap(), []);
}

pub(crate) async fn money_without_a_line_in_any_bill_is_found(store: Arc<dyn Store>) {
    let made = |kind, n: u32, ms| Posting {
        at: at(ms),
        ..posting(kind, n)
    };
    let postings = vec![
        made(PostingKind::Paid, 1, 10),
        made(PostingKind::Paid, 2, 20),
        made(PostingKind::Reserve, 2, 21),
        made(PostingKind::Release, 2, 22),
        made(PostingKind::Refunded, 2, 23),
        made(PostingKind::Paid, 3, 30),
    ];
    let changes = Changes {
        postings: postings.clone(),
        ..Changes::default()
    };
    save(&*store, changes).await.unwrap();
    let unbilled = async |from, until: i64| {
        let found = store.unbilled(mchid(), at(from), at(until)).await.unwrap();
        let places = found.iter().map(|posting| {
            let place = postings.iter().position(|known| known == posting);
            place.unwrap()
        });
        places.collect::<Vec<_>>()
    };
    assert_eq!(unbilled(0, 100).await, [0, 1, 4, 5]);
    assert_eq!(unbilled(10, 30).await, [0, 1, 4]);
    let lines = async |bill_lines: Vec<BillLine>| {
        let changes = Changes {
            bill_lines,
            ..Changes::default()
        };
        save(&*store, changes).await.unwrap();
    };
    lines(vec![line(2, true), line(1, false)]).await;
    assert_eq!(unbilled(0, 100).await, [1, 5]);
    // Another merchant's line is not ours, and a line is kept once.
    let foreign = BillLine {
        mchid: other_mchid(),
        ..line(3, false)
    };
    lines(vec![foreign, line(1, false), line(1, false)]).await;
    assert_eq!(unbilled(0, 100).await, [1, 5]);
    lines(vec![line(2, false), line(3, false)]).await;
    assert_eq!(unbilled(0, 100).await, Vec::<usize>::new());
}

pub(crate) async fn a_days_task_is_kept_and_its_lease_extended(store: Arc<dyn Store>) {
    let task = |n: u32| Task {
        key: TaskKey {
            kind: TaskKind::FetchBill,
            subject: Subject::Bill(mchid(), day(n)),
        },
        mchid: mchid(),
        due_at: at(10),
        tries: 0,
        lease: None,
    };
    let put = [2, 1].map(|n| TaskChange::Put(task(n)));
    save(&*store, of_tasks(put.into())).await.unwrap();
    let claim = async |now: Timestamp, lease| {
        let until = now.plus_ms(1000);
        let tasks = store.claim_tasks(Lane::Bill, now, until, lease, 1);
        tasks.await.unwrap().into_iter().map(|task| task.key).next()
    };
    let (first, second) = (Lease(1), Lease(2));
    assert_eq!(claim(at(10), first).await, Some(task(1).key));
    let extend = |lease| TaskChange::Extend {
        key: task(1).key,
        lease,
        until: at(5000),
    };
    save(&*store, of_tasks(vec![extend(second)])).await.unwrap();
    save(&*store, of_tasks(vec![extend(first)])).await.unwrap();
    assert_eq!(claim(at(2000), second).await, Some(task(2).key));
    assert_eq!(claim(at(2000), second).await, None);
    assert_eq!(claim(at(5000), second).await, Some(task(2).key));
    // Whoever lost the lease cannot extend it.
    assert_eq!(claim(at(5000), second).await, Some(task(1).key));
    save(&*store, of_tasks(vec![extend(first)])).await.unwrap();
    let finish = TaskChange::Finish {
        key: task(1).key,
        lease: second,
    };
    save(&*store, of_tasks(vec![finish])).await.unwrap();
    let due = store.next_due(Lane::Bill).await.unwrap();
    assert_eq!(due, Some(at(6000)));
    assert_eq!(store.next_due(Lane::Money).await.unwrap(), None);
}
