//! S5: the ledger. Recomputed from the payments themselves: per merchant, cash is what was paid less what went back, and
//! reserved is what refunds in flight may still take.

use std::collections::BTreeMap;

use fen::Fen;
use shouyin_core::id::{Mchid, PaymentId};
use shouyin_core::ledger::{Account, Balance, Posting};
use shouyin_core::payment::{AttemptState, Payment};
use shouyin_core::refund::RefundState;

use super::Violation;
use crate::rows::Rows;

/// What the ledger must say, kept up to date with every commit.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// By merchant: cash and reserved, in fen.
    sums: BTreeMap<Mchid, [i64; 2]>,
    shares: BTreeMap<PaymentId, [i64; 2]>,
}

fn broken(what: impl std::fmt::Display) -> Violation {
    Violation::new("S5", what.to_string())
}

/// What one payment has in cash and in reserve.
fn share(payment: &Payment) -> [i64; 2] {
    let paid = payment
        .attempts
        .iter()
        .filter(|attempt| matches!(attempt.state, AttemptState::Paid { .. }))
        .map(|attempt| attempt.amount.get());
    let mut share = [paid.sum(), 0];
    let [cash, reserved] = &mut share;
    for refund in &payment.refunds {
        match refund.state {
            RefundState::Succeeded { .. } => *cash -= refund.amount.get(),
            RefundState::Recorded | RefundState::Processing | RefundState::Abnormal => {
                *reserved += refund.amount.get();
            }
            RefundState::Closed { .. } | RefundState::Rejected { .. } => {}
        }
    }
    share
}

/// What postings come to, after a look at each.
fn total(postings: &[Posting]) -> Result<[i64; 2], Violation> {
    let mut found = [0, 0];
    let [cash, reserved] = &mut found;
    for posting in postings {
        let entries = posting.entries().ok_or_else(|| broken("no entries"))?;
        if entries.iter().map(|entry| entry.amount.get()).sum::<i64>() != 0 {
            return Err(broken(format!("{posting:?} does not sum to zero")));
        }
        if posting.amount <= Fen::ZERO {
            return Err(broken(format!("{posting:?} moves nothing")));
        }
        for entry in entries {
            match entry.account {
                Account::Cash => *cash += entry.amount.get(),
                Account::Reserved => *reserved += entry.amount.get(),
                Account::Income | Account::Reservation => {}
            }
        }
    }
    Ok(found)
}

impl Seen {
    /// After a commit that changed this payment.
    pub(super) fn committed(&mut self, rows: &Rows, payment: &Payment) -> Result<(), Violation> {
        let share = share(payment);
        let found = total(&rows.postings(&payment.mchid, &payment.id)?)?;
        if found != share {
            let id = &payment.id;
            return Err(broken(format!(
                "{id} has cash and reserve {share:?}; its postings say {found:?}"
            )));
        }
        let old = self.shares.insert(payment.id.clone(), share);
        let sums = self.sums.entry(payment.mchid.clone()).or_default();
        let old = old.unwrap_or_default();
        for ((sum, new), old) in sums.iter_mut().zip(share).zip(old) {
            *sum += new - old;
        }
        if old == share {
            return Ok(());
        }
        self.balances(rows)
    }

    /// Every merchant's balance.
    pub(super) fn balances(&self, rows: &Rows) -> Result<(), Violation> {
        for (mchid, [cash, reserved]) in &self.sums {
            let expected = Balance {
                cash: Fen::new(*cash),
                reserved: Fen::new(*reserved),
            };
            let found = rows.balance(mchid)?;
            if found != expected {
                return Err(broken(format!(
                    "{mchid} must have {expected:?} and has {found:?}"
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use shouyin_core::Timestamp;
    use shouyin_core::id::OutTradeNo;
    use shouyin_core::ledger::PostingKind;

    use super::*;

    #[test]
    fn postings_come_to_cash_and_reserve() {
        let posting = |kind, amount| Posting {
            mchid: Mchid::parse("1900000001").unwrap(),
            kind,
            payment_id: PaymentId::parse("pay_00000000000000000000000000000000").unwrap(),
            out_trade_no: OutTradeNo::parse("number").unwrap(),
            out_refund_no: None,
            amount: Fen::new(amount),
            at: Timestamp::from_millis(0),
        };
        let postings = [
            posting(PostingKind::Paid, 100),
            posting(PostingKind::Reserve, 30),
            posting(PostingKind::Reserve, 20),
            posting(PostingKind::Release, 30),
            posting(PostingKind::Refunded, 30),
        ];
        assert_eq!(total(&postings), Ok([70, 20]));
        assert!(total(&[posting(PostingKind::Paid, 0)]).is_err());
    }
}
