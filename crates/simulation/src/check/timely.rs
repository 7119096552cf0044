//! L4: what happened at WeChat becomes known in time, once nothing goes wrong any more.

use std::collections::BTreeMap;

use shouyin_core::id::Mchid;
use shouyin_core::payment::{AttemptState, Payment};
use shouyin_core::time::{HOUR_MS, MINUTE_MS, SECOND_MS};
use wechat_simulator::{DeliveryState, Order, TradeType, Wechat};

use super::{Violation, codes};

/// Where orders are asked about, two minutes after it was paid, or after nothing went wrong any more if that was later.
const BY_QUERY_MS: i64 = 2 * MINUTE_MS;
/// What had begun before has to end first: a killed server holds the lease of its question for thirty seconds; a call that gets
/// no answer is waited for ten, and if it was the circuit breaker's probe, the next question may be held back within the
/// thirty after that, to be asked a whole pause (100 s) later: 140 s in the worst case.
const LEFTOVERS_MS: i64 = 30 * SECOND_MS;
/// What is asked about only because a long outage hid it, when no cashier could be open any more, may take this share of the
/// time since longer.
const SHARE_OF_LATENESS: i64 = 16;
/// How long a cashier can be opened: two hours after WeChat's answer to the last order call.
const HANDLE_LIVES_MS: i64 = 2 * HOUR_MS;

/// Where only notifications are left: within one retry ladder of WeChat's. All of it takes 24 hours and 4 minutes exactly
/// (15 s, 15 s, 30 s, 3, 10, 20, 30, 30, 30, 60 minutes, 3, 3, 3, 6, 6 hours): then WeChat gives up, and nothing else can
/// tell. While it has not, the next step comes after at most six hours, and nothing goes wrong with that one. So this, and
/// not a whole day, is what may pass; a minute more for the way and for WeChat's patience with the last step that failed.
const BY_NOTICE_MS: i64 = 6 * HOUR_MS + MINUTE_MS;

/// When each order became known to be paid.
#[derive(Debug, Default)]
pub(super) struct Seen {
    calm_since_ms: i64,
    /// How far ahead of the world a server's clock ever was: what it had put off is put off for so much longer.
    ahead_ms: i64,
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

    /// When calm began, and how far ahead a clock ever was before.
    pub(super) fn calm(&self) -> (i64, i64) {
        (self.calm_since_ms, self.ahead_ms)
    }

    pub(super) fn clock_set(&mut self, skew_ms: i64) {
        self.ahead_ms = self.ahead_ms.max(skew_ms);
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
                    + LEFTOVERS_MS
                    + self.ahead_ms
                    + self.lateness(wechat, order)
                    + while_refused(order)
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

    /// How much longer the news may take because nobody could expect any when calm began.
    fn lateness(&self, wechat: &Wechat, order: &Order) -> i64 {
        let handles = wechat.prepays(&order.mchid, &order.out_trade_no);
        let last = handles.iter().map(|(_, handle)| handle.made_ms).max();
        let over = self.calm_since_ms - last.unwrap_or(order.created_ms) - HANDLE_LIVES_MS;
        (over / SHARE_OF_LATENESS).max(0)
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

/// What is taken back and cannot be, because somebody has refunded a part of it, is known to be paid when WeChat has refused for long
/// enough.
fn while_refused(order: &Order) -> i64 {
    if order.trade_type == TradeType::Micropay && !order.refunds.is_empty() {
        codes::MAY_ARRIVE_MS + 100 * SECOND_MS
    } else {
        0
    }
}
