//! Incidents: verified messages that contradict our own record. They change no money state; people look at them.

use crate::id::{Mchid, OutRefundNo, OutTradeNo, PaymentId};
use crate::time::{BillDate, Timestamp};

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
    /// An attempt was paid although its payment was paid already, or asked for another amount meanwhile.
    SurplusPaid,
    /// WeChat says that an order it once confirmed does not exist.
    OrderVanished,
    /// A refund with another amount, order or transaction than the one we asked for.
    RefundMismatch,
    /// Refunds of one order that together exceed what was paid for it.
    RefundExceeds,
    /// WeChat reported a final state of a refund, and later another one.
    RefundContradiction,
    /// WeChat says that a refund it once confirmed does not exist.
    RefundVanished,
    /// A payment or refund of our books is in no bill of WeChat's.
    MissingInBill,
    /// A line of a bill that our books do not have, and that asking WeChat did not bring into them.
    BillDiffers,
    /// WeChat gives no usable bill of a day, long after it should.
    NoBill,
}

impl IncidentKind {
    /// All kinds.
    pub const ALL: [Self; 16] = [
        Self::AmountMismatch,
        Self::OwnerMismatch,
        Self::PayerMismatch,
        Self::ProductMismatch,
        Self::UnknownOrder,
        Self::IncompleteSuccess,
        Self::TransactionMismatch,
        Self::SurplusPaid,
        Self::OrderVanished,
        Self::RefundMismatch,
        Self::RefundExceeds,
        Self::RefundContradiction,
        Self::RefundVanished,
        Self::MissingInBill,
        Self::BillDiffers,
        Self::NoBill,
    ];

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
            Self::SurplusPaid => "surplus_paid",
            Self::OrderVanished => "order_vanished",
            Self::RefundMismatch => "refund_mismatch",
            Self::RefundExceeds => "refund_exceeds",
            Self::RefundContradiction => "refund_contradiction",
            Self::RefundVanished => "refund_vanished",
            Self::MissingInBill => "missing_in_bill",
            Self::BillDiffers => "bill_differs",
            Self::NoBill => "no_bill",
        }
    }

    /// The inverse of [`IncidentKind::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One incident. The same kind for the same order, refund and bill is kept once, however often it is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Whose incident it is.
    pub mchid: Mchid,
    /// What does not fit.
    pub kind: IncidentKind,
    /// The order at WeChat it is about, if it is about one.
    pub out_trade_no: Option<OutTradeNo>,
    /// The refund it is about, if it is about one.
    pub out_refund_no: Option<OutRefundNo>,
    /// The day whose bill it was found in, if it was found in one.
    pub bill_date: Option<BillDate>,
    /// The payment, when the order is known.
    pub payment_id: Option<PaymentId>,
    /// When it was first seen.
    pub at: Timestamp,
    /// For people: what was expected and what came. No openid.
    pub detail: String,
}
