//! Lengths of time as people write them: `1500ms`, `10s`, `5m`, `2h`, `3d`.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// A length of time in milliseconds, at least 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Span(pub(crate) i64);

const UNITS: [(&str, i64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

impl Span {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = text.strip_prefix(digits)?;
        let number: i64 = digits.parse().ok().filter(|number| *number >= 0)?;
        let (_, ms) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        number.checked_mul(ms).map(Self)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, ms): &&(&str, i64)| self.0 > 0 && self.0 % ms == 0;
        match UNITS.iter().rev().find(fits) {
            Some((name, ms)) => write!(f, "{} {name}", self.0 / ms),
            None => write!(f, "{} ms", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "{text:?} is no length of time; write for example \"10s\", \"5m\", \"2h\" or \"3d\""
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_read_as_they_are_written() {
        for (text, ms, shown) in [
            ("1500ms", 1_500, "1500 ms"),
            ("10s", 10_000, "10 s"),
            ("120s", 120_000, "2 m"),
            ("2h", 7_200_000, "2 h"),
            ("3d", 259_200_000, "3 d"),
        ] {
            let span = Span::parse(text).unwrap();
            assert_eq!((span.0, span.to_string().as_str()), (ms, shown));
        }
        for bad in ["", "s", "-1s", "1 s", "1w", "9999999999999999999s"] {
            assert_eq!(Span::parse(bad), None, "{bad:?}");
        }
    }
}
