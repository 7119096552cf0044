//! The one clock of a scenario. It stands still until it is moved.

use std::sync::atomic::{AtomicI64, Ordering};

use shouyin_core::Timestamp;
use shouyin_core::ports::Clock;

/// When every scenario begins: 2026-01-05T12:03:04+08:00.
pub(crate) const START_MS: i64 = 1_767_585_784_000;

/// The world's time, and how far our machine's clock is off.
#[derive(Debug)]
pub(crate) struct WorldClock {
    now_ms: AtomicI64,
    skew_ms: AtomicI64,
}

impl WorldClock {
    pub(crate) const fn new() -> Self {
        Self {
            now_ms: AtomicI64::new(START_MS),
            skew_ms: AtomicI64::new(0),
        }
    }

    /// WeChat's time, Unix milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    pub(crate) fn set_ms(&self, now_ms: i64) {
        self.now_ms.store(now_ms, Ordering::SeqCst);
    }

    /// Our clock is ahead of WeChat's by so much.
    pub(crate) fn set_skew_ms(&self, skew_ms: i64) {
        self.skew_ms.store(skew_ms, Ordering::SeqCst);
    }

    pub(crate) fn skew_ms(&self) -> i64 {
        self.skew_ms.load(Ordering::SeqCst)
    }
}

/// What our server reads.
impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms().saturating_add(self.skew_ms()))
    }
}
