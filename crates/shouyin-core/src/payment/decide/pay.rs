//! The payer wants to pay: place the order at WeChat, or hand out the handle that is there.

use super::{TaskRun, close_if_resolved, key, leased, task};
use crate::id::{Appid, Mchid, Openid, OutTradeNo, Route};
use crate::outcome::{Outcome, RefusalKind};
use crate::payment::model::{Attempt, AttemptState, Payment, PaymentState, Prepay};
use crate::payment::schedule::{PREPAY_TRIES, query_delay_ms, retry_delay_ms};
use crate::ports::{Changes, Ids, PrepayOrder};
use crate::product::{AskedBy, H5Scene, Handle, Product};
use crate::task::{TaskChange, TaskKind};
use crate::time::Timestamp;

/// More attempts than this for one payment mean that something is wrong with its parameters.
pub(super) const MAX_ATTEMPTS: usize = 20;

/// Who asks for the means to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asker {
    /// A user with a session.
    Payer {
        /// Of which app.
        appid: Appid,
        /// Who.
        openid: Openid,
    },
    /// The merchant's backend, for whoever gets the code, the address or the parameters.
    Merchant {
        /// Which.
        mchid: Mchid,
        /// Where the payer's browser is; for [`Product::H5`].
        scene: Option<H5Scene>,
    },
}

impl Asker {
    /// Whether this asker may have the means to pay this payment.
    fn check(&self, payment: &Payment) -> Result<(), PayRefused> {
        match self {
            Self::Payer { appid, openid } => {
                if payment.appid != *appid
                    || payment.payer.as_ref().is_some_and(|known| known != openid)
                {
                    Err(PayRefused::NotYours)
                } else if payment.product.asked_by() == AskedBy::Payer {
                    Ok(())
                } else {
                    Err(PayRefused::OtherProduct(payment.product))
                }
            }
            Self::Merchant { mchid, scene } => {
                if payment.mchid != *mchid {
                    Err(PayRefused::NotYours)
                } else if payment.product.asked_by() != AskedBy::Merchant {
                    Err(PayRefused::OtherProduct(payment.product))
                } else if (payment.product == Product::H5) != scene.is_some() {
                    Err(PayRefused::SceneNeeded)
                } else {
                    Ok(())
                }
            }
        }
    }

    fn openid(&self) -> Option<&Openid> {
        match self {
            Self::Payer { openid, .. } => Some(openid),
            Self::Merchant { .. } => None,
        }
    }
}

/// What to do for the payer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayDecision {
    /// Hand out this handle, of an order that went this way.
    Ready(Handle, Route),
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
    /// It is paid in another way than this asker can help with.
    OtherProduct(Product),
    /// A browser outside WeChat needs to be told of, and only that.
    SceneNeeded,
    /// WeChat refused every attempt so far.
    TooManyAttempts,
}

pub(super) fn order(payment: &Payment, attempt: &Attempt) -> PrepayOrder {
    PrepayOrder {
        mchid: payment.mchid.clone(),
        appid: payment.appid.clone(),
        product: payment.product,
        route: attempt.route.clone(),
        out_trade_no: attempt.out_trade_no.clone(),
        amount: attempt.amount,
        description: attempt.description.clone(),
        attach: attempt.attach.clone(),
        payer: attempt.payer.clone(),
        scene: attempt.scene,
        time_expire: attempt.expires_at,
    }
}

/// A new attempt at what the payment asks for now, stored before it is sent for the first time.
pub(super) fn new_attempt(
    payment: &Payment,
    payer: Option<Openid>,
    route: &Route,
    now: Timestamp,
    ids: &dyn Ids,
) -> Attempt {
    Attempt {
        out_trade_no: OutTradeNo::fresh(ids, now),
        route: route.clone(),
        payer,
        scene: payment.scene,
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
        reversing_since: None,
    }
}

/// What can be said without looking at the attempts: it is over, one way or the other.
pub(super) fn settled(payment: &Payment, now: Timestamp) -> Option<PayDecision> {
    match &payment.state {
        PaymentState::Open if now < payment.expires_at => None,
        PaymentState::Open => Some(PayDecision::Refused(PayRefused::Expired)),
        PaymentState::Paid(_) => Some(PayDecision::Paid),
        PaymentState::Closing { .. } | PaymentState::Closed { .. } => {
            Some(PayDecision::Refused(PayRefused::Closed))
        }
    }
}

/// Decides what a payer gets. The first user to ask becomes the payer; everybody else is refused from then on. `route` is for a
/// new attempt; those that exist keep theirs.
pub fn pay(
    payment: &Payment,
    asker: &Asker,
    route: &Route,
    now: Timestamp,
    ids: &dyn Ids,
) -> (PayDecision, Changes) {
    let refused = |why| (PayDecision::Refused(why), Changes::default());
    if let Err(why) = asker.check(payment) {
        return refused(why);
    }
    if let Some(decision) = settled(payment, now) {
        return (decision, Changes::default());
    }
    let before = payment;
    let mut payment = payment.clone();
    match asker {
        Asker::Payer { openid, .. } => payment.payer = Some(openid.clone()),
        // From another network the payer needs another order: WeChat compares the address.
        Asker::Merchant { scene, .. } => payment.scene = *scene,
    }
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
        let changes = Changes {
            tasks: owed.into_iter().map(TaskChange::Put).collect(),
            ..changed(before, payment)
        };
        return (PayDecision::CloseFirst(closes), changes);
    }
    // Nobody can hold a cashier of these, but WeChat may have them.
    let unanswered: Vec<_> = payment
        .attempts
        .iter()
        .filter(|old| old.state.is_unresolved() && !payment.asks_for(old))
        .map(|old| {
            TaskChange::PutIfAbsent(task(
                TaskKind::CloseAttempt,
                &payment,
                Some(&old.out_trade_no),
                now,
            ))
        })
        .collect();
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
                    PayDecision::Ready(prepay.handle.clone(), attempt.route.clone()),
                    changes,
                );
            }
            attempt.out_trade_no.clone()
        }
        None if payment.attempts.len() >= MAX_ATTEMPTS => {
            return refused(PayRefused::TooManyAttempts);
        }
        None => {
            let attempt = new_attempt(&payment, asker.openid().cloned(), route, now, ids);
            let number = attempt.out_trade_no.clone();
            payment.attempts.push(attempt);
            number
        }
    };
    let (leased, run) = leased(TaskKind::SendPrepay, &payment, &number, now, ids);
    let sent = mark_sent(&mut payment, &number, now);
    match sent {
        Some(order) => {
            let mut tasks = unanswered;
            tasks.push(TaskChange::Put(leased));
            let changes = Changes {
                payment: Some(payment),
                tasks,
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

/// The payment, if it is another than before.
fn changed(before: &Payment, after: Payment) -> Changes {
    Changes {
        payment: (after != *before).then_some(after),
        ..Changes::default()
    }
}

pub(super) fn mark_sent(
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
    outcome: &Outcome<Handle>,
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
        Outcome::Succeeded(handle) => {
            attempt.state = AttemptState::Open;
            attempt.prepay = Some(Prepay {
                handle: handle.clone(),
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
            | RefusalKind::CodeRefused
            | RefusalKind::TooLateToReverse
            | RefusalKind::RateLimited
            | RefusalKind::NotYet
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
                close_if_resolved(&mut payment, now, ids, &mut changes);
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
