//! The notification endpoint: signing times outside the window, and nonces that were not signed.

use wechatpay::v3::{SIGNATURE_TYPE, Signer, text_to_verify};

use crate::case::{Expect, Group, UNPROVEN};
use crate::desk::MCHID;
use crate::forge::{NONCE, signed, unsigned, with};
use crate::shop::Shop;
use crate::wire::Request;

/// Signed by WeChat over exactly this time and nonce, whatever they are.
fn signed_over(shop: &Shop, timestamp: &str, nonce: &str) -> Request {
    let (keys, body) = (&shop.desk.keys, shop.control_body());
    let signature = keys.wechat.sign(&text_to_verify(timestamp, nonce, &body));
    unsigned(MCHID, body)
        .header("Wechatpay-Timestamp", timestamp)
        .header("Wechatpay-Nonce", nonce)
        .header("Wechatpay-Signature", signature)
        .header("Wechatpay-Serial", keys.serial.clone())
        .header("Wechatpay-Signature-Type", SIGNATURE_TYPE)
}

pub(crate) fn times(shop: &Shop) -> Group {
    let mut group = Group::new("genuine signatures of the wrong time, and times that are none");
    let now = shop.desk.now_unix();
    for off in [
        -300, -301, -302, -600, -3_600, -86_400, 300, 301, 302, 600, 3_600, 86_400, 31_536_000,
    ] {
        let request = signed(&shop.desk.keys, now + off, shop.control_body());
        group.add(format!("{off} s from now"), &request, UNPROVEN);
    }
    for text in [
        "0".to_owned(),
        "-1".to_owned(),
        format!("-{now}"),
        format!("+{now}"),
        format!("{now}.0"),
        format!("{now}000"),
        format!("0x{now:x}"),
        format!("{now}e0"),
        format!("{now};"),
        format!("{now} {now}"),
        "9223372036854775807".to_owned(),
        "9223372036854775808".to_owned(),
        "-9223372036854775808".to_owned(),
        "99999999999999999999999999".to_owned(),
        "NaN".to_owned(),
        "Infinity".to_owned(),
        "now".to_owned(),
        "2026-01-05T12:03:05+08:00".to_owned(),
        "\u{ff11}\u{ff17}".to_owned(),
    ] {
        let request = signed_over(shop, &text, NONCE);
        group.add(format!("time {text:?}"), &request, UNPROVEN);
    }
    // An old genuine message with a fresh time, and the other way round.
    let old = signed(&shop.desk.keys, now - 301, shop.control_body());
    let fresh = with(old, "Wechatpay-Timestamp", Some(&now.to_string()));
    group.add("an old one with a fresh time", &fresh, UNPROVEN);
    let moved = with(
        shop.control(),
        "Wechatpay-Timestamp",
        Some(&(now - 1).to_string()),
    );
    group.add("one second less than was signed", &moved, UNPROVEN);
    group
}

pub(crate) fn nonces(shop: &Shop) -> Group {
    let mut group = Group::new("nonces of 0 to 64 bytes with the signature of another nonce");
    for length in 0..=64 {
        let nonce: String = "0123456789abcdef".chars().cycle().take(length).collect();
        let request = with(shop.control(), "Wechatpay-Nonce", Some(&nonce));
        group.add(format!("{length} bytes"), &request, UNPROVEN);
    }
    for (name, nonce) in [
        ("a line break as text", "a\\nb".to_owned()),
        ("the nonce and more", format!("{NONCE}0")),
        ("the nonce in capitals", NONCE.to_ascii_uppercase()),
        ("letters that are not ASCII", "\u{8336}".repeat(10)),
        ("6000 bytes", "n".repeat(6000)),
    ] {
        let request = with(shop.control(), "Wechatpay-Nonce", Some(&nonce));
        group.add(name, &request, UNPROVEN);
    }
    // The three lines that are signed must not be movable: what belongs to the body cannot become the nonce.
    let body = shop.control_body();
    let now = shop.desk.now_unix().to_string();
    let text = text_to_verify(&now, NONCE, &body);
    let shifted = [NONCE.as_bytes(), b"\n", &body].concat();
    let signature = shop.desk.keys.wechat.sign(&text);
    let request = unsigned(MCHID, shifted)
        .header("Wechatpay-Timestamp", now)
        .header("Wechatpay-Nonce", "")
        .header("Wechatpay-Signature", signature)
        .header("Wechatpay-Serial", shop.desk.keys.serial.clone());
    group.add("the nonce moved into the body", &request, Expect::Refused);
    group
}
