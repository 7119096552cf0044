//! Tasks and their leases.

use std::borrow::Cow;

use rusqlite::{CachedStatement, Connection, params};
use shouyin_core::Timestamp;
use shouyin_core::id::{EndpointId, InvalidId, Mchid, OutRefundNo, OutTradeNo, PaymentId};
use shouyin_core::task::{Lane, Lease, Subject, Task, TaskChange, TaskKey, TaskKind};
use shouyin_core::time::BillDate;

use super::columns::Columns;
use super::error::DbError;
use crate::rules;

/// In the column `number`: the task is about its owner itself.
const NO_NUMBER: &str = "";

/// The columns `owner` and `number`.
fn subject(key: &TaskKey) -> (&str, Cow<'_, str>) {
    match &key.subject {
        Subject::Payment(id) => (id.as_str(), NO_NUMBER.into()),
        Subject::Attempt(id, number) => (id.as_str(), number.as_str().into()),
        Subject::Refund(id, number) => (id.as_str(), number.as_str().into()),
        Subject::Endpoint(id) => (id.as_str(), NO_NUMBER.into()),
        Subject::Bill(mchid, date) => (mchid.as_str(), date.to_string().into()),
    }
}

/// The inverse of [`subject`]: the kind says what a task is about.
fn from_columns(kind: TaskKind, owner: String, number: String) -> Result<Subject, InvalidId> {
    const NO_DATE: InvalidId = InvalidId {
        what: "the date of a bill",
        problem: "must be yyyy-MM-dd",
    };
    Ok(match kind {
        TaskKind::SendPrepay | TaskKind::QueryAttempt | TaskKind::CloseAttempt => {
            Subject::Attempt(PaymentId::parse(owner)?, OutTradeNo::parse(number)?)
        }
        TaskKind::ExpirePayment => Subject::Payment(PaymentId::parse(owner)?),
        TaskKind::SendRefund | TaskKind::QueryRefund => {
            Subject::Refund(PaymentId::parse(owner)?, OutRefundNo::parse(number)?)
        }
        TaskKind::DeliverWebhooks => Subject::Endpoint(EndpointId::parse(owner)?),
        TaskKind::FetchBill => Subject::Bill(
            Mchid::parse(owner)?,
            BillDate::parse(&number).ok_or(NO_DATE)?,
        ),
    })
}

const fn lane_name(lane: Lane) -> &'static str {
    match lane {
        Lane::Money => "money",
        Lane::Webhook => "webhook",
        Lane::Bill => "bill",
    }
}

/// The same 64 bits, as SQLite has signed integers only.
fn to_column(lease: Lease) -> i64 {
    i64::from_ne_bytes(lease.0.to_ne_bytes())
}

fn from_column(lease: i64) -> Lease {
    Lease(u64::from_ne_bytes(lease.to_ne_bytes()))
}

pub(super) fn apply(conn: &Connection, change: &TaskChange) -> Result<(), DbError> {
    match change {
        TaskChange::Put(task) => insert(
            conn.prepare_cached(
                "insert into task (owner, kind, number, lane, mchid, due_at, tries, lease)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 on conflict (owner, kind, number) do update
                 set mchid = excluded.mchid, due_at = excluded.due_at, tries = excluded.tries,
                     lease = excluded.lease",
            )?,
            task,
        ),
        TaskChange::PutIfAbsent(task) => insert(
            conn.prepare_cached(
                "insert into task (owner, kind, number, lane, mchid, due_at, tries, lease)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 on conflict (owner, kind, number) do nothing",
            )?,
            task,
        ),
        TaskChange::Wake(task) => insert(
            conn.prepare_cached(
                "insert into task (owner, kind, number, lane, mchid, due_at, tries, lease)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 on conflict (owner, kind, number) do update set due_at = excluded.due_at
                 where lease is null and due_at > excluded.due_at",
            )?,
            task,
        ),
        TaskChange::Reschedule {
            key,
            lease,
            due_at,
            tries,
        } => reschedule(conn, key, *lease, *due_at, *tries),
        TaskChange::Extend { key, lease, until } => extend(conn, key, *lease, *until),
        TaskChange::Finish { key, lease } => finish(conn, key, *lease),
        TaskChange::Remove(key) => remove(conn, key),
        TaskChange::RemoveAttemptTasks(payment_id) => {
            conn.prepare_cached(
                "delete from task where owner = ?1 and kind <> 'send_refund' and kind <> 'query_refund'",
            )?
            .execute(params![payment_id.as_str()])?;
            Ok(())
        }
    }
}

fn insert(mut statement: CachedStatement<'_>, task: &Task) -> Result<(), DbError> {
    rules::check_task(&task.key)?;
    let (owner, number) = subject(&task.key);
    statement.execute(params![
        owner,
        task.key.kind.as_str(),
        number,
        lane_name(task.key.kind.lane()),
        task.mchid.as_str(),
        task.due_at.as_millis(),
        task.tries,
        task.lease.map(to_column),
    ])?;
    Ok(())
}

fn reschedule(
    conn: &Connection,
    key: &TaskKey,
    lease: Lease,
    due_at: Timestamp,
    tries: u32,
) -> Result<(), DbError> {
    let (owner, number) = subject(key);
    conn.prepare_cached(
        "update task set due_at = ?5, tries = ?6, lease = null
         where owner = ?1 and kind = ?2 and number = ?3 and lease = ?4",
    )?
    .execute(params![
        owner,
        key.kind.as_str(),
        number,
        to_column(lease),
        due_at.as_millis(),
        tries,
    ])?;
    Ok(())
}

fn extend(conn: &Connection, key: &TaskKey, lease: Lease, until: Timestamp) -> Result<(), DbError> {
    let (owner, number) = subject(key);
    conn.prepare_cached(
        "update task set due_at = ?5 where owner = ?1 and kind = ?2 and number = ?3 and lease = ?4",
    )?
    .execute(params![
        owner,
        key.kind.as_str(),
        number,
        to_column(lease),
        until.as_millis(),
    ])?;
    Ok(())
}

fn finish(conn: &Connection, key: &TaskKey, lease: Lease) -> Result<(), DbError> {
    let (owner, number) = subject(key);
    conn.prepare_cached(
        "delete from task where owner = ?1 and kind = ?2 and number = ?3 and lease = ?4",
    )?
    .execute(params![owner, key.kind.as_str(), number, to_column(lease)])?;
    Ok(())
}

pub(super) fn remove(conn: &Connection, key: &TaskKey) -> Result<(), DbError> {
    let (owner, number) = subject(key);
    conn.prepare_cached("delete from task where owner = ?1 and kind = ?2 and number = ?3")?
        .execute(params![owner, key.kind.as_str(), number])?;
    Ok(())
}

/// Leases what is due in a lane, in (due, key) order; returns the tasks as they are then.
pub(super) fn claim(
    conn: &Connection,
    lane: Lane,
    now: Timestamp,
    lease_until: Timestamp,
    lease: Lease,
    limit: u32,
) -> Result<Vec<Task>, DbError> {
    let mut tasks = due(conn, lane, now, limit)?;
    let mut take = conn.prepare_cached(
        "update task set due_at = ?4, lease = ?5
         where owner = ?1 and kind = ?2 and number = ?3",
    )?;
    for task in &mut tasks {
        let (owner, number) = subject(&task.key);
        take.execute(params![
            owner,
            task.key.kind.as_str(),
            number,
            lease_until.as_millis(),
            to_column(lease),
        ])?;
        task.due_at = lease_until;
        task.lease = Some(lease);
    }
    Ok(tasks)
}

fn due(conn: &Connection, lane: Lane, now: Timestamp, limit: u32) -> Result<Vec<Task>, DbError> {
    // Kinds in the order in which core declares them, so that every store claims in the same order.
    let mut statement = conn.prepare_cached(
        "select owner, kind, number, mchid, due_at, tries, lease
         from task indexed by task_due
         where lane = ?1 and due_at <= ?2
         order by due_at,
                  case kind when 'send_prepay' then 0 when 'query_attempt' then 1 when 'close_attempt' then 2
                            when 'expire_payment' then 3 when 'send_refund' then 4 else 5 end,
                  owner, number
         limit ?3",
    )?;
    let mut rows = statement.query(params![lane_name(lane), now.as_millis(), limit])?;
    let mut tasks = Vec::new();
    while let Some(row) = rows.next()? {
        tasks.push(from_row(&mut Columns::new("task of", row))?);
    }
    Ok(tasks)
}

fn from_row(columns: &mut Columns<'_>) -> Result<Task, DbError> {
    let owner: String = columns.value()?;
    let kind = columns.named(TaskKind::parse)?;
    let subject = columns.parsed(|number| from_columns(kind, owner, number))?;
    Ok(Task {
        key: TaskKey { kind, subject },
        mchid: columns.parsed(Mchid::parse)?,
        due_at: columns.time()?,
        tries: columns.value()?,
        lease: columns.value::<Option<i64>>()?.map(from_column),
    })
}

/// When the earliest task of a lane is due.
pub(super) fn next_due(conn: &Connection, lane: Lane) -> Result<Option<Timestamp>, DbError> {
    let next: Option<i64> = conn
        .prepare_cached("select min(due_at) from task where lane = ?1")?
        .query_row(params![lane_name(lane)], |row| row.get(0))?;
    Ok(next.map(Timestamp::from_millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lease_survives_the_column() {
        for bits in [0, 1, u64::MAX / 2, u64::MAX] {
            assert_eq!(from_column(to_column(Lease(bits))), Lease(bits));
        }
    }
}
