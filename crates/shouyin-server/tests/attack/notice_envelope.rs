//! The notification endpoint: envelopes that are signed by WeChat and do not open, or do not say what they should.

use serde_json::{Value, json};

use crate::case::{CONTRADICTION, Expect, Group, INVALID};
use crate::forge::{Notice, changed, signed};
use crate::shop::Shop;

/// Signed by WeChat, with these changes to the envelope.
fn resigned(shop: &Shop, changes: &Value) -> crate::wire::Request {
    let envelope: Value = serde_json::from_slice(&shop.control_body()).unwrap();
    let body = changed(&envelope, changes).to_string();
    signed(&shop.desk.keys, shop.desk.now_unix(), body)
}

pub(crate) fn group(shop: &Shop) -> Group {
    let mut group = Group::new("signed envelopes whose content was exchanged");
    let desk = &shop.desk;
    let envelope: Value = serde_json::from_slice(&shop.control_body()).unwrap();
    let sealed = |notice: &Notice, keys| -> Value {
        serde_json::from_slice(&notice.seal(keys, desk.now_ms())).unwrap()
    };
    let refund = sealed(&Notice::refund(shop.refund_success.clone()), &desk.keys);
    let others = sealed(
        &Notice::payment(shop.open.success.clone()),
        &desk.other_keys,
    );
    let ciphertext = envelope["resource"]["ciphertext"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut add = |name: String, changes: Value| {
        group.add(name, &resigned(shop, &changes), INVALID);
    };
    add(
        "the ciphertext of a refund".into(),
        json!({"resource": {"ciphertext": refund["resource"]["ciphertext"]}}),
    );
    add(
        "the resource of a refund as a payment".into(),
        json!({"resource": changed(&refund["resource"], &json!({"original_type": "transaction"}))}),
    );
    add(
        "sealed with the key of another merchant".into(),
        json!({"resource": others["resource"]}),
    );
    for text in [
        "",
        "refund",
        "Transaction",
        "transaction ",
        "certificate",
        "exactly16bytes!!",
        "much longer than any associated data",
    ] {
        add(
            format!("associated data {text:?}"),
            json!({"resource": {"associated_data": text}}),
        );
    }
    add(
        "associated data absent".into(),
        json!({"resource": {"associated_data": null}}),
    );
    for length in (0..=16).filter(|length| *length != 12).chain([24, 32, 64]) {
        let nonce = "Qm7Kx2Vb9TzL".repeat(6)[..length].to_owned();
        add(
            format!("a nonce of {length} bytes"),
            json!({"resource": {"nonce": nonce}}),
        );
    }
    add(
        "another nonce".into(),
        json!({"resource": {"nonce": "Qm7Kx2Vb9TzM"}}),
    );
    for (name, text) in [
        ("empty", String::new()),
        ("shorter than its tag", "AAAA".to_owned()),
        ("a tag alone", "AAAAAAAAAAAAAAAAAAAAAA==".to_owned()),
        ("one character changed", format!("A{}", &ciphertext[1..])),
        ("cut", ciphertext[..ciphertext.len() - 4].to_owned()),
        ("doubled", format!("{ciphertext}{ciphertext}")),
        ("not Base64", "!".repeat(100)),
        ("with line breaks", ciphertext.replace('A', "A\n")),
    ] {
        add(
            format!("ciphertext: {name}"),
            json!({"resource": {"ciphertext": text}}),
        );
    }
    for algorithm in [
        "",
        "AEAD_SM4_GCM",
        "aead_aes_256_gcm",
        "AEAD_AES_128_GCM",
        "none",
        "AES-256-ECB",
    ] {
        add(
            format!("algorithm {algorithm:?}"),
            json!({"resource": {"algorithm": algorithm}}),
        );
    }
    for member in ["id", "event_type", "resource"] {
        add(format!("without {member}"), json!({ member: null }));
        for value in [json!(1), json!([]), json!(true)] {
            add(format!("{member} is {value}"), json!({ member: value }));
        }
    }
    for member in ["algorithm", "ciphertext", "nonce"] {
        add(
            format!("resource without {member}"),
            json!({"resource": { member: null }}),
        );
        for value in [json!(1), json!([]), json!({"a": 1})] {
            add(
                format!("resource.{member} is {value}"),
                json!({"resource": { member: value }}),
            );
        }
    }
    group
}

/// Plaintexts that are sealed and signed as they should be, and are no order.
pub(crate) fn plaintexts(shop: &Shop) -> Group {
    let mut group = Group::new("genuine envelopes around something that is no order");
    let good = &shop.open.success;
    let mut add = |name: &str, resource: Value, expect: Expect| {
        group.add(name, &shop.genuine(&Notice::payment(resource)), expect);
    };
    for (name, resource) in [
        ("null", json!(null)),
        ("a list", json!([good])),
        ("a text", json!("SUCCESS")),
        ("a number", json!(1990)),
        ("an empty object", json!({})),
    ] {
        add(name, resource, INVALID);
    }
    for member in ["out_trade_no", "trade_state"] {
        add(
            &format!("without {member}"),
            changed(good, &json!({ member: null })),
            INVALID,
        );
        add(
            &format!("{member} a number"),
            changed(good, &json!({ member: 1 })),
            INVALID,
        );
        add(
            &format!("{member} a list"),
            changed(good, &json!({ member: [good[member]] })),
            INVALID,
        );
    }
    for number in [
        "",
        "12345",
        "has space here",
        "../../../etc",
        "a'; drop table",
        "\u{8336}\u{8336}\u{8336}\u{8336}\u{8336}\u{8336}",
    ] {
        add(
            &format!("out_trade_no {number:?}"),
            changed(good, &json!({"out_trade_no": number})),
            INVALID,
        );
    }
    for amount in [
        json!("2990"),
        json!(2990.0),
        json!(29.9),
        json!([2990]),
        json!({"fen": 2990}),
        json!(true),
        json!(9.3e18),
    ] {
        let resource = changed(good, &json!({"amount": {"total": amount}}));
        add(&format!("amount.total is {amount}"), resource, INVALID);
    }
    for member in ["transaction_id", "success_time"] {
        add(
            &format!("without {member}"),
            changed(good, &json!({ member: null })),
            CONTRADICTION,
        );
        add(
            &format!("{member} empty"),
            changed(good, &json!({ member: "" })),
            CONTRADICTION,
        );
    }
    add(
        "without payer",
        changed(good, &json!({"payer": null})),
        CONTRADICTION,
    );
    add(
        "without amount",
        changed(good, &json!({"amount": null})),
        CONTRADICTION,
    );
    add(
        "success_time is no time",
        changed(good, &json!({"success_time": "yesterday"})),
        CONTRADICTION,
    );
    add(
        "transaction_id with a line break",
        changed(good, &json!({"transaction_id": "42\n00"})),
        CONTRADICTION,
    );
    add(
        "openid with a blank",
        changed(good, &json!({"payer": {"openid": "a b"}})),
        CONTRADICTION,
    );
    group
}
