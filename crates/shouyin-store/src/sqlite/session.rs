//! Sessions of mini-program users.

use rusqlite::{CachedStatement, Connection, Params, params};
use shouyin_core::Timestamp;
use shouyin_core::id::{Appid, Openid};
use shouyin_core::session::Session;

use super::columns::Columns;
use super::error::DbError;

pub(super) fn insert(conn: &Connection, session: &Session) -> Result<(), DbError> {
    conn.prepare_cached(
        "insert into session (token_hash, appid, openid, code_hash, created_at, expires_at)
         values (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        session.token_hash,
        session.appid.as_str(),
        session.openid.as_str(),
        session.code_hash,
        session.created_at.as_millis(),
        session.expires_at.as_millis(),
    ])?;
    Ok(())
}

pub(super) fn by_token(conn: &Connection, token_hash: &str) -> Result<Option<Session>, DbError> {
    let statement = conn.prepare_cached(
        "select seq, token_hash, appid, openid, code_hash, created_at, expires_at
         from session where token_hash = ?1",
    )?;
    first(statement, params![token_hash])
}

/// The newest session made from a login code.
pub(super) fn by_code(
    conn: &Connection,
    appid: &Appid,
    code_hash: &str,
) -> Result<Option<Session>, DbError> {
    let statement = conn.prepare_cached(
        "select seq, token_hash, appid, openid, code_hash, created_at, expires_at
         from session indexed by session_code
         where appid = ?1 and code_hash = ?2 order by seq desc limit 1",
    )?;
    first(statement, params![appid.as_str(), code_hash])
}

fn first(
    mut statement: CachedStatement<'_>,
    parameters: impl Params,
) -> Result<Option<Session>, DbError> {
    let mut rows = statement.query(parameters)?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let columns = &mut Columns::new("session", row);
    columns.value::<i64>()?;
    Ok(Some(Session {
        token_hash: columns.value()?,
        appid: columns.parsed(Appid::parse)?,
        openid: columns.parsed(Openid::parse)?,
        code_hash: columns.value()?,
        created_at: columns.time()?,
        expires_at: columns.time()?,
    }))
}

/// Deletes the sessions that are not valid any more; returns how many.
pub(super) fn delete_ended(conn: &Connection, now: Timestamp) -> Result<u64, DbError> {
    let deleted = conn
        .prepare_cached("delete from session where expires_at <= ?1")?
        .execute(params![now.as_millis()])?;
    Ok(u64::try_from(deleted).unwrap_or(u64::MAX))
}
