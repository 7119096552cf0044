//! Selling: paid, unnoticed, closed, expired, interrupted.

use serde_json::{Value, json};
use shouyin_core::time::{HOUR_MS, MINUTE_MS, SECOND_MS};
use wechat_simulator::{Command, DeliveryState, Fault, FaultKind, Operation, Protocol};
use wechatpay::v2::notification::ACCEPTED;

use super::{BOTH_SIGN_TYPES, Speaks, desk};
use crate::desk::Desk;
use crate::world::{MCHID, Setup, coffee};

/// Alice taps "pay", and the cashier opens.
async fn at_the_cashier(desk: &Desk, id: &str) -> (String, String) {
    let session = desk.session("alice").await;
    let prepay_id = desk.cashier("alice", &session, id).await;
    (session, prepay_id)
}

fn only_number(desk: &Desk) -> String {
    let orders = desk.heart.orders();
    assert_eq!(orders.len(), 1, "{orders:?}");
    orders[0].0.clone()
}

fn trade_state(desk: &Desk) -> &'static str {
    desk.heart.orders()[0].2
}

#[tokio::test]
async fn a_coffee_is_bought_and_wechat_is_told_that_we_know() {
    for sign_type in BOTH_SIGN_TYPES {
        let desk = desk(sign_type).await;
        let id = desk.world.order("A-1").await;
        let (_, prepay_id) = at_the_cashier(&desk, &id).await;
        assert_eq!(desk.heart.pay("alice", &prepay_id), Ok("SUCCESS"));
        let dispatch = desk.heart.outbox.lock().unwrap()[0].clone();
        let answer = desk
            .world
            .notify_to(MCHID, &dispatch.headers, dispatch.body)
            .await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ACCEPTED));
        assert_eq!(answer.headers["content-type"], "text/xml");
        // And again, as WeChat does when in doubt.
        assert_eq!(desk.deliver().await, [200]);
        let payment = desk.payment(&id).await;
        assert_eq!(payment["state"], "paid");
        assert_eq!(payment["paid"]["payer_total_fen"], 1990);
        assert_eq!(desk.events("payment.paid").await, 1);
        assert_eq!(desk.balance().await, (1990, 0));
        let books = desk.heart.books();
        let order = books.orders().next().unwrap();
        assert_eq!(order.protocol, Protocol::from(sign_type));
        let deliveries: Vec<_> = books.deliveries().map(|delivery| delivery.state).collect();
        assert_eq!(deliveries, [DeliveryState::Delivered]);
        assert!(books.findings().is_empty(), "{:?}", books.findings());
    }
}

#[tokio::test]
async fn a_lost_notification_is_made_up_for_by_asking() {
    for sign_type in BOTH_SIGN_TYPES {
        let desk = desk(sign_type).await;
        let id = desk.world.order("A-1").await;
        let (_, prepay_id) = at_the_cashier(&desk, &id).await;
        desk.heart
            .fault(FaultKind::NotificationLost, Operation::PaymentNotification);
        assert_eq!(desk.heart.pay("alice", &prepay_id), Ok("SUCCESS"));
        assert!(desk.deliver().await.is_empty());
        desk.pass(5 * SECOND_MS).await;
        assert_eq!(desk.world.state(&id).await, "paid");
        // It comes after all, and nothing happens twice.
        desk.pass(MINUTE_MS).await;
        assert_eq!(desk.events("payment.paid").await, 1);
        assert_eq!(desk.balance().await, (1990, 0));
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_under_the_same_number() {
    for kind in [
        FaultKind::AnswerLost,
        FaultKind::SystemErrorAfter,
        FaultKind::WrongResponseSignature,
        FaultKind::UnsignedResponse,
        FaultKind::TruncatedBody,
    ] {
        let desk = desk(BOTH_SIGN_TYPES[0]).await;
        let id = desk.world.order("A-1").await;
        let session = desk.session("alice").await;
        let path = format!("/mp/v1/payments/{id}/pay");
        desk.heart.fault(kind, Operation::Prepay);
        let answer = desk.world.phone(&session, &path).await;
        answer.problem(503, "wechat_unavailable");
        let number = only_number(&desk);
        desk.world.clock.advance_ms(700);
        let prepay_id = desk.cashier("alice", &session, &id).await;
        assert_eq!(only_number(&desk), number, "{kind:?}");
        assert_eq!(desk.heart.pay("alice", &prepay_id), Ok("SUCCESS"));
        desk.deliver().await;
        assert_eq!(desk.world.state(&id).await, "paid");
    }
}

/// The handle lives for two hours, the order longer. WeChat compares every field of the second call with the first.
#[tokio::test]
async fn whoever_comes_back_in_the_last_second_gets_a_fresh_handle_of_the_same_order() {
    let desk = desk(BOTH_SIGN_TYPES[0]).await;
    let mut order = coffee("A-1");
    order["expires_in_seconds"] = json!(10_800);
    let made = desk.world.post("/v1/payments", &order).await.ok(201);
    let id = made["id"].as_str().unwrap();
    let (session, first) = at_the_cashier(&desk, id).await;
    desk.world.clock.advance_ms(3 * HOUR_MS - SECOND_MS);
    let second = desk.cashier("alice", &session, id).await;
    assert_ne!(first, second);
    let _ = only_number(&desk);
    assert_eq!(desk.heart.pay("alice", &second), Ok("SUCCESS"));
    desk.deliver().await;
    assert_eq!(desk.world.state(id).await, "paid");
}

async fn close(desk: &Desk, id: &str) -> Value {
    let path = format!("/v1/payments/{id}/close");
    desk.world.post(&path, &json!({})).await.json()
}

#[tokio::test]
async fn wechat_closes_nothing_in_its_first_five_minutes_so_it_is_asked_again() {
    let desk = desk(BOTH_SIGN_TYPES[0]).await;
    let id = desk.world.order("A-1").await;
    at_the_cashier(&desk, &id).await;
    assert_eq!(close(&desk, &id).await["state"], "closing");
    assert_eq!(trade_state(&desk), "NOTPAY");
    desk.pass(4 * MINUTE_MS).await;
    assert_eq!(
        desk.world.state(&id).await,
        "closing",
        "not before WeChat says so"
    );
    desk.pass(7 * MINUTE_MS).await;
    assert_eq!(desk.world.state(&id).await, "closed");
    assert_eq!(trade_state(&desk), "CLOSED");
    assert_eq!(desk.events("payment.closed").await, 1);
}

#[tokio::test]
async fn an_order_that_is_old_enough_is_closed_at_once() {
    let desk = desk(BOTH_SIGN_TYPES[1]).await;
    let id = desk.world.order("A-1").await;
    at_the_cashier(&desk, &id).await;
    desk.world.clock.advance_ms(5 * MINUTE_MS);
    assert_eq!(close(&desk, &id).await["state"], "closed");
    assert_eq!(trade_state(&desk), "CLOSED");
}

/// WeChat wants five minutes; the shop gave one. WeChat gets a later deadline, and we close when ours is over.
#[tokio::test]
async fn a_short_deadline_is_ours_to_keep() {
    let desk = desk(BOTH_SIGN_TYPES[0]).await;
    let mut order = coffee("A-1");
    order["expires_in_seconds"] = json!(60);
    let made = desk.world.post("/v1/payments", &order).await.ok(201);
    let id = made["id"].as_str().unwrap();
    at_the_cashier(&desk, id).await;
    desk.pass(2 * MINUTE_MS).await;
    assert_eq!(desk.world.state(id).await, "closing");
    desk.pass(12 * MINUTE_MS).await;
    let payment = desk.payment(id).await;
    assert_eq!(payment["state"], "closed");
    assert_eq!(payment["closed"]["reason"], "expired");
    assert_eq!(trade_state(&desk), "CLOSED");
}

#[tokio::test]
async fn somebody_who_pays_while_we_close_has_paid() {
    let desk = desk(BOTH_SIGN_TYPES[0]).await;
    let id = desk.world.order("A-1").await;
    let (_, prepay_id) = at_the_cashier(&desk, &id).await;
    assert_eq!(close(&desk, &id).await["state"], "closing");
    assert_eq!(desk.heart.pay("alice", &prepay_id), Ok("SUCCESS"));
    desk.pass(MINUTE_MS).await;
    assert_eq!(desk.world.state(&id).await, "paid");
    assert_eq!(desk.balance().await, (1990, 0));
}

#[tokio::test]
async fn wechat_that_wants_fewer_calls_gets_fewer() {
    let desk = desk(BOTH_SIGN_TYPES[0]).await;
    let id = desk.world.order("A-1").await;
    let session = desk.session("alice").await;
    let limited = Fault::new(FaultKind::RateLimited).at(Operation::Prepay);
    desk.heart.throw(Command::AddFault(limited));
    let path = format!("/mp/v1/payments/{id}/pay");
    let answer = desk.world.phone(&session, &path).await;
    assert!(matches!(answer.status, 429 | 503), "{}", answer.text);
    assert!(desk.heart.orders().is_empty());
    desk.pass(MINUTE_MS).await;
    assert_eq!(
        trade_state(&desk),
        "NOTPAY",
        "the worker placed it under the same number"
    );
}

/// Their content is not encrypted, unlike APIv3's.
#[tokio::test]
async fn the_timeline_shows_notifications_without_the_payer() {
    let sign_type = BOTH_SIGN_TYPES[0];
    let desk = Desk::build(Setup {
        journal: true,
        speaks: Speaks::V2(sign_type),
        ..Setup::default()
    })
    .await;
    desk.sell("A-1").await;
    let journal = desk.world.journal.as_ref().unwrap();
    let entries: Vec<String> = journal
        .after(0)
        .iter()
        .map(|entry| serde_json::to_string(entry.as_ref()).unwrap())
        .collect();
    let notification = entries
        .iter()
        .find(|entry| entry.contains("/wechat/notify/"));
    assert!(notification.unwrap().contains("<openid>***</openid>"));
    let openid = desk.heart.books().orders().next().unwrap().openid.clone();
    assert!(!entries.concat().contains(&openid));
}
