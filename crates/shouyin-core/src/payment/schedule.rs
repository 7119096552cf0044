//! When to ask again.

use crate::payment::model::REQUEST_MAY_ARRIVE_MS;
use crate::product::Product;
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

/// While a payer may be at the cashier: seconds first, then ever longer. A notification only makes us look earlier.
const QUERY_DELAYS_S: [i64; 13] = [3, 3, 4, 6, 9, 15, 30, 60, 120, 300, 600, 1_200, 1_800];

/// After a charge by payment code, in milliseconds: the first question, and those that follow while the payer may be typing a password.
/// WeChat's pages name three different rhythms; this is the safe union (WeChat Pay v2, "micropay"; UNCONFIRMED which one is enforced).
pub const CODE_FIRST_QUERY_MS: i64 = 5 * SECOND_MS;
/// When a payer who has not finished is not waited for any more and the order is taken back, in milliseconds after the charge.
pub const CODE_PAYER_HAS_MS: i64 = 45 * SECOND_MS;
/// An order may be taken back this long after its charge at the earliest, in milliseconds (WeChat Pay v2, "reverse").
pub const CODE_REVERSE_MIN_MS: i64 = 15 * SECOND_MS;
/// An order is taken back this long after its charge at the latest, in milliseconds (WeChat Pay v2, "reverse": seven days; counted from
/// when WeChat took it, which may be later than our sending it by [`REQUEST_MAY_ARRIVE_MS`]).
pub const CODE_REVERSE_MAX_MS: i64 = 7 * DAY_MS + REQUEST_MAY_ARRIVE_MS;
/// So long an order is taken back again and again although WeChat refuses, in milliseconds after that began: somebody has refunded a
/// part of it, for example. Reversals that were on their way have arrived by then.
pub const CODE_REVERSE_REFUSED_MS: i64 = REQUEST_MAY_ARRIVE_MS;
/// Questions in that time.
const CODE_QUERIES: u32 = 10;

/// [`query_delay_ms`] for a product: a payer at a till is asked about every five seconds until the time is up.
pub fn product_query_delay_ms(product: Product, tries: u32) -> i64 {
    match product {
        Product::Code if tries < CODE_QUERIES => CODE_FIRST_QUERY_MS,
        Product::Code => query_delay_ms(tries - CODE_QUERIES).max(CODE_FIRST_QUERY_MS),
        Product::MiniProgram | Product::Jsapi | Product::Native | Product::App | Product::H5 => {
            query_delay_ms(tries)
        }
    }
}

/// Delay before the query number `tries` (0: the first), in milliseconds. While money may still arrive it is
/// [shortened](shortened_ms).
pub fn query_delay_ms(tries: u32) -> i64 {
    delay(&QUERY_DELAYS_S, tries, HOUR_MS)
}

/// While money may still arrive through an attempt, no question about it waits longer than this, in milliseconds: whoever
/// paid is known within two minutes, also if no notification comes, and whatever failed before.
///
/// What it costs: at most [`MOST_QUERIES`] queries for an attempt that nobody pays or closes, instead of some twenty by the
/// growing delays. An open cashier is left after minutes, and most payments expire within half an hour (some thirty queries).
pub const LONGEST_PAUSE_MS: i64 = 100 * SECOND_MS;

/// The most queries that one handle of WeChat's costs while money may arrive through it, if every one is answered and no
/// client makes us ask more.
pub const MOST_QUERIES: u32 = 90;

/// Afterwards a question that is still without an answer may wait a little longer, by this share of the time since: news
/// that is an hour late does not become two hours late, and a long outage costs ever fewer calls.
const SHARE_OF_LATENESS: i64 = 16;

/// A delay before asking about an attempt again, or before trying again to close it, in milliseconds, shortened to what is
/// bearable `over_ms` after the last moment at which it could be paid (negative: before).
pub fn shortened_ms(delay_ms: i64, over_ms: i64) -> i64 {
    delay_ms.min(LONGEST_PAUSE_MS.max(over_ms / SHARE_OF_LATENESS))
}

/// Waiting clients make us ask WeChat about one attempt at most this often, in milliseconds, by the attempt's age: often
/// while its cashier is probably open, rarely for a page that somebody forgot.
pub fn ask_pause_ms(age_ms: i64) -> i64 {
    if age_ms < MINUTE_MS {
        SECOND_MS
    } else if age_ms < 5 * MINUTE_MS {
        4 * SECOND_MS
    } else {
        15 * SECOND_MS
    }
}

/// After a call with an unknown result: quick at first, since most trouble passes in seconds.
const RETRY_DELAYS_S: [i64; 8] = [1, 2, 5, 10, 30, 60, 120, 300];

/// Delay before repeating a call after `tries` failures, in milliseconds.
/// For what concerns an attempt that may still be paid it is [shortened](shortened_ms).
pub fn retry_delay_ms(tries: u32) -> i64 {
    delay(&RETRY_DELAYS_S, tries.saturating_sub(1), 10 * MINUTE_MS)
}

/// How often an order request is repeated without a payer asking for it. After that the next tap sends it again,
/// or the payment expires and is closed.
pub const PREPAY_TRIES: u32 = 5;

/// The delay at this place of a list of seconds, or the last one, in milliseconds.
pub(crate) fn delay(seconds: &[i64], index: u32, last_ms: i64) -> i64 {
    usize::try_from(index)
        .ok()
        .and_then(|i| seconds.get(i))
        .map_or(last_ms, |s| s * SECOND_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment::model::PREPAY_LIVES_MS;

    /// How many queries there are up to `until_ms`, if money may arrive for so long and every one is asked on time.
    fn queries(payable_ms: i64, until_ms: i64) -> u32 {
        let (mut at, mut queries) = (0, 0);
        while at < until_ms {
            at += shortened_ms(query_delay_ms(queries), at - payable_ms);
            queries += 1;
        }
        queries
    }

    #[test]
    fn an_attempt_costs_a_bounded_number_of_queries() {
        let payable_ms = PREPAY_LIVES_MS + REQUEST_MAY_ARRIVE_MS;
        let half_an_hour = queries(payable_ms, 30 * MINUTE_MS);
        assert!(half_an_hour <= 30, "{half_an_hour}");
        let all = queries(payable_ms, payable_ms);
        assert!((80..=MOST_QUERIES).contains(&all), "{all}");
        // Without an answer: a day costs no more than twice as much again, a week as good as one an hour.
        let day = queries(payable_ms, DAY_MS);
        assert!(day <= 2 * MOST_QUERIES, "{day}");
        let week = queries(payable_ms, 7 * DAY_MS);
        assert!(week <= day + 6 * 24 + 1, "{week}");
    }

    #[test]
    fn no_pause_is_longer_than_bearable() {
        for tries in 0..200 {
            for delay_ms in [query_delay_ms(tries), retry_delay_ms(tries)] {
                assert!(shortened_ms(delay_ms, -1) <= LONGEST_PAUSE_MS);
                assert!(shortened_ms(delay_ms, 0) <= LONGEST_PAUSE_MS);
                assert!(shortened_ms(delay_ms, 16 * MINUTE_MS) <= LONGEST_PAUSE_MS);
                assert!(shortened_ms(delay_ms, 8 * HOUR_MS) <= HOUR_MS / 2);
                assert_eq!(shortened_ms(delay_ms, 9 * DAY_MS), delay_ms);
            }
        }
    }

    #[test]
    fn delays_never_shrink() {
        for tries in 0..40 {
            let [now, next] = [tries, tries + 1].map(|t| product_query_delay_ms(Product::Code, t));
            assert!(now <= next);
            assert!(query_delay_ms(tries) <= query_delay_ms(tries + 1));
            assert!(retry_delay_ms(tries) <= retry_delay_ms(tries + 1));
        }
    }
}
