//! When to send again, and when to give up.

use crate::payment::schedule::delay;
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

/// After a failed try: most trouble passes in seconds or minutes, the rest takes a person to repair. Twelve waits of
/// [`LAST_DELAY_MS`] follow, so that the last try comes almost 80 hours after the first.
const RETRY_DELAYS_S: [i64; 8] = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400];

/// The longest wait between two tries of a delivery, in milliseconds.
pub const LAST_DELAY_MS: i64 = 6 * HOUR_MS;

/// A delivery is tried this often before it may be given up.
pub const MIN_TRIES: u32 = 21;

/// A delivery is given up only after this long, in milliseconds: a server that breaks on Friday evening is repaired on Monday.
pub const GIVE_UP_AFTER_MS: i64 = 72 * HOUR_MS;

/// An endpoint that has received nothing for this long, in milliseconds, is disabled.
pub const DISABLE_AFTER_MS: i64 = 5 * DAY_MS;

/// But only while a delivery has waited for this long, in milliseconds: one that failed weeks ago, and one that fails
/// now, with nothing to send in between, are not a long failure.
pub const DISABLE_EVIDENCE_MS: i64 = DAY_MS;

/// A failing endpoint is left alone for at least and at most this long while something waits for it, in milliseconds.
const PAUSE_MS: (i64, i64) = (5 * SECOND_MS, 10 * MINUTE_MS);

/// Delay before the next try after `tries` failed ones (at least 1), in milliseconds.
pub fn retry_delay_ms(tries: u32) -> i64 {
    delay(&RETRY_DELAYS_S, tries.saturating_sub(1), LAST_DELAY_MS)
}

/// When a delivery that was requested then, and has failed `tries` times, is sent again; none: it is given up.
/// Both conditions count: what was hurried has many tries, and what was held back behind others is old.
pub fn next_try(tries: u32, requested_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    if tries >= MIN_TRIES && now.since(requested_at) > GIVE_UP_AFTER_MS {
        None
    } else {
        Some(now.plus_ms(retry_delay_ms(tries)))
    }
}

/// How long an endpoint that has failed for `failing_ms` is left alone, whatever waits for it, in milliseconds: as long as it
/// has failed so far, so that what waits is late by at most twice the outage, and never much more than ten minutes. A new
/// event is a reason to look at once.
pub fn pause_ms(failing_ms: i64) -> i64 {
    let (least, most) = PAUSE_MS;
    failing_ms.clamp(least, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_never_shrink() {
        for tries in 0..40 {
            assert!(retry_delay_ms(tries) <= retry_delay_ms(tries + 1));
        }
    }

    #[test]
    fn the_last_try_comes_more_than_72_hours_after_the_request() {
        let requested_at = Timestamp::from_millis(1_767_585_784_120);
        let (mut at, mut tries) = (requested_at, 1);
        let mut waits = Vec::new();
        while let Some(next) = next_try(tries, requested_at, at) {
            waits.push(next.since(at));
            at = next;
            tries += 1;
        }
        assert_eq!(tries, MIN_TRIES);
        assert_eq!(
            waits[..9],
            [
                5_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000,
                21_600_000
            ]
        );
        assert!(waits[9..].iter().all(|wait| *wait == LAST_DELAY_MS));
        let hours = at.since(requested_at) / HOUR_MS;
        assert_eq!(hours, 79);
    }

    #[test]
    fn the_pause_follows_the_outage() {
        assert_eq!(pause_ms(0), 5_000);
        assert_eq!(pause_ms(-DAY_MS), 5_000);
        assert_eq!(pause_ms(90_000), 90_000);
        assert_eq!(pause_ms(DAY_MS), 600_000);
    }

    #[test]
    fn the_pause_never_stretches_the_waits_of_a_single_delivery() {
        let mut failing_ms = 0;
        for tries in 1..MIN_TRIES {
            assert!(pause_ms(failing_ms) <= retry_delay_ms(tries));
            failing_ms += retry_delay_ms(tries);
        }
    }

    #[test]
    fn neither_many_tries_nor_old_age_alone_end_a_delivery() {
        let requested_at = Timestamp::from_millis(0);
        let day_four = requested_at.plus_ms(4 * DAY_MS);
        assert!(next_try(1_000, requested_at, requested_at.plus_ms(GIVE_UP_AFTER_MS)).is_some());
        assert!(next_try(MIN_TRIES - 1, requested_at, day_four).is_some());
        assert!(next_try(MIN_TRIES, requested_at, day_four).is_none());
        assert!(next_try(MIN_TRIES, day_four, requested_at).is_some());
    }
}
