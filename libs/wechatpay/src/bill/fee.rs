//! Fees: the one amount that WeChat writes in parts of a fen.

use std::fmt;

use super::table::decimal;

/// A fee in units of 0.00001 yuan, a thousandth of a fen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Fee(i64);

impl Fee {
    /// So many thousandths of a fen.
    pub const fn new(thousandths_of_fen: i64) -> Self {
        Self(thousandths_of_fen)
    }

    /// Reads yuan with at most five decimals that are not zero, as in `0.11940`.
    pub fn from_yuan(text: &str) -> Option<Self> {
        decimal(text, 5).map(Self)
    }

    /// Thousandths of a fen.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// `None` when it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

impl fmt::Display for Fee {
    /// Yuan with five decimals, as bills write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (yuan, rest) = (
            self.0.unsigned_abs() / 100_000,
            self.0.unsigned_abs() % 100_000,
        );
        write!(f, "{sign}{yuan}.{rest:05}")
    }
}
