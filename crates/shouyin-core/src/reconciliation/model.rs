//! Types and states.
//!
//! ```text
//! day  Waiting ──► Checking ──► Completed        difference  Asked ──► Open ──► Resolved
//!         ├──────────────────────► ▲                            └────────────────► ▲
//!         └──► Empty, Unavailable
//! ```

use fen::Fen;

use crate::id::{Mchid, OutRefundNo, OutTradeNo, PaymentId, TransactionId, WechatRefundId};
use crate::time::{BillDate, Timestamp};

/// What WeChat answers when it is asked for a bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BillAnswer {
    /// Here it is.
    Bill(Bill),
    /// It is not made yet (`STATEMENT_CREATING`).
    NotReady,
    /// There is none (`NO_STATEMENT_EXIST`): nothing happened that day, or WeChat has not begun to make it.
    None,
}

/// A bill as WeChat gave it out: whole, and its lines add up. Not a proof about any of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bill {
    /// Its lines.
    pub rows: Vec<BillRow>,
}

/// One line of a bill. Texts as they came: they may be of orders that nobody made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillRow {
    /// Who gets the money.
    pub mchid: String,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// WeChat's number of the payment.
    pub transaction_id: String,
    /// What happened.
    pub kind: RowKind,
    /// WeChat's fee in thousandths of a fen: bills have five decimals of a yuan.
    pub fee: i64,
}

/// What a line says happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowKind {
    /// An order was paid.
    Paid {
        /// The order's total.
        total: Fen,
    },
    /// A refund was accepted. How it ended, only a query tells: a bill is a snapshot.
    Refunded {
        /// The merchant's number of the refund.
        out_refund_no: String,
        /// WeChat's number of the refund.
        refund_id: String,
        /// How much was asked to go back.
        amount: Fen,
    },
    /// A payment by payment code that was taken back: no money.
    Revoked,
    /// A state this version does not know.
    Other(String),
}

impl RowKind {
    /// The amount of the line, if it has one.
    pub const fn amount(&self) -> Option<Fen> {
        match self {
            Self::Paid { total } => Some(*total),
            Self::Refunded { amount, .. } => Some(*amount),
            Self::Revoked | Self::Other(_) => None,
        }
    }
}

/// A line that was seen: what has one does not miss one any more, whichever day's bill it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillLine {
    /// Whose bill.
    pub mchid: Mchid,
    /// Which order.
    pub out_trade_no: OutTradeNo,
    /// Which refund of it; none: the payment.
    pub out_refund_no: Option<OutRefundNo>,
    /// In which day's bill.
    pub date: BillDate,
    /// What it says, in fen.
    pub amount: Fen,
}

/// One merchant's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// Whose.
    pub mchid: Mchid,
    /// Which day.
    pub date: BillDate,
    /// Where it stands.
    pub state: DayState,
    /// What the bill says; none before it was had.
    pub bill: Option<Tally>,
    /// What of it is in our books as well.
    pub matched: Tally,
    /// How often WeChat was asked for the bill, or about lines of it, in the present state.
    pub tries: u32,
    /// Why there is no bill yet, in WeChat's or our words.
    pub trouble: Option<String>,
    /// When the bill was had.
    pub fetched_at: Option<Timestamp>,
    /// When everything that was to be asked was asked.
    pub completed_at: Option<Timestamp>,
}

/// Where a day stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayState {
    /// Its bill is to be had.
    Waiting,
    /// WeChat is being asked about lines that our books do not have.
    Checking,
    /// Compared. What differs is in the differences.
    Completed,
    /// WeChat has no bill, long after bills are made, and our books have nothing.
    Empty,
    /// The bill is older than WeChat keeps.
    Unavailable,
}

impl DayState {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Waiting,
        Self::Checking,
        Self::Completed,
        Self::Empty,
        Self::Unavailable,
    ];

    /// The name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Checking => "checking",
            Self::Completed => "completed",
            Self::Empty => "empty",
            Self::Unavailable => "unavailable",
        }
    }

    /// Nothing more is done for such a day, and nothing may begin it again.
    pub const fn is_over(self) -> bool {
        match self {
            Self::Completed | Self::Empty | Self::Unavailable => true,
            Self::Waiting | Self::Checking => false,
        }
    }

    /// The inverse of [`DayState::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// How many, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Payments.
    pub payments: u64,
    /// Their sum.
    pub paid: Fen,
    /// Refunds.
    pub refunds: u64,
    /// Their sum.
    pub refunded: Fen,
    /// Payments that were taken back: no money.
    pub revoked: u64,
    /// WeChat's fees in thousandths of a fen; what was given back is subtracted.
    pub fees: i64,
}

impl Tally {
    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: &Self) {
        let plus = |sum: Fen, amount: Fen| sum.checked_add(amount).unwrap_or(Fen::new(i64::MAX));
        self.payments = self.payments.saturating_add(other.payments);
        self.paid = plus(self.paid, other.paid);
        self.refunds = self.refunds.saturating_add(other.refunds);
        self.refunded = plus(self.refunded, other.refunded);
        self.revoked = self.revoked.saturating_add(other.revoked);
        self.fees = self.fees.saturating_add(other.fees);
    }

    /// Counts a line.
    pub fn add(&mut self, row: &BillRow) {
        // Sums beyond 64 bits stay at the end: a bill with one was refused before.
        let plus = |sum: Fen, amount: Fen| sum.checked_add(amount).unwrap_or(Fen::new(i64::MAX));
        match &row.kind {
            RowKind::Paid { total } => {
                self.payments = self.payments.saturating_add(1);
                self.paid = plus(self.paid, *total);
            }
            RowKind::Refunded { amount, .. } => {
                self.refunds = self.refunds.saturating_add(1);
                self.refunded = plus(self.refunded, *amount);
            }
            RowKind::Revoked => self.revoked = self.revoked.saturating_add(1),
            RowKind::Other(_) => {}
        }
        self.fees = self.fees.saturating_add(row.fee);
    }
}

/// Something that is in the bill and not in our books, or the other way round, or differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Whose.
    pub mchid: Mchid,
    /// Of which day's bill.
    pub date: BillDate,
    /// What differs.
    pub kind: DifferenceKind,
    /// The order, as the bill or our books name it.
    pub out_trade_no: String,
    /// The refund, if it is about one.
    pub out_refund_no: Option<String>,
    /// WeChat's number of the payment, if the bill names it.
    pub transaction_id: Option<String>,
    /// WeChat's number of the refund, if the bill names it.
    pub wechat_refund_id: Option<String>,
    /// The payment, when the order is known.
    pub payment_id: Option<PaymentId>,
    /// What the bill says, in fen.
    pub in_bill: Option<Fen>,
    /// What our books say, in fen.
    pub in_books: Option<Fen>,
    /// Where it stands.
    pub state: DifferenceState,
    /// When it was found.
    pub found_at: Timestamp,
    /// For people.
    pub detail: String,
}

impl Difference {
    /// What a difference is known by: the same one is kept once.
    pub fn key(&self) -> (DifferenceKind, &str, Option<&str>) {
        (self.kind, &self.out_trade_no, self.out_refund_no.as_deref())
    }
}

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DifferenceKind {
    /// The bill has a payment of an order that is not paid in our books.
    NotPaidHere,
    /// The bill has a refund that our books do not have, or believe rejected.
    RefundNotHere,
    /// Another amount.
    AmountDiffers,
    /// Another number of WeChat's for the same order or refund.
    NumberDiffers,
    /// An order that nobody made here.
    UnknownOrder,
    /// A payment or refund of our books is in no bill.
    MissingInBill,
    /// A line of another merchant.
    ForeignMerchant,
    /// A line with a state this version does not know.
    UnknownState,
    /// The same line twice.
    DoubledLine,
}

impl DifferenceKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::NotPaidHere,
        Self::RefundNotHere,
        Self::AmountDiffers,
        Self::NumberDiffers,
        Self::UnknownOrder,
        Self::MissingInBill,
        Self::ForeignMerchant,
        Self::UnknownState,
        Self::DoubledLine,
    ];

    /// The name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotPaidHere => "not_paid_here",
            Self::RefundNotHere => "refund_not_here",
            Self::AmountDiffers => "amount_differs",
            Self::NumberDiffers => "number_differs",
            Self::UnknownOrder => "unknown_order",
            Self::MissingInBill => "missing_in_bill",
            Self::ForeignMerchant => "foreign_merchant",
            Self::UnknownState => "unknown_state",
            Self::DoubledLine => "doubled_line",
        }
    }

    /// The inverse of [`DifferenceKind::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Where a difference stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferenceState {
    /// WeChat is being asked about it.
    Asked,
    /// A person has to look.
    Open,
    /// It is none any more.
    Resolved {
        /// When.
        at: Timestamp,
        /// By what.
        by: Resolution,
    },
}

impl DifferenceState {
    /// The name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Open => "open",
            Self::Resolved { .. } => "resolved",
        }
    }

    /// True once it is none any more.
    pub const fn is_resolved(self) -> bool {
        matches!(self, Self::Resolved { .. })
    }
}

/// What resolved a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// WeChat was asked, and our books say the same now.
    Books,
    /// The line was in another bill, or in a newer copy of this one.
    Bill,
}

impl Resolution {
    /// The name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Books => "books",
            Self::Bill => "bill",
        }
    }

    /// The inverse of [`Resolution::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Books, Self::Bill]
            .into_iter()
            .find(|by| by.as_str() == text)
    }
}

/// The numbers of a line as ours, if they can be.
pub(super) struct Numbers {
    pub(super) out_trade_no: OutTradeNo,
    pub(super) transaction_id: TransactionId,
    pub(super) refund: Option<(OutRefundNo, WechatRefundId)>,
}

impl BillRow {
    pub(super) fn numbers(&self) -> Option<Numbers> {
        let refund = match &self.kind {
            RowKind::Refunded {
                out_refund_no,
                refund_id,
                ..
            } => Some((
                OutRefundNo::parse(out_refund_no.as_str()).ok()?,
                WechatRefundId::parse(refund_id.as_str()).ok()?,
            )),
            RowKind::Paid { .. } | RowKind::Revoked | RowKind::Other(_) => None,
        };
        Some(Numbers {
            out_trade_no: OutTradeNo::parse(self.out_trade_no.as_str()).ok()?,
            transaction_id: TransactionId::parse(self.transaction_id.as_str()).ok()?,
            refund,
        })
    }
}
