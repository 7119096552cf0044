//! Why there is no file: two answers that are not failures.

use crate::v3::ApiError;

/// What an error answer says about a bill that could not be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Absence {
    /// Not made yet; it can be had after 10:00 Beijing time of the next day, sometimes later.
    NotReady,
    /// WeChat has none: nothing was paid or refunded that day, or (WeChat's own words) it is not made yet. Not a proof of an empty day.
    NoBill,
}

impl Absence {
    /// Reads an error of `v3` or `v2`. `None` when it says something else.
    ///
    /// APIv3: `STATEMENT_CREATING`, `NO_STATEMENT_EXIST` with any 4xx. API v2: `BILL_CREATING`, `NO_BILL_EXIST` for the fund flow; for the trade bill a
    /// number in `error_code`, and the text `Bill Creating` or `No Bill Exist` (also seen as `NO Bill Exist`).
    pub fn of(error: &ApiError) -> Option<Self> {
        Self::said(&error.code, &error.message)
    }

    /// The same for code and message alone.
    pub fn said(code: &str, message: &str) -> Option<Self> {
        let is = |known: &str| code.eq_ignore_ascii_case(known);
        let says = |known: &str| message.trim().eq_ignore_ascii_case(known);
        if is("STATEMENT_CREATING") || is("BILL_CREATING") || says("Bill Creating") {
            Some(Self::NotReady)
        } else if is("NO_STATEMENT_EXIST") || is("NO_BILL_EXIST") || says("No Bill Exist") {
            Some(Self::NoBill)
        } else {
            None
        }
    }
}
