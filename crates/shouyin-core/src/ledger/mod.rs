//! The ledger: every movement of money as a posting between two accounts. Balances are sums of postings; nothing is ever
//! changed or deleted.
//!
//! ```text
//! paid      income      → cash        WeChat has the money
//! reserve   reservation → reserved    a refund was recorded: this much may leave
//! release   reserved    → reservation the refund is final, one way or the other
//! refunded  cash        → income      the money went back
//! ```
//!
//! So cash is what was paid less what went back, and reserved is what refunds in flight may still take.

use fen::Fen;

use crate::id::{Mchid, OutRefundNo, OutTradeNo, PaymentId};
use crate::time::Timestamp;

/// An account of a merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// Paid and not refunded.
    Cash,
    /// Promised to refunds that are not final.
    Reserved,
    /// The other side of cash.
    Income,
    /// The other side of reserved.
    Reservation,
}

/// Why money moved. The name in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PostingKind {
    /// An attempt was paid.
    Paid,
    /// A refund was recorded.
    Reserve,
    /// A refund became final.
    Release,
    /// A refund succeeded.
    Refunded,
}

impl PostingKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Paid, Self::Reserve, Self::Release, Self::Refunded];

    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Reserve => "reserve",
            Self::Release => "release",
            Self::Refunded => "refunded",
        }
    }

    /// The inverse of [`PostingKind::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// From which account to which.
    pub const fn accounts(self) -> (Account, Account) {
        match self {
            Self::Paid => (Account::Income, Account::Cash),
            Self::Reserve => (Account::Reservation, Account::Reserved),
            Self::Release => (Account::Reserved, Account::Reservation),
            Self::Refunded => (Account::Cash, Account::Income),
        }
    }
}

/// One movement. At most one `Paid` for an order and one `Refunded` for a refund: a database rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Whose money.
    pub mchid: Mchid,
    /// Why it moved.
    pub kind: PostingKind,
    /// Of which payment.
    pub payment_id: PaymentId,
    /// Through which order at WeChat.
    pub out_trade_no: OutTradeNo,
    /// By which refund; none for `Paid`.
    pub out_refund_no: Option<OutRefundNo>,
    /// How much, in fen; positive.
    pub amount: Fen,
    /// When it was written down.
    pub at: Timestamp,
}

/// One signed line of a posting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The account.
    pub account: Account,
    /// In fen; what comes in is positive.
    pub amount: Fen,
}

impl Posting {
    /// Its two lines, which sum to zero. `None` if the amount cannot be negated.
    pub fn entries(&self) -> Option<[Entry; 2]> {
        let (from, to) = self.kind.accounts();
        Some([
            Entry {
                account: from,
                amount: self.amount.checked_neg()?,
            },
            Entry {
                account: to,
                amount: self.amount,
            },
        ])
    }
}

/// What a merchant's ledger sums up to, in fen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// Paid less refunded.
    pub cash: Fen,
    /// Promised to refunds that are not final.
    pub reserved: Fen,
}
