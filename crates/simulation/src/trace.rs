//! What happened, one line per event, and a fingerprint of all of it.

use std::fmt::Write;

use crate::random::fingerprint;

/// What is kept of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// Only how many lines there were: writing them takes longer than one might think.
    #[default]
    Nothing,
    /// A fingerprint of the lines, to compare two runs.
    Fingerprint,
    /// The lines, too.
    Lines,
}

/// The record of one run.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    lines: Vec<String>,
    keep: Keep,
    hash: u64,
    count: u64,
    line: String,
}

impl Trace {
    /// A trace that keeps so much.
    pub fn new(keep: Keep) -> Self {
        Self {
            keep,
            ..Self::default()
        }
    }

    /// Adds a line. `at_ms` is milliseconds since the run began.
    pub fn add(&mut self, at_ms: i64, what: std::fmt::Arguments<'_>) {
        self.count += 1;
        if self.keep == Keep::Nothing {
            return;
        }
        self.line.clear();
        let (seconds, millis) = (at_ms.div_euclid(1000), at_ms.rem_euclid(1000));
        // Writing into a String cannot fail; a shorter line would only change the fingerprint.
        let written = self
            .line
            .write_fmt(format_args!("{seconds:>7}.{millis:03}  {what}"));
        debug_assert!(written.is_ok());
        self.hash = fingerprint(self.hash, self.line.as_bytes());
        if self.keep == Keep::Lines {
            self.lines.push(self.line.clone());
        }
    }

    /// Whether lines are kept.
    pub fn keeps_lines(&self) -> bool {
        self.keep == Keep::Lines
    }

    /// Adds to the last line for readers; the fingerprint does not know of it.
    pub fn remark(&mut self, what: &str) {
        if let Some(line) = self.lines.last_mut() {
            line.push(' ');
            line.push_str(what);
        }
    }

    /// The lines, if they were kept.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Equal for equal runs, if it was kept.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// How many lines there are, kept or not.
    pub fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_does_not_depend_on_keeping_lines() {
        let write = |keep| {
            let mut trace = Trace::new(keep);
            trace.add(1_005, format_args!("payment {} paid", 1));
            trace.remark("to a reader");
            trace.add(2_000, format_args!("notification lost"));
            trace
        };
        let (kept, dropped) = (write(Keep::Lines), write(Keep::Fingerprint));
        assert_eq!(kept.hash(), dropped.hash());
        assert_eq!(
            kept.lines(),
            [
                "      1.005  payment 1 paid to a reader",
                "      2.000  notification lost"
            ]
        );
        assert!(dropped.lines().is_empty());
        assert_eq!(dropped.count(), 2);
        let nothing = write(Keep::Nothing);
        assert_eq!((nothing.hash(), nothing.count()), (0, 2));
    }
}
