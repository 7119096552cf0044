//! What every store checks before it saves a payment that exists already.

use shouyin_core::payment::{Attempt, Payment};
use shouyin_core::ports::StoreError;

/// A payment's terms and its attempts' numbers never change: they may be on their way to WeChat.
///
/// # Errors
/// [`StoreError::Corrupt`] naming what a decision changed although it must not: a bug, refused instead of saved.
pub(crate) fn check_update(before: &Payment, after: &Payment) -> Result<(), StoreError> {
    let same_terms = before.id == after.id
        && before.mchid == after.mchid
        && before.appid == after.appid
        && before.order_no == after.order_no
        && before.amount == after.amount
        && before.description == after.description
        && before.attach == after.attach
        && before.created_at == after.created_at;
    if !same_terms {
        return refuse(before, "its terms");
    }
    if after.attempts.len() < before.attempts.len() {
        return refuse(before, "the list of its attempts");
    }
    let kept = before.attempts.iter().zip(&after.attempts);
    for (old, new) in kept {
        if !is_same_order(old, new) {
            return refuse(before, "an attempt's number or payer");
        }
    }
    Ok(())
}

fn is_same_order(old: &Attempt, new: &Attempt) -> bool {
    old.out_trade_no == new.out_trade_no
        && old.payer == new.payer
        && old.created_at == new.created_at
}

fn refuse(payment: &Payment, what: &str) -> Result<(), StoreError> {
    Err(StoreError::Corrupt(format!(
        "payment {}: a decision tried to change {what}, which never change",
        payment.id
    )))
}
