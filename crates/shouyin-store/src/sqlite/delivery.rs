//! Webhook deliveries and their log. Both are kept by the place of their event in the order of commits.

use rusqlite::{Connection, ToSql, params};
use shouyin_core::Timestamp;
use shouyin_core::event::{Event, EventType};
use shouyin_core::id::{EndpointId, EventId, Mchid};
use shouyin_core::ports::{DeliveryChange, DeliveryFilter, StoreError};
use shouyin_core::webhook::model::{Delivery, DeliveryAttempt, DeliveryState, Reply};

use super::columns::Columns;
use super::error::DbError;
use super::event;

pub(super) fn apply(conn: &Connection, change: &DeliveryChange) -> Result<(), DbError> {
    match change {
        DeliveryChange::Put(delivery) => put(conn, delivery),
        DeliveryChange::Hurry {
            endpoint_id,
            due_at,
        } => {
            conn.prepare_cached(
                "update webhook_delivery set due_at = ?2
                 where endpoint_id = ?1 and state = 'pending' and due_at > ?2",
            )?
            .execute(params![endpoint_id.as_str(), due_at.as_millis()])?;
            Ok(())
        }
    }
}

fn put(conn: &Connection, delivery: &Delivery) -> Result<(), DbError> {
    let seq = event::seq(conn, &delivery.mchid, &delivery.event_id)?.ok_or_else(|| {
        StoreError::Corrupt(format!(
            "refused by a rule of the database: a delivery of event {}, which this merchant does not have",
            delivery.event_id
        ))
    })?;
    let (due_at, ended_at) = match delivery.state {
        DeliveryState::Pending { due_at } => (Some(due_at.as_millis()), None),
        DeliveryState::Delivered { at } | DeliveryState::Failed { at } => {
            (None, Some(at.as_millis()))
        }
    };
    conn.prepare_cached(
        "insert into webhook_delivery (endpoint_id, event_seq, event_id, mchid, event_type, state, due_at, ended_at, tries,
                requested_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         on conflict (endpoint_id, event_seq) do update
         set event_type = excluded.event_type, state = excluded.state, due_at = excluded.due_at,
             ended_at = excluded.ended_at, tries = excluded.tries, requested_at = excluded.requested_at",
    )?
    .execute(params![
        delivery.endpoint_id.as_str(),
        seq,
        delivery.event_id.as_str(),
        delivery.mchid.as_str(),
        delivery.event_type.as_str(),
        delivery.state.as_str(),
        due_at,
        ended_at,
        delivery.tries,
        delivery.requested_at.as_millis(),
    ])?;
    Ok(())
}

/// Every delivery of an endpoint, with its log.
pub(super) fn delete_all(conn: &Connection, id: &EndpointId) -> Result<(), DbError> {
    conn.prepare_cached("delete from webhook_delivery_attempt where endpoint_id = ?1")?
        .execute(params![id.as_str()])?;
    conn.prepare_cached("delete from webhook_delivery where endpoint_id = ?1")?
        .execute(params![id.as_str()])?;
    Ok(())
}

/// Those of the asked deliveries that exist, in the order of their events.
pub(super) fn load(
    conn: &Connection,
    id: &EndpointId,
    event_ids: &[EventId],
) -> Result<Vec<Delivery>, DbError> {
    let mut statement = conn.prepare_cached(
        "select webhook_delivery.event_seq, endpoint_id, event_id, webhook_delivery.mchid, event_type, state, due_at,
                ended_at, tries, requested_at
         from event join webhook_delivery
           on webhook_delivery.endpoint_id = ?1 and webhook_delivery.event_seq = event.seq
         where event.id = ?2",
    )?;
    let mut found = std::collections::BTreeMap::new();
    for event_id in event_ids {
        let mut rows = statement.query(params![id.as_str(), event_id.as_str()])?;
        if let Some(row) = rows.next()? {
            let columns = &mut Columns::new("webhook_delivery of event", row);
            let seq: i64 = columns.value()?;
            found.insert(seq, from_columns(columns)?);
        }
    }
    Ok(found.into_values().collect())
}

/// When the first pending delivery that was not asked for is due.
pub(super) fn next_due(
    conn: &Connection,
    id: &EndpointId,
    asked: &[EventId],
) -> Result<Option<Timestamp>, DbError> {
    let mut statement = conn.prepare_cached(
        "select event_id, due_at from webhook_delivery indexed by webhook_delivery_due
         where endpoint_id = ?1 and state = 'pending' order by due_at",
    )?;
    // In the order of the index: at most as many rows are passed over as were asked for.
    let mut rows = statement.query(params![id.as_str()])?;
    while let Some(row) = rows.next()? {
        let columns = &mut Columns::new("webhook_delivery of event", row);
        let event_id = columns.parsed(EventId::parse)?;
        if !asked.contains(&event_id) {
            return columns.time().map(Some);
        }
    }
    Ok(None)
}

/// An endpoint's pending deliveries that are due, with their events, in the order of events.
pub(super) fn due(
    conn: &Connection,
    id: &EndpointId,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<(Delivery, Event)>, DbError> {
    let mut statement = conn.prepare_cached(
        "select event_seq, endpoint_id, event_id, delivery.mchid, event_type, state, due_at, ended_at, tries, requested_at,
                event.id, event.mchid, event.type, event.payment_id, event.refund_id, event.at, event.data
         from webhook_delivery as delivery indexed by webhook_delivery_pending
         cross join event on event.seq = delivery.event_seq
         where delivery.endpoint_id = ?1 and delivery.state = 'pending' and delivery.due_at <= ?2
         order by delivery.event_seq limit ?3",
    )?;
    let mut rows = statement.query(params![id.as_str(), now.as_millis(), limit])?;
    let mut due = Vec::new();
    while let Some(row) = rows.next()? {
        let columns = &mut Columns::new("webhook_delivery of event", row);
        columns.value::<i64>()?;
        due.push((from_columns(columns)?, event::of_columns(columns)?));
    }
    Ok(due)
}

/// A page of an endpoint's deliveries, newest event first.
pub(super) fn page(
    conn: &Connection,
    mchid: &Mchid,
    id: &EndpointId,
    filter: &DeliveryFilter,
) -> Result<Vec<Delivery>, DbError> {
    let before = match &filter.before {
        None => i64::MAX,
        // A cursor that is not this merchant's leads nowhere.
        Some(event_id) => event::seq(conn, mchid, event_id)?.unwrap_or(i64::MIN),
    };
    let parameters: [&dyn ToSql; 5] = [
        &id.as_str(),
        &mchid.as_str(),
        &before,
        &filter.limit,
        &filter.state,
    ];
    let mut statement = conn.prepare_cached(page_sql(filter))?;
    let wanted = statement.parameter_count();
    let mut rows = statement.query(&parameters[..wanted])?;
    let mut deliveries = Vec::new();
    while let Some(row) = rows.next()? {
        let columns = &mut Columns::new("webhook_delivery of event", row);
        columns.value::<i64>()?;
        deliveries.push(from_columns(columns)?);
    }
    Ok(deliveries)
}

/// One query for each way to look, so that each finds its index. Parameters: endpoint, merchant, seq to stay below, limit,
/// state; each query takes as many of them as it needs.
fn page_sql(filter: &DeliveryFilter) -> &'static str {
    match filter.state.as_deref() {
        Some("pending") => {
            "select event_seq, endpoint_id, event_id, mchid, event_type, state, due_at, ended_at, tries, requested_at
             from webhook_delivery indexed by webhook_delivery_pending
             where endpoint_id = ?1 and mchid = ?2 and event_seq < ?3 and state = 'pending'
             order by event_seq desc limit ?4"
        }
        Some("failed") => {
            "select event_seq, endpoint_id, event_id, mchid, event_type, state, due_at, ended_at, tries, requested_at
             from webhook_delivery indexed by webhook_delivery_failed
             where endpoint_id = ?1 and mchid = ?2 and event_seq < ?3 and state = 'failed'
             order by event_seq desc limit ?4"
        }
        Some(_) | None => {
            "select event_seq, endpoint_id, event_id, mchid, event_type, state, due_at, ended_at, tries, requested_at
             from webhook_delivery
             where endpoint_id = ?1 and mchid = ?2 and event_seq < ?3 and (?5 is null or state = ?5)
             order by event_seq desc limit ?4"
        }
    }
}

fn from_columns(columns: &mut Columns<'_>) -> Result<Delivery, DbError> {
    Ok(Delivery {
        endpoint_id: columns.parsed(EndpointId::parse)?,
        event_id: columns.parsed(EventId::parse)?,
        mchid: columns.parsed(Mchid::parse)?,
        event_type: columns.named(EventType::parse)?,
        state: state_from_row(columns)?,
        tries: columns.value()?,
        requested_at: columns.time()?,
    })
}

fn state_from_row(columns: &mut Columns<'_>) -> Result<DeliveryState, DbError> {
    let state: String = columns.value()?;
    let due_at = columns.optional_time()?;
    let ended_at = columns.optional_time()?;
    match (state.as_str(), due_at, ended_at) {
        ("pending", Some(due_at), None) => Ok(DeliveryState::Pending { due_at }),
        ("delivered", None, Some(at)) => Ok(DeliveryState::Delivered { at }),
        ("failed", None, Some(at)) => Ok(DeliveryState::Failed { at }),
        _ => Err(columns.corrupt(&format!("the columns do not fit state {state:?}"))),
    }
}

/// Adds a line to the log of a delivery. What was deleted while it was being sent has no log any more.
pub(super) fn log(conn: &Connection, attempt: &DeliveryAttempt) -> Result<(), DbError> {
    let (status, reason) = match &attempt.reply {
        Reply::Status(status) => (Some(*status), None),
        Reply::None { reason } => (None, Some(reason)),
    };
    conn.prepare_cached(
        "insert into webhook_delivery_attempt (endpoint_id, event_seq, position, at, took_ms, status, reason)
         select webhook_delivery.endpoint_id, webhook_delivery.event_seq,
                (select count(*) from webhook_delivery_attempt as earlier
                 where earlier.endpoint_id = ?1 and earlier.event_seq = event.seq),
                ?3, ?4, ?5, ?6
         from event join webhook_delivery
           on webhook_delivery.endpoint_id = ?1 and webhook_delivery.event_seq = event.seq
         where event.id = ?2",
    )?
    .execute(params![
        attempt.endpoint_id.as_str(),
        attempt.event_id.as_str(),
        attempt.at.as_millis(),
        attempt.took_ms,
        status,
        reason,
    ])?;
    Ok(())
}

/// The log of one delivery, oldest line first.
pub(super) fn log_of(
    conn: &Connection,
    mchid: &Mchid,
    id: &EndpointId,
    event_id: &EventId,
) -> Result<Vec<DeliveryAttempt>, DbError> {
    let mut statement = conn.prepare_cached(
        "select attempt.event_seq, attempt.endpoint_id, event.id, attempt.at, attempt.took_ms, attempt.status,
                attempt.reason
         from event join webhook_delivery_attempt as attempt
           on attempt.endpoint_id = ?1 and attempt.event_seq = event.seq
         where event.id = ?2 and event.mchid = ?3 order by attempt.position",
    )?;
    let mut rows = statement.query(params![id.as_str(), event_id.as_str(), mchid.as_str()])?;
    let mut log = Vec::new();
    while let Some(row) = rows.next()? {
        log.push(attempt_from_row(&mut Columns::new(
            "webhook_delivery_attempt of event",
            row,
        ))?);
    }
    Ok(log)
}

fn attempt_from_row(columns: &mut Columns<'_>) -> Result<DeliveryAttempt, DbError> {
    columns.value::<i64>()?;
    Ok(DeliveryAttempt {
        endpoint_id: columns.parsed(EndpointId::parse)?,
        event_id: columns.parsed(EventId::parse)?,
        at: columns.time()?,
        took_ms: columns.value()?,
        reply: {
            let status: Option<u16> = columns.value()?;
            let reason: Option<String> = columns.value()?;
            match (status, reason) {
                (Some(status), None) => Reply::Status(status),
                (None, Some(reason)) => Reply::None { reason },
                (Some(_), Some(_)) | (None, None) => {
                    return Err(columns.corrupt("a reply has a status or a reason"));
                }
            }
        },
    })
}
