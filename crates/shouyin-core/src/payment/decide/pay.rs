//! The payer wants to pay: place the order at WeChat, or hand out the prepay id that is there.

use super::{TaskRun, close_now, key, leased, task};
use crate::id::{Appid, Openid, OutTradeNo, PrepayId, Route};
use crate::outcome::{Outcome, RefusalKind};
use crate::payment::model::{Attempt, AttemptState, Payment, PaymentState, Prepay};
use crate::payment::schedule::{PREPAY_TRIES, query_delay_ms, retry_delay_ms};
use crate::ports::{Changes, Ids, PrepayOrder};
use crate::task::{TaskChange, TaskKind};
use crate::time::Timestamp;

/// More attempts than this for one payment mean that something is wrong with its parameters.
const MAX_ATTEMPTS: usize = 20;

/// What to do for the payer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayDecision {
    /// Hand out this prepay id, of an order that went this way.
    Ready(PrepayId, Route),
    /// Send this order (it is stored, and the task is ours), then look again.
    Send {
        /// The order.
        order: Box<PrepayOrder>,
        /// The task we hold.
        run: TaskRun,
    },
    /// The payer may still hold a cashier with terms that were revised: see these orders closed (the tasks are ours), then
    /// look again.
    CloseFirst(Vec<TaskRun>),
    /// It is paid already.
    Paid,
    /// It cannot be paid.
    Refused(PayRefused),
}

/// Why a payer cannot pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayRefused {
    /// It belongs to another app or another payer. Told as "not found", so that ids cannot be guessed.
    NotYours,
    /// It is closed or being closed.
    Closed,
    /// Its time is up.
    Expired,
    /// WeChat refused every attempt so far.
    TooManyAttempts,
}

fn order(payment: &Payment, attempt: &Attempt) -> PrepayOrder {
    PrepayOrder {
        mchid: payment.mchid.clone(),
        appid: payment.appid.clone(),
        route: attempt.route.clone(),
        out_trade_no: attempt.out_trade_no.clone(),
        amount: attempt.amount,
        description: attempt.description.clone(),
        attach: attempt.attach.clone(),
        payer: attempt.payer.clone(),
        time_expire: attempt.expires_at,
    }
}

/// Decides what a payer gets. The first payer to ask becomes the payer; everybody else is refused from then on. `route` is for a
/// new attempt; those that exist keep theirs.
pub fn pay(
    payment: &Payment,
    appid: &Appid,
    payer: &Openid,
    route: &Route,
    now: Timestamp,
    ids: &dyn Ids,
) -> (PayDecision, Changes) {
    let refused = |why| (PayDecision::Refused(why), Changes::default());
    if payment.appid != *appid || payment.payer.as_ref().is_some_and(|known| known != payer) {
        return refused(PayRefused::NotYours);
    }
    match &payment.state {
        PaymentState::Open => {}
        PaymentState::Paid(_) => return (PayDecision::Paid, Changes::default()),
        PaymentState::Closing { .. } | PaymentState::Closed { .. } => {
            return refused(PayRefused::Closed);
        }
    }
    if now >= payment.expires_at {
        return refused(PayRefused::Expired);
    }
    let mut payment = payment.clone();
    payment.payer = Some(payer.clone());
    let (owed, closes): (Vec<_>, Vec<_>) = payment
        .superseded_attempts()
        .map(|old| {
            leased(
                TaskKind::CloseAttempt,
                &payment,
                &old.out_trade_no,
                now,
                ids,
            )
        })
        .unzip();
    if !closes.is_empty() {
        let changes = Changes::tasks(owed.into_iter().map(TaskChange::Put).collect());
        return (PayDecision::CloseFirst(closes), changes);
    }
    let number = match payment.live_attempt() {
        Some(attempt) => {
            if let Some(prepay) = attempt
                .prepay
                .as_ref()
                .filter(|prepay| prepay.is_usable(now))
            {
                // The payer is back at the cashier: ask early again.
                let query = task(
                    TaskKind::QueryAttempt,
                    &payment,
                    Some(&attempt.out_trade_no),
                    now.plus_ms(query_delay_ms(0)),
                );
                let changes = Changes::tasks(vec![TaskChange::Put(query)]);
                return (
                    PayDecision::Ready(prepay.id.clone(), attempt.route.clone()),
                    changes,
                );
            }
            attempt.out_trade_no.clone()
        }
        None if payment.attempts.len() >= MAX_ATTEMPTS => {
            return refused(PayRefused::TooManyAttempts);
        }
        None => {
            let attempt = Attempt {
                out_trade_no: OutTradeNo::fresh(ids, now),
                route: route.clone(),
                payer: payer.clone(),
                amount: payment.amount,
                description: payment.description.clone(),
                attach: payment.attach.clone(),
                expires_at: payment.expires_at,
                state: AttemptState::Recorded,
                prepay: None,
                created_at: now,
                last_sent_at: now,
                sends: 0,
                asked_at: None,
            };
            let number = attempt.out_trade_no.clone();
            payment.attempts.push(attempt);
            number
        }
    };
    let (leased, run) = leased(TaskKind::SendPrepay, &payment, &number, now, ids);
    let sent = mark_sent(&mut payment, &number, now);
    match sent {
        Some(order) => {
            let changes = Changes {
                payment: Some(payment),
                tasks: vec![TaskChange::Put(leased)],
                ..Changes::default()
            };
            (
                PayDecision::Send {
                    order: Box::new(order),
                    run,
                },
                changes,
            )
        }
        None => refused(PayRefused::NotYours),
    }
}

fn mark_sent(
    payment: &mut Payment,
    out_trade_no: &OutTradeNo,
    now: Timestamp,
) -> Option<PrepayOrder> {
    let attempt = payment.attempt_mut(out_trade_no)?;
    attempt.last_sent_at = now;
    attempt.sends = attempt.sends.saturating_add(1);
    let attempt = attempt.clone();
    Some(order(payment, &attempt))
}

/// The worker is about to send a stored order again: note when, or find that it is not wanted any more.
pub fn begin_send(
    payment: &Payment,
    out_trade_no: &OutTradeNo,
    run: &TaskRun,
    now: Timestamp,
) -> (Option<PrepayOrder>, Changes) {
    let wanted = payment.state == PaymentState::Open
        && now < payment.expires_at
        && payment.attempt(out_trade_no).is_some_and(|attempt| {
            attempt.state.is_unresolved()
                && payment.asks_for(attempt)
                && !attempt
                    .prepay
                    .as_ref()
                    .is_some_and(|prepay| prepay.is_usable(now))
        });
    let mut payment = payment.clone();
    let sent = if wanted {
        mark_sent(&mut payment, out_trade_no, now)
    } else {
        None
    };
    let changes = match sent {
        Some(_) => Changes {
            payment: Some(payment),
            ..Changes::default()
        },
        None => Changes::tasks(vec![run.finish()]),
    };
    (sent, changes)
}

/// True if a payer may be given the parameters of this attempt: nothing was closed, revised or paid meanwhile.
pub fn may_be_paid(payment: &Payment, out_trade_no: &OutTradeNo) -> bool {
    payment.state == PaymentState::Open
        && payment
            .attempt(out_trade_no)
            .is_some_and(|attempt| attempt.state.is_unresolved() && payment.asks_for(attempt))
}

/// WeChat answered an order call, or did not.
pub fn on_prepay(
    payment: &Payment,
    out_trade_no: &OutTradeNo,
    outcome: &Outcome<PrepayId>,
    run: &TaskRun,
    now: Timestamp,
    ids: &dyn Ids,
) -> Changes {
    let mut payment = payment.clone();
    // Closed or revised while the request was on its way.
    let unwanted = payment.state != PaymentState::Open
        || payment
            .attempt(out_trade_no)
            .is_some_and(|attempt| !payment.asks_for(attempt));
    let query_key = |payment: &Payment| key(TaskKind::QueryAttempt, payment, Some(out_trade_no));
    let ask_now = |payment: &Payment| {
        TaskChange::Put(task(
            TaskKind::QueryAttempt,
            payment,
            Some(out_trade_no),
            now,
        ))
    };
    let Some(attempt) = payment
        .attempt_mut(out_trade_no)
        .filter(|attempt| attempt.state.is_unresolved())
    else {
        // Paid or closed while the answer was on its way: nothing is owed for it.
        return Changes::tasks(vec![run.finish()]);
    };
    match outcome {
        Outcome::Succeeded(prepay_id) => {
            attempt.state = AttemptState::Open;
            attempt.prepay = Some(Prepay {
                id: prepay_id.clone(),
                obtained_at: now,
            });
            let mut tasks = vec![
                run.finish(),
                TaskChange::Put(task(
                    TaskKind::QueryAttempt,
                    &payment,
                    Some(out_trade_no),
                    now.plus_ms(query_delay_ms(0)),
                )),
            ];
            if unwanted {
                tasks.push(TaskChange::Put(task(
                    TaskKind::CloseAttempt,
                    &payment,
                    Some(out_trade_no),
                    now,
                )));
            }
            Changes {
                payment: Some(payment),
                tasks,
                ..Changes::default()
            }
        }
        Outcome::Rejected(refusal) => match refusal.kind {
            // WeChat has the order and it is final there: its state is asked for, not assumed.
            RefusalKind::OrderPaid | RefusalKind::OrderClosed => {
                Changes::tasks(vec![run.finish(), ask_now(&payment)])
            }
            RefusalKind::OrderNotExist
            | RefusalKind::NumberUsed
            | RefusalKind::NotEnough
            | RefusalKind::RateLimited
            | RefusalKind::Other => {
                if !refusal.verified {
                    // Told to the caller; the number stays, for when the cause is fixed.
                    return Changes::tasks(vec![run.finish()]);
                }
                if attempt.sends > 1 || attempt.prepay.is_some() {
                    // An earlier request under this number may have been taken: this refusal does not speak for it.
                    return Changes::tasks(vec![run.finish(), ask_now(&payment)]);
                }
                attempt.state = AttemptState::Rejected {
                    code: refusal.code.clone(),
                };
                let mut changes =
                    Changes::tasks(vec![run.finish(), TaskChange::Remove(query_key(&payment))]);
                // It was the last order that kept a payment from being closed.
                if let PaymentState::Closing { reason } = payment.state
                    && payment.all_resolved()
                {
                    close_now(&mut payment, reason, now, ids, &mut changes);
                }
                changes.payment = Some(payment);
                changes
            }
        },
        Outcome::Blocked(_) | Outcome::Unknown(_) => {
            let tries = run.tries.saturating_add(1);
            let next = if tries < PREPAY_TRIES && !unwanted {
                run.again_after(retry_delay_ms(tries), now)
            } else {
                run.finish()
            };
            Changes::tasks(vec![next])
        }
    }
}
