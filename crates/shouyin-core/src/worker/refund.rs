//! The steps of refunds.

use std::sync::Arc;

use super::{apply, forget};
use crate::id::OutRefundNo;
use crate::payment::decide::TaskRun;
use crate::payment::{AttemptState, Payment};
use crate::ports::{Changes, Load, PaymentKey, Ports, RefundAt, RefundOrder, StoreError, transact};
use crate::refund::decide;

/// Asks WeChat for a stored refund and stores the answer.
pub(crate) async fn send(
    ports: &Ports,
    order: &RefundOrder,
    run: &TaskRun,
) -> Result<(), StoreError> {
    let outcome = ports.acquirer.refund(order).await;
    let (now, ids) = (ports.clock.now(), Arc::clone(&ports.ids));
    let (number, held) = (order.out_refund_no.clone(), run.clone());
    apply(ports, run, move |payment| {
        let changes = decide::on_sent(payment, &number, &outcome, &held, now, &*ids);
        ((), changes)
    })
    .await
}

/// A stored refund is to be sent, for the first time or because nobody knows how the last call ended.
pub(super) async fn send_again(
    ports: &Ports,
    number: &OutRefundNo,
    run: &TaskRun,
) -> Result<(), StoreError> {
    let now = ports.clock.now();
    let (out_refund_no, held) = (number.clone(), run.clone());
    let order = apply(ports, run, move |payment| {
        decide::begin_send(payment, &out_refund_no, &held, now)
    })
    .await?;
    match order {
        Some(order) => send(ports, &order, run).await,
        None => Ok(()),
    }
}

/// Where to ask for a refund. None: there is no such payment any more; its task is removed.
async fn refund_at(
    ports: &Ports,
    number: &OutRefundNo,
    run: &TaskRun,
) -> Result<Option<RefundAt>, StoreError> {
    let found = match run.key.subject.payment_id() {
        Some(id) => ports.store.payment(PaymentKey::AnyId(id.clone())).await?,
        None => None,
    };
    let refund = found.and_then(|payment| {
        let attempt = match payment.refund(number) {
            Some(refund) => payment.attempt(&refund.out_trade_no)?,
            // Made in WeChat's console: it went the way that its order went.
            None => payment
                .attempts
                .iter()
                .find(|attempt| matches!(attempt.state, AttemptState::Paid { .. }))?,
        };
        Some(RefundAt {
            route: attempt.route.clone(),
            mchid: payment.mchid.clone(),
            appid: payment.appid.clone(),
            out_refund_no: number.clone(),
        })
    });
    if refund.is_none() {
        forget(ports, run).await?;
    }
    Ok(refund)
}

pub(super) async fn query(
    ports: &Ports,
    number: &OutRefundNo,
    run: &TaskRun,
) -> Result<(), StoreError> {
    let Some(refund) = refund_at(ports, number, run).await? else {
        return Ok(());
    };
    let outcome = ports.acquirer.query_refund(&refund).await;
    let (now, ids) = (ports.clock.now(), Arc::clone(&ports.ids));
    let (out_refund_no, held) = (number.clone(), run.clone());
    apply(ports, run, move |payment| {
        let changes = decide::on_query(payment, &out_refund_no, &outcome, &held, now, &*ids);
        ((), changes)
    })
    .await
}

/// Asks WeChat about a refund now, on behalf of a client who waits.
pub(crate) async fn query_now(
    ports: &Ports,
    payment: &Payment,
    number: &OutRefundNo,
) -> Result<(), StoreError> {
    let load = Load {
        payment: Some(PaymentKey::AnyId(payment.id.clone())),
        ..Load::default()
    };
    let (now, ids) = (ports.clock.now(), Arc::clone(&ports.ids));
    let out_refund_no = number.clone();
    let run = transact(&*ports.store, load, move |loaded| match loaded.payment {
        Some(payment) => decide::ask_now(&payment, &out_refund_no, now, &*ids),
        None => (None, Changes::default()),
    })
    .await?;
    match run {
        Some(run) => query(ports, number, &run).await,
        None => Ok(()),
    }
}
