//! Events.

use rusqlite::{Connection, OptionalExtension, params};
use shouyin_core::event::{Event, EventType, StoredEvent};
use shouyin_core::id::{EventId, Mchid, PaymentId, RefundId};

use super::columns::Columns;
use super::error::DbError;

pub(super) fn insert(conn: &Connection, event: &Event) -> Result<(), DbError> {
    conn.prepare_cached(
        "insert into event (id, mchid, type, payment_id, refund_id, at, data) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        event.id.as_str(),
        event.mchid.as_str(),
        event.event_type.as_str(),
        event.payment_id.as_ref().map(PaymentId::as_str),
        event.refund_id.as_ref().map(RefundId::as_str),
        event.at.as_millis(),
        event.data,
    ])?;
    Ok(())
}

/// A merchant's events after `after`, oldest first.
pub(super) fn page(
    conn: &Connection,
    mchid: &Mchid,
    after: i64,
    limit: u32,
) -> Result<Vec<StoredEvent>, DbError> {
    let mut statement = conn.prepare_cached(
        "select seq, id, mchid, type, payment_id, refund_id, at, data
         from event indexed by event_mchid
         where mchid = ?1 and seq > ?2 order by seq limit ?3",
    )?;
    let mut rows = statement.query(params![mchid.as_str(), after, limit])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        events.push(from_row(&mut Columns::new("event", row))?);
    }
    Ok(events)
}

/// One event of a merchant.
pub(super) fn by_id(
    conn: &Connection,
    mchid: &Mchid,
    id: &EventId,
) -> Result<Option<StoredEvent>, DbError> {
    let mut statement = conn.prepare_cached(
        "select seq, id, mchid, type, payment_id, refund_id, at, data
         from event where id = ?1 and mchid = ?2",
    )?;
    let mut rows = statement.query(params![id.as_str(), mchid.as_str()])?;
    match rows.next()? {
        Some(row) => from_row(&mut Columns::new("event", row)).map(Some),
        None => Ok(None),
    }
}

/// Where a merchant's event stands in the order of commits.
pub(super) fn seq(conn: &Connection, mchid: &Mchid, id: &EventId) -> Result<Option<i64>, DbError> {
    let seq = conn
        .prepare_cached("select seq from event where id = ?1 and mchid = ?2")?
        .query_row(params![id.as_str(), mchid.as_str()], |row| row.get(0))
        .optional()?;
    Ok(seq)
}

fn from_row(columns: &mut Columns<'_>) -> Result<StoredEvent, DbError> {
    Ok(StoredEvent {
        seq: columns.value()?,
        event: of_columns(columns)?,
    })
}

/// Reads `id, mchid, type, payment_id, refund_id, at, data`.
pub(super) fn of_columns(columns: &mut Columns<'_>) -> Result<Event, DbError> {
    Ok(Event {
        id: columns.parsed(EventId::parse)?,
        mchid: columns.parsed(Mchid::parse)?,
        event_type: columns.named(EventType::parse)?,
        payment_id: columns.optional(PaymentId::parse)?,
        refund_id: columns.optional(RefundId::parse)?,
        at: columns.time()?,
        data: columns.value()?,
    })
}
