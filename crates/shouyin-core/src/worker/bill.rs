//! The steps of reconciliation.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::id::{Mchid, OutTradeNo};
use crate::outcome::Outcome;
use crate::payment::Payment;
use crate::payment::decide::TaskRun;
use crate::ports::{Changes, DifferenceFilter, Load, PaymentKey, Ports, StoreError, transact};
use crate::reconciliation::decide::{self, Begun, NoBill, Page};
use crate::reconciliation::model::{
    Bill, BillAnswer, BillRow, DayState, Difference, DifferenceState, Reconciliation, Tally,
};
use crate::reconciliation::schedule::must_be_in;
use crate::time::BillDate;

/// So many lines are compared and stored at once: short transactions, so that payments do not wait.
const LINES: usize = 200;

/// Fetches a day's bill and compares it, or looks for what came of questions about it.
pub(super) async fn run(
    ports: &Ports,
    mchid: &Mchid,
    date: BillDate,
    run: &TaskRun,
) -> Result<(), StoreError> {
    let next = ports
        .store
        .reconciliation(mchid.clone(), date.next())
        .await?;
    let (now, ids) = (ports.clock.now(), Arc::clone(&ports.ids));
    let (owner, held) = (mchid.clone(), run.clone());
    let begun = transact(&*ports.store, day(mchid, date), move |loaded| {
        let stored = loaded.reconciliation;
        decide::begin(stored, &owner, date, next.is_some(), &held, now, &*ids)
    })
    .await?;
    match begun {
        Begun::Done => Ok(()),
        Begun::Look(day) => look(ports, *day, run).await,
        Begun::Fetch(day) => fetch(ports, *day, run).await,
    }
}

fn day(mchid: &Mchid, date: BillDate) -> Load {
    Load {
        reconciliation: Some((mchid.clone(), date)),
        ..Load::default()
    }
}

async fn save(ports: &Ports, changes: Changes) -> Result<(), StoreError> {
    if changes.is_empty() {
        return Ok(());
    }
    transact(&*ports.store, Load::default(), move |_| ((), changes)).await
}

/// Saves how far a day is, unless it is over: whoever comes too late, because another server has taken its lease, must not begin it
/// again (the simulation's story `bill-fetched-twice`).
async fn save_day(
    ports: &Ports,
    day_then: &Reconciliation,
    changes: Changes,
) -> Result<(), StoreError> {
    let load = day(&day_then.mchid, day_then.date);
    transact(&*ports.store, load, move |loaded| {
        let is_over = loaded.reconciliation.is_some_and(|day| day.state.is_over());
        let changes = if is_over { Changes::default() } else { changes };
        ((), changes)
    })
    .await
}

async fn fetch(ports: &Ports, day: Reconciliation, run: &TaskRun) -> Result<(), StoreError> {
    // What waits for a person may be in our books by now: WeChat goes on being asked about it.
    let open: Vec<Difference> = unresolved(ports, &day)
        .await?
        .into_iter()
        .filter(|difference| difference.state == DifferenceState::Open)
        .collect();
    look_at(ports, &day.mchid, &open, false).await?;
    let why = match ports.acquirer.bill(&day.mchid, day.date).await {
        Outcome::Succeeded(BillAnswer::Bill(bill)) => return compare(ports, day, bill, run).await,
        Outcome::Succeeded(BillAnswer::NotReady) => NoBill::NotReady,
        Outcome::Succeeded(BillAnswer::None) => NoBill::None,
        Outcome::Blocked(refusal) | Outcome::Rejected(refusal) => {
            NoBill::Unusable(format!("{}: {}", refusal.code, refusal.message))
        }
        Outcome::Unknown(doubt) => NoBill::Unusable(doubt.reason),
    };
    let is_known_better = has_some(ports, &day).await?;
    let now = ports.clock.now();
    let changes = decide::no_bill(&day, &why, is_known_better, run, now, &*ports.ids);
    save_day(ports, &day, changes).await
}

/// Whether there must be something in this day's bill: our books have money that no bill has, or a bill of this day was read before,
/// by whoever did not come to its end.
async fn has_some(ports: &Ports, day: &Reconciliation) -> Result<bool, StoreError> {
    let (start, end) = (day.date.start(), day.date.end());
    let ours = ports.store.unbilled(day.mchid.clone(), start, end).await?;
    Ok(!ours.is_empty() || !known(ports, day).await?.is_empty())
}

async fn compare(
    ports: &Ports,
    mut day: Reconciliation,
    bill: Bill,
    run: &TaskRun,
) -> Result<(), StoreError> {
    let mut said = Tally::default();
    bill.rows.iter().for_each(|row| said.add(row));
    day.bill = Some(said);
    day.matched = Tally::default();
    day.fetched_at = Some(ports.clock.now());
    // Whatever was asked before is found again among the lines.
    day.state = DayState::Waiting;
    for rows in decide::doubled(bill).chunks(LINES) {
        let payments = payments_of(ports, &day.mchid, rows.iter().map(|(row, _)| row)).await?;
        let (known, missing) = (known(ports, &day).await?, unresolved(ports, &day).await?);
        let page = Page {
            mchid: &day.mchid,
            date: day.date,
            rows,
            payments: &payments,
            known: &known,
            missing: &missing,
        };
        let (matched, changes) = decide::compare(&page, ports.clock.now(), &*ports.ids);
        day.matched.merge(&matched);
        save(ports, changes).await?;
    }
    let (from, until) = must_be_in(day.date);
    let missing = ports.store.unbilled(day.mchid.clone(), from, until).await?;
    let (known, now) = (known(ports, &day).await?, ports.clock.now());
    let changes = decide::missing(&day.mchid, day.date, &missing, &known, now, &*ports.ids);
    save(ports, changes).await?;
    finish(ports, day, run).await
}

/// Looks for what came of the questions about lines.
async fn look(ports: &Ports, mut day: Reconciliation, run: &TaskRun) -> Result<(), StoreError> {
    let known = known(ports, &day).await?;
    let is_last = decide::is_last_look(&day);
    let matched = look_at(ports, &day.mchid, &known, is_last).await?;
    day.matched.merge(&matched);
    finish(ports, day, run).await
}

async fn look_at(
    ports: &Ports,
    mchid: &Mchid,
    differences: &[Difference],
    is_last: bool,
) -> Result<Tally, StoreError> {
    let numbers = differences
        .iter()
        .map(|difference| difference.out_trade_no.as_str());
    let payments = by_number(ports, mchid, numbers).await?;
    let now = ports.clock.now();
    let (matched, changes) = decide::look(differences, &payments, is_last, now, &*ports.ids);
    save(ports, changes).await?;
    Ok(matched)
}

async fn finish(ports: &Ports, day: Reconciliation, run: &TaskRun) -> Result<(), StoreError> {
    let differences = known(ports, &day).await?;
    let now = ports.clock.now();
    let changes = decide::finish(&day, &differences, run, now, &*ports.ids);
    save_day(ports, &day, changes).await
}

async fn known(ports: &Ports, day: &Reconciliation) -> Result<Vec<Difference>, StoreError> {
    let filter = DifferenceFilter {
        date: Some(day.date),
        unresolved: false,
    };
    ports.store.differences(day.mchid.clone(), filter).await
}

async fn unresolved(ports: &Ports, day: &Reconciliation) -> Result<Vec<Difference>, StoreError> {
    let filter = DifferenceFilter {
        date: None,
        unresolved: true,
    };
    ports.store.differences(day.mchid.clone(), filter).await
}

async fn payments_of<'a>(
    ports: &Ports,
    mchid: &Mchid,
    rows: impl Iterator<Item = &'a BillRow>,
) -> Result<BTreeMap<OutTradeNo, Payment>, StoreError> {
    by_number(ports, mchid, rows.map(|row| row.out_trade_no.as_str())).await
}

/// The payments that own these orders. Read without a lock: nothing here changes them.
async fn by_number<'a>(
    ports: &Ports,
    mchid: &Mchid,
    numbers: impl Iterator<Item = &'a str>,
) -> Result<BTreeMap<OutTradeNo, Payment>, StoreError> {
    let mut found = BTreeMap::new();
    for number in numbers.filter_map(|number| OutTradeNo::parse(number).ok()) {
        if found.contains_key(&number) {
            continue;
        }
        let key = PaymentKey::OutTradeNo(mchid.clone(), number.clone());
        if let Some(payment) = ports.store.payment(key).await? {
            found.insert(number, payment);
        }
    }
    Ok(found)
}
