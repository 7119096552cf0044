//! Idempotency keys that must not pass, with an API key that is good.

use serde_json::json;

use crate::case::{Expect, Group, INVALID};
use crate::shop::{Shop, keyed};

pub(crate) fn group(shop: &Shop) -> Group {
    let mut group =
        Group::new("Idempotency-Keys that are missing, malformed or used for something else");
    let key = &shop.desk.api_key;
    let new =
        json!({ "order_no": "idempotent", "amount_fen": 990, "description": "latte" }).to_string();
    let paths = [
        ("/v1/payments".to_owned(), new.clone()),
        (
            format!("/v1/payments/{}/close", shop.untouched),
            "{}".to_owned(),
        ),
        (
            format!("/v1/payments/{}/sync", shop.untouched),
            "{}".to_owned(),
        ),
        (
            format!("/v1/payments/{}/revise", shop.untouched),
            r#"{"amount_fen":1}"#.to_owned(),
        ),
        (
            format!("/v1/payments/{}/refunds", shop.paid.id),
            r#"{"refund_no":"i"}"#.to_owned(),
        ),
        (
            "/v1/webhook_endpoints".to_owned(),
            r#"{"url":"https://shop.example.com/i"}"#.to_owned(),
        ),
    ];
    for (path, body) in &paths {
        let plain = crate::desk::post(key, path, body.clone());
        group.add(format!("{path}: none"), &plain, INVALID);
        let twice = plain
            .clone()
            .header("Idempotency-Key", "a")
            .header("idempotency-key", "a");
        group.add(format!("{path}: twice"), &twice, INVALID);
    }
    for (name, value) in [
        ("empty", String::new()),
        ("blanks", "   ".to_owned()),
        ("with a blank inside", "a b".to_owned()),
        ("with a tab inside", "a\tb".to_owned()),
        ("256 characters", "k".repeat(256)),
        ("8000 characters", "k".repeat(8000)),
        ("not ASCII", "\u{8336}".to_owned()),
        ("an emoji", "\u{1f375}".to_owned()),
    ] {
        group.add(
            name,
            &keyed(key, "/v1/payments", new.clone(), &value),
            INVALID,
        );
    }
    // The keys of the setting, used for something else. They were made from path and body, see `Desk::post`.
    let used = "v1paymentsamountfen1990descriptionlatteordernopaid";
    let other = new.replace("990", "991");
    group.add(
        "the key of another payment",
        &keyed(key, "/v1/payments", other, used),
        Expect::Status(&[409]),
    );
    let path = format!("/v1/payments/{}/close", shop.untouched);
    group.add(
        "the key of a payment, to close one",
        &keyed(key, &path, "{}", used),
        Expect::Status(&[409]),
    );
    let path = format!("/v1/payments/{}/refunds", shop.paid.id);
    let refund = r#"{"refund_no":"R2","amount_fen":1}"#;
    group.add(
        "the key of a payment, for a refund",
        &keyed(key, &path, refund, used),
        Expect::Status(&[409]),
    );
    let same = r#"{"refund_no":"R1","amount_fen":499}"#;
    group.add(
        "the number of another refund",
        &keyed(key, &path, same, "fresh-1"),
        Expect::Status(&[409]),
    );
    let same = r#"{"order_no":"paid","amount_fen":1,"description":"latte"}"#;
    group.add(
        "the order_no of another payment",
        &keyed(key, "/v1/payments", same, "fresh-2"),
        Expect::Status(&[409]),
    );
    group
}
