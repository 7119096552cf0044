//! Remembered answers.

use rusqlite::{Connection, params};
use shouyin_core::id::{IdempotencyKey, Mchid};
use shouyin_core::idempotency::IdempotencyRecord;

use super::columns::Columns;
use super::error::DbError;

pub(super) fn insert(conn: &Connection, record: &IdempotencyRecord) -> Result<(), DbError> {
    conn.prepare_cached(
        "insert into idempotency (mchid, key, fingerprint, status, body, created_at) values (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        record.mchid.as_str(),
        record.key.as_str(),
        record.fingerprint,
        record.status,
        record.body,
        record.created_at.as_millis(),
    ])?;
    Ok(())
}

pub(super) fn load(
    conn: &Connection,
    mchid: &Mchid,
    key: &IdempotencyKey,
) -> Result<Option<IdempotencyRecord>, DbError> {
    let mut statement = conn.prepare_cached(
        "select key, mchid, fingerprint, status, body, created_at from idempotency where mchid = ?1 and key = ?2",
    )?;
    let mut rows = statement.query(params![mchid.as_str(), key.as_str()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let columns = &mut Columns::new("idempotency", row);
    Ok(Some(IdempotencyRecord {
        key: columns.parsed(IdempotencyKey::parse)?,
        mchid: columns.parsed(Mchid::parse)?,
        fingerprint: columns.value()?,
        status: columns.value()?,
        body: columns.value()?,
        created_at: columns.time()?,
    }))
}
