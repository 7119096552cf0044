//! The other ways to pay: means asked for wrongly, codes that are none, addresses that lead elsewhere, and genuine messages about
//! another product.

use serde_json::{Value, json};

use crate::case::{CONTRADICTION, Expect, Group, INVALID};
use crate::desk::APPID;
use crate::forge::{Notice, changed};
use crate::shop::{Shop, keyed};
use crate::wire::Request;

const NOT_ITS_PRODUCT: Expect = Expect::Status(&[409]);

/// None of these may reach WeChat, and none may charge anybody.
pub(crate) fn asked_wrongly(shop: &Shop) -> Group {
    let mut group = Group::new("the means to pay, asked for wrongly");
    let mut number = 0;
    let mut add = |name: String, id: &str, body: Value, expect| {
        number += 1;
        let path = format!("/v1/payments/{id}/pay");
        let request = keyed(
            &shop.desk.api_key,
            &path,
            body.to_string(),
            &format!("product-{number}"),
        );
        group.add(name, &request, expect);
    };
    let code = json!({ "auth_code": "134567890123456789" });
    for (which, id) in [
        ("mini program", &shop.open.id),
        ("native", &shop.native.id),
        ("h5", &shop.h5),
    ] {
        add(
            format!("a code for {which}"),
            id,
            code.clone(),
            NOT_ITS_PRODUCT,
        );
    }
    add(
        "nothing for a code".into(),
        &shop.code,
        json!({}),
        NOT_ITS_PRODUCT,
    );
    add("nothing for h5".into(), &shop.h5, json!({}), INVALID);
    let scene = json!({ "payer_ip": "203.0.113.7" });
    add(
        "a browser for native".into(),
        &shop.native.id,
        scene,
        INVALID,
    );
    add(
        "means for a mini program".into(),
        &shop.open.id,
        json!({}),
        NOT_ITS_PRODUCT,
    );
    for auth_code in [
        "",
        "1",
        "13456789012345678",
        "1345678901234567890",
        "094567890123456789",
        "164567890123456789",
        "994567890123456789",
        "13456789012345678x",
        " 13456789012345678",
        "134567890123456789\n",
        "１３４５６７８９０１２３４５６７８９",
        "-13456789012345678",
        "+13456789012345678",
        "1.3456789012345678",
        "0x4567890123456789",
        "' or 1=1 --",
    ] {
        let body = json!({ "auth_code": auth_code });
        add(format!("the code {auth_code:?}"), &shop.code, body, INVALID);
    }
    for auth_code in [
        json!(134_567_890_123_456_789_i64),
        json!(["134567890123456789"]),
        json!({}),
        json!(true),
    ] {
        let body = json!({ "auth_code": auth_code });
        add(
            format!("the code as {auth_code}"),
            &shop.code,
            body,
            INVALID,
        );
    }
    for store_id in ["", "shop 7", "店", "a".repeat(33).as_str(), "../x", "<b>"] {
        let body = json!({ "auth_code": "134567890123456789", "store_id": store_id });
        add(format!("the shop {store_id:?}"), &shop.code, body, INVALID);
    }
    for payer_ip in [
        "",
        "localhost",
        "999.1.1.1",
        "203.0.113.7:80",
        "203.0.113.0/24",
        "203.0.113",
        "::g",
        "fe80::1%lo",
        "http://203.0.113.7",
        "203.0.113.7, 10.0.0.1",
        "3405803783",
    ] {
        let body = json!({ "payer_ip": payer_ip });
        add(format!("the address {payer_ip:?}"), &shop.h5, body, INVALID);
    }
    for redirect_url in [
        "",
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example.com",
        "/back",
        "ftp://a.example",
        "https://a.example/\r\nSet-Cookie: a=b",
        "https://a.example/ x",
        "https://例子.cn",
        format!("https://a.example/{}", "a".repeat(600)).as_str(),
    ] {
        let body = json!({ "payer_ip": "203.0.113.7", "redirect_url": redirect_url });
        add(
            format!("back to {redirect_url:.40?}"),
            &shop.h5,
            body,
            INVALID,
        );
    }
    for body in [
        json!({ "scene": "wap" }),
        json!({ "payer_ip": "203.0.113.7", "scene": "Wap" }),
        json!({ "payer_ip": "203.0.113.7", "scene": "desktop" }),
        json!({ "payer_ip": "203.0.113.7", "amount_fen": 1 }),
        json!({ "payer_ip": "203.0.113.7", "openid": "oSomebody" }),
        json!({ "payer_ip": "203.0.113.7", "auth_code": "134567890123456789" }),
        json!({ "store_id": "shop-7" }),
        json!([]),
        json!("native"),
        json!(null),
    ] {
        add(format!("the body {body}"), &shop.h5, body.clone(), INVALID);
    }
    group
}

/// Really signed by WeChat, about an order by QR code.
pub(crate) fn contradictions(shop: &Shop) -> Group {
    let mut group = Group::new("genuine notifications that contradict an order by QR code");
    let mut add = |name: String, changes: Value| {
        let resource = changed(&shop.native.success, &changes);
        group.add(
            name,
            &shop.genuine(&Notice::payment(resource)),
            CONTRADICTION,
        );
    };
    for product in ["JSAPI", "APP", "MWEB", "MICROPAY", "FACEPAY", "native"] {
        add(
            format!("product {product:?}"),
            json!({ "trade_type": product }),
        );
    }
    for amount in [0, 1, 1499, 1501, -1500, 150_000, i64::MAX] {
        add(
            format!("total {amount}"),
            json!({ "amount": { "total": amount } }),
        );
    }
    for currency in ["USD", "cny"] {
        add(
            format!("currency {currency:?}"),
            json!({ "amount": { "currency": currency } }),
        );
    }
    add("nobody paid".into(), json!({ "payer": null }));
    add(
        "no number of WeChat's".into(),
        json!({ "transaction_id": null }),
    );
    add("at no time".into(), json!({ "success_time": null }));
    add(
        "in another app".into(),
        json!({ "appid": "wx0000000000000000" }),
    );
    add("for nobody".into(), json!({ "mchid": null }));
    group
}

/// The way to WeChat's page leads nowhere else.
pub(crate) fn pages(shop: &Shop) -> Group {
    let mut group = Group::new("the way of a page to WeChat, bent");
    let mut add = |query: &str| {
        let request = Request::new("GET", format!("/mp/v1/authorize{query}"));
        group.add(format!("{query:.90}"), &request, INVALID);
    };
    add("");
    add("?appid=");
    add(&format!("?appid={APPID}"));
    // A mini program is no official account.
    add(&format!(
        "?appid={APPID}&redirect_uri=https%3A%2F%2Fa.example"
    ));
    for appid in [
        "wx0000000000000000",
        "https%3A%2F%2Fevil.example",
        "%0d%0aLocation%3A%20x",
        "..%2F",
    ] {
        add(&format!(
            "?appid={appid}&redirect_uri=https%3A%2F%2Fa.example"
        ));
    }
    add(&format!(
        "?appid={APPID}&redirect_uri=javascript%3Aalert(1)"
    ));
    add(&format!(
        "?appid={APPID}&redirect_uri=https%3A%2F%2Fa.example&next=https%3A%2F%2Fevil.example"
    ));
    let looked_at = format!("Bearer {}", shop.alice);
    for (name, id) in [
        ("native", &shop.native.id),
        ("h5", &shop.h5),
        ("code", &shop.code),
    ] {
        let tap = Request::new("POST", format!("/mp/v1/payments/{id}/pay"))
            .header("Authorization", looked_at.clone())
            .body("{}");
        group.add(
            format!("alice taps a payment of product {name}"),
            &tap,
            NOT_ITS_PRODUCT,
        );
    }
    group
}
