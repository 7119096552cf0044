//! Time as one process sees it, and ids that are unique and the same in every run of a seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use shouyin_core::Timestamp;
use shouyin_core::ports::{Clock, Ids};

use crate::hub::Hub;

/// The world's time plus what this process's clock is off.
#[derive(Debug, Clone)]
pub struct SkewedClock {
    hub: Arc<Hub>,
    skew_ms: Arc<AtomicI64>,
}

impl SkewedClock {
    pub(crate) fn new(hub: &Arc<Hub>, skew_ms: i64) -> Self {
        Self {
            hub: Arc::clone(hub),
            skew_ms: Arc::new(AtomicI64::new(skew_ms)),
        }
    }

    /// Sets what the clock is off, in milliseconds.
    pub(crate) fn set_skew(&self, skew_ms: i64) {
        self.skew_ms.store(skew_ms, Ordering::Relaxed);
    }

    pub(crate) fn skew_ms(&self) -> i64 {
        self.skew_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.hub.now_ms().saturating_add(self.skew_ms())
    }
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms())
    }
}

/// A counter mixed with the seed.
#[derive(Debug, Clone)]
pub struct UniqueIds(Arc<Hub>);

impl UniqueIds {
    pub(crate) fn new(hub: &Arc<Hub>) -> Self {
        Self(Arc::clone(hub))
    }
}

impl Ids for UniqueIds {
    fn random(&self) -> u128 {
        u128::from(self.0.unique()) << 64 | u128::from(self.0.unique())
    }
}
