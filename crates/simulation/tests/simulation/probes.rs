//! Marks: the rare things do happen in the seeds, so their absence from the failures means something.

use std::sync::Arc;

use simulation::{Keep, Product, Seed, run};

const SIZE: usize = 1024;
const BUDGET: u64 = 300;

/// What some line of some trace must say. All words of a mark must be in one line.
const MARKS: [&[&str]; 57] = [
    &["taps pay"],
    &["told: prepay_id="],
    &["told: it is paid"],
    &["told: refused"],
    &["told: try again"],
    &["told: not found"],
    &["Pay: SUCCESS"],
    &["PayAndVanish: SUCCESS"],
    &["Cancel: NOTPAY"],
    &["WrongPassword: NOTPAY"],
    &["该订单已支付"],
    &["该订单已关闭"],
    &["merchant is told", "closed"],
    &["merchant is told", "paid"],
    &["merchant is told", "closing"],
    &["merchant is told", "idempotency_key_reused"],
    &["phone is told", "paid"],
    &["place", "NotSent"],
    &["place", "RequestLost"],
    &["place", "RequestLate"],
    &["place", "AnswerLost"],
    &["query", "AnswerLate"],
    &["close", "ServerErrorBefore"],
    &["close", "ServerErrorAfter"],
    &["RateLimited"],
    &["Truncated"],
    &["query", "Altered"],
    &["WrongSignature"],
    &["NotificationLost"],
    &["NotificationLate"],
    &["NotificationDoubled"],
    &["notification (Genuine) answered 204"],
    &["notification (Genuine) answered 401"],
    &["notification (Replayed) answered 204"],
    &["notification (Forged) answered 401"],
    &["notification (Probe) answered 401"],
    &["notification (Stale) answered 401"],
    &["crash before commit"],
    &["crash after commit"],
    &["database unavailable"],
    &["configured before: false"],
    &["notification (Genuine) answered 200"],
    &["merchant asks for payment", "(jsapi)"],
    &["merchant asks for payment", "(native)"],
    &["merchant asks for payment", "(app)"],
    &["merchant asks for payment", "(h5)"],
    &["merchant asks for payment", "(code)"],
    &["told: weixin://wxpay/bizpayurl"],
    &["told: https://wx.tenpay.com/"],
    &["支付者与下单者不一致"],
    &["types the password"],
    &["refuses to pay"],
    &["till is told", "paid"],
    &["till is told", "paying"],
    &["till is told", "code_refused"],
    &["charge", "Lost"],
    &["reverse", "Lost"],
];

/// Rarer ones: a foreign notification that can be read, and one that cannot.
const FOREIGN: [&str; 2] = [
    "notification (Foreign) answered 422",
    "notification (Foreign) answered 400",
];

#[test]
fn everything_that_can_go_wrong_does() {
    let mut left: Vec<Vec<&str>> = MARKS.iter().map(|mark| mark.to_vec()).collect();
    left.extend(FOREIGN.iter().map(|mark| vec![*mark]));
    for seed in 0..BUDGET {
        let report = run(Seed { seed, size: SIZE }, Arc::new(Product), Keep::Lines);
        for line in report.trace.lines() {
            left.retain(|mark| !mark.iter().all(|word| line.contains(word)));
        }
        if left.is_empty() {
            return;
        }
    }
    panic!("never happened in {BUDGET} seeds: {left:?}");
}
