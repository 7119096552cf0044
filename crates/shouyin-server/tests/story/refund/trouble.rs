use serde_json::{Value, json};
use shouyin_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use wechat_simulator::{Command, Fault, FaultKind, Operation, RefundEnd};

use crate::desk::Desk;

async fn remedy(desk: &Desk, refund: &Value, body: &Value) -> crate::world::Answer {
    let id = refund["id"].as_str().unwrap();
    desk.world
        .post(&format!("/v1/refunds/{id}/remedy"), body)
        .await
}

fn card() -> Value {
    json!({ "type": "user_bank_card", "bank_type": "ICBC_DEBIT", "account": "6222020200112233445", "name": "张三" })
}

/// Whatever became of the first request, the money goes back once.
async fn goes_back_once_in_spite_of(kind: FaultKind) {
    let desk = Desk::new().await;
    let sold = desk.sell("A-1").await;
    desk.heart.fault(kind, Operation::Refund);
    let refund = desk.refund(&sold.id, "R-1", Some(500)).await.ok(201);
    assert_eq!(refund["state"], "recorded", "{kind:?}");
    assert_eq!(desk.balance().await, (1990, 500), "{kind:?}: promised");
    desk.pass(5 * MINUTE_MS).await;
    assert_eq!(
        desk.refund_state(&refund).await["state"],
        "succeeded",
        "{kind:?}"
    );
    assert_eq!(desk.heart.refunded(), (500, 1), "{kind:?}");
    assert_eq!(desk.balance().await, (1490, 0), "{kind:?}");
    assert_eq!(desk.events("refund.succeeded").await, 1, "{kind:?}");
}

#[tokio::test]
async fn an_unknown_result_is_resolved_and_never_doubled() {
    for kind in [
        FaultKind::RequestLost,
        FaultKind::AnswerLost,
        FaultKind::SystemError,
        FaultKind::SystemErrorAfter,
        FaultKind::ServiceUnavailable,
        FaultKind::WrongResponseSignature,
        FaultKind::UnsignedResponse,
        FaultKind::TruncatedBody,
        FaultKind::RateLimited,
    ] {
        goes_back_once_in_spite_of(kind).await;
    }
}

#[tokio::test]
async fn a_balance_that_is_too_low_waits_for_somebody_who_is_told_once() {
    let desk = Desk::new().await;
    let sold = desk.sell("A-1").await;
    desk.heart.set_balance(100);
    let refund = desk.refund(&sold.id, "R-1", Some(500)).await.ok(201);
    assert_eq!(
        (&refund["state"], &refund["action_needed"]),
        (&json!("recorded"), &json!(true))
    );
    assert_eq!(refund["trouble"]["wechat_code"], "NOT_ENOUGH");
    desk.pass(2 * HOUR_MS).await;
    assert_eq!(desk.refund_state(&refund).await["state"], "recorded");
    assert_eq!(desk.events("refund.action_needed").await, 1);
    assert_eq!(desk.heart.refunded(), (0, 0));

    desk.heart.set_balance(100_000);
    desk.pass(3 * HOUR_MS).await;
    let refund = desk.refund_state(&refund).await;
    assert_eq!(
        (&refund["state"], &refund["action_needed"]),
        (&json!("succeeded"), &json!(false))
    );
    assert!(refund.get("trouble").is_none(), "{refund}");
    assert_eq!(desk.heart.refunded(), (500, 1));
    assert_eq!(desk.events("refund.action_needed").await, 1);
}

#[tokio::test]
async fn a_bank_that_takes_days_is_asked_more_and_more_rarely() {
    let desk = Desk::new().await;
    let sold = desk.sell("A-1").await;
    let slow = Fault::new(FaultKind::RefundSlow).delay_ms(3 * DAY_MS);
    desk.heart.throw(Command::AddFault(slow));
    let lost = Fault::new(FaultKind::NotificationLost).at(Operation::RefundNotification);
    desk.heart.throw(Command::AddFault(lost.times(100)));
    let refund = desk.refund(&sold.id, "R-1", None).await.ok(201);
    desk.pass(2 * DAY_MS).await;
    assert_eq!(desk.refund_state(&refund).await["state"], "processing");
    desk.pass(2 * DAY_MS).await;
    assert_eq!(desk.refund_state(&refund).await["state"], "succeeded");
    assert_eq!(desk.events("refund.succeeded").await, 1);
}

#[tokio::test]
async fn a_refund_that_wechat_closes_can_be_asked_for_again() {
    let desk = Desk::new().await;
    let sold = desk.sell("A-1").await;
    desk.heart
        .throw(Command::AddFault(Fault::new(FaultKind::RefundClosed)));
    let refund = desk.refund(&sold.id, "R-1", None).await.ok(201);
    desk.pass(10 * SECOND_MS).await;
    assert_eq!(desk.refund_state(&refund).await["state"], "closed");
    assert_eq!(desk.balance().await, (1990, 0));
    assert_eq!(desk.events("refund.closed").await, 1);
    let again = desk.refund(&sold.id, "R-2", None).await.ok(201);
    desk.pass(2 * MINUTE_MS).await;
    assert_eq!(desk.refund_state(&again).await["state"], "succeeded");
    assert_eq!(desk.balance().await, (0, 0));
}

#[tokio::test]
async fn an_account_that_cannot_take_the_money_needs_another_way() {
    let desk = Desk::new().await;
    let sold = desk.sell("A-1").await;
    desk.heart
        .throw(Command::AddFault(Fault::new(FaultKind::RefundAbnormal)));
    let refund = desk.refund(&sold.id, "R-1", Some(500)).await.ok(201);
    remedy(&desk, &refund, &card())
        .await
        .problem(409, "refund_not_abnormal");
    desk.pass(10 * SECOND_MS).await;
    let abnormal = desk.refund_state(&refund).await;
    assert_eq!(
        (&abnormal["state"], &abnormal["action_needed"]),
        (&json!("abnormal"), &json!(true))
    );
    assert_eq!(desk.events("refund.action_needed").await, 1);
    assert_eq!(desk.balance().await, (1990, 500));

    let mut wrong = card();
    wrong["bank_type"] = json!("MOON_DEBIT");
    let refused = remedy(&desk, &refund, &wrong)
        .await
        .problem(422, "wechat_refused");
    assert_eq!(refused["wechat"]["code"], "PARAM_ERROR");
    for bad in [
        json!({}),
        json!({ "type": "cash" }),
        json!({ "type": "merchant_bank_card", "name": "x" }),
    ] {
        remedy(&desk, &refund, &bad)
            .await
            .problem(400, "invalid_field");
    }
    remedy(&desk, &refund, &card()).await.ok(200);
    desk.pass(10 * SECOND_MS).await;
    assert_eq!(desk.refund_state(&refund).await["state"], "succeeded");
    assert_eq!(desk.heart.refunded(), (500, 1));
    assert_eq!(desk.balance().await, (1490, 0));
}

#[tokio::test]
async fn nobody_knows_whether_another_way_was_taken_until_wechat_is_asked() {
    let desk = Desk::new().await;
    let sold = desk.sell("A-1").await;
    desk.heart
        .throw(Command::AddFault(Fault::new(FaultKind::RefundAbnormal)));
    let refund = desk.refund(&sold.id, "R-1", Some(500)).await.ok(201);
    desk.pass(10 * SECOND_MS).await;
    desk.heart
        .fault(FaultKind::AnswerLost, Operation::AbnormalRefund);
    let merchant = json!({ "type": "merchant_bank_card" });
    let unknown = remedy(&desk, &refund, &merchant).await;
    unknown.problem(503, "wechat_unavailable");
    desk.pass(2 * MINUTE_MS).await;
    assert_eq!(desk.refund_state(&refund).await["state"], "succeeded");
    assert_eq!(desk.events("refund.succeeded").await, 1);
}

#[tokio::test]
async fn sync_asks_wechat_now() {
    let desk = Desk::new().await;
    let sold = desk.sell("A-1").await;
    let lost = Fault::new(FaultKind::NotificationLost).at(Operation::RefundNotification);
    desk.heart.throw(Command::AddFault(lost));
    let refund = desk.refund(&sold.id, "R-1", None).await.ok(201);
    let number = refund["out_refund_no"].as_str().unwrap();
    desk.heart.finish_refund(number, RefundEnd::Success);
    desk.deliver().await;
    assert_eq!(desk.refund_state(&refund).await["state"], "processing");
    desk.world.clock.advance_ms(5 * SECOND_MS);
    let path = format!("/v1/refunds/{}/sync", refund["id"].as_str().unwrap());
    let synced = desk.world.post(&path, &json!({})).await.ok(200);
    assert_eq!(synced["state"], "succeeded");
}

#[tokio::test]
async fn a_process_that_dies_while_it_asks_goes_on_under_the_same_number() {
    let mut desk = Desk::new().await;
    let sold = desk.sell("A-1").await;
    desk.heart.be_silent();
    tokio::select! {
        answer = desk.refund(&sold.id, "R-1", Some(500)) => panic!("{answer:?}"),
        () = desk.heart.fell_silent.notified() => {}
    }
    assert_eq!(
        desk.heart.refunded(),
        (500, 1),
        "WeChat has it, and nobody here was told"
    );
    desk.world.restart();
    assert_eq!(desk.balance().await, (1990, 500));
    desk.pass(3 * MINUTE_MS).await;
    let refund = desk.refund(&sold.id, "R-1", Some(500)).await.ok(200);
    assert_eq!(refund["state"], "succeeded");
    assert_eq!(desk.heart.refunded(), (500, 1));
    assert_eq!(desk.events("refund.succeeded").await, 1);
    assert_eq!(desk.balance().await, (1490, 0));
}

#[tokio::test]
async fn a_full_disk_promises_nothing() {
    let desk = Desk::new().await;
    let sold = desk.sell("A-1").await;
    desk.world.disk.set_full(true);
    let asked = desk.refund(&sold.id, "R-1", None).await;
    asked.problem(503, "store_unavailable");
    assert_eq!(desk.heart.refunded(), (0, 0));
    desk.world.disk.set_full(false);
    desk.refund(&sold.id, "R-1", None).await.ok(201);
}
