//! Payments.

use fen::Fen;
use rusqlite::{Connection, OptionalExtension, ToSql, params};
use shouyin_core::id::{Appid, Mchid, Openid, OrderNo, OutTradeNo, PaymentId, TransactionId};
use shouyin_core::payment::{CloseReason, Paid, Payment, PaymentState};
use shouyin_core::ports::{PaymentFilter, PaymentKey};
use shouyin_core::product::{H5Scene, Product};

use super::columns::Columns;
use super::error::DbError;
use super::{attempt, refund};
use crate::rules;

pub(super) fn load(conn: &Connection, key: &PaymentKey) -> Result<Option<Payment>, DbError> {
    match find(conn, key)? {
        Some(seq) => by_seq(conn, seq).map(Some),
        None => Ok(None),
    }
}

fn find(conn: &Connection, key: &PaymentKey) -> Result<Option<i64>, DbError> {
    let seq = |row: &rusqlite::Row<'_>| row.get(0);
    let found = match key {
        PaymentKey::Id(mchid, id) => conn
            .prepare_cached("select seq from payment where id = ?1 and mchid = ?2")?
            .query_row(params![id.as_str(), mchid.as_str()], seq),
        PaymentKey::AnyId(id) => conn
            .prepare_cached("select seq from payment where id = ?1")?
            .query_row(params![id.as_str()], seq),
        PaymentKey::OrderNo(mchid, order_no) => conn
            .prepare_cached(
                "select seq from payment indexed by payment_order_no
                 where mchid = ?1 and order_no = ?2
                 order by seq desc limit 1",
            )?
            .query_row(params![mchid.as_str(), order_no.as_str()], seq),
        PaymentKey::OutTradeNo(mchid, number) => conn
            .prepare_cached(
                "select payment.seq from attempt join payment on payment.id = attempt.payment_id
                 where attempt.mchid = ?1 and attempt.out_trade_no = ?2",
            )?
            .query_row(params![mchid.as_str(), number.as_str()], seq),
        PaymentKey::Refund(mchid, id) => conn
            .prepare_cached(
                "select payment.seq from refund join payment on payment.id = refund.payment_id
                 where refund.id = ?1 and refund.mchid = ?2",
            )?
            .query_row(params![id.as_str(), mchid.as_str()], seq),
    };
    Ok(found.optional()?)
}

fn by_seq(conn: &Connection, seq: i64) -> Result<Payment, DbError> {
    let mut statement = conn.prepare_cached(
        "select id, mchid, appid, product, order_no, amount_fen, description, attach, created_at, expires_at, payer, scene_ip,
                scene_kind, state, close_reason, closed_at, paid_at, transaction_id, paid_out_trade_no, payer_total_fen, paid_late
         from payment where seq = ?1",
    )?;
    let mut rows = statement.query(params![seq])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let mut payment = from_row(&mut Columns::new("payment", row))?;
    payment.attempts = attempt::of_payment(conn, &payment.id)?;
    // Most loads are of unpaid payments, which have no refunds: they are spared the question.
    if rules::may_have_refunds(&payment) {
        payment.refunds = refund::of_payment(conn, &payment.id)?;
    }
    Ok(payment)
}

fn from_row(columns: &mut Columns<'_>) -> Result<Payment, DbError> {
    Ok(Payment {
        id: columns.parsed(PaymentId::parse)?,
        mchid: columns.parsed(Mchid::parse)?,
        appid: columns.parsed(Appid::parse)?,
        product: columns.named(Product::parse)?,
        order_no: columns.parsed(OrderNo::parse)?,
        amount: Fen::new(columns.value()?),
        description: columns.value()?,
        attach: columns.value()?,
        created_at: columns.time()?,
        expires_at: columns.time()?,
        payer: columns.optional(Openid::parse)?,
        scene: columns.scene()?,
        state: state_from_row(columns)?,
        attempts: Vec::new(),
        refunds: Vec::new(),
    })
}

fn state_from_row(columns: &mut Columns<'_>) -> Result<PaymentState, DbError> {
    let state: String = columns.value()?;
    let reason = columns.optional(|text| {
        CloseReason::parse(&text).ok_or_else(|| format!("{text:?} is not known"))
    })?;
    let closed_at = columns.optional_time()?;
    let paid_at = columns.optional_time()?;
    let transaction_id = columns.optional(TransactionId::parse)?;
    let out_trade_no = columns.optional(OutTradeNo::parse)?;
    let payer_total = columns.value::<Option<i64>>()?.map(Fen::new);
    let late: bool = columns.value()?;
    match (
        state.as_str(),
        reason,
        closed_at,
        paid_at,
        transaction_id,
        out_trade_no,
    ) {
        ("open", None, None, None, None, None) => Ok(PaymentState::Open),
        ("closing", Some(reason), None, None, None, None) => Ok(PaymentState::Closing { reason }),
        ("closed", Some(reason), Some(at), None, None, None) => {
            Ok(PaymentState::Closed { reason, at })
        }
        ("paid", None, None, Some(at), Some(transaction_id), Some(out_trade_no)) => {
            Ok(PaymentState::Paid(Paid {
                at,
                transaction_id,
                out_trade_no,
                payer_total,
                late,
            }))
        }
        _ => Err(columns.corrupt(&format!("the columns do not fit state {state:?}"))),
    }
}

/// The columns that say where a payment stands.
#[derive(Default)]
struct StateColumns<'p> {
    state: &'static str,
    close_reason: Option<&'static str>,
    closed_at: Option<i64>,
    paid_at: Option<i64>,
    transaction_id: Option<&'p str>,
    paid_out_trade_no: Option<&'p str>,
    payer_total_fen: Option<i64>,
    paid_late: bool,
}

impl<'p> From<&'p PaymentState> for StateColumns<'p> {
    fn from(payment_state: &'p PaymentState) -> Self {
        let state = payment_state.as_str();
        match payment_state {
            PaymentState::Open => Self {
                state,
                ..Self::default()
            },
            PaymentState::Closing { reason } => Self {
                state,
                close_reason: Some(reason.as_str()),
                ..Self::default()
            },
            PaymentState::Closed { reason, at } => Self {
                state,
                close_reason: Some(reason.as_str()),
                closed_at: Some(at.as_millis()),
                ..Self::default()
            },
            PaymentState::Paid(paid) => Self {
                state,
                paid_at: Some(paid.at.as_millis()),
                transaction_id: Some(paid.transaction_id.as_str()),
                paid_out_trade_no: Some(paid.out_trade_no.as_str()),
                payer_total_fen: paid.payer_total.map(Fen::get),
                paid_late: paid.late,
                ..Self::default()
            },
        }
    }
}

/// Saves a payment with its attempts and refunds; `before` is what was loaded under the lock. Writes only what is different.
pub(super) fn save(
    conn: &Connection,
    before: Option<&Payment>,
    payment: &Payment,
) -> Result<(), DbError> {
    let before = before.filter(|before| before.id == payment.id);
    rules::check_payment(payment)?;
    let Some(before) = before else {
        insert(conn, payment)?;
        attempt::save(conn, payment, &[])?;
        return refund::save(conn, payment, &[]);
    };
    rules::check_update(before, payment)?;
    if !is_same_row(before, payment) {
        update(conn, payment)?;
    }
    attempt::save(conn, payment, &before.attempts)?;
    refund::save(conn, payment, &before.refunds)
}

/// True if everything is the same that is in the payment's own row and may change.
fn is_same_row(before: &Payment, after: &Payment) -> bool {
    before.state == after.state
        && before.payer == after.payer
        && before.scene == after.scene
        && before.amount == after.amount
        && before.description == after.description
        && before.attach == after.attach
        && before.expires_at == after.expires_at
}

fn insert(conn: &Connection, payment: &Payment) -> Result<(), DbError> {
    let state = StateColumns::from(&payment.state);
    conn.prepare_cached(
        "insert into payment (id, mchid, appid, product, order_no, amount_fen, description, attach, created_at, expires_at,
                payer, scene_ip, scene_kind, state, close_reason, closed_at, paid_at, transaction_id, paid_out_trade_no,
                payer_total_fen, paid_late)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
    )?
    .execute(params![
        payment.id.as_str(),
        payment.mchid.as_str(),
        payment.appid.as_str(),
        payment.product.as_str(),
        payment.order_no.as_str(),
        payment.amount.get(),
        payment.description,
        payment.attach,
        payment.created_at.as_millis(),
        payment.expires_at.as_millis(),
        payment.payer.as_ref().map(Openid::as_str),
        scene_ip(payment.scene),
        scene_kind(payment.scene),
        state.state,
        state.close_reason,
        state.closed_at,
        state.paid_at,
        state.transaction_id,
        state.paid_out_trade_no,
        state.payer_total_fen,
        state.paid_late,
    ])?;
    Ok(())
}

fn update(conn: &Connection, payment: &Payment) -> Result<(), DbError> {
    let state = StateColumns::from(&payment.state);
    let updated = conn
        .prepare_cached(
            "update payment
             set amount_fen = ?2, description = ?3, attach = ?4, expires_at = ?5, payer = ?6, scene_ip = ?7,
                 scene_kind = ?8, state = ?9, close_reason = ?10, closed_at = ?11, paid_at = ?12, transaction_id = ?13,
                 paid_out_trade_no = ?14, payer_total_fen = ?15, paid_late = ?16
             where id = ?1",
        )?
        .execute(params![
            payment.id.as_str(),
            payment.amount.get(),
            payment.description,
            payment.attach,
            payment.expires_at.as_millis(),
            payment.payer.as_ref().map(Openid::as_str),
            scene_ip(payment.scene),
            scene_kind(payment.scene),
            state.state,
            state.close_reason,
            state.closed_at,
            state.paid_at,
            state.transaction_id,
            state.paid_out_trade_no,
            state.payer_total_fen,
            state.paid_late,
        ])?;
    super::expect_one(updated, "payment", payment.id.as_str())
}

/// The first column of where a payer's browser is.
pub(super) fn scene_ip(scene: Option<H5Scene>) -> Option<String> {
    scene.map(|scene| scene.payer_ip.to_string())
}

/// The second.
pub(super) fn scene_kind(scene: Option<H5Scene>) -> Option<&'static str> {
    scene.map(|scene| scene.kind.as_str())
}

/// A page of a merchant's payments, newest first.
pub(super) fn page(
    conn: &Connection,
    mchid: &Mchid,
    filter: &PaymentFilter,
) -> Result<Vec<Payment>, DbError> {
    let before = match &filter.before {
        None => i64::MAX,
        // A cursor that is not this merchant's leads nowhere.
        Some(id) => find(conn, &PaymentKey::Id(mchid.clone(), id.clone()))?.unwrap_or(i64::MIN),
    };
    let order_no = filter.order_no.as_ref().map(OrderNo::as_str);
    let parameters: [&dyn ToSql; 5] = [
        &mchid.as_str(),
        &before,
        &filter.limit,
        &filter.state,
        &order_no,
    ];
    let mut statement = conn.prepare_cached(page_sql(filter))?;
    let wanted = statement.parameter_count();
    let found: Vec<i64> = statement
        .query_map(&parameters[..wanted], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    found.into_iter().map(|seq| by_seq(conn, seq)).collect()
}

/// One query for each way to look, so that each finds its index. Parameters: merchant, seq to stay below, limit, state,
/// order number; each query takes as many of them as it needs.
fn page_sql(filter: &PaymentFilter) -> &'static str {
    match (&filter.order_no, filter.state.as_deref()) {
        (Some(_), _) => {
            "select seq from payment indexed by payment_order_no
             where mchid = ?1 and order_no = ?5 and seq < ?2 and (?4 is null or state = ?4)
             order by seq desc limit ?3"
        }
        (None, Some("open")) => {
            "select seq from payment indexed by payment_unfinished
             where mchid = ?1 and state = 'open' and state in ('open', 'closing') and seq < ?2
             order by seq desc limit ?3"
        }
        (None, Some("closing")) => {
            "select seq from payment indexed by payment_unfinished
             where mchid = ?1 and state = 'closing' and state in ('open', 'closing') and seq < ?2
             order by seq desc limit ?3"
        }
        (None, _) => {
            "select seq from payment indexed by payment_mchid
             where mchid = ?1 and seq < ?2 and (?4 is null or state = ?4)
             order by seq desc limit ?3"
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::sqlite::open;

    #[test]
    fn the_refunds_of_an_unpaid_payment_are_not_asked_for() {
        let conn = open::memory().unwrap();
        let id = PaymentId::parse(format!("pay_{:032x}", 1)).unwrap();
        conn.execute_batch(&format!(
            "insert into payment (id, mchid, appid, product, order_no, amount_fen, description, created_at, expires_at, state)
             values ('{id}', '1', 'wx1', 'mini_program', 'order', 5, '', 0, 0, 'open');
             insert into attempt (mchid, out_trade_no, payment_id, position, route, payer, amount_fen, description, expires_at,
                    state, created_at, last_sent_at, sends)
             values ('1', 'number', '{id}', 0, 'v3', 'payer', 5, '', 0, 'open', 0, 0, 1)"
        ))
        .unwrap();
        let asked_after_loading = || {
            let payment = load(&conn, &PaymentKey::AnyId(id.clone())).unwrap();
            assert_eq!(payment.unwrap().attempts.len(), 1);
            let statement = conn.prepare_cached(refund::OF_PAYMENT).unwrap();
            statement.get_status(StatementStatus::Run)
        };
        assert_eq!(asked_after_loading(), 0);
        conn.execute_batch("update attempt set state = 'paid', transaction_id = '42'")
            .unwrap();
        assert_eq!(asked_after_loading(), 1);
    }
}
