//! WeChat told the state of a refund: in the answer to our call, by notification, or as the answer to a query. Everything is
//! compared with our own record before it counts.

use super::{event, key, posting, task};
use crate::event::EventType;
use crate::id::RefundId;
use crate::incident::IncidentKind;
use crate::ledger::PostingKind;
use crate::payment::decide::Mismatch;
use crate::payment::model::{AttemptState, Payment};
use crate::ports::{Changes, Ids, RefundFact, RefundStatus};
use crate::refund::model::{Refund, RefundOrigin, RefundState};
use crate::refund::schedule::query_delay_ms;
use crate::task::{TaskChange, TaskKind};
use crate::time::Timestamp;

fn mismatch<T>(kind: IncidentKind, detail: String) -> Result<T, Mismatch> {
    Err(Mismatch { kind, detail })
}

/// Compares merchant, order, transaction, amounts and currency with our record. Returns the refund, if we know it.
fn cross_check<'p>(
    payment: &'p Payment,
    fact: &RefundFact,
) -> Result<Option<&'p Refund>, Mismatch> {
    let refuse = |detail: String| mismatch(IncidentKind::RefundMismatch, detail);
    let known = payment.refund(&fact.out_refund_no);
    if fact
        .mchid
        .as_deref()
        .is_some_and(|mchid| mchid != payment.mchid.as_str())
    {
        return mismatch(
            IncidentKind::OwnerMismatch,
            format!("expected merchant {}, got {:?}", payment.mchid, fact.mchid),
        );
    }
    if let Some(refund) = known.filter(|refund| refund.out_trade_no != fact.out_trade_no) {
        return refuse(format!(
            "a refund of order {}, reported as one of {}",
            refund.out_trade_no, fact.out_trade_no
        ));
    }
    let Some(attempt) = payment.attempt(&fact.out_trade_no) else {
        return mismatch(
            IncidentKind::UnknownOrder,
            "this out_trade_no is no attempt of the payment".into(),
        );
    };
    match &attempt.state {
        AttemptState::Paid { transaction_id } if *transaction_id == fact.transaction_id => {}
        AttemptState::Paid { transaction_id } => {
            return refuse(format!(
                "paid as transaction {transaction_id}, refunded as {}",
                fact.transaction_id
            ));
        }
        AttemptState::Recorded
        | AttemptState::Open
        | AttemptState::Closed
        | AttemptState::Rejected { .. } => {
            return refuse("a refund of an order that is not known to be paid".into());
        }
    }
    if fact.total != attempt.amount {
        return refuse(format!(
            "the order was about {} fen, reported as {} fen",
            attempt.amount.get(),
            fact.total.get()
        ));
    }
    if !fact.amount.is_positive() || fact.amount > fact.total {
        return refuse(format!(
            "{} fen of {} fen",
            fact.amount.get(),
            fact.total.get()
        ));
    }
    if let Some(refund) = known.filter(|refund| refund.amount != fact.amount) {
        return refuse(format!(
            "expected {} fen, got {} fen",
            refund.amount.get(),
            fact.amount.get()
        ));
    }
    if let Some(refund) = known
        && refund
            .wechat_id
            .as_ref()
            .is_some_and(|id| *id != fact.refund_id)
    {
        return refuse(format!(
            "known to WeChat as {:?}, now reported as {}",
            refund.wechat_id, fact.refund_id
        ));
    }
    if fact
        .currency
        .as_deref()
        .is_some_and(|currency| currency != "CNY")
    {
        return refuse(format!("expected CNY, got {:?}", fact.currency));
    }
    Ok(known)
}

/// Applies what WeChat says about one refund. `Changes::payment` is set only if something changed, so any number of copies,
/// in any order, make one transition and one event. A refund that we do not know was made in WeChat's console.
pub fn on_fact(
    payment: &Payment,
    fact: &RefundFact,
    now: Timestamp,
    ids: &dyn Ids,
) -> Result<Changes, Mismatch> {
    let known = cross_check(payment, fact)?.cloned();
    if matches!(fact.status, RefundStatus::Success) && fact.success_at.is_none() {
        return mismatch(
            IncidentKind::IncompleteSuccess,
            "a refund succeeded without success_time".into(),
        );
    }
    let mut after = payment.clone();
    let mut changes = Changes::default();
    let before = match known {
        Some(refund) => refund,
        None if matches!(fact.status, RefundStatus::Other(_)) => return Ok(Changes::default()),
        None => discover(&mut after, fact, now, ids, &mut changes),
    };
    let Some(state) = next_state(&before, fact, now)? else {
        return Ok(Changes::default());
    };
    let mut refund = before.clone();
    refund.state = state;
    refund.wechat_id = Some(fact.refund_id.clone());
    refund.trouble = None;
    if fact.received_account.is_some() {
        refund.received_account = fact.received_account.clone();
    }
    let Some(slot) = after.refund_mut(&fact.out_refund_no) else {
        return Ok(Changes::default());
    };
    *slot = refund.clone();
    book(&after, &before, &refund, now, &mut changes);
    exceeds(&after, fact, now, &mut changes);
    if refund.state != before.state {
        let told = match refund.state {
            RefundState::Succeeded { .. } => Some(EventType::RefundSucceeded),
            RefundState::Closed { .. } => Some(EventType::RefundClosed),
            RefundState::Abnormal => Some(EventType::RefundActionNeeded),
            RefundState::Recorded | RefundState::Processing | RefundState::Rejected { .. } => None,
        };
        if let Some(event_type) = told {
            let told = event(event_type, &after, &refund, now, ids);
            changes.events.push(told);
        }
    }
    owe(&after, &refund, now, &mut changes);
    changes.payment = Some(after);
    Ok(changes)
}

/// What the refund becomes; none if nothing is new.
fn next_state(
    before: &Refund,
    fact: &RefundFact,
    now: Timestamp,
) -> Result<Option<RefundState>, Mismatch> {
    let contradiction = |to: &str| {
        mismatch(
            IncidentKind::RefundContradiction,
            format!("final as {}, now reported as {to}", before.state.as_str()),
        )
    };
    let new = match (&fact.status, &before.state) {
        (RefundStatus::Other(_), _) => None,
        // An old message: final states, and an abnormal one that nobody has done anything about, stay as they are.
        (
            RefundStatus::Processing,
            RefundState::Processing | RefundState::Succeeded { .. } | RefundState::Closed { .. },
        ) => None,
        (RefundStatus::Processing, RefundState::Abnormal) => before
            .remedied_at
            .is_some()
            .then_some(RefundState::Processing),
        (RefundStatus::Processing, RefundState::Recorded | RefundState::Rejected { .. }) => {
            Some(RefundState::Processing)
        }
        (
            RefundStatus::Abnormal,
            RefundState::Abnormal | RefundState::Succeeded { .. } | RefundState::Closed { .. },
        ) => None,
        (
            RefundStatus::Abnormal,
            RefundState::Recorded | RefundState::Processing | RefundState::Rejected { .. },
        ) => Some(RefundState::Abnormal),
        (RefundStatus::Success, RefundState::Succeeded { .. })
        | (RefundStatus::Closed, RefundState::Closed { .. }) => None,
        (RefundStatus::Success, RefundState::Closed { .. }) => return contradiction("succeeded"),
        (RefundStatus::Closed, RefundState::Succeeded { .. }) => return contradiction("closed"),
        (
            RefundStatus::Success,
            RefundState::Recorded
            | RefundState::Processing
            | RefundState::Abnormal
            | RefundState::Rejected { .. },
        ) => Some(RefundState::Succeeded {
            at: fact.success_at.unwrap_or(now),
        }),
        (
            RefundStatus::Closed,
            RefundState::Recorded
            | RefundState::Processing
            | RefundState::Abnormal
            | RefundState::Rejected { .. },
        ) => Some(RefundState::Closed { at: now }),
    };
    Ok(new)
}

/// A refund that was made in WeChat's console: into the books with it.
fn discover(
    payment: &mut Payment,
    fact: &RefundFact,
    now: Timestamp,
    ids: &dyn Ids,
    changes: &mut Changes,
) -> Refund {
    let refund = Refund {
        id: RefundId::fresh(ids, now),
        refund_no: None,
        out_refund_no: fact.out_refund_no.clone(),
        out_trade_no: fact.out_trade_no.clone(),
        amount: fact.amount,
        reason: None,
        origin: RefundOrigin::Console,
        state: RefundState::Recorded,
        wechat_id: Some(fact.refund_id.clone()),
        received_account: None,
        trouble: None,
        created_at: now,
        last_sent_at: now,
        sends: 0,
        asked_at: None,
        remedied_at: None,
    };
    changes
        .postings
        .push(posting(PostingKind::Reserve, payment, &refund, now));
    payment.refunds.push(refund.clone());
    changes
        .events
        .push(event(EventType::RefundCreated, payment, &refund, now, ids));
    refund
}

/// The postings of a transition.
fn book(payment: &Payment, before: &Refund, after: &Refund, now: Timestamp, changes: &mut Changes) {
    match (before.state.is_unresolved(), after.state.is_unresolved()) {
        (true, false) => changes
            .postings
            .push(posting(PostingKind::Release, payment, after, now)),
        // We believed it rejected, and WeChat has it after all.
        (false, true) => changes
            .postings
            .push(posting(PostingKind::Reserve, payment, after, now)),
        (true, true) | (false, false) => {}
    }
    if matches!(after.state, RefundState::Succeeded { .. }) {
        changes
            .postings
            .push(posting(PostingKind::Refunded, payment, after, now));
    }
}

/// WeChat's facts count even when they contradict the sum; a person has to look.
fn exceeds(payment: &Payment, fact: &RefundFact, now: Timestamp, changes: &mut Changes) {
    let held = payment
        .refunds_of(&fact.out_trade_no)
        .filter(|refund| refund.state.holds_money())
        .map(|refund| refund.amount);
    let total = fen::Fen::checked_sum(held);
    if total.is_none_or(|total| total > fact.total) {
        let exceeds = Mismatch {
            kind: IncidentKind::RefundExceeds,
            detail: format!(
                "refunds of {:?} fen, of which WeChat has this one, for an order of {} fen",
                total.map(fen::Fen::get),
                fact.total.get()
            ),
        };
        changes
            .incidents
            .push(exceeds.refund_incident(payment, fact, now));
    }
}

/// What is owed from now on: ask until it is final.
fn owe(payment: &Payment, refund: &Refund, now: Timestamp, changes: &mut Changes) {
    let number = &refund.out_refund_no;
    changes.tasks.push(TaskChange::Remove(key(
        TaskKind::SendRefund,
        payment,
        number,
    )));
    changes.tasks.push(if refund.state.is_unresolved() {
        let due_at = now.plus_ms(query_delay_ms(0));
        TaskChange::PutIfAbsent(task(TaskKind::QueryRefund, payment, number, due_at))
    } else {
        TaskChange::Remove(key(TaskKind::QueryRefund, payment, number))
    });
}
