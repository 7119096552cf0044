//! What happened, one line per event, and a fingerprint of all of it.

use std::fmt::Write;

use crate::random::fingerprint;

/// The record of one run.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    lines: Vec<String>,
    keeps: bool,
    hash: u64,
    count: u64,
    line: String,
}

impl Trace {
    /// A trace that keeps its lines, or only their fingerprint.
    pub fn new(keeps: bool) -> Self {
        Self {
            keeps,
            ..Self::default()
        }
    }

    /// Adds a line. `at_ms` is milliseconds since the run began.
    pub fn add(&mut self, at_ms: i64, what: std::fmt::Arguments<'_>) {
        self.line.clear();
        let (seconds, millis) = (at_ms.div_euclid(1000), at_ms.rem_euclid(1000));
        // Writing into a String cannot fail; a shorter line would only change the fingerprint.
        let written = self
            .line
            .write_fmt(format_args!("{seconds:>7}.{millis:03}  {what}"));
        debug_assert!(written.is_ok());
        self.hash = fingerprint(self.hash, self.line.as_bytes());
        self.count += 1;
        if self.keeps {
            self.lines.push(self.line.clone());
        }
    }

    /// Whether lines are kept.
    pub fn keeps(&self) -> bool {
        self.keeps
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

    /// Equal for equal runs.
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
        let write = |keeps| {
            let mut trace = Trace::new(keeps);
            trace.add(1_005, format_args!("payment {} paid", 1));
            trace.remark("to a reader");
            trace.add(2_000, format_args!("notification lost"));
            trace
        };
        let (kept, dropped) = (write(true), write(false));
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
    }
}
