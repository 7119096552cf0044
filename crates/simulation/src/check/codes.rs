//! S13: payment codes. What is being taken back never counts as paid, and its money goes back, unless somebody refunds a part of it in
//! WeChat's console: then WeChat does not take it back. L4 for them: whoever stands at the till is told how it ended.

use std::collections::BTreeMap;

use shouyin_core::payment::{Attempt, AttemptState, Payment, PaymentState};
use shouyin_core::product::Product;
use shouyin_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use wechat_simulator::{CodePhase, Order, OrderState, Wechat};

use super::{Checker, Violation};
use crate::hub::Hub;
use crate::marks::Mark;

/// A payer has so long before the order is taken back.
const PAYER_HAS_MS: i64 = 45 * SECOND_MS;
/// So long after it was sent a charge may still arrive, as far as the product can know: until then "no such order" proves nothing.
pub(super) const MAY_ARRIVE_MS: i64 = 11 * MINUTE_MS;
/// After that, or once calm has begun: two minutes, as for every payment, and what had begun before; and another pause of a hundred
/// seconds, because two things have to be done, one after the other: take it back, and see that it is.
const IN_TIME_MS: i64 = 2 * MINUTE_MS + 30 * SECOND_MS + 100 * SECOND_MS;
/// For so long it is asked about eagerly after it was charged; after that each pause may take this share of the time longer, up to
/// the longest pause there is. And there are two of them: WeChat wants to be told twice that an order is taken back while its payer
/// is typing. (Seed 61128104069461:1024, with a clock that was wrong for six hours.)
const EAGER_MS: i64 = MAY_ARRIVE_MS + 2 * HOUR_MS;
const SHARE_OF_LATENESS: i64 = 16;
const LONGEST_PAUSE_MS: i64 = 10 * MINUTE_MS;
/// Older orders cannot be taken back.
const REVERSIBLE_MS: i64 = 7 * DAY_MS;

#[derive(Debug, Default)]
pub(super) struct Seen {
    /// When each order by payment code came to its end here.
    ended: BTreeMap<String, i64>,
    /// Every code that a till sent us.
    pub(super) scanned: Vec<String>,
}

/// Whether an order by payment code has brought money, or may bring some without another charge.
pub(super) fn may_bring_money(order: &Order) -> bool {
    match order.state {
        OrderState::Paid(_) => true,
        OrderState::NotPaid => order.code == Some(CodePhase::UserPaying),
        OrderState::Closed { .. } => false,
    }
}

/// How many codes failed in this commit while the payer may have been at the till.
pub(super) fn failed(before: &Payment, after: &Payment) -> u32 {
    if after.product != Product::Code || before.state != PaymentState::Open {
        return 0;
    }
    let ended = |attempt: &&Attempt| {
        let was_open = before.attempt(&attempt.out_trade_no);
        let was_open = was_open.is_some_and(|before| before.state.is_unresolved());
        was_open
            && match attempt.state {
                AttemptState::Closed | AttemptState::Rejected { .. } => true,
                AttemptState::Recorded | AttemptState::Open | AttemptState::Paid { .. } => false,
            }
    };
    u32::try_from(after.attempts.iter().filter(ended).count()).unwrap_or(u32::MAX)
}

impl Seen {
    /// After every commit that changed a payment.
    pub(super) fn committed(
        &mut self,
        hub: &Hub,
        before: Option<&Payment>,
        after: &Payment,
        wechat: &Wechat,
    ) -> Result<(), Violation> {
        let now_ms = hub.now_ms();
        for attempt in &after.attempts {
            let number = attempt.out_trade_no.as_str();
            let broken = |what: &str| {
                let detail = format!("{}: {number} {what}", after.id);
                Err(Violation::new("S13", detail))
            };
            if after.product != Product::Code {
                if attempt.reversing_since.is_some() {
                    return broken("is taken back, and was not charged by a code");
                }
                continue;
            }
            let order = wechat.order(after.mchid.as_str(), number);
            let old = before.and_then(|payment| payment.attempt(&attempt.out_trade_no));
            if let Some(since) = old.and_then(|old| old.reversing_since) {
                let has_refunds = order.is_some_and(|order| !order.refunds.is_empty());
                if matches!(attempt.state, AttemptState::Paid { .. }) && !has_refunds {
                    return broken("counts as paid although it is being taken back");
                }
                let too_old = order.is_some_and(|order| now_ms - order.created_ms > REVERSIBLE_MS);
                if attempt.reversing_since != Some(since) && !too_old && !has_refunds {
                    return broken("is not taken back any more");
                }
            }
            if !attempt.state.is_unresolved() && !self.ended.contains_key(number) {
                self.ended.insert(number.to_owned(), now_ms);
                mark(hub, attempt, order);
            }
        }
        Ok(())
    }
}

fn mark(hub: &Hub, attempt: &Attempt, order: Option<&Order>) {
    let (Some(order), Some(since)) = (order, attempt.reversing_since) else {
        return;
    };
    match &order.reversed {
        Some(payment) if payment.at_ms >= since.as_millis() => hub.mark(Mark::CodePaidTooLate),
        Some(_) => hub.mark(Mark::CodePaidBack),
        None => hub.mark(Mark::CodeReversed),
    }
}

impl Checker {
    /// A till has sent a code.
    pub(crate) fn code_scanned(&mut self, code: &str) {
        self.codes.scanned.push(code.to_owned());
    }

    /// After calm: whatever was to be taken back is, also where nobody can be asked.
    pub(super) fn taken_back(&self, wechat: &Wechat) -> Result<(), Violation> {
        for payment in self.payments() {
            for attempt in &payment.attempts {
                let number = attempt.out_trade_no.as_str();
                let order = wechat.order(payment.mchid.as_str(), number);
                // WeChat does not take back what was refunded in part; where nobody may ask, nobody knows that it is so.
                let is_refused = !self.nets.queries && order.is_some_and(|o| !o.refunds.is_empty());
                let may_bring_money = order.is_some_and(may_bring_money) && !is_refused;
                if attempt.reversing_since.is_some() && may_bring_money {
                    let detail =
                        format!("{number} was to be taken back, and its money is not back");
                    return Err(Violation::new("S13", detail));
                }
            }
        }
        Ok(())
    }

    /// L4: how a charge ended is known soon after the payer's time was up, or after nothing went wrong any more. What never came to
    /// its end is L2's.
    pub(super) fn charges_end_in_time(&self, wechat: &Wechat) -> Result<(), Violation> {
        let (calm_ms, ahead_ms) = self.timely.calm();
        for (number, charged_ms) in self.charged() {
            let Some(ended_ms) = self.codes.ended.get(number) else {
                continue;
            };
            let order = wechat.orders().find(|o| o.out_trade_no == *number);
            let payer_has_ms = if order.is_some() {
                PAYER_HAS_MS
            } else {
                MAY_ARRIVE_MS
            };
            // Then WeChat refuses to take it back, and is believed after so long.
            let has_refunds = order.is_some_and(|order| !order.refunds.is_empty());
            let refused_ms = if has_refunds { MAY_ARRIVE_MS } else { 0 };
            let share_ms = (calm_ms - charged_ms - EAGER_MS).max(0) / SHARE_OF_LATENESS;
            let lateness_ms = share_ms.max(2 * share_ms.min(LONGEST_PAUSE_MS));
            let begin_ms = calm_ms.max(charged_ms + payer_has_ms);
            let took_ms = ended_ms - begin_ms;
            if took_ms > IN_TIME_MS + refused_ms + ahead_ms + lateness_ms {
                let detail = format!(
                    "how the charge {number} ended was known {} s after its time was up",
                    took_ms / SECOND_MS
                );
                return Err(Violation::new("L4", detail));
            }
        }
        Ok(())
    }
}
