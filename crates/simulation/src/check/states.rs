//! S4: a final state never changes, and a state only moves along drawn edges.

use shouyin_core::payment::{Attempt, AttemptState, Payment, PaymentState};

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
    if before.amount != after.amount || before.mchid != after.mchid {
        return Err(broken(after, "changed its terms".to_owned()));
    }
    for (index, attempt) in before.attempts.iter().enumerate() {
        check_attempt(after, attempt, after.attempts.get(index))?;
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
        (Closed, Closed | Paid { .. }) => true,
        (Paid { .. }, Paid { .. }) => before.state == after.state,
        (Rejected { .. }, Rejected { .. }) => true,
        (Open, Recorded | Rejected { .. })
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
    if after.payer != before.payer || after.sends < before.sends {
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
