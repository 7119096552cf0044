use super::*;
use crate::bridge::BridgePayment;
use crate::v3::{AppPayment, RequestPayment, VerifyingKey};
use crate::vectors::*;

fn signed(method: &str, target: &str, body: &str) -> String {
    let text = text_to_sign(method, target, A_TIMESTAMP, A_NONCE, body.as_bytes());
    a_signer(A_SERIAL).sign(&text)
}

#[test]
fn requests_are_signed_as_published() {
    let order = "/v3/pay/transactions/out-trade-no/1217752501201407033233368018";
    let a2_body = A1_BODY.replace("1900007291", "1230000109");
    let meta = r#"{"filename":"file_test.mp4","sha256":"993a327368cc9a443f6d9a11d146da9e9ba2d561a8ef1e9190d119b2b1a002e0"}"#;
    let cases = [
        (
            "A1",
            "POST",
            "/v3/pay/transactions/jsapi".to_owned(),
            A1_BODY,
            A1,
        ),
        (
            "A2",
            "POST",
            "/v3/pay/transactions/jsapi".to_owned(),
            &a2_body,
            A2,
        ),
        (
            "A5",
            "GET",
            "/v3/refund/domestic/refunds/123123123123".to_owned(),
            "",
            A5,
        ),
        ("A6", "GET", format!("{order}?mchid=1900007291"), "", A6),
        (
            "A7",
            "POST",
            format!("{order}/close"),
            r#"{"mchid":"1900007291"}"#,
            A7,
        ),
        (
            "A8",
            "GET",
            "/v3/pay/transactions/out-trade-no/A%7CB*1_2-3?mchid=1900007291".to_owned(),
            "",
            A8,
        ),
        (
            "A9",
            "POST",
            "/v3/fund-app/mch-transfer/transfer-bills/out-bill-no/plfk2020042013/cancel".to_owned(),
            "",
            A9,
        ),
        (
            "A10",
            "POST",
            "/v3/merchant/media/video_upload".to_owned(),
            meta,
            A10,
        ),
    ];
    for (name, method, target, body, published) in cases {
        assert_eq!(signed(method, &target, body), published, "{name}");
    }
}

#[test]
fn one_changed_octet_is_another_signature() {
    assert_ne!(
        signed(
            "POST",
            "/v3/pay/transactions/jsapi",
            &format!("{A1_BODY}\n")
        ),
        A1
    );
    assert_ne!(signed("GET", "/v3/pay/transactions/jsapi", A1_BODY), A1);
    assert_ne!(signed("POST", "/v3/pay/transactions/jsapi?", A1_BODY), A1);
}

#[test]
fn texts_end_in_a_line_feed_even_without_a_body() {
    assert_eq!(
        text_to_sign("GET", "/v3/refund/domestic/refunds/123123123123", A_TIMESTAMP, A_NONCE, b""),
        b"GET\n/v3/refund/domestic/refunds/123123123123\n1554208460\n593BEC0C930BF1AFEB40B4A08C8FB242\n\n"
    );
    assert_eq!(text_to_verify("1", "n", b"\n"), b"1\nn\n\n\n");
}

#[test]
fn authorization_of_a1_is_as_published() {
    let header = authorization(
        A_MCHID,
        &a_signer(A_SERIAL),
        "POST",
        "/v3/pay/transactions/jsapi",
        A1_BODY.as_bytes(),
        A_TIMESTAMP,
        A_NONCE,
    );
    assert_eq!(
        header,
        format!(
            "WECHATPAY2-SHA256-RSA2048 mchid=\"1900007291\",nonce_str=\"{A_NONCE}\",signature=\"{A1}\",timestamp=\"1554208460\",serial_no=\"{A_SERIAL}\""
        )
    );
}

#[test]
fn a3_request_payment_is_as_published_and_all_texts() {
    let payment = RequestPayment::sign(
        &a_signer(A_SERIAL),
        "wx2421b1c4370ec43b",
        "wx201410272009395522657a690389285100",
        A_TIMESTAMP,
        A_NONCE,
    );
    assert_eq!(payment.pay_sign, A3);
    assert_eq!(
        serde_json::to_value(&payment).unwrap(),
        serde_json::json!({
            "timeStamp": "1554208460",
            "nonceStr": A_NONCE,
            "package": "prepay_id=wx201410272009395522657a690389285100",
            "signType": "RSA",
            "paySign": A3,
        })
    );
}

#[test]
fn a_page_inside_wechat_gets_the_app_and_the_same_five() {
    let appid = "wx2421b1c4370ec43b";
    let prepay_id = "wx201410272009395522657a690389285100";
    let five = RequestPayment::sign(&a_signer(A_SERIAL), appid, prepay_id, A_TIMESTAMP, A_NONCE);
    let bridge = BridgePayment::new(appid, five);
    let json = serde_json::to_value(&bridge).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "appId": "wx2421b1c4370ec43b",
            "timeStamp": "1554208460",
            "nonceStr": A_NONCE,
            "package": "prepay_id=wx201410272009395522657a690389285100",
            "signType": "RSA",
            "paySign": A3,
        })
    );
    assert_eq!(bridge, serde_json::from_value(json).unwrap());
}

#[test]
fn a4_an_app_signs_the_bare_prepay_id() {
    let payment = AppPayment::sign(
        &a_signer(A_SERIAL),
        "wx2421b1c4370ec43b",
        A_MCHID,
        "wx201410272009395522657a690389285100",
        A_TIMESTAMP,
        A_NONCE,
    );
    assert_eq!(
        serde_json::to_value(&payment).unwrap(),
        serde_json::json!({
            "appid": "wx2421b1c4370ec43b",
            "partnerid": "1900007291",
            "prepayid": "wx201410272009395522657a690389285100",
            "package": "Sign=WXPay",
            "noncestr": A_NONCE,
            "timestamp": "1554208460",
            "sign": A4,
        })
    );
    let text = AppPayment::text_to_sign(
        &payment.appid,
        &payment.timestamp,
        &payment.nonce_str,
        &payment.prepay_id,
    );
    assert!(VerifyingKey::verify(&a_public(), &text, A4));
    assert!(!VerifyingKey::verify(&a_public(), &text, A3));
}
