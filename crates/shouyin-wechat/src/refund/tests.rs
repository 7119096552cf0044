use fen::Fen;
use shouyin_core::Timestamp;
use shouyin_core::id::Mchid;
use wechatpay::text::NotifyUrl;
use wechatpay::v3::Operation;

use super::*;

const ANSWER: &str = include_str!("tests/answer.json");
const NOTICE: &str = include_str!("tests/notice.json");

fn read_answer(text: &str) -> Result<RefundFact, String> {
    answer(serde_json::from_str(text).unwrap())
}

fn read_notice(text: &str) -> Result<RefundFact, String> {
    notice(serde_json::from_str(text).unwrap())
}

#[test]
fn the_documented_answer_becomes_a_fact() {
    let fact = read_answer(ANSWER).unwrap();
    let expected = RefundFact {
        mchid: None,
        out_trade_no: OutTradeNo::parse("T20260105000001").unwrap(),
        transaction_id: TransactionId::parse("4200000001202601051234567890").unwrap(),
        out_refund_no: OutRefundNo::parse("R20260105000001-1").unwrap(),
        refund_id: WechatRefundId::parse("50300000012026010500000000001").unwrap(),
        status: RefundStatus::Processing,
        amount: Fen::new(990),
        total: Fen::new(1990),
        currency: Some("CNY".into()),
        success_at: None,
        received_account: Some("支付用户零钱".into()),
    };
    assert_eq!(fact, expected);
}

#[test]
fn the_documented_notice_becomes_the_same_fact_with_its_owner() {
    let fact = read_notice(NOTICE).unwrap();
    let expected = RefundFact {
        mchid: Some("1900000001".into()),
        status: RefundStatus::Success,
        currency: None,
        // 2026-01-05T14:00:09+08:00
        success_at: Some(Timestamp::from_millis(1_767_592_809_000)),
        ..read_answer(ANSWER).unwrap()
    };
    assert_eq!(fact, expected);
}

#[test]
fn partner_notices_belong_to_the_sub_merchant_and_nameless_ones_to_nobody() {
    let of = |member: &str| {
        let text = NOTICE.replace("\"mchid\":\"1900000001\",", member);
        read_notice(&text).unwrap().mchid
    };
    let partner = r#""sp_mchid":"1900000009","sub_mchid":"1900000007","#;
    assert_eq!(of(partner).as_deref(), Some("1900000007"));
    assert_eq!(
        of(r#""sp_mchid":"1900000009","#).as_deref(),
        Some("1900000009")
    );
    // Not `None`: that would be an answer to our own call, which needs no comparison.
    assert_eq!(of("").as_deref(), Some(""));
}

#[test]
fn every_status_is_understood_and_a_new_one_is_kept() {
    for (name, status) in [
        ("PROCESSING", RefundStatus::Processing),
        ("SUCCESS", RefundStatus::Success),
        ("CLOSED", RefundStatus::Closed),
        ("ABNORMAL", RefundStatus::Abnormal),
        ("CLOSE", RefundStatus::Other("CLOSE".into())),
        ("THINKING", RefundStatus::Other("THINKING".into())),
    ] {
        let text = ANSWER.replace("\"PROCESSING\"", &format!("\"{name}\""));
        assert_eq!(read_answer(&text).unwrap().status, status);
        let text = NOTICE.replace("\"SUCCESS\"", &format!("\"{name}\""));
        assert_eq!(read_notice(&text).unwrap().status, status);
    }
}

#[test]
fn what_breaks_its_own_formats_proves_nothing() {
    for (text, from, to) in [
        (ANSWER, "R20260105000001-1", ""),
        (ANSWER, "T20260105000001\"", "short\""),
        (ANSWER, "4200000001202601051234567890", ""),
        (ANSWER, "50300000012026010500000000001", ""),
    ] {
        assert!(read_answer(&text.replacen(from, to, 1)).is_err(), "{from}");
    }
    let broken = NOTICE.replace("2026-01-05T14:00:09+08:00", "yesterday");
    assert_eq!(
        read_notice(&broken),
        Err("success_time yesterday is not RFC 3339".into())
    );
}

fn order(reason: Option<&str>) -> RefundOrder {
    RefundOrder {
        appid: shouyin_core::id::Appid::parse("wx1111222233334444").unwrap(),
        route: shouyin_core::id::Route::parse("v3").unwrap(),
        mchid: Mchid::parse("1900000001").unwrap(),
        out_refund_no: OutRefundNo::parse("R20260105000001-1").unwrap(),
        out_trade_no: OutTradeNo::parse("T20260105000001").unwrap(),
        amount: Fen::new(990),
        total: Fen::new(1990),
        reason: reason.map(str::to_owned),
    }
}

#[test]
fn an_order_becomes_the_documented_request() {
    let notify_url = NotifyUrl::parse("https://pay.example.com/wx/refund").unwrap();
    let body = |reason| -> serde_json::Value {
        let request = create(&order(reason), &notify_url).unwrap().request();
        serde_json::from_slice(&request.body).unwrap()
    };
    let expected = serde_json::json!({
        "out_trade_no": "T20260105000001",
        "out_refund_no": "R20260105000001-1",
        "reason": "sold out",
        "notify_url": "https://pay.example.com/wx/refund",
        "amount": {"refund": 990, "total": 1990, "currency": "CNY"},
    });
    assert_eq!(body(Some("sold out")), expected);
    assert_eq!(body(None).get("reason"), None);
    let emoji = create(&order(Some("🍵")), &notify_url).unwrap_err();
    assert_eq!(emoji.field, "reason");
}

#[test]
fn a_query_names_the_refund() {
    let request = query(&OutRefundNo::parse("r@1|2").unwrap())
        .unwrap()
        .request();
    assert_eq!(
        request.target.as_str(),
        "/v3/refund/domestic/refunds/r%401%7C2"
    );
}
