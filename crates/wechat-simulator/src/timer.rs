//! What is due when. Equal times keep the order in which they were set.

use std::collections::BTreeMap;

use crate::book::{OrderKey, RefundKey};

/// Something that happens by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Timer {
    /// Seven days without payment.
    ExpireOrder(OrderKey),
    /// A payer who was asked for the password pays, or does not.
    DecideCode(OrderKey, bool),
    /// The bank has decided.
    FinishRefund(RefundKey),
    /// A notification is to be sent, for the first time or again.
    Notify(u64),
    /// The receiver had five seconds.
    NotifyTimeout(u64, u32),
}

/// A timer that was set; for cancelling it.
pub(crate) type TimerKey = (i64, u64);

#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    queue: BTreeMap<TimerKey, Timer>,
    set: u64,
}

impl Timers {
    pub(crate) fn set(&mut self, due_ms: i64, timer: Timer) -> TimerKey {
        self.set += 1;
        let key = (due_ms, self.set);
        self.queue.insert(key, timer);
        key
    }

    pub(crate) fn cancel(&mut self, key: TimerKey) {
        self.queue.remove(&key);
    }

    pub(crate) fn next_due(&self) -> Option<i64> {
        self.queue.first_key_value().map(|((due, _), _)| *due)
    }

    /// The earliest timer that is due, with its time.
    pub(crate) fn pop_due(&mut self, now_ms: i64) -> Option<(i64, Timer)> {
        if self.next_due()? > now_ms {
            return None;
        }
        self.queue.pop_first().map(|((due, _), timer)| (due, timer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_come_by_time_then_by_order_and_can_be_cancelled() {
        let mut timers = Timers::default();
        timers.set(20, Timer::Notify(1));
        timers.set(10, Timer::Notify(2));
        let cancelled = timers.set(10, Timer::Notify(3));
        timers.set(10, Timer::Notify(4));
        timers.cancel(cancelled);
        assert_eq!(timers.next_due(), Some(10));
        assert_eq!(timers.pop_due(9), None);
        assert_eq!(timers.pop_due(20), Some((10, Timer::Notify(2))));
        assert_eq!(timers.pop_due(20), Some((10, Timer::Notify(4))));
        assert_eq!(timers.pop_due(20), Some((20, Timer::Notify(1))));
        assert_eq!(timers.next_due(), None);
    }
}
