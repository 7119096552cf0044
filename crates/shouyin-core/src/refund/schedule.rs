//! When to ask again.

use crate::payment::schedule::delay;
use crate::time::{HOUR_MS, MINUTE_MS};

/// At least this long between the requests for two refunds of one order, in milliseconds
/// (WeChat Pay APIv3, "refund", rules: one minute).
pub const SPACING_MS: i64 = MINUTE_MS;

/// As WeChat advises: every minute for five minutes, then ever longer (WeChat Pay APIv3, "query refund"). Bank cards take
/// days, so it never ends.
const QUERY_DELAYS_S: [i64; 13] = [
    60, 60, 60, 60, 60, 300, 600, 1_200, 1_800, 3_600, 3_600, 7_200, 7_200,
];

/// Delay before the query number `tries` (0: the first), in milliseconds.
pub fn query_delay_ms(tries: u32) -> i64 {
    delay(&QUERY_DELAYS_S, tries, 6 * HOUR_MS)
}

/// After a request that WeChat did not take for now, or with an unknown result: the same number again.
const RETRY_DELAYS_S: [i64; 8] = [1, 2, 5, 10, 30, 60, 120, 300];

/// Delay before repeating a request after `tries` failures, in milliseconds. It never ends: the money was promised.
pub fn retry_delay_ms(tries: u32) -> i64 {
    delay(&RETRY_DELAYS_S, tries.saturating_sub(1), 30 * MINUTE_MS)
}

/// Somebody has to top up the balance first.
const NOT_ENOUGH_DELAYS_S: [i64; 6] = [300, 600, 1_200, 1_800, 3_600, 7_200];

/// Delay before asking again after `tries` failures because the merchant's balance was too low, in milliseconds.
pub fn not_enough_delay_ms(tries: u32) -> i64 {
    delay(&NOT_ENOUGH_DELAYS_S, tries.saturating_sub(1), 6 * HOUR_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::DAY_MS;

    #[test]
    fn delays_never_shrink() {
        for tries in 0..40 {
            assert!(query_delay_ms(tries) <= query_delay_ms(tries + 1));
            assert!(retry_delay_ms(tries) <= retry_delay_ms(tries + 1));
            assert!(not_enough_delay_ms(tries) <= not_enough_delay_ms(tries + 1));
        }
    }

    #[test]
    fn a_refund_that_takes_a_week_costs_at_most_forty_queries() {
        let (mut at, mut queries) = (0, 0);
        while at < 7 * DAY_MS {
            at += query_delay_ms(queries);
            queries += 1;
        }
        assert!(queries <= 40, "{queries}");
    }
}
