//! Bodies of the merchant API: amounts that must not pass, with a key that is good.

use serde_json::json;

use crate::case::{Expect, Group, INVALID};
use crate::shop::{Shop, keyed};

/// What somebody may write where an amount belongs. As text, because some of it is no JSON.
const AMOUNTS: [&str; 30] = [
    "0",
    "-1",
    "-1990",
    "1000000001",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551616",
    "1e3",
    "1.0",
    "19.90",
    "0.1",
    "1e999",
    "-0",
    "\"1990\"",
    "\"0\"",
    "\"-1\"",
    "\"1 OR 1=1\"",
    "null",
    "true",
    "false",
    "[]",
    "[1990]",
    "{}",
    "{\"fen\":1990}",
    "NaN",
    "Infinity",
    "0x7c6",
    "+1",
    "01990",
];

pub(crate) fn group(shop: &Shop) -> Group {
    let mut group =
        Group::new("amounts that are negative, nothing, huge, fractions, texts or no numbers");
    let key = &shop.desk.api_key;
    let revise = format!("/v1/payments/{}/revise", shop.untouched);
    let refunds = format!("/v1/payments/{}/refunds", shop.paid.id);
    for (number, amount) in AMOUNTS.iter().enumerate() {
        let name = |what: &str| format!("{what} {amount}");
        let idempotency = format!("amount-{number}");
        let body =
            format!(r#"{{"order_no":"a-{number}","description":"x","amount_fen":{amount}}}"#);
        group.add(
            name("create"),
            &keyed(key, "/v1/payments", body, &format!("c{idempotency}")),
            INVALID,
        );
        // Left out or null, an amount means "as it is" in a revision and "the rest" in a refund.
        if *amount == "null" {
            continue;
        }
        let body = format!(r#"{{"amount_fen":{amount}}}"#);
        group.add(
            name("revise"),
            &keyed(key, &revise, body, &format!("r{idempotency}")),
            INVALID,
        );
        let body = format!(r#"{{"refund_no":"b-{number}","amount_fen":{amount}}}"#);
        // What is a number, but more than is left, is refused for that.
        let expect = Expect::Status(&[400, 409]);
        group.add(
            name("refund"),
            &keyed(key, &refunds, body, &format!("b{idempotency}")),
            expect,
        );
    }
    for amount in [1491, 1990, 1991, 1_000_000_000] {
        let body =
            json!({ "refund_no": format!("much-{amount}"), "amount_fen": amount }).to_string();
        let request = keyed(key, &refunds, body, &format!("much-{amount}"));
        group.add(
            format!("refund {amount} fen of 1490 that are left"),
            &request,
            Expect::Status(&[409]),
        );
    }
    for id in [&shop.untouched, &shop.open.id, &shop.closed] {
        let request = keyed(
            key,
            &format!("/v1/payments/{id}/refunds"),
            r#"{"refund_no":"n"}"#,
            "not-paid",
        );
        group.add(
            format!("refund of {id}, which is not paid"),
            &request,
            Expect::Status(&[409]),
        );
    }
    group
}
