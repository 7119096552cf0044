#![doc = include_str!("../README.md")]

mod json;
mod yuan;

use std::fmt;

pub use yuan::YuanError;

/// An amount of Chinese money in fen (1/100 yuan): a checked 64-bit integer.
///
/// Negative amounts exist (a ledger line, a refund column of a bill); whether one is allowed is for the place
/// that uses it, see [`Fen::is_positive`]. There are no operators and no floating point: adding and subtracting
/// can overflow, and the caller has to say what happens then.
///
/// JSON is an integer number of fen. `Display` prints the same integer; [`Fen::to_yuan`] prints yuan.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fen(i64);

impl Fen {
    /// Nothing.
    pub const ZERO: Fen = Fen(0);
    /// The largest amount that can be held, for saturating checks and tests.
    pub const MAX: Fen = Fen(i64::MAX);

    /// An amount from a number of fen.
    pub const fn new(fen: i64) -> Self {
        Self(fen)
    }

    /// Reads an integer number of fen, for example `"1990"` (19.90 yuan).
    ///
    /// # Errors
    /// When the text is anything but an optional `-` followed by digits, or does not fit 64 bits.
    pub fn parse(text: &str) -> Result<Self, ParseFenError> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseFenError::NotAnInteger);
        }
        text.parse()
            .map(Self)
            .map_err(|_| ParseFenError::OutOfRange)
    }

    /// Reads yuan as WeChat's bills print them, exactly: `"45.0"`, `"0.00"`, `"-1.5"`, `"12"`, `"0.06000"`.
    ///
    /// # Errors
    /// When the text is not a plain decimal number, has a part smaller than one fen, or does not fit.
    pub fn from_yuan(text: &str) -> Result<Self, YuanError> {
        yuan::parse(text)
    }

    /// Prints yuan with two decimals: `"19.90"`, `"-0.05"`. [`Fen::from_yuan`] reads it back.
    pub fn to_yuan(self) -> String {
        yuan::print(self)
    }

    /// The number of fen.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum, or `None` when it does not fit.
    #[must_use]
    pub const fn checked_add(self, other: Fen) -> Option<Fen> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Fen(sum)),
            None => None,
        }
    }

    /// The difference, or `None` when it does not fit. The result may be negative.
    #[must_use]
    pub const fn checked_sub(self, other: Fen) -> Option<Fen> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Fen(difference)),
            None => None,
        }
    }

    /// The amount with the other sign, or `None` when it does not fit.
    #[must_use]
    pub const fn checked_neg(self) -> Option<Fen> {
        match self.0.checked_neg() {
            Some(negated) => Some(Fen(negated)),
            None => None,
        }
    }

    /// The sum of all amounts, or `None` when it does not fit at any point.
    #[must_use]
    pub fn checked_sum(amounts: impl IntoIterator<Item = Fen>) -> Option<Fen> {
        amounts.into_iter().try_fold(Fen::ZERO, Fen::checked_add)
    }

    /// More than nothing: the condition for an amount that someone is asked to pay.
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Less than nothing.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Exactly nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fen", self.0)
    }
}

impl std::str::FromStr for Fen {
    type Err = ParseFenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Why [`Fen::parse`] refused a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ParseFenError {
    /// Something else than an optional minus and digits.
    #[error("expected an integer number of fen, for example 1990 for 19.90 yuan")]
    NotAnInteger,
    /// More than 64 bits.
    #[error("the amount is too large")]
    OutOfRange,
}

#[cfg(test)]
mod tests;
