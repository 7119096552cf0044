use super::*;

const REFUND: &str = "/secapi/pay/refund";
const QUERY: &str = "/pay/refundquery";

#[test]
fn a_refund_is_accepted_then_found() {
    for sign_type in BOTH {
        let mut v2 = V2::new(sign_type);
        let id = v2.paid("ORDER-000001");
        let first = v2
            .refund("ORDER-000001", "R-1", 990)
            .with("refund_desc", "少一杯");
        let accepted = v2.call(REFUND, first.clone());
        for (name, value) in [
            ("result_code", "SUCCESS"),
            ("transaction_id", id.as_str()),
            ("out_trade_no", "ORDER-000001"),
            ("out_refund_no", "R-1"),
            ("refund_fee", "990"),
            ("total_fee", "1990"),
            ("cash_fee", "1990"),
            ("cash_refund_fee", "990"),
        ] {
            assert_eq!(accepted.get(name), Some(value), "{name}");
        }
        let again = v2.call(REFUND, first);
        assert_eq!(
            again.get("refund_id"),
            accepted.get("refund_id"),
            "executed once"
        );
        let one = Fields::new().with("out_refund_no", "R-1");
        let running = v2.call(QUERY, one.clone());
        assert_eq!(running.get("refund_status_0"), Some("PROCESSING"));
        assert_eq!(running.get("refund_success_time_0"), None);
        v2.shop.pass(3_000);
        let done = v2.call(QUERY, one);
        for (name, value) in [
            ("refund_count", "1"),
            ("refund_status_0", "SUCCESS"),
            ("refund_fee_0", "990"),
            ("refund_channel_0", "ORIGINAL"),
            ("refund_recv_accout_0", "支付用户零钱"),
            ("refund_success_time_0", "2026-01-05 12:00:03"),
            ("refund_account_0", "REFUND_SOURCE_UNSETTLED_FUNDS"),
        ] {
            assert_eq!(done.get(name), Some(value), "{name}");
        }
        assert_eq!(done.get("total_refund_count"), None, "only with an offset");
        let order = v2.call("/pay/orderquery", Fields::new().with("transaction_id", id));
        assert_eq!(order.get("trade_state"), Some("REFUND"));
    }
}

#[test]
fn refunds_of_both_protocols_share_one_sum() {
    let mut v2 = V2::new(SignType::HmacSha256);
    v2.paid("ORDER-000001");
    let first = v2.refund("ORDER-000001", "R-1", 1000);
    v2.call(REFUND, first);
    let body = |number: &str, amount: i64| {
        json!({
            "out_trade_no": "ORDER-000001",
            "out_refund_no": number,
            "amount": { "refund": amount, "total": 1990, "currency": "CNY" },
        })
    };
    let path = "/v3/refund/domestic/refunds";
    let (status, _) = v2.shop.call("POST", path, &body("R-2", 991));
    assert_eq!(status, 400, "990 are left");
    let (status, _) = v2.shop.call("POST", path, &body("R-2", 990));
    assert_eq!(status, 200);
    let more = v2.refund("ORDER-000001", "R-3", 1);
    assert_eq!(
        v2.refused(REFUND, more),
        "TRADE_STATE_ERROR",
        "nothing is left"
    );
    let (_, seen) = v2.shop.call("GET", &format!("{path}/R-1"), &json!(null));
    assert_eq!(
        seen["amount"]["refund"], 1000,
        "APIv3 finds what v2 refunded"
    );
    let all = v2.call(QUERY, Fields::new().with("out_trade_no", "ORDER-000001"));
    assert_eq!(all.get("refund_count"), Some("2"));
    assert_eq!(all.get("out_refund_no_1"), Some("R-2"));
}

#[test]
fn a_refund_sent_again_through_the_other_protocol_is_the_same_refund() {
    let mut v2 = V2::new(SignType::Md5);
    v2.paid("ORDER-000001");
    let first = v2.refund("ORDER-000001", "R-1", 1000);
    let accepted = v2.call(REFUND, first);
    let mut body = json!({
        "out_trade_no": "ORDER-000001",
        "out_refund_no": "R-1",
        "amount": { "refund": 1000, "total": 1990, "currency": "CNY" },
    });
    let path = "/v3/refund/domestic/refunds";
    let (status, again) = v2.shop.call("POST", path, &body);
    assert_eq!(
        (status, again["refund_id"].as_str()),
        (200, accepted.get("refund_id"))
    );
    body["amount"]["refund"] = json!(1);
    let (status, _) = v2.shop.call("POST", path, &body);
    assert_eq!(status, 400);
    assert_eq!(v2.shop.wechat.refunds().count(), 1);
}

#[test]
fn what_breaks_a_rule_is_refused_with_its_code() {
    let mut v2 = V2::new(SignType::Md5);
    v2.prepay("UNPAID-0001");
    let id = v2.paid("ORDER-000001");
    let refund = |fields: Fields, name: &str, value: &str| fields.with(name, value);
    for (change, value, code) in [
        ("total_fee", "1991", "ERROR"),
        ("refund_fee", "1991", "REFUND_FEE_INVALID"),
        ("out_trade_no", "UNPAID-0001", "ORDERNOTEXIST"),
        ("out_trade_no", "NOBODY-0001", "ORDERNOTEXIST"),
        ("transaction_id", "4200000000", "INVALID_TRANSACTIONID"),
    ] {
        let fields = refund(v2.refund("ORDER-000001", "R-1", 1), change, value);
        assert_eq!(v2.refused(REFUND, fields), code, "{change}={value}");
    }
    let by_id = v2
        .refund("ORDER-000001", "R-1", 10)
        .with("transaction_id", id);
    v2.call(REFUND, by_id.clone());
    let other = by_id.with("refund_fee", "11");
    assert_eq!(
        v2.refused(REFUND, other),
        "ERROR",
        "same number, other amount"
    );
    v2.shop.control(Command::SetBalance {
        mchid: MCHID.to_owned(),
        balance: Some(fen(5)),
    });
    let poor = v2.refund("ORDER-000001", "R-2", 10);
    assert_eq!(v2.refused(REFUND, poor.clone()), "NOTENOUGH");
    v2.shop.control(Command::SetBalance {
        mchid: MCHID.to_owned(),
        balance: None,
    });
    v2.call(REFUND, poor);
    v2.shop.pass(REFUND_LIMIT_MS + 1);
    let late = v2.refund("ORDER-000001", "R-3", 10);
    assert_eq!(v2.refused(REFUND, late), "TRADE_OVERDUE");
    let nothing = Fields::new().with("out_refund_no", "R-9");
    assert_eq!(v2.refused(QUERY, nothing), "REFUNDNOTEXIST");
    let no_refund = Fields::new().with("out_trade_no", "UNPAID-0001");
    assert_eq!(v2.refused(QUERY, no_refund), "REFUNDNOTEXIST");
    let nobody = Fields::new().with("transaction_id", "4200000000");
    assert_eq!(v2.refused(QUERY, nobody), "INVALID_TRANSACTIONID");
    v2.unbelieved(QUERY, Fields::new());
}

#[test]
fn many_refunds_come_in_pages() {
    let mut v2 = V2::new(SignType::Md5);
    v2.paid("ORDER-000001");
    for n in 0..12 {
        let fields = v2.refund("ORDER-000001", &format!("R-{n}"), 1);
        v2.call(REFUND, fields);
    }
    let by_order = Fields::new().with("out_trade_no", "ORDER-000001");
    let first = v2.call(QUERY, by_order.clone());
    assert_eq!(first.get("refund_count"), Some("10"));
    let second = v2.call(QUERY, by_order.with("offset", "10"));
    assert_eq!(second.get("refund_count"), Some("2"));
    assert_eq!(second.get("total_refund_count"), Some("12"));
    assert_eq!(second.get("out_refund_no_1"), Some("R-11"));
}

#[test]
fn coupons_have_numbered_fields_everywhere() {
    let mut v2 = V2::new(SignType::HmacSha256);
    let order = v2.order("ORDER-000001").with("version", "1.0");
    let prepay_id = v2.call("/pay/unifiedorder", order);
    let act = CashierAction {
        prepay_id: prepay_id.get("prepay_id").unwrap().to_owned(),
        user: "buyer".to_owned(),
        action: BuyerAction::Pay,
        coupon_fen: Some(990),
        coupon_no_cash: true,
        bank_type: None,
    };
    v2.shop.phone(PhoneAction::Act(act)).unwrap();
    let seen = v2.call(
        "/pay/orderquery",
        Fields::new().with("out_trade_no", "ORDER-000001"),
    );
    for (name, value) in [
        ("total_fee", "1990"),
        ("cash_fee", "1000"),
        ("settlement_total_fee", "1000"),
        ("coupon_fee", "990"),
        ("coupon_count", "1"),
        ("coupon_type_0", "NO_CASH"),
        ("coupon_fee_0", "990"),
    ] {
        assert_eq!(seen.get(name), Some(value), "{name}");
    }
    let promotion: serde_json::Value =
        serde_json::from_str(seen.get("promotion_detail").unwrap()).unwrap();
    assert_eq!(promotion["promotion_detail"][0]["amount"], 990);
    let refund = v2.refund("ORDER-000001", "R-1", 1990);
    v2.call(REFUND, refund);
    let seen = v2.call(QUERY, Fields::new().with("out_refund_no", "R-1"));
    assert_eq!(seen.get("coupon_refund_fee_0"), Some("990"), "of refund 0");
    assert_eq!(
        seen.get("coupon_refund_fee_0_0"),
        Some("990"),
        "of its coupon 0"
    );
    assert_eq!(seen.get("settlement_refund_fee_0"), Some("1000"));
}

#[test]
fn money_goes_out_only_over_connections_with_the_merchants_certificate() {
    let serial = || Some(MERCHANT_SERIAL.to_owned());
    let tls = |certificate| Connection::Tls { certificate };
    let mut v2 = V2::new(SignType::Md5);
    v2.paid("ORDER-000001");
    let refund = |v2: &mut V2, connection| {
        let fields = v2.refund("ORDER-000001", "R-1", 1);
        let body = v2.signed(fields).to_xml();
        let answer = v2.post_over(REFUND, body, connection).unwrap();
        let answer = Fields::parse(&answer.body).unwrap();
        if answer.get("return_code") != Some("SUCCESS") {
            assert_unsigned(&answer);
        }
        answer.get("return_code") == Some("SUCCESS")
    };
    assert!(!refund(&mut v2, tls(None)));
    assert!(!refund(&mut v2, tls(Some("ABCD".to_owned()))));
    assert!(v2.shop.wechat.refunds().next().is_none());
    assert!(refund(&mut v2, tls(serial())));
    assert!(
        refund(&mut v2, Connection::Plain),
        "plain HTTP has no certificates"
    );
    let order = Fields::new().with("out_trade_no", "ORDER-000001");
    let body = v2.signed(order).to_xml();
    assert!(v2.post_over("/pay/orderquery", body, tls(None)).is_some());
    let always = Assumptions {
        v2_client_certificate: ClientCertificate::Always,
        ..Assumptions::default()
    };
    v2.shop.control(Command::SetAssumptions(Box::new(always)));
    assert!(!refund(&mut v2, Connection::Plain));
    v2.shop.control(Command::ReplaceMerchantCertificate {
        mchid: MCHID.to_owned(),
        serial_no: MERCHANT_SERIAL.to_owned(),
    });
    assert!(!refund(&mut v2, tls(serial())), "it was replaced");
}
