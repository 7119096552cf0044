use fen::Fen;
use shouyin_core::id::{Appid, Mchid, Route};
use wechatpay::v2::Operation;
use wechatpay::v3::refund as wire;
use wechatpay::wire::Wire;

use super::*;

fn order() -> RefundOrder {
    RefundOrder {
        mchid: Mchid::parse("1900000001").unwrap(),
        appid: Appid::parse("wx1111222233334444").unwrap(),
        route: Route::parse("v2").unwrap(),
        out_refund_no: OutRefundNo::parse("R20260105000001-1").unwrap(),
        out_trade_no: OutTradeNo::parse("T20260105000001").unwrap(),
        amount: Fen::new(990),
        total: Fen::new(1990),
        reason: Some("少了一杯".into()),
    }
}

#[test]
fn the_same_refund_is_the_same_call() {
    let url = text::NotifyUrl::parse("https://pay.example.com/wechat/notify/1900000001").unwrap();
    let call = || create(&order(), &url).unwrap().fields();
    assert_eq!(call(), call());
    for (name, value) in [
        ("out_trade_no", "T20260105000001"),
        ("out_refund_no", "R20260105000001-1"),
        ("total_fee", "1990"),
        ("refund_fee", "990"),
        ("refund_desc", "少了一杯"),
        (
            "notify_url",
            "https://pay.example.com/wechat/notify/1900000001",
        ),
    ] {
        assert_eq!(call().get(name), Some(value), "{name}");
    }
}

#[test]
fn accepted_is_not_succeeded() {
    let taken = Accepted {
        transaction_id: "4200000001202601051234567890".into(),
        refund_id: "50300000012026010500000000001".into(),
        refund_fee: Fen::new(990),
        total_fee: Fen::new(1990),
    };
    let fact = accepted(&order(), taken.clone()).unwrap();
    assert_eq!(fact.status, RefundStatus::Processing);
    assert_eq!(fact.out_refund_no, order().out_refund_no);
    assert_eq!((fact.amount, fact.total), (Fen::new(990), Fen::new(1990)));
    let nameless = Accepted {
        refund_id: String::new(),
        ..taken
    };
    assert!(accepted(&order(), nameless).is_err());
}

#[test]
fn an_answer_becomes_a_fact_in_every_state() {
    for (state, expected) in [
        (wire::RefundStatus::Processing, RefundStatus::Processing),
        (wire::RefundStatus::Success, RefundStatus::Success),
        (wire::RefundStatus::Closed, RefundStatus::Closed),
        (wire::RefundStatus::Abnormal, RefundStatus::Abnormal),
    ] {
        let found = Refund {
            out_trade_no: "T20260105000001".into(),
            transaction_id: "4200000001202601051234567890".into(),
            out_refund_no: "R20260105000001-1".into(),
            refund_id: "50300000012026010500000000001".into(),
            status: Wire::Known(state),
            refund_fee: Fen::new(990),
            total_fee: Fen::new(1990),
            success_at_ms: Some(1_767_592_809_000),
            received_account: Some("支付用户零钱".into()),
        };
        let fact = answer(found).unwrap();
        assert_eq!(fact.status, expected);
        assert_eq!(
            fact.success_at,
            Some(Timestamp::from_millis(1_767_592_809_000))
        );
    }
}
