//! The worker's steps: each runs one task, and leaves the store saying what is owed next. The loop that claims due tasks
//! lives in the server; the simulation drives these same steps.

mod bill;
pub(crate) mod refund;
pub(crate) mod webhook;

use std::sync::Arc;

use crate::id::{Mchid, OutTradeNo, PaymentId};
use crate::outcome::Outcome;
use crate::payment::Payment;
use crate::payment::decide::{self, TaskRun};
use crate::ports::{
    BoxFuture, Changes, Load, OrderAt, PaymentKey, Ports, PrepayOrder, StoreError, transact,
};
use crate::product::Handle;
use crate::task::{LEASE_MS, Lane, Subject, Task, TaskChange, TaskKind};

/// Leases up to `limit` due tasks of a lane. The caller runs each with [`run_task`].
pub async fn claim(ports: &Ports, lane: Lane, limit: u32) -> Result<Vec<Task>, StoreError> {
    let now = ports.clock.now();
    ports
        .store
        .claim_tasks(lane, now, now.plus_ms(LEASE_MS), ports.ids.lease(), limit)
        .await
}

/// Runs one claimed task.
pub async fn run_task(ports: &Ports, task: Task) -> Result<(), StoreError> {
    let Some(lease) = task.lease else {
        return Err(StoreError::Corrupt("a claimed task has no lease".into()));
    };
    run(
        ports,
        &task.mchid,
        TaskRun {
            key: task.key,
            lease,
            tries: task.tries,
        },
    )
    .await
}

/// Runs a task that the caller holds the lease of, and whatever it leads to at once.
pub(crate) fn run<'a>(
    ports: &'a Ports,
    mchid: &'a Mchid,
    run: TaskRun,
) -> BoxFuture<'a, Result<(), StoreError>> {
    Box::pin(async move {
        match (run.key.kind, run.key.subject.clone()) {
            (TaskKind::SendPrepay, Subject::Attempt(_, number)) => {
                send_again(ports, &number, run).await
            }
            (TaskKind::QueryAttempt, Subject::Attempt(_, number)) => {
                query(ports, mchid, &number, &run).await
            }
            (TaskKind::CloseAttempt, Subject::Attempt(_, number)) => {
                close(ports, mchid, &number, &run).await
            }
            (TaskKind::ExpirePayment, Subject::Payment(_)) => expire(ports, mchid, run).await,
            (TaskKind::SendRefund, Subject::Refund(_, number)) => {
                refund::send_again(ports, &number, &run).await
            }
            (TaskKind::QueryRefund, Subject::Refund(_, number)) => {
                refund::query(ports, &number, &run).await
            }
            (TaskKind::DeliverWebhooks, Subject::Endpoint(id)) => {
                webhook::deliver(ports, &id, &run).await
            }
            (TaskKind::FetchBill, Subject::Bill(mchid, date)) => {
                bill::run(ports, &mchid, date, &run).await
            }
            (kind, subject) => Err(StoreError::Corrupt(format!(
                "task {} about {subject:?}",
                kind.as_str()
            ))),
        }
    })
}

/// Loads the run's payment under its lock and applies a decision to it. A task whose payment is gone is removed.
async fn apply<R: Default + Send + 'static>(
    ports: &Ports,
    run: &TaskRun,
    decide: impl FnOnce(&Payment) -> (R, Changes) + Send + 'static,
) -> Result<R, StoreError> {
    let key = run.key.clone();
    let Some(payment_id) = key.subject.payment_id() else {
        return Err(StoreError::Corrupt(format!("task {key:?} has no payment")));
    };
    let load = Load {
        payment: Some(PaymentKey::AnyId(payment_id.clone())),
        ..Load::default()
    };
    transact(&*ports.store, load, move |loaded| match loaded.payment {
        Some(payment) => decide(&payment),
        None => (R::default(), Changes::tasks(vec![TaskChange::Remove(key)])),
    })
    .await
}

/// Places a stored order at WeChat and stores the answer. Also says whether a payer may still use it.
pub(crate) async fn send_prepay(
    ports: &Ports,
    order: &PrepayOrder,
    run: &TaskRun,
) -> Result<(Outcome<Handle>, bool), StoreError> {
    let outcome = ports.acquirer.prepay(order).await;
    let (now, ids) = (ports.clock.now(), Arc::clone(&ports.ids));
    let (number, answer, held) = (order.out_trade_no.clone(), outcome.clone(), run.clone());
    let may_be_paid = apply(ports, run, move |payment| {
        let changes = decide::on_prepay(payment, &number, &answer, &held, now, &*ids);
        (decide::may_be_paid(payment, &number), changes)
    })
    .await?;
    Ok((outcome, may_be_paid))
}

/// Nobody knows how the last order call ended: send the same order under the same number.
async fn send_again(ports: &Ports, number: &OutTradeNo, run: TaskRun) -> Result<(), StoreError> {
    let now = ports.clock.now();
    let (out_trade_no, held) = (number.clone(), run.clone());
    let order = apply(ports, &run, move |payment| {
        decide::begin_send(payment, &out_trade_no, &held, now)
    })
    .await?;
    if let Some(order) = order {
        send_prepay(ports, &order, &run).await?;
    }
    Ok(())
}

/// Where to ask for an attempt. None: there is no such attempt any more; its task is removed.
async fn order_at(
    ports: &Ports,
    number: &OutTradeNo,
    run: &TaskRun,
) -> Result<Option<OrderAt>, StoreError> {
    let found = match run.key.subject.payment_id() {
        Some(id) => ports.store.payment(PaymentKey::AnyId(id.clone())).await?,
        None => None,
    };
    let order = found.and_then(|payment| {
        let attempt = payment.attempt(number)?;
        Some(decide::order_at(&payment, attempt))
    });
    if order.is_none() {
        forget(ports, run).await?;
    }
    Ok(order)
}

/// What the task is about is gone.
async fn forget(ports: &Ports, run: &TaskRun) -> Result<(), StoreError> {
    let changes = Changes::tasks(vec![TaskChange::Remove(run.key.clone())]);
    transact(&*ports.store, Load::default(), move |_| ((), changes)).await
}

async fn query(
    ports: &Ports,
    mchid: &Mchid,
    number: &OutTradeNo,
    run: &TaskRun,
) -> Result<(), StoreError> {
    let Some(order) = order_at(ports, number, run).await? else {
        return Ok(());
    };
    let outcome = ports.acquirer.query(&order).await;
    let (now, ids) = (ports.clock.now(), Arc::clone(&ports.ids));
    let (out_trade_no, held) = (number.clone(), run.clone());
    let policy = ports.policies.of(mchid);
    apply(ports, run, move |payment| {
        let changes = decide::on_query(payment, &out_trade_no, &outcome, &held, policy, now, &*ids);
        ((), changes)
    })
    .await
}

async fn close(
    ports: &Ports,
    mchid: &Mchid,
    number: &OutTradeNo,
    run: &TaskRun,
) -> Result<(), StoreError> {
    let now = ports.clock.now();
    let (out_trade_no, held) = (number.clone(), run.clone());
    let order = apply(ports, run, move |payment| {
        decide::begin_close(payment, &out_trade_no, &held, now)
    })
    .await?;
    let Some(order) = order else { return Ok(()) };
    let outcome = ports.acquirer.close(&order).await;
    let (now, ids) = (ports.clock.now(), Arc::clone(&ports.ids));
    let (out_trade_no, held) = (number.clone(), run.clone());
    let ask = apply(ports, run, move |payment| {
        decide::on_close(payment, &out_trade_no, &outcome, &held, now, &*ids)
    })
    .await?;
    match ask {
        Some(asking) => query(ports, mchid, number, &asking).await,
        None => Ok(()),
    }
}

async fn expire(ports: &Ports, mchid: &Mchid, held: TaskRun) -> Result<(), StoreError> {
    let (now, ids) = (ports.clock.now(), Arc::clone(&ports.ids));
    let own = held.clone();
    let closes = apply(ports, &held, move |payment| {
        decide::expire(payment, &own, now, &*ids)
    })
    .await?;
    for closing in closes {
        run(ports, mchid, closing).await?;
    }
    Ok(())
}

/// Asks WeChat about an attempt now, on behalf of a client who waits.
pub(crate) async fn query_now(
    ports: &Ports,
    mchid: &Mchid,
    payment_id: &PaymentId,
    number: &OutTradeNo,
) -> Result<(), StoreError> {
    let load = Load {
        payment: Some(PaymentKey::AnyId(payment_id.clone())),
        ..Load::default()
    };
    let (now, ids) = (ports.clock.now(), Arc::clone(&ports.ids));
    let out_trade_no = number.clone();
    let run = transact(&*ports.store, load, move |loaded| match loaded.payment {
        Some(payment) => decide::ask_now(&payment, &out_trade_no, now, &*ids),
        None => (None, Changes::default()),
    })
    .await?;
    match run {
        Some(run) => query(ports, mchid, number, &run).await,
        None => Ok(()),
    }
}
