//! Postings: the books. Rows are only ever inserted.

use fen::Fen;
use rusqlite::{Connection, params};
use shouyin_core::id::{Mchid, OutRefundNo, OutTradeNo, PaymentId};
use shouyin_core::ledger::{Balance, Posting, PostingKind};

use super::columns::Columns;
use super::error::DbError;
use crate::rules;

pub(super) fn insert(conn: &Connection, posting: &Posting) -> Result<(), DbError> {
    rules::check_posting(posting)?;
    conn.prepare_cached(
        "insert into posting (mchid, kind, payment_id, out_trade_no, out_refund_no, amount_fen, at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        posting.mchid.as_str(),
        posting.kind.as_str(),
        posting.payment_id.as_str(),
        posting.out_trade_no.as_str(),
        posting.out_refund_no.as_ref().map(OutRefundNo::as_str),
        posting.amount.get(),
        posting.at.as_millis(),
    ])?;
    Ok(())
}

/// The postings of a payment, in the order of storing.
pub(super) fn of_payment(
    conn: &Connection,
    mchid: &Mchid,
    id: &PaymentId,
) -> Result<Vec<Posting>, DbError> {
    let mut statement = conn.prepare_cached(
        "select seq, mchid, kind, payment_id, out_trade_no, out_refund_no, amount_fen, at
         from posting indexed by posting_payment
         where payment_id = ?1 and mchid = ?2 order by seq",
    )?;
    let mut rows = statement.query(params![id.as_str(), mchid.as_str()])?;
    let mut postings = Vec::new();
    while let Some(row) = rows.next()? {
        postings.push(from_row(&mut Columns::new("posting", row))?);
    }
    Ok(postings)
}

pub(super) fn from_row(columns: &mut Columns<'_>) -> Result<Posting, DbError> {
    columns.value::<i64>()?;
    Ok(Posting {
        mchid: columns.parsed(Mchid::parse)?,
        kind: columns.named(PostingKind::parse)?,
        payment_id: columns.parsed(PaymentId::parse)?,
        out_trade_no: columns.parsed(OutTradeNo::parse)?,
        out_refund_no: columns.optional(OutRefundNo::parse)?,
        amount: Fen::new(columns.value()?),
        at: columns.time()?,
    })
}

/// What a merchant's postings sum up to.
pub(super) fn balance(conn: &Connection, mchid: &Mchid) -> Result<Balance, DbError> {
    let mut statement = conn.prepare_cached(
        "select kind, sum(amount_fen) from posting indexed by posting_balance
         where mchid = ?1 group by kind",
    )?;
    let mut rows = statement.query(params![mchid.as_str()])?;
    let mut sums = Vec::new();
    while let Some(row) = rows.next()? {
        let columns = &mut Columns::new("posting", row);
        let kind = columns.named(PostingKind::parse)?;
        sums.push((kind, Fen::new(columns.value()?)));
    }
    Ok(rules::balance(sums)?)
}
