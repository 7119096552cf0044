//! What happens to a notification on its way: of a payment, which is signed, and of a refund, which is only encrypted.

use wechatpay::v2::notification::ACCEPTED;

use super::super::notices::{answer, opened};
use super::*;

/// A payment with this switch thrown, and how many attempts leave at once.
fn paid_with(fault: Fault) -> V2 {
    let mut v2 = V2::new(SignType::HmacSha256);
    v2.shop.fault(fault);
    v2.paid(NUMBER);
    v2
}

/// A refund with this switch thrown at its notification, three seconds later.
fn refunded_with(fault: Fault) -> V2 {
    let mut v2 = V2::new(SignType::HmacSha256);
    v2.paid(NUMBER);
    let payment = v2.shop.sent.remove(0);
    answer(&mut v2, &payment, 200, ACCEPTED);
    v2.shop.fault(fault.at(Operation::RefundNotification));
    let refund = v2.refund(NUMBER, "R-1", 10).with("notify_url", NOTIFY_URL);
    v2.call("/secapi/pay/refund", refund);
    v2.shop.pass(3_000);
    v2
}

/// Which of what was sent a receiver opens.
fn sound(v2: &V2) -> Vec<bool> {
    let all = v2.shop.sent.iter();
    all.map(|dispatch| opened(SignType::HmacSha256, dispatch).is_some())
        .collect()
}

/// The first attempt must be refused; the genuine one follows on the ladder.
fn first_attempt_is_flawed(kind: FaultKind) {
    for mut v2 in [paid_with(Fault::new(kind)), refunded_with(Fault::new(kind))] {
        assert_eq!(sound(&v2), [false], "{kind:?}");
        v2.shop.pass(20_000);
        assert_eq!(sound(&v2), [false, true], "{kind:?}");
        let [first, second] = [0, 1].map(|index| v2.shop.sent[index].delivery);
        assert_eq!(first, second, "another attempt, no other delivery");
    }
}

#[test]
pub(super) fn notification_lost() {
    let lost = Fault::new(FaultKind::NotificationLost);
    for mut v2 in [paid_with(lost.clone()), refunded_with(lost)] {
        assert!(sound(&v2).is_empty());
        v2.shop.pass(20_000);
        assert_eq!(sound(&v2), [true]);
    }
}

#[test]
pub(super) fn notification_delayed() {
    let delayed = Fault::new(FaultKind::NotificationDelayed).delay_ms(60_000);
    for mut v2 in [paid_with(delayed.clone()), refunded_with(delayed)] {
        v2.shop.pass(59_999);
        assert!(sound(&v2).is_empty());
        v2.shop.pass(1);
        assert_eq!(sound(&v2), [true]);
    }
}

#[test]
pub(super) fn notification_duplicated() {
    let doubled = Fault::new(FaultKind::NotificationDuplicated);
    for v2 in [paid_with(doubled.clone()), refunded_with(doubled)] {
        assert_eq!(sound(&v2), [true, true]);
    }
}

#[test]
pub(super) fn notification_forged() {
    let forged = Fault::new(FaultKind::NotificationForged);
    for v2 in [paid_with(forged.clone()), refunded_with(forged)] {
        assert_eq!(sound(&v2), [false, true]);
        let claimed = Fields::parse(&v2.shop.sent[0].body).unwrap();
        assert_eq!(claimed.get("out_trade_no"), Some(NUMBER));
        assert_eq!(claimed.get("total_fee"), Some("1990"), "the right amount");
    }
}

#[test]
pub(super) fn notification_signtest() {
    first_attempt_is_flawed(FaultKind::NotificationSigntest);
}

#[test]
pub(super) fn notification_unknown_serial() {
    first_attempt_is_flawed(FaultKind::NotificationUnknownSerial);
}

#[test]
pub(super) fn notification_tampered() {
    first_attempt_is_flawed(FaultKind::NotificationTampered);
}

/// No message of this protocol says when it was signed, so none is stale.
#[test]
pub(super) fn notification_stale() {
    let stale = Fault::new(FaultKind::NotificationStale);
    for v2 in [paid_with(stale.clone()), refunded_with(stale)] {
        assert_eq!(sound(&v2), [true]);
        assert!(v2.shop.wechat.findings().is_empty());
    }
}

#[test]
pub(super) fn notification_reordered() {
    let mut v2 = paid_with(Fault::new(FaultKind::NotificationReordered));
    assert!(sound(&v2).is_empty());
    v2.paid("ORDER-000002");
    let told: Vec<String> = v2
        .shop
        .sent
        .iter()
        .map(|dispatch| {
            let fields = Fields::parse(&dispatch.body).unwrap();
            fields.get("out_trade_no").unwrap().to_owned()
        })
        .collect();
    assert_eq!(told, ["ORDER-000002", NUMBER]);
    let mut alone = refunded_with(Fault::new(FaultKind::NotificationReordered));
    assert!(sound(&alone).is_empty());
    alone.shop.pass(60_000);
    assert_eq!(sound(&alone), [true], "nothing overtook it for a minute");
}
