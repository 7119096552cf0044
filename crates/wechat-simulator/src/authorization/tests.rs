use serde_json::{Value, json};
use wechatpay::v3::authorization;

use crate::testing::*;
use crate::*;

const TARGET: &str = "/v3/certificates";

/// Sends a request whose header was changed; status, and what WeChat says is wrong.
fn refused(shop: &mut Shop, change: impl FnOnce(&mut WireRequest)) -> (u16, Value) {
    let mut request = shop.signed("GET", TARGET, "");
    change(&mut request);
    let answer = shop.raw(request).unwrap();
    if answer.status == 401 {
        assert_eq!(
            answer.header("Wechatpay-Signature"),
            None,
            "not proven, not signed"
        );
        assert!(answer.request_id().unwrap().ends_with("-268443699"));
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    (answer.status, body)
}

fn header(request: &mut WireRequest, change: impl FnOnce(&str) -> String) {
    let value = &mut request.headers[0].1;
    *value = change(value);
}

fn check(change: impl FnOnce(&mut WireRequest), field: &str) {
    let mut shop = Shop::new();
    let (status, body) = refused(&mut shop, change);
    let got = (status, &body["code"], &body["detail"]["field"]);
    assert_eq!(got, (401, &json!("SIGN_ERROR"), &json!(field)), "{body}");
}

#[test]
fn unreadable_headers_are_refused_unsigned() {
    check(|request| drop(request.headers.remove(0)), "authorization");
    for (from, to) in [
        ("WECHATPAY2-SHA256-RSA2048", "WECHATPAY2-SM2-WITH-SM3"),
        ("WECHATPAY2-SHA256-RSA2048 ", "WECHATPAY2-SHA256-RSA2048"),
        ("mchid=", "mch_id="),
        ("\",nonce_str", "\", nonce_str"),
        ("mchid=\"1900000001\",", ""),
        (
            "mchid=\"1900000001\"",
            "mchid=\"1900000001\",mchid=\"1900000001\"",
        ),
        ("mchid=\"1900000001\"", "mchid=\"\""),
        ("mchid=\"1900000001\"", "mchid=1900000001"),
    ] {
        check(
            |request| {
                header(request, |value| {
                    assert!(value.contains(from));
                    value.replacen(from, to, 1)
                });
            },
            "authorization",
        );
    }
}

#[test]
fn parameters_may_come_in_any_order() {
    let mut shop = Shop::new();
    let mut request = shop.signed("GET", TARGET, "");
    header(&mut request, |value| {
        let (scheme, rest) = value.split_once(' ').unwrap();
        let mut pairs: Vec<&str> = rest.split(',').collect();
        pairs.reverse();
        format!("{scheme} {}", pairs.join(","))
    });
    // Public-key mode has no certificates: 404 proves that the sender was accepted.
    assert_eq!(shop.raw(request).unwrap().status, 404);
}

/// A request signed at another time than now.
fn signed_at(shop: &mut Shop, offset: i64) -> u16 {
    let timestamp = shop.now_ms / 1000 + offset;
    let signer = CheapKey::new(MERCHANT_SERIAL);
    let value = authorization(MCHID, &signer, "GET", TARGET, b"", timestamp, "n");
    refused(shop, |request| header(request, |_| value)).0
}

#[test]
fn a_request_may_be_almost_five_minutes_off() {
    let mut shop = Shop::new();
    assert_eq!(signed_at(&mut shop, -299), 404);
    assert_eq!(signed_at(&mut shop, 299), 404);
    assert_eq!(signed_at(&mut shop, -300), 401);
    assert_eq!(signed_at(&mut shop, 300), 401);
    let mut inclusive = Shop::with(Assumptions {
        clock_window_inclusive: true,
        ..Assumptions::default()
    });
    assert_eq!(signed_at(&mut inclusive, -300), 404);
    assert_eq!(signed_at(&mut inclusive, -301), 401);
    check(
        |request| {
            header(request, |value| {
                value.replace("timestamp=\"", "timestamp=\"0")
            })
        },
        "timestamp",
    );
}

#[test]
fn the_certificate_must_be_known_belong_to_the_merchant_and_not_be_replaced() {
    check(
        |request| header(request, |value| value.replace(MERCHANT_SERIAL, "ABCD")),
        "serial_no",
    );
    check(
        |request| header(request, |value| value.replace(MCHID, "1900000002")),
        "serial_no",
    );
    let mut shop = Shop::new();
    shop.control(Command::ReplaceMerchantCertificate {
        mchid: MCHID.to_owned(),
        serial_no: MERCHANT_SERIAL.to_owned(),
    });
    let (status, body) = refused(&mut shop, |_| {});
    assert_eq!(status, 401);
    assert!(body["message"].as_str().unwrap().contains("已更换"));
}

#[test]
fn a_serial_number_in_small_letters_is_the_same_number_unless_the_switch_says_otherwise() {
    let small = |request: &mut WireRequest| {
        header(request, |value| {
            assert!(value.contains(MERCHANT_SERIAL));
            value.replace(MERCHANT_SERIAL, &MERCHANT_SERIAL.to_ascii_lowercase())
        });
    };
    let mut shop = Shop::new();
    let body = shop.order_body("ORDER-000001").to_string();
    let mut request = shop.signed("POST", "/v3/pay/transactions/jsapi", &body);
    small(&mut request);
    let placed = shop.raw(request).unwrap();
    assert_eq!(placed.status, 200);
    // The pay parameters are signed with the same certificate: it is found again.
    let placed: Value = serde_json::from_slice(&placed.body).unwrap();
    let prepay_id = placed["prepay_id"].as_str().unwrap();
    let serial_no = &shop.wechat.book.prepays[prepay_id].serial_no;
    assert_eq!(serial_no, MERCHANT_SERIAL);

    let mut strict = Shop::with(Assumptions {
        serial_no_any_case: false,
        ..Assumptions::default()
    });
    let (status, body) = refused(&mut strict, small);
    assert_eq!(
        (status, &body["detail"]["field"]),
        (401, &json!("serial_no"))
    );
}

#[test]
fn a_wrong_signature_shows_what_wechat_signed() {
    let mut shop = Shop::new();
    let mut request = shop.signed("POST", "/v3/pay/transactions/jsapi", "{\"amount\":{}}");
    request.body.push(b' ');
    let answer = shop.raw(request).unwrap();
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["message"], "错误的签名，验签失败");
    let text = "POST\n/v3/pay/transactions/jsapi\n1767585600\nnonce1\n{\"amount\n";
    let expected = json!({
        "method": "POST", "url": "/v3/pay/transactions/jsapi", "truncated_sign_message": text,
        "sign_message_length": text.len() - 8 + 14,
    });
    assert_eq!(body["detail"]["sign_information"], expected);
    assert_eq!(body["detail"]["issue"], "sign not match");

    let mut nested = Shop::with(Assumptions {
        sign_error_nested: true,
        ..Assumptions::default()
    });
    let (_, body) = refused(&mut nested, |request| request.target.push_str("?x=1"));
    assert_eq!(body["detail"]["detail"]["issue"], "sign not match");
}

#[test]
fn replays_are_taken_unless_the_switch_refuses_them() {
    for refuse_nonce_replay in [false, true] {
        let mut shop = Shop::with(Assumptions {
            refuse_nonce_replay,
            ..Assumptions::default()
        });
        let request = shop.signed("GET", TARGET, "");
        assert_eq!(shop.raw(request.clone()).unwrap().status, 404);
        let again = shop.raw(request).unwrap().status;
        assert_eq!(again, if refuse_nonce_replay { 401 } else { 404 });
    }
}

#[test]
fn every_check_is_in_the_log() {
    let mut shop = Shop::new();
    let request = shop.signed("GET", TARGET, "");
    shop.raw(request);
    let entry = shop.wechat.log_after(0).last().unwrap();
    let names: Vec<&str> = entry.checks.iter().map(|check| check.check).collect();
    assert_eq!(
        names,
        [
            "timestamp",
            "serial_no",
            "signature",
            "wechatpay_serial",
            "answer_signature"
        ]
    );
    let signed = entry.checks[2].signed_text.as_deref().unwrap();
    assert!(signed.starts_with("GET\n/v3/certificates\n") && signed.ends_with("\n\n"));
    assert!(entry.request.as_ref().unwrap().headers[0].1.contains(MCHID));
}
