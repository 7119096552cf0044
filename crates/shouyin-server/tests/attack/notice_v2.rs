//! The older protocol's door: XML, where one key of 32 characters signs everything and refunds are not signed at all.

use wechatpay::v2::notification::seal;
use wechatpay::v2::{ApiKey, Fields, SignType};

use crate::case::{Expect, Group, UNPROVEN};
use crate::desk::{APPID, MCHID, OTHER_APPID, OTHER_MCHID};
use crate::forge::unsigned;
use crate::shop::{Payment, Shop};

/// Not believed, or not understood.
const REFUSED: Expect = Expect::Status(&[400, 401]);
/// Signed with the right key, and still not what was ordered.
const CONTRADICTS: Expect = Expect::Status(&[400, 401, 422]);

/// What WeChat would send if this order had been placed by the older protocol and paid.
fn success(payment: &Payment) -> Fields {
    let said = &payment.success;
    let text = |pointer: &str| {
        said.pointer(pointer)
            .and_then(|it| it.as_str())
            .unwrap()
            .to_owned()
    };
    let total = said["amount"]["total"].to_string();
    Fields::new()
        .with("return_code", "SUCCESS")
        .with("result_code", "SUCCESS")
        .with("appid", text("/appid"))
        .with("mch_id", text("/mchid"))
        .with("nonce_str", "Zt8bqW3kLx0Vn5Yc")
        .with("openid", text("/payer/openid"))
        .with("is_subscribe", "N")
        .with("trade_type", "JSAPI")
        .with("bank_type", "OTHERS")
        .with("total_fee", total.clone())
        .with("cash_fee", total)
        .with("fee_type", "CNY")
        .with("transaction_id", text("/transaction_id"))
        .with("out_trade_no", text("/out_trade_no"))
        .with("time_end", "20260105120304")
}

fn signed(shop: &Shop, fields: Fields) -> String {
    fields
        .signed(SignType::HmacSha256, &shop.desk.keys.api_v2)
        .to_xml()
}

fn add(group: &mut Group, name: &str, body: impl Into<Vec<u8>>, expect: Expect) {
    let mut request = unsigned(MCHID, body);
    request
        .headers
        .retain(|(header, _)| header != "Content-Type");
    group.add(name, &request.header("Content-Type", "text/xml"), expect);
}

/// The right order and the right amount, and not WeChat's signature.
pub(crate) fn forged(shop: &Shop) -> Group {
    let mut group =
        Group::new("payments in the older protocol that nobody signed with this merchant's key");
    let genuine = success(&shop.open);
    let stranger = ApiKey::parse("0123456789abcdef0123456789ABCDEF").unwrap();
    let keys = &shop.desk.keys;
    add(&mut group, "no signature", genuine.to_xml(), UNPROVEN);
    for (name, sign) in [
        ("an empty signature", String::new()),
        ("zeros", "0".repeat(64)),
        ("a word", "SIGNTEST".to_owned()),
        ("WeChat's probe", "WECHATPAY/SIGNTEST/abc".to_owned()),
        (
            "lower case",
            genuine
                .signature(SignType::HmacSha256, &keys.api_v2)
                .to_lowercase(),
        ),
        (
            "one character less",
            genuine.signature(SignType::HmacSha256, &keys.api_v2)[1..].to_owned(),
        ),
        (
            "the weaker type, genuine",
            genuine.signature(SignType::Md5, &keys.api_v2),
        ),
        (
            "another key",
            genuine.signature(SignType::HmacSha256, &stranger),
        ),
        (
            "the other merchant's key",
            genuine.signature(SignType::HmacSha256, &shop.desk.other_keys.api_v2),
        ),
    ] {
        add(
            &mut group,
            name,
            genuine.clone().with("sign", sign).to_xml(),
            UNPROVEN,
        );
    }
    let weaker = genuine
        .clone()
        .with("sign_type", "MD5")
        .signed(SignType::Md5, &keys.api_v2);
    add(
        &mut group,
        "the weaker type, announced",
        weaker.to_xml(),
        UNPROVEN,
    );
    // Every field, changed and left out after it was signed; and one more.
    let whole = genuine.clone().signed(SignType::HmacSha256, &keys.api_v2);
    for (field, value) in genuine.iter() {
        let changed = whole.clone().with(field, format!("{value}1"));
        add(
            &mut group,
            &format!("{field} changed after signing"),
            changed.to_xml(),
            UNPROVEN,
        );
        let without = whole
            .iter()
            .filter(|(name, _)| *name != field)
            .fold(Fields::new(), |fields, (name, value)| {
                fields.with(name, value)
            });
        add(
            &mut group,
            &format!("{field} left out after signing"),
            without.to_xml(),
            UNPROVEN,
        );
    }
    for extra in ["coupon_fee_0", "refund_fee", "trade_state", "x"] {
        let more = whole.clone().with(extra, "1");
        add(
            &mut group,
            &format!("{extra} put in after signing"),
            more.to_xml(),
            UNPROVEN,
        );
    }
    let others = success(&shop.others).signed(SignType::HmacSha256, &shop.desk.other_keys.api_v2);
    add(
        &mut group,
        "another merchant's genuine one",
        others.to_xml(),
        UNPROVEN,
    );
    let in_our_name = success(&shop.open)
        .with("mch_id", OTHER_MCHID)
        .signed(SignType::HmacSha256, &keys.api_v2);
    add(
        &mut group,
        "signed by us, for another merchant",
        in_our_name.to_xml(),
        UNPROVEN,
    );
    group
}

/// Documents that no WeChat sends.
pub(crate) fn documents(shop: &Shop) -> Group {
    let mut group = Group::new("XML that is no notification, or more than one");
    let genuine = signed(shop, success(&shop.open));
    let inside = genuine
        .trim_start_matches("<xml>")
        .trim_end_matches("</xml>")
        .to_owned();
    let laughs = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]>";
    for (name, body) in [
        ("a document type", format!("<!DOCTYPE xml>{genuine}")),
        ("an external entity", format!("<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><xml><a>&e;</a>{inside}</xml>")),
        ("an address to fetch", format!("<!DOCTYPE x SYSTEM \"http://127.0.0.1:1/x.dtd\">{genuine}")),
        ("a parameter entity", format!("<!DOCTYPE x [<!ENTITY % p SYSTEM \"http://127.0.0.1:1/x\">%p;]>{genuine}")),
        ("laughter", format!("{laughs}<xml><a>&c;</a>{inside}</xml>")),
        ("an entity without a type", format!("<xml><a>&e;</a>{inside}</xml>")),
        ("an instruction", format!("<?php phpinfo(); ?>{genuine}")),
        ("a style sheet", format!("<?xml-stylesheet href=\"x\"?>{genuine}")),
        ("attributes", format!("<xml a=\"b\">{inside}</xml>")),
        ("a namespace", format!("<xml xmlns=\"urn:x\">{inside}</xml>")),
        ("a prefix", format!("<x:xml>{inside}</x:xml>")),
        ("another root", format!("<html>{inside}</html>")),
        ("two roots", format!("{genuine}{genuine}")),
        ("text behind", format!("{genuine}<a>")),
        ("cut off", genuine[..genuine.len() - 8].to_owned()),
        ("an amount twice", format!("<xml><total_fee>1</total_fee>{inside}</xml>")),
        ("a number twice", format!("<xml>{inside}<out_trade_no>X00001</out_trade_no></xml>")),
        ("elements in elements", format!("<xml><a><b>1</b></a>{inside}</xml>")),
        ("deep", "<xml>".repeat(50_000)),
        ("many", format!("<xml>{}</xml>", (0..3_000).map(|n| format!("<a{n}/>")).collect::<String>())),
        ("long", format!("<xml><a>{}</a>{inside}</xml>", "x".repeat(100_000))),
        ("nothing in it", "<xml></xml>".to_owned()),
        ("only a root", "<xml/>".to_owned()),
        ("one character", "<".to_owned()),
        ("a zero byte", genuine.replacen("CNY", "C\0Y", 1)),
        ("UTF-16", format!("<?xml version=\"1.0\" encoding=\"UTF-16\"?>{}", genuine.replacen("CNY", "CN", 1))),
        ("a failure", "<xml><return_code>FAIL</return_code></xml>".to_owned()),
        ("an answer of ours", "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>".to_owned()),
    ] {
        add(&mut group, name, body, REFUSED);
    }
    add(
        &mut group,
        "not UTF-8",
        [b"<xml><a>\xff\xfe</a></xml>".as_slice()].concat(),
        REFUSED,
    );
    group
}

/// Signed with this merchant's key, and not what was ordered.
pub(crate) fn contradictions(shop: &Shop) -> Group {
    let mut group =
        Group::new("genuinely signed payments of the older protocol that contradict the order");
    for (which, payment, total) in [("open", &shop.open, 2990), ("paid", &shop.paid, 1990)] {
        let changes = [
            ("total_fee", (total - 1).to_string()),
            ("total_fee", (total + 1).to_string()),
            ("total_fee", "0".to_owned()),
            ("total_fee", format!("-{total}")),
            ("total_fee", format!("{total}.0")),
            ("total_fee", "9223372036854775808".to_owned()),
            ("total_fee", String::new()),
            ("fee_type", "USD".to_owned()),
            ("appid", OTHER_APPID.to_owned()),
            ("appid", String::new()),
            ("openid", "oAnotherAnotherAnotherAnothr0".to_owned()),
            ("openid", String::new()),
            ("trade_type", "NATIVE".to_owned()),
            ("trade_type", "MICROPAY".to_owned()),
            ("result_code", "FAIL".to_owned()),
            ("return_code", "FAIL".to_owned()),
            ("trade_state", "NOTPAY".to_owned()),
            ("transaction_id", String::new()),
            ("time_end", "yesterday".to_owned()),
            ("out_trade_no", "UNKNOWN0000001".to_owned()),
            ("out_trade_no", "../../etc".to_owned()),
        ];
        for (field, value) in changes {
            let body = signed(shop, success(payment).with(field, value.clone()));
            add(
                &mut group,
                &format!("{which}: {field} {value:?}"),
                body,
                CONTRADICTS,
            );
        }
    }
    let again = success(&shop.paid).with("transaction_id", "4200009999202601051234567899");
    add(
        &mut group,
        "paid again as another transaction",
        signed(shop, again),
        CONTRADICTS,
    );
    // What else this key signs: our own order, and WeChat's answer to it.
    let order = Fields::new()
        .with("appid", APPID)
        .with("mch_id", MCHID)
        .with("nonce_str", "n")
        .with("body", "latte")
        .with("total_fee", "2990")
        .with("trade_type", "JSAPI");
    add(
        &mut group,
        "our own order call",
        signed(shop, order),
        REFUSED,
    );
    let answer = Fields::new()
        .with("return_code", "SUCCESS")
        .with("result_code", "SUCCESS")
        .with("appid", APPID)
        .with("mch_id", MCHID)
        .with("nonce_str", "n")
        .with("prepay_id", "wx0212");
    add(
        &mut group,
        "WeChat's answer to an order call",
        signed(shop, answer),
        REFUSED,
    );
    group
}

fn envelope(mchid: &str, req_info: &str) -> String {
    format!(
        "<xml><return_code>SUCCESS</return_code><appid>{APPID}</appid><mch_id>{mchid}</mch_id><nonce_str>n</nonce_str><req_info>{req_info}</req_info></xml>"
    )
}

/// Refunds are encrypted, not signed: what cannot be decrypted is nobody's, and what can is only a reason to ask.
pub(crate) fn refunds(shop: &Shop) -> Group {
    let mut group = Group::new(
        "refund news of the older protocol that this merchant's key does not open, or about nothing we know",
    );
    let news = |number: &str| {
        Fields::new()
            .with("out_trade_no", number)
            .with("out_refund_no", "made-up-1")
            .with("refund_status", "SUCCESS")
            .with("refund_fee", "1990")
            .with("total_fee", "1990")
    };
    let stranger = ApiKey::parse("0123456789abcdef0123456789ABCDEF").unwrap();
    let paid = shop.paid.success["out_trade_no"].as_str().unwrap();
    let sealed = seal(&stranger, &news(paid).to_xml()).unwrap();
    add(&mut group, "another key", envelope(MCHID, &sealed), REFUSED);
    let sealed = seal(&shop.desk.keys.api_v2, &news(paid).to_xml()).unwrap();
    add(
        &mut group,
        "our key, in another merchant's name",
        envelope(OTHER_MCHID, &sealed),
        REFUSED,
    );
    for (name, text) in [
        ("no block", &sealed[4..]),
        ("cut off", &sealed[..sealed.len() - 4]),
        ("turned round", "////////////////////////////////////////"),
        ("not Base64", "%%%%"),
        ("nothing", ""),
        ("one block", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ] {
        add(&mut group, name, envelope(MCHID, text), REFUSED);
    }
    for (name, number) in [
        ("an unknown order", "UNKNOWN0000001"),
        ("no order at all", ""),
        ("a path", "../../x"),
    ] {
        let sealed = seal(&shop.desk.keys.api_v2, &news(number).to_xml()).unwrap();
        add(
            &mut group,
            name,
            envelope(MCHID, &sealed),
            Expect::Status(&[400, 401, 422]),
        );
    }
    group
}
