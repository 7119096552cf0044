//! The day of a bill.

use jiff::civil::Date;
use jiff::tz::Offset;

use crate::time::format_beijing;

/// A day in Beijing, whatever zone this machine is in: bills are cut at midnight there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BillDate(Date);

impl BillDate {
    /// From year, month and day. `None` if there is no such day.
    pub fn new(year: i16, month: i8, day: i8) -> Option<Self> {
        // Four digits: nothing else can be written into a request.
        (1970..=9998)
            .contains(&year)
            .then(|| Date::new(year, month, day).ok().map(Self))?
    }

    /// Reads `2026-01-05`.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == 10
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'-');
        let date = Date::strptime("%Y-%m-%d", text).ok().filter(|_| plain)?;
        Self::new(date.year(), date.month(), date.day())
    }

    /// The day in which a moment (Unix milliseconds) lies. `None` outside the years 1970 to 9998.
    pub fn of_unix_ms(unix_ms: i64) -> Option<Self> {
        Self::parse(&format_beijing(unix_ms)[..10])
    }

    /// Its first moment, Unix milliseconds.
    pub fn starts_at_ms(self) -> i64 {
        let midnight = self.0.at(0, 0, 0, 0);
        Offset::constant(8)
            .to_timestamp(midnight)
            .map_or(0, |time| time.as_millisecond())
    }

    /// `2026-01-05`, as APIv3 wants it.
    pub fn dashed(self) -> String {
        self.0.strftime("%Y-%m-%d").to_string()
    }

    /// `20260105`, as API v2 wants it.
    pub fn compact(self) -> String {
        self.0.strftime("%Y%m%d").to_string()
    }

    /// The day after. The last day there is stays itself.
    #[must_use]
    pub fn next(self) -> Self {
        self.0.tomorrow().map_or(self, Self)
    }

    /// The day before. The first day there is stays itself.
    #[must_use]
    pub fn previous(self) -> Self {
        self.0.yesterday().map_or(self, Self)
    }
}

impl std::fmt::Display for BillDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.dashed())
    }
}

impl std::fmt::Debug for BillDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BillDate({self})")
    }
}
