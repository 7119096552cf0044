//! Per-merchant limits: how many requests a second, and how many at the same time. Whoever asks for more is told so before
//! any work is done, so that one merchant's flood does not slow another.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use shouyin_core::Timestamp;
use shouyin_core::id::Mchid;
use shouyin_core::time::SECOND_MS;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::{Code, Problem};
use crate::config::Limits;

/// Counted in thousandths of a request, so that a few milliseconds are worth something.
const WHOLE: i64 = 1_000;

/// All merchants' limits. Only merchants with a valid API key are in it.
#[derive(Debug)]
pub(crate) struct Gates {
    limits: Limits,
    merchants: Mutex<BTreeMap<Mchid, Gate>>,
}

#[derive(Debug)]
struct Gate {
    /// What may still be asked for at once, in thousandths of a request.
    left: i64,
    counted_at: Timestamp,
    running: Arc<Semaphore>,
}

/// One request's place. Others may take it once this is gone.
#[derive(Debug)]
pub(crate) struct Pass {
    _place: OwnedSemaphorePermit,
}

impl Gates {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            merchants: Mutex::default(),
        }
    }

    /// Lets one request of this merchant in.
    ///
    /// # Errors
    /// 429 `rate_limited` with the time to wait.
    pub(crate) fn enter(&self, mchid: &Mchid, now: Timestamp) -> Result<Pass, Problem> {
        let mut merchants = self
            .merchants
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let full = i64::from(self.limits.burst).saturating_mul(WHOLE);
        let gate = merchants.entry(mchid.clone()).or_insert_with(|| Gate {
            left: full,
            counted_at: now,
            running: Arc::new(Semaphore::new(self.limits.concurrent)),
        });
        let a_second = i64::from(self.limits.requests_per_second);
        if a_second > 0 {
            // One request in a second is one thousandth of a request in a millisecond.
            let passed_ms = now.since(gate.counted_at).max(0);
            gate.left = full.min(gate.left.saturating_add(passed_ms.saturating_mul(a_second)));
            gate.counted_at = now;
            if gate.left < WHOLE {
                let wait_ms = (WHOLE - gate.left) / a_second;
                return Err(too_often(wait_ms));
            }
        }
        // A request that is turned away for want of a place costs nothing of the rate.
        let place = Arc::clone(&gate.running)
            .try_acquire_owned()
            .map_err(|_| too_many(self.limits.concurrent))?;
        if a_second > 0 {
            gate.left -= WHOLE;
        }
        Ok(Pass { _place: place })
    }
}

fn too_often(wait_ms: i64) -> Problem {
    let wait_s = u32::try_from(wait_ms / SECOND_MS + 1).unwrap_or(u32::MAX);
    Problem::new(
        Code::RateLimited,
        "This merchant sends more requests a second than this server allows. Nothing was done. Wait as long as Retry-After says, then repeat the request with the same Idempotency-Key.",
    )
    .retry_after_s(wait_s)
}

fn too_many(concurrent: usize) -> Problem {
    Problem::new(
        Code::RateLimited,
        format!(
            "{concurrent} requests of this merchant are running already, and more are not allowed at the same time. Nothing was done. Repeat the request with the same Idempotency-Key when others are answered."
        ),
    )
    .retry_after_s(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        requests_per_second: 10,
        burst: 20,
        concurrent: 3,
    };

    fn mchid(text: &str) -> Mchid {
        Mchid::parse(text).unwrap()
    }

    /// How many requests get in at this moment, each over before the next.
    fn let_in(gates: &Gates, mchid: &Mchid, now: Timestamp) -> usize {
        (0..100)
            .take_while(|_| gates.enter(mchid, now).is_ok())
            .count()
    }

    #[test]
    fn a_burst_then_the_rate_and_nobody_pays_for_another() {
        let gates = Gates::new(LIMITS);
        let (one, other) = (mchid("1900000001"), mchid("1900000002"));
        let begin = Timestamp::from_millis(0);
        assert_eq!(let_in(&gates, &one, begin), 20);
        assert_eq!(let_in(&gates, &one, begin.plus_ms(99)), 0);
        assert_eq!(let_in(&gates, &one, begin.plus_ms(100)), 1);
        assert_eq!(let_in(&gates, &one, begin.plus_ms(1_100)), 10);
        assert_eq!(let_in(&gates, &one, begin.plus_ms(60_000)), 20);
        assert_eq!(let_in(&gates, &other, begin), 20);
        // A clock that was set back takes nothing away and gives nothing.
        assert_eq!(let_in(&gates, &one, begin), 0);
    }

    #[test]
    fn places_are_taken_and_given_back() {
        let gates = Gates::new(LIMITS);
        let one = mchid("1900000001");
        let now = Timestamp::from_millis(0);
        let passes: Vec<_> = (0..3).map(|_| gates.enter(&one, now).unwrap()).collect();
        assert!(gates.enter(&one, now).is_err());
        drop(passes);
        assert!(gates.enter(&one, now).is_ok());
    }

    #[test]
    fn no_limit_is_no_limit() {
        let gates = Gates::new(Limits {
            requests_per_second: 0,
            ..LIMITS
        });
        let now = Timestamp::from_millis(0);
        assert_eq!(let_in(&gates, &mchid("1900000001"), now), 100);
    }
}
