//! Events.

use rusqlite::{Connection, params};
use shouyin_core::event::{Event, EventType, StoredEvent};
use shouyin_core::id::{EventId, Mchid, PaymentId};

use super::columns::Columns;
use super::error::DbError;

pub(super) fn insert(conn: &Connection, event: &Event) -> Result<(), DbError> {
    conn.prepare_cached(
        "insert into event (id, mchid, type, payment_id, at, data) values (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        event.id.as_str(),
        event.mchid.as_str(),
        event.event_type.as_str(),
        event.payment_id.as_str(),
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
        "select seq, id, mchid, type, payment_id, at, data
         from event indexed by event_mchid
         where mchid = ?1 and seq > ?2 order by seq limit ?3",
    )?;
    let mut rows = statement.query(params![mchid.as_str(), after, limit])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let columns = &mut Columns::new("event", row);
        events.push(StoredEvent {
            seq: columns.value()?,
            event: Event {
                id: columns.parsed(EventId::parse)?,
                mchid: columns.parsed(Mchid::parse)?,
                event_type: columns.named(EventType::parse)?,
                payment_id: columns.parsed(PaymentId::parse)?,
                at: columns.time()?,
                data: columns.value()?,
            },
        });
    }
    Ok(events)
}
