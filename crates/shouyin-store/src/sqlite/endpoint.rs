//! Webhook endpoints and their secrets.

use rusqlite::{Connection, params};
use shouyin_core::Timestamp;
use shouyin_core::event::{Event, EventType};
use shouyin_core::id::{EndpointId, Mchid};
use shouyin_core::ports::EndpointChange;
use shouyin_core::task::{Subject, TaskKey, TaskKind};
use shouyin_core::webhook::decide::fan_out;
use shouyin_core::webhook::model::{Endpoint, EndpointState, Secret};

use super::columns::Columns;
use super::error::DbError;
use super::{delivery, task};

pub(super) fn apply(conn: &Connection, change: &EndpointChange) -> Result<(), DbError> {
    match change {
        EndpointChange::Put(endpoint) => put(conn, endpoint),
        EndpointChange::Delete(id) => delete(conn, id),
    }
}

fn put(conn: &Connection, endpoint: &Endpoint) -> Result<(), DbError> {
    let (disabled_at, by_failure) = match endpoint.state {
        EndpointState::Enabled => (None, false),
        EndpointState::Disabled { at, by_failure } => (Some(at.as_millis()), by_failure),
    };
    let names: Vec<&str> = endpoint.event_types.iter().map(|t| t.as_str()).collect();
    let changed = conn
        .prepare_cached(
            "insert into webhook_endpoint (id, mchid, url, description, event_types, state, disabled_at, by_failure,
                    created_at, failing_since)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             on conflict (id) do update
             set url = excluded.url, description = excluded.description, event_types = excluded.event_types,
                 state = excluded.state, disabled_at = excluded.disabled_at, by_failure = excluded.by_failure,
                 created_at = excluded.created_at, failing_since = excluded.failing_since
             where mchid = excluded.mchid",
        )?
        .execute(params![
            endpoint.id.as_str(),
            endpoint.mchid.as_str(),
            endpoint.url,
            endpoint.description,
            names.join(" "),
            endpoint.state.as_str(),
            disabled_at,
            by_failure,
            endpoint.created_at.as_millis(),
            endpoint.failing_since.map(Timestamp::as_millis),
        ])?;
    super::expect_one(
        changed,
        "webhook_endpoint of this merchant",
        endpoint.id.as_str(),
    )?;
    put_secrets(conn, endpoint)
}

fn put_secrets(conn: &Connection, endpoint: &Endpoint) -> Result<(), DbError> {
    delete_secrets(conn, &endpoint.id)?;
    let mut insert = conn.prepare_cached(
        "insert into webhook_secret (endpoint_id, position, secret, expires_at) values (?1, ?2, ?3, ?4)",
    )?;
    for (position, secret) in endpoint.secrets.iter().enumerate() {
        insert.execute(params![
            endpoint.id.as_str(),
            u32::try_from(position).unwrap_or(u32::MAX),
            secret.text,
            secret.expires_at.map(Timestamp::as_millis),
        ])?;
    }
    Ok(())
}

fn delete_secrets(conn: &Connection, id: &EndpointId) -> Result<(), DbError> {
    conn.prepare_cached("delete from webhook_secret where endpoint_id = ?1")?
        .execute(params![id.as_str()])?;
    Ok(())
}

/// With everything that belongs to it.
fn delete(conn: &Connection, id: &EndpointId) -> Result<(), DbError> {
    delivery::delete_all(conn, id)?;
    delete_secrets(conn, id)?;
    conn.prepare_cached("delete from webhook_endpoint where id = ?1")?
        .execute(params![id.as_str()])?;
    let key = TaskKey {
        kind: TaskKind::DeliverWebhooks,
        subject: Subject::Endpoint(id.clone()),
    };
    task::remove(conn, &key)
}

/// Puts new events, which are stored already, on their way to everybody who wants them.
pub(super) fn fan_out_events(conn: &Connection, events: &[Event]) -> Result<(), DbError> {
    for (position, event) in events.iter().enumerate() {
        let is_first = !events
            .iter()
            .take(position)
            .any(|earlier| earlier.mchid == event.mchid);
        if !is_first {
            continue;
        }
        let endpoints = enabled(conn, &event.mchid)?;
        if endpoints.is_empty() {
            continue;
        }
        let (deliveries, tasks) = fan_out(&endpoints, events);
        for change in &deliveries {
            delivery::apply(conn, change)?;
        }
        for change in &tasks {
            task::apply(conn, change)?;
        }
    }
    Ok(())
}

/// A merchant's endpoints that anything is sent to, without their secrets: for every event there is.
fn enabled(conn: &Connection, mchid: &Mchid) -> Result<Vec<Endpoint>, DbError> {
    let mut statement = conn.prepare_cached(
        "select id, mchid, url, description, event_types, state, disabled_at, by_failure, created_at, failing_since
         from webhook_endpoint indexed by webhook_endpoint_mchid
         where mchid = ?1 and state = 'enabled' order by seq",
    )?;
    let mut rows = statement.query(params![mchid.as_str()])?;
    let mut endpoints = Vec::new();
    while let Some(row) = rows.next()? {
        endpoints.push(from_row(&mut Columns::new("webhook_endpoint", row))?);
    }
    Ok(endpoints)
}

/// A merchant's endpoints, oldest first.
pub(super) fn of_merchant(conn: &Connection, mchid: &Mchid) -> Result<Vec<Endpoint>, DbError> {
    let mut statement = conn.prepare_cached(
        "select id, mchid, url, description, event_types, state, disabled_at, by_failure, created_at, failing_since
         from webhook_endpoint indexed by webhook_endpoint_mchid
         where mchid = ?1 order by seq",
    )?;
    let mut rows = statement.query(params![mchid.as_str()])?;
    let mut endpoints = Vec::new();
    while let Some(row) = rows.next()? {
        endpoints.push(with_secrets(
            conn,
            from_row(&mut Columns::new("webhook_endpoint", row))?,
        )?);
    }
    Ok(endpoints)
}

pub(super) fn by_id(conn: &Connection, id: &EndpointId) -> Result<Option<Endpoint>, DbError> {
    let mut statement = conn.prepare_cached(
        "select id, mchid, url, description, event_types, state, disabled_at, by_failure, created_at, failing_since
         from webhook_endpoint where id = ?1",
    )?;
    let mut rows = statement.query(params![id.as_str()])?;
    match rows.next()? {
        Some(row) => {
            let endpoint = from_row(&mut Columns::new("webhook_endpoint", row))?;
            with_secrets(conn, endpoint).map(Some)
        }
        None => Ok(None),
    }
}

fn from_row(columns: &mut Columns<'_>) -> Result<Endpoint, DbError> {
    Ok(Endpoint {
        id: columns.parsed(EndpointId::parse)?,
        mchid: columns.parsed(Mchid::parse)?,
        url: columns.value()?,
        description: columns.value()?,
        event_types: columns.parsed(|names| event_types(&names))?,
        state: state_from_row(columns)?,
        secrets: Vec::new(),
        created_at: columns.time()?,
        failing_since: columns.optional_time()?,
    })
}

fn event_types(names: &str) -> Result<Vec<EventType>, String> {
    names
        .split_whitespace()
        .map(|name| EventType::parse(name).ok_or_else(|| format!("{name:?} is not known")))
        .collect()
}

fn state_from_row(columns: &mut Columns<'_>) -> Result<EndpointState, DbError> {
    let state: String = columns.value()?;
    let disabled_at = columns.optional_time()?;
    let by_failure: bool = columns.value()?;
    match (state.as_str(), disabled_at, by_failure) {
        ("enabled", None, false) => Ok(EndpointState::Enabled),
        ("disabled", Some(at), by_failure) => Ok(EndpointState::Disabled { at, by_failure }),
        _ => Err(columns.corrupt(&format!("the columns do not fit state {state:?}"))),
    }
}

fn with_secrets(conn: &Connection, mut endpoint: Endpoint) -> Result<Endpoint, DbError> {
    let mut statement = conn.prepare_cached(
        "select secret, expires_at from webhook_secret where endpoint_id = ?1 order by position",
    )?;
    let secrets = statement.query_map(params![endpoint.id.as_str()], |row| {
        Ok(Secret {
            text: row.get(0)?,
            expires_at: row.get::<_, Option<i64>>(1)?.map(Timestamp::from_millis),
        })
    })?;
    endpoint.secrets = secrets.collect::<Result<_, _>>()?;
    Ok(endpoint)
}
