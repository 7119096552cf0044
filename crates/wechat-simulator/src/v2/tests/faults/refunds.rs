//! How a refund ends.

use wechatpay::v2::notification::Notification;

use super::super::notices::opened;
use super::*;

/// A refund with this switch thrown.
fn refunded_with(fault: Fault) -> V2 {
    let mut v2 = V2::new(SignType::Md5);
    v2.paid(NUMBER);
    v2.shop.fault(fault);
    let refund = v2.refund(NUMBER, "R-1", 10).with("notify_url", NOTIFY_URL);
    v2.call("/secapi/pay/refund", refund);
    assert_eq!(status(&mut v2), "PROCESSING");
    v2
}

fn status(v2: &mut V2) -> String {
    let refund = Fields::new().with("out_refund_no", "R-1");
    let seen = v2.call("/pay/refundquery", refund);
    seen.get("refund_status_0").unwrap().to_owned()
}

/// What the last notification says of the refund.
fn told(v2: &V2) -> String {
    match opened(SignType::Md5, v2.shop.sent.last().unwrap()) {
        Some(Notification::RefundHint(hint)) => hint.get("refund_status").unwrap().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
pub(super) fn refund_abnormal() {
    let mut v2 = refunded_with(Fault::new(FaultKind::RefundAbnormal));
    v2.shop.pass(3_000);
    assert_eq!(status(&mut v2), "CHANGE");
    assert_eq!(told(&v2), "CHANGE");
}

#[test]
pub(super) fn refund_closed() {
    let mut v2 = refunded_with(Fault::new(FaultKind::RefundClosed));
    v2.shop.pass(3_000);
    assert_eq!(status(&mut v2), "REFUNDCLOSE");
    assert_eq!(told(&v2), "REFUNDCLOSE");
    // Its amount can be refunded again.
    let again = v2.refund(NUMBER, "R-2", 1990);
    v2.call("/secapi/pay/refund", again);
}

#[test]
pub(super) fn refund_slow() {
    let mut v2 = refunded_with(Fault::new(FaultKind::RefundSlow).delay_ms(86_400_000));
    let before = v2.shop.sent.len();
    v2.shop.pass(86_399_000);
    assert_eq!(status(&mut v2), "PROCESSING");
    v2.shop.pass(1_000);
    assert_eq!(status(&mut v2), "SUCCESS");
    assert_eq!(told(&v2), "SUCCESS");
    assert!(v2.shop.sent.len() > before);
}
