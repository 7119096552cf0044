use fen::Fen;
use serde_json::Value;

use super::*;
use crate::text::*;
use crate::v3::{KeyRing, Operation, ParseError, Verified, signature_headers};
use crate::vectors::*;
use crate::wire::Wire;

fn verified(body: &str) -> Verified {
    let ring = KeyRing::new();
    ring.insert_public_key(F_SERIAL, a_public());
    let headers = signature_headers(&a_signer(F_SERIAL), F_TIMESTAMP, F_NONCE, body.as_bytes());
    ring.verify(&headers, body.as_bytes(), F_TIMESTAMP).unwrap()
}

fn create() -> CreateRefund {
    CreateRefund {
        order: OrderNumber::OutTradeNo(OutTradeNo::parse("T20260105000001").unwrap()),
        out_refund_no: OutRefundNo::parse("R20260105000001-1").unwrap(),
        reason: Some(RefundReason::parse("sold out").unwrap()),
        notify_url: Some(NotifyUrl::parse("https://pay.example.com/wx/refund").unwrap()),
        refund: Fen::new(990),
        total: Fen::new(1990),
    }
}

#[test]
fn the_documented_request_is_made() {
    let request = create().request();
    assert_eq!(request.target.as_str(), "/v3/refund/domestic/refunds");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body, serde_json::from_str::<Value>(REFUND_CREATE).unwrap());
    let by_id = CreateRefund {
        order: OrderNumber::TransactionId(TransactionId::parse("42").unwrap()),
        reason: None,
        notify_url: None,
        ..create()
    };
    let body: Value = serde_json::from_slice(&by_id.request().body).unwrap();
    assert_eq!(body["transaction_id"], "42");
    for absent in ["out_trade_no", "reason", "notify_url"] {
        assert_eq!(body.get(absent), None);
    }
}

#[test]
fn the_documented_answer_is_read_whole() {
    let refund = create().parse(200, &verified(REFUND_ANSWER)).unwrap();
    insta::assert_debug_snapshot!("refund", refund);
    assert_eq!(refund.status, Wire::Known(RefundStatus::Processing));
}

#[test]
fn the_documented_notice_is_read_whole() {
    let notice: RefundNotice = serde_json::from_str(REFUND_NOTICE).unwrap();
    insta::assert_debug_snapshot!("refund_notice", notice);
    assert_eq!(
        serde_json::to_value(&notice).unwrap(),
        serde_json::from_str::<Value>(REFUND_NOTICE).unwrap()
    );
    let partner = REFUND_NOTICE.replace(
        "\"mchid\":\"1900000001\"",
        "\"sp_mchid\":\"1\",\"sub_mchid\":\"2\"",
    );
    let notice: RefundNotice = serde_json::from_str(&partner).unwrap();
    assert_eq!(
        (notice.mchid, notice.sub_mchid.as_deref()),
        (None, Some("2"))
    );
}

#[test]
fn queries_encode_the_number() {
    let query = QueryRefund {
        out_refund_no: OutRefundNo::parse("r@1|2").unwrap(),
    };
    assert_eq!(
        query.request().target.as_str(),
        "/v3/refund/domestic/refunds/r%401%7C2"
    );
}

#[test]
fn an_answer_about_another_refund_or_order_is_refused() {
    let query = QueryRefund {
        out_refund_no: OutRefundNo::parse("R20260105000001-2").unwrap(),
    };
    assert_eq!(
        query.parse(200, &verified(REFUND_ANSWER)),
        Err(ParseError::AnotherObject("out_refund_no"))
    );
    let other = REFUND_ANSWER.replace("T20260105000001", "T20260105000002");
    assert_eq!(
        create().parse(200, &verified(&other)),
        Err(ParseError::AnotherObject("out_trade_no"))
    );
    let by_id = CreateRefund {
        order: OrderNumber::TransactionId(TransactionId::parse("42").unwrap()),
        ..create()
    };
    assert_eq!(
        by_id.parse(200, &verified(REFUND_ANSWER)),
        Err(ParseError::AnotherObject("transaction_id"))
    );
}

#[test]
fn new_states_and_channels_do_not_break_reading() {
    let text = REFUND_ANSWER
        .replace("PROCESSING", "THINKING")
        .replace("ORIGINAL", "PIGEON");
    let refund = create().parse(200, &verified(&text)).unwrap();
    assert_eq!(refund.status, Wire::Other("THINKING".to_owned()));
    assert_eq!(refund.channel, Some(Wire::Other("PIGEON".to_owned())));
    for (name, status) in [
        ("SUCCESS", RefundStatus::Success),
        ("CLOSED", RefundStatus::Closed),
        ("ABNORMAL", RefundStatus::Abnormal),
    ] {
        let text = REFUND_ANSWER.replace("PROCESSING", name);
        assert_eq!(
            create().parse(200, &verified(&text)).unwrap().status,
            Wire::Known(status)
        );
    }
}
