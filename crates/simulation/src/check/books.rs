//! S2 and S3: our books against WeChat's.

use shouyin_core::id::Openid;
use shouyin_core::payment::{Attempt, AttemptState, Payment, PaymentState};
use wechat_simulator::{Order, OrderState, TradeType, Wechat};

use super::{Violation, codes};
use crate::products::at_wechat;

/// Both invariants for one payment and all its attempts. `keeps_its_word` is false where WeChat says closed and takes money all
/// the same: then nobody can be held to S3.
pub(super) fn check(
    payment: &Payment,
    wechat: &Wechat,
    keeps_its_word: bool,
) -> Result<(), Violation> {
    for attempt in &payment.attempts {
        let order = wechat.order(payment.mchid.as_str(), attempt.out_trade_no.as_str());
        match &attempt.state {
            AttemptState::Paid { transaction_id } => {
                paid(payment, attempt, order, transaction_id.as_str())?;
            }
            AttemptState::Closed | AttemptState::Rejected { .. } if !keeps_its_word => {}
            AttemptState::Closed | AttemptState::Rejected { .. } => {
                cannot_be_paid(payment, attempt, order, wechat.now_ms())?;
            }
            AttemptState::Recorded | AttemptState::Open => {}
        }
    }
    match &payment.state {
        PaymentState::Paid(proof) => {
            let attempt = payment.attempt(&proof.out_trade_no);
            let same = attempt.is_some_and(|attempt| {
                attempt.state
                    == AttemptState::Paid {
                        transaction_id: proof.transaction_id.clone(),
                    }
            });
            // What was paid is what was asked for when it was paid: a later revision is refused.
            let asked_for = attempt.is_some_and(|attempt| attempt.amount == payment.amount);
            if same && asked_for {
                Ok(())
            } else {
                Err(broken(
                    "S2",
                    payment,
                    "is paid by an attempt that is not, or with another amount",
                ))
            }
        }
        PaymentState::Closed { .. } => {
            let open = |attempt: &Attempt| match attempt.state {
                AttemptState::Recorded | AttemptState::Open => true,
                AttemptState::Paid { .. }
                | AttemptState::Closed
                | AttemptState::Rejected { .. } => false,
            };
            if payment.attempts.iter().any(open) {
                return Err(broken(
                    "S3",
                    payment,
                    "is closed with an attempt that is not",
                ));
            }
            Ok(())
        }
        PaymentState::Open | PaymentState::Closing { .. } => Ok(()),
    }
}

fn broken(invariant: &'static str, payment: &Payment, what: &str) -> Violation {
    Violation::new(invariant, format!("{} {what}", payment.id))
}

/// S2: we say paid, so WeChat says paid, for the same merchant, amount, payer and transaction.
fn paid(
    payment: &Payment,
    attempt: &Attempt,
    order: Option<&Order>,
    transaction_id: &str,
) -> Result<(), Violation> {
    let number = &attempt.out_trade_no;
    let differs = |what: &str| {
        Err(broken(
            "S2",
            payment,
            &format!("attempt {number} is paid here; {what}"),
        ))
    };
    let Some(order) = order else {
        return differs("WeChat has no such order");
    };
    let Some(proof) = order.payment() else {
        return differs(&format!("WeChat says {}", order.trade_state()));
    };
    if proof.transaction_id != transaction_id {
        return differs(&format!(
            "as {transaction_id}, at WeChat as {}",
            proof.transaction_id
        ));
    }
    if order.total != attempt.amount {
        return differs(&format!(
            "for {}, at WeChat for {}",
            attempt.amount, order.total
        ));
    }
    let payer = attempt.payer.as_ref();
    if payer.is_some_and(|payer| order.openid != payer.as_str())
        || order.appid != payment.appid.as_str()
    {
        return differs("by another payer or in another app at WeChat");
    }
    // Who pays may be known afterwards only.
    let counts =
        matches!(&payment.state, PaymentState::Paid(proof) if proof.out_trade_no == *number);
    let known = payment.payer.as_ref().map(Openid::as_str);
    if counts && payer.is_none() && known != Some(&*order.openid) {
        return differs("by somebody else at WeChat");
    }
    if order.trade_type != at_wechat(payment.product) {
        return differs("by another product at WeChat");
    }
    Ok(())
}

/// S3: we say closed, so WeChat can accept no payment any more.
fn cannot_be_paid(
    payment: &Payment,
    attempt: &Attempt,
    order: Option<&Order>,
    now_ms: i64,
) -> Result<(), Violation> {
    let Some(order) = order else {
        return Ok(());
    };
    let payable = match &order.state {
        OrderState::Closed { .. } => false,
        OrderState::Paid(_) => true,
        OrderState::NotPaid if order.trade_type == TradeType::Micropay => {
            codes::may_bring_money(order)
        }
        OrderState::NotPaid => !order.is_overdue(now_ms),
    };
    if !payable {
        return Ok(());
    }
    let (number, here) = (&attempt.out_trade_no, attempt.state.as_str());
    let there = order.trade_state();
    let what = format!("attempt {number} is {here} here; WeChat says {there}");
    Err(broken("S3", payment, &what))
}
