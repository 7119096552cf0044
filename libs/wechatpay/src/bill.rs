//! Bills: what WeChat says happened on one day, for both protocols.
//!
//! The file is *not signed*. APIv3 announces its SHA-1 in a signed answer, so [`unpack`] proves where it comes from; API v2 announces nothing, and
//! only the sums at the end show whether it is whole. Either way a bill is evidence to compare with one's own books, and what it says differently is
//! asked of WeChat by a signed query.
//!
//! Layout (WeChat Pay documentation, "bill format"; the published sample file): UTF-8 with a byte order mark, CRLF, a line of column names, lines whose
//! fields each begin with a back-tick, a line of names of sums, a line of sums. Columns are found by name, because their number and order have changed
//! over the years and differ between merchants.

mod absence;
mod date;
mod fee;
mod file;
mod flow;
mod table;
#[cfg(test)]
mod tests;
mod trade;

pub use absence::Absence;
pub use date::BillDate;
pub use fee::Fee;
pub use file::{BillHash, FileError, LARGEST_BILL, unpack};
pub use flow::{Direction, FlowBill, FlowRow};
pub use table::BillError;
pub use trade::{RefundPart, TradeBill, TradeKind, TradeRow};

/// Which lines a trade bill has (`bill_type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BillType {
    /// Payments and refunds.
    All,
    /// Payments.
    Success,
    /// Refunds.
    Refund,
}

impl BillType {
    /// The name on the wire, in both protocols.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Success => "SUCCESS",
            Self::Refund => "REFUND",
        }
    }
}

/// Which account a fund-flow bill is about (`account_type`). The two protocols spell it differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FundAccount {
    /// Takings.
    Basic,
    /// For marketing.
    Operation,
    /// Fees.
    Fees,
}
