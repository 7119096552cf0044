use super::*;

#[test]
fn an_order_is_placed_paid_and_asked_for_with_either_sign_type() {
    for sign_type in BOTH {
        let mut v2 = V2::new(sign_type);
        let number = Fields::new().with("out_trade_no", "ORDER-000001");
        v2.prepay("ORDER-000001");
        let unpaid = v2.call("/pay/orderquery", number.clone());
        assert_eq!(unpaid.get("trade_state"), Some("NOTPAY"));
        assert_eq!(unpaid.get("attach"), Some("shop=7"));
        for absent in [
            "total_fee",
            "transaction_id",
            "openid",
            "trade_type",
            "sign_type",
        ] {
            assert_eq!(unpaid.get(absent), None, "{absent}");
        }
        let id = v2.paid("ORDER-000001");
        let paid = v2.call("/pay/orderquery", number);
        for (name, value) in [
            ("result_code", "SUCCESS"),
            ("trade_state", "SUCCESS"),
            ("trade_type", "JSAPI"),
            ("transaction_id", id.as_str()),
            ("total_fee", "1990"),
            ("cash_fee", "1990"),
            ("fee_type", "CNY"),
            ("time_end", "20260105120000"),
            ("is_subscribe", "N"),
        ] {
            assert_eq!(paid.get(name), Some(value), "{name}");
        }
        let by_id = Fields::new()
            .with("transaction_id", id)
            .with("out_trade_no", "OTHER-00001");
        assert_eq!(
            v2.call("/pay/orderquery", by_id).get("out_trade_no"),
            Some("ORDER-000001"),
            "transaction_id wins"
        );
    }
}

#[test]
fn both_protocols_share_one_book() {
    let mut v2 = V2::new(SignType::HmacSha256);
    v2.paid("ORDER-V2-001");
    let (status, seen) = v2.shop.query("ORDER-V2-001");
    assert_eq!((status, &seen["trade_state"]), (200, &json!("SUCCESS")));
    assert_eq!(seen["amount"]["total"], 1990);
    v2.shop.paid("ORDER-V3-001");
    let number = Fields::new().with("out_trade_no", "ORDER-V3-001");
    let seen = v2.call("/pay/orderquery", number);
    assert_eq!(seen.get("trade_state"), Some("SUCCESS"));
    // One number space: a number of the other protocol is used.
    v2.prepay("ORDER-V2-002");
    let body = v2.shop.order_body("ORDER-V2-002");
    let (_, answer) = v2.shop.call("POST", "/v3/pay/transactions/jsapi", &body);
    assert_eq!(answer["code"], "OUT_TRADE_NO_USED");
    v2.shop.prepay("ORDER-V3-002");
    let order = v2.order("ORDER-V3-002");
    assert_eq!(v2.refused("/pay/unifiedorder", order), "OUT_TRADE_NO_USED");
    let (status, _) = v2.shop.close("ORDER-V2-002");
    assert_eq!(status, 204, "APIv3 closes what v2 opened");
}

#[test]
fn pay_parameters_must_be_signed_as_the_order_was() {
    for sign_type in BOTH {
        let mut v2 = V2::new(sign_type);
        let prepay_id = v2.prepay("ORDER-000001");
        let right = v2.parameters(&prepay_id, sign_type);
        assert!(v2.shop.phone(PhoneAction::Open(right.clone())).is_ok());
        let [md5, hmac] = BOTH;
        let other = if sign_type == md5 { hmac } else { md5 };
        let mixed = v2.parameters(&prepay_id, other);
        let rsa = OpenCashier {
            sign_type: "RSA".to_owned(),
            ..right.clone()
        };
        let lower = OpenCashier {
            pay_sign: right.pay_sign.to_lowercase(),
            ..right.clone()
        };
        for wrong in [mixed, rsa, lower] {
            let refusal = v2.shop.phone(PhoneAction::Open(wrong)).unwrap_err();
            assert!(
                refusal.reason.starts_with("支付验证签名失败"),
                "{}",
                refusal.reason
            );
        }
    }
    // And an order of APIv3 does not open with a signature of the older protocol.
    let mut v2 = V2::new(SignType::Md5);
    let prepay_id = v2.shop.prepay("ORDER-000001");
    let open = v2.parameters(&prepay_id, SignType::Md5);
    let refusal = v2.shop.phone(PhoneAction::Open(open)).unwrap_err();
    assert!(refusal.reason.starts_with("支付验证签名失败"));
}

#[test]
fn a_number_is_ordered_again_with_identical_fields_only() {
    let mut v2 = V2::new(SignType::Md5);
    let first = v2.prepay("ORDER-000001");
    let again = v2.prepay("ORDER-000001");
    assert_ne!(first, again, "nonce and signature do not count");
    for (name, value) in [
        ("total_fee", "1"),
        ("body", "x"),
        ("attach", ""),
        ("unknown_9", "1"),
    ] {
        let other = v2.order("ORDER-000001").with(name, value);
        assert_eq!(
            v2.refused("/pay/unifiedorder", other),
            "OUT_TRADE_NO_USED",
            "{name}"
        );
    }
    v2.paid("ORDER-000001");
    let order = v2.order("ORDER-000001");
    assert_eq!(v2.refused("/pay/unifiedorder", order), "ORDERPAID");
}

#[test]
fn fields_nobody_knows_are_signed_and_taken() {
    let mut v2 = V2::new(SignType::HmacSha256);
    let order = v2.order("ORDER-000001").with("field_of_next_year", "a=b&c");
    let answer = v2.call("/pay/unifiedorder", order);
    assert_eq!(answer.get("result_code"), Some("SUCCESS"));
}

#[test]
fn an_order_closes_after_five_minutes_and_stays_closed() {
    let mut v2 = V2::new(SignType::Md5);
    let number = |number: &str| Fields::new().with("out_trade_no", number);
    v2.prepay("ORDER-000001");
    assert_eq!(
        v2.refused("/pay/closeorder", number("ORDER-000001")),
        "TRADE_STATE_ERROR"
    );
    v2.shop.pass(300_000);
    for _ in 0..2 {
        let closed = v2.call("/pay/closeorder", number("ORDER-000001"));
        assert_eq!(closed.get("result_code"), Some("SUCCESS"));
    }
    let seen = v2.call("/pay/orderquery", number("ORDER-000001"));
    assert_eq!(seen.get("trade_state"), Some("CLOSED"));
    let order = v2.order("ORDER-000001");
    assert_eq!(v2.refused("/pay/unifiedorder", order), "ORDERCLOSED");
    v2.shop
        .control(Command::SetAssumptions(Box::new(Assumptions {
            v2_repeated_close_refused: true,
            ..Assumptions::default()
        })));
    assert_eq!(
        v2.refused("/pay/closeorder", number("ORDER-000001")),
        "ORDERCLOSED"
    );
    assert_eq!(
        v2.refused("/pay/closeorder", number("NOBODY-0001")),
        "ORDERNOTEXIST"
    );
    assert_eq!(
        v2.refused("/pay/orderquery", number("NOBODY-0001")),
        "ORDERNOTEXIST"
    );
    v2.paid("ORDER-000002");
    assert_eq!(
        v2.refused("/pay/closeorder", number("ORDER-000002")),
        "ORDERPAID"
    );
}

#[test]
fn every_product_has_its_own_answer_and_needs() {
    let mut v2 = V2::new(SignType::HmacSha256);
    let base = |v2: &V2, number: &str, kind: &str| {
        let order = v2.order(number).with("trade_type", kind).with("openid", "");
        order.with("spbill_create_ip", "203.0.113.9")
    };
    let native = base(&v2, "NATIVE-00001", "NATIVE");
    assert!(
        v2.unbelieved("/pay/unifiedorder", native.clone())
            .contains("product_id")
    );
    let native = native.with("product_id", "tea-1");
    let first = v2.call("/pay/unifiedorder", native.clone());
    let code_url = first.get("code_url").unwrap();
    assert!(code_url.starts_with("weixin://wxpay/bizpayurl?pr=") && code_url.len() <= 64);
    let second = v2.call("/pay/unifiedorder", native);
    assert_ne!(second.get("code_url"), Some(code_url));
    let old = v2
        .shop
        .act(first.get("prepay_id").unwrap(), BuyerAction::Pay);
    assert!(old.is_err(), "a later call makes the earlier code invalid");
    v2.shop
        .act(second.get("prepay_id").unwrap(), BuyerAction::Pay)
        .unwrap();
    let seen = v2.call(
        "/pay/orderquery",
        Fields::new().with("out_trade_no", "NATIVE-00001"),
    );
    assert_eq!(seen.get("trade_type"), Some("NATIVE"));
    assert_eq!(seen.get("openid"), Some(openid(APPID, "buyer").as_str()));

    let app = base(&v2, "APP-0000001", "APP").with("appid", MOBILE);
    assert!(v2.call("/pay/unifiedorder", app).get("prepay_id").is_some());

    let web = base(&v2, "MWEB-000001", "MWEB");
    assert!(
        v2.unbelieved("/pay/unifiedorder", web.clone())
            .contains("scene_info")
    );
    let scene =
        r#"{"h5_info":{"type":"Wap","wap_url":"https://shop.example.com","wap_name":"茶馆"}}"#;
    let web = web.with("scene_info", scene);
    let local = web.clone().with("spbill_create_ip", "127.0.0.1");
    v2.unbelieved("/pay/unifiedorder", local);
    let answer = v2.call("/pay/unifiedorder", web);
    assert!(answer.get("mweb_url").unwrap().contains("prepay_id=wx"));

    let jsapi = v2.order("JSAPI-00001").with("openid", "");
    assert!(v2.unbelieved("/pay/unifiedorder", jsapi).contains("openid"));
    let stranger = v2.order("JSAPI-00001").with("openid", "oNobody");
    assert_eq!(v2.refused("/pay/unifiedorder", stranger), "PARAM_ERROR");
}

#[test]
fn malformed_fields_are_refused_unsigned_or_as_documented() {
    let bad = [
        ("total_fee", "0"),
        ("total_fee", "19.90"),
        ("total_fee", "+1"),
        ("total_fee", ""),
        ("out_trade_no", "short"),
        ("out_trade_no", "ORDER@000001"),
        ("notify_url", "https://a.b/c?d=e"),
        ("trade_type", "jsapi"),
        ("fee_type", "USD"),
        ("spbill_create_ip", "here"),
        ("time_expire", "2026-01-05 13:00:00"),
        ("detail", "{"),
    ];
    for signed in [false, true] {
        let mut v2 = V2::with(
            SignType::Md5,
            Assumptions {
                v2_parameter_errors_signed: signed,
                ..Assumptions::default()
            },
        );
        for (name, value) in &bad {
            let order = v2.order("ORDER-000001").with(name, *value);
            if signed {
                let code = v2.refused("/pay/unifiedorder", order);
                assert!(
                    code == "PARAM_ERROR" || code == "LACK_PARAMS",
                    "{name}: {code}"
                );
            } else {
                v2.unbelieved("/pay/unifiedorder", order);
            }
        }
        let long = v2.order("ORDER-000001").with("body", "茶".repeat(128));
        if !signed {
            v2.unbelieved("/pay/unifiedorder", long);
        }
        assert!(v2.shop.wechat.orders().next().is_none(), "nothing was done");
    }
}

#[test]
fn a_deadline_must_be_five_minutes_away_at_first() {
    let mut v2 = V2::new(SignType::Md5);
    let near = v2
        .order("ORDER-000001")
        .with("time_expire", "20260105120459");
    assert_eq!(v2.refused("/pay/unifiedorder", near), "INVALID_REQUEST");
    let order = v2
        .order("ORDER-000001")
        .with("time_expire", "20260105120500");
    let first = v2.call("/pay/unifiedorder", order.clone());
    v2.shop.pass(240_000);
    let again = v2.call("/pay/unifiedorder", order.clone());
    assert_eq!(again.get("result_code"), Some("SUCCESS"));
    v2.shop.pass(61_000);
    assert_eq!(v2.refused("/pay/unifiedorder", order), "ORDERCLOSED");
    let late = v2
        .shop
        .act(first.get("prepay_id").unwrap(), BuyerAction::Pay);
    assert!(late.is_err());
    let seen = v2.call(
        "/pay/orderquery",
        Fields::new().with("out_trade_no", "ORDER-000001"),
    );
    assert_eq!(
        seen.get("trade_state"),
        Some("NOTPAY"),
        "the clock alone closes nothing"
    );
}

#[test]
fn senders_are_proven_before_anything_else() {
    let mut v2 = V2::new(SignType::Md5);
    let order = v2.order("ORDER-000001");
    let good = v2.signed(order.clone());
    let other_key = ApiKey::parse(&"x".repeat(32)).unwrap();
    for bad in [
        good.clone().with("total_fee", "1"),
        good.clone()
            .with("sign", good.get("sign").unwrap().to_lowercase()),
        good.clone().signed(SignType::Md5, &other_key),
        good.clone().with("sign_type", "HMAC-SHA256"),
        good.clone()
            .with("sign_type", "md5")
            .signed(SignType::Md5, &key()),
        good.clone().with("sign", ""),
        good.clone()
            .with("mch_id", "1900000999")
            .signed(SignType::Md5, &key()),
        good.clone().with("mch_id", ""),
        good.clone()
            .with("nonce_str", "n".repeat(33))
            .signed(SignType::Md5, &key()),
        good.clone()
            .with("body", "茶🍵")
            .signed(SignType::Md5, &key()),
    ] {
        let answer = v2.post("/pay/unifiedorder", bad.to_xml()).unwrap();
        assert_unsigned(&Fields::parse(&answer.body).unwrap());
    }
    let entity = format!("<!DOCTYPE xml [<!ENTITY x \"y\">]>{}", good.to_xml());
    for body in ["", "{}", "<xml>", &entity] {
        let answer = v2.post("/pay/unifiedorder", body).unwrap();
        assert_unsigned(&Fields::parse(&answer.body).unwrap());
    }
    let get = v2.shop.raw(WireRequest {
        method: "GET".to_owned(),
        target: "/pay/unifiedorder".to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        connection: Connection::Plain,
    });
    assert_unsigned(&Fields::parse(&get.unwrap().body).unwrap());
    assert!(v2.shop.wechat.orders().next().is_none());
    let unknown = v2.order("ORDER-000001");
    let fields = v2.signed(unknown).with("appid", "wx0000000000000000");
    let answer = v2.post(
        "/pay/unifiedorder",
        fields.signed(SignType::Md5, &key()).to_xml(),
    );
    let answer = Fields::parse(&answer.unwrap().body).unwrap();
    assert_eq!(answer.get("err_code"), Some("APPID_NOT_EXIST"));
    v2.shop.control(Command::Bind {
        mchid: MCHID.to_owned(),
        appid: APPID.to_owned(),
        bound: false,
    });
    assert_eq!(
        v2.refused("/pay/unifiedorder", order),
        "APPID_MCHID_NOT_MATCH"
    );
}

#[test]
fn the_log_shows_what_was_checked_but_not_the_key() {
    let mut v2 = V2::new(SignType::Md5);
    v2.prepay("ORDER-000001");
    let entry = v2
        .shop
        .wechat
        .log_after(0)
        .find(|entry| entry.kind == "request")
        .unwrap();
    assert_eq!(entry.operation.as_deref(), Some("prepay"));
    assert_eq!(entry.out_trade_no.as_deref(), Some("ORDER-000001"));
    assert_eq!(entry.mchid.as_deref(), Some(MCHID));
    let signature = entry
        .checks
        .iter()
        .find(|check| check.check == "signature")
        .unwrap();
    let text = signature.signed_text.as_deref().unwrap();
    assert!(signature.passed && text.starts_with("appid=") && text.ends_with("&key=***"));
    assert!(!format!("{entry:?}").contains(API_KEY));
}
