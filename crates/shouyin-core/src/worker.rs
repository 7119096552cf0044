//! The worker's steps: each runs one task, and leaves the store saying what is owed next. The loop that claims due tasks
//! lives in the server; the simulation drives these same steps.

use std::sync::Arc;

use crate::id::{Mchid, OutTradeNo, PrepayId};
use crate::outcome::Outcome;
use crate::payment::Payment;
use crate::payment::decide::{self, TaskRun};
use crate::ports::{
    BoxFuture, Changes, Load, PaymentKey, Ports, PrepayOrder, StoreError, transact,
};
use crate::task::{LEASE_MS, Task, TaskChange, TaskKind};

/// Leases up to `limit` due tasks. The caller runs each with [`run_task`].
pub async fn claim(ports: &Ports, limit: u32) -> Result<Vec<Task>, StoreError> {
    let now = ports.clock.now();
    ports
        .store
        .claim_tasks(now, now.plus_ms(LEASE_MS), ports.ids.lease(), limit)
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
        match (run.key.kind, run.key.out_trade_no.clone()) {
            (TaskKind::SendPrepay, Some(number)) => send_again(ports, &number, run).await,
            (TaskKind::QueryAttempt, Some(number)) => query(ports, mchid, &number, &run).await,
            (TaskKind::CloseAttempt, Some(number)) => close(ports, mchid, &number, &run).await,
            (TaskKind::ExpirePayment, _) => expire(ports, mchid, run).await,
            (TaskKind::SendPrepay | TaskKind::QueryAttempt | TaskKind::CloseAttempt, None) => Err(
                StoreError::Corrupt(format!("task {} without an attempt", run.key.kind.as_str())),
            ),
        }
    })
}

/// Loads the run's payment under its lock and applies a decision to it. A task whose payment is gone is removed.
async fn apply<R: Default + Send + 'static>(
    ports: &Ports,
    run: &TaskRun,
    decide: impl FnOnce(&Payment) -> (R, Changes) + Send + 'static,
) -> Result<R, StoreError> {
    let load = Load {
        payment: Some(PaymentKey::AnyId(run.key.payment_id.clone())),
        ..Load::default()
    };
    let key = run.key.clone();
    transact(&*ports.store, load, move |loaded| match loaded.payment {
        Some(payment) => decide(&payment),
        None => (R::default(), Changes::tasks(vec![TaskChange::Remove(key)])),
    })
    .await
}

/// Places a stored order at WeChat and stores the answer.
pub(crate) async fn send_prepay(
    ports: &Ports,
    order: &PrepayOrder,
    run: &TaskRun,
) -> Result<Outcome<PrepayId>, StoreError> {
    let outcome = ports.acquirer.prepay(order).await;
    let now = ports.clock.now();
    let (number, answer, held) = (order.out_trade_no.clone(), outcome.clone(), run.clone());
    apply(ports, run, move |payment| {
        ((), decide::on_prepay(payment, &number, &answer, &held, now))
    })
    .await?;
    Ok(outcome)
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

async fn query(
    ports: &Ports,
    mchid: &Mchid,
    number: &OutTradeNo,
    run: &TaskRun,
) -> Result<(), StoreError> {
    let outcome = ports.acquirer.query(mchid, number).await;
    let (now, ids) = (ports.clock.now(), Arc::clone(&ports.ids));
    let (out_trade_no, held) = (number.clone(), run.clone());
    apply(ports, run, move |payment| {
        (
            (),
            decide::on_query(payment, &out_trade_no, &outcome, &held, now, &*ids),
        )
    })
    .await
}

async fn close(
    ports: &Ports,
    mchid: &Mchid,
    number: &OutTradeNo,
    run: &TaskRun,
) -> Result<(), StoreError> {
    let outcome = ports.acquirer.close(mchid, number).await;
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
    payment: &Payment,
    number: &OutTradeNo,
) -> Result<(), StoreError> {
    let load = Load {
        payment: Some(PaymentKey::AnyId(payment.id.clone())),
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
        Some(run) => query(ports, &payment.mchid, number, &run).await,
        None => Ok(()),
    }
}
