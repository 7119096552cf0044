//! L4: what happened at WeChat becomes known in time, once nothing goes wrong any more.

use std::collections::BTreeMap;

use shouyin_core::id::Mchid;
use shouyin_core::payment::{AttemptState, Payment};
use shouyin_core::time::{HOUR_MS, MINUTE_MS};
use wechat_simulator::{DeliveryState, Wechat};

use super::Violation;

/// The longest pause between two queries of an order is an hour; a little more for the way.
const BY_QUERY_MS: i64 = HOUR_MS + 10 * MINUTE_MS;
/// The longest pause in WeChat's ladder is six hours.
const BY_NOTICE_MS: i64 = 6 * HOUR_MS + 10 * MINUTE_MS;

/// When each order became known to be paid.
#[derive(Debug, Default)]
pub(super) struct Seen {
    calm_since_ms: i64,
    known: BTreeMap<String, i64>,
}

impl Seen {
    pub(super) fn committed(&mut self, payment: &Payment, now_ms: i64) {
        for attempt in &payment.attempts {
            if matches!(attempt.state, AttemptState::Paid { .. }) {
                let number = attempt.out_trade_no.as_str().to_owned();
                self.known.entry(number).or_insert(now_ms);
            }
        }
    }

    pub(super) fn calm_since(&mut self, now_ms: i64) {
        self.calm_since_ms = now_ms;
    }

    /// Everything that is paid became known soon after it was paid, or soon after calm began. What never became known is L1's.
    pub(super) fn check(&self, wechat: &Wechat, are_queries_on: bool) -> Result<(), Violation> {
        for order in wechat.orders() {
            let Some(payment) = order.payment() else {
                continue;
            };
            let Some(known) = self.known.get(&order.out_trade_no) else {
                continue;
            };
            // Nobody asks, and WeChat has stopped telling: what comes later, by the news of a refund, say, comes by luck.
            if !are_queries_on && was_given_up(wechat, &order.mchid, &order.out_trade_no) {
                continue;
            }
            let limit = if are_queries_on {
                BY_QUERY_MS
            } else {
                BY_NOTICE_MS
            };
            let took = known - payment.at_ms.max(self.calm_since_ms);
            if took > limit {
                let number = &order.out_trade_no;
                let detail = format!(
                    "{number} was known to be paid {} s after nothing went wrong any more",
                    took / 1_000
                );
                return Err(Violation::new("L4", detail));
            }
        }
        Ok(())
    }
}

/// Whether WeChat ever stopped telling that this order is paid.
fn was_given_up(wechat: &Wechat, mchid: &str, number: &str) -> bool {
    Mchid::parse(mchid).is_ok_and(|mchid| gave_up(wechat, &mchid, number, None))
}

/// Whether WeChat has stopped telling of this order, or of this refund if one is named.
pub(super) fn gave_up(wechat: &Wechat, mchid: &Mchid, number: &str, refund: Option<&str>) -> bool {
    wechat
        .deliveries()
        .filter(|delivery| {
            delivery.genuine
                && delivery.mchid == mchid.as_str()
                && delivery.out_trade_no == number
                && delivery.out_refund_no.as_deref() == refund
        })
        .all(|delivery| delivery.state == DeliveryState::GaveUp)
}
