//! Tasks and their leases.

use rusqlite::{CachedStatement, Connection, params};
use shouyin_core::Timestamp;
use shouyin_core::id::{Mchid, OutTradeNo, PaymentId};
use shouyin_core::task::{Lease, Task, TaskChange, TaskKey, TaskKind};

use super::columns::Columns;
use super::error::DbError;

/// In the column `out_trade_no`: the task is about the payment itself.
const NO_ATTEMPT: &str = "";

fn number(key: &TaskKey) -> &str {
    key.out_trade_no
        .as_ref()
        .map_or(NO_ATTEMPT, OutTradeNo::as_str)
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
                "insert into task (payment_id, kind, out_trade_no, mchid, due_at, tries, lease)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 on conflict (payment_id, kind, out_trade_no) do update
                 set mchid = excluded.mchid, due_at = excluded.due_at, tries = excluded.tries,
                     lease = excluded.lease",
            )?,
            task,
        ),
        TaskChange::PutIfAbsent(task) => insert(
            conn.prepare_cached(
                "insert into task (payment_id, kind, out_trade_no, mchid, due_at, tries, lease)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 on conflict (payment_id, kind, out_trade_no) do nothing",
            )?,
            task,
        ),
        TaskChange::Reschedule {
            key,
            lease,
            due_at,
            tries,
        } => reschedule(conn, key, *lease, *due_at, *tries),
        TaskChange::Finish { key, lease } => {
            conn.prepare_cached(
                "delete from task where payment_id = ?1 and kind = ?2 and out_trade_no = ?3 and lease = ?4",
            )?
            .execute(params![
                key.payment_id.as_str(),
                key.kind.as_str(),
                number(key),
                to_column(*lease)
            ])?;
            Ok(())
        }
        TaskChange::Remove(key) => {
            conn.prepare_cached(
                "delete from task where payment_id = ?1 and kind = ?2 and out_trade_no = ?3",
            )?
            .execute(params![
                key.payment_id.as_str(),
                key.kind.as_str(),
                number(key)
            ])?;
            Ok(())
        }
        TaskChange::RemoveAll(payment_id) => {
            conn.prepare_cached("delete from task where payment_id = ?1")?
                .execute(params![payment_id.as_str()])?;
            Ok(())
        }
    }
}

fn insert(mut statement: CachedStatement<'_>, task: &Task) -> Result<(), DbError> {
    statement.execute(params![
        task.key.payment_id.as_str(),
        task.key.kind.as_str(),
        number(&task.key),
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
    conn.prepare_cached(
        "update task set due_at = ?5, tries = ?6, lease = null
         where payment_id = ?1 and kind = ?2 and out_trade_no = ?3 and lease = ?4",
    )?
    .execute(params![
        key.payment_id.as_str(),
        key.kind.as_str(),
        number(key),
        to_column(lease),
        due_at.as_millis(),
        tries,
    ])?;
    Ok(())
}

/// Leases what is due, in (due, key) order; returns the tasks as they are then.
pub(super) fn claim(
    conn: &Connection,
    now: Timestamp,
    lease_until: Timestamp,
    lease: Lease,
    limit: u32,
) -> Result<Vec<Task>, DbError> {
    let mut tasks = due(conn, now, limit)?;
    let mut take = conn.prepare_cached(
        "update task set due_at = ?4, lease = ?5
         where payment_id = ?1 and kind = ?2 and out_trade_no = ?3",
    )?;
    for task in &mut tasks {
        take.execute(params![
            task.key.payment_id.as_str(),
            task.key.kind.as_str(),
            number(&task.key),
            lease_until.as_millis(),
            to_column(lease),
        ])?;
        task.due_at = lease_until;
        task.lease = Some(lease);
    }
    Ok(tasks)
}

fn due(conn: &Connection, now: Timestamp, limit: u32) -> Result<Vec<Task>, DbError> {
    // Kinds in the order in which core declares them, so that every store claims in the same order.
    let mut statement = conn.prepare_cached(
        "select payment_id, kind, out_trade_no, mchid, due_at, tries, lease
         from task indexed by task_due
         where due_at <= ?1
         order by due_at,
                  case kind when 'send_prepay' then 0 when 'query_attempt' then 1 when 'close_attempt' then 2 else 3 end,
                  payment_id, out_trade_no
         limit ?2",
    )?;
    let mut rows = statement.query(params![now.as_millis(), limit])?;
    let mut tasks = Vec::new();
    while let Some(row) = rows.next()? {
        tasks.push(from_row(&mut Columns::new("task of payment", row))?);
    }
    Ok(tasks)
}

fn from_row(columns: &mut Columns<'_>) -> Result<Task, DbError> {
    let payment_id = columns.parsed(PaymentId::parse)?;
    let kind = columns.named(TaskKind::parse)?;
    let out_trade_no = columns.parsed(|text| match text.as_str() {
        NO_ATTEMPT => Ok(None),
        _ => OutTradeNo::parse(text).map(Some),
    })?;
    Ok(Task {
        key: TaskKey {
            kind,
            payment_id,
            out_trade_no,
        },
        mchid: columns.parsed(Mchid::parse)?,
        due_at: columns.time()?,
        tries: columns.value()?,
        lease: columns.value::<Option<i64>>()?.map(from_column),
    })
}

/// When the earliest task is due.
pub(super) fn next_due(conn: &Connection) -> Result<Option<Timestamp>, DbError> {
    let next: Option<i64> = conn
        .prepare_cached("select min(due_at) from task")?
        .query_row([], |row| row.get(0))?;
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
