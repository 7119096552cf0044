//! When to ask again.

use crate::product::Product;
use crate::time::{HOUR_MS, MINUTE_MS, SECOND_MS};

/// While a payer may be at the cashier: seconds first, then ever longer. A notification only makes us look earlier.
const QUERY_DELAYS_S: [i64; 13] = [3, 3, 4, 6, 9, 15, 30, 60, 120, 300, 600, 1_200, 1_800];

/// After a charge by payment code, in milliseconds: the first question, and those that follow while the payer may be typing a password.
/// WeChat's pages name three different rhythms; this is the safe union (WeChat Pay v2, "micropay"; UNCONFIRMED which one is enforced).
pub const CODE_FIRST_QUERY_MS: i64 = 5 * SECOND_MS;
/// When a payer who has not finished is not waited for any more and the order is taken back, in milliseconds after the charge.
pub const CODE_PAYER_HAS_MS: i64 = 45 * SECOND_MS;
/// An order may be taken back this long after its charge at the earliest, in milliseconds (WeChat Pay v2, "reverse").
pub const CODE_REVERSE_MIN_MS: i64 = 15 * SECOND_MS;
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

/// Delay before the query number `tries` (0: the first), in milliseconds.
pub fn query_delay_ms(tries: u32) -> i64 {
    delay(&QUERY_DELAYS_S, tries, HOUR_MS)
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

    #[test]
    fn a_payment_open_for_two_hours_costs_at_most_thirty_queries() {
        let (mut at, mut queries) = (0, 0);
        while at < 2 * HOUR_MS {
            at += query_delay_ms(queries);
            queries += 1;
        }
        assert!(queries <= 30, "{queries}");
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
