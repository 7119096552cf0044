use serde_json::{Value, json};

use crate::testing::*;
use crate::*;

const REFUNDS: &str = "/v3/refund/domestic/refunds";

fn body(out_trade_no: &str, out_refund_no: &str, fen: i64) -> Value {
    json!({
        "out_trade_no": out_trade_no,
        "out_refund_no": out_refund_no,
        "reason": "sold out",
        "notify_url": "https://pay.example.com/wx/refund",
        "amount": { "refund": fen, "total": 1990, "currency": "CNY" },
    })
}

fn refund(shop: &mut Shop, out_refund_no: &str, fen: i64) -> (u16, Value) {
    shop.call("POST", REFUNDS, &body("ORDER-000001", out_refund_no, fen))
}

fn code(answer: (u16, Value)) -> String {
    answer.1["code"].as_str().unwrap_or_default().to_owned()
}

fn status(shop: &mut Shop, out_refund_no: &str) -> String {
    let (_, answer) = shop.call("GET", &format!("{REFUNDS}/{out_refund_no}"), &Value::Null);
    answer["status"].as_str().unwrap_or_default().to_owned()
}

fn paid_shop() -> Shop {
    let mut shop = Shop::new();
    shop.paid("ORDER-000001");
    shop.sent.clear();
    shop
}

#[test]
fn a_refund_is_accepted_then_succeeds_and_the_merchant_is_told() {
    let mut shop = paid_shop();
    let (status, answer) = refund(&mut shop, "R-1", 990);
    assert_eq!((status, &answer["status"]), (200, &json!("PROCESSING")));
    assert_eq!(answer["amount"]["payer_refund"], 990);
    assert_eq!(shop.query("ORDER-000001").1["trade_state"], "REFUND");
    shop.pass(3_000);
    let (_, done) = shop.call("GET", &format!("{REFUNDS}/R-1"), &Value::Null);
    assert_eq!(
        (&done["status"], &done["success_time"]),
        (&json!("SUCCESS"), &json!("2026-01-05T12:00:03+08:00"))
    );
    let (envelope, resource) = shop.open(&shop.sent[0]).unwrap();
    assert_eq!(envelope["event_type"], "REFUND.SUCCESS");
    assert_eq!(resource["refund_status"], "SUCCESS");
    assert_eq!(
        resource["amount"],
        json!({ "total": 1990, "refund": 990, "payer_total": 1990, "payer_refund": 990 })
    );
}

#[test]
fn the_same_number_is_the_same_refund() {
    let mut shop = paid_shop();
    let first = refund(&mut shop, "R-1", 990);
    assert_eq!(refund(&mut shop, "R-1", 990), first);
    assert_eq!(code(refund(&mut shop, "R-1", 991)), "INVALID_REQUEST");
    shop.paid("ORDER-000002");
    let other_order = shop.call("POST", REFUNDS, &body("ORDER-000002", "R-1", 990));
    assert_eq!(code(other_order), "INVALID_REQUEST");
    assert_eq!(shop.wechat.refunds().count(), 1);
}

#[test]
fn refunds_never_exceed_what_was_paid() {
    let mut shop = paid_shop();
    assert_eq!(refund(&mut shop, "R-1", 1000).0, 200);
    assert_eq!(code(refund(&mut shop, "R-2", 991)), "INVALID_REQUEST");
    assert_eq!(
        refund(&mut shop, "R-2", 990).0,
        200,
        "the number was not used up"
    );
    assert_eq!(code(refund(&mut shop, "R-3", 1)), "INVALID_REQUEST");
}

#[test]
fn a_closed_refund_gives_its_amount_back() {
    let mut shop = paid_shop();
    shop.fault(Fault::new(FaultKind::RefundClosed));
    refund(&mut shop, "R-1", 1990);
    assert_eq!(code(refund(&mut shop, "R-2", 1)), "INVALID_REQUEST");
    shop.pass(3_000);
    assert_eq!(status(&mut shop, "R-1"), "CLOSED");
    assert_eq!(refund(&mut shop, "R-2", 1990).0, 200);
}

#[test]
fn at_most_fifty_refunds_within_a_year_of_a_paid_order() {
    let mut shop = paid_shop();
    for number in 0..REFUNDS_PER_ORDER {
        assert_eq!(refund(&mut shop, &format!("R-{number}"), 1).0, 200);
    }
    assert_eq!(code(refund(&mut shop, "R-more", 1)), "INVALID_REQUEST");
    shop.paid("ORDER-000002");
    shop.prepay("ORDER-000003");
    shop.pass(REFUND_LIMIT_MS + 1);
    assert_eq!(
        code(shop.call("POST", REFUNDS, &body("ORDER-000002", "S-1", 1))),
        "INVALID_REQUEST"
    );
    let (status, unpaid) = shop.call("POST", REFUNDS, &body("ORDER-000003", "S-2", 1));
    assert_eq!(
        (status, &unpaid["code"]),
        (404, &json!("RESOURCE_NOT_EXISTS"))
    );
}

#[test]
fn refund_bodies_are_read_strictly() {
    let mut shop = paid_shop();
    let changes: [(&str, Value); 9] = [
        ("/amount/currency", json!("USD")),
        ("/amount/refund", json!("1")),
        ("/amount/total", json!(0)),
        ("/amount/fee", json!(1)),
        ("/out_refund_no", json!("R 1")),
        ("/out_refund_no", json!("R".repeat(65))),
        ("/funds_account", json!("SAVINGS")),
        ("/notify_url", json!("pay.example.com")),
        ("/colour", json!("red")),
    ];
    for (pointer, value) in changes {
        let mut body = body("ORDER-000001", "R-1", 1);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value;
        let (status, answer) = shop.call("POST", REFUNDS, &body);
        assert_eq!(
            (status, &answer["detail"]["field"]),
            (400, &json!(pointer)),
            "{answer}"
        );
    }
    let mut from = body("ORDER-000001", "R-1", 10);
    from["amount"]["from"] =
        json!([{ "account": "AVAILABLE", "amount": 4 }, { "account": "UNAVAILABLE", "amount": 5 }]);
    assert_eq!(code(shop.call("POST", REFUNDS, &from)), "PARAM_ERROR");
    from["amount"]["from"][1]["amount"] = json!(6);
    assert_eq!(shop.call("POST", REFUNDS, &from).0, 200);
    let mut total = body("ORDER-000001", "R-2", 10);
    total["amount"]["total"] = json!(2000);
    assert_eq!(code(shop.call("POST", REFUNDS, &total)), "INVALID_REQUEST");
}

#[test]
fn an_abnormal_refund_is_sent_another_way() {
    let mut shop = paid_shop();
    shop.fault(Fault::new(FaultKind::RefundAbnormal));
    let (_, answer) = refund(&mut shop, "R-1", 990);
    let id = answer["refund_id"].as_str().unwrap().to_owned();
    let target = format!("{REFUNDS}/{id}/apply-abnormal-refund");
    let to_merchant = json!({ "out_refund_no": "R-1", "type": "MERCHANT_BANK_CARD" });
    assert_eq!(
        code(shop.call("POST", &target, &to_merchant)),
        "INVALID_REQUEST"
    );
    shop.pass(3_000);
    assert_eq!(status(&mut shop, "R-1"), "ABNORMAL");
    assert_eq!(
        code(refund(&mut shop, "R-2", 1990)),
        "INVALID_REQUEST",
        "its amount stays reserved"
    );
    let incomplete = json!({ "out_refund_no": "R-1", "type": "USER_BANK_CARD" });
    assert_eq!(
        shop.call("POST", &target, &incomplete).1["detail"]["field"],
        "/bank_type"
    );
    let wrong = format!("{REFUNDS}/50300000000000000000000000000/apply-abnormal-refund");
    assert_eq!(shop.call("POST", &wrong, &to_merchant).0, 404);
    assert_eq!(
        shop.call("POST", &target, &to_merchant).1["status"],
        "PROCESSING"
    );
    assert_eq!(shop.call("POST", &target, &to_merchant).0, 200);
    shop.pass(3_000);
    assert_eq!(status(&mut shop, "R-1"), "SUCCESS");
    let kinds: Vec<&str> = shop
        .wechat
        .deliveries()
        .map(|sent| sent.event_type.as_str())
        .collect();
    assert_eq!(
        kinds,
        ["TRANSACTION.SUCCESS", "REFUND.ABNORMAL", "REFUND.SUCCESS"]
    );
}

#[test]
fn too_little_balance_is_an_answer_and_the_number_can_be_used_again() {
    let mut shop = paid_shop();
    let balance = |fen| Command::SetBalance {
        mchid: MCHID.to_owned(),
        balance: Some(fen::Fen::new(fen)),
    };
    shop.control(balance(500));
    let (status, answer) = refund(&mut shop, "R-1", 990);
    assert_eq!((status, &answer["code"]), (403, &json!("NOT_ENOUGH")));
    shop.control(balance(1000));
    assert_eq!(refund(&mut shop, "R-1", 990).0, 200);
    assert_eq!(code(refund(&mut shop, "R-2", 11)), "NOT_ENOUGH");
}

#[test]
fn a_burnt_number_stays_burnt_when_the_switch_says_so() {
    let mut shop = Shop::with(Assumptions {
        not_enough_is_repeatable: false,
        ..Assumptions::default()
    });
    shop.paid("ORDER-000001");
    shop.control(Command::SetBalance {
        mchid: MCHID.to_owned(),
        balance: Some(fen::Fen::ZERO),
    });
    assert_eq!(code(refund(&mut shop, "R-1", 990)), "NOT_ENOUGH");
    assert_eq!(status(&mut shop, "R-1"), "CLOSED");
    assert_eq!(shop.query("ORDER-000001").1["trade_state"], "SUCCESS");
}

#[test]
fn coupons_share_in_a_refund_and_the_parts_add_up() {
    let mut shop = Shop::new();
    let prepay_id = shop.prepay("ORDER-000001");
    shop.phone(PhoneAction::Act(CashierAction {
        prepay_id,
        user: "buyer".to_owned(),
        action: BuyerAction::Pay,
        coupon_fen: Some(995),
        coupon_no_cash: false,
        bank_type: None,
    }))
    .unwrap();
    let mut back = 0;
    for (number, fen) in [("R-1", 333), ("R-2", 333), ("R-3", 1324)] {
        let (_, answer) = refund(&mut shop, number, fen);
        back += answer["amount"]["payer_refund"].as_i64().unwrap();
        let coupon = answer["amount"]["discount_refund"].as_i64().unwrap();
        assert_eq!(
            coupon + answer["amount"]["payer_refund"].as_i64().unwrap(),
            fen
        );
    }
    assert_eq!(back, 995);
}

#[test]
fn the_trade_state_can_wait_for_the_refund_to_succeed() {
    let mut shop = Shop::with(Assumptions {
        refund_state_when_accepted: false,
        refund_spacing_ms: 60_000,
        ..Assumptions::default()
    });
    shop.paid("ORDER-000001");
    refund(&mut shop, "R-1", 1);
    assert_eq!(shop.query("ORDER-000001").1["trade_state"], "SUCCESS");
    assert_eq!(refund(&mut shop, "R-2", 1).0, 429, "too close to the first");
    shop.pass(60_000);
    assert_eq!(shop.query("ORDER-000001").1["trade_state"], "REFUND");
    assert_eq!(refund(&mut shop, "R-2", 1).0, 200);
}

#[test]
fn a_refund_made_by_hand_follows_the_rules_and_is_told_to_the_console_address() {
    let mut shop = paid_shop();
    let order = (MCHID.to_owned(), "ORDER-000001".to_owned());
    let by_hand = |fen| Command::ConsoleRefund {
        order: order.clone(),
        amount: fen::Fen::new(fen),
        out_refund_no: None,
    };
    let CommandAnswer::Refund(number) = shop.control(by_hand(990)) else {
        panic!("no refund");
    };
    shop.pass(3_000);
    assert!(shop.sent.is_empty(), "no address, no notification");
    assert_eq!(status(&mut shop, &number), "SUCCESS");
    shop.control(Command::SetRefundNotifyUrl {
        mchid: MCHID.to_owned(),
        url: Some(NOTIFY_URL.to_owned()),
    });
    shop.control(by_hand(1000));
    shop.pass(3_000);
    let (envelope, resource) = shop.open(&shop.sent[0]).unwrap();
    assert_eq!(envelope["event_type"], "REFUND.SUCCESS");
    assert_eq!(resource["amount"]["refund"], 1000);
    let more = shop.step(Input::Control(by_hand(1)));
    assert!(matches!(
        more,
        Some(Output::Control(Err(CommandError::Refused(_))))
    ));
}

#[test]
fn a_refund_can_be_misreported() {
    let mut shop = paid_shop();
    refund(&mut shop, "R-1", 990);
    shop.control(Command::Misreport {
        order: (MCHID.to_owned(), "ORDER-000001".to_owned()),
        out_refund_no: Some("R-1".to_owned()),
        changes: json!({ "amount": { "refund": 991 } }),
    });
    let (envelope, resource) = shop.open(&shop.sent[0]).expect("genuine");
    assert_eq!(envelope["event_type"], "REFUND.SUCCESS");
    assert_eq!(resource["refund_status"], "SUCCESS");
    assert_eq!(resource["amount"]["refund"], 991);
    assert_eq!(status(&mut shop, "R-1"), "PROCESSING");
}
