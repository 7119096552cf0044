//! Days of merchants, lines of their bills, and what differs.

use fen::Fen;
use rusqlite::{Connection, params};
use shouyin_core::Timestamp;
use shouyin_core::id::{Mchid, OutRefundNo, PaymentId};
use shouyin_core::ledger::Posting;
use shouyin_core::ports::DifferenceFilter;
use shouyin_core::reconciliation::model::{
    BillLine, DayState, Difference, DifferenceKind, DifferenceState, Reconciliation, Resolution,
    Tally,
};
use shouyin_core::time::BillDate;

use super::columns::Columns;
use super::error::DbError;
use super::ledger;

/// In the column `out_refund_no`: it is not about a refund.
const NO_REFUND: &str = "";

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn put(conn: &Connection, day: &Reconciliation) -> Result<(), DbError> {
    let bill = day.bill.as_ref();
    conn.prepare_cached(
        "insert into reconciliation (mchid, date, state, bill_payments, bill_paid_fen, bill_refunds, bill_refunded_fen,
                                     bill_revoked, bill_fees, payments, paid_fen, refunds, refunded_fen, revoked, fees,
                                     tries, trouble, fetched_at, completed_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
         on conflict (mchid, date) do update
         set state = excluded.state, bill_payments = excluded.bill_payments, bill_paid_fen = excluded.bill_paid_fen,
             bill_refunds = excluded.bill_refunds, bill_refunded_fen = excluded.bill_refunded_fen,
             bill_revoked = excluded.bill_revoked, bill_fees = excluded.bill_fees, payments = excluded.payments,
             paid_fen = excluded.paid_fen, refunds = excluded.refunds, refunded_fen = excluded.refunded_fen,
             revoked = excluded.revoked, fees = excluded.fees, tries = excluded.tries, trouble = excluded.trouble,
             fetched_at = excluded.fetched_at, completed_at = excluded.completed_at",
    )?
    .execute(params![
        day.mchid.as_str(),
        day.date.to_string(),
        day.state.as_str(),
        bill.map(|bill| count(bill.payments)),
        bill.map(|bill| bill.paid.get()),
        bill.map(|bill| count(bill.refunds)),
        bill.map(|bill| bill.refunded.get()),
        bill.map(|bill| count(bill.revoked)),
        bill.map(|bill| bill.fees),
        count(day.matched.payments),
        day.matched.paid.get(),
        count(day.matched.refunds),
        day.matched.refunded.get(),
        count(day.matched.revoked),
        day.matched.fees,
        day.tries,
        day.trouble,
        day.fetched_at.map(Timestamp::as_millis),
        day.completed_at.map(Timestamp::as_millis),
    ])?;
    Ok(())
}

const COLUMNS: &str = "date, mchid, state, bill_payments, bill_paid_fen, bill_refunds, bill_refunded_fen, bill_revoked, bill_fees,
                       payments, paid_fen, refunds, refunded_fen, revoked, fees, tries, trouble, fetched_at, completed_at";

pub(super) fn load(
    conn: &Connection,
    mchid: &Mchid,
    date: BillDate,
) -> Result<Option<Reconciliation>, DbError> {
    let sql = format!("select {COLUMNS} from reconciliation where mchid = ?1 and date = ?2");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query(params![mchid.as_str(), date.to_string()])?;
    match rows.next()? {
        Some(row) => day(&mut Columns::new("reconciliation", row)).map(Some),
        None => Ok(None),
    }
}

/// A merchant's days before this one, newest first.
pub(super) fn page(
    conn: &Connection,
    mchid: &Mchid,
    before: Option<BillDate>,
    limit: u32,
) -> Result<Vec<Reconciliation>, DbError> {
    let sql = format!(
        "select {COLUMNS} from reconciliation
         where mchid = ?1 and date < ?2 order by date desc limit ?3"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    // Behind every day.
    let before = before.map_or_else(|| "9999".to_owned(), |date| date.to_string());
    let mut rows = statement.query(params![mchid.as_str(), before, limit])?;
    let mut days = Vec::new();
    while let Some(row) = rows.next()? {
        days.push(day(&mut Columns::new("reconciliation", row))?);
    }
    Ok(days)
}

fn date(columns: &mut Columns<'_>) -> Result<BillDate, DbError> {
    columns.named(BillDate::parse)
}

fn day(columns: &mut Columns<'_>) -> Result<Reconciliation, DbError> {
    let date = date(columns)?;
    Ok(Reconciliation {
        date,
        mchid: columns.parsed(Mchid::parse)?,
        state: columns.named(DayState::parse)?,
        bill: bill(columns)?,
        matched: Tally {
            payments: number(columns)?,
            paid: Fen::new(columns.value()?),
            refunds: number(columns)?,
            refunded: Fen::new(columns.value()?),
            revoked: number(columns)?,
            fees: columns.value()?,
        },
        tries: columns.value()?,
        trouble: columns.value()?,
        fetched_at: columns.optional_time()?,
        completed_at: columns.optional_time()?,
    })
}

fn number(columns: &mut Columns<'_>) -> Result<u64, DbError> {
    let number: i64 = columns.value()?;
    u64::try_from(number).map_err(|_| columns.corrupt("is negative"))
}

/// All columns are there, or none: the table says so.
fn bill(columns: &mut Columns<'_>) -> Result<Option<Tally>, DbError> {
    let mut values = [None; 6];
    for value in &mut values {
        *value = columns.value::<Option<i64>>()?;
    }
    let [
        Some(payments),
        Some(paid),
        Some(refunds),
        Some(refunded),
        Some(revoked),
        Some(fees),
    ] = values
    else {
        return Ok(None);
    };
    let number = |number: i64| u64::try_from(number).map_err(|_| columns.corrupt("is negative"));
    Ok(Some(Tally {
        payments: number(payments)?,
        paid: Fen::new(paid),
        refunds: number(refunds)?,
        refunded: Fen::new(refunded),
        revoked: number(revoked)?,
        fees,
    }))
}

/// A line that is known already stays as it is.
pub(super) fn insert_line(conn: &Connection, line: &BillLine) -> Result<(), DbError> {
    conn.prepare_cached(
        "insert into bill_line (mchid, out_trade_no, out_refund_no, date, amount_fen)
         values (?1, ?2, ?3, ?4, ?5)
         on conflict (mchid, out_trade_no, out_refund_no) do nothing",
    )?
    .execute(params![
        line.mchid.as_str(),
        line.out_trade_no.as_str(),
        line.out_refund_no
            .as_ref()
            .map_or(NO_REFUND, OutRefundNo::as_str),
        line.date.to_string(),
        line.amount.get(),
    ])?;
    Ok(())
}

/// Money that came or went, and of which no bill has had a line.
pub(super) fn unbilled(
    conn: &Connection,
    mchid: &Mchid,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Posting>, DbError> {
    let mut statement = conn.prepare_cached(
        "select seq, mchid, kind, payment_id, out_trade_no, out_refund_no, amount_fen, at
         from posting indexed by posting_money
         where mchid = ?1 and at >= ?2 and at < ?3 and (kind = 'paid' or kind = 'refunded')
           and not exists (
             select 1 from bill_line
             where bill_line.mchid = posting.mchid and bill_line.out_trade_no = posting.out_trade_no
               and bill_line.out_refund_no = coalesce(posting.out_refund_no, ''))
         order by seq",
    )?;
    let mut rows = statement.query(params![mchid.as_str(), from.as_millis(), until.as_millis()])?;
    let mut postings = Vec::new();
    while let Some(row) = rows.next()? {
        postings.push(ledger::from_row(&mut Columns::new("posting", row))?);
    }
    Ok(postings)
}

pub(super) fn put_difference(conn: &Connection, difference: &Difference) -> Result<(), DbError> {
    let (resolved_at, resolved_by) = match difference.state {
        DifferenceState::Resolved { at, by } => (Some(at.as_millis()), Some(by.as_str())),
        DifferenceState::Asked | DifferenceState::Open => (None, None),
    };
    conn.prepare_cached(
        "insert into difference (mchid, date, kind, out_trade_no, out_refund_no, transaction_id, wechat_refund_id,
                                 payment_id, bill_fen, books_fen, state, resolved_at, resolved_by, found_at, detail)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
         on conflict (mchid, date, kind, out_trade_no, out_refund_no) do update
         set transaction_id = excluded.transaction_id, wechat_refund_id = excluded.wechat_refund_id,
             payment_id = excluded.payment_id, bill_fen = excluded.bill_fen, books_fen = excluded.books_fen,
             state = excluded.state, resolved_at = excluded.resolved_at, resolved_by = excluded.resolved_by,
             found_at = excluded.found_at, detail = excluded.detail",
    )?
    .execute(params![
        difference.mchid.as_str(),
        difference.date.to_string(),
        difference.kind.as_str(),
        difference.out_trade_no,
        difference.out_refund_no.as_deref().unwrap_or(NO_REFUND),
        difference.transaction_id,
        difference.wechat_refund_id,
        difference.payment_id.as_ref().map(PaymentId::as_str),
        difference.in_bill.map(Fen::get),
        difference.in_books.map(Fen::get),
        difference.state.as_str(),
        resolved_at,
        resolved_by,
        difference.found_at.as_millis(),
        difference.detail,
    ])?;
    Ok(())
}

/// Differences in the order of storing.
pub(super) fn differences(
    conn: &Connection,
    mchid: &Mchid,
    filter: &DifferenceFilter,
) -> Result<Vec<Difference>, DbError> {
    let mut statement = conn.prepare_cached(
        "select seq, mchid, date, kind, out_trade_no, out_refund_no, transaction_id, wechat_refund_id, payment_id,
                bill_fen, books_fen, state, resolved_at, resolved_by, found_at, detail
         from difference
         where mchid = ?1 and (?2 is null or date = ?2) and (?3 = 0 or state <> 'resolved')
         order by seq",
    )?;
    let mut rows = statement.query(params![
        mchid.as_str(),
        filter.date.map(|date| date.to_string()),
        filter.unresolved,
    ])?;
    let mut differences = Vec::new();
    while let Some(row) = rows.next()? {
        differences.push(difference(&mut Columns::new("difference", row))?);
    }
    Ok(differences)
}

fn difference(columns: &mut Columns<'_>) -> Result<Difference, DbError> {
    columns.value::<i64>()?;
    Ok(Difference {
        mchid: columns.parsed(Mchid::parse)?,
        date: date(columns)?,
        kind: columns.named(DifferenceKind::parse)?,
        out_trade_no: columns.value()?,
        out_refund_no: Some(columns.value()?).filter(|number| number != NO_REFUND),
        transaction_id: columns.value()?,
        wechat_refund_id: columns.value()?,
        payment_id: columns.optional(PaymentId::parse)?,
        in_bill: columns.value::<Option<i64>>()?.map(Fen::new),
        in_books: columns.value::<Option<i64>>()?.map(Fen::new),
        state: state(columns)?,
        found_at: columns.time()?,
        detail: columns.value()?,
    })
}

fn state(columns: &mut Columns<'_>) -> Result<DifferenceState, DbError> {
    let name: String = columns.value()?;
    let at = columns.optional_time()?;
    let by: Option<String> = columns.value()?;
    match (name.as_str(), at, by.as_deref().and_then(Resolution::parse)) {
        ("asked", None, None) => Ok(DifferenceState::Asked),
        ("open", None, None) => Ok(DifferenceState::Open),
        ("resolved", Some(at), Some(by)) => Ok(DifferenceState::Resolved { at, by }),
        _ => Err(columns.corrupt("the state does not fit")),
    }
}
