//! Refunds: accepted is not succeeded, and what WeChat sends afterwards is not signed.

use fen::Fen;
use serde_json::json;
use shouyin_core::time::{DAY_MS, MINUTE_MS, SECOND_MS};
use wechat_simulator::{
    Command, CommandAnswer, DeliveryState, Fault, FaultKind, Operation, RefundEnd,
};
use wechatpay::v2::notification::seal;
use wechatpay::v2::{ApiKey, Fields};

use super::{API_KEY, BOTH_SIGN_TYPES, desk};
use crate::desk::Sold;
use crate::world::MCHID;

#[tokio::test]
async fn half_of_it_goes_back_and_the_hint_makes_us_ask() {
    for sign_type in BOTH_SIGN_TYPES {
        let desk = desk(sign_type).await;
        let sold = desk.sell("A-1").await;
        desk.world.clock.advance_ms(MINUTE_MS);
        let refund = desk.refund(&sold.id, "R-1", Some(700)).await.ok(201);
        assert_eq!(refund["state"], "processing", "{refund}");
        let number = refund["out_refund_no"].as_str().unwrap();
        assert_eq!(desk.balance().await, (1990, 700));
        desk.heart.finish_refund(number, RefundEnd::Success);
        // Stored and accepted; nothing in it counts yet.
        assert_eq!(desk.deliver().await, [200]);
        assert_eq!(desk.refund_state(&refund).await["state"], "processing");
        let kept = desk.world.store.all_notifications();
        assert_eq!(kept.last().unwrap().effect.as_str(), "asked");
        // The question is due now, not in minutes.
        desk.world.work().await;
        let done = desk.refund_state(&refund).await;
        assert_eq!(done["state"], "succeeded", "{done}");
        assert_eq!(desk.balance().await, (1290, 0));
        desk.pass(MINUTE_MS).await;
        assert_eq!(desk.events("refund.succeeded").await, 1);
        assert_eq!(desk.heart.refunded(), (700, 1));
        let books = desk.heart.books();
        assert!(
            books
                .deliveries()
                .all(|d| d.state == DeliveryState::Delivered)
        );
        assert!(books.findings().is_empty(), "{:?}", books.findings());
    }
}

#[tokio::test]
async fn without_the_hint_we_ask_by_ourselves() {
    let desk = desk(BOTH_SIGN_TYPES[0]).await;
    let sold = desk.sell("A-1").await;
    let lost = Fault::new(FaultKind::NotificationDelayed)
        .at(Operation::RefundNotification)
        .delay_ms(DAY_MS);
    desk.heart.throw(Command::AddFault(lost));
    let refund = desk.refund(&sold.id, "R-1", None).await.ok(201);
    desk.pass(10 * MINUTE_MS).await;
    assert_eq!(desk.refund_state(&refund).await["state"], "succeeded");
    assert_eq!(desk.balance().await, (0, 0));
}

#[tokio::test]
async fn a_refund_whose_answer_is_lost_happens_once() {
    for kind in [
        FaultKind::AnswerLost,
        FaultKind::SystemErrorAfter,
        FaultKind::UnsignedResponse,
    ] {
        let desk = desk(BOTH_SIGN_TYPES[0]).await;
        let sold = desk.sell("A-1").await;
        desk.heart.fault(kind, Operation::Refund);
        let refund = desk.refund(&sold.id, "R-1", Some(700)).await.ok(201);
        assert_eq!(desk.balance().await, (1990, 700), "promised, so reserved");
        desk.pass(10 * MINUTE_MS).await;
        assert_eq!(
            desk.refund_state(&refund).await["state"],
            "succeeded",
            "{kind:?}"
        );
        assert_eq!(desk.heart.refunded(), (700, 1));
    }
}

#[tokio::test]
async fn too_little_money_waits_under_the_same_number() {
    let desk = desk(BOTH_SIGN_TYPES[0]).await;
    let sold = desk.sell("A-1").await;
    desk.heart.set_balance(0);
    let refund = desk.refund(&sold.id, "R-1", Some(700)).await.ok(201);
    assert_eq!(refund["state"], "recorded", "{refund}");
    assert_eq!(refund["trouble"]["wechat_code"], "NOTENOUGH");
    desk.heart.set_balance(10_000);
    desk.pass(DAY_MS).await;
    assert_eq!(desk.refund_state(&refund).await["state"], "succeeded");
    assert_eq!(desk.heart.refunded(), (700, 1));
}

#[tokio::test]
async fn an_abnormal_refund_needs_a_person() {
    let desk = desk(BOTH_SIGN_TYPES[0]).await;
    let sold = desk.sell("A-1").await;
    let refund = desk.refund(&sold.id, "R-1", Some(700)).await.ok(201);
    let number = refund["out_refund_no"].as_str().unwrap();
    desk.heart.finish_refund(number, RefundEnd::Abnormal);
    desk.deliver().await;
    desk.world.work().await;
    assert_eq!(desk.refund_state(&refund).await["state"], "abnormal");
    assert_eq!(desk.events("refund.action_needed").await, 1);
    // The older protocol has no call for another way, and that is said.
    let id = refund["id"].as_str().unwrap();
    let answer = desk
        .world
        .post(
            &format!("/v1/refunds/{id}/remedy"),
            &json!({ "type": "merchant_bank_card" }),
        )
        .await;
    assert!(answer.text.contains("NOT_SUPPORTED"), "{}", answer.text);
}

#[tokio::test]
async fn a_refund_made_in_the_console_appears_by_itself() {
    let desk = desk(BOTH_SIGN_TYPES[0]).await;
    let Sold { out_trade_no, .. } = desk.sell("A-1").await;
    let made = desk.heart.throw(Command::ConsoleRefund {
        order: (MCHID.to_owned(), out_trade_no),
        amount: Fen::new(700),
        out_refund_no: None,
    });
    let CommandAnswer::Refund(number) = made else {
        panic!("{made:?}")
    };
    desk.pass(10 * SECOND_MS).await;
    let list = desk.world.get("/v1/refunds").await.ok(200);
    let refund = &list["data"][0];
    assert_eq!(refund["out_refund_no"], number.as_str());
    assert_eq!(
        (&refund["origin"], &refund["state"]),
        (&json!("console"), &json!("succeeded"))
    );
    assert_eq!(desk.balance().await, (1290, 0));
}

/// Whoever can encrypt with the key can make us ask, and nothing more.
#[tokio::test]
async fn a_hint_that_lies_changes_nothing() {
    let desk = desk(BOTH_SIGN_TYPES[0]).await;
    let sold = desk.sell("A-1").await;
    let slow = Fault::new(FaultKind::RefundSlow);
    desk.heart.throw(Command::AddFault(slow));
    let refund = desk.refund(&sold.id, "R-1", Some(700)).await.ok(201);
    let number = refund["out_refund_no"].as_str().unwrap();
    let lie = |key: &str| hint(&sold, number, key);
    let notify = |body: String| desk.world.notify_to(MCHID, &[], body.into_bytes());
    let calls = desk.heart.calls();
    let kept = desk.world.store.all_notifications().len();
    let stranger = notify(lie("nobodyhasthiskeynobodyhasthiskey")).await;
    assert_eq!(stranger.status, 401, "{}", stranger.text);
    assert!(stranger.text.contains("FAIL"));
    desk.world.work().await;
    assert_eq!(
        (
            desk.heart.calls(),
            desk.world.store.all_notifications().len()
        ),
        (calls, kept)
    );

    assert_eq!(notify(lie(API_KEY)).await.status, 200);
    desk.world.work().await;
    assert_eq!(desk.heart.calls(), calls + 1, "asked once");
    assert_eq!(desk.refund_state(&refund).await["state"], "processing");
    assert_eq!(desk.balance().await, (1990, 700));
}

fn hint(sold: &Sold, number: &str, key: &str) -> String {
    let content = format!(
        "<root><out_trade_no>{}</out_trade_no><out_refund_no>{number}</out_refund_no><refund_id>50300000012026010500000000001</refund_id><refund_status>SUCCESS</refund_status><refund_fee>1990</refund_fee><total_fee>1990</total_fee><success_time>2026-01-05 12:03:05</success_time></root>",
        sold.out_trade_no
    );
    Fields::new()
        .with("return_code", "SUCCESS")
        .with("appid", crate::world::APPID)
        .with("mch_id", MCHID)
        .with("nonce_str", "n")
        .with(
            "req_info",
            seal(&ApiKey::parse(key).unwrap(), &content).unwrap(),
        )
        .to_xml()
}

#[tokio::test]
async fn a_hint_about_an_order_of_somebody_else_is_an_incident() {
    let desk = desk(BOTH_SIGN_TYPES[0]).await;
    let sold = Sold {
        id: String::new(),
        out_trade_no: "NOTOURS000001".to_owned(),
    };
    let body = hint(&sold, "R1", API_KEY).into_bytes();
    let answer = desk.world.notify_to(MCHID, &[], body).await;
    assert_eq!(answer.status, 422, "{}", answer.text);
    assert!(
        answer
            .text
            .starts_with("<xml><return_code><![CDATA[FAIL]]>")
    );
    assert_eq!(
        desk.world.store.all_incidents()[0].kind.as_str(),
        "unknown_order"
    );
    assert_eq!(desk.heart.calls(), 0);
}
