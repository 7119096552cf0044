//! Load, decide, save.

use rusqlite::Connection;
use shouyin_core::payment::Payment;
use shouyin_core::ports::{Changes, Decide, Load, Loaded};

use super::error::DbError;
use super::{event, idempotency, incident, notification, payment, task};

/// Runs inside the writer's transaction, which is the lock of every row.
pub(super) fn transact(conn: &Connection, load: &Load, decide: Decide) -> Result<(), DbError> {
    let loaded = Loaded {
        payment: match &load.payment {
            Some(key) => payment::load(conn, key)?,
            None => None,
        },
        idempotency: match &load.idempotency {
            Some((mchid, key)) => idempotency::load(conn, mchid, key)?,
            None => None,
        },
    };
    let before = loaded.payment.clone();
    let changes = decide(loaded);
    save(conn, before.as_ref(), &changes)
}

fn save(conn: &Connection, before: Option<&Payment>, changes: &Changes) -> Result<(), DbError> {
    if let Some(after) = &changes.payment {
        payment::save(conn, before, after)?;
    }
    for event in &changes.events {
        event::insert(conn, event)?;
    }
    for change in &changes.tasks {
        task::apply(conn, change)?;
    }
    if let Some(record) = &changes.notification {
        notification::insert(conn, record)?;
    }
    for incident in &changes.incidents {
        incident::insert_once(conn, incident)?;
    }
    if let Some(record) = &changes.idempotency {
        idempotency::insert(conn, record)?;
    }
    Ok(())
}
