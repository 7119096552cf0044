//! How long something took, for people to read. Nothing decides anything by it.

use std::fmt;
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "only ever printed")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn read(self) -> Elapsed {
        Elapsed(self.0.elapsed())
    }
}

/// Printed as `12.3 s` or `4 min 05 s`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Elapsed(Duration);

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds >= 60 {
            write!(f, "{} min {:02} s", seconds / 60, seconds % 60)
        } else {
            write!(f, "{seconds}.{} s", self.0.subsec_millis() / 100)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_times_have_tenths_and_long_ones_minutes() {
        let shown = |millis| Elapsed(Duration::from_millis(millis)).to_string();
        assert_eq!(shown(0), "0.0 s");
        assert_eq!(shown(12_349), "12.3 s");
        assert_eq!(shown(59_999), "59.9 s");
        assert_eq!(shown(245_000), "4 min 05 s");
    }
}
