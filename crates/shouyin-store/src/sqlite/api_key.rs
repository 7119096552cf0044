//! API keys of merchants' backends: hashes only.

use rusqlite::{Connection, params};
use shouyin_core::api_key::ApiKey;
use shouyin_core::id::Mchid;
use shouyin_core::ports::StoreError;

use super::columns::Columns;
use super::error::DbError;

/// Keeps a key. Keeping it again changes its name only; the same key for another merchant is a conflict.
pub(super) fn put(conn: &Connection, key: &ApiKey) -> Result<(), DbError> {
    let kept = conn
        .prepare_cached(
            "insert into api_key (hash, mchid, name, created_at) values (?1, ?2, ?3, ?4)
             on conflict (hash) do update set name = excluded.name where mchid = excluded.mchid",
        )?
        .execute(params![
            key.hash,
            key.mchid.as_str(),
            key.name,
            key.created_at.as_millis(),
        ])?;
    if kept == 0 {
        return Err(StoreError::Conflict("API key of another merchant exists".into()).into());
    }
    Ok(())
}

pub(super) fn by_hash(conn: &Connection, hash: &str) -> Result<Option<ApiKey>, DbError> {
    let mut statement =
        conn.prepare_cached("select name, hash, mchid, created_at from api_key where hash = ?1")?;
    let mut rows = statement.query(params![hash])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let columns = &mut Columns::new("api_key", row);
    Ok(Some(ApiKey {
        name: columns.value()?,
        hash: columns.value()?,
        mchid: columns.parsed(Mchid::parse)?,
        created_at: columns.time()?,
    }))
}
