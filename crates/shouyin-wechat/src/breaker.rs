//! The circuit breaker: when WeChat does not answer, calls are not made for a moment.
//!
//! Each call without an answer costs its caller the full time limit and a connection, and a service in trouble is not helped
//! by more calls. After [`BreakerSettings::failures`] calls in a row without an answer the circuit opens: calls are answered
//! at once with the truth, that nothing was sent and nothing is known. Then one call goes through as a probe; while
//! that brings no answer either the pauses double. Any verified answer, also a refusal, closes the circuit.
//!
//! A pure state machine: the time is an argument.

use shouyin_core::Timestamp;
use shouyin_core::time::SECOND_MS;

/// When the circuit opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// It opens after this many calls in a row without an answer, at least one.
    pub failures: u32,
    /// How long it stays open at first, in milliseconds.
    pub first_pause_ms: i64,
    /// Each failed probe doubles the pause, up to this, in milliseconds.
    pub longest_pause_ms: i64,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failures: 8,
            first_pause_ms: SECOND_MS,
            longest_pause_ms: 30 * SECOND_MS,
        }
    }
}

/// Whether WeChat is being called, for screens and readiness probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerStatus {
    /// Calls are made.
    Closed,
    /// WeChat has not answered for a while, so calls are held back.
    Open {
        /// Since when.
        since: Timestamp,
        /// From then on the next call goes through as a probe. In the past: it is on its way, or nobody has called.
        next_try: Timestamp,
    },
}

/// What came back of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A verified answer, whatever it says.
    Answer,
    /// No connection, no answer in time, or a failure of the server.
    Nothing,
    /// Something that is not proven to come from WeChat: it shows neither that WeChat works nor that it does not.
    Noise,
}

/// What a report changed, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Opened,
    Closed,
}

/// Permission to make one call. To be given back with [`Breaker::report`] or [`Breaker::withdraw`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) struct Pass {
    /// A call that began before the last change of the circuit must not count for what came after.
    era: u64,
}

/// The circuit is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeldBack {
    /// How many calls in a row got no answer.
    pub(crate) calls: u32,
    /// Until the next probe, in milliseconds; 0 if one is on its way.
    pub(crate) wait_ms: i64,
}

impl std::fmt::Display for HeldBack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Rounded up, and never "0 s": a probe that is on its way is answered or given up within seconds, too.
        let seconds = self
            .wait_ms
            .saturating_add(SECOND_MS - 1)
            .div_euclid(SECOND_MS)
            .max(1);
        write!(
            f,
            "WeChat did not answer {} calls in a row; next try in about {seconds} s",
            self.calls
        )
    }
}

/// The circuit breaker of one merchant.
#[derive(Debug)]
pub(crate) struct Breaker {
    settings: BreakerSettings,
    state: State,
    era: u64,
    /// Calls in a row without an answer.
    silent: u32,
}

#[derive(Debug)]
enum State {
    Closed,
    Open {
        since: Timestamp,
        next_try: Timestamp,
        pause_ms: i64,
        probing: bool,
    },
}

impl Breaker {
    pub(crate) fn new(settings: BreakerSettings) -> Self {
        Self {
            settings,
            state: State::Closed,
            era: 0,
            silent: 0,
        }
    }

    /// May a call be made now?
    ///
    /// # Errors
    /// No: it would most likely get no answer.
    pub(crate) fn admit(&mut self, now: Timestamp) -> Result<Pass, HeldBack> {
        if let State::Open {
            next_try,
            pause_ms,
            probing,
            ..
        } = &mut self.state
        {
            // A clock that was set back must not make the pause longer.
            *next_try = (*next_try).min(now.plus_ms(*pause_ms));
            let wait_ms = next_try.since(now).max(0);
            if *probing || wait_ms > 0 {
                return Err(HeldBack {
                    calls: self.silent,
                    wait_ms,
                });
            }
            *probing = true;
        }
        Ok(Pass { era: self.era })
    }

    /// The call was made, and this came back.
    pub(crate) fn report(&mut self, pass: Pass, heard: Heard, now: Timestamp) -> Option<Change> {
        match heard {
            // It proves that WeChat answers now, however long ago the call began.
            Heard::Answer => self.close(),
            Heard::Nothing | Heard::Noise if pass.era != self.era => None,
            Heard::Nothing => self.count(now),
            Heard::Noise => {
                if let State::Open {
                    next_try,
                    pause_ms,
                    probing,
                    ..
                } = &mut self.state
                {
                    *next_try = now.plus_ms(*pause_ms);
                    *probing = false;
                }
                None
            }
        }
    }

    /// The call was not made after all, or its caller went away before it ended. The next one may take its place.
    pub(crate) fn withdraw(&mut self, pass: Pass) {
        if pass.era == self.era
            && let State::Open { probing, .. } = &mut self.state
        {
            *probing = false;
        }
    }

    pub(crate) fn status(&self) -> BreakerStatus {
        match &self.state {
            State::Closed => BreakerStatus::Closed,
            State::Open {
                since, next_try, ..
            } => BreakerStatus::Open {
                since: *since,
                next_try: *next_try,
            },
        }
    }

    fn close(&mut self) -> Option<Change> {
        self.silent = 0;
        match self.state {
            State::Closed => None,
            State::Open { .. } => {
                self.state = State::Closed;
                self.era = self.era.wrapping_add(1);
                Some(Change::Closed)
            }
        }
    }

    fn count(&mut self, now: Timestamp) -> Option<Change> {
        self.silent = self.silent.saturating_add(1);
        let longest_ms = self.settings.longest_pause_ms.max(1);
        match &mut self.state {
            State::Closed if self.silent < self.settings.failures => None,
            State::Closed => {
                let pause_ms = self.settings.first_pause_ms.clamp(1, longest_ms);
                self.state = State::Open {
                    since: now,
                    next_try: now.plus_ms(pause_ms),
                    pause_ms,
                    probing: false,
                };
                self.era = self.era.wrapping_add(1);
                Some(Change::Opened)
            }
            State::Open {
                next_try,
                pause_ms,
                probing,
                ..
            } => {
                *pause_ms = pause_ms.saturating_mul(2).min(longest_ms);
                *next_try = now.plus_ms(*pause_ms);
                *probing = false;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
