use serde_json::{Value, json};

use crate::testing::*;
use crate::*;

const JSAPI: &str = "/v3/pay/transactions/jsapi";

fn order(shop: &mut Shop) -> WireRequest {
    let body = shop.order_body("ORDER-000001").to_string();
    shop.signed("POST", JSAPI, &body)
}

fn exists(shop: &Shop) -> bool {
    shop.wechat.order(MCHID, "ORDER-000001").is_some()
}

#[test]
fn each_fault_has_its_effect_or_none() {
    for (kind, status, effect) in [
        (FaultKind::RequestLost, None, false),
        (FaultKind::ConnectionReset, None, false),
        (FaultKind::AnswerLost, None, true),
        (FaultKind::ConnectionResetAfter, None, true),
        (FaultKind::RateLimited, Some(429), false),
        (FaultKind::SystemError, Some(500), false),
        (FaultKind::SystemErrorAfter, Some(500), true),
        (FaultKind::ServiceUnavailable, Some(503), false),
        (FaultKind::Error, Some(400), false),
        (FaultKind::WrongResponseSignature, Some(200), true),
        (FaultKind::UnsignedResponse, Some(200), true),
        (FaultKind::TruncatedBody, Some(200), true),
    ] {
        let mut shop = Shop::new();
        shop.fault(
            Fault::new(kind)
                .at(Operation::Prepay)
                .of_order("ORDER-000001"),
        );
        let request = order(&mut shop);
        let answer = shop.raw(request);
        assert_eq!(answer.map(|answer| answer.status), status, "{kind:?}");
        assert_eq!(exists(&shop), effect, "{kind:?}");
        shop.prepay("ORDER-000001");
    }
}

#[test]
fn a_slow_answer_is_held_back() {
    let mut shop = Shop::new();
    shop.fault(Fault::new(FaultKind::SlowAnswer).delay_ms(6_000));
    let request = order(&mut shop);
    match shop.step(Input::Request(request)) {
        Some(Output::Answer { after_ms, .. }) => assert_eq!(after_ms, 6_000),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_rate_limit_may_name_the_time_to_wait() {
    let mut shop = Shop::new();
    shop.fault(Fault::new(FaultKind::RateLimited));
    shop.fault(Fault::new(FaultKind::RateLimited).delay_ms(1_500));
    let request = order(&mut shop);
    let without = shop.raw(request.clone()).unwrap();
    assert_eq!(without.header("Retry-After"), None);
    let with = shop.raw(request).unwrap();
    assert_eq!(with.header("Retry-After"), Some("2"));
}

#[test]
fn errors_are_signed_unless_the_switch_says_otherwise() {
    for errors_are_signed in [true, false] {
        let mut shop = Shop::with(Assumptions {
            errors_are_signed,
            ..Assumptions::default()
        });
        let target = format!("/v3/pay/transactions/out-trade-no/ORDER-000001?mchid={MCHID}");
        let request = shop.signed("GET", &target, "");
        let answer = shop.raw(request).unwrap();
        assert_eq!(answer.status, 404);
        let signed = answer.header("Wechatpay-Signature").is_some();
        assert_eq!(signed, errors_are_signed);
        assert!(answer.request_id().unwrap().ends_with("-268512771"));
    }
}

#[test]
fn an_empty_answer_is_signed_over_nothing() {
    let mut shop = Shop::new();
    shop.prepay("ORDER-000001");
    let body = json!({ "mchid": MCHID }).to_string();
    let target = "/v3/pay/transactions/out-trade-no/ORDER-000001/close";
    let request = shop.signed("POST", target, &body);
    let answer = shop.raw(request).unwrap();
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    let now = shop.now_ms / 1000;
    assert!(shop.keys.verify(&answer.headers, b"", now).is_ok());
}

#[test]
fn unknown_paths_and_methods_are_answered_like_wechat() {
    let mut shop = Shop::new();
    let request = shop.signed("GET", "/v3/nothing", "");
    let answer = shop.raw(request).unwrap();
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, &body["code"]), (404, &json!("NOT_FOUND")));
    let request = shop.signed("GET", JSAPI, "");
    assert_eq!(shop.raw(request).unwrap().status, 405);
}

#[test]
fn a_key_switch_in_mid_traffic_changes_the_serial() {
    let mut shop = Shop::new();
    let certificate = PlatformCertificate {
        key: platform_key("CERTIFICATE-1"),
        pem: String::new(),
        effective_ms: 0,
        expire_ms: i64::MAX,
    };
    shop.control(Command::AddCertificate {
        mchid: MCHID.to_owned(),
        certificate: Box::new(certificate),
    });
    shop.fault(Fault::new(FaultKind::KeySwitch).at(Operation::Query));
    shop.prepay("ORDER-000001");
    let target = format!("/v3/pay/transactions/out-trade-no/ORDER-000001?mchid={MCHID}");
    let request = shop.signed("GET", &target, "");
    let answer = shop.raw(request).unwrap();
    assert_eq!(answer.header("Wechatpay-Serial"), Some("CERTIFICATE-1"));
}

#[test]
fn headers_of_old_rules_can_be_required() {
    let mut shop = Shop::with(Assumptions {
        require_client_headers: true,
        refuse_unknown_serial: true,
        ..Assumptions::default()
    });
    let mut request = order(&mut shop);
    assert_eq!(shop.raw(request.clone()).unwrap().status, 400);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    request.headers.push(pair("user-agent", "test"));
    request.headers.push(pair("accept", "application/json"));
    assert_eq!(shop.raw(request.clone()).unwrap().status, 200);
    request.headers[1].1 = "PUB_KEY_ID_9".to_owned();
    assert_eq!(shop.raw(request).unwrap().status, 400);
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let story = || {
        let mut shop = Shop::new();
        shop.fault(Fault::new(FaultKind::NotificationDuplicated));
        shop.paid("ORDER-000001");
        shop.pass(60_000);
        let sent: Vec<String> = shop.sent.iter().map(|sent| format!("{sent:?}")).collect();
        let log: Vec<String> = shop
            .wechat
            .log_after(0)
            .map(|entry| format!("{entry:?}"))
            .collect();
        (sent, log)
    };
    assert_eq!(story(), story());
}
