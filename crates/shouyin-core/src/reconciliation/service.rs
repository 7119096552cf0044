//! The use cases of reconciliation.

use super::decide;
use super::model::{Difference, Reconciliation};
use super::schedule::is_too_old;
use crate::id::Mchid;
use crate::ports::{Changes, DifferenceFilter, Load, Ports, StoreError, transact};
use crate::time::{BillDate, Timestamp};

/// A day with what differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The day.
    pub day: Reconciliation,
    /// Its differences, in the order in which they were found.
    pub differences: Vec<Difference>,
}

/// The server starts: yesterday is owed, unless days are owed already. Each day owes the next one, so this happens once in a merchant's life.
pub async fn start(ports: &Ports, mchid: &Mchid) -> Result<(), StoreError> {
    if !ports
        .store
        .reconciliations(mchid.clone(), None, 1)
        .await?
        .is_empty()
    {
        return Ok(());
    }
    let date = BillDate::of(ports.clock.now()).previous();
    let load = Load {
        reconciliation: Some((mchid.clone(), date)),
        ..Load::default()
    };
    let mchid = mchid.clone();
    transact(&*ports.store, load, move |loaded| {
        let changes = match loaded.reconciliation {
            Some(_) => Changes::default(),
            None => decide::owe(&mchid, date),
        };
        ((), changes)
    })
    .await
}

/// A page of days, newest first, each with its differences.
pub async fn list(
    ports: &Ports,
    mchid: &Mchid,
    before: Option<BillDate>,
    limit: u32,
) -> Result<Vec<Found>, StoreError> {
    let days = ports
        .store
        .reconciliations(mchid.clone(), before, limit)
        .await?;
    let mut found = Vec::with_capacity(days.len());
    for day in days {
        let differences = differences(ports, mchid, day.date).await?;
        found.push(Found { day, differences });
    }
    Ok(found)
}

/// One day.
pub async fn get(
    ports: &Ports,
    mchid: &Mchid,
    date: BillDate,
) -> Result<Option<Found>, StoreError> {
    let Some(day) = ports.store.reconciliation(mchid.clone(), date).await? else {
        return Ok(None);
    };
    let differences = differences(ports, mchid, date).await?;
    Ok(Some(Found { day, differences }))
}

async fn differences(
    ports: &Ports,
    mchid: &Mchid,
    date: BillDate,
) -> Result<Vec<Difference>, StoreError> {
    let filter = DifferenceFilter {
        date: Some(date),
        unresolved: false,
    };
    ports.store.differences(mchid.clone(), filter).await
}

/// How a request to compare a day again ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunAnswer {
    /// It is due now.
    Due(Box<Found>),
    /// The day is not over: it has no bill yet.
    NotOver,
    /// WeChat keeps bills for three months.
    TooOld,
}

/// A person wants a day compared again, from its bill on.
pub async fn run(ports: &Ports, mchid: &Mchid, date: BillDate) -> Result<RunAnswer, StoreError> {
    let now: Timestamp = ports.clock.now();
    if now < date.end() {
        return Ok(RunAnswer::NotOver);
    }
    if is_too_old(date, now) {
        return Ok(RunAnswer::TooOld);
    }
    let load = Load {
        reconciliation: Some((mchid.clone(), date)),
        ..Load::default()
    };
    let owner = mchid.clone();
    let day = transact(&*ports.store, load, move |loaded| {
        decide::run_again(loaded.reconciliation, &owner, date, now)
    })
    .await?;
    let differences = differences(ports, mchid, date).await?;
    Ok(RunAnswer::Due(Box::new(Found { day, differences })))
}
