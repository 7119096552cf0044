//! S1: never more money back than came in, in WeChat's books and in ours.

use std::collections::BTreeMap;

use fen::Fen;
use shouyin_core::payment::{Attempt, AttemptState, Payment};
use shouyin_core::refund::{Refund, RefundOrigin, RefundState};
use wechat_simulator::{RefundState as WechatState, Wechat};

use super::Violation;

fn broken(payment: &Payment, what: impl std::fmt::Display) -> Violation {
    Violation::new("S1", format!("{}: {what}", payment.id))
}

/// Written out once more instead of asked of the product.
pub(super) fn holds(refund: &Refund) -> bool {
    match refund.state {
        RefundState::Recorded
        | RefundState::Processing
        | RefundState::Abnormal
        | RefundState::Succeeded { .. } => true,
        RefundState::Closed { .. } | RefundState::Rejected { .. } => false,
    }
}

fn sum<'a>(refunds: impl Iterator<Item = &'a Refund>) -> Fen {
    Fen::checked_sum(refunds.map(|refund| refund.amount)).unwrap_or(Fen::ZERO)
}

/// All of it for one payment. `before` is what it was at its last commit.
pub(super) fn check(
    before: Option<&Payment>,
    payment: &Payment,
    wechat: &Wechat,
) -> Result<(), Violation> {
    let mut by_number: BTreeMap<&str, u32> = BTreeMap::new();
    for refund in &payment.refunds {
        let Some(attempt) = payment.attempt(&refund.out_trade_no) else {
            return Err(broken(payment, "a refund of an attempt that is not there"));
        };
        if !matches!(attempt.state, AttemptState::Paid { .. }) {
            let what = format!("refund {} of an unpaid attempt", refund.out_refund_no);
            return Err(broken(payment, what));
        }
        if let Some(number) = &refund.refund_no {
            let times = by_number.entry(number.as_str()).or_default();
            *times += 1;
            if *times > 1 {
                return Err(broken(payment, format!("refund_no {number} twice")));
            }
        }
        agrees(payment, refund, wechat)?;
    }
    for attempt in &payment.attempts {
        sums(before, payment, attempt, wechat)?;
    }
    Ok(())
}

/// One refund in both books.
fn agrees(payment: &Payment, refund: &Refund, wechat: &Wechat) -> Result<(), Violation> {
    let number = &refund.out_refund_no;
    let there = wechat.refund(payment.mchid.as_str(), number.as_str());
    let state = refund.state.as_str();
    let Some(there) = there else {
        return match refund.state {
            RefundState::Recorded | RefundState::Rejected { .. } => Ok(()),
            RefundState::Processing
            | RefundState::Abnormal
            | RefundState::Succeeded { .. }
            | RefundState::Closed { .. } => Err(broken(
                payment,
                format!("refund {number} is {state} here; WeChat has no such refund"),
            )),
        };
    };
    if there.refund != refund.amount || there.out_trade_no != refund.out_trade_no.as_str() {
        let what = format!(
            "refund {number} is about {}, at WeChat about {}",
            refund.amount, there.refund
        );
        return Err(broken(payment, what));
    }
    let fits = match (&refund.state, there.state) {
        (RefundState::Succeeded { .. }, state) => matches!(state, WechatState::Success { .. }),
        // Definitely failed here, so nothing may leave there.
        (RefundState::Closed { .. } | RefundState::Rejected { .. }, state) => {
            state == WechatState::Closed
        }
        (RefundState::Recorded | RefundState::Processing | RefundState::Abnormal, _) => true,
    };
    if !fits {
        let what = format!(
            "refund {number} is {state} here; WeChat says {}",
            there.status()
        );
        return Err(broken(payment, what));
    }
    Ok(())
}

fn sums(
    before: Option<&Payment>,
    payment: &Payment,
    attempt: &Attempt,
    wechat: &Wechat,
) -> Result<(), Violation> {
    let number = &attempt.out_trade_no;
    let of_attempt = || {
        payment
            .refunds
            .iter()
            .filter(|refund| refund.out_trade_no == *number && holds(refund))
    };
    let exceeds = |what: &str, sum: Fen| {
        let what = format!("{what} of {number}: {sum} of {}", attempt.amount);
        Err(broken(payment, what))
    };
    // Ours never exceed by themselves. Refunds by hand are facts that WeChat made and told us of.
    let ours = sum(of_attempt().filter(|refund| refund.origin != RefundOrigin::Console));
    if ours > attempt.amount {
        return exceeds("our refunds", ours);
    }
    // Whatever is asked for anew fits into what is known to be left.
    let is_new = |refund: &Refund| {
        refund.origin != RefundOrigin::Console
            && before.is_none_or(|before| before.refund(&refund.out_refund_no).is_none())
    };
    let known = sum(of_attempt());
    if of_attempt().any(is_new) && known > attempt.amount {
        return exceeds("refunds with a new one", known);
    }
    let there = wechat
        .refunds()
        .filter(|refund| {
            refund.mchid == payment.mchid.as_str() && refund.out_trade_no == number.as_str()
        })
        .filter(|refund| refund.state != WechatState::Closed);
    let there = Fen::checked_sum(there.map(|refund| refund.refund)).unwrap_or(Fen::ZERO);
    if there > attempt.amount {
        return exceeds("WeChat's refunds", there);
    }
    Ok(())
}
