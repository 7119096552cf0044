//! S4: a final state never changes, and a state only moves along drawn edges.

use shouyin_core::payment::{Attempt, AttemptState, Payment, PaymentState};
use shouyin_core::product::Product;
use shouyin_core::refund::{Refund, RefundOrigin, RefundState};

use super::Violation;

fn broken(payment: &Payment, what: String) -> Violation {
    Violation::new("S4", format!("{}: {what}", payment.id))
}

/// Compares a payment with what it was before the commit.
pub(super) fn check(before: Option<&Payment>, after: &Payment) -> Result<(), Violation> {
    let Some(before) = before else {
        return if after.state == PaymentState::Open && after.attempts.is_empty() {
            Ok(())
        } else {
            Err(broken(after, format!("begins as {}", after.state.as_str())))
        };
    };
    if !may_follow(&before.state, &after.state) {
        let (from, to) = (before.state.as_str(), after.state.as_str());
        return Err(broken(after, format!("moved from {from} to {to}")));
    }
    if before.payer.is_some() && before.payer != after.payer {
        return Err(broken(after, "changed its payer".to_owned()));
    }
    let fixed = |payment: &Payment| {
        let (mchid, appid) = (payment.mchid.clone(), payment.appid.clone());
        (
            mchid,
            appid,
            payment.product,
            payment.order_no.clone(),
            payment.created_at,
        )
    };
    if fixed(before) != fixed(after) {
        return Err(broken(after, "became another payment".to_owned()));
    }
    if is_revised(before, after) && before.state != PaymentState::Open {
        return Err(broken(
            after,
            "changed its terms when it was not open".to_owned(),
        ));
    }
    for (index, attempt) in before.attempts.iter().enumerate() {
        check_attempt(after, attempt, after.attempts.get(index))?;
    }
    for (index, refund) in before.refunds.iter().enumerate() {
        check_refund(after, refund, after.refunds.get(index))?;
    }
    for refund in after.refunds.iter().skip(before.refunds.len()) {
        let by_hand = refund.origin == RefundOrigin::Console;
        if refund.state != RefundState::Recorded && !by_hand {
            let state = refund.state.as_str();
            return Err(broken(
                after,
                format!("refund {} begins as {state}", refund.id),
            ));
        }
    }
    Ok(())
}

/// True if the merchant changed what it asks for.
pub(super) fn is_revised(before: &Payment, after: &Payment) -> bool {
    let terms = |payment: &Payment| {
        let (description, attach) = (payment.description.clone(), payment.attach.clone());
        (payment.amount, description, attach)
    };
    terms(before) != terms(after)
}

fn check_refund(
    payment: &Payment,
    before: &Refund,
    after: Option<&Refund>,
) -> Result<(), Violation> {
    use RefundState::{Abnormal, Closed, Processing, Recorded, Rejected, Succeeded};
    let number = &before.out_refund_no;
    let Some(after) = after.filter(|after| after.out_refund_no == *number) else {
        return Err(broken(payment, format!("refund {number} disappeared")));
    };
    let allowed = match (&before.state, &after.state) {
        (Recorded, _) => true,
        (Processing | Abnormal, Recorded | Rejected { .. }) => false,
        (Processing | Abnormal, _) => true,
        // WeChat has it after all: S1 judges whether that can be.
        (Rejected { .. }, Recorded) => false,
        (Rejected { .. }, _) => true,
        (Succeeded { .. } | Closed { .. }, _) => before.state == after.state,
    };
    if !allowed {
        let (from, to) = (before.state.as_str(), after.state.as_str());
        return Err(broken(
            payment,
            format!("refund {number} moved from {from} to {to}"),
        ));
    }
    let fixed = |refund: &Refund| {
        (
            refund.id.clone(),
            refund.refund_no.clone(),
            refund.out_trade_no.clone(),
            refund.amount,
            refund.reason.clone(),
            refund.origin,
        )
    };
    let renamed = before.wechat_id.is_some() && before.wechat_id != after.wechat_id;
    if fixed(before) != fixed(after) || renamed || after.sends < before.sends {
        return Err(broken(
            payment,
            format!("refund {number} changed its request"),
        ));
    }
    Ok(())
}

fn may_follow(before: &PaymentState, after: &PaymentState) -> bool {
    use PaymentState::{Closed, Closing, Open, Paid};
    match (before, after) {
        (Open, _) => true,
        (Closing { .. }, Closing { .. } | Closed { .. }) => true,
        // Late money is marked as late, and money that was in time is not.
        (Closing { .. }, Paid(paid)) => !paid.late,
        (Closed { .. }, Paid(paid)) => paid.late,
        (Paid(first), Paid(second)) => first == second,
        (Closed { .. }, Closed { .. }) => before == after,
        (Closing { .. } | Paid(_) | Closed { .. }, Open) => false,
        (Paid(_), Closing { .. } | Closed { .. }) | (Closed { .. }, Closing { .. }) => false,
    }
}

fn check_attempt(
    payment: &Payment,
    before: &Attempt,
    after: Option<&Attempt>,
) -> Result<(), Violation> {
    use AttemptState::{Closed, Open, Paid, Recorded, Rejected};
    let number = &before.out_trade_no;
    let Some(after) = after.filter(|after| after.out_trade_no == *number) else {
        return Err(broken(payment, format!("attempt {number} disappeared")));
    };
    let allowed = match (&before.state, &after.state) {
        (Recorded, _) => true,
        (Open, Open | Paid { .. } | Closed) => true,
        // A question overtook the answer to the only charge.
        (Open, Rejected { .. }) => payment.product == Product::Code,
        (Closed, Closed | Paid { .. }) => true,
        (Paid { .. }, Paid { .. }) => before.state == after.state,
        (Rejected { .. }, Rejected { .. }) => true,
        (Open, Recorded)
        | (Closed, Recorded | Open | Rejected { .. })
        | (Paid { .. } | Rejected { .. }, _) => false,
    };
    if !allowed {
        let (from, to) = (before.state.as_str(), after.state.as_str());
        return Err(broken(
            payment,
            format!("attempt {number} moved from {from} to {to}"),
        ));
    }
    let fixed = |attempt: &Attempt| {
        (
            attempt.payer.clone(),
            attempt.scene,
            attempt.amount,
            attempt.description.clone(),
            attempt.attach.clone(),
            attempt.expires_at,
        )
    };
    if fixed(before) != fixed(after) || after.sends < before.sends {
        return Err(broken(
            payment,
            format!("attempt {number} changed its order"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use shouyin_core::Timestamp;
    use shouyin_core::id::{OutTradeNo, TransactionId};
    use shouyin_core::payment::{CloseReason, Paid};

    use super::*;

    fn paid(late: bool) -> PaymentState {
        PaymentState::Paid(Paid {
            at: Timestamp::from_millis(1),
            transaction_id: TransactionId::parse("42").unwrap(),
            out_trade_no: OutTradeNo::parse("number").unwrap(),
            payer_total: None,
            late,
        })
    }

    #[test]
    fn only_drawn_edges_are_allowed() {
        let reason = CloseReason::Merchant;
        let at = Timestamp::from_millis(2);
        let (closing, closed) = (
            PaymentState::Closing { reason },
            PaymentState::Closed { reason, at },
        );
        for (before, after, allowed) in [
            (&PaymentState::Open, &closing, true),
            (&closing, &paid(false), true),
            (&closing, &PaymentState::Open, false),
            (&closed, &paid(true), true),
            (&closed, &paid(false), false),
            (&paid(false), &closed, false),
            (&paid(false), &paid(true), false),
            (&paid(false), &paid(false), true),
        ] {
            assert_eq!(
                may_follow(before, after),
                allowed,
                "{before:?} to {after:?}"
            );
        }
    }
}
