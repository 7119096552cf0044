//! The rules, as tables and as properties.

use std::sync::atomic::{AtomicU64, Ordering};

use fen::Fen;
use proptest::prelude::*;

use super::*;
use crate::event::EventType;
use crate::id::{Appid, Mchid, Openid, OrderNo, PrepayId, Route, TransactionId};
use crate::incident::IncidentKind;
use crate::outcome::{Doubt, Outcome, Refusal, RefusalKind};
use crate::payment::model::{AttemptState, CloseReason, REQUEST_MAY_ARRIVE_MS};
use crate::policy::Policy;
use crate::ports::{Trade, TradeState};
use crate::product::{Handle, Product};
use crate::task::Lease;
use crate::time::{HOUR_MS, MINUTE_MS, SECOND_MS};

mod charge;
mod money;
mod pauses;

/// With the policy that most merchants have.
fn on_trade(
    payment: &Payment,
    trade: &Trade,
    now: Timestamp,
    ids: &dyn Ids,
) -> Result<Changes, Mismatch> {
    super::on_trade(payment, trade, Policy::default(), now, ids)
}

fn on_query(
    payment: &Payment,
    number: &OutTradeNo,
    outcome: &Outcome<Trade>,
    run: &TaskRun,
    now: Timestamp,
    ids: &dyn Ids,
) -> Changes {
    super::on_query(payment, number, outcome, run, Policy::default(), now, ids)
}

fn on_prepay(
    payment: &Payment,
    number: &OutTradeNo,
    outcome: &Outcome<Handle>,
    run: &TaskRun,
    now: Timestamp,
) -> Changes {
    super::on_prepay(payment, number, outcome, run, now, &ids())
}

fn route() -> Route {
    Route::parse("v3").unwrap()
}

fn pay(
    payment: &Payment,
    appid: &Appid,
    payer: &Openid,
    now: Timestamp,
    ids: &dyn Ids,
) -> (PayDecision, Changes) {
    let asker = Asker::Payer {
        appid: appid.clone(),
        openid: payer.clone(),
    };
    super::pay(payment, &asker, &route(), now, ids)
}

struct Counter(AtomicU64);
impl Ids for Counter {
    fn random(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)) | 1 << 127
    }
}

fn ids() -> Counter {
    Counter(AtomicU64::new(1))
}

const T0: Timestamp = Timestamp::from_millis(1_767_585_784_000);

fn at(ms: i64) -> Timestamp {
    T0.plus_ms(ms)
}

fn new_payment() -> NewPayment {
    NewPayment {
        mchid: Mchid::parse("1900000001").unwrap(),
        appid: Appid::parse("wx1111222233334444").unwrap(),
        product: Product::MiniProgram,
        order_no: OrderNo::parse("coffee-1").unwrap(),
        amount: Fen::new(1990),
        description: "拿铁 Latte".into(),
        attach: None,
        expires_in_ms: 30 * MINUTE_MS,
    }
}

fn alice() -> Openid {
    Openid::parse("oAlice").unwrap()
}

fn created(ids: &dyn Ids) -> Payment {
    create(None, &new_payment(), T0, ids).unwrap().0.payment
}

/// A payment whose payer tapped "pay": one attempt recorded, its order on the way.
fn sent(ids: &dyn Ids) -> (Payment, OutTradeNo, TaskRun) {
    let payment = created(ids);
    let (decision, changes) = pay(&payment, &payment.appid, &alice(), T0, ids);
    let PayDecision::Send { order, run } = decision else {
        panic!("{decision:?}")
    };
    (changes.payment.unwrap(), order.out_trade_no, run)
}

/// The same after WeChat's answer.
fn ready(ids: &dyn Ids) -> (Payment, OutTradeNo, TaskRun) {
    let (payment, number, run) = sent(ids);
    let changes = on_prepay(
        &payment,
        &number,
        &Outcome::Succeeded(prepay_id()),
        &run,
        T0,
    );
    (changes.payment.unwrap(), number, run)
}

fn prepay_id() -> Handle {
    Handle::PrepayId(PrepayId::parse("wx201410272009395522657a690389285100").unwrap())
}

fn trade(number: &OutTradeNo, state: TradeState) -> Trade {
    let paid = matches!(state, TradeState::Success | TradeState::Refund);
    Trade {
        mchid: "1900000001".into(),
        appid: "wx1111222233334444".into(),
        out_trade_no: number.clone(),
        state,
        transaction_id: paid.then(|| TransactionId::parse("4200000001").unwrap()),
        trade_type: paid.then(|| "JSAPI".into()),
        success_at: paid.then_some(at(5_000)),
        total: Some(Fen::new(1990)),
        payer_total: paid.then_some(Fen::new(1990)),
        currency: Some("CNY".into()),
        payer: paid.then(alice),
    }
}

fn run_of(kind: TaskKind, payment: &Payment, number: &OutTradeNo) -> TaskRun {
    TaskRun {
        key: key(kind, payment, Some(number)),
        lease: Lease(9),
        tries: 0,
    }
}

fn rejected<T>(kind: RefusalKind) -> Outcome<T> {
    Outcome::Rejected(Refusal {
        kind,
        code: "CODE".into(),
        message: "..".into(),
        request_id: None,
        verified: true,
    })
}

fn unknown<T>() -> Outcome<T> {
    Outcome::Unknown(Doubt {
        reason: "no answer".into(),
        code: None,
        request_id: None,
        not_sent: false,
    })
}

fn puts(changes: &Changes) -> Vec<TaskKind> {
    let kind = |change: &TaskChange| match change {
        TaskChange::Put(task) | TaskChange::PutIfAbsent(task) | TaskChange::Wake(task) => {
            Some(task.key.kind)
        }
        TaskChange::Reschedule { .. }
        | TaskChange::Finish { .. }
        | TaskChange::Remove(_)
        | TaskChange::Extend { .. }
        | TaskChange::RemoveAttemptTasks(_) => None,
    };
    changes.tasks.iter().filter_map(kind).collect()
}

fn reschedules(changes: &Changes) -> usize {
    changes
        .tasks
        .iter()
        .filter(|change| matches!(change, TaskChange::Reschedule { .. }))
        .count()
}

fn events(changes: &Changes) -> Vec<EventType> {
    changes
        .events
        .iter()
        .map(|event| event.event_type)
        .collect()
}

#[test]
fn limits_of_a_new_payment_are_checked_one_by_one() {
    let check = |field: &str, spoil: fn(&mut NewPayment)| {
        let mut new = new_payment();
        spoil(&mut new);
        match create(None, &new, T0, &ids()) {
            Err(CreateError::Invalid { field: named, .. }) => assert_eq!(named, field),
            other => panic!("{field}: {other:?}"),
        }
    };
    check("amount_fen", |new| new.amount = Fen::new(0));
    check("amount_fen", |new| new.amount = Fen::new(-1));
    check("amount_fen", |new| {
        new.amount = Fen::new(MAX_AMOUNT_FEN + 1)
    });
    check("description", |new| new.description = "  ".into());
    check("description", |new| {
        new.description = "咖".repeat(MAX_DESCRIPTION + 1)
    });
    check("description", |new| new.description = "latte ☕🎉".into());
    check("attach", |new| {
        new.attach = Some("x".repeat(MAX_ATTACH + 1))
    });
    check("expires_in_seconds", |new| {
        new.expires_in_ms = 59 * SECOND_MS
    });
    check("expires_in_seconds", |new| {
        new.expires_in_ms = MAX_EXPIRY_MS + 1
    });
}

#[test]
fn one_order_number_is_one_payment_until_it_is_closed() {
    let ids = ids();
    let first = created(&ids);
    let (again, changes) = create(Some(&first), &new_payment(), at(1), &ids).unwrap();
    assert!(!again.is_new && changes.is_empty());
    assert_eq!(again.payment.id, first.id);

    let dearer = NewPayment {
        amount: Fen::new(2000),
        ..new_payment()
    };
    assert_eq!(
        create(Some(&first), &dearer, at(1), &ids),
        Err(CreateError::OrderNoTaken {
            payment_id: first.id.clone()
        })
    );

    let closed = request_close(&first, CloseReason::Merchant, at(2), &ids)
        .1
        .payment
        .unwrap();
    let (fresh, _) = create(Some(&closed), &dearer, at(3), &ids).unwrap();
    assert!(fresh.is_new);
    assert_ne!(fresh.payment.id, first.id);
}

#[test]
fn the_order_is_recorded_before_it_is_sent_and_keeps_its_number() {
    let ids = ids();
    let (payment, number, _) = sent(&ids);
    assert_eq!(
        payment.attempt(&number).unwrap().state,
        AttemptState::Recorded
    );

    // A second tap while the first order is on its way sends the same order again, not another one.
    let (decision, changes) = pay(&payment, &payment.appid, &alice(), at(100), &ids);
    let PayDecision::Send { order, .. } = decision else {
        panic!("{decision:?}")
    };
    assert_eq!(order.out_trade_no, number);
    assert_eq!(changes.payment.unwrap().attempts.len(), 1);
}

#[test]
fn paying_again_after_a_cancel_hands_out_the_same_prepay_id_while_it_is_usable() {
    let ids = ids();
    let (mut payment, number, _) = ready(&ids);
    payment.expires_at = at(3 * HOUR_MS);
    let (decision, _) = pay(
        &payment,
        &payment.appid,
        &alice(),
        at(prepay_id().usable_ms() - 1),
        &ids,
    );
    assert_eq!(decision, PayDecision::Ready(prepay_id(), route()));

    let (decision, _) = pay(
        &payment,
        &payment.appid,
        &alice(),
        at(prepay_id().usable_ms()),
        &ids,
    );
    let PayDecision::Send { order, .. } = decision else {
        panic!("{decision:?}")
    };
    assert_eq!(
        order.out_trade_no, number,
        "an old prepay id is renewed under the same number"
    );
}

#[test]
fn nobody_pays_for_another_user_or_another_app_or_too_late() {
    let ids = ids();
    let (payment, ..) = ready(&ids);
    let refusal = |appid: &str, payer: &str, now| {
        pay(
            &payment,
            &Appid::parse(appid).unwrap(),
            &Openid::parse(payer).unwrap(),
            now,
            &ids,
        )
        .0
    };
    assert_eq!(
        refusal("wx1111222233334444", "oBob", at(1)),
        PayDecision::Refused(PayRefused::NotYours)
    );
    assert_eq!(
        refusal("wxother", "oAlice", at(1)),
        PayDecision::Refused(PayRefused::NotYours)
    );
    assert_eq!(
        refusal("wx1111222233334444", "oAlice", payment.expires_at),
        PayDecision::Refused(PayRefused::Expired)
    );
}

#[test]
fn an_order_call_without_answer_is_repeated_and_never_counts_as_failed() {
    let ids = ids();
    let (payment, number, run) = sent(&ids);
    let changes = on_prepay(&payment, &number, &unknown(), &run, at(1));
    assert_eq!(changes.payment, None);
    assert_eq!(reschedules(&changes), 1);
}

#[test]
fn a_refusal_speaks_only_for_a_first_order_call() {
    let ids = ids();
    let (payment, number, run) = sent(&ids);
    let changes = on_prepay(
        &payment,
        &number,
        &rejected(RefusalKind::Other),
        &run,
        at(1),
    );
    let state = changes
        .payment
        .unwrap()
        .attempt(&number)
        .unwrap()
        .state
        .clone();
    assert_eq!(
        state,
        AttemptState::Rejected {
            code: "CODE".into()
        }
    );

    let (_, again) = pay(&payment, &payment.appid, &alice(), at(2), &ids);
    let twice = again.payment.unwrap();
    let changes = on_prepay(&twice, &number, &rejected(RefusalKind::Other), &run, at(3));
    assert_eq!(changes.payment, None, "the first call may have been taken");
    assert_eq!(puts(&changes), [TaskKind::QueryAttempt]);
}

#[test]
fn a_refusal_that_nobody_signed_changes_no_state() {
    let ids = ids();
    fn unsigned<T>(kind: RefusalKind) -> Outcome<T> {
        let message = String::from("..");
        Outcome::Rejected(Refusal {
            kind,
            code: "CODE".into(),
            message,
            request_id: None,
            verified: false,
        })
    }
    let (payment, number, run) = sent(&ids);
    let changes = on_prepay(
        &payment,
        &number,
        &unsigned(RefusalKind::Other),
        &run,
        at(1),
    );
    assert_eq!(changes.payment, None);

    let closing = request_close(&payment, CloseReason::Merchant, at(1), &ids)
        .1
        .payment
        .unwrap();
    let run = run_of(TaskKind::QueryAttempt, &closing, &number);
    let changes = on_query(
        &closing,
        &number,
        &unsigned(RefusalKind::OrderNotExist),
        &run,
        at(HOUR_MS),
        &ids,
    );
    assert_eq!(changes.payment, None);
    assert_eq!(reschedules(&changes), 1);
}

#[test]
fn already_paid_at_wechat_is_asked_for_not_assumed() {
    let ids = ids();
    let (payment, number, run) = sent(&ids);
    let changes = on_prepay(
        &payment,
        &number,
        &rejected(RefusalKind::OrderPaid),
        &run,
        at(1),
    );
    assert_eq!(changes.payment, None);
    assert_eq!(puts(&changes), [TaskKind::QueryAttempt]);
}

#[test]
fn a_success_makes_one_transition_and_one_event_however_often_it_comes() {
    let ids = ids();
    let (payment, number, _) = ready(&ids);
    let changes = on_trade(
        &payment,
        &trade(&number, TradeState::Success),
        at(6_000),
        &ids,
    )
    .unwrap();
    assert_eq!(events(&changes), [EventType::PaymentPaid]);
    let paid = changes.payment.unwrap();
    for state in [
        TradeState::Success,
        TradeState::Refund,
        TradeState::NotPay,
        TradeState::Closed,
    ] {
        let again = on_trade(&paid, &trade(&number, state.clone()), at(7_000), &ids).unwrap();
        assert!(
            again.is_empty(),
            "{state:?} changed a paid payment: {again:?}"
        );
    }
}

#[test]
fn a_success_before_our_own_order_answer_counts() {
    let ids = ids();
    let (payment, number, run) = sent(&ids);
    let paid = on_trade(&payment, &trade(&number, TradeState::Success), at(1), &ids)
        .unwrap()
        .payment
        .unwrap();
    let late_answer = on_prepay(
        &paid,
        &number,
        &Outcome::Succeeded(prepay_id()),
        &run,
        at(2),
    );
    assert_eq!(late_answer.payment, None);
}

#[test]
fn what_does_not_match_our_record_is_never_a_success() {
    let ids = ids();
    let (payment, number, _) = ready(&ids);
    let check = |kind: IncidentKind, spoil: &dyn Fn(&mut Trade)| {
        let mut message = trade(&number, TradeState::Success);
        spoil(&mut message);
        match on_trade(&payment, &message, at(1), &ids) {
            Err(mismatch) => assert_eq!(mismatch.kind, kind),
            Ok(changes) => panic!("{kind:?} accepted: {changes:?}"),
        }
    };
    check(IncidentKind::AmountMismatch, &|t| {
        t.total = Some(Fen::new(1989))
    });
    check(IncidentKind::AmountMismatch, &|t| {
        t.total = Some(Fen::new(1991))
    });
    check(IncidentKind::AmountMismatch, &|t| {
        t.currency = Some("USD".into())
    });
    check(IncidentKind::OwnerMismatch, &|t| {
        t.mchid = "1900000002".into()
    });
    check(IncidentKind::OwnerMismatch, &|t| t.appid = "wxother".into());
    check(IncidentKind::PayerMismatch, &|t| {
        t.payer = Some(Openid::parse("oBob").unwrap())
    });
    check(IncidentKind::ProductMismatch, &|t| {
        t.trade_type = Some("NATIVE".into())
    });
    check(IncidentKind::IncompleteSuccess, &|t| {
        t.transaction_id = None
    });
    check(IncidentKind::IncompleteSuccess, &|t| t.success_at = None);
    check(IncidentKind::IncompleteSuccess, &|t| t.total = None);
    check(IncidentKind::IncompleteSuccess, &|t| t.payer = None);
    check(IncidentKind::UnknownOrder, &|t| {
        t.out_trade_no = OutTradeNo::parse("another-number").unwrap()
    });

    let paid = on_trade(&payment, &trade(&number, TradeState::Success), at(1), &ids)
        .unwrap()
        .payment
        .unwrap();
    let mut other = trade(&number, TradeState::Success);
    other.transaction_id = Some(TransactionId::parse("4200000002").unwrap());
    assert_eq!(
        on_trade(&paid, &other, at(2), &ids).unwrap_err().kind,
        IncidentKind::TransactionMismatch
    );
}

#[test]
fn a_payment_with_a_live_order_is_closed_only_when_wechat_confirms() {
    let ids = ids();
    let (payment, number, _) = ready(&ids);
    let (runs, changes) = request_close(&payment, CloseReason::Merchant, at(1), &ids);
    let closing = changes.payment.unwrap();
    assert_eq!(
        closing.state,
        PaymentState::Closing {
            reason: CloseReason::Merchant
        }
    );
    assert_eq!(
        events(&Changes {
            events: changes.events,
            ..Changes::default()
        }),
        []
    );

    let (query, changes) = on_close(
        &closing,
        &number,
        &Outcome::Succeeded(()),
        &runs[0],
        at(2),
        &ids,
    );
    assert_eq!(
        changes.payment, None,
        "the close answer alone closes nothing"
    );
    let closed = trade(&number, TradeState::Closed);
    let changes = on_query(
        &closing,
        &number,
        &Outcome::Succeeded(closed),
        &query.unwrap(),
        at(3),
        &ids,
    );
    assert_eq!(events(&changes), [EventType::PaymentClosed]);
    assert_eq!(
        changes.payment.unwrap().state,
        PaymentState::Closed {
            reason: CloseReason::Merchant,
            at: at(3)
        }
    );
}

#[test]
fn a_close_without_answer_is_repeated() {
    let ids = ids();
    let (payment, number, _) = ready(&ids);
    let (runs, changes) = request_close(&payment, CloseReason::Merchant, at(1), &ids);
    let (query, after) = on_close(
        &changes.payment.unwrap(),
        &number,
        &unknown(),
        &runs[0],
        at(2),
        &ids,
    );
    assert!(query.is_none() && after.payment.is_none());
    assert_eq!(reschedules(&after), 1);
}

#[test]
fn an_order_that_is_too_young_is_closed_once_it_is_old_enough() {
    let ids = ids();
    let (payment, number, _) = ready(&ids);
    let closing = request_close(&payment, CloseReason::Merchant, at(1), &ids)
        .1
        .payment
        .unwrap();
    let again_in = |tries, now: Timestamp| {
        let run = TaskRun {
            tries,
            ..run_of(TaskKind::CloseAttempt, &closing, &number)
        };
        let not_yet = rejected(RefusalKind::NotYet);
        let (query, changes) = on_close(&closing, &number, &not_yet, &run, now, &ids);
        let due_at = changes.tasks.iter().find_map(|change| match change {
            TaskChange::Reschedule { due_at, .. } => Some(*due_at),
            TaskChange::Put(_)
            | TaskChange::PutIfAbsent(_)
            | TaskChange::Finish { .. }
            | TaskChange::Remove(_)
            | TaskChange::Extend { .. }
            | TaskChange::RemoveAttemptTasks(_)
            | TaskChange::Wake(_) => None,
        });
        (query.is_some(), due_at.unwrap().since(now))
    };
    assert_eq!(again_in(0, at(MINUTE_MS)), (true, 4 * MINUTE_MS));
    // Old enough, and refused all the same: like any other refusal.
    assert_eq!(again_in(1, at(5 * MINUTE_MS)), (false, 2 * SECOND_MS));
    assert_eq!(again_in(3, at(HOUR_MS)), (false, 10 * SECOND_MS));
}

#[test]
fn a_close_that_is_refused_for_hours_slows_down() {
    let ids = ids();
    let (payment, number, _) = ready(&ids);
    let closing = request_close(&payment, CloseReason::Merchant, at(1), &ids)
        .1
        .payment
        .unwrap();
    let close = |tries| {
        let run = TaskRun {
            tries,
            ..run_of(TaskKind::CloseAttempt, &closing, &number)
        };
        on_close(
            &closing,
            &number,
            &rejected(RefusalKind::Other),
            &run,
            at(2),
            &ids,
        )
    };
    assert!(close(0).0.is_some(), "asked once");
    let (query, changes) = close(1);
    assert!(query.is_none(), "then the query keeps its own schedule");
    let owed = |change: &TaskChange| matches!(change, TaskChange::PutIfAbsent(t) if t.key.kind == TaskKind::QueryAttempt);
    assert!(
        changes.tasks.iter().any(owed),
        "but one is owed, whatever happened before: {changes:?}"
    );

    // WeChat says "closed" and then "not paid yet", over and over: every round waits longer.
    let run = TaskRun {
        tries: 5,
        ..run_of(TaskKind::CloseAttempt, &closing, &number)
    };
    let (query, _) = on_close(
        &closing,
        &number,
        &Outcome::Succeeded(()),
        &run,
        at(2),
        &ids,
    );
    let open = Outcome::Succeeded(trade(&number, TradeState::NotPay));
    let changes = on_query(&closing, &number, &open, &query.unwrap(), at(2), &ids);
    let again = changes
        .tasks
        .iter()
        .find(|change| matches!(change, TaskChange::PutIfAbsent(_)));
    let Some(TaskChange::PutIfAbsent(again)) = again else {
        panic!("{changes:?}")
    };
    assert_eq!((again.key.kind, again.tries), (TaskKind::CloseAttempt, 6));
    assert!(again.due_at.since(at(2)) >= MINUTE_MS);
}

#[test]
fn the_payer_who_was_quicker_than_the_close_has_paid() {
    let ids = ids();
    let (payment, number, _) = ready(&ids);
    let (runs, changes) = request_close(&payment, CloseReason::Expired, at(1), &ids);
    let closing = changes.payment.unwrap();
    let (query, _) = on_close(
        &closing,
        &number,
        &rejected(RefusalKind::OrderPaid),
        &runs[0],
        at(2),
        &ids,
    );
    let success = Outcome::Succeeded(trade(&number, TradeState::Success));
    let changes = on_query(&closing, &number, &success, &query.unwrap(), at(3), &ids);
    assert_eq!(events(&changes), [EventType::PaymentPaid]);
}

#[test]
fn money_after_the_close_wins_and_is_marked_late() {
    let ids = ids();
    let (payment, number, _) = ready(&ids);
    let closing = request_close(&payment, CloseReason::Expired, at(1), &ids)
        .1
        .payment
        .unwrap();
    let closed = on_trade(&closing, &trade(&number, TradeState::Closed), at(2), &ids)
        .unwrap()
        .payment
        .unwrap();
    let changes = on_trade(&closed, &trade(&number, TradeState::Success), at(3), &ids).unwrap();
    assert_eq!(events(&changes), [EventType::PaymentPaidLate]);
    let PaymentState::Paid(paid) = changes.payment.unwrap().state else {
        panic!()
    };
    assert!(paid.late);
}

#[test]
fn order_not_found_proves_nothing_while_a_request_may_still_arrive() {
    let ids = ids();
    let (payment, number, _) = sent(&ids);
    let closing = request_close(&payment, CloseReason::Merchant, at(1), &ids)
        .1
        .payment
        .unwrap();
    let run = run_of(TaskKind::QueryAttempt, &closing, &number);
    let early = on_query(
        &closing,
        &number,
        &rejected(RefusalKind::OrderNotExist),
        &run,
        at(2),
        &ids,
    );
    assert_eq!(early.payment, None);
    assert_eq!(reschedules(&early), 1);

    let certain = at(REQUEST_MAY_ARRIVE_MS);
    let late = on_query(
        &closing,
        &number,
        &rejected(RefusalKind::OrderNotExist),
        &run,
        certain,
        &ids,
    );
    assert_eq!(events(&late), [EventType::PaymentClosed]);
}

#[test]
fn an_order_that_wechat_forgot_is_an_incident_not_a_close() {
    let ids = ids();
    let (payment, number, _) = ready(&ids);
    let run = run_of(TaskKind::QueryAttempt, &payment, &number);
    let changes = on_query(
        &payment,
        &number,
        &rejected(RefusalKind::OrderNotExist),
        &run,
        at(HOUR_MS),
        &ids,
    );
    assert_eq!(changes.incidents[0].kind, IncidentKind::OrderVanished);
    assert_eq!(changes.payment, None);
}

#[test]
fn a_question_that_overtook_its_order_is_no_incident() {
    let ids = ids();
    let (payment, number, _) = ready(&ids);
    let run = run_of(TaskKind::QueryAttempt, &payment, &number);
    let changes = on_query(
        &payment,
        &number,
        &rejected(RefusalKind::OrderNotExist),
        &run,
        at(2_000),
        &ids,
    );
    assert_eq!(
        (changes.incidents.len(), changes.payment.is_none()),
        (0, true)
    );
    assert_eq!(reschedules(&changes), 1);
}

/// It was the last order that kept the payment from being closed, and WeChat never took it.
#[test]
fn an_order_that_is_refused_while_its_payment_is_closing_lets_it_close() {
    let ids = ids();
    let (payment, number, run) = sent(&ids);
    let (closes, changes) = request_close(&payment, CloseReason::Merchant, at(1), &ids);
    let closing = changes.payment.unwrap();
    assert_eq!((closes.len(), closing.state.as_str()), (1, "closing"));
    let refused = rejected(RefusalKind::Other);
    let changes = on_prepay(&closing, &number, &refused, &run, at(2));
    let closed = changes.payment.as_ref().unwrap();
    assert_eq!(closed.state.as_str(), "closed");
    assert_eq!(events(&changes), [EventType::PaymentClosed]);
    // Nothing is owed any more, whoever holds it.
    let forgets = TaskChange::RemoveAttemptTasks(payment.id.clone());
    assert!(changes.tasks.contains(&forgets), "{:?}", changes.tasks);
}

#[test]
fn a_state_this_version_does_not_know_proves_nothing() {
    let ids = ids();
    let (payment, number, _) = ready(&ids);
    let strange = trade(&number, TradeState::Other("MAYBE".into()));
    assert!(
        on_trade(&payment, &strange, at(1), &ids)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_second_success_is_flagged_and_sent_back() {
    let ids = ids();
    let (payment, first, _) = ready(&ids);
    let mut payment = payment;
    payment.attempt_mut(&first).unwrap().state = AttemptState::Closed;
    let (_, changes) = pay(&payment, &payment.appid, &alice(), at(10), &ids);
    let two = changes.payment.unwrap();
    let second = two.attempts[1].out_trade_no.clone();
    let paid = on_trade(&two, &trade(&first, TradeState::Success), at(11), &ids).unwrap();
    assert!(
        puts(&paid).contains(&TaskKind::CloseAttempt),
        "the other attempt must not be paid as well"
    );
    let paid = paid.payment.unwrap();
    let mut again = trade(&second, TradeState::Success);
    again.transaction_id = Some(TransactionId::parse("4200000002").unwrap());
    let changes = on_trade(&paid, &again, at(12), &ids).unwrap();
    assert_eq!(changes.incidents[0].kind, IncidentKind::SurplusPaid);
    assert_eq!(
        events(&changes),
        [EventType::PaymentSurplusPaid, EventType::RefundCreated]
    );
    assert_eq!(
        changes.payment.unwrap().state,
        paid.state,
        "the first success stays the payment's proof"
    );
}

#[test]
fn asking_is_limited_however_often_a_client_asks() {
    let ids = ids();
    let (payment, number, _) = ready(&ids);
    let (run, changes) = ask_now(&payment, &number, at(0), &ids);
    assert!(run.is_some());
    let payment = changes.payment.unwrap();
    assert!(
        ask_now(&payment, &number, at(SECOND_MS - 1), &ids)
            .0
            .is_none()
    );
    assert!(ask_now(&payment, &number, at(SECOND_MS), &ids).0.is_some());
}

/// Everything that can reach a payment, in any order.
#[derive(Debug, Clone)]
enum Input {
    Pay,
    Prepay(u8),
    Trade(u8),
    Close,
    CloseAnswer(u8),
    Query(u8),
    Wait(i64),
}

fn any_input() -> impl Strategy<Value = Input> {
    prop_oneof![
        Just(Input::Pay),
        (0..5u8).prop_map(Input::Prepay),
        (0..6u8).prop_map(Input::Trade),
        Just(Input::Close),
        (0..5u8).prop_map(Input::CloseAnswer),
        (0..9u8).prop_map(Input::Query),
        (0..HOUR_MS).prop_map(Input::Wait),
    ]
}

fn trade_number(choice: u8, number: &OutTradeNo) -> Trade {
    let state = match choice {
        0 => TradeState::NotPay,
        1 => TradeState::Closed,
        2 => TradeState::Success,
        3 => TradeState::Refund,
        4 => TradeState::PayError,
        _ => TradeState::Other("NEW".into()),
    };
    trade(number, state)
}

fn outcome<T>(choice: u8, ok: T) -> Outcome<T> {
    match choice {
        0 => Outcome::Succeeded(ok),
        1 => unknown(),
        2 => rejected(RefusalKind::OrderPaid),
        3 => rejected(RefusalKind::OrderNotExist),
        _ => rejected(RefusalKind::Other),
    }
}

proptest! {
    /// Whatever arrives in whatever order: states move only along the drawn edges, a success was told by a trade,
    /// each fact has one event, and an unresolved attempt of a payment is always owed some task.
    #[test]
    fn states_move_only_along_the_drawn_edges(inputs in prop::collection::vec(any_input(), 1..40)) {
        let ids = ids();
        let mut payment = created(&ids);
        let mut now = T0;
        let mut told_paid = false;
        let mut facts: Vec<EventType> = vec![];
        for input in inputs {
            let last = payment.attempts.last().map(|attempt| attempt.out_trade_no.clone());
            let changes = match (&input, last) {
                (Input::Wait(ms), _) => { now = now.plus_ms(*ms); Changes::default() }
                (Input::Pay, _) => pay(&payment, &payment.appid, &alice(), now, &ids).1,
                (Input::Close, _) => request_close(&payment, CloseReason::Merchant, now, &ids).1,
                (_, None) => Changes::default(),
                (Input::Prepay(c), Some(n)) => {
                    let run = run_of(TaskKind::SendPrepay, &payment, &n);
                    on_prepay(&payment, &n, &outcome(*c, prepay_id()), &run, now)
                }
                (Input::Trade(c), Some(n)) => {
                    told_paid |= matches!(c, 2 | 3);
                    on_trade(&payment, &trade_number(*c, &n), now, &ids).unwrap_or_default()
                }
                (Input::CloseAnswer(c), Some(n)) => {
                    let run = run_of(TaskKind::CloseAttempt, &payment, &n);
                    on_close(&payment, &n, &outcome(*c, ()), &run, now, &ids).1
                }
                (Input::Query(c), Some(n)) => {
                    let run = run_of(TaskKind::QueryAttempt, &payment, &n);
                    let answer = if *c < 6 {
                        told_paid |= matches!(c, 2 | 3);
                        Outcome::Succeeded(trade_number(*c, &n))
                    } else {
                        outcome(*c - 5, trade_number(0, &n))
                    };
                    on_query(&payment, &n, &answer, &run, now, &ids)
                }
            };
            facts.extend(changes.events.iter().map(|event| event.event_type));
            if let Some(after) = changes.payment {
                let allowed = matches!(
                    (payment.state.as_str(), after.state.as_str()),
                    ("open", _) | ("closing", "closing" | "paid" | "closed") | ("closed", "closed" | "paid") | ("paid", "paid")
                );
                prop_assert!(allowed, "{} -> {} by {input:?}", payment.state.as_str(), after.state.as_str());
                if payment.state.as_str() == "paid" {
                    prop_assert_eq!(&payment.state, &after.state);
                }
                if after.state.as_str() == "closed" {
                    prop_assert!(after.all_resolved());
                }
                prop_assert!(after.attempts.iter().filter(|a| a.state.is_unresolved()).count() <= 1);
                payment = after;
            }
            prop_assert_eq!(payment.state.as_str() == "paid", told_paid);
        }
        let paid = facts.iter().filter(|f| matches!(f, EventType::PaymentPaid | EventType::PaymentPaidLate)).count();
        prop_assert_eq!(paid, usize::from(told_paid));
        prop_assert!(facts.iter().filter(|f| matches!(f, EventType::PaymentClosed)).count() <= 1);
    }
}
