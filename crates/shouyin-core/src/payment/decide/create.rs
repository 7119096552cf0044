//! The merchant asks to be paid.

use fen::Fen;

use super::{event, task};
use crate::event::EventType;
use crate::id::{Appid, Mchid, OrderNo, PaymentId};
use crate::payment::model::{Payment, PaymentState};
use crate::ports::{Changes, Ids};
use crate::product::Product;
use crate::task::{TaskChange, TaskKind};
use crate::time::{DAY_MS, MINUTE_MS, Timestamp};

/// The most that one payment may ask for, in fen: 10 million yuan, the largest limit that WeChat publishes for one order
/// (combined orders, `amount.total_amount`). The limit of a single merchant is set in WeChat's console and usually lower.
pub const MAX_AMOUNT_FEN: i64 = 1_000_000_000;
/// Shortest time to pay, in milliseconds: WeChat raises earlier deadlines to one minute.
pub const MIN_EXPIRY_MS: i64 = MINUTE_MS;
/// Longest time to pay, in milliseconds: WeChat closes unpaid orders after seven days.
pub const MAX_EXPIRY_MS: i64 = 7 * DAY_MS;
/// Longest description in characters (WeChat Pay APIv3, "JSAPI order", `description`).
pub const MAX_DESCRIPTION: usize = 127;
/// Longest attach in characters (WeChat Pay APIv3, "JSAPI order", `attach`).
pub const MAX_ATTACH: usize = 128;

/// What the merchant asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPayment {
    /// Who gets the money.
    pub mchid: Mchid,
    /// In which app.
    pub appid: Appid,
    /// How it is paid.
    pub product: Product,
    /// The shop's own number.
    pub order_no: OrderNo,
    /// In fen.
    pub amount: Fen,
    /// Shown to the payer.
    pub description: String,
    /// The shop's own text.
    pub attach: Option<String>,
    /// Time to pay, in milliseconds from now.
    pub expires_in_ms: i64,
}

/// Why it cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateError {
    /// A field is out of its limits.
    #[error("{field} {problem}")]
    Invalid {
        /// Which, in the words of the API.
        field: &'static str,
        /// What is accepted.
        problem: String,
    },
    /// The order number has a payment with other parameters.
    #[error(
        "order_no already has payment {payment_id} with another amount, description, app, product or attach; to change it, revise that payment"
    )]
    OrderNoTaken {
        /// That payment.
        payment_id: PaymentId,
    },
}

/// The payment, and whether it is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The payment.
    pub payment: Payment,
    /// False if the same request had made it before.
    pub is_new: bool,
}

fn invalid(field: &'static str, problem: impl Into<String>) -> Result<(), CreateError> {
    Err(CreateError::Invalid {
        field,
        problem: problem.into(),
    })
}

pub(super) fn check_amount(amount: Fen) -> Result<(), CreateError> {
    if (1..=MAX_AMOUNT_FEN).contains(&amount.get()) {
        return Ok(());
    }
    invalid(
        "amount_fen",
        format!("must be an integer from 1 to {MAX_AMOUNT_FEN} (fen)"),
    )
}

pub(super) fn check_texts(description: &str, attach: Option<&str>) -> Result<(), CreateError> {
    // WeChat takes characters of at most three UTF-8 bytes (WeChat Pay APIv3, "interface rules").
    let too_wide = |text: &str| text.chars().any(|c| c.len_utf8() > 3 || c.is_control());
    if description.trim().is_empty() || description.chars().count() > MAX_DESCRIPTION {
        return invalid(
            "description",
            format!("must have 1 to {MAX_DESCRIPTION} characters"),
        );
    }
    if too_wide(description) {
        return invalid(
            "description",
            "must not contain emoji, rare characters or control characters: WeChat refuses them",
        );
    }
    if let Some(attach) = attach
        && (attach.chars().count() > MAX_ATTACH || too_wide(attach))
    {
        return invalid(
            "attach",
            format!(
                "must have at most {MAX_ATTACH} characters, without emoji or control characters"
            ),
        );
    }
    Ok(())
}

fn check(new: &NewPayment) -> Result<(), CreateError> {
    check_amount(new.amount)?;
    check_texts(&new.description, new.attach.as_deref())?;
    if !(MIN_EXPIRY_MS..=MAX_EXPIRY_MS).contains(&new.expires_in_ms) {
        return invalid("expires_in_seconds", "must be from 60 to 604800 (7 days)");
    }
    Ok(())
}

/// Makes a payment, or finds the one that the same request made before. `newest` is the newest payment of this order number.
pub fn create(
    newest: Option<&Payment>,
    new: &NewPayment,
    now: Timestamp,
    ids: &dyn Ids,
) -> Result<(Created, Changes), CreateError> {
    check(new)?;
    // A closed payment frees its order number: the shop may ask again, with whatever parameters.
    if let Some(existing) = newest.filter(|p| !matches!(p.state, PaymentState::Closed { .. })) {
        let same = existing.amount == new.amount
            && existing.description == new.description
            && existing.appid == new.appid
            && existing.product == new.product
            && existing.attach == new.attach;
        return if same {
            Ok((
                Created {
                    payment: existing.clone(),
                    is_new: false,
                },
                Changes::default(),
            ))
        } else {
            Err(CreateError::OrderNoTaken {
                payment_id: existing.id.clone(),
            })
        };
    }
    let payment = Payment {
        id: PaymentId::fresh(ids, now),
        mchid: new.mchid.clone(),
        appid: new.appid.clone(),
        product: new.product,
        order_no: new.order_no.clone(),
        amount: new.amount,
        description: new.description.clone(),
        attach: new.attach.clone(),
        created_at: now,
        expires_at: now.plus_ms(new.expires_in_ms),
        scene: None,
        payer: None,
        state: PaymentState::Open,
        attempts: Vec::new(),
        refunds: Vec::new(),
    };
    let changes = Changes {
        events: vec![event(EventType::PaymentCreated, &payment, now, ids)],
        tasks: vec![TaskChange::Put(task(
            TaskKind::ExpirePayment,
            &payment,
            None,
            payment.expires_at,
        ))],
        payment: Some(payment.clone()),
        ..Changes::default()
    };
    Ok((
        Created {
            payment,
            is_new: true,
        },
        changes,
    ))
}
