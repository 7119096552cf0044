//! What happens to a request, and what is answered instead of doing it.

use super::*;

/// Sends an order, with this switch thrown for orders, by either sign type. Whatever happened to it, a second try under the same
/// number succeeds. Returns the first answer's `err_code`, if there was an answer, and whether the order was taken.
fn order_with(fault: Fault) -> (Option<String>, bool) {
    let mut seen = BTreeSet::new();
    for sign_type in BOTH {
        let mut v2 = V2::new(sign_type);
        v2.shop
            .fault(fault.clone().at(Operation::Prepay).of_order(NUMBER));
        let order = v2.order(NUMBER);
        let body = v2.signed(order).to_xml();
        let code = v2.post("/pay/unifiedorder", body).map(|answer| {
            assert_eq!(answer.status, fault.status.unwrap_or(200));
            let fields = Fields::parse(&answer.body).unwrap();
            assert!(fields.is_signed(sign_type, &key()), "errors are signed");
            assert_eq!(fields.get("result_code"), Some("FAIL"));
            fields.get("err_code").unwrap().to_owned()
        });
        let taken = v2.exists();
        v2.prepay(NUMBER);
        seen.insert((code, taken));
    }
    assert_eq!(seen.len(), 1, "the sign type makes no difference: {seen:?}");
    seen.pop_first().unwrap()
}

#[test]
pub(super) fn request_lost() {
    let fault = Fault::new(FaultKind::RequestLost);
    assert_eq!(order_with(fault), (None, false));
    let silent = ending(FaultKind::RequestLost);
    assert_eq!(silent, (20_000, false));
}

#[test]
pub(super) fn answer_lost() {
    let fault = Fault::new(FaultKind::AnswerLost);
    assert_eq!(order_with(fault), (None, true));
    assert_eq!(ending(FaultKind::AnswerLost), (20_000, false));
}

#[test]
pub(super) fn connection_reset() {
    let fault = Fault::new(FaultKind::ConnectionReset);
    assert_eq!(order_with(fault), (None, false));
    assert!(ending(FaultKind::ConnectionReset).1);
}

#[test]
pub(super) fn connection_reset_after() {
    let fault = Fault::new(FaultKind::ConnectionResetAfter);
    assert_eq!(order_with(fault), (None, true));
    assert!(ending(FaultKind::ConnectionResetAfter).1);
}

/// How the connection of a query ends: after how long, and whether by a reset.
fn ending(kind: FaultKind) -> (i64, bool) {
    let mut v2 = V2::new(SignType::Md5);
    v2.shop.fault(Fault::new(kind).delay_ms(20_000));
    let body = v2.signed(by_number()).to_xml();
    let request = WireRequest {
        method: "POST".to_owned(),
        target: "/pay/orderquery".to_owned(),
        headers: Vec::new(),
        body: body.into_bytes(),
        connection: Connection::Plain,
    };
    match v2.shop.step(Input::Request(request)) {
        Some(Output::NoAnswer { after_ms, reset }) => (after_ms, reset),
        other => panic!("{other:?}"),
    }
}

#[test]
pub(super) fn rate_limited() {
    let fault = Fault::new(FaultKind::RateLimited);
    let limited = Some("FREQUENCY_LIMITED".to_owned());
    assert_eq!(order_with(fault), (limited, false));
}

#[test]
pub(super) fn system_error() {
    let fault = Fault::new(FaultKind::SystemError);
    let system_error = Some("SYSTEMERROR".to_owned());
    assert_eq!(order_with(fault), (system_error, false));
}

#[test]
pub(super) fn system_error_after() {
    let fault = Fault::new(FaultKind::SystemErrorAfter);
    let system_error = Some("SYSTEMERROR".to_owned());
    assert_eq!(order_with(fault), (system_error, true));
}

#[test]
pub(super) fn service_unavailable() {
    let mut v2 = V2::new(SignType::Md5);
    v2.shop.fault(Fault::new(FaultKind::ServiceUnavailable));
    let order = v2.order(NUMBER);
    let body = v2.signed(order).to_xml();
    let answer = v2.post("/pay/unifiedorder", body).unwrap();
    assert_eq!(answer.status, 503);
    assert!(answer.body.starts_with(b"<html>"), "from a gateway");
    assert!(!v2.exists());
}

#[test]
pub(super) fn error() {
    let usual = order_with(Fault::new(FaultKind::Error));
    assert_eq!(usual, (Some("INVALID_REQUEST".to_owned()), false));
    let chosen = order_with(Fault {
        code: Some("NOAUTH".to_owned()),
        message: Some("商户无此接口权限".to_owned()),
        status: Some(403),
        ..Fault::new(FaultKind::Error)
    });
    assert_eq!(chosen, (Some("NOAUTH".to_owned()), false));
}

/// Each call of this protocol under its operation's name: what is refused is not done.
#[test]
fn every_call_has_its_switch() {
    let mut v2 = V2::new(SignType::Md5);
    v2.paid(NUMBER);
    let refund = v2.refund(NUMBER, "R-1", 10);
    let code = Fields::new().with("auth_code", "134567890123456789");
    for (operation, path, fields) in [
        (Operation::Prepay, "/pay/unifiedorder", v2.order("ORDER-2")),
        (Operation::Query, "/pay/orderquery", by_number()),
        (Operation::Close, "/pay/closeorder", by_number()),
        (Operation::Refund, "/secapi/pay/refund", refund),
        (Operation::RefundQuery, "/pay/refundquery", by_number()),
        (Operation::Micropay, "/pay/micropay", code.clone()),
        (Operation::Reverse, "/secapi/pay/reverse", by_number()),
    ] {
        v2.shop
            .fault(Fault::new(FaultKind::SystemError).at(operation));
        assert_eq!(v2.refused(path, fields), "SYSTEMERROR", "{path}");
    }
    // This one never says why in words.
    v2.shop
        .fault(Fault::new(FaultKind::SystemError).at(Operation::AuthCodeToOpenid));
    let answer = v2.call("/tools/authcodetoopenid", code);
    assert_eq!(answer.get("err_code"), Some("SYSTEMERROR"));
    assert_eq!(answer.get("err_code_des"), None);
    let order = v2.shop.wechat.order(MCHID, NUMBER).unwrap();
    assert_eq!(order.trade_state(), "SUCCESS");
    assert!(v2.shop.wechat.order(MCHID, "ORDER-2").is_none());
    assert_eq!(v2.shop.wechat.refunds().count(), 0);
    for (operation, path) in [
        (Operation::Bill, "/pay/downloadbill"),
        (Operation::Report, "/payitil/report"),
    ] {
        v2.shop
            .fault(Fault::new(FaultKind::SystemError).at(operation));
        let answer = v2.answer(path, by_number());
        assert_eq!(answer.get("return_code"), Some("FAIL"), "{path}");
        assert_eq!(answer.get("sign"), None, "{path} is never signed");
    }
}
