use fen::Fen;
use serde_json::Value;

use super::*;
use crate::text::*;
use crate::v3::{Encryptor, KeyRing, Operation, ParseError, Verified, signature_headers};
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

fn encryptor() -> Encryptor {
    // The key of group A stands in for WeChat's, because its private half is at hand.
    Encryptor::new(F_SERIAL.to_owned(), a_public())
}

fn card() -> BankCard {
    let bank = BankType::parse("ICBC_DEBIT").unwrap();
    BankCard::encrypt(&encryptor(), bank, "6222020200112233445", "张三").unwrap()
}

fn abnormal(to: AbnormalRefundTo) -> ApplyAbnormalRefund {
    ApplyAbnormalRefund {
        refund_id: RefundId::parse("50300000012026010500000000001").unwrap(),
        out_refund_no: OutRefundNo::parse("R20260105000001-1").unwrap(),
        to,
    }
}

#[test]
fn an_abnormal_refund_goes_to_a_card_that_only_wechat_can_read() {
    let operation = abnormal(AbnormalRefundTo::UserBankCard(card()));
    let request = operation.request();
    assert_eq!(
        request.target.as_str(),
        "/v3/refund/domestic/refunds/50300000012026010500000000001/apply-abnormal-refund"
    );
    assert_eq!(request.encryption_serial.as_deref(), Some(F_SERIAL));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["out_refund_no"], "R20260105000001-1");
    assert_eq!(body["type"], "USER_BANK_CARD");
    assert_eq!(body["bank_type"], "ICBC_DEBIT");
    let read = |name: &str| a_key().decrypt_oaep(body[name].as_str().unwrap()).unwrap();
    assert_eq!(read("bank_account"), b"6222020200112233445");
    assert_eq!(read("real_name"), "张三".as_bytes());
    // Repeating it gives the same bytes, although encrypting again would not.
    assert_eq!(operation.request().body, request.body);
    assert_ne!(card(), card());
}

#[test]
fn an_abnormal_refund_goes_to_the_merchant_without_anything_secret() {
    let request = abnormal(AbnormalRefundTo::MerchantBankCard).request();
    assert_eq!(request.encryption_serial, None);
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({"out_refund_no": "R20260105000001-1", "type": "MERCHANT_BANK_CARD"})
    );
}

#[test]
fn the_answer_to_an_abnormal_refund_is_about_that_refund() {
    let operation = abnormal(AbnormalRefundTo::MerchantBankCard);
    let refund = operation.parse(200, &verified(REFUND_ANSWER)).unwrap();
    assert_eq!(refund.status, Wire::Known(RefundStatus::Processing));
    for (from, to, member) in [
        ("\"50300000012026010500000000001\"", "\"503\"", "refund_id"),
        ("R20260105000001-1", "R20260105000001-2", "out_refund_no"),
    ] {
        let other = REFUND_ANSWER.replace(from, to);
        assert_eq!(
            operation.parse(200, &verified(&other)),
            Err(ParseError::AnotherObject(member))
        );
    }
}

#[test]
fn cards_that_cannot_be_encrypted_are_refused_and_none_is_printed() {
    let card_of = |account: &str, name: &str| {
        let bank = BankType::parse("CMB_DEBIT").unwrap();
        BankCard::encrypt(&encryptor(), bank, account, name).map_err(|error| error.to_string())
    };
    assert_eq!(
        card_of("", "张三").unwrap_err(),
        "bank_account must not be empty"
    );
    assert_eq!(
        card_of("6222", &"张".repeat(72)).unwrap_err(),
        "real_name cannot be encrypted: the text is too long for RSA: 216 bytes, at most 214"
    );
    assert_eq!(
        format!("{:?}", card()),
        "BankCard(BankType(\"ICBC_DEBIT\"), ***)"
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
