//! What every store checks before it saves, beside what the database itself refuses.

use fen::Fen;
use shouyin_core::ledger::{Account, Balance, Posting, PostingKind};
use shouyin_core::payment::{Attempt, AttemptState, Payment};
use shouyin_core::ports::StoreError;
use shouyin_core::refund::Refund;
use shouyin_core::task::{Subject, TaskKey, TaskKind};

/// True if there may be refunds to load: money can only go back once it has come.
pub(crate) fn may_have_refunds(payment: &Payment) -> bool {
    payment
        .attempts
        .iter()
        .any(|attempt| matches!(attempt.state, AttemptState::Paid { .. }))
}

/// A payment that makes sense in itself.
///
/// # Errors
/// [`StoreError::Corrupt`] if somebody would be asked to pay nothing, would get nothing back, or would get money back that
/// was never paid (such a refund would not even be found again).
pub(crate) fn check_payment(payment: &Payment) -> Result<(), StoreError> {
    let attempts = payment.attempts.iter().map(|attempt| attempt.amount);
    let refunds = payment.refunds.iter().map(|refund| refund.amount);
    let mut amounts = [payment.amount].into_iter().chain(attempts).chain(refunds);
    if let Some(amount) = amounts.find(|amount| !amount.is_positive()) {
        return refuse(payment, &format!("has an amount of {amount} fen"));
    }
    let unpaid = payment.refunds.iter().find(|refund| {
        let attempt = payment.attempt(&refund.out_trade_no);
        !attempt.is_some_and(|attempt| matches!(attempt.state, AttemptState::Paid { .. }))
    });
    match unpaid {
        Some(refund) => refuse(
            payment,
            &format!(
                "has refund {} of an attempt that is not paid",
                refund.out_refund_no
            ),
        ),
        None => Ok(()),
    }
}

/// Whose a payment is never changes, nor do its attempts' and refunds' terms: they may be on their way to WeChat.
/// What the payment asks for may be revised.
///
/// # Errors
/// [`StoreError::Corrupt`] naming what a decision changed although it must not: a bug, refused instead of saved.
pub(crate) fn check_update(before: &Payment, after: &Payment) -> Result<(), StoreError> {
    let same_owner = before.id == after.id
        && before.mchid == after.mchid
        && before.appid == after.appid
        && before.order_no == after.order_no
        && before.created_at == after.created_at;
    if !same_owner {
        return refuse_change(before, "whose it is");
    }
    if after.attempts.len() < before.attempts.len() {
        return refuse_change(before, "the list of its attempts");
    }
    let mut attempts = before.attempts.iter().zip(&after.attempts);
    if !attempts.all(|(old, new)| is_same_order(old, new)) {
        return refuse_change(before, "an attempt's terms");
    }
    if after.refunds.len() < before.refunds.len() {
        return refuse_change(before, "the list of its refunds");
    }
    let mut refunds = before.refunds.iter().zip(&after.refunds);
    if !refunds.all(|(old, new)| is_same_refund(old, new)) {
        return refuse_change(before, "a refund's terms");
    }
    Ok(())
}

fn is_same_order(old: &Attempt, new: &Attempt) -> bool {
    old.out_trade_no == new.out_trade_no
        && old.route == new.route
        && old.payer == new.payer
        && old.scene == new.scene
        && old.amount == new.amount
        && old.description == new.description
        && old.attach == new.attach
        && old.expires_at == new.expires_at
        && old.created_at == new.created_at
}

fn is_same_refund(old: &Refund, new: &Refund) -> bool {
    old.id == new.id
        && old.refund_no == new.refund_no
        && old.out_refund_no == new.out_refund_no
        && old.out_trade_no == new.out_trade_no
        && old.amount == new.amount
        && old.reason == new.reason
        && old.origin == new.origin
        && old.created_at == new.created_at
}

/// Amounts are positive; money that was paid is of no refund, and all other movements are of one.
///
/// # Errors
/// [`StoreError::Corrupt`]: a bug, refused instead of saved.
pub(crate) fn check_posting(posting: &Posting) -> Result<(), StoreError> {
    let is_paid = posting.kind == PostingKind::Paid;
    if posting.amount.is_positive() && is_paid == posting.out_refund_no.is_none() {
        return Ok(());
    }
    Err(StoreError::Corrupt(format!(
        "refused by a rule of the database: a posting {} of {} fen for payment {}",
        posting.kind.as_str(),
        posting.amount,
        posting.payment_id
    )))
}

/// What movements sum up to, given each with its kind.
///
/// # Errors
/// [`StoreError::Corrupt`] if they exceed 64 bits: no merchant has that much.
pub(crate) fn balance(
    movements: impl IntoIterator<Item = (PostingKind, Fen)>,
) -> Result<Balance, StoreError> {
    let mut balance = Balance {
        cash: Fen::ZERO,
        reserved: Fen::ZERO,
    };
    for (kind, amount) in movements {
        let (from, to) = kind.accounts();
        add(&mut balance, to, Some(amount))?;
        add(&mut balance, from, amount.checked_neg())?;
    }
    Ok(balance)
}

fn add(balance: &mut Balance, account: Account, amount: Option<Fen>) -> Result<(), StoreError> {
    let sum = match account {
        Account::Cash => &mut balance.cash,
        Account::Reserved => &mut balance.reserved,
        // The other sides: the same sums with the other sign.
        Account::Income | Account::Reservation => return Ok(()),
    };
    *sum = amount
        .and_then(|amount| sum.checked_add(amount))
        .ok_or_else(|| StoreError::Corrupt("a balance exceeds 64 bits".into()))?;
    Ok(())
}

/// A task's kind says what it is about.
///
/// # Errors
/// [`StoreError::Corrupt`]: a bug, refused instead of saved.
pub(crate) fn check_task(key: &TaskKey) -> Result<(), StoreError> {
    let fits = match key.kind {
        TaskKind::SendPrepay | TaskKind::QueryAttempt | TaskKind::CloseAttempt => {
            matches!(key.subject, Subject::Attempt(..))
        }
        TaskKind::ExpirePayment => matches!(key.subject, Subject::Payment(_)),
        TaskKind::SendRefund | TaskKind::QueryRefund => matches!(key.subject, Subject::Refund(..)),
        TaskKind::DeliverWebhooks => matches!(key.subject, Subject::Endpoint(_)),
        TaskKind::FetchBill => matches!(key.subject, Subject::Bill(..)),
    };
    if fits {
        return Ok(());
    }
    Err(StoreError::Corrupt(format!(
        "a task {} cannot be about {:?}",
        key.kind.as_str(),
        key.subject
    )))
}

/// True for the kinds that [`shouyin_core::task::TaskChange::RemoveAttemptTasks`] removes.
pub(crate) const fn is_attempt_task(kind: TaskKind) -> bool {
    match kind {
        TaskKind::SendPrepay
        | TaskKind::QueryAttempt
        | TaskKind::CloseAttempt
        | TaskKind::ExpirePayment => true,
        TaskKind::SendRefund
        | TaskKind::QueryRefund
        | TaskKind::DeliverWebhooks
        | TaskKind::FetchBill => false,
    }
}

fn refuse(payment: &Payment, what: &str) -> Result<(), StoreError> {
    Err(StoreError::Corrupt(format!(
        "refused by a rule of the database: payment {} {what}",
        payment.id
    )))
}

fn refuse_change(payment: &Payment, what: &str) -> Result<(), StoreError> {
    Err(StoreError::Corrupt(format!(
        "payment {}: a decision tried to change {what}, which never changes",
        payment.id
    )))
}
