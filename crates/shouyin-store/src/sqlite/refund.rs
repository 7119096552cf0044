//! Refunds: saved with their payment, like its attempts; listed on their own.

use fen::Fen;
use rusqlite::{Connection, OptionalExtension, ToSql, params};
use shouyin_core::Timestamp;
use shouyin_core::id::{
    Mchid, OutRefundNo, OutTradeNo, PaymentId, RefundId, RefundNo, WechatRefundId,
};
use shouyin_core::payment::Payment;
use shouyin_core::ports::RefundFilter;
use shouyin_core::refund::model::{Trouble, TroubleKind};
use shouyin_core::refund::{Refund, RefundOrigin, RefundState};

use super::columns::Columns;
use super::error::DbError;

/// The columns of [`from_row`], then the payment.
macro_rules! select_refunds {
    ($rest:literal) => {
        concat!(
            "select id, refund_no, out_refund_no, out_trade_no, amount_fen, reason, origin, state, ended_at, rejected_code,
                    wechat_id, received_account, trouble_code, trouble_message, trouble_kind, created_at, last_sent_at,
                    sends, asked_at, remedied_at, payment_id ",
            $rest
        )
    };
}

pub(super) const OF_PAYMENT: &str = select_refunds!(
    "from refund indexed by refund_payment where payment_id = ?1 order by position"
);

/// A payment's refunds, oldest first.
pub(super) fn of_payment(conn: &Connection, id: &PaymentId) -> Result<Vec<Refund>, DbError> {
    let mut statement = conn.prepare_cached(OF_PAYMENT)?;
    let mut rows = statement.query(params![id.as_str()])?;
    let mut refunds = Vec::new();
    while let Some(row) = rows.next()? {
        refunds.push(from_row(&mut Columns::new("refund", row))?);
    }
    Ok(refunds)
}

fn from_row(columns: &mut Columns<'_>) -> Result<Refund, DbError> {
    Ok(Refund {
        id: columns.parsed(RefundId::parse)?,
        refund_no: columns.optional(RefundNo::parse)?,
        out_refund_no: columns.parsed(OutRefundNo::parse)?,
        out_trade_no: columns.parsed(OutTradeNo::parse)?,
        amount: Fen::new(columns.value()?),
        reason: columns.value()?,
        origin: columns.named(RefundOrigin::parse)?,
        state: state_from_row(columns)?,
        wechat_id: columns.optional(WechatRefundId::parse)?,
        received_account: columns.value()?,
        trouble: trouble_from_row(columns)?,
        created_at: columns.time()?,
        last_sent_at: columns.time()?,
        sends: columns.value()?,
        asked_at: columns.optional_time()?,
        remedied_at: columns.optional_time()?,
    })
}

fn state_from_row(columns: &mut Columns<'_>) -> Result<RefundState, DbError> {
    let state: String = columns.value()?;
    let ended_at = columns.optional_time()?;
    let rejected_code: Option<String> = columns.value()?;
    match (state.as_str(), ended_at, rejected_code) {
        ("recorded", None, None) => Ok(RefundState::Recorded),
        ("processing", None, None) => Ok(RefundState::Processing),
        ("abnormal", None, None) => Ok(RefundState::Abnormal),
        ("succeeded", Some(at), None) => Ok(RefundState::Succeeded { at }),
        ("closed", Some(at), None) => Ok(RefundState::Closed { at }),
        ("rejected", None, Some(code)) => Ok(RefundState::Rejected { code }),
        _ => Err(columns.corrupt(&format!("the columns do not fit state {state:?}"))),
    }
}

fn trouble_from_row(columns: &mut Columns<'_>) -> Result<Option<Trouble>, DbError> {
    let code: Option<String> = columns.value()?;
    let message: Option<String> = columns.value()?;
    let kind = columns.optional(|text| {
        TroubleKind::parse(&text).ok_or_else(|| format!("{text:?} is not known"))
    })?;
    match (code, message, kind) {
        (Some(code), Some(message), Some(kind)) => Ok(Some(Trouble {
            code,
            message,
            kind,
        })),
        (None, None, None) => Ok(None),
        _ => Err(columns.corrupt("a trouble has a code, a message and a kind")),
    }
}

/// Saves the refunds that are new or different; `known` are those in the database.
pub(super) fn save(conn: &Connection, payment: &Payment, known: &[Refund]) -> Result<(), DbError> {
    for (position, refund) in payment.refunds.iter().enumerate() {
        match known.get(position) {
            Some(before) if before == refund => {}
            Some(_) => update(conn, refund)?,
            None => insert(conn, payment, position, refund)?,
        }
    }
    Ok(())
}

/// The columns `ended_at` and `rejected_code`.
fn state_columns(state: &RefundState) -> (Option<i64>, Option<&str>) {
    match state {
        RefundState::Recorded | RefundState::Processing | RefundState::Abnormal => (None, None),
        RefundState::Succeeded { at } | RefundState::Closed { at } => (Some(at.as_millis()), None),
        RefundState::Rejected { code } => (None, Some(code)),
    }
}

fn insert(
    conn: &Connection,
    payment: &Payment,
    position: usize,
    refund: &Refund,
) -> Result<(), DbError> {
    let (ended_at, rejected_code) = state_columns(&refund.state);
    let trouble = refund.trouble.as_ref();
    conn.prepare_cached(
        "insert into refund (id, mchid, payment_id, position, refund_no, out_refund_no, out_trade_no, amount_fen, reason,
                origin, state, ended_at, rejected_code, wechat_id, received_account, trouble_code, trouble_message,
                trouble_kind, created_at, last_sent_at, sends, asked_at, remedied_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)",
    )?
    .execute(params![
        refund.id.as_str(),
        payment.mchid.as_str(),
        payment.id.as_str(),
        u32::try_from(position).unwrap_or(u32::MAX),
        refund.refund_no.as_ref().map(RefundNo::as_str),
        refund.out_refund_no.as_str(),
        refund.out_trade_no.as_str(),
        refund.amount.get(),
        refund.reason,
        refund.origin.as_str(),
        refund.state.as_str(),
        ended_at,
        rejected_code,
        refund.wechat_id.as_ref().map(WechatRefundId::as_str),
        refund.received_account,
        trouble.map(|trouble| trouble.code.as_str()),
        trouble.map(|trouble| trouble.message.as_str()),
        trouble.map(|trouble| trouble.kind.as_str()),
        refund.created_at.as_millis(),
        refund.last_sent_at.as_millis(),
        refund.sends,
        refund.asked_at.map(Timestamp::as_millis),
        refund.remedied_at.map(Timestamp::as_millis),
    ])?;
    Ok(())
}

fn update(conn: &Connection, refund: &Refund) -> Result<(), DbError> {
    let (ended_at, rejected_code) = state_columns(&refund.state);
    let trouble = refund.trouble.as_ref();
    let updated = conn
        .prepare_cached(
            "update refund
             set state = ?2, ended_at = ?3, rejected_code = ?4, wechat_id = ?5, received_account = ?6, trouble_code = ?7,
                 trouble_message = ?8, trouble_kind = ?9, last_sent_at = ?10, sends = ?11, asked_at = ?12, remedied_at = ?13
             where id = ?1",
        )?
        .execute(params![
            refund.id.as_str(),
            refund.state.as_str(),
            ended_at,
            rejected_code,
            refund.wechat_id.as_ref().map(WechatRefundId::as_str),
            refund.received_account,
            trouble.map(|trouble| trouble.code.as_str()),
            trouble.map(|trouble| trouble.message.as_str()),
            trouble.map(|trouble| trouble.kind.as_str()),
            refund.last_sent_at.as_millis(),
            refund.sends,
            refund.asked_at.map(Timestamp::as_millis),
            refund.remedied_at.map(Timestamp::as_millis),
        ])?;
    super::expect_one(updated, "refund", refund.id.as_str())
}

/// A page of a merchant's refunds, newest first, each with its payment.
pub(super) fn page(
    conn: &Connection,
    mchid: &Mchid,
    filter: &RefundFilter,
) -> Result<Vec<(PaymentId, Refund)>, DbError> {
    let before = match &filter.before {
        None => i64::MAX,
        // A cursor that is not this merchant's leads nowhere.
        Some(id) => conn
            .prepare_cached("select seq from refund where id = ?1 and mchid = ?2")?
            .query_row(params![id.as_str(), mchid.as_str()], |row| row.get(0))
            .optional()?
            .unwrap_or(i64::MIN),
    };
    let payment_id = filter.payment_id.as_ref().map(PaymentId::as_str);
    let parameters: [&dyn ToSql; 5] = [
        &mchid.as_str(),
        &before,
        &filter.limit,
        &filter.state,
        &payment_id,
    ];
    let mut statement = conn.prepare_cached(page_sql(filter))?;
    let wanted = statement.parameter_count();
    let mut rows = statement.query(&parameters[..wanted])?;
    let mut refunds = Vec::new();
    while let Some(row) = rows.next()? {
        let columns = &mut Columns::new("refund", row);
        let refund = from_row(columns)?;
        refunds.push((columns.parsed(PaymentId::parse)?, refund));
    }
    Ok(refunds)
}

/// One query for each way to look, so that each finds its index. Parameters: merchant, seq to stay below, limit, state,
/// payment; each query takes as many of them as it needs.
fn page_sql(filter: &RefundFilter) -> &'static str {
    match (&filter.payment_id, &filter.state) {
        (Some(_), _) => select_refunds!(
            "from refund indexed by refund_payment
             where payment_id = ?5 and mchid = ?1 and seq < ?2 and (?4 is null or state = ?4)
             order by seq desc limit ?3"
        ),
        (None, Some(_)) => select_refunds!(
            "from refund indexed by refund_state
             where mchid = ?1 and state = ?4 and seq < ?2 order by seq desc limit ?3"
        ),
        (None, None) => select_refunds!(
            "from refund indexed by refund_mchid
             where mchid = ?1 and seq < ?2 order by seq desc limit ?3"
        ),
    }
}
