//! Points in time. Core never reads a clock: `now` is always an argument.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// One second in milliseconds, the unit of every duration in core.
pub const SECOND_MS: i64 = 1_000;
/// One minute in milliseconds.
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
/// One hour in milliseconds.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// One day in milliseconds.
pub const DAY_MS: i64 = 24 * HOUR_MS;

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, as WeChat's signatures want them.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(SECOND_MS)
    }

    /// This point plus `ms` milliseconds (negative: earlier); stops at the ends of time instead of wrapping.
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this point; negative when `earlier` is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A day in Beijing, whatever zone this machine is in: WeChat's bills are cut at midnight there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BillDate(i64);

/// What Beijing is ahead of UTC.
const BEIJING_MS: i64 = 8 * HOUR_MS;

impl BillDate {
    /// Reads `2026-01-05`; years 1970 to 9998.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 10
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'-');
        let date = jiff::civil::Date::strptime("%Y-%m-%d", text)
            .ok()
            .filter(|date| digits && (1970..=9998).contains(&date.year()))?;
        let midnight = jiff::tz::Offset::UTC
            .to_timestamp(date.at(0, 0, 0, 0))
            .ok()?;
        Some(Self(midnight.as_millisecond().div_euclid(DAY_MS)))
    }

    /// The day in which a moment lies; the nearest one outside the years 1970 to 9998.
    pub fn of(at: Timestamp) -> Self {
        let days = at.as_millis().saturating_add(BEIJING_MS).div_euclid(DAY_MS);
        Self(days.clamp(0, LAST_DAY))
    }

    /// Its first moment.
    pub const fn start(self) -> Timestamp {
        Timestamp(self.0 * DAY_MS - BEIJING_MS)
    }

    /// The moment after its last one: the first of the next day.
    pub const fn end(self) -> Timestamp {
        Timestamp((self.0 + 1) * DAY_MS - BEIJING_MS)
    }

    /// The day after.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The day before.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0 - 1)
    }
}

/// 9998-12-31.
const LAST_DAY: i64 = 2_932_531;

impl std::fmt::Display for BillDate {
    /// `2026-01-05`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The name of the day is that of its first moment in Beijing, which is midnight of the same name in UTC.
        let midnight = jiff::Timestamp::from_millisecond(self.0.saturating_mul(DAY_MS));
        match midnight {
            Ok(midnight) => write!(f, "{}", jiff::tz::Offset::UTC.to_datetime(midnight).date()),
            Err(_) => write!(f, "day {}", self.0),
        }
    }
}

impl std::fmt::Debug for BillDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_that_of_beijing() {
        let day = BillDate::parse("2026-01-05").unwrap();
        assert_eq!(day.to_string(), "2026-01-05");
        // 2026-01-05T00:00:00+08:00
        assert_eq!(day.start().as_millis(), 1_767_542_400_000);
        assert_eq!(day.end(), day.next().start());
        assert_eq!(BillDate::of(day.start()), day);
        assert_eq!(BillDate::of(day.start().plus_ms(-1)), day.previous());
        assert_eq!(BillDate::of(day.end().plus_ms(-1)), day);
        let last = BillDate::of(Timestamp::from_millis(i64::MAX));
        assert_eq!(last.to_string(), "9998-12-31");
        assert_eq!(BillDate::parse("9998-12-31"), Some(last));
        for bad in [
            "",
            "2026-1-5",
            "2026-02-29",
            "20260105",
            "2026-01-05T",
            "0001-01-01",
        ] {
            assert_eq!(BillDate::parse(bad), None, "{bad}");
        }
    }
}
