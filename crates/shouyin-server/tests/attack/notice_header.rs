//! The notification endpoint: headers that are missing, empty, doubled or wrong.

use wechatpay::v3::{SIGNATURE_PROBE, Signer, signature_headers};

use crate::case::{Expect, Group, UNPROVEN};
use crate::desk::MCHID;
use crate::forge::{NONCE, signed, unsigned, value_of, with};
use crate::shop::Shop;

const HEADERS: [&str; 4] = [
    "Wechatpay-Timestamp",
    "Wechatpay-Nonce",
    "Wechatpay-Signature",
    "Wechatpay-Serial",
];
const TYPE: &str = "Wechatpay-Signature-Type";

pub(crate) fn group(shop: &Shop) -> Group {
    let mut group = Group::new("headers missing, empty, doubled or spelled otherwise");
    let control = shop.control();
    let (mchid, body) = (MCHID, shop.control_body());
    group.add("none at all", &unsigned(mchid, body.clone()), UNPROVEN);
    for host in [
        "localhost",
        "localhost:8790",
        "127.0.0.1",
        "api.mch.weixin.qq.com",
        "",
    ] {
        let request = unsigned(mchid, body.clone()).header("Host", host);
        // An empty Host is no HTTP/1.1 for some readers.
        group.add(
            format!("unsigned, Host {host:?}"),
            &request,
            Expect::Refused,
        );
    }
    for (name, value) in [
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
        ("X-Original-Host", "localhost"),
        ("Forwarded", "for=127.0.0.1;host=localhost"),
        ("User-Agent", "Mozilla/4.0"),
        (
            "Authorization",
            "WECHATPAY2-SHA256-RSA2048 mchid=\"1900000001\"",
        ),
    ] {
        let request = unsigned(mchid, body.clone()).header(name, value);
        group.add(format!("unsigned, {name}: {value}"), &request, UNPROVEN);
    }
    let bearer =
        unsigned(mchid, body).header("Authorization", format!("Bearer {}", shop.desk.api_key));
    group.add("unsigned, with the merchant's API key", &bearer, UNPROVEN);
    for name in HEADERS {
        group.add(
            format!("{name} missing"),
            &with(control.clone(), name, None),
            UNPROVEN,
        );
        for value in ["", " ", "\t", "null", "0", "undefined"] {
            let request = with(control.clone(), name, Some(value));
            group.add(format!("{name} is {value:?}"), &request, UNPROVEN);
        }
        let same = control.clone().header(name, value_of(&control, name));
        group.add(format!("{name} twice, the same"), &same, UNPROVEN);
        let other = control.clone().header(&name.to_ascii_lowercase(), "other");
        group.add(
            format!("{name} twice, the good one first"),
            &other,
            UNPROVEN,
        );
        let mut first = control.clone();
        first
            .headers
            .insert(0, (name.to_owned(), "other".to_owned()));
        group.add(format!("{name} twice, the good one last"), &first, UNPROVEN);
        let mut renamed = control.clone();
        for (other, _) in &mut renamed.headers {
            if other == name {
                *other = name.replace('-', "_");
            }
        }
        group.add(format!("{name} with underscores"), &renamed, UNPROVEN);
        let value = value_of(&control, name);
        let listed = with(control.clone(), name, Some(&format!("{value}, {value}")));
        group.add(format!("{name} as a list"), &listed, UNPROVEN);
    }
    for value in [
        "WECHATPAY2-SM2-WITH-SM3",
        "none",
        "",
        "wechatpay2-sha256-rsa2048",
        "HMAC-SHA256",
    ] {
        let request = with(control.clone(), TYPE, Some(value));
        group.add(format!("{TYPE} is {value:?}"), &request, UNPROVEN);
    }
    let twice = control.clone().header(TYPE, "WECHATPAY2-SM2-WITH-SM3");
    group.add(format!("{TYPE} twice"), &twice, UNPROVEN);
    group
}

pub(crate) fn signatures(shop: &Shop) -> Group {
    let mut group = Group::new("signatures and serials that are not WeChat's for this merchant");
    let control = shop.control();
    let (keys, others, now) = (&shop.desk.keys, &shop.desk.other_keys, shop.desk.now_unix());
    let body = shop.control_body();
    let genuine = value_of(&control, "Wechatpay-Signature");
    let merchant_serial = keys.merchant.serial_no().to_owned();
    for serial in [
        others.serial.as_str(),
        &merchant_serial,
        "PUB_KEY_ID_0000000000000000000000000000000000",
        "00000000000000000000000000000000DEADBEEF",
        "5157F09EFDC096DE15EBE81A47057A7232F1B8E1",
        "../../pub_key.pem",
        "' OR '1'='1",
        "*",
        "PUB_KEY_ID_",
        &"A".repeat(8000),
    ] {
        let request = with(control.clone(), "Wechatpay-Serial", Some(serial));
        let short: String = serial.chars().take(48).collect();
        group.add(format!("serial {short:?}"), &request, UNPROVEN);
    }
    for (name, value) in [
        ("a probe", format!("{SIGNATURE_PROBE}abcdef")),
        (
            "a probe before the genuine one",
            format!("{SIGNATURE_PROBE}{genuine}"),
        ),
        (
            "a lower-case probe",
            format!("wechatpay/signtest/{genuine}"),
        ),
        ("one character changed", flip(&genuine)),
        ("one character less", genuine[1..].to_owned()),
        ("cut in half", genuine[..genuine.len() / 2].to_owned()),
        ("doubled", format!("{genuine}{genuine}")),
        (
            "without padding",
            genuine.trim_end_matches('=').to_owned() + "A",
        ),
        (
            "url-safe",
            genuine.replace('+', "-").replace('/', "_") + "_",
        ),
        (
            "with a blank inside",
            format!("{} {}", &genuine[..20], &genuine[20..]),
        ),
        ("zeros", "A".repeat(342) + "=="),
        ("all ones", "/".repeat(342) + "=="),
        ("one byte", "AA==".to_owned()),
        ("not Base64", "not base64 at all!".to_owned()),
        ("of 6000 bytes", "QUFB".repeat(2000)),
        ("the text itself", "dGhlIHRleHQ=".to_owned()),
        ("hexadecimal", "00".repeat(256)),
    ] {
        let request = with(control.clone(), "Wechatpay-Signature", Some(&value));
        group.add(format!("signature: {name}"), &request, UNPROVEN);
    }
    for (name, text) in [
        ("another body", &b"{}"[..]),
        ("an empty body", b""),
        ("the body without its last byte", &body[..body.len() - 1]),
    ] {
        let headers = signature_headers(&keys.wechat, now, NONCE, text);
        let request = unsigned(MCHID, body.clone()).headers(&headers);
        group.add(format!("signature over {name}"), &request, UNPROVEN);
    }
    for (name, signer) in [
        ("the merchant's own key", &keys.merchant),
        ("the other merchant's own key", &others.merchant),
    ] {
        let headers = signature_headers(signer, now, NONCE, &body);
        let request = unsigned(MCHID, body.clone()).headers(&headers);
        group.add(format!("signed with {name}"), &request, UNPROVEN);
        let pretending = with(request, "Wechatpay-Serial", Some(&keys.serial));
        group.add(
            format!("signed with {name}, WeChat's serial"),
            &pretending,
            UNPROVEN,
        );
    }
    // The key is WeChat's, but not the one this serial belongs to.
    group.add(
        "signed with another key of WeChat",
        &signed(others, now, body.clone()),
        UNPROVEN,
    );
    let elsewhere = with(
        signed(keys, now, body),
        "Wechatpay-Serial",
        Some(&others.serial),
    );
    group.add(
        "the serial WeChat uses for another merchant",
        &elsewhere,
        UNPROVEN,
    );
    group
}

/// What WeChat itself signed, with a key that the server knows, after the end of that key's certificate.
pub(crate) fn expired(shop: &Shop) -> Group {
    let mut group = Group::new("a certificate of WeChat's that has expired");
    let (headers, body) = &shop.expired;
    let sent = unsigned(MCHID, body.as_bytes()).headers(headers);
    let serial = value_of(&sent, "Wechatpay-Serial");
    assert_ne!(serial, shop.desk.keys.serial);
    group.add("as it was sent", &sent, UNPROVEN);
    for (name, spelled) in [
        ("small letters", serial.to_ascii_lowercase()),
        ("zeros before it", format!("00{serial}")),
        ("a blank after it", format!("{serial} ")),
    ] {
        let request = with(sent.clone(), "Wechatpay-Serial", Some(&spelled));
        group.add(format!("its serial with {name}"), &request, UNPROVEN);
    }
    let valid = with(sent, "Wechatpay-Serial", Some(&shop.desk.keys.serial));
    group.add("its signature under a valid serial", &valid, UNPROVEN);
    let borrowed = with(shop.control(), "Wechatpay-Serial", Some(&serial));
    group.add("its serial with a valid signature", &borrowed, UNPROVEN);
    group
}

fn flip(text: &str) -> String {
    let last = if text.starts_with('A') { "B" } else { "A" };
    format!("{last}{}", &text[1..])
}
