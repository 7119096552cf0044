//! What libFuzzer says at its end.

/// One run of one target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stats {
    /// Inputs tried.
    pub(super) runs: u64,
    /// Inputs per second.
    pub(super) per_second: u64,
    /// Inputs kept because they reached something new.
    pub(super) new_corpus: u64,
    /// 1 when a promise was broken: the run ends there.
    pub(super) crashes: u64,
}

impl Stats {
    /// Reads the text; `None` when nothing ran.
    pub(super) fn read(text: &str, succeeded: bool) -> Option<Self> {
        let stat = |name: &str| {
            let marker = format!("stat::{name}:");
            text.lines()
                .find_map(|line| line.strip_prefix(&marker)?.trim().parse().ok())
        };
        let crashed = text.contains("SUMMARY: libFuzzer:");
        if !succeeded && !crashed {
            return None;
        }
        Some(Self {
            runs: stat("number_of_executed_units").unwrap_or(0),
            per_second: stat("average_exec_per_sec").unwrap_or(0),
            new_corpus: stat("new_units_added").unwrap_or(0),
            crashes: u64::from(crashed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &str = "Done 1187453 runs in 21 second(s)\nstat::number_of_executed_units: 1187453\n\
        stat::average_exec_per_sec:     56545\nstat::new_units_added:          12\nstat::peak_rss_mb: 71\n";

    #[test]
    fn a_run_that_ends_well_has_figures() {
        let stats = Stats::read(END, true);
        let expected = Stats {
            runs: 1_187_453,
            per_second: 56_545,
            new_corpus: 12,
            crashes: 0,
        };
        assert_eq!(stats, Some(expected));
    }

    #[test]
    fn a_broken_promise_is_a_crash_and_a_failed_build_is_no_run() {
        let text = format!("SUMMARY: libFuzzer: deadly signal\n{END}");
        assert_eq!(
            Stats::read(&text, false).map(|stats| stats.crashes),
            Some(1)
        );
        assert_eq!(Stats::read("error: could not compile", false), None);
    }
}
