//! Payment codes: charged once, asked for, taken back.

use super::*;
use crate::payment::model::PaymentState;
use crate::payment::schedule::{
    CODE_FIRST_QUERY_MS, CODE_PAYER_HAS_MS, CODE_REVERSE_MIN_MS, CODE_REVERSE_REFUSED_MS,
};

fn till() -> Mchid {
    Mchid::parse("1900000001").unwrap()
}

fn code_payment(ids: &dyn Ids) -> Payment {
    let new = NewPayment {
        product: Product::Code,
        ..new_payment()
    };
    create(None, &new, T0, ids).unwrap().0.payment
}

/// A payment whose payer's code was just sent to WeChat.
fn charged(ids: &dyn Ids) -> (Payment, OutTradeNo) {
    let (decision, changes) = charge(&code_payment(ids), &till(), &route(), T0, ids);
    let ChargeDecision::Send(order) = decision else {
        panic!("{decision:?}")
    };
    (changes.payment.unwrap(), order.out_trade_no)
}

fn charge_trade(number: &OutTradeNo, state: TradeState) -> Trade {
    let paid = matches!(state, TradeState::Success | TradeState::Refund);
    Trade {
        trade_type: paid.then(|| "MICROPAY".into()),
        ..trade(number, state)
    }
}

fn answered(payment: &Payment, number: &OutTradeNo, outcome: &Outcome<Trade>) -> Changes {
    on_charge(payment, number, outcome, Policy::default(), at(900), &ids())
}

fn asked(payment: &Payment, number: &OutTradeNo, state: TradeState, now: Timestamp) -> Changes {
    let run = run_of(TaskKind::QueryAttempt, payment, number);
    let said = Outcome::Succeeded(charge_trade(number, state));
    on_query(payment, number, &said, &run, now, &ids())
}

/// The same payment after the till has waited long enough and the reversal was begun.
fn reversing(ids: &dyn Ids) -> (Payment, OutTradeNo, TaskRun) {
    let (payment, number) = charged(ids);
    let run = run_of(TaskKind::CloseAttempt, &payment, &number);
    let (order, changes) = begin_close(&payment, &number, &run, at(CODE_PAYER_HAS_MS));
    assert!(order.is_some());
    (changes.payment.unwrap(), number, run)
}

#[test]
fn a_charge_is_recorded_with_a_question_before_it_is_sent_and_holds_no_code() {
    let ids = ids();
    let payment = code_payment(&ids);
    let (decision, changes) = charge(&payment, &till(), &route(), T0, &ids);
    assert!(matches!(decision, ChargeDecision::Send(_)));
    let [TaskChange::Put(query)] = changes.tasks.as_slice() else {
        panic!("{:?}", changes.tasks)
    };
    assert_eq!(query.key.kind, TaskKind::QueryAttempt);
    assert_eq!(query.due_at, at(CODE_FIRST_QUERY_MS));
    assert_eq!(changes.payment.unwrap().attempts[0].sends, 1);
}

#[test]
fn no_second_code_is_charged_while_the_first_is_open() {
    let ids = ids();
    let (payment, number) = charged(&ids);
    let (decision, changes) = charge(&payment, &till(), &route(), at(1), &ids);
    assert_eq!(decision, ChargeDecision::Settling(number));
    assert!(changes.is_empty());
}

#[test]
fn a_code_is_only_charged_for_its_own_kind_of_payment_and_merchant() {
    let ids = ids();
    let refused = |payment: &Payment, mchid: &str| {
        let mchid = Mchid::parse(mchid).unwrap();
        charge(payment, &mchid, &route(), at(1), &ids).0
    };
    assert_eq!(
        refused(&created(&ids), "1900000001"),
        ChargeDecision::Refused(PayRefused::OtherProduct(Product::MiniProgram))
    );
    assert_eq!(
        refused(&code_payment(&ids), "1900000002"),
        ChargeDecision::Refused(PayRefused::NotYours)
    );
}

#[test]
fn a_charge_that_succeeds_is_paid_by_whoever_showed_the_code() {
    let ids = ids();
    let (payment, number) = charged(&ids);
    let said = Outcome::Succeeded(charge_trade(&number, TradeState::Success));
    let changes = answered(&payment, &number, &said);
    assert_eq!(events(&changes), [EventType::PaymentPaid]);
    let paid = changes.payment.unwrap();
    assert!(matches!(paid.state, PaymentState::Paid(_)));
    assert_eq!(paid.payer, Some(alice()));
}

#[test]
fn an_unanswered_charge_changes_nothing_and_is_never_repeated() {
    let ids = ids();
    let (payment, number) = charged(&ids);
    assert!(answered(&payment, &number, &unknown()).is_empty());
}

#[test]
fn a_refused_code_ends_its_attempt_and_a_fresh_one_may_be_charged_at_once() {
    let ids = ids();
    let (payment, number) = charged(&ids);
    let changes = answered(&payment, &number, &rejected(RefusalKind::CodeRefused));
    assert_eq!(events(&changes), [EventType::PaymentCodeFailed]);
    let failed = changes.payment.unwrap();
    let (decision, _) = charge(&failed, &till(), &route(), at(2_000), &ids);
    let ChargeDecision::Send(order) = decision else {
        panic!("{decision:?}")
    };
    assert_ne!(order.out_trade_no, number);
}

#[test]
fn a_refusal_ends_a_charge_that_was_seen_unpaid_meanwhile() {
    let ids = ids();
    let (payment, number) = charged(&ids);
    let seen = asked(&payment, &number, TradeState::NotPay, at(500));
    let seen = seen.payment.unwrap();
    assert_eq!(seen.attempts[0].state, AttemptState::Open);
    let changes = answered(&seen, &number, &rejected(RefusalKind::NotEnough));
    assert_eq!(events(&changes), [EventType::PaymentCodeFailed]);
}

#[test]
fn whoever_paid_a_former_price_is_not_the_payer() {
    let ids = ids();
    let new = NewPayment {
        product: Product::Native,
        ..new_payment()
    };
    let payment = create(None, &new, T0, &ids).unwrap().0.payment;
    let asker = Asker::Merchant {
        mchid: till(),
        scene: None,
    };
    let (decision, changes) = super::super::pay(&payment, &asker, &route(), T0, &ids);
    let PayDecision::Send { order, .. } = decision else {
        panic!("{decision:?}")
    };
    let revision = Revision {
        amount: Some(Fen::new(10)),
        ..Revision::default()
    };
    let (_, changes) = revise(&changes.payment.unwrap(), &revision, at(1), &ids).unwrap();
    let paid = Trade {
        trade_type: Some("NATIVE".into()),
        ..trade(&order.out_trade_no, TradeState::Success)
    };
    let revised = changes.payment.unwrap();
    let changes = on_trade(&revised, &paid, at(2), &ids).unwrap();
    assert_eq!(events(&changes)[0], EventType::PaymentSurplusPaid);
    assert_eq!(changes.payment.unwrap().payer, None);
}

#[test]
fn a_charge_that_never_left_this_machine_is_over() {
    let ids = ids();
    let (payment, number) = charged(&ids);
    let held_back = Outcome::Unknown(Doubt {
        reason: "no connection".into(),
        code: None,
        request_id: None,
        not_sent: true,
    });
    let failed = answered(&payment, &number, &held_back).payment.unwrap();
    assert_eq!(failed.attempts[0].state, AttemptState::Closed);
}

#[test]
fn a_refusal_that_nobody_signed_ends_nothing() {
    let ids = ids();
    let (payment, number) = charged(&ids);
    let Outcome::Rejected(refusal) = rejected::<Trade>(RefusalKind::CodeRefused) else {
        unreachable!()
    };
    let unsigned = Outcome::Rejected(Refusal {
        verified: false,
        ..refusal
    });
    assert!(answered(&payment, &number, &unsigned).is_empty());
}

#[test]
fn a_refusal_that_leaves_room_for_doubt_is_taken_back() {
    let ids = ids();
    let (payment, number) = charged(&ids);
    let changes = answered(&payment, &number, &rejected(RefusalKind::Other));
    let [TaskChange::PutIfAbsent(close)] = changes.tasks.as_slice() else {
        panic!("{:?}", changes.tasks)
    };
    assert_eq!(close.key.kind, TaskKind::CloseAttempt);
    assert_eq!(close.due_at, at(CODE_REVERSE_MIN_MS));
}

#[test]
fn a_payer_has_forty_five_seconds() {
    let ids = ids();
    let (payment, number) = charged(&ids);
    let in_time = asked(
        &payment,
        &number,
        TradeState::UserPaying,
        at(CODE_PAYER_HAS_MS - 1),
    );
    assert_eq!(puts(&in_time), []);
    let late = asked(
        &payment,
        &number,
        TradeState::UserPaying,
        at(CODE_PAYER_HAS_MS),
    );
    assert_eq!(puts(&late), [TaskKind::CloseAttempt]);
    // That WeChat does not answer is no reason to wait longer.
    let run = run_of(TaskKind::QueryAttempt, &payment, &number);
    let silent = on_query(
        &payment,
        &number,
        &unknown(),
        &run,
        at(CODE_PAYER_HAS_MS),
        &ids,
    );
    assert_eq!(puts(&silent), [TaskKind::CloseAttempt]);
}

#[test]
fn nothing_is_taken_back_in_the_first_fifteen_seconds() {
    let ids = ids();
    let (payment, number) = charged(&ids);
    let run = run_of(TaskKind::CloseAttempt, &payment, &number);
    let (order, changes) = begin_close(&payment, &number, &run, at(CODE_REVERSE_MIN_MS - 1));
    assert_eq!(order, None);
    assert!(changes.payment.is_none());
    assert_eq!(reschedules(&changes), 1);
}

#[test]
fn a_success_during_a_reversal_is_not_paid_and_the_reversal_goes_on() {
    let ids = ids();
    let (payment, number, _) = reversing(&ids);
    assert_eq!(
        payment.attempts[0].reversing_since,
        Some(at(CODE_PAYER_HAS_MS))
    );
    let changes = asked(
        &payment,
        &number,
        TradeState::Success,
        at(CODE_PAYER_HAS_MS + 10),
    );
    assert!(changes.payment.is_none() && changes.events.is_empty() && changes.postings.is_empty());
    assert_eq!(puts(&changes), [TaskKind::CloseAttempt]);
    assert_eq!(reschedules(&changes), 1);
}

#[test]
fn failing_questions_do_not_make_the_till_wait_longer() {
    let ids = ids();
    let (payment, number) = charged(&ids);
    let run = TaskRun {
        tries: 5,
        ..run_of(TaskKind::QueryAttempt, &payment, &number)
    };
    let next = |now| {
        let changes = on_query(&payment, &number, &unknown(), &run, now, &ids);
        let Some(TaskChange::Reschedule { due_at, .. }) = changes.tasks.first() else {
            panic!("{:?}", changes.tasks)
        };
        *due_at
    };
    assert_eq!(next(at(30_000)), at(CODE_PAYER_HAS_MS));
    assert!(next(at(CODE_PAYER_HAS_MS)) > at(CODE_PAYER_HAS_MS + 10_000));
}

#[test]
fn a_charge_that_the_first_question_overtook_is_asked_for_as_often() {
    let ids = ids();
    let (payment, number) = charged(&ids);
    let run = run_of(TaskKind::QueryAttempt, &payment, &number);
    let missing = rejected(RefusalKind::OrderNotExist);
    let next = |ms| {
        let changes = on_query(&payment, &number, &missing, &run, at(ms), &ids);
        let Some(TaskChange::Reschedule { due_at, .. }) = changes.tasks.first() else {
            panic!("{:?}", changes.tasks)
        };
        due_at.since(at(ms))
    };
    assert_eq!(next(CODE_FIRST_QUERY_MS), CODE_FIRST_QUERY_MS);
    assert_eq!(next(CODE_PAYER_HAS_MS - 1_000), 1_000);
    assert_eq!(next(CODE_PAYER_HAS_MS), MINUTE_MS, "then with patience");
}

#[test]
fn a_confirmed_reversal_is_asked_for_and_frees_the_till() {
    let ids = ids();
    let (payment, number, run) = reversing(&ids);
    let now = at(CODE_PAYER_HAS_MS + 20);
    let (query, _) = on_close(&payment, &number, &Outcome::Succeeded(()), &run, now, &ids);
    assert!(query.is_some(), "the answer alone proves nothing");
    let changes = asked(&payment, &number, TradeState::Revoked, now);
    assert_eq!(events(&changes), [EventType::PaymentCodeFailed]);
    let after = changes.payment.unwrap();
    assert_eq!(after.state, PaymentState::Open);
    assert_eq!(after.attempts[0].state, AttemptState::Closed);
}

#[test]
fn a_success_that_is_told_after_the_reversal_was_confirmed_is_no_late_money() {
    let ids = ids();
    let (payment, number, _) = reversing(&ids);
    let over = asked(&payment, &number, TradeState::Revoked, at(46_000));
    let over = over.payment.unwrap();
    assert_eq!(over.attempts[0].state, AttemptState::Closed);
    let overtaken = charge_trade(&number, TradeState::Success);
    let changes = on_trade(&over, &overtaken, at(47_000), &ids).unwrap();
    assert!(changes.is_empty(), "{changes:?}");
}

#[test]
fn what_was_refunded_by_hand_cannot_be_taken_back_and_counts_as_paid() {
    let ids = ids();
    let (payment, number, _) = reversing(&ids);
    let changes = asked(&payment, &number, TradeState::Refund, at(46_000));
    assert_eq!(events(&changes), [EventType::PaymentPaid]);
    let paid = changes.payment.unwrap();
    assert_eq!(paid.attempts[0].reversing_since, None);
    assert!(matches!(paid.state, PaymentState::Paid(_)));
}

#[test]
fn an_unanswered_reversal_is_repeated() {
    let ids = ids();
    let (payment, number, run) = reversing(&ids);
    let now = at(CODE_PAYER_HAS_MS + 20);
    let (query, changes) = on_close(&payment, &number, &unknown(), &run, now, &ids);
    assert_eq!(query, None);
    assert_eq!(reschedules(&changes), 1);
    let (again, changes) = begin_close(&payment, &number, &run, at(CODE_PAYER_HAS_MS + 5_000));
    assert!(again.is_some());
    assert!(changes.is_empty(), "it is stored already");
}

#[test]
fn what_is_too_old_to_be_taken_back_counts_as_paid_again() {
    let ids = ids();
    let (payment, number, run) = reversing(&ids);
    let now = at(8 * 24 * HOUR_MS);
    let too_late = rejected(RefusalKind::TooLateToReverse);
    let (query, changes) = on_close(&payment, &number, &too_late, &run, now, &ids);
    assert!(query.is_some());
    let settled = changes.payment.unwrap();
    assert_eq!(settled.attempts[0].reversing_since, None);
    let changes = asked(&settled, &number, TradeState::Success, now);
    assert_eq!(events(&changes), [EventType::PaymentPaid]);
}

#[test]
fn a_charge_whose_terms_were_revised_is_taken_back_and_never_counts() {
    let ids = ids();
    let (payment, number) = charged(&ids);
    let revision = Revision {
        amount: Some(Fen::new(10)),
        ..Revision::default()
    };
    let (runs, changes) = revise(&payment, &revision, at(3_000), &ids).unwrap();
    let revised = changes.payment.unwrap();
    assert_eq!(revised.attempts[0].reversing_since, Some(at(3_000)));
    // The money arrives before the order is old enough to be taken back: no payment, and no surplus either.
    let changes = asked(&revised, &number, TradeState::Success, at(8_000));
    assert_eq!(changes.payment, None);
    assert!(changes.postings.is_empty() && changes.events.is_empty());
    let (order, _) = begin_close(&revised, &number, &runs[0], at(CODE_REVERSE_MIN_MS));
    assert!(order.is_some());
    let changes = asked(&revised, &number, TradeState::Revoked, at(16_000));
    assert_eq!(events(&changes), [EventType::PaymentCodeFailed]);
}

#[test]
fn any_refusal_ends_a_reversal_that_was_tried_for_eleven_minutes() {
    // WeChat refuses to take back what is too old or was refunded in part, and has no word for that in APIv3.
    let ids = ids();
    let (payment, number, run) = reversing(&ids);
    let after = |kind, now| {
        let (_, changes) = on_close(&payment, &number, &rejected(kind), &run, now, &ids);
        let settled = changes.payment.as_ref();
        settled.map(|payment| payment.attempts[0].reversing_since)
    };
    let begin = CODE_PAYER_HAS_MS + CODE_REVERSE_REFUSED_MS;
    let (early, late) = (at(begin - 1_000), at(begin + 1_000));
    assert_eq!(after(RefusalKind::Other, early), None, "called again");
    assert_eq!(after(RefusalKind::Other, late), Some(None));
    // What was begun only after seven days is not tried for long.
    let mut old = payment.clone();
    old.attempts[0].reversing_since = Some(at(8 * 24 * HOUR_MS));
    let refused = rejected(RefusalKind::Other);
    let now = at(8 * 24 * HOUR_MS + 1_000);
    let (_, changes) = on_close(&old, &number, &refused, &run, now, &ids);
    assert_eq!(changes.payment.unwrap().attempts[0].reversing_since, None);
    for says_more in [
        RefusalKind::RateLimited,
        RefusalKind::OrderClosed,
        RefusalKind::OrderNotExist,
    ] {
        assert_eq!(after(says_more, late), None, "{says_more:?}");
    }
}

#[test]
fn closing_the_payment_takes_the_charge_back_and_waits_for_it() {
    let ids = ids();
    let (payment, number) = charged(&ids);
    let (runs, changes) = request_close(&payment, CloseReason::Merchant, at(1_000), &ids);
    assert_eq!(runs.len(), 1);
    let closing = changes.payment.unwrap();
    let (order, changes) = begin_close(&closing, &number, &runs[0], at(1_000));
    assert_eq!(order, None, "too early");
    assert_eq!(reschedules(&changes), 1);
    let changes = asked(&closing, &number, TradeState::Revoked, at(20_000));
    assert_eq!(events(&changes), [EventType::PaymentClosed]);
}

#[test]
fn an_order_that_wechat_does_not_know_may_still_arrive() {
    let ids = ids();
    let (payment, number) = charged(&ids);
    let run = run_of(TaskKind::QueryAttempt, &payment, &number);
    let missing = rejected(RefusalKind::OrderNotExist);
    let soon = on_query(
        &payment,
        &number,
        &missing,
        &run,
        at(CODE_PAYER_HAS_MS),
        &ids,
    );
    assert!(soon.payment.is_none());
    let later = on_query(
        &payment,
        &number,
        &missing,
        &run,
        at(REQUEST_MAY_ARRIVE_MS),
        &ids,
    );
    assert_eq!(
        later.payment.unwrap().attempts[0].state,
        AttemptState::Closed
    );
}

#[test]
fn means_to_pay_are_for_whoever_the_product_is_for() {
    let ids = ids();
    let of = |product| {
        let new = NewPayment {
            product,
            ..new_payment()
        };
        create(None, &new, T0, &ids).unwrap().0.payment
    };
    let scene = crate::product::H5Scene {
        payer_ip: "203.0.113.7".parse().unwrap(),
        kind: crate::product::H5Kind::Wap,
    };
    let asked = |payment: &Payment, scene| {
        let asker = Asker::Merchant {
            mchid: till(),
            scene,
        };
        super::super::pay(payment, &asker, &route(), at(1), &ids)
    };
    for product in Product::ALL {
        let payment = of(product);
        let scene = (product == Product::H5).then_some(scene);
        let (by_merchant, _) = asked(&payment, scene);
        let (by_payer, _) = pay(&payment, &payment.appid, &alice(), at(1), &ids);
        let other = PayDecision::Refused(PayRefused::OtherProduct(product));
        match product {
            Product::MiniProgram | Product::Jsapi => {
                assert_eq!(by_merchant, other);
                assert!(matches!(by_payer, PayDecision::Send { .. }));
            }
            Product::Native | Product::App | Product::H5 => {
                assert!(matches!(by_merchant, PayDecision::Send { .. }));
                assert_eq!(by_payer, other);
            }
            Product::Code => assert_eq!((by_merchant, by_payer), (other.clone(), other)),
        }
    }
    let (without, _) = asked(&of(Product::H5), None);
    assert_eq!(without, PayDecision::Refused(PayRefused::SceneNeeded));
    let (with, _) = asked(&of(Product::Native), Some(scene));
    assert_eq!(with, PayDecision::Refused(PayRefused::SceneNeeded));
}

#[test]
fn a_browser_from_another_network_gets_another_order_after_the_first_is_closed() {
    let ids = ids();
    let new = NewPayment {
        product: Product::H5,
        ..new_payment()
    };
    let payment = create(None, &new, T0, &ids).unwrap().0.payment;
    let from = |ip: &str| Asker::Merchant {
        mchid: till(),
        scene: Some(crate::product::H5Scene {
            payer_ip: ip.parse().unwrap(),
            kind: crate::product::H5Kind::Wap,
        }),
    };
    let decide =
        |payment: &Payment, ip: &str| super::super::pay(payment, &from(ip), &route(), at(10), &ids);
    let (decision, changes) = decide(&payment, "203.0.113.7");
    let PayDecision::Send { order, run } = decision else {
        panic!("{decision:?}")
    };
    let url = Handle::H5Url(crate::id::H5Url::parse("https://wx.tenpay.com/x").unwrap());
    let sent = changes.payment.unwrap();
    let ready = on_prepay(
        &sent,
        &order.out_trade_no,
        &Outcome::Succeeded(url.clone()),
        &run,
        at(20),
    )
    .payment
    .unwrap();
    assert_eq!(
        decide(&ready, "203.0.113.7").0,
        PayDecision::Ready(url, route())
    );
    let (decision, changes) = decide(&ready, "198.51.100.9");
    assert!(
        matches!(decision, PayDecision::CloseFirst(_)),
        "{decision:?}"
    );
    assert_eq!(puts(&changes), [TaskKind::CloseAttempt]);
    let moved = changes.payment.unwrap();
    let closed = super::super::trade::closed(&moved, &order.out_trade_no, at(30), &ids)
        .payment
        .unwrap();
    let (decision, _) = decide(&closed, "198.51.100.9");
    let PayDecision::Send { order: second, .. } = decision else {
        panic!("{decision:?}")
    };
    assert_ne!(second.out_trade_no, order.out_trade_no);
}
