//! What a search was asked for.

use std::time::Duration;

use simulation::Tier;

/// Bytes of chaos unless asked otherwise.
const SIZE: usize = 1024;
/// Seconds unless asked otherwise.
const SECONDS: u64 = 10;

/// A search through consecutive seeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) tier: Tier,
    pub(crate) time: Option<Duration>,
    pub(crate) seeds: Option<u64>,
    pub(crate) size: usize,
    pub(crate) first: u64,
    /// How many threads share the seeds.
    pub(crate) jobs: u64,
    pub(crate) marks: bool,
    pub(crate) floors: bool,
    pub(crate) stop: bool,
}

impl Plan {
    /// Reads the options; none if they make no sense.
    pub(crate) fn parse(options: &[&str]) -> Option<Self> {
        let mut plan = Self {
            tier: Tier::Memory,
            time: None,
            seeds: None,
            size: SIZE,
            first: 0,
            jobs: 1,
            marks: false,
            floors: false,
            stop: false,
        };
        let mut words = options.iter();
        while let Some(name) = words.next() {
            match *name {
                "--marks" => plan.marks = true,
                "--floors" => plan.floors = true,
                "--stop" => plan.stop = true,
                "--tier" => plan.tier = Tier::parse(words.next()?)?,
                "--seconds" => plan.time = Some(Duration::from_secs(words.next()?.parse().ok()?)),
                "--seeds" => plan.seeds = Some(words.next()?.parse().ok()?),
                "--size" => plan.size = words.next()?.parse().ok()?,
                "--first" => plan.first = words.next()?.parse().ok()?,
                "--jobs" => plan.jobs = words.next()?.parse().ok()?,
                _ => return None,
            }
        }
        if plan.time.is_none() && plan.seeds.is_none() {
            plan.time = Some(Duration::from_secs(SECONDS));
        }
        (plan.jobs > 0).then_some(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_nonsense_is_refused() {
        let plan = Plan::parse(&["--tier", "sqlite", "--seeds", "5", "--marks"]).unwrap();
        assert_eq!((plan.tier, plan.seeds), (Tier::Sqlite, Some(5)));
        assert!(plan.marks && plan.time.is_none());
        assert!(Plan::parse(&[]).unwrap().time.is_some());
        for options in [&["--tier", "x"][..], &["--seeds"], &["--jobs", "0"], &["x"]] {
            assert_eq!(Plan::parse(options), None, "{options:?}");
        }
    }
}
