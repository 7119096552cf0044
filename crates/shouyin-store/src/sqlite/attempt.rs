//! Attempts: part of their payment, and of nothing else.

use fen::Fen;
use rusqlite::{Connection, params};
use shouyin_core::Timestamp;
use shouyin_core::id::{Openid, OutTradeNo, PaymentId, Route, TransactionId};
use shouyin_core::payment::{Attempt, AttemptState, Payment, Prepay};
use shouyin_core::product::Handle;

use super::columns::Columns;
use super::error::DbError;
use super::payment::{scene_ip, scene_kind};

/// A payment's attempts, oldest first.
pub(super) fn of_payment(conn: &Connection, id: &PaymentId) -> Result<Vec<Attempt>, DbError> {
    let mut statement = conn.prepare_cached(
        "select out_trade_no, route, payer, scene_ip, scene_kind, amount_fen, description, attach, expires_at, state, transaction_id,
                rejected_code, handle_kind, handle, handle_at, created_at, last_sent_at, sends, asked_at, reversing_since
         from attempt where payment_id = ?1 order by position",
    )?;
    let mut rows = statement.query(params![id.as_str()])?;
    let mut attempts = Vec::new();
    while let Some(row) = rows.next()? {
        attempts.push(from_row(&mut Columns::new("attempt", row))?);
    }
    Ok(attempts)
}

fn from_row(columns: &mut Columns<'_>) -> Result<Attempt, DbError> {
    Ok(Attempt {
        out_trade_no: columns.parsed(OutTradeNo::parse)?,
        route: columns.parsed(Route::parse)?,
        payer: columns.optional(Openid::parse)?,
        scene: columns.scene()?,
        amount: Fen::new(columns.value()?),
        description: columns.value()?,
        attach: columns.value()?,
        expires_at: columns.time()?,
        state: state_from_row(columns)?,
        prepay: prepay_from_row(columns)?,
        created_at: columns.time()?,
        last_sent_at: columns.time()?,
        sends: columns.value()?,
        asked_at: columns.optional_time()?,
        reversing_since: columns.optional_time()?,
    })
}

fn state_from_row(columns: &mut Columns<'_>) -> Result<AttemptState, DbError> {
    let state: String = columns.value()?;
    let transaction_id = columns.optional(TransactionId::parse)?;
    let rejected_code: Option<String> = columns.value()?;
    match (state.as_str(), transaction_id, rejected_code) {
        ("recorded", None, None) => Ok(AttemptState::Recorded),
        ("open", None, None) => Ok(AttemptState::Open),
        ("paid", Some(transaction_id), None) => Ok(AttemptState::Paid { transaction_id }),
        ("closed", None, None) => Ok(AttemptState::Closed),
        ("rejected", None, Some(code)) => Ok(AttemptState::Rejected { code }),
        _ => Err(columns.corrupt(&format!("the columns do not fit state {state:?}"))),
    }
}

fn prepay_from_row(columns: &mut Columns<'_>) -> Result<Option<Prepay>, DbError> {
    let kind: Option<String> = columns.value()?;
    let text: Option<String> = columns.value()?;
    let handle = match (kind, text) {
        (None, None) => None,
        (Some(kind), Some(text)) => match Handle::from_parts(&kind, &text) {
            Some(handle) => Some(handle),
            None => return Err(columns.corrupt(&format!("this is no {kind}"))),
        },
        (Some(_), None) | (None, Some(_)) => {
            return Err(columns.corrupt("a handle and its kind belong together"));
        }
    };
    match (handle, columns.optional_time()?) {
        (Some(handle), Some(obtained_at)) => Ok(Some(Prepay {
            handle,
            obtained_at,
        })),
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => {
            Err(columns.corrupt("a handle and its time belong together"))
        }
    }
}

/// Saves the attempts that are new or different; `known` are those in the database.
pub(super) fn save(conn: &Connection, payment: &Payment, known: &[Attempt]) -> Result<(), DbError> {
    for (position, attempt) in payment.attempts.iter().enumerate() {
        match known.get(position) {
            Some(before) if before == attempt => {}
            Some(_) => update(conn, payment, attempt)?,
            None => insert(conn, payment, position, attempt)?,
        }
    }
    Ok(())
}

fn transaction_id(state: &AttemptState) -> Option<&str> {
    match state {
        AttemptState::Paid { transaction_id } => Some(transaction_id.as_str()),
        AttemptState::Recorded
        | AttemptState::Open
        | AttemptState::Closed
        | AttemptState::Rejected { .. } => None,
    }
}

fn rejected_code(state: &AttemptState) -> Option<&str> {
    match state {
        AttemptState::Rejected { code } => Some(code),
        AttemptState::Recorded
        | AttemptState::Open
        | AttemptState::Closed
        | AttemptState::Paid { .. } => None,
    }
}

fn insert(
    conn: &Connection,
    payment: &Payment,
    position: usize,
    attempt: &Attempt,
) -> Result<(), DbError> {
    conn.prepare_cached(
        "insert into attempt (mchid, out_trade_no, payment_id, position, route, payer, scene_ip, scene_kind, amount_fen,
                description, attach, expires_at, state, transaction_id, rejected_code, handle_kind, handle, handle_at,
                created_at, last_sent_at, sends, asked_at, reversing_since)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)",
    )?
    .execute(params![
        payment.mchid.as_str(),
        attempt.out_trade_no.as_str(),
        payment.id.as_str(),
        u32::try_from(position).unwrap_or(u32::MAX),
        attempt.route.as_str(),
        attempt.payer.as_ref().map(Openid::as_str),
        scene_ip(attempt.scene),
        scene_kind(attempt.scene),
        attempt.amount.get(),
        attempt.description,
        attempt.attach,
        attempt.expires_at.as_millis(),
        attempt.state.as_str(),
        transaction_id(&attempt.state),
        rejected_code(&attempt.state),
        attempt.prepay.as_ref().map(|prepay| prepay.handle.kind()),
        attempt.prepay.as_ref().map(|prepay| prepay.handle.as_str()),
        attempt.prepay.as_ref().map(|prepay| prepay.obtained_at.as_millis()),
        attempt.created_at.as_millis(),
        attempt.last_sent_at.as_millis(),
        attempt.sends,
        attempt.asked_at.map(Timestamp::as_millis),
        attempt.reversing_since.map(Timestamp::as_millis),
    ])?;
    Ok(())
}

fn update(conn: &Connection, payment: &Payment, attempt: &Attempt) -> Result<(), DbError> {
    let updated = conn
        .prepare_cached(
            "update attempt
             set state = ?3, transaction_id = ?4, rejected_code = ?5, handle_kind = ?6, handle = ?7, handle_at = ?8,
                 last_sent_at = ?9, sends = ?10, asked_at = ?11, reversing_since = ?12
             where mchid = ?1 and out_trade_no = ?2",
        )?
        .execute(params![
            payment.mchid.as_str(),
            attempt.out_trade_no.as_str(),
            attempt.state.as_str(),
            transaction_id(&attempt.state),
            rejected_code(&attempt.state),
            attempt.prepay.as_ref().map(|prepay| prepay.handle.kind()),
            attempt.prepay.as_ref().map(|prepay| prepay.handle.as_str()),
            attempt.prepay.as_ref().map(|prepay| prepay.obtained_at.as_millis()),
            attempt.last_sent_at.as_millis(),
            attempt.sends,
            attempt.asked_at.map(Timestamp::as_millis),
            attempt.reversing_since.map(Timestamp::as_millis),
        ])?;
    super::expect_one(updated, "attempt", attempt.out_trade_no.as_str())
}
