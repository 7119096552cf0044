//! The mini-program API: other people's sessions, ended ones, made-up ones, and prices set on the phone.

use serde_json::json;

use crate::case::{Expect, Group, INVALID, NOT_FOUND, UNPROVEN};
use crate::desk::{APPID, OTHER_APPID, post};
use crate::shop::Shop;
use crate::wire::Request;

pub(crate) fn sessions(shop: &Shop) -> Group {
    let mut group =
        Group::new("payments of other users, with sessions that are good, ended or made up");
    let addresses = |id: &str| {
        [
            ("GET", format!("/mp/v1/payments/{id}"), ""),
            ("POST", format!("/mp/v1/payments/{id}/pay"), "{}"),
            ("POST", format!("/mp/v1/payments/{id}/confirm"), "{}"),
        ]
    };
    for (who, session) in [("bob", &shop.bob), ("carol", &shop.carol)] {
        for (whose, payment) in [
            ("alice's open", &shop.open.id),
            ("alice's paid", &shop.paid.id),
        ] {
            for (method, path, body) in addresses(payment) {
                let bearer = format!("Bearer {session}");
                let request = Request::new(method, path.clone())
                    .header("Authorization", bearer)
                    .body(body);
                let what = path.rsplit('/').next().unwrap();
                let what = if what.starts_with("pay_") {
                    "look"
                } else {
                    what
                };
                group.add(
                    format!("{who} tries to {what} {whose} payment"),
                    &request,
                    NOT_FOUND,
                );
            }
        }
    }
    for (method, path, body) in addresses(&shop.others.id) {
        let request = Request::new(method, path.clone())
            .header("Authorization", format!("Bearer {}", shop.alice))
            .body(body);
        group.add(
            format!("alice, in an app of another merchant: {method} {path}"),
            &request,
            NOT_FOUND,
        );
    }
    let alice = &shop.alice;
    for (name, token) in [
        ("ended", shop.ended.clone()),
        ("unknown", "st_unknown".to_owned()),
        ("an API key", shop.desk.api_key.clone()),
        ("one character less", alice[..alice.len() - 1].to_owned()),
        ("one character more", format!("{alice}0")),
        ("in capitals", alice.to_ascii_uppercase() + "X"),
        (
            "a JSON web token without a signature",
            "eyJhbGciOiJub25lIn0.eyJvcGVuaWQiOiJhIn0.".to_owned(),
        ),
        (
            "an openid",
            shop.open.success["payer"]["openid"]
                .as_str()
                .unwrap()
                .to_owned(),
        ),
        ("SQL", "' OR '1'='1".to_owned()),
        ("nothing", String::new()),
        ("8000 characters", "a".repeat(8000)),
    ] {
        for (method, path, body) in addresses(&shop.open.id) {
            let bearer = format!("Bearer {token}");
            let request = Request::new(method, path.clone())
                .header("Authorization", bearer)
                .body(body);
            let what = path.rsplit('/').next().unwrap();
            let what = if what.starts_with("pay_") {
                "look"
            } else {
                what
            };
            group.add(
                format!("a session that is {name}: {what}"),
                &request,
                UNPROVEN,
            );
        }
    }
    for (method, path, body) in addresses(&shop.open.id) {
        let request = Request::new(method, path.clone()).body(body);
        group.add(format!("no session: {method} {path}"), &request, UNPROVEN);
    }
    // A buyer's session is no merchant's key, and the merchant's pages know no buyers.
    for path in ["/v1/payments", "/v1/balance", "/v1/events", "/v1/incidents"] {
        let request = Request::new("GET", path).header("Authorization", format!("Bearer {alice}"));
        group.add(format!("alice at {path}"), &request, UNPROVEN);
    }
    group
}

pub(crate) fn prices(shop: &Shop) -> Group {
    let mut group = Group::new("prices, payers and results that the phone tries to set");
    for what in ["pay", "confirm"] {
        let path = format!("/mp/v1/payments/{}/{what}", shop.open.id);
        for body in [
            json!({"amount_fen": 1}),
            json!({"amount": {"total": 1}}),
            json!({"total_fee": 1}),
            json!({"price": 0.01}),
            json!({"openid": "oAnotherAnotherAnotherAnothr0"}),
            json!({"mchid": "1900000002"}),
            json!({"state": "paid"}),
            json!({"transaction_id": "4200009999202601051234567890"}),
            json!({"notify_url": "https://evil.example.com/"}),
            json!({"errMsg": "requestPayment:ok"}),
            json!([1]),
            json!("paid"),
        ] {
            let request = post(&shop.alice, &path, body.to_string());
            group.add(format!("{what} {body}"), &request, INVALID);
        }
        let lists = "[".repeat(30_000);
        group.add(
            format!("{what} lists 30,000 deep"),
            &post(&shop.alice, &path, lists),
            INVALID,
        );
    }
    let path = format!("/mp/v1/payments/{}/pay", shop.closed);
    let pay = post(&shop.alice, &path, "{}");
    group.add("pay a closed payment", &pay, Expect::Status(&[409]));
    group
}

/// None of these codes may reach WeChat: whoever guesses codes here must not use up the app's quota there.
pub(crate) fn logins(shop: &Shop) -> Group {
    let mut group =
        Group::new("logins without a code that could be one, or for an app of somebody else");
    let mut add = |name: &str, body: String| {
        let request = Request::new("POST", "/mp/v1/login").body(body);
        group.add(name, &request, INVALID);
    };
    for (name, code) in [
        ("empty", json!("")),
        ("a blank", json!("a b")),
        ("a line break", json!("a\r\nb")),
        ("a zero byte", json!("a\0")),
        ("257 characters", json!("c".repeat(257))),
        ("not ASCII", json!("\u{8336}")),
        ("a number", json!(1)),
        ("a list", json!(["a"])),
        ("null", json!(null)),
    ] {
        add(
            &format!("a code that is {name}"),
            json!({"appid": APPID, "code": code}).to_string(),
        );
    }
    for appid in [
        "",
        "wx0000000000000000",
        "../sns",
        "wx1111222233334444&secret=x",
        "' OR '1'='1",
        "wx 1",
    ] {
        add(
            &format!("app {appid:?}"),
            json!({"appid": appid, "code": "c"}).to_string(),
        );
    }
    add(
        "an openid instead",
        json!({"appid": APPID, "openid": shop.open.success["payer"]["openid"]}).to_string(),
    );
    add(
        "an openid besides",
        json!({"appid": APPID, "code": "c", "openid": "o"}).to_string(),
    );
    add(
        "a session key besides",
        json!({"appid": OTHER_APPID, "code": "c", "session_key": "k"}).to_string(),
    );
    add(
        "two codes",
        r#"{"appid":"wx1111222233334444","code":"a","code":"b"}"#.to_owned(),
    );
    add("nothing", String::new());
    add("a list", "[]".to_owned());
    group
}
