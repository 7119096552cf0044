//! Revised terms, money that nobody asked for, and what the policies do with it.

use super::*;
use crate::ledger::PostingKind;
use crate::policy::MoneyPolicy;
use crate::refund::RefundOrigin;

const KEEP: Policy = Policy {
    late: MoneyPolicy::Keep,
    surplus: MoneyPolicy::Keep,
};
const REFUND: Policy = Policy {
    late: MoneyPolicy::Refund,
    surplus: MoneyPolicy::Refund,
};

fn cheaper() -> Revision {
    Revision {
        amount: Some(Fen::new(990)),
        ..Revision::default()
    }
}

/// A payment whose payer holds a cashier for 1990 fen, and which asks for 990 fen now.
fn revised(ids: &dyn Ids) -> (Payment, OutTradeNo) {
    let (payment, number, _) = ready(ids);
    let (runs, changes) = revise(&payment, &cheaper(), at(10), ids).unwrap();
    assert_eq!(events(&changes), [EventType::PaymentRevised]);
    assert_eq!(puts(&changes), [TaskKind::CloseAttempt]);
    assert_eq!(runs.len(), 1);
    (changes.payment.unwrap(), number)
}

fn postings(changes: &Changes) -> Vec<(PostingKind, i64)> {
    changes
        .postings
        .iter()
        .map(|posting| (posting.kind, posting.amount.get()))
        .collect()
}

#[test]
fn a_revised_payment_opens_no_new_order_while_the_old_cashier_may_be_open() {
    let ids = ids();
    let (payment, number) = revised(&ids);
    let (decision, changes) = pay(&payment, &payment.appid, &alice(), at(20), &ids);
    let PayDecision::CloseFirst(runs) = decision else {
        panic!("{decision:?}")
    };
    assert_eq!(
        runs[0].key,
        key(TaskKind::CloseAttempt, &payment, Some(&number))
    );
    assert_eq!(puts(&changes), [TaskKind::CloseAttempt]);
    assert!(changes.payment.is_none());
}

#[test]
fn once_the_old_order_is_closed_a_new_number_asks_for_the_new_amount() {
    let ids = ids();
    let (payment, number) = revised(&ids);
    let closed = on_trade(&payment, &trade(&number, TradeState::Closed), at(30), &ids).unwrap();
    let payment = closed.payment.unwrap();
    assert_eq!(payment.state, PaymentState::Open);
    let (decision, changes) = pay(&payment, &payment.appid, &alice(), at(40), &ids);
    let PayDecision::Send { order, .. } = decision else {
        panic!("{decision:?}")
    };
    assert_ne!(order.out_trade_no, number);
    assert_eq!(order.amount, Fen::new(990));
    let attempts = changes.payment.unwrap().attempts;
    assert_eq!(
        attempts[0].amount,
        Fen::new(1990),
        "the old order keeps its terms"
    );
    assert_eq!(attempts[1].amount, Fen::new(990));
}

#[test]
fn an_order_that_nobody_was_given_a_handle_of_blocks_nobody() {
    let ids = ids();
    let (payment, number, _) = sent(&ids);
    let (_, changes) = revise(&payment, &cheaper(), at(10), &ids).unwrap();
    let payment = changes.payment.unwrap();
    let (decision, changes) = pay(&payment, &payment.appid, &alice(), at(20), &ids);
    assert!(matches!(decision, PayDecision::Send { .. }), "{decision:?}");
    // The old order's answer comes after all: it is closed, not handed out.
    let payment = changes.payment.unwrap();
    let run = run_of(TaskKind::SendPrepay, &payment, &number);
    let changes = on_prepay(
        &payment,
        &number,
        &Outcome::Succeeded(prepay_id()),
        &run,
        at(30),
    );
    assert!(puts(&changes).contains(&TaskKind::CloseAttempt));
    assert!(!may_be_paid(&payment, &number));
    // And it is not sent again.
    let (order, _) = begin_send(&payment, &number, &run, at(30));
    assert_eq!(order, None);
}

#[test]
fn a_revision_must_be_within_the_limits_and_in_time() {
    let ids = ids();
    let (payment, number, _) = ready(&ids);
    let zero = Revision {
        amount: Some(Fen::ZERO),
        ..Revision::default()
    };
    assert!(matches!(
        revise(&payment, &zero, at(1), &ids),
        Err(ReviseError::Invalid(_))
    ));
    let (runs, changes) = revise(&payment, &Revision::default(), at(1), &ids).unwrap();
    assert!(runs.is_empty() && changes.is_empty(), "nothing changed");
    let paid = on_trade(&payment, &trade(&number, TradeState::Success), at(2), &ids).unwrap();
    assert_eq!(
        revise(&paid.payment.unwrap(), &cheaper(), at(3), &ids),
        Err(ReviseError::Paid)
    );
    let (_, closing) = request_close(&payment, CloseReason::Merchant, at(2), &ids);
    assert_eq!(
        revise(&closing.payment.unwrap(), &cheaper(), at(3), &ids),
        Err(ReviseError::Closed)
    );
}

#[test]
fn money_with_the_old_amount_pays_nothing_and_goes_back() {
    let ids = ids();
    let (payment, number) = revised(&ids);
    let success = trade(&number, TradeState::Success);
    let changes = super::super::on_trade(&payment, &success, REFUND, at(30), &ids).unwrap();
    assert_eq!(
        events(&changes),
        [EventType::PaymentSurplusPaid, EventType::RefundCreated]
    );
    assert_eq!(
        postings(&changes),
        [(PostingKind::Paid, 1990), (PostingKind::Reserve, 1990)]
    );
    assert_eq!(puts(&changes), [TaskKind::SendRefund]);
    let after = changes.payment.unwrap();
    assert_eq!(
        after.state,
        PaymentState::Open,
        "990 fen are still to be paid"
    );
    assert_eq!(after.refunds[0].origin, RefundOrigin::SurplusPolicy);
    assert_eq!(after.refunds[0].amount, Fen::new(1990));

    let kept = super::super::on_trade(&payment, &success, KEEP, at(30), &ids).unwrap();
    assert_eq!(events(&kept), [EventType::PaymentSurplusPaid]);
    assert_eq!(kept.incidents[0].kind, IncidentKind::SurplusPaid);
    assert!(kept.payment.unwrap().refunds.is_empty());
}

#[test]
fn money_with_the_old_description_and_the_same_amount_pays() {
    let ids = ids();
    let (payment, number, _) = ready(&ids);
    let other = Revision {
        description: Some("flat white".into()),
        ..Revision::default()
    };
    let (_, changes) = revise(&payment, &other, at(10), &ids).unwrap();
    let payment = changes.payment.unwrap();
    let changes = on_trade(&payment, &trade(&number, TradeState::Success), at(20), &ids).unwrap();
    assert_eq!(events(&changes), [EventType::PaymentPaid]);
}

#[test]
fn late_money_is_kept_or_sent_back_as_the_merchant_wishes() {
    let ids = ids();
    let (payment, number, _) = ready(&ids);
    let (_, closing) = request_close(&payment, CloseReason::Merchant, at(1), &ids);
    let closed = on_trade(
        &closing.payment.unwrap(),
        &trade(&number, TradeState::Closed),
        at(2),
        &ids,
    )
    .unwrap()
    .payment
    .unwrap();
    let success = trade(&number, TradeState::Success);
    let kept = super::super::on_trade(&closed, &success, KEEP, at(3), &ids).unwrap();
    assert_eq!(events(&kept), [EventType::PaymentPaidLate]);
    let back = super::super::on_trade(&closed, &success, REFUND, at(3), &ids).unwrap();
    assert_eq!(
        events(&back),
        [EventType::PaymentPaidLate, EventType::RefundCreated]
    );
    assert_eq!(
        back.payment.as_ref().unwrap().refunds[0].origin,
        RefundOrigin::LatePolicy
    );
    assert_eq!(puts(&back), [TaskKind::SendRefund]);
}

#[test]
fn surplus_that_keeps_a_payment_from_closing_lets_it_close() {
    let ids = ids();
    let (payment, number) = revised(&ids);
    let (_, closing) = request_close(&payment, CloseReason::Merchant, at(20), &ids);
    let success = trade(&number, TradeState::Success);
    let changes = on_trade(&closing.payment.unwrap(), &success, at(30), &ids).unwrap();
    assert_eq!(
        events(&changes),
        [
            EventType::PaymentSurplusPaid,
            EventType::RefundCreated,
            EventType::PaymentClosed
        ]
    );
    assert_eq!(
        puts(&changes),
        [TaskKind::SendRefund],
        "the refund is still owed"
    );
}
