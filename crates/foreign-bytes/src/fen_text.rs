//! Amounts: as integers, as yuan of a bill, as JSON.

use fen::Fen;

pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let text = text.trim_end_matches('\n');
    if let Ok(amount) = Fen::parse(text) {
        assert_eq!(Fen::parse(&amount.to_string()), Ok(amount));
        // The integer as every other reader of integers reads it.
        assert_eq!(text.parse::<i64>().ok(), Some(amount.get()));
        back_and_forth(amount);
    }
    if let Ok(amount) = Fen::from_yuan(text) {
        // Zeros at the end of the decimals mean nothing; without them the number fits.
        let short = match text.split_once('.') {
            Some((whole, decimals)) => format!("{whole}.{}", decimals.trim_end_matches('0')),
            None => text.to_owned(),
        };
        assert_eq!(by_hand(&short), Some(i128::from(amount.get())), "{text:?}");
        back_and_forth(amount);
    }
    if let Ok(amount) = serde_json::from_str::<Fen>(text) {
        // Neither a fraction, nor a text, nor an exponent may have become money.
        let digits = text.trim();
        assert!(
            digits
                .strip_prefix('-')
                .unwrap_or(digits)
                .bytes()
                .all(|byte| byte.is_ascii_digit()),
            "{text:?} became {amount:?}"
        );
        assert_eq!(
            serde_json::to_string(&amount).ok(),
            Some(amount.to_string())
        );
        back_and_forth(amount);
    }
}

fn back_and_forth(amount: Fen) {
    assert_eq!(Fen::from_yuan(&amount.to_yuan()), Ok(amount));
    if let Some(negated) = amount.checked_neg() {
        assert_eq!(amount.checked_add(negated), Some(Fen::ZERO));
        assert_eq!(negated.checked_neg(), Some(amount));
    }
    assert_eq!(amount.checked_sub(amount), Some(Fen::ZERO));
}

/// Yuan read another way: digit by digit, the point only counted.
fn by_hand(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (mut value, mut decimals) = (0_i128, None);
    for c in digits.chars() {
        match (c, decimals) {
            ('.', None) => decimals = Some(0),
            ('.', Some(_)) => return None,
            (digit, _) => {
                value = value
                    .checked_mul(10)?
                    .checked_add(digit.to_digit(10)?.into())?;
                decimals = decimals.map(|count| count + 1);
            }
        }
    }
    for _ in decimals.unwrap_or(0)..2 {
        value = value.checked_mul(10)?;
    }
    for _ in 2..decimals.unwrap_or(0) {
        if value % 10 != 0 {
            return None;
        }
        value /= 10;
    }
    Some(sign * value)
}
