//! Simulated time: real time plus an offset, at a chosen pace, or standing still.

use std::time::SystemTime;

/// The clock of one simulator. The real time is an argument everywhere but in [`real_ms`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct VirtualClock {
    real_ms: i64,
    virtual_ms: i64,
    /// Simulated milliseconds per real one; 0 stands still.
    rate: u32,
    /// Stands still while a jump is being carried out.
    frozen: bool,
}

impl VirtualClock {
    /// A clock that shows the real time.
    pub(crate) fn new(real_ms: i64) -> Self {
        Self {
            real_ms,
            virtual_ms: real_ms,
            rate: 1,
            frozen: false,
        }
    }

    /// The simulated time, Unix milliseconds.
    pub(crate) fn now(&self, real_ms: i64) -> i64 {
        if self.frozen {
            return self.virtual_ms;
        }
        let passed = real_ms.saturating_sub(self.real_ms);
        self.virtual_ms
            .saturating_add(passed.saturating_mul(i64::from(self.rate)))
    }

    /// Shows this time from now on.
    pub(crate) fn set(&mut self, real_ms: i64, virtual_ms: i64) {
        self.real_ms = real_ms;
        self.virtual_ms = virtual_ms;
    }

    pub(crate) fn rate(&self) -> u32 {
        self.rate
    }

    pub(crate) fn set_rate(&mut self, real_ms: i64, rate: u32) {
        let now = self.now(real_ms);
        self.set(real_ms, now);
        self.rate = rate;
    }

    /// Stands still, or goes on from where it stood.
    pub(crate) fn freeze(&mut self, real_ms: i64, frozen: bool) {
        let now = self.now(real_ms);
        self.set(real_ms, now);
        self.frozen = frozen;
    }

    /// Real milliseconds until the simulated time is reached; `None` when it never will be.
    pub(crate) fn real_wait(&self, real_ms: i64, due_ms: i64) -> Option<u64> {
        let left = due_ms.saturating_sub(self.now(real_ms)).max(0);
        if self.frozen || self.rate == 0 {
            return (left == 0).then_some(0);
        }
        let rate = i64::from(self.rate);
        u64::try_from(left.saturating_add(rate - 1) / rate).ok()
    }
}

/// The one place that asks the machine what time it is, Unix milliseconds.
pub(crate) fn real_ms() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the production clock of the simulator's HTTP front"
    )]
    let now = SystemTime::now();
    now.duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_jumps_runs_faster_and_stands_still() {
        let mut clock = VirtualClock::new(1_000);
        assert_eq!(clock.now(1_500), 1_500);
        clock.set(1_500, 10_000);
        assert_eq!(clock.now(1_600), 10_100);
        clock.set_rate(1_600, 60);
        assert_eq!(clock.now(1_610), 10_700);
        assert_eq!(clock.real_wait(1_610, 11_000), Some(5));
        clock.freeze(1_610, true);
        assert_eq!(
            (clock.now(9_999), clock.real_wait(9_999, 10_701)),
            (10_700, None)
        );
        clock.freeze(9_999, false);
        clock.set_rate(9_999, 0);
        assert_eq!(clock.now(99_999), 10_700);
        assert_eq!(clock.real_wait(99_999, 10_700), Some(0));
    }
}
