//! Incidents: verified messages that contradict our own record. They change no money state; people look at them.

use crate::id::{Mchid, OutTradeNo, PaymentId};
use crate::time::Timestamp;

/// What does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IncidentKind {
    /// Another amount or currency than the one ordered.
    AmountMismatch,
    /// Another merchant or app than the order's.
    OwnerMismatch,
    /// Another payer than the one the order was made for.
    PayerMismatch,
    /// A product (trade type) that the order was not made for.
    ProductMismatch,
    /// A number that is not in our books.
    UnknownOrder,
    /// A success without the members that prove it (transaction id, amount, time).
    IncompleteSuccess,
    /// Another transaction id for an attempt that is paid already.
    TransactionMismatch,
    /// A second attempt of the same payment was paid as well.
    SecondSuccess,
    /// WeChat says that an order it once confirmed does not exist.
    OrderVanished,
}

impl IncidentKind {
    /// The name in logs and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AmountMismatch => "amount_mismatch",
            Self::OwnerMismatch => "owner_mismatch",
            Self::PayerMismatch => "payer_mismatch",
            Self::ProductMismatch => "product_mismatch",
            Self::UnknownOrder => "unknown_order",
            Self::IncompleteSuccess => "incomplete_success",
            Self::TransactionMismatch => "transaction_mismatch",
            Self::SecondSuccess => "second_success",
            Self::OrderVanished => "order_vanished",
        }
    }

    /// The inverse of [`IncidentKind::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::AmountMismatch,
            Self::OwnerMismatch,
            Self::PayerMismatch,
            Self::ProductMismatch,
            Self::UnknownOrder,
            Self::IncompleteSuccess,
            Self::TransactionMismatch,
            Self::SecondSuccess,
            Self::OrderVanished,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == text)
    }
}

/// One incident. The same kind for the same order is kept once, however often it is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Whose incident it is.
    pub mchid: Mchid,
    /// What does not fit.
    pub kind: IncidentKind,
    /// The order at WeChat it is about.
    pub out_trade_no: OutTradeNo,
    /// The payment, when the order is known.
    pub payment_id: Option<PaymentId>,
    /// When it was first seen.
    pub at: Timestamp,
    /// For people: what was expected and what came. No openid.
    pub detail: String,
}
