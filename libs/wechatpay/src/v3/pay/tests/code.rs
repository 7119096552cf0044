//! Payment codes: only a verified success is money, and what is not decided is not refused either.

use super::*;

const CODE: &str = "134567890123456789";

fn code_pay() -> CodePay {
    CodePay {
        appid: Appid::parse("wx1111222233334444").unwrap(),
        mchid: Mchid::parse("1900000001").unwrap(),
        description: Description::parse("Tea set").unwrap(),
        out_trade_no: OutTradeNo::parse("T20260105000001").unwrap(),
        attach: None,
        total: Fen::new(1990),
        auth_code: AuthCode::parse(CODE).unwrap(),
        store: Store::Own(StoreId::parse("shop-7").unwrap()),
        device_id: None,
        device_ip: None,
    }
}

fn reverse() -> ReverseOrder {
    ReverseOrder {
        appid: Appid::parse("wx1111222233334444").unwrap(),
        mchid: Mchid::parse("1900000001").unwrap(),
        out_trade_no: OutTradeNo::parse("T20260105000001").unwrap(),
    }
}

fn paid() -> Value {
    let mut paid: Value = serde_json::from_str(F_PLAINTEXT).unwrap();
    paid["trade_type"] = json!("MICROPAY");
    paid
}

fn parse(status: u16, body: &Value) -> Result<Transaction, ParseError> {
    code_pay().parse(status, &verified(&body.to_string()))
}

#[test]
fn a_charge_carries_the_documented_members_and_no_notify_url() {
    let request = code_pay().request();
    assert_eq!(request.method, Method::Post);
    assert_eq!(request.target.as_str(), "/v3/pay/transactions/codepay");
    let body = |pay: &CodePay| -> Value { serde_json::from_slice(&pay.request().body).unwrap() };
    let mut expected = json!({
        "appid": "wx1111222233334444",
        "mchid": "1900000001",
        "description": "Tea set",
        "out_trade_no": "T20260105000001",
        "payer": {"auth_code": CODE},
        "amount": {"total": 1990, "currency": "CNY"},
        "scene_info": {"store_info": {"out_id": "shop-7"}},
    });
    assert_eq!(body(&code_pay()), expected);
    let full = CodePay {
        attach: Some(Attach::parse("shop=7").unwrap()),
        store: Store::Wechat(StoreId::parse("88").unwrap()),
        device_id: Some(DeviceId::parse("till-2").unwrap()),
        device_ip: Some("192.0.2.9".parse().unwrap()),
        ..code_pay()
    };
    expected["attach"] = json!("shop=7");
    expected["scene_info"] =
        json!({"store_info": {"id": "88"}, "device_id": "till-2", "device_ip": "192.0.2.9"});
    assert_eq!(body(&full), expected);
}

#[test]
fn only_a_success_about_this_order_is_done() {
    let order = parse(200, &paid()).unwrap();
    assert_eq!(order.trade_state, Wire::Known(TradeState::Success));
    assert_eq!(order.amount.total, Some(Fen::new(1990)));
    for (member, value, refusal) in [
        ("out_trade_no", "T20260105000002", "out_trade_no"),
        ("mchid", "1900000002", "mchid"),
        ("appid", "wx9999222233334444", "appid"),
        ("trade_type", "NATIVE", "trade_type"),
    ] {
        let mut other = paid();
        other[member] = json!(value);
        assert_eq!(parse(200, &other), Err(ParseError::AnotherObject(refusal)));
    }
    let mut without_number = paid();
    without_number["transaction_id"] = json!("");
    assert!(matches!(
        parse(200, &without_number),
        Err(ParseError::Malformed(_))
    ));
}

#[test]
fn every_other_state_decides_nothing() {
    for state in [
        "USERPAYING",
        "NOTPAY",
        "PAYERROR",
        "REVOKED",
        "CLOSED",
        "REFUND",
        "ACCEPT",
        "A_STATE_OF_NEXT_YEAR",
    ] {
        let mut order = paid();
        order["trade_state"] = json!(state);
        let undecided = Err(ParseError::Undecided(state.to_owned()));
        assert_eq!(parse(200, &order), undecided);
    }
}

#[test]
fn an_accepted_charge_or_reversal_decides_nothing() {
    for (body, said) in [
        (
            json!({"code": "USERPAYING", "message": "需要用户输入支付密码"}),
            "USERPAYING",
        ),
        (json!({"trade_state": "USERPAYING"}), "USERPAYING"),
        (paid(), "SUCCESS"),
        (json!({}), "ACCEPTED"),
        (json!("no object"), "ACCEPTED"),
    ] {
        assert_eq!(parse(202, &body), Err(ParseError::Undecided(said.into())));
        let reversed = reverse().parse(202, &verified(&body.to_string()));
        assert_eq!(reversed, Err(ParseError::Undecided(said.into())));
    }
}

#[test]
fn a_reversal_names_app_and_merchant_and_is_about_the_order() {
    let request = reverse().request();
    assert_eq!(
        request.target.as_str(),
        "/v3/pay/transactions/out-trade-no/T20260105000001/reverse"
    );
    assert_eq!(
        request.body,
        br#"{"appid":"wx1111222233334444","mchid":"1900000001"}"#
    );
    let answer = json!({
        "appid": "wx1111222233334444", "mchid": "1900000001", "out_trade_no": "T20260105000001",
    });
    let parse = |status, body: &Value| reverse().parse(status, &verified(&body.to_string()));
    assert_eq!(parse(200, &answer), Ok(()));
    for member in ["appid", "mchid", "out_trade_no"] {
        let mut other = answer.clone();
        other[member] = json!("another00");
        assert_eq!(
            parse(200, &other),
            Err(ParseError::AnotherObject(member)),
            "{member}"
        );
    }
    assert!(matches!(
        parse(200, &json!({})),
        Err(ParseError::Malformed(_))
    ));
    assert_eq!(parse(204, &answer), Err(ParseError::UnexpectedStatus(204)));
}

#[test]
fn what_was_scanned_is_not_printed() {
    let printed = format!("{:?} {:?}", code_pay(), code_pay().request());
    assert!(!printed.contains(CODE) && printed.contains("AuthCode(***)"));
    for bad in [
        "",
        "1345",
        "094567890123456789",
        "164567890123456789",
        "13456789012345678x",
    ] {
        let error = AuthCode::parse(bad).unwrap_err();
        assert!(bad.is_empty() || !error.to_string().contains(bad));
    }
    for prefix in 10..=15 {
        assert!(AuthCode::parse(&format!("{prefix}4567890123456789")).is_ok());
    }
}
