//! How often WeChat is called: for each merchant and kind of call at most so many times in any second.
//!
//! WeChat counts per merchant and refuses what is too much, and what it refused counts too. So a call over the limit is
//! not sent: the caller is told at once, and can be sure that nothing happened.
//!
//! Not built on a library of rate limiters, because none gives all three: the time as an argument (the simulation is
//! deterministic, and a clock that was set back must not block payments until it has caught up), looking without taking
//! (refused refunds are counted only when the refusal is known), and an exact window: a bucket that refills lets twice
//! its size through in its first second.

use std::collections::VecDeque;

use shouyin_core::time::SECOND_MS;

/// At most so many calls in any second, for one merchant. 0 sends none at all.
///
/// WeChat publishes no limit for some calls; those defaults are guesses and marked UNCONFIRMED. A merchant whose limits
/// WeChat raised sets other numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Placing orders (WeChat Pay APIv3, "frequency limits": about 500 per second, can be raised).
    pub prepay_per_second: u32,
    /// Charging payment codes (WeChat Pay v2, "micropay": 33 per second; the same for APIv3 is UNCONFIRMED).
    pub charge_per_second: u32,
    /// Asking for an order's state. UNCONFIRMED.
    pub query_per_second: u32,
    /// Closing orders, and taking charged ones back. UNCONFIRMED.
    pub close_per_second: u32,
    /// Asking for refunds, and for other ways out of abnormal ones (WeChat Pay APIv3, "refund", rules: 150 per second;
    /// that the second kind counts with the first is UNCONFIRMED).
    pub refund_per_second: u32,
    /// Refunds that WeChat refuses (WeChat Pay APIv3, "refund", rules: 6 per second). After that many refusals within a
    /// second no refund is sent.
    pub failing_refunds_per_second: u32,
    /// Asking for a refund's state (WeChat Pay APIv3, "query refund": 300 per second).
    pub refund_query_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            prepay_per_second: 500,
            charge_per_second: 33,
            query_per_second: 300,
            close_per_second: 100,
            refund_per_second: 150,
            failing_refunds_per_second: 6,
            refund_query_per_second: 300,
        }
    }
}

/// A kind of call. Each has its own limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Prepay,
    Charge,
    Query,
    Close,
    Refund,
    RefundQuery,
    Bill,
}

/// The limit that a call would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not sent: this server's limit {name} is {limit} for this merchant, and they are used up for this second"
)]
pub(crate) struct OverLimit {
    /// The field of [`Limits`].
    pub(crate) name: &'static str,
    /// Its value.
    pub(crate) limit: u32,
}

/// The calls of one merchant within the last second.
#[derive(Debug)]
pub(crate) struct Recent {
    prepay: Window,
    charge: Window,
    query: Window,
    close: Window,
    refund: Window,
    failing_refunds: Window,
    refund_query: Window,
    bill: Window,
}

/// Asking for bills, in any second (WeChat Pay APIv3, "apply for the fund-flow bill": 3). One is asked for a day; no merchant needs another limit.
const BILLS_PER_SECOND: u32 = 3;

impl Recent {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            prepay: Window::new("prepay_per_second", limits.prepay_per_second),
            charge: Window::new("charge_per_second", limits.charge_per_second),
            query: Window::new("query_per_second", limits.query_per_second),
            close: Window::new("close_per_second", limits.close_per_second),
            refund: Window::new("refund_per_second", limits.refund_per_second),
            failing_refunds: Window::new(
                "failing_refunds_per_second",
                limits.failing_refunds_per_second,
            ),
            refund_query: Window::new("refund_query_per_second", limits.refund_query_per_second),
            bill: Window::new("bills_per_second", BILLS_PER_SECOND),
        }
    }

    /// Counts a call that is about to be sent.
    ///
    /// # Errors
    /// It must not be sent, and was not counted.
    pub(crate) fn take(&mut self, call: Call, now_ms: i64) -> Result<(), OverLimit> {
        match call {
            Call::Prepay => self.prepay.take(now_ms),
            Call::Charge => self.charge.take(now_ms),
            Call::Query => self.query.take(now_ms),
            Call::Close => self.close.take(now_ms),
            Call::Refund => {
                self.failing_refunds.check(now_ms)?;
                self.refund.take(now_ms)
            }
            Call::RefundQuery => self.refund_query.take(now_ms),
            Call::Bill => self.bill.take(now_ms),
        }
    }

    /// WeChat refused a call that was sent.
    pub(crate) fn refused(&mut self, call: Call, now_ms: i64) {
        match call {
            Call::Refund => self.failing_refunds.count(now_ms),
            Call::Prepay
            | Call::Charge
            | Call::Query
            | Call::Close
            | Call::RefundQuery
            | Call::Bill => {}
        }
    }
}

/// The last calls of one kind: never more than `limit` of them, oldest first.
#[derive(Debug)]
struct Window {
    name: &'static str,
    limit: u32,
    calls: VecDeque<i64>,
}

impl Window {
    fn new(name: &'static str, limit: u32) -> Self {
        Self {
            name,
            limit,
            calls: VecDeque::new(),
        }
    }

    fn take(&mut self, now_ms: i64) -> Result<(), OverLimit> {
        self.check(now_ms)?;
        self.count(now_ms);
        Ok(())
    }

    /// Whether there is room for one more.
    fn check(&mut self, now_ms: i64) -> Result<(), OverLimit> {
        self.forget(now_ms);
        if self.is_full() {
            return Err(OverLimit {
                name: self.name,
                limit: self.limit,
            });
        }
        Ok(())
    }

    /// Counts one more, even if there is no room: what happened, happened.
    fn count(&mut self, now_ms: i64) {
        let now_ms = self.forget(now_ms);
        if self.is_full() {
            // The oldest makes room, so that the memory is bounded and the newest is remembered for its whole second.
            self.calls.pop_front();
        }
        if self.limit > 0 {
            self.calls.push_back(now_ms);
        }
    }

    fn is_full(&self) -> bool {
        u32::try_from(self.calls.len()).is_ok_and(|count| count >= self.limit)
    }

    /// Forgets what is older than a second; gives the time to count with. It never runs backwards within the window:
    /// threads read the clock before they get here. A clock that was set back by more than a second starts anew.
    fn forget(&mut self, now_ms: i64) -> i64 {
        let last_ms = self.calls.back().copied().unwrap_or(now_ms);
        if last_ms.saturating_sub(now_ms) > SECOND_MS {
            self.calls.clear();
            return now_ms;
        }
        let now_ms = now_ms.max(last_ms);
        while self
            .calls
            .front()
            .is_some_and(|first| now_ms.saturating_sub(*first) >= SECOND_MS)
        {
            self.calls.pop_front();
        }
        now_ms
    }
}

#[cfg(test)]
mod tests;
