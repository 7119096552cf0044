//! Incidents: a kind is kept once for an order, refund and bill, however often it is seen.

use rusqlite::{Connection, params};
use shouyin_core::id::{Mchid, OutRefundNo, OutTradeNo, PaymentId};
use shouyin_core::incident::{Incident, IncidentKind};
use shouyin_core::time::BillDate;

use super::columns::Columns;
use super::error::DbError;

/// In the columns `out_trade_no`, `out_refund_no` and `bill_date`: the incident is not about one.
const NONE: &str = "";

pub(super) fn insert_once(conn: &Connection, incident: &Incident) -> Result<(), DbError> {
    conn.prepare_cached(
        "insert into incident (mchid, kind, out_trade_no, out_refund_no, bill_date, payment_id, at, detail)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         on conflict (mchid, kind, out_trade_no, out_refund_no, bill_date) do nothing",
    )?
    .execute(params![
        incident.mchid.as_str(),
        incident.kind.as_str(),
        incident
            .out_trade_no
            .as_ref()
            .map_or(NONE, OutTradeNo::as_str),
        incident
            .out_refund_no
            .as_ref()
            .map_or(NONE, OutRefundNo::as_str),
        incident
            .bill_date
            .map_or_else(String::new, |date| date.to_string()),
        incident.payment_id.as_ref().map(PaymentId::as_str),
        incident.at.as_millis(),
        incident.detail,
    ])?;
    Ok(())
}

/// A merchant's incidents, newest first.
pub(super) fn newest(
    conn: &Connection,
    mchid: &Mchid,
    limit: u32,
) -> Result<Vec<Incident>, DbError> {
    let mut statement = conn.prepare_cached(
        "select seq, mchid, kind, out_trade_no, out_refund_no, bill_date, payment_id, at, detail
         from incident indexed by incident_mchid
         where mchid = ?1 order by seq desc limit ?2",
    )?;
    let mut rows = statement.query(params![mchid.as_str(), limit])?;
    let mut incidents = Vec::new();
    while let Some(row) = rows.next()? {
        incidents.push(from_row(&mut Columns::new("incident", row))?);
    }
    Ok(incidents)
}

fn from_row(columns: &mut Columns<'_>) -> Result<Incident, DbError> {
    columns.value::<i64>()?;
    Ok(Incident {
        mchid: columns.parsed(Mchid::parse)?,
        kind: columns.named(IncidentKind::parse)?,
        out_trade_no: columns.parsed(|text| match text.as_str() {
            NONE => Ok(None),
            _ => OutTradeNo::parse(text).map(Some),
        })?,
        out_refund_no: columns.parsed(|text| match text.as_str() {
            NONE => Ok(None),
            _ => OutRefundNo::parse(text).map(Some),
        })?,
        bill_date: columns.named(|text| match text {
            NONE => Some(None),
            _ => BillDate::parse(text).map(Some),
        })?,
        payment_id: columns.optional(PaymentId::parse)?,
        at: columns.time()?,
        detail: columns.value()?,
    })
}
