//! Yuan as decimal text, as WeChat's bills print it. Digits are moved, never divided.

use crate::Fen;

/// Why [`Fen::from_yuan`] refused a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum YuanError {
    /// Something else than an optional minus, digits, and optionally a point and digits.
    #[error("expected yuan as a plain decimal number, for example 19.90")]
    NotADecimal,
    /// A third or later decimal that is not zero.
    #[error("the amount has a part smaller than one fen")]
    SmallerThanFen,
    /// More than 64 bits.
    #[error("the amount is too large")]
    OutOfRange,
}

pub(crate) fn parse(text: &str) -> Result<Fen, YuanError> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((_, "")) => return Err(YuanError::NotADecimal),
        Some(parts) => parts,
        None => (unsigned, ""),
    };
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return Err(YuanError::NotADecimal);
    }
    // Bills print fees with five decimals (0.06000); what lies below one fen has to be zero.
    let (cents, below) = fraction.split_at(fraction.len().min(2));
    if below.bytes().any(|digit| digit != b'0') {
        return Err(YuanError::SmallerThanFen);
    }
    let magnitude: i128 = format!("{whole}{cents:0<2}")
        .parse()
        .map_err(|_| YuanError::OutOfRange)?;
    let signed = if negative { -magnitude } else { magnitude };
    i64::try_from(signed)
        .map(Fen::new)
        .map_err(|_| YuanError::OutOfRange)
}

pub(crate) fn print(amount: Fen) -> String {
    let sign = if amount.is_negative() { "-" } else { "" };
    let magnitude = amount.get().unsigned_abs();
    format!("{sign}{}.{:02}", magnitude / 100, magnitude % 100)
}
