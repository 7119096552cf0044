//! Verified notifications, kept as evidence.

use rusqlite::{Connection, params};
use shouyin_core::id::{Mchid, OutTradeNo, PaymentId};
use shouyin_core::notification::{NotificationEffect, NotificationRecord};

use super::columns::Columns;
use super::error::DbError;

pub(super) fn insert(conn: &Connection, record: &NotificationRecord) -> Result<(), DbError> {
    conn.prepare_cached(
        "insert into notification (mchid, wechat_id, event_type, out_trade_no, payment_id, received_at, serial, effect, body)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        record.mchid.as_str(),
        record.wechat_id,
        record.event_type,
        record.out_trade_no.as_ref().map(OutTradeNo::as_str),
        record.payment_id.as_ref().map(PaymentId::as_str),
        record.received_at.as_millis(),
        record.serial,
        record.effect.as_str(),
        record.body,
    ])?;
    Ok(())
}

/// A merchant's notifications, newest first.
pub(super) fn newest(
    conn: &Connection,
    mchid: &Mchid,
    limit: u32,
) -> Result<Vec<NotificationRecord>, DbError> {
    let mut statement = conn.prepare_cached(
        "select seq, mchid, wechat_id, event_type, out_trade_no, payment_id, received_at, serial, effect, body
         from notification indexed by notification_mchid
         where mchid = ?1 order by seq desc limit ?2",
    )?;
    let mut rows = statement.query(params![mchid.as_str(), limit])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(from_row(&mut Columns::new("notification", row))?);
    }
    Ok(records)
}

fn from_row(columns: &mut Columns<'_>) -> Result<NotificationRecord, DbError> {
    columns.value::<i64>()?;
    Ok(NotificationRecord {
        mchid: columns.parsed(Mchid::parse)?,
        wechat_id: columns.value()?,
        event_type: columns.value()?,
        out_trade_no: columns.optional(OutTradeNo::parse)?,
        payment_id: columns.optional(PaymentId::parse)?,
        received_at: columns.time()?,
        serial: columns.value()?,
        effect: columns.named(NotificationEffect::parse)?,
        body: columns.value()?,
    })
}
