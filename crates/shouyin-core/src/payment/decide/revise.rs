//! The merchant changes what it asks for: the order that a payer may already have at WeChat is closed there, and the next
//! tap opens one with a new number.

use fen::Fen;

use super::create::{check_amount, check_texts};
use super::{CreateError, TaskRun, event, leased};
use crate::event::EventType;
use crate::payment::model::{Payment, PaymentState};
use crate::ports::{Changes, Ids};
use crate::product::Product;
use crate::task::{TaskChange, TaskKind};
use crate::time::Timestamp;

/// What is asked for from now on. What is not named stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Revision {
    /// In fen.
    pub amount: Option<Fen>,
    /// Shown to the payer.
    pub description: Option<String>,
    /// The shop's own text.
    pub attach: Option<String>,
}

/// Why it cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReviseError {
    /// A field is out of its limits.
    #[error(transparent)]
    Invalid(CreateError),
    /// The money is here already.
    #[error("it is paid already")]
    Paid,
    /// It is closed or being closed.
    #[error("it is closed or being closed")]
    Closed,
}

/// Changes an open payment. Returns the close calls to make now, whose tasks the caller holds.
pub fn revise(
    payment: &Payment,
    revision: &Revision,
    now: Timestamp,
    ids: &dyn Ids,
) -> Result<(Vec<TaskRun>, Changes), ReviseError> {
    match payment.state {
        PaymentState::Open => {}
        PaymentState::Paid(_) => return Err(ReviseError::Paid),
        PaymentState::Closing { .. } | PaymentState::Closed { .. } => {
            return Err(ReviseError::Closed);
        }
    }
    let mut revised = payment.clone();
    if let Some(amount) = revision.amount {
        check_amount(amount).map_err(ReviseError::Invalid)?;
        revised.amount = amount;
    }
    if let Some(description) = &revision.description {
        revised.description = description.clone();
    }
    if let Some(attach) = &revision.attach {
        revised.attach = Some(attach.clone());
    }
    check_texts(&revised.description, revised.attach.as_deref()).map_err(ReviseError::Invalid)?;
    if revised == *payment {
        return Ok((vec![], Changes::default()));
    }
    take_back_superseded_charges(&mut revised, now);
    let mut changes = Changes {
        events: vec![event(EventType::PaymentRevised, &revised, now, ids)],
        ..Changes::default()
    };
    let mut runs = Vec::new();
    for attempt in revised
        .attempts
        .iter()
        .filter(|attempt| attempt.state.is_unresolved() && !revised.asks_for(attempt))
    {
        let (owed, run) = leased(
            TaskKind::CloseAttempt,
            &revised,
            &attempt.out_trade_no,
            now,
            ids,
        );
        changes.tasks.push(TaskChange::Put(owed));
        runs.push(run);
    }
    changes.payment = Some(revised);
    Ok((runs, changes))
}

/// A code that is being charged brings the former amount, and the till waits for its end before it scans another one. It is taken
/// back, decided here and now: counted as surplus, the till could be told only that it brought no money, which is not true.
fn take_back_superseded_charges(revised: &mut Payment, now: Timestamp) {
    if revised.product != Product::Code {
        return;
    }
    let terms = revised.clone();
    for attempt in &mut revised.attempts {
        if attempt.state.is_unresolved() && !terms.asks_for(attempt) {
            attempt.reversing_since.get_or_insert(now);
        }
    }
}
