mod codepay;
mod products;

use serde_json::{Value, json};

use crate::testing::*;
use crate::*;

const JSAPI: &str = "/v3/pay/transactions/jsapi";

/// Makes an order from the usual body after a change; status, code and the field of the detail.
fn refused(shop: &mut Shop, change: impl FnOnce(&mut Value)) -> (u16, String, String) {
    let mut body = shop.order_body("ORDER-000001");
    change(&mut body);
    let (status, answer) = shop.call("POST", JSAPI, &body);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (
        status,
        text(&answer["code"]),
        text(&answer["detail"]["field"]),
    )
}

fn check(change: impl FnOnce(&mut Value), field: &str) {
    let mut shop = Shop::new();
    let expected = (400, "PARAM_ERROR".to_owned(), field.to_owned());
    assert_eq!(refused(&mut shop, change), expected);
    assert_eq!(shop.wechat.orders().count(), 0);
}

#[test]
fn an_order_is_made_paid_and_queried() {
    let mut shop = Shop::new();
    let prepay_id = shop.prepay("ORDER-000001");
    assert_eq!(prepay_id.len(), 36);
    let (status, unpaid) = shop.query("ORDER-000001");
    assert_eq!((status, &unpaid["trade_state"]), (200, &json!("NOTPAY")));
    assert_eq!(unpaid["amount"]["total"], 1990);
    assert_eq!(unpaid["payer"], json!({}));
    assert_eq!(unpaid.get("transaction_id"), None);
    assert_eq!(unpaid.get("attach"), None);

    shop.act(&prepay_id, BuyerAction::Pay).unwrap();
    let (_, paid) = shop.query("ORDER-000001");
    let id = paid["transaction_id"].as_str().unwrap().to_owned();
    assert_eq!(
        paid,
        json!({
            "appid": APPID, "mchid": MCHID, "out_trade_no": "ORDER-000001", "transaction_id": id,
            "trade_type": "JSAPI", "trade_state": "SUCCESS", "trade_state_desc": "支付成功", "bank_type": "OTHERS",
            "attach": "shop=7", "success_time": "2026-01-05T12:00:00+08:00",
            "payer": { "openid": openid(APPID, "buyer") },
            "amount": { "total": 1990, "payer_total": 1990, "currency": "CNY", "payer_currency": "CNY" },
        })
    );
    let target = format!("/v3/pay/transactions/id/{id}?mchid={MCHID}");
    assert_eq!(shop.call("GET", &target, &Value::Null), (200, paid));
}

#[test]
fn members_outside_their_limits_are_refused_by_name() {
    check(
        |body| body["amount"]["total"] = json!("1990"),
        "/amount/total",
    );
    check(
        |body| body["amount"]["total"] = json!(19.9),
        "/amount/total",
    );
    check(|body| body["amount"]["total"] = json!(0), "/amount/total");
    check(
        |body| body["amount"]["currency"] = json!("USD"),
        "/amount/currency",
    );
    check(|body| body["amount"]["yuan"] = json!(1), "/amount/yuan");
    check(|body| body["colour"] = json!("red"), "/colour");
    check(|body| body["attach"] = Value::Null, "/attach");
    check(|body| body["description"] = json!("茶🍵"), "/description");
    check(
        |body| body["description"] = json!("茶".repeat(128)),
        "/description",
    );
    check(
        |body| body["out_trade_no"] = json!("12345"),
        "/out_trade_no",
    );
    check(
        |body| body["out_trade_no"] = json!("order 00001"),
        "/out_trade_no",
    );
    check(
        |body| body["out_trade_no"] = json!("1".repeat(33)),
        "/out_trade_no",
    );
    check(
        |body| body["notify_url"] = json!("https://a.example/x?y=1"),
        "/notify_url",
    );
    check(
        |body| body["time_expire"] = json!("2026-01-05 12:30:00"),
        "/time_expire",
    );
    check(|body| body["payer"] = json!({}), "/payer/openid");
    check(
        |body| drop(body.as_object_mut().unwrap().remove("payer")),
        "/payer",
    );
    check(
        |body| body["scene_info"] = json!({ "device_id": "POS1" }),
        "/scene_info/payer_client_ip",
    );
    check(
        |body| body["detail"] = json!({ "goods_detail": [] }),
        "/detail/goods_detail",
    );
    check(
        |body| {
            body["detail"] =
                json!({ "goods_detail": [{ "merchant_goods_id": "x", "quantity": 1 }] })
        },
        "/detail/goods_detail/0/unit_price",
    );
}

#[test]
fn everything_documented_is_taken() {
    let mut shop = Shop::new();
    let mut body = shop.order_body("A|B*1_2-3");
    body["time_expire"] = json!("2026-01-05T12:30:00+08:00");
    body["goods_tag"] = json!("WXG");
    body["support_fapiao"] = json!(true);
    body["settle_info"] = json!({ "profit_sharing": false });
    body["scene_info"] = json!({
        "payer_client_ip": "14.23.150.211", "device_id": "013467007045764",
        "store_info": { "id": "0001", "name": "腾讯大厦分店" },
    });
    body["detail"] = json!({
        "cost_price": 608800, "invoice_id": "wx123",
        "goods_detail": [{ "merchant_goods_id": "1001", "quantity": 1, "unit_price": 1990, "goods_name": "茶" }],
    });
    assert_eq!(shop.call("POST", JSAPI, &body).0, 200);
    assert_eq!(
        shop.query("A%7CB*1_2-3").1["scene_info"]["device_id"],
        "013467007045764"
    );
}

#[test]
fn merchant_app_and_payer_must_belong_together() {
    let mut shop = Shop::new();
    let other = openid("wx9999999999999999", "buyer");
    let cases = [
        (
            "appid",
            json!("wx5555666677778888"),
            400,
            "APPID_MCHID_NOT_MATCH",
        ),
        ("mchid", json!("1900000002"), 400, "MCH_NOT_EXISTS"),
        ("payer", json!({ "openid": other }), 400, "INVALID_REQUEST"),
    ];
    for (member, value, status, code) in cases {
        let (got, got_code, _) = refused(&mut shop, |body| body[member] = value);
        assert_eq!((got, got_code.as_str()), (status, code), "{member}");
    }
}

#[test]
fn the_same_number_with_the_same_parameters_is_the_same_order() {
    let mut shop = Shop::new();
    let first = shop.prepay("ORDER-000001");
    let mut body = shop.order_body("ORDER-000001");
    body["amount"] = json!({ "total": 1990 });
    let (status, second) = shop.call("POST", JSAPI, &body);
    assert_eq!(status, 200, "an absent currency is CNY");
    assert_ne!(second["prepay_id"], json!(first));
    shop.act(&first, BuyerAction::Pay).unwrap();

    let policy = |repeated_prepay| Assumptions {
        repeated_prepay,
        ..Assumptions::default()
    };
    let mut same = Shop::with(policy(RepeatedPrepay::SameWhileValid));
    let first = same.prepay("ORDER-000001");
    assert_eq!(same.prepay("ORDER-000001"), first);
    same.pass(PREPAY_LIFE_MS);
    assert_ne!(same.prepay("ORDER-000001"), first);

    let mut fresh = Shop::with(policy(RepeatedPrepay::FreshInvalidatesOld));
    let first = fresh.prepay("ORDER-000001");
    let second = fresh.prepay("ORDER-000001");
    assert!(fresh.act(&first, BuyerAction::Pay).is_err());
    assert!(fresh.act(&second, BuyerAction::Pay).is_ok());
}

#[test]
fn a_used_number_is_refused_as_the_switch_says() {
    for (used_number, status, code) in [
        (UsedNumber::OutTradeNoUsed, 403, "OUT_TRADE_NO_USED"),
        (UsedNumber::InvalidRequest, 400, "INVALID_REQUEST"),
    ] {
        let mut shop = Shop::with(Assumptions {
            used_number,
            ..Assumptions::default()
        });
        shop.prepay("ORDER-000001");
        let (got, got_code, _) = refused(&mut shop, |body| body["amount"]["total"] = json!(1));
        assert_eq!((got, got_code.as_str()), (status, code));
        assert_eq!(
            shop.wechat
                .order(MCHID, "ORDER-000001")
                .unwrap()
                .total
                .get(),
            1990
        );
    }
}

#[test]
fn paid_and_closed_numbers_are_used_up() {
    let mut shop = Shop::new();
    shop.paid("ORDER-000001");
    assert_eq!(refused(&mut shop, |_| {}).1, "ORDER_PAID");
    shop.prepay("ORDER-000002");
    assert_eq!(shop.close("ORDER-000002"), (204, Value::Null));
    assert_eq!(
        shop.close("ORDER-000002"),
        (204, Value::Null),
        "closing is re-entrant"
    );
    let (_, code, _) = refused(&mut shop, |body| {
        body["out_trade_no"] = json!("ORDER-000002")
    });
    assert_eq!(code, "ORDER_CLOSED");
    let (status, answer) = shop.close("ORDER-000001");
    assert_eq!((status, &answer["code"]), (400, &json!("ORDER_PAID")));
    assert_eq!(shop.close("ORDER-000009").1["code"], "ORDER_NOT_EXIST");
    assert_eq!(shop.query("ORDER-000002").1["trade_state"], "CLOSED");
}

#[test]
fn old_spellings_of_codes_can_be_switched_on() {
    let mut shop = Shop::with(Assumptions {
        codes_without_underscores: true,
        ..Assumptions::default()
    });
    shop.paid("ORDER-000001");
    assert_eq!(refused(&mut shop, |_| {}).1, "ORDERPAID");
    assert_eq!(shop.query("ORDER-000009").1["code"], "ORDERNOTEXIST");
}

#[test]
fn time_expire_is_a_deadline_for_paying_and_not_a_close() {
    let mut shop = Shop::new();
    let mut body = shop.order_body("ORDER-000001");
    body["time_expire"] = json!("2026-01-05T12:00:05+08:00");
    let (_, answer) = shop.call("POST", JSAPI, &body);
    let order = shop.wechat.order(MCHID, "ORDER-000001").unwrap();
    assert_eq!(
        order.pay_until_ms,
        Some(NOON + 60_000),
        "raised to one minute"
    );
    shop.pass(60_001);
    let prepay_id = answer["prepay_id"].as_str().unwrap();
    assert!(shop.act(prepay_id, BuyerAction::Pay).is_err());
    assert_eq!(shop.query("ORDER-000001").1["trade_state"], "NOTPAY");
    assert_eq!(shop.call("POST", JSAPI, &body).1["code"], "ORDER_CLOSED");
    assert_eq!(shop.close("ORDER-000001").0, 204);
}

#[test]
fn an_unpaid_order_is_closed_after_seven_days_and_a_paid_one_never() {
    let mut shop = Shop::new();
    shop.prepay("ORDER-000001");
    shop.paid("ORDER-000002");
    shop.pass(ORDER_LIFE_MS - 1);
    assert_eq!(shop.query("ORDER-000001").1["trade_state"], "NOTPAY");
    shop.pass(1);
    assert_eq!(shop.query("ORDER-000001").1["trade_state"], "CLOSED");
    assert_eq!(shop.query("ORDER-000002").1["trade_state"], "SUCCESS");
}

#[test]
fn queries_need_the_right_merchant() {
    let mut shop = Shop::new();
    let id = shop.paid("ORDER-000001");
    let number = "/v3/pay/transactions/out-trade-no/ORDER-000001";
    for (target, code) in [
        (number.to_owned(), "PARAM_ERROR"),
        (format!("{number}?mchid="), "PARAM_ERROR"),
        (format!("{number}?mchid=1900000009"), "MCH_NOT_EXISTS"),
        (
            format!("/v3/pay/transactions/id/{id}0?mchid={MCHID}"),
            "ORDER_NOT_EXIST",
        ),
        (
            format!("/v3/pay/transactions/out-trade-no/x?mchid={MCHID}"),
            "PARAM_ERROR",
        ),
    ] {
        assert_eq!(
            shop.call("GET", &target, &Value::Null).1["code"],
            code,
            "{target}"
        );
    }
}
