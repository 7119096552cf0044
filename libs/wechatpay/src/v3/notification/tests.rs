use proptest::prelude::*;

use super::*;
use crate::crypto::Certificate;
use crate::v3::pay::TradeState;
use crate::v3::refund::RefundStatus;
use crate::v3::signature_headers;
use crate::vectors::*;
use crate::wire::Wire;
use fen::Fen;

fn ring() -> KeyRing {
    let ring = KeyRing::new();
    ring.insert_public_key(F_SERIAL, a_public());
    ring
}

fn f_headers() -> Vec<(String, String)> {
    headers(&F_TIMESTAMP.to_string(), F_NONCE, F, F_SERIAL)
}

fn open_f(
    headers: &[(String, String)],
    body: &str,
    now: i64,
) -> Result<Notification, NotificationError> {
    open(&ring(), &d_api_v3_key(), headers, body.as_bytes(), now)
}

/// A body signed by the stand-in for WeChat.
fn open_signed(body: &[u8]) -> Result<Notification, NotificationError> {
    let headers = signature_headers(&a_signer(F_SERIAL), F_TIMESTAMP, F_NONCE, body);
    open(&ring(), &d_api_v3_key(), &headers, body, F_TIMESTAMP)
}

fn sealed(event_type: &str, original_type: &str, resource: &str) -> Vec<u8> {
    let plain = Plain {
        id: "EV-1",
        create_time: &WechatTime::from_unix_ms(F_TIMESTAMP * 1000),
        event_type,
        original_type,
        summary: "支付成功",
        nonce: "Qm7Kx2Vb9TzL",
        associated_data: original_type,
        resource,
    };
    seal(&d_api_v3_key(), &plain).unwrap()
}

#[test]
fn f_the_whole_notification_is_opened() {
    let notification = open_f(&f_headers(), F_BODY, F_TIMESTAMP).unwrap();
    assert_eq!(notification.id, "5d7f1f5e-2c4b-5a39-9f0e-6b8f3f1c2a10");
    assert_eq!(notification.event_type, "TRANSACTION.SUCCESS");
    assert_eq!(notification.original_type, "transaction");
    assert_eq!(notification.summary, "支付成功");
    assert_eq!(notification.plaintext, F_PLAINTEXT);
    assert_eq!(notification.serial_no, F_SERIAL);
    assert_eq!(notification.timestamp, F_TIMESTAMP);
    assert_eq!(
        notification.create_time.unwrap().unix_ms(),
        Some(F_TIMESTAMP * 1000)
    );
    let Resource::Transaction(order) = notification.resource else {
        panic!("not an order");
    };
    assert_eq!(order.trade_state, Wire::Known(TradeState::Success));
    assert_eq!(order.amount.total, Some(Fen::new(1990)));
    assert_eq!(order.mchid.as_deref(), Some("1900000001"));
}

/// Found by the fuzz target `notification`: the bytes stand in a member that nobody reads.
#[test]
fn a_body_that_is_not_text_is_not_opened() {
    let body = [
        &b"{\"resource_type\":\"\xd0\x8b\xd2\","[..],
        &F_BODY.as_bytes()[1..],
    ]
    .concat();
    assert!(matches!(
        open_signed(&body),
        Err(NotificationError::Malformed(_))
    ));
}

#[test]
fn f_what_is_not_verified_is_not_opened() {
    let unverified = |headers: &[_], body: &str, now| match open_f(headers, body, now) {
        Err(NotificationError::Unverified(why)) => why,
        other => panic!("{other:?}"),
    };
    let changed = F_BODY.replace("TRANSACTION.SUCCESS", "TRANSACTION.SUCCESZ");
    assert_eq!(
        unverified(&f_headers(), &changed, F_TIMESTAMP),
        VerificationError::BadSignature
    );
    assert_eq!(
        unverified(&f_headers(), &format!("{F_BODY}\n"), F_TIMESTAMP),
        VerificationError::BadSignature
    );
    assert!(matches!(
        unverified(&f_headers(), F_BODY, F_TIMESTAMP + 300),
        VerificationError::Stale { .. }
    ));
    assert!(matches!(
        unverified(&[], F_BODY, F_TIMESTAMP),
        VerificationError::MissingHeader(_)
    ));
    let probe = headers(
        &F_TIMESTAMP.to_string(),
        F_NONCE,
        &format!("WECHATPAY/SIGNTEST/{F}"),
        F_SERIAL,
    );
    assert_eq!(
        unverified(&probe, F_BODY, F_TIMESTAMP),
        VerificationError::Probe
    );
    let unknown = headers(&F_TIMESTAMP.to_string(), F_NONCE, F, "PUB_KEY_ID_X");
    assert!(matches!(
        unverified(&unknown, F_BODY, F_TIMESTAMP),
        VerificationError::UnknownSerial(_)
    ));
}

#[test]
fn c3_a_short_key_is_refused_although_the_signature_is_right() {
    assert!(ApiV3Key::new("testMchAPIv3Key0").is_err());
    let ring = KeyRing::new();
    ring.insert_certificate(&Certificate::from_pem(C_CERTIFICATE).unwrap());
    let headers = headers(
        "1624523846",
        "EcZ9Cmy4Xyx1i6RlJQzLcCyEqDa26NBz",
        C3,
        C_SERIAL,
    );
    let opened = open(
        &ring,
        &d_api_v3_key(),
        &headers,
        C3_BODY.as_bytes(),
        1_624_523_846,
    );
    // With any key that is allowed at all, what was sealed with 16 bytes cannot be opened.
    assert_eq!(
        opened,
        Err(NotificationError::Undecryptable(CryptoError::Refused))
    );
}

#[test]
fn another_api_v3_key_cannot_open_it() {
    let other = ApiV3Key::new("00000000000000000000000000000000").unwrap();
    let opened = open(
        &ring(),
        &other,
        &f_headers(),
        F_BODY.as_bytes(),
        F_TIMESTAMP,
    );
    assert_eq!(
        opened,
        Err(NotificationError::Undecryptable(CryptoError::Refused))
    );
}

#[test]
fn refunds_are_read_and_abnormal_ones_too() {
    for (event, status, expected) in [
        ("REFUND.SUCCESS", "SUCCESS", RefundStatus::Success),
        ("REFUND.ABNORMAL", "ABNORMAL", RefundStatus::Abnormal),
        ("REFUND.CLOSED", "CLOSED", RefundStatus::Closed),
    ] {
        let text = REFUND_NOTICE.replace("\"SUCCESS\"", &format!("{status:?}"));
        let notification = open_signed(&sealed(event, "refund", &text)).unwrap();
        let Resource::Refund(refund) = notification.resource else {
            panic!("not a refund");
        };
        assert_eq!(refund.refund_status, Wire::Known(expected));
        assert_eq!(refund.amount.refund, Fen::new(990));
    }
}

#[test]
fn the_kind_of_object_decides_not_the_event() {
    let sharing =
        r#"{"mchid":"1900000001","transaction_id":"42","order_id":"30","out_order_no":"S1"}"#;
    let cases = [
        ("TRANSACTION.SUCCESS", "profitsharing", sharing),
        ("TRANSACTION.SUCCESS", "transaction", COMBINE_PAYMENT),
        ("MCHTRANSFER.BILL.FINISHED", "mch_payment", "{}"),
        ("SOMETHING.NEW", "", "{}"),
        ("TRANSACTION.SUCCESS", "", sharing),
    ];
    for (event, original, text) in cases {
        let notification = open_signed(&sealed(event, original, text)).unwrap();
        assert!(
            matches!(notification.resource, Resource::Other(_)),
            "{event} {original}"
        );
        assert_eq!(notification.plaintext, text);
    }
}

#[test]
fn without_a_kind_the_object_tells() {
    let payment = open_signed(&sealed("TRANSACTION.SUCCESS", "", F_PLAINTEXT)).unwrap();
    assert!(matches!(payment.resource, Resource::Transaction(_)));
    let refund = open_signed(&sealed("REFUND.SUCCESS", "", REFUND_NOTICE)).unwrap();
    assert!(matches!(refund.resource, Resource::Refund(_)));
}

#[test]
fn an_envelope_may_miss_what_is_optional_and_carry_what_is_new() {
    let mut body: Value =
        serde_json::from_slice(&sealed("TRANSACTION.SUCCESS", "", F_PLAINTEXT)).unwrap();
    body["resource"]["associated_data"] = Value::Null;
    body["summary"] = Value::Null;
    body["new_member"] = serde_json::json!([1, 2]);
    let members = body.as_object_mut().unwrap();
    members.remove("create_time");
    members.remove("resource_type");
    let notification = open_signed(body.to_string().as_bytes()).unwrap();
    assert_eq!(
        (notification.summary.as_str(), notification.create_time),
        ("", None)
    );
}

#[test]
fn signed_rubbish_is_an_error_each_of_its_kind() {
    let changed = |member: &str, value: &str| {
        let mut body: Value =
            serde_json::from_slice(&sealed("TRANSACTION.SUCCESS", "transaction", F_PLAINTEXT))
                .unwrap();
        body["resource"][member] = Value::from(value);
        open_signed(body.to_string().as_bytes()).unwrap_err()
    };
    assert!(matches!(
        changed("algorithm", "AEAD_SM4_GCM"),
        NotificationError::UnsupportedAlgorithm(_)
    ));
    assert_eq!(
        changed("nonce", "short"),
        NotificationError::Undecryptable(CryptoError::NonceLength { length: 5 })
    );
    assert_eq!(
        changed("associated_data", "1234567890123456"),
        NotificationError::Undecryptable(CryptoError::AssociatedDataLength { length: 16 })
    );
    assert_eq!(
        changed("ciphertext", "AAAA"),
        NotificationError::Undecryptable(CryptoError::CiphertextLength { length: 3 })
    );
    for body in [&b""[..], b"null", b"[]", b"{}", b"\xff", b"{\"id\":1}"] {
        assert!(matches!(
            open_signed(body),
            Err(NotificationError::Malformed(_))
        ));
    }
    for text in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"out_trade_no":"1","trade_state":5}"#,
        "not json",
    ] {
        let opened = open_signed(&sealed("TRANSACTION.SUCCESS", "transaction", text));
        assert!(
            matches!(opened, Err(NotificationError::Resource { .. })),
            "{text}"
        );
    }
    let fraction = F_PLAINTEXT.replace("\"total\":1990", "\"total\":19.9");
    let opened = open_signed(&sealed("TRANSACTION.SUCCESS", "transaction", &fraction));
    assert!(matches!(opened, Err(NotificationError::Resource { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn signed_foreign_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(open_signed(&body).is_err());
    }
}
