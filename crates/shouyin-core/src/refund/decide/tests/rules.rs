//! One rule, one test.

use fen::Fen;

use super::super::*;
use super::world::{TOTAL, World, at, fact, ids, paid, refused, unknown, wanted};
use crate::event::EventType;
use crate::id::{OutTradeNo, RefundNo};
use crate::incident::IncidentKind;
use crate::outcome::{Outcome, RefusalKind};
use crate::payment::model::{Payment, REQUEST_MAY_ARRIVE_MS};
use crate::ports::{Changes, RefundStatus};
use crate::refund::model::{MAX_REFUNDS, REFUND_WINDOW_MS, RefundOrigin, RefundState};
use crate::task::TaskChange;
use crate::time::MINUTE_MS;

fn events(changes: &Changes) -> Vec<EventType> {
    changes
        .events
        .iter()
        .map(|event| event.event_type)
        .collect()
}

/// A refund of 40 of 100 fen, sent.
fn sent() -> (Payment, OutRefundNo, TaskRun) {
    let payment = paid();
    let (requested, changes) =
        request(&payment, &wanted(&payment, "r1", 40), at(0), &ids()).unwrap();
    let (order, run) = requested.send.expect("nothing to wait for");
    assert_eq!(order.total, Fen::new(TOTAL));
    assert_eq!(order.out_refund_no, requested.refund.out_refund_no);
    assert_eq!(events(&changes), [EventType::RefundCreated]);
    assert_eq!(changes.postings[0].kind, PostingKind::Reserve);
    (changes.payment.unwrap(), order.out_refund_no, run)
}

fn state(changes: &Changes, number: &OutRefundNo) -> RefundState {
    let payment = changes.payment.as_ref().unwrap();
    payment.refund(number).unwrap().state.clone()
}

fn is_owed(changes: &Changes, kind: TaskKind) -> bool {
    changes.tasks.iter().any(|change| match change {
        TaskChange::Put(task) | TaskChange::PutIfAbsent(task) | TaskChange::Wake(task) => {
            task.key.kind == kind
        }
        TaskChange::Reschedule { key, .. } | TaskChange::Extend { key, .. } => key.kind == kind,
        TaskChange::Finish { .. } | TaskChange::Remove(_) | TaskChange::RemoveAttemptTasks(_) => {
            false
        }
    })
}

#[test]
fn all_that_is_left_is_refunded_when_no_amount_is_named() {
    let (payment, ..) = sent();
    let rest = NewRefund {
        amount: None,
        ..wanted(&payment, "r2", 1)
    };
    let (requested, _) = request(&payment, &rest, at(1), &ids()).unwrap();
    assert_eq!(requested.refund.amount, Fen::new(60));
    assert!(
        requested.send.is_none(),
        "WeChat wants a minute between two refunds of an order"
    );
    let (requested, _) = request(&payment, &rest, at(MINUTE_MS), &ids()).unwrap();
    assert!(requested.send.is_some());
}

#[test]
fn more_than_what_is_left_is_refused() {
    let (payment, ..) = sent();
    let much = request(&payment, &wanted(&payment, "r2", 61), at(1), &ids());
    assert_eq!(
        much.unwrap_err(),
        RefundError::TooMuch { left: Fen::new(60) }
    );
    for amount in [0, -1] {
        let refused = request(&payment, &wanted(&payment, "r2", amount), at(1), &ids());
        assert!(matches!(
            refused,
            Err(RefundError::Invalid {
                field: "amount_fen",
                ..
            })
        ));
    }
    let (requested, _) = request(&payment, &wanted(&payment, "r2", 60), at(1), &ids()).unwrap();
    assert_eq!(requested.refund.amount, Fen::new(60));
}

#[test]
fn the_same_number_is_the_same_refund() {
    let (payment, number, _) = sent();
    let (again, changes) = request(&payment, &wanted(&payment, "r1", 40), at(1), &ids()).unwrap();
    assert!(!again.is_new && again.send.is_none() && changes.is_empty());
    assert_eq!(again.refund.out_refund_no, number);
    let other = request(&payment, &wanted(&payment, "r1", 41), at(1), &ids());
    assert!(matches!(other, Err(RefundError::RefundNoTaken { .. })));
}

#[test]
fn a_server_that_forgot_a_refund_asks_for_it_under_the_same_number() {
    let payment = paid();
    let number = |refund_no: &str, at_ms| {
        let new = wanted(&payment, refund_no, 40);
        let (requested, _) = request(&payment, &new, at(at_ms), &ids()).unwrap();
        requested.refund.out_refund_no
    };
    assert_eq!(number("r1", 0), number("r1", 86_400_000));
    assert_ne!(number("r1", 0), number("r2", 0));
    // WeChat's news came first: the shop's repetition finds it.
    let told = fact(&payment, &number("r1", 0), 40, RefundStatus::Success);
    let after = on_fact(&payment, &told, at(1), &ids())
        .unwrap()
        .payment
        .unwrap();
    let (again, changes) = request(&after, &wanted(&after, "r1", 40), at(2), &ids()).unwrap();
    assert!(!again.is_new && changes.is_empty());
}

#[test]
fn wechats_limits_are_checked_before_the_call() {
    let mut payment = paid();
    let late = request(
        &payment,
        &wanted(&payment, "r", 1),
        at(REFUND_WINDOW_MS + 1),
        &ids(),
    );
    assert_eq!(late.unwrap_err(), RefundError::TooLate);
    assert!(
        request(
            &payment,
            &wanted(&payment, "r", 1),
            at(REFUND_WINDOW_MS),
            &ids()
        )
        .is_ok()
    );
    let ids = ids();
    for n in 0..MAX_REFUNDS {
        let new = wanted(&payment, &format!("r{n}"), 1);
        let (_, changes) = request(&payment, &new, at(0), &ids).unwrap();
        payment = changes.payment.unwrap();
    }
    let more = request(&payment, &wanted(&payment, "one-more", 1), at(0), &ids);
    assert_eq!(more.unwrap_err(), RefundError::TooMany);
    let emoji = NewRefund {
        reason: Some("\u{1f600}".into()),
        refund_no: RefundNo::parse("x").unwrap(),
        ..wanted(&payment, "x", 1)
    };
    assert!(matches!(
        request(&payment, &emoji, at(0), &ids),
        Err(RefundError::Invalid {
            field: "reason",
            ..
        })
    ));
}

#[test]
fn an_unpaid_attempt_is_not_refunded() {
    let payment = paid();
    let other = NewRefund {
        out_trade_no: Some(OutTradeNo::parse("other-1").unwrap()),
        ..wanted(&payment, "r1", 1)
    };
    assert_eq!(
        request(&payment, &other, at(0), &ids()).unwrap_err(),
        RefundError::NotPaid
    );
}

#[test]
fn no_answer_keeps_the_money_reserved_and_the_number() {
    let (payment, number, run) = sent();
    let changes = on_sent(&payment, &number, &unknown(), &run, at(8_000), &ids());
    assert!(changes.payment.is_none() && changes.postings.is_empty());
    assert!(is_owed(&changes, TaskKind::SendRefund));
    let (order, _) = begin_send(&payment, &number, &run, at(9_000));
    assert_eq!(order.unwrap().out_refund_no, number);
}

#[test]
fn accepted_is_not_succeeded() {
    let (payment, number, run) = sent();
    let accepted = Outcome::Succeeded(fact(&payment, &number, 40, RefundStatus::Processing));
    let changes = on_sent(&payment, &number, &accepted, &run, at(1), &ids());
    assert_eq!(state(&changes, &number), RefundState::Processing);
    assert!(events(&changes).is_empty() && changes.postings.is_empty());
    assert!(is_owed(&changes, TaskKind::QueryRefund));
}

#[test]
fn a_success_is_told_once_and_moves_the_money_once() {
    let (payment, number, _) = sent();
    let told = fact(&payment, &number, 40, RefundStatus::Success);
    let changes = on_fact(&payment, &told, at(1), &ids()).unwrap();
    assert_eq!(events(&changes), [EventType::RefundSucceeded]);
    let kinds: Vec<_> = changes
        .postings
        .iter()
        .map(|posting| posting.kind)
        .collect();
    assert_eq!(kinds, [PostingKind::Release, PostingKind::Refunded]);
    let after = changes.payment.unwrap();
    for late in [
        RefundStatus::Success,
        RefundStatus::Processing,
        RefundStatus::Abnormal,
    ] {
        let copy = fact(&payment, &number, 40, late);
        assert!(on_fact(&after, &copy, at(2), &ids()).unwrap().is_empty());
    }
    let closed = fact(&payment, &number, 40, RefundStatus::Closed);
    let contradiction = on_fact(&after, &closed, at(2), &ids()).unwrap_err();
    assert_eq!(contradiction.kind, IncidentKind::RefundContradiction);
}

#[test]
fn a_closed_refund_frees_its_money() {
    let (payment, number, _) = sent();
    let told = fact(&payment, &number, 40, RefundStatus::Closed);
    let changes = on_fact(&payment, &told, at(1), &ids()).unwrap();
    assert_eq!(events(&changes), [EventType::RefundClosed]);
    let after = changes.payment.unwrap();
    assert!(request(&after, &wanted(&after, "r2", TOTAL), at(MINUTE_MS), &ids()).is_ok());
}

#[test]
fn an_abnormal_refund_waits_for_a_person() {
    let (payment, number, _) = sent();
    assert_eq!(request_remedy(&payment, &number, at(1)), Err(NotAbnormal));
    let told = fact(&payment, &number, 40, RefundStatus::Abnormal);
    let changes = on_fact(&payment, &told, at(1), &ids()).unwrap();
    assert_eq!(events(&changes), [EventType::RefundActionNeeded]);
    assert!(
        is_owed(&changes, TaskKind::QueryRefund),
        "somebody may act in WeChat's console"
    );
    let abnormal = changes.payment.unwrap();
    let stale = fact(&payment, &number, 40, RefundStatus::Processing);
    assert!(
        on_fact(&abnormal, &stale, at(2), &ids())
            .unwrap()
            .is_empty()
    );

    let noted = request_remedy(&abnormal, &number, at(3)).unwrap();
    assert!(is_owed(&noted, TaskKind::QueryRefund));
    let noted = noted.payment.unwrap();
    let accepted = Outcome::Succeeded(stale);
    let changes = on_remedy(&noted, &accepted, at(4), &ids());
    assert_eq!(state(&changes, &number), RefundState::Processing);
    assert!(on_remedy(&noted, &unknown(), at(4), &ids()).is_empty());
}

#[test]
fn a_balance_that_is_too_low_is_told_once_and_the_number_stays() {
    let (payment, number, run) = sent();
    let low = refused(RefusalKind::NotEnough, true);
    let changes = on_sent(&payment, &number, &low, &run, at(1), &ids());
    assert_eq!(events(&changes), [EventType::RefundActionNeeded]);
    assert!(is_owed(&changes, TaskKind::SendRefund));
    let waiting = changes.payment.unwrap();
    let again = on_sent(&waiting, &number, &low, &run, at(2), &ids());
    assert!(events(&again).is_empty());
    let (order, _) = begin_send(&waiting, &number, &run, at(3));
    assert_eq!(order.unwrap().out_refund_no, number);
}

#[test]
fn a_first_no_is_final_and_a_later_no_is_checked() {
    let (payment, number, run) = sent();
    let no = refused(RefusalKind::Other, true);
    let changes = on_sent(&payment, &number, &no, &run, at(1), &ids());
    assert_eq!(events(&changes), [EventType::RefundRejected]);
    assert_eq!(changes.postings[0].kind, PostingKind::Release);

    // The first request's answer was lost: it may have been taken.
    let (_, changes) = begin_send(&payment, &number, &run, at(10));
    let twice = changes.payment.unwrap();
    let changes = on_sent(&twice, &number, &no, &run, at(11), &ids());
    assert_eq!(state(&changes, &number), RefundState::Recorded);
    assert!(is_owed(&changes, TaskKind::QueryRefund));
    let refused_once = changes.payment.unwrap();
    let missing = refused(RefusalKind::OrderNotExist, true);
    let early = on_query(&refused_once, &number, &missing, &run, at(12), &ids());
    assert!(early.payment.is_none(), "a request may still be on its way");
    let late = at(10 + REQUEST_MAY_ARRIVE_MS);
    let changes = on_query(&refused_once, &number, &missing, &run, late, &ids());
    assert_eq!(events(&changes), [EventType::RefundRejected]);
}

#[test]
fn a_no_that_nobody_signed_changes_no_money() {
    let (payment, number, run) = sent();
    let changes = on_sent(
        &payment,
        &number,
        &refused(RefusalKind::Other, false),
        &run,
        at(1),
        &ids(),
    );
    assert_eq!(state(&changes, &number), RefundState::Recorded);
    assert!(changes.postings.is_empty() && is_owed(&changes, TaskKind::SendRefund));
}

#[test]
fn a_refund_that_wechat_never_got_is_sent_again() {
    let (payment, number, run) = sent();
    let missing = refused(RefusalKind::OrderNotExist, true);
    let changes = on_query(&payment, &number, &missing, &run, at(MINUTE_MS), &ids());
    assert!(is_owed(&changes, TaskKind::SendRefund));
    assert!(changes.payment.is_none());
}

#[test]
fn a_refund_made_in_wechats_console_appears_by_itself() {
    let payment = paid();
    let number = OutRefundNo::parse("console@1").unwrap();
    let told = fact(&payment, &number, 30, RefundStatus::Success);
    let changes = on_fact(&payment, &told, at(1), &ids()).unwrap();
    assert_eq!(
        events(&changes),
        [EventType::RefundCreated, EventType::RefundSucceeded]
    );
    let after = changes.payment.unwrap();
    assert_eq!(after.refunds[0].origin, RefundOrigin::Console);
    assert_eq!(after.refunded(), (Fen::new(30), Fen::ZERO));
    assert!(on_fact(&after, &told, at(2), &ids()).unwrap().is_empty());
    let much = request(&after, &wanted(&after, "r1", 71), at(MINUTE_MS), &ids());
    assert_eq!(
        much.unwrap_err(),
        RefundError::TooMuch { left: Fen::new(70) }
    );
}

#[test]
fn what_does_not_match_our_record_moves_no_money() {
    let (payment, number, _) = sent();
    let good = fact(&payment, &number, 40, RefundStatus::Success);
    let mut cases = Vec::new();
    let mut case = |name: &str, change: &dyn Fn(&mut crate::ports::RefundFact)| {
        let mut bad = good.clone();
        change(&mut bad);
        cases.push((name.to_owned(), bad));
    };
    case("one fen more", &|f| f.amount = Fen::new(41));
    case("one fen less", &|f| f.amount = Fen::new(39));
    case("another total", &|f| f.total = Fen::new(101));
    case("another merchant", &|f| f.mchid = Some("1900000002".into()));
    case("another currency", &|f| f.currency = Some("USD".into()));
    case("another transaction", &|f| {
        f.transaction_id = crate::id::TransactionId::parse("4200000009").unwrap();
    });
    case("another order", &|f| {
        f.out_trade_no = OutTradeNo::parse("order-2").unwrap()
    });
    case("no time of success", &|f| f.success_at = None);
    for (name, bad) in cases {
        assert!(on_fact(&payment, &bad, at(1), &ids()).is_err(), "{name}");
    }
    let strange = fact(&payment, &number, 40, RefundStatus::Other("MAYBE".into()));
    assert!(
        on_fact(&payment, &strange, at(1), &ids())
            .unwrap()
            .is_empty()
    );
}

#[test]
fn racing_requests_can_never_take_more_than_was_paid() {
    let mut world = World::new();
    let mut refused = 0;
    for n in 0..500 {
        let new = wanted(&world.payment, &format!("r{n}"), 3);
        match request(&world.payment, &new, world.now, &world.ids) {
            Ok((_, changes)) => world.apply(changes),
            Err(RefundError::TooMuch { .. }) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(world.payment.refunds.len(), 33);
    assert_eq!(refused, 467);
}

#[test]
fn news_that_nobody_signed_only_makes_us_ask() {
    let payment = paid();
    let number = OutRefundNo::parse("by-hand-1").unwrap();
    let task = query_task(&payment, &number, at(1));
    let run = TaskRun {
        key: task.key,
        lease: crate::task::Lease(1),
        tries: 0,
    };
    // WeChat knows nothing of it: it was made up.
    let missing = refused(RefusalKind::OrderNotExist, true);
    let changes = on_query(&payment, &number, &missing, &run, at(2), &ids());
    assert_eq!(changes, Changes::tasks(vec![run.finish()]));
    // WeChat knows it: it was made by hand in the console.
    let told = Outcome::Succeeded(fact(&payment, &number, 30, RefundStatus::Processing));
    let changes = on_query(&payment, &number, &told, &run, at(2), &ids());
    assert_eq!(events(&changes), [EventType::RefundCreated]);
    assert!(is_owed(&changes, TaskKind::QueryRefund));
}
