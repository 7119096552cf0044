//! Refunds and news of them that nobody here asked for.

use fen::Fen;
use serde_json::json;
use shouyin_core::time::{MINUTE_MS, SECOND_MS};
use wechat_simulator::{
    Command, CommandAnswer, DeliveryState, Fault, FaultKind, Operation, RefundEnd,
};

use crate::desk::{Desk, Sold};
use crate::world::MCHID;

/// Somebody refunds in WeChat's console.
fn by_hand(desk: &Desk, out_trade_no: &str, fen: i64) -> String {
    let made = desk.heart.throw(Command::ConsoleRefund {
        order: (MCHID.to_owned(), out_trade_no.to_owned()),
        amount: Fen::new(fen),
        out_refund_no: None,
    });
    let CommandAnswer::Refund(number) = made else {
        panic!("{made:?}")
    };
    number
}

#[tokio::test]
async fn a_refund_made_in_the_console_appears_by_itself() {
    let desk = Desk::new().await;
    let Sold { id, out_trade_no } = desk.sell("A-1").await;
    let number = by_hand(&desk, &out_trade_no, 700);
    desk.pass(10 * SECOND_MS).await;
    let list = desk.world.get("/v1/refunds").await.ok(200);
    let refund = &list["data"][0];
    assert_eq!(refund["out_refund_no"], number.as_str());
    assert_eq!(
        (&refund["origin"], &refund["state"]),
        (&json!("console"), &json!("succeeded"))
    );
    assert!(refund.get("refund_no").is_none());
    assert_eq!(desk.balance().await, (1290, 0));
    let too_much = desk.refund(&id, "R-1", Some(1291)).await;
    assert_eq!(too_much.problem(409, "refund_too_much")["left_fen"], 1290);
    assert_eq!(desk.events("refund.created").await, 1);
    assert_eq!(desk.events("refund.succeeded").await, 1);
}

#[tokio::test]
async fn the_console_was_quicker_and_the_rest_is_what_is_left() {
    let desk = Desk::new().await;
    let Sold { id, out_trade_no } = desk.sell("A-1").await;
    // We do not know of it yet, so all of it is promised here; WeChat says no, and nothing is doubled.
    let lost = Fault::new(FaultKind::NotificationDelayed)
        .at(Operation::RefundNotification)
        .delay_ms(5 * MINUTE_MS);
    desk.heart.throw(Command::AddFault(lost));
    by_hand(&desk, &out_trade_no, 700);
    desk.world.clock.advance_ms(MINUTE_MS);
    let refused = desk.refund(&id, "R-1", None).await.ok(201);
    assert_eq!(refused["state"], "rejected", "{refused}");
    assert!(refused["trouble"]["wechat_code"].is_string());
    desk.pass(10 * MINUTE_MS).await;
    assert_eq!(desk.balance().await, (1290, 0));
    assert_eq!(desk.events("refund.rejected").await, 1);
    desk.refund(&id, "R-2", None).await.ok(201);
    desk.pass(10 * MINUTE_MS).await;
    assert_eq!(desk.heart.refunded(), (1990, 2));
    assert_eq!(desk.balance().await, (0, 0));
}

#[tokio::test]
async fn a_notification_that_comes_twice_counts_once() {
    let desk = Desk::new().await;
    let sold = desk.sell("A-1").await;
    desk.heart.fault(
        FaultKind::NotificationDuplicated,
        Operation::RefundNotification,
    );
    desk.refund(&sold.id, "R-1", None).await.ok(201);
    desk.pass(10 * SECOND_MS).await;
    let delivered: Vec<u64> = {
        let books = desk.heart.books();
        let all = books
            .deliveries()
            .filter(|delivery| delivery.state == DeliveryState::Delivered);
        all.map(|delivery| delivery.delivery).collect()
    };
    for delivery in delivered {
        desk.heart.throw(Command::Resend { delivery });
    }
    assert!(desk.deliver().await.iter().all(|status| *status == 204));
    assert_eq!(desk.events("refund.succeeded").await, 1);
    assert_eq!(desk.events("payment.paid").await, 1);
    assert_eq!(desk.balance().await, (0, 0));
}

#[tokio::test]
async fn news_of_a_refund_before_the_news_of_its_payment() {
    let desk = Desk::new().await;
    let id = desk.world.order("A-1").await;
    let session = desk.session("alice").await;
    let cashier = desk.cashier("alice", &session, &id).await;
    let lost = Fault::new(FaultKind::NotificationLost).at(Operation::PaymentNotification);
    desk.heart.throw(Command::AddFault(lost.times(100)));
    desk.heart.pay("alice", &cashier).unwrap();
    let (number, ..) = desk.heart.orders().remove(0);
    let refund = by_hand(&desk, &number, 700);
    desk.heart.finish_refund(&refund, RefundEnd::Success);
    assert_eq!(desk.deliver().await, [503], "not yet");
    assert_eq!(desk.events("refund.created").await, 0);

    desk.pass(MINUTE_MS).await;
    assert_eq!(desk.payment(&id).await["state"], "paid");
    assert_eq!(desk.balance().await, (1290, 0));
    assert_eq!(desk.events("payment.paid").await, 1);
    assert_eq!(desk.events("refund.succeeded").await, 1);
}

#[tokio::test]
async fn a_forged_notification_of_a_refund_changes_nothing() {
    let desk = Desk::new().await;
    let sold = desk.sell("A-1").await;
    for kind in [
        FaultKind::NotificationForged,
        FaultKind::NotificationTampered,
        FaultKind::NotificationStale,
        FaultKind::NotificationUnknownSerial,
        FaultKind::NotificationSigntest,
    ] {
        desk.heart.fault(kind, Operation::RefundNotification);
        let refund = desk
            .refund(&sold.id, &format!("{kind:?}"), Some(1))
            .await
            .ok(201);
        desk.pass(2 * MINUTE_MS).await;
        assert_eq!(
            desk.refund_state(&refund).await["state"],
            "succeeded",
            "{kind:?}"
        );
    }
    assert_eq!(desk.heart.refunded(), (5, 5));
    assert_eq!(desk.events("refund.succeeded").await, 5);
    assert_eq!(
        desk.world.get("/v1/incidents").await.ok(200)["data"],
        json!([])
    );
}
