//! The use cases of payments. Each is one store call that loads under the lock, decides and saves; then the tasks it made
//! are run at once, for speed. If this process dies in between, the worker loop finishes them.

use std::sync::Arc;

use super::decide::{
    self, Asker, ChargeDecision, CreateError, Created, NewPayment, PayDecision, PayRefused,
    ReviseError, Revision,
};
use super::model::{CloseReason, Payment, PaymentState};
use super::view::PaymentView;
use crate::id::{Appid, CodeUrl, H5Url, Mchid, Openid, OutTradeNo, PaymentId, Route};
use crate::idempotency::{Idempotency, IdempotencyRecord, Used};
use crate::outcome::{Doubt, Outcome, Refusal, RefusalKind};
use crate::ports::{
    AppPayment, Changes, Invocation, Load, NotConfigured, NotServed, PaymentKey, Ports,
    RequestPayment, ScannedCode, StoreError, transact,
};
use crate::product::{Handle, Product};
use crate::worker;

/// How an answer to `create` came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateAnswer {
    /// A new payment, or the one that the same request had made before.
    Payment(Box<Created>),
    /// The same idempotency key and body: the first answer again.
    Replay {
        /// Its HTTP status.
        status: u16,
        /// Its body.
        body: String,
    },
    /// The same idempotency key with another body.
    KeyConflict,
    /// The merchant does not take such payments in this app.
    NotServed(NotServed),
    /// Refused by the rules.
    Refused(CreateError),
}

/// HTTP status of the answer to a request that made a payment.
const CREATED: u16 = 201;
/// HTTP status of the answer to a request whose payment was there already.
const FOUND: u16 = 200;

/// The merchant asks to be paid.
pub async fn create(
    ports: &Ports,
    new: NewPayment,
    idempotency: Idempotency,
) -> Result<CreateAnswer, StoreError> {
    if let Err(why) = ports.acquirer.serves(&new.mchid, &new.appid, new.product) {
        return Ok(CreateAnswer::NotServed(why));
    }
    let load = Load {
        payment: Some(PaymentKey::OrderNo(new.mchid.clone(), new.order_no.clone())),
        idempotency: Some((new.mchid.clone(), idempotency.key.clone())),
        ..Load::default()
    };
    let (now, ids) = (ports.clock.now(), Arc::clone(&ports.ids));
    transact(&*ports.store, load, move |loaded| {
        if let Some(earlier) = loaded.idempotency {
            let answer = match earlier.judge(&idempotency) {
                Used::Replay { status, body } => CreateAnswer::Replay { status, body },
                Used::Conflict => CreateAnswer::KeyConflict,
            };
            return (answer, Changes::default());
        }
        match decide::create(loaded.payment.as_ref(), &new, now, &*ids) {
            Err(refused) => (CreateAnswer::Refused(refused), Changes::default()),
            Ok((created, mut changes)) => {
                changes.idempotency = Some(IdempotencyRecord {
                    mchid: new.mchid,
                    key: idempotency.key,
                    fingerprint: idempotency.fingerprint,
                    status: if created.is_new { CREATED } else { FOUND },
                    body: PaymentView::from(&created.payment).to_json(),
                    created_at: now,
                });
                (CreateAnswer::Payment(Box::new(created)), changes)
            }
        }
    })
    .await
}

/// The means to pay, by product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Means {
    /// For a mini program or a page inside WeChat.
    RequestPayment(RequestPayment),
    /// For a mobile app.
    App(AppPayment),
    /// To be shown as a QR code.
    CodeUrl(CodeUrl),
    /// Where the browser goes.
    H5Url(H5Url),
}

/// What a payer gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayAnswer {
    /// The means to pay.
    Ready(Means),
    /// Paid already.
    Paid,
    /// It cannot be paid.
    Refused(PayRefused),
    /// No such payment.
    NotFound,
    /// WeChat will not take the order.
    Rejected(Refusal),
    /// WeChat gave no usable answer: try again; the order number stays the same.
    Unavailable(String),
}

/// Why a use case broke off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The configuration changed under a stored payment.
    #[error(transparent)]
    NotConfigured(#[from] NotConfigured),
}

/// Somebody wants the means to pay: a payer who taps, or the merchant's backend for one. Any number of times, on any number of
/// devices, this leads to one order at WeChat.
pub async fn pay(ports: &Ports, id: &PaymentId, asker: &Asker) -> Result<PayAnswer, ServiceError> {
    match pay_once(ports, id, asker).await? {
        Step::Answer(answer) => Ok(answer),
        // Closed now, or paid: either way there is something to say. If WeChat did not answer, the payer taps again.
        Step::LookAgain => match pay_once(ports, id, asker).await? {
            Step::Answer(answer) => Ok(answer),
            Step::LookAgain => Ok(PayAnswer::Unavailable(
                "an earlier order is still being settled at WeChat".into(),
            )),
        },
    }
}

/// How one look at a payment ended for the payer.
enum Step {
    Answer(PayAnswer),
    /// WeChat was asked to close or to tell about an earlier order: look again.
    LookAgain,
}

/// Makes a handle ready for whoever needs it.
fn means(
    ports: &Ports,
    (mchid, appid): (&Mchid, &Appid),
    product: Product,
    route: &Route,
    handle: Handle,
) -> Result<Means, NotConfigured> {
    Ok(match handle {
        Handle::CodeUrl(url) => Means::CodeUrl(url),
        Handle::H5Url(url) => Means::H5Url(url),
        Handle::PrepayId(id) => match ports.acquirer.invoke(mchid, appid, product, route, &id)? {
            Invocation::RequestPayment(parameters) => Means::RequestPayment(parameters),
            Invocation::App(parameters) => Means::App(parameters),
        },
    })
}

async fn pay_once(ports: &Ports, id: &PaymentId, asker: &Asker) -> Result<Step, ServiceError> {
    let load = Load {
        payment: Some(PaymentKey::AnyId(id.clone())),
        ..Load::default()
    };
    let (now, ids) = (ports.clock.now(), Arc::clone(&ports.ids));
    let who = asker.clone();
    let acquirer = Arc::clone(&ports.acquirer);
    let decided = transact(&*ports.store, load, move |loaded| match loaded.payment {
        None => (None, Changes::default()),
        Some(payment) => {
            let route = acquirer.route(&payment.mchid, payment.product);
            let (decision, changes) = decide::pay(&payment, &who, &route, now, &*ids);
            let of = (payment.mchid, payment.appid, payment.product);
            (Some((of, decision)), changes)
        }
    })
    .await?;
    let Some(((mchid, appid, product), decision)) = decided else {
        return Ok(Step::Answer(PayAnswer::NotFound));
    };
    let (order, run) = match decision {
        PayDecision::Ready(handle, route) => {
            let means = means(ports, (&mchid, &appid), product, &route, handle)?;
            return Ok(Step::Answer(PayAnswer::Ready(means)));
        }
        PayDecision::Paid => return Ok(Step::Answer(PayAnswer::Paid)),
        PayDecision::Refused(why) => return Ok(Step::Answer(PayAnswer::Refused(why))),
        PayDecision::CloseFirst(runs) => {
            for run in runs {
                worker::run(ports, &mchid, run).await?;
            }
            return Ok(Step::LookAgain);
        }
        PayDecision::Send { order, run } => (order, run),
    };
    let (outcome, may_be_paid) = worker::send_prepay(ports, &order, &run).await?;
    if let Outcome::Rejected(Refusal {
        kind: RefusalKind::OrderPaid | RefusalKind::OrderClosed,
        ..
    }) = &outcome
    {
        worker::query_now(ports, &mchid, id, &order.out_trade_no).await?;
        return Ok(Step::LookAgain);
    }
    Ok(Step::Answer(match outcome {
        // Paid, closed or revised while the order was on its way: its parameters are nobody's any more.
        Outcome::Succeeded(_) if !may_be_paid => {
            PayAnswer::Unavailable("the payment changed meanwhile".into())
        }
        Outcome::Succeeded(handle) => PayAnswer::Ready(means(
            ports,
            (&mchid, &appid),
            product,
            &order.route,
            handle,
        )?),
        Outcome::Rejected(refusal) => PayAnswer::Rejected(refusal),
        Outcome::Blocked(Refusal { code, .. }) => {
            PayAnswer::Unavailable(format!("WeChat is busy ({code})"))
        }
        Outcome::Unknown(Doubt { reason, .. }) => PayAnswer::Unavailable(reason),
    }))
}

/// How a charge by payment code ended, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeAnswer {
    /// Paid.
    Paid,
    /// The payer is typing a password, or nobody knows yet. It is asked for, and taken back if it takes too long; an event
    /// tells how it ended.
    Paying,
    /// This code brought no money. A fresh one may be scanned at once.
    Failed(Option<Refusal>),
    /// It cannot be paid.
    Refused(PayRefused),
    /// No such payment.
    NotFound,
}

/// The till has scanned a payer's code: charges it, once. While an earlier code of this payment is being settled no other is charged.
pub async fn charge(
    ports: &Ports,
    mchid: &Mchid,
    id: &PaymentId,
    code: &ScannedCode,
) -> Result<ChargeAnswer, ServiceError> {
    let key = PaymentKey::Id(mchid.clone(), id.clone());
    let load = Load {
        payment: Some(key.clone()),
        ..Load::default()
    };
    let (now, ids) = (ports.clock.now(), Arc::clone(&ports.ids));
    let (acquirer, who) = (Arc::clone(&ports.acquirer), mchid.clone());
    let decided = transact(&*ports.store, load, move |loaded| match loaded.payment {
        None => (None, Changes::default()),
        Some(payment) => {
            let route = acquirer.route(&who, payment.product);
            let (decision, changes) = decide::charge(&payment, &who, &route, now, &*ids);
            (Some(decision), changes)
        }
    })
    .await?;
    let order = match decided {
        None => return Ok(ChargeAnswer::NotFound),
        Some(ChargeDecision::Paid) => return Ok(ChargeAnswer::Paid),
        Some(ChargeDecision::Refused(why)) => return Ok(ChargeAnswer::Refused(why)),
        Some(ChargeDecision::Settling(number)) => {
            worker::query_now(ports, mchid, id, &number).await?;
            return settled(ports, key, &number, None).await;
        }
        Some(ChargeDecision::Send(order)) => order,
    };
    let outcome = ports.acquirer.charge(&order, code).await;
    let refusal = match &outcome {
        Outcome::Rejected(refusal) | Outcome::Blocked(refusal) => Some(refusal.clone()),
        Outcome::Succeeded(_) | Outcome::Unknown(_) => None,
    };
    let load = Load {
        payment: Some(key.clone()),
        ..Load::default()
    };
    let (now, ids) = (ports.clock.now(), Arc::clone(&ports.ids));
    let (number, policy) = (order.out_trade_no.clone(), ports.policies.of(mchid));
    transact(&*ports.store, load, move |loaded| match loaded.payment {
        None => ((), Changes::default()),
        Some(payment) => {
            let changes = decide::on_charge(&payment, &number, &outcome, policy, now, &*ids);
            ((), changes)
        }
    })
    .await?;
    settled(ports, key, &order.out_trade_no, refusal).await
}

/// What is stored about a charge now.
async fn settled(
    ports: &Ports,
    key: PaymentKey,
    number: &OutTradeNo,
    refusal: Option<Refusal>,
) -> Result<ChargeAnswer, ServiceError> {
    let Some(payment) = ports.store.payment(key).await? else {
        return Ok(ChargeAnswer::NotFound);
    };
    if matches!(payment.state, PaymentState::Paid(_)) {
        return Ok(ChargeAnswer::Paid);
    }
    let is_open = payment
        .attempt(number)
        .is_some_and(|attempt| attempt.state.is_unresolved());
    Ok(if is_open {
        ChargeAnswer::Paying
    } else {
        ChargeAnswer::Failed(refusal)
    })
}

/// How a revision ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReviseAnswer {
    /// The payment as it is now.
    Payment(Box<Payment>),
    /// No such payment.
    NotFound,
    /// Refused by the rules.
    Refused(ReviseError),
}

/// The merchant changes what it asks for. Orders with the former terms are closed at WeChat; the next tap opens a new one.
pub async fn revise(
    ports: &Ports,
    mchid: &Mchid,
    id: &PaymentId,
    revision: Revision,
) -> Result<ReviseAnswer, ServiceError> {
    let key = PaymentKey::Id(mchid.clone(), id.clone());
    let load = Load {
        payment: Some(key.clone()),
        ..Load::default()
    };
    let (now, ids) = (ports.clock.now(), Arc::clone(&ports.ids));
    let decided = transact(&*ports.store, load, move |loaded| match loaded.payment {
        None => (None, Changes::default()),
        Some(payment) => match decide::revise(&payment, &revision, now, &*ids) {
            Ok((runs, changes)) => (Some(Ok(runs)), changes),
            Err(refused) => (Some(Err(refused)), Changes::default()),
        },
    })
    .await?;
    let runs = match decided {
        None => return Ok(ReviseAnswer::NotFound),
        Some(Err(refused)) => return Ok(ReviseAnswer::Refused(refused)),
        Some(Ok(runs)) => runs,
    };
    for run in runs {
        worker::run(ports, mchid, run).await?;
    }
    Ok(match ports.store.payment(key).await? {
        Some(payment) => ReviseAnswer::Payment(Box::new(payment)),
        None => ReviseAnswer::NotFound,
    })
}

/// Asks WeChat now about everything that is not final, and returns the payment as it is then.
/// `none` if there is no such payment.
pub async fn sync(ports: &Ports, key: PaymentKey) -> Result<Option<Payment>, ServiceError> {
    let Some(payment) = ports.store.payment(key).await? else {
        return Ok(None);
    };
    let open: Vec<OutTradeNo> = payment
        .attempts
        .iter()
        .filter(|attempt| attempt.state.is_unresolved() && attempt.sends > 0)
        .map(|attempt| attempt.out_trade_no.clone())
        .collect();
    if open.is_empty() {
        return Ok(Some(payment));
    }
    for out_trade_no in open {
        worker::query_now(ports, &payment.mchid, &payment.id, &out_trade_no).await?;
    }
    let key = PaymentKey::AnyId(payment.id);
    Ok(ports.store.payment(key).await?)
}

/// Closes a payment at WeChat. Returns it as it is after one round of asking: `closed`, or `closing` if WeChat has not
/// confirmed yet, or `paid` if the payer was quicker. `none` if there is no such payment.
pub async fn close(
    ports: &Ports,
    mchid: &Mchid,
    id: &PaymentId,
) -> Result<Option<Payment>, ServiceError> {
    let key = PaymentKey::Id(mchid.clone(), id.clone());
    let load = Load {
        payment: Some(key.clone()),
        ..Load::default()
    };
    let (now, ids) = (ports.clock.now(), Arc::clone(&ports.ids));
    let runs = transact(&*ports.store, load, move |loaded| match loaded.payment {
        None => (None, Changes::default()),
        Some(payment) => {
            let (runs, changes) =
                decide::request_close(&payment, CloseReason::Merchant, now, &*ids);
            (Some(runs), changes)
        }
    })
    .await?;
    let Some(runs) = runs else { return Ok(None) };
    for run in runs {
        worker::run(ports, mchid, run).await?;
    }
    Ok(ports.store.payment(key).await?)
}

/// What a mini-program user may see of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It may be shown.
    Payment(Box<Payment>),
    /// It does not exist, or not for this user.
    NotFound,
}

/// Judges whether a user may see a payment: it is of their app, and nobody else has begun to pay it.
pub fn visible_to(payment: Option<Payment>, appid: &Appid, payer: &Openid) -> Seen {
    match payment {
        Some(payment)
            if payment.appid == *appid
                && payment.payer.as_ref().is_none_or(|known| known == payer) =>
        {
            Seen::Payment(Box::new(payment))
        }
        _ => Seen::NotFound,
    }
}

/// The payer asks "is it paid?": asks WeChat unless the state is final.
pub async fn confirm(
    ports: &Ports,
    id: &PaymentId,
    appid: &Appid,
    payer: &Openid,
) -> Result<Seen, ServiceError> {
    let found = ports.store.payment(PaymentKey::AnyId(id.clone())).await?;
    match visible_to(found, appid, payer) {
        Seen::Payment(payment) => match payment.state {
            PaymentState::Paid(_) | PaymentState::Closed { .. } => Ok(Seen::Payment(payment)),
            PaymentState::Open | PaymentState::Closing { .. } => {
                let after = sync(ports, PaymentKey::AnyId(id.clone())).await?;
                Ok(visible_to(after, appid, payer))
            }
        },
        Seen::NotFound => Ok(Seen::NotFound),
    }
}
