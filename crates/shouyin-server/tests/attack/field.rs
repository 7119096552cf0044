//! Bodies of the merchant API: texts and members that must not pass, with a key that is good.

use serde_json::{Value, json};

use crate::case::{Expect, Group, INVALID};
use crate::desk::APPID;
use crate::shop::{Shop, keyed};

/// Control characters and texts that are too long; what is only ugly is a legitimate text.
fn texts() -> Vec<(String, Value)> {
    let mut texts: Vec<(String, Value)> = vec![
        ("nothing".to_owned(), json!("")),
        ("a zero byte".to_owned(), json!("a\0b")),
        ("a line break".to_owned(), json!("a\r\nSet-Cookie: a=b")),
        ("an escape".to_owned(), json!("a\u{1b}[2Jb")),
        ("a backspace".to_owned(), json!("a\u{8}b")),
        ("a delete".to_owned(), json!("a\u{7f}b")),
        ("a C1 control".to_owned(), json!("a\u{9b}b")),
        ("an emoji".to_owned(), json!("tea \u{1f375}")),
        ("10,000 characters".to_owned(), json!("x".repeat(10_000))),
        ("a number".to_owned(), json!(5)),
        ("true".to_owned(), json!(true)),
        ("a list".to_owned(), json!(["a"])),
        ("an object".to_owned(), json!({"$ne": null})),
    ];
    texts.push(("130 characters".to_owned(), json!("茶".repeat(130))));
    texts
}

pub(crate) fn texts_and_members(shop: &Shop) -> Group {
    let mut group = Group::new("control characters, wrong types and members that nobody asked for");
    let key = &shop.desk.api_key;
    let refunds = format!("/v1/payments/{}/refunds", shop.paid.id);
    let mut count = 0;
    let mut add = |group: &mut Group, name: String, path: &str, body: String, expect: Expect| {
        count += 1;
        group.add(
            name,
            &keyed(key, path, body, &format!("text-{count}")),
            expect,
        );
    };
    let payment = json!({ "order_no": "text", "amount_fen": 990, "description": "latte" });
    let refund = json!({ "refund_no": "text", "amount_fen": 1 });
    for (what, value) in texts() {
        for member in ["order_no", "description", "attach", "appid"] {
            // An empty attach is none.
            if member == "attach" && value == "" {
                continue;
            }
            let mut body = payment.clone();
            body[member] = value.clone();
            add(
                &mut group,
                format!("payment, {member}: {what}"),
                "/v1/payments",
                body.to_string(),
                INVALID,
            );
        }
        for member in ["refund_no", "reason", "out_trade_no"] {
            let mut body = refund.clone();
            body[member] = value.clone();
            add(
                &mut group,
                format!("refund, {member}: {what}"),
                &refunds,
                body.to_string(),
                INVALID,
            );
        }
    }
    for text in [
        "a b",
        "' OR '1'='1' --",
        "\u{8336}",
        "x".repeat(65).as_str(),
        "a\tb",
    ] {
        let mut body = payment.clone();
        body["order_no"] = json!(text);
        add(
            &mut group,
            format!("payment, order_no {text:?}"),
            "/v1/payments",
            body.to_string(),
            INVALID,
        );
        let mut body = refund.clone();
        body["refund_no"] = json!(text);
        add(
            &mut group,
            format!("refund, refund_no {text:?}"),
            &refunds,
            body.to_string(),
            INVALID,
        );
    }
    for (member, value) in [
        ("mchid", json!("1900000002")),
        ("state", json!("paid")),
        ("paid", json!({"transaction_id": "1"})),
        ("currency", json!("USD")),
        ("notify_url", json!("https://evil.example.com/")),
        ("openid", json!("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")),
        ("total", json!(1)),
        ("__proto__", json!({})),
        ("id", json!("pay_00000000000000000000000000000000")),
    ] {
        let mut body = payment.clone();
        body[member] = value.clone();
        add(
            &mut group,
            format!("payment with {member}"),
            "/v1/payments",
            body.to_string(),
            INVALID,
        );
        let mut body = refund.clone();
        body[member] = value;
        add(
            &mut group,
            format!("refund with {member}"),
            &refunds,
            body.to_string(),
            INVALID,
        );
    }
    for (what, body) in [
        ("nothing", String::new()),
        ("a list", "[]".to_owned()),
        ("null", "null".to_owned()),
        ("half an object", r#"{"order_no":"#.to_owned()),
        ("more after the object", format!("{payment}x")),
        (
            "the amount twice",
            r#"{"order_no":"t","amount_fen":1990,"amount_fen":1,"description":"x"}"#.to_owned(),
        ),
        ("lists 30,000 deep", "[".repeat(30_000)),
        ("objects 10,000 deep", "{\"a\":".repeat(10_000)),
        (
            "a lone surrogate",
            r#"{"order_no":"t","amount_fen":1,"description":"\ud800"}"#.to_owned(),
        ),
        (
            "XML",
            "<payment><amount_fen>1</amount_fen></payment>".to_owned(),
        ),
        ("a form", "order_no=t&amount_fen=1&description=x".to_owned()),
        (
            "single quotes",
            "{'order_no':'t','amount_fen':1,'description':'x'}".to_owned(),
        ),
    ] {
        add(
            &mut group,
            format!("a body that is {what}"),
            "/v1/payments",
            body,
            INVALID,
        );
    }
    let huge = json!({ "order_no": "t", "amount_fen": 1, "description": "x".repeat(70_000) });
    add(
        &mut group,
        "70,000 bytes".to_owned(),
        "/v1/payments",
        huge.to_string(),
        Expect::Status(&[413]),
    );
    for seconds in [
        "59",
        "0",
        "-1",
        "604801",
        "1.5",
        "\"60\"",
        "9223372036854775807",
        "[]",
    ] {
        let body = format!(
            r#"{{"order_no":"t","amount_fen":1,"description":"x","expires_in_seconds":{seconds}}}"#
        );
        add(
            &mut group,
            format!("time to pay: {seconds}"),
            "/v1/payments",
            body,
            INVALID,
        );
    }
    for appid in ["wx5555666677778888", "wx0000000000000000"] {
        let mut body = payment.clone();
        body["appid"] = json!(appid);
        assert_ne!(appid, APPID);
        add(
            &mut group,
            format!("an app of somebody else: {appid}"),
            "/v1/payments",
            body.to_string(),
            INVALID,
        );
    }
    group
}
