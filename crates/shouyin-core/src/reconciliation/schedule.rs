//! When to ask for a bill, and when to ask again.

use crate::payment::schedule::delay;
use crate::time::{BillDate, DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};

/// Bills can be had after ten in the morning of the next day (WeChat Pay APIv3, "apply for the trade bill").
pub const fn first_due(date: BillDate) -> Timestamp {
    date.end().plus_ms(10 * HOUR_MS + 10 * MINUTE_MS)
}

/// From when on "there is no bill" is believed of a day on which our books have nothing, too: long after bills are made.
pub const fn believed_empty(date: BillDate) -> Timestamp {
    date.end().plus_ms(14 * HOUR_MS)
}

/// From when on a person has to know that there is no bill: noon of the second day after.
pub const fn alarm(date: BillDate) -> Timestamp {
    date.end().plus_ms(DAY_MS + 12 * HOUR_MS)
}

/// WeChat gives out bills of the last three months (WeChat Pay APIv3, "apply for the trade bill"); a few days less, so that a calendar month does not
/// decide.
pub const fn is_too_old(date: BillDate, now: Timestamp) -> bool {
    now.since(date.end()) > 88 * DAY_MS
}

const BILL_DELAYS_S: [i64; 6] = [600, 600, 600, 1_200, 1_800, 3_600];

/// Delay before asking again for a bill that was not to be had `tries` times, in milliseconds. It never ends.
pub fn bill_delay_ms(date: BillDate, tries: u32, now: Timestamp) -> i64 {
    let last = if now < alarm(date) {
        HOUR_MS
    } else {
        6 * HOUR_MS
    };
    delay(&BILL_DELAYS_S, tries.saturating_sub(1), last)
}

const LOOK_DELAYS_S: [i64; 6] = [60, 120, 300, 600, 1_800, 3_600];

/// Delay before looking for the answers to what was asked about lines, in milliseconds; none: long enough, a person has to look. Queries go on being
/// owed all the same.
pub fn look_delay_ms(looks: u32) -> Option<i64> {
    let ms = delay(&LOOK_DELAYS_S, looks, 0);
    (ms > 0).then_some(ms)
}

/// Postings so short before midnight may be of the next day by WeChat's clock: they are looked for in the next day's bill, too. In milliseconds.
pub const MIDNIGHT_SLACK_MS: i64 = 15 * MINUTE_MS;

/// The postings that must be in this day's bill, or in an earlier one: a posting is made when we learn of a payment, never before it happened.
pub const fn must_be_in(date: BillDate) -> (Timestamp, Timestamp) {
    (
        date.start().plus_ms(-MIDNIGHT_SLACK_MS),
        date.end().plus_ms(-MIDNIGHT_SLACK_MS),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_follow_each_other_without_a_gap() {
        let day = BillDate::parse("2026-01-05").unwrap();
        assert_eq!(must_be_in(day).1, must_be_in(day.next()).0);
        // 2026-01-06T10:10:00+08:00, 2026-01-07T12:00:00+08:00
        assert_eq!(first_due(day).as_millis(), 1_767_665_400_000);
        assert_eq!(alarm(day).as_millis(), 1_767_758_400_000);
        assert!(first_due(day) < believed_empty(day) && believed_empty(day) < alarm(day));
    }

    #[test]
    fn asking_for_a_bill_never_ends_and_looking_does() {
        let day = BillDate::parse("2026-01-05").unwrap();
        for tries in 0..40 {
            let delay = bill_delay_ms(day, tries, first_due(day));
            assert!((10 * MINUTE_MS..=HOUR_MS).contains(&delay));
        }
        assert_eq!(bill_delay_ms(day, 99, alarm(day)), 6 * HOUR_MS);
        assert!((0..6).all(|looks| look_delay_ms(looks).is_some()));
        assert_eq!(look_delay_ms(6), None);
        assert!(!is_too_old(day, first_due(day)));
        assert!(is_too_old(day, day.end().plus_ms(89 * DAY_MS)));
    }
}
