//! The use cases of refunds. Each is one store call that loads under the lock, decides and saves; then the task it made is run
//! at once, for speed. If this process dies in between, the worker loop finishes it.

use std::sync::Arc;

use super::decide::{self, NewRefund, RefundError, Requested};
use super::model::Refund;
use crate::id::{Mchid, OutRefundNo, RefundId};
use crate::outcome::Outcome;
use crate::payment::Payment;
use crate::ports::{Changes, Load, PaymentKey, Ports, RefundFact, Remedy, StoreError, transact};
use crate::worker;

/// A refund together with its payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The payment.
    pub payment: Payment,
    /// The refund.
    pub refund: Refund,
}

impl Found {
    fn of(payment: Payment, is_it: impl Fn(&Refund) -> bool) -> Option<Self> {
        let refund = payment.refunds.iter().find(|refund| is_it(refund))?.clone();
        Some(Self { payment, refund })
    }
}

/// How a request for a refund ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateAnswer {
    /// Recorded, and asked for at WeChat unless another refund of the order was sent less than a minute ago.
    Refund {
        /// As it is now.
        found: Box<Found>,
        /// False if the same request had made it before.
        is_new: bool,
    },
    /// No such payment.
    NotFound,
    /// Refused by the rules.
    Refused(RefundError),
}

/// The merchant asks for a refund. Asking again under the same `refund_no` is the same refund.
pub async fn create(ports: &Ports, new: NewRefund) -> Result<CreateAnswer, StoreError> {
    let key = PaymentKey::Id(new.mchid.clone(), new.payment_id.clone());
    let load = Load {
        payment: Some(key.clone()),
        ..Load::default()
    };
    let (now, ids) = (ports.clock.now(), Arc::clone(&ports.ids));
    let decided = transact(&*ports.store, load, move |loaded| match loaded.payment {
        None => (None, Changes::default()),
        Some(payment) => match decide::request(&payment, &new, now, &*ids) {
            Ok((requested, changes)) => (Some(Ok(requested)), changes),
            Err(refused) => (Some(Err(refused)), Changes::default()),
        },
    })
    .await?;
    let Requested {
        refund,
        is_new,
        send,
    } = match decided {
        None => return Ok(CreateAnswer::NotFound),
        Some(Err(refused)) => return Ok(CreateAnswer::Refused(refused)),
        Some(Ok(requested)) => requested,
    };
    if let Some((order, run)) = send {
        worker::refund::send(ports, &order, &run).await?;
    }
    let after = ports.store.payment(key).await?;
    Ok(
        match after.and_then(|payment| Found::of(payment, |found| found.id == refund.id)) {
            Some(found) => CreateAnswer::Refund {
                found: Box::new(found),
                is_new,
            },
            None => CreateAnswer::NotFound,
        },
    )
}

/// One refund of a merchant.
pub async fn get(ports: &Ports, mchid: &Mchid, id: &RefundId) -> Result<Option<Found>, StoreError> {
    let key = PaymentKey::Refund(mchid.clone(), id.clone());
    let payment = ports.store.payment(key).await?;
    Ok(payment.and_then(|payment| Found::of(payment, |refund| refund.id == *id)))
}

/// Asks WeChat now, unless the refund is final or was asked for just now; returns it as it is then.
pub async fn sync(
    ports: &Ports,
    mchid: &Mchid,
    id: &RefundId,
) -> Result<Option<Found>, StoreError> {
    match get(ports, mchid, id).await? {
        Some(found) if found.refund.state.is_unresolved() => {
            let number = &found.refund.out_refund_no;
            worker::refund::query_now(ports, &found.payment, number).await?;
            get(ports, mchid, id).await
        }
        known => Ok(known),
    }
}

/// How a request to pay out in another way ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemedyAnswer {
    /// WeChat answered; its answer, and the refund as it is now. `Unknown` is resolved by a query within the minute.
    Asked {
        /// What WeChat said.
        outcome: Box<Outcome<RefundFact>>,
        /// The refund.
        found: Box<Found>,
    },
    /// No such refund.
    NotFound,
    /// It is not abnormal, or WeChat never gave it a number.
    NotAbnormal,
}

/// Asks WeChat to pay an abnormal refund out in another way.
pub async fn remedy(
    ports: &Ports,
    mchid: &Mchid,
    id: &RefundId,
    remedy: Remedy,
) -> Result<RemedyAnswer, StoreError> {
    let key = PaymentKey::Refund(mchid.clone(), id.clone());
    let load = || Load {
        payment: Some(key.clone()),
        ..Load::default()
    };
    let (now, refund_id) = (ports.clock.now(), id.clone());
    let noted = transact(&*ports.store, load(), move |loaded| {
        let found = loaded
            .payment
            .and_then(|payment| Found::of(payment, |refund| refund.id == refund_id));
        match found {
            None => (None, Changes::default()),
            Some(found) => {
                let number = found.refund.out_refund_no.clone();
                match (
                    decide::request_remedy(&found.payment, &number, now),
                    found.refund.wechat_id,
                ) {
                    (Ok(changes), Some(wechat_id)) => (Some(Ok((wechat_id, number))), changes),
                    (Err(not_abnormal), _) => (Some(Err(not_abnormal)), Changes::default()),
                    (Ok(_), None) => (Some(Err(decide::NotAbnormal)), Changes::default()),
                }
            }
        }
    })
    .await?;
    let (wechat_id, number): (_, OutRefundNo) = match noted {
        None => return Ok(RemedyAnswer::NotFound),
        Some(Err(decide::NotAbnormal)) => return Ok(RemedyAnswer::NotAbnormal),
        Some(Ok(noted)) => noted,
    };
    let outcome = ports
        .acquirer
        .remedy_refund(mchid, &wechat_id, &number, &remedy)
        .await;
    let (now, ids, answer) = (ports.clock.now(), Arc::clone(&ports.ids), outcome.clone());
    transact(&*ports.store, load(), move |loaded| match loaded.payment {
        None => ((), Changes::default()),
        Some(payment) => ((), decide::on_remedy(&payment, &answer, now, &*ids)),
    })
    .await?;
    Ok(match get(ports, mchid, id).await? {
        Some(found) => RemedyAnswer::Asked {
            outcome: Box::new(outcome),
            found: Box::new(found),
        },
        None => RemedyAnswer::NotFound,
    })
}
