mod code;
mod products;

use fen::Fen;
use serde_json::{Value, json};

use super::*;
use crate::text::*;
use crate::time::WechatTime;
use crate::v3::{KeyRing, Method, Operation, ParseError, Verified, signature_headers};
use crate::vectors::*;
use crate::wire::Wire;

/// Verified answers can only be made by verifying, in tests too.
fn verified(body: &str) -> Verified {
    let ring = KeyRing::new();
    ring.insert_public_key(F_SERIAL, a_public());
    let headers = signature_headers(&a_signer(F_SERIAL), F_TIMESTAMP, F_NONCE, body.as_bytes());
    ring.verify(&headers, body.as_bytes(), F_TIMESTAMP).unwrap()
}

fn prepay() -> Prepay {
    Prepay {
        appid: Appid::parse("wx1111222233334444").unwrap(),
        mchid: Mchid::parse("1900000001").unwrap(),
        description: Description::parse("Tea set").unwrap(),
        out_trade_no: OutTradeNo::parse("T20260105000001").unwrap(),
        time_expire: Some(WechatTime::from_unix_ms(1_767_587_400_000)),
        attach: Some(Attach::parse("shop=7").unwrap()),
        notify_url: NotifyUrl::parse("https://pay.example.com/wx/notify").unwrap(),
        total: Fen::new(1990),
        product: Product::Jsapi {
            openid: Openid::parse("oAbCdEfGhIjKlMnOpQrStUvWxYz0").unwrap(),
        },
    }
}

fn query() -> QueryByOutTradeNo {
    QueryByOutTradeNo {
        mchid: Mchid::parse("1900000001").unwrap(),
        out_trade_no: OutTradeNo::parse("T20260105000001").unwrap(),
    }
}

#[test]
fn an_order_carries_the_documented_members() {
    let request = prepay().request();
    assert_eq!(request.method, Method::Post);
    assert_eq!(request.target.as_str(), "/v3/pay/transactions/jsapi");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let expected = json!({
        "appid": "wx1111222233334444",
        "mchid": "1900000001",
        "description": "Tea set",
        "out_trade_no": "T20260105000001",
        "time_expire": "2026-01-05T12:30:00+08:00",
        "attach": "shop=7",
        "notify_url": "https://pay.example.com/wx/notify",
        "amount": {"total": 1990, "currency": "CNY"},
        "payer": {"openid": "oAbCdEfGhIjKlMnOpQrStUvWxYz0"},
    });
    assert_eq!(body, expected);
    assert_eq!(
        request,
        prepay().request(),
        "repeating gives the same bytes"
    );
}

#[test]
fn optional_members_are_left_out_never_null() {
    let bare = Prepay {
        time_expire: None,
        attach: None,
        ..prepay()
    };
    let text = String::from_utf8(bare.request().body).unwrap();
    assert!(!text.contains("null") && !text.contains("attach") && !text.contains("time_expire"));
}

#[test]
fn an_order_answers_with_its_prepay_id() {
    let parse = |status, body| prepay().parse(status, &verified(body));
    let id = parse(
        200,
        r#"{"prepay_id":"wx26112221580621e9b071c00d9e093b0000","new":1}"#,
    )
    .unwrap();
    let prepay_id = PrepayId::parse("wx26112221580621e9b071c00d9e093b0000").unwrap();
    assert_eq!(id, Handle::PrepayId(prepay_id));
    for body in [
        "{}",
        "",
        r#"{"prepay_id":""}"#,
        r#"{"prepay_id":null}"#,
        r#"{"prepay_id":"a b"}"#,
    ] {
        assert!(
            matches!(parse(200, body), Err(ParseError::Malformed(_))),
            "{body}"
        );
    }
    assert_eq!(parse(202, "{}"), Err(ParseError::UnexpectedStatus(202)));
}

#[test]
fn queries_name_the_merchant_and_encode_the_number() {
    let number = OutTradeNo::parse("A|B*1_2-3").unwrap();
    let by_number = QueryByOutTradeNo {
        out_trade_no: number.clone(),
        mchid: Mchid::parse(A_MCHID).unwrap(),
    };
    assert_eq!(
        by_number.request().target.as_str(),
        "/v3/pay/transactions/out-trade-no/A%7CB*1_2-3?mchid=1900007291"
    );
    let by_id = QueryByTransactionId {
        mchid: Mchid::parse(A_MCHID).unwrap(),
        transaction_id: TransactionId::parse("4200000001202601051234567890").unwrap(),
    };
    assert_eq!(
        by_id.request().target.as_str(),
        "/v3/pay/transactions/id/4200000001202601051234567890?mchid=1900007291"
    );
    let close = CloseOrder {
        mchid: Mchid::parse(A_MCHID).unwrap(),
        out_trade_no: number,
    };
    assert_eq!(
        close.request().target.as_str(),
        "/v3/pay/transactions/out-trade-no/A%7CB*1_2-3/close"
    );
    assert_eq!(close.request().body, br#"{"mchid":"1900007291"}"#);
}

#[test]
fn a_close_is_204_without_a_body() {
    let close = CloseOrder {
        mchid: Mchid::parse(A_MCHID).unwrap(),
        out_trade_no: OutTradeNo::parse("123456").unwrap(),
    };
    assert_eq!(close.parse(204, &verified("")), Ok(()));
    assert_eq!(
        close.parse(202, &verified("{}")),
        Err(ParseError::UnexpectedStatus(202))
    );
}

#[test]
fn a_paid_order_is_read_whole() {
    let order = query().parse(200, &verified(F_PLAINTEXT)).unwrap();
    insta::assert_debug_snapshot!("paid_order", order);
    assert_eq!(
        order.success_time.as_ref().unwrap().unix_ms(),
        Some(1_767_585_784_000)
    );
    assert_eq!(
        order.payer.openid.as_deref(),
        Some("oAbCdEfGhIjKlMnOpQrStUvWxYz0")
    );
    let written = serde_json::to_value(&order).unwrap();
    assert_eq!(written, serde_json::from_str::<Value>(F_PLAINTEXT).unwrap());
}

#[test]
fn a_partner_order_with_a_coupon_is_read_whole() {
    let order: Transaction = serde_json::from_str(PARTNER_PAYMENT).unwrap();
    insta::assert_debug_snapshot!("partner_order", order);
    assert_eq!(
        serde_json::to_value(&order).unwrap(),
        serde_json::from_str::<Value>(PARTNER_PAYMENT).unwrap()
    );
}

#[test]
fn absent_null_and_empty_are_the_same_in_an_unpaid_order() {
    let bodies = [
        r#"{"out_trade_no":"T20260105000001","trade_state":"NOTPAY"}"#,
        r#"{"out_trade_no":"T20260105000001","trade_state":"NOTPAY","transaction_id":"","trade_type":"","attach":"","success_time":"","bank_type":"","trade_state_desc":"","payer":{},"amount":{},"promotion_detail":[],"scene_info":{"device_id":""},"mchid":"","appid":""}"#,
        r#"{"out_trade_no":"T20260105000001","trade_state":"NOTPAY","transaction_id":null,"trade_type":null,"attach":null,"success_time":null,"payer":null,"amount":null,"promotion_detail":null}"#,
        r#"{"out_trade_no":"T20260105000001","trade_state":"NOTPAY","payer":{"openid":null},"amount":{"total":null,"currency":""},"member_of_next_year":{"a":[1]}}"#,
    ];
    let orders: Vec<Transaction> = bodies
        .iter()
        .map(|body| query().parse(200, &verified(body)).unwrap())
        .collect();
    assert!(orders.iter().all(|order| *order == orders[0]));
    assert_eq!(orders[0].trade_state, Wire::Known(TradeState::NotPay));
    assert_eq!(
        (&orders[0].amount, &orders[0].payer),
        (&TradeAmount::default(), &Payer::default())
    );
}

#[test]
fn unknown_states_are_kept_as_text() {
    let body =
        r#"{"out_trade_no":"T20260105000001","trade_state":"HALF_PAID","trade_type":"TELEPATHY"}"#;
    let order = query().parse(200, &verified(body)).unwrap();
    assert_eq!(order.trade_state, Wire::Other("HALF_PAID".to_owned()));
    assert_eq!(order.trade_state.known(), None);
    assert_eq!(order.trade_type.unwrap().as_str(), "TELEPATHY");
    for name in [
        "SUCCESS",
        "REFUND",
        "NOTPAY",
        "CLOSED",
        "REVOKED",
        "USERPAYING",
        "PAYERROR",
        "ACCEPT",
    ] {
        let state = Wire::<TradeState>::from_name(name);
        assert!(state.known().is_some(), "{name}");
        assert_eq!(state.as_str(), name);
    }
}

#[test]
fn an_answer_about_another_order_is_refused() {
    let other = F_PLAINTEXT.replace("T20260105000001", "T20260105000002");
    assert_eq!(
        query().parse(200, &verified(&other)),
        Err(ParseError::AnotherObject("out_trade_no"))
    );
    let other = F_PLAINTEXT.replace("1900000001", "1900000002");
    assert_eq!(
        query().parse(200, &verified(&other)),
        Err(ParseError::AnotherObject("mchid"))
    );
    let by_id = QueryByTransactionId {
        mchid: Mchid::parse("1900000001").unwrap(),
        transaction_id: TransactionId::parse("42").unwrap(),
    };
    assert_eq!(
        by_id.parse(200, &verified(F_PLAINTEXT)),
        Err(ParseError::AnotherObject("transaction_id"))
    );
}

#[test]
fn amounts_that_are_not_integers_are_refused() {
    for amount in ["19.9", "\"1990\"", "1990.0"] {
        let body = F_PLAINTEXT.replace("\"total\":1990", &format!("\"total\":{amount}"));
        assert!(
            matches!(
                query().parse(200, &verified(&body)),
                Err(ParseError::Malformed(_))
            ),
            "{amount}"
        );
    }
}

#[test]
fn who_paid_is_not_printed() {
    let order: Transaction = serde_json::from_str(F_PLAINTEXT).unwrap();
    assert!(!format!("{order:?}").contains("oAbCdEf"));
    assert!(!format!("{:?}", prepay()).contains("oAbCdEf"));
}
