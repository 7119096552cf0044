//! Looks for the smallest amount of chaos that still breaks the same invariant.

use std::sync::Arc;

use crate::check::Violation;
use crate::random::Stream;
use crate::run::{Seed, run};
use crate::server::Build;

/// The smallest failure found.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// How to see it again.
    pub seed: Seed,
    /// What is broken.
    pub violation: Violation,
    /// How many runs it took.
    pub runs: u64,
}

/// Shrinks a failing seed, with so many fresh seeds at each size: small sizes have few possibilities, so chance finds
/// them, and a few thousand are plenty. `None` if the seed does not fail.
pub fn shrink(seed: Seed, build: &Arc<dyn Build>, tries: u64) -> Option<Shrunk> {
    let violation = run(seed, Arc::clone(build), false).violation?;
    let mut best = Shrunk {
        seed,
        violation,
        runs: 1,
    };
    // The swarm stays while only the size shrinks; then other seeds get their turn.
    let (mut works, mut fails) = (0, best.seed.size);
    while works + 1 < fails {
        let size = works.midpoint(fails);
        match best.attempt(size, build, tries) {
            Some(smaller) => {
                fails = smaller.seed.size;
                best = smaller;
            }
            None => works = size,
        }
    }
    Some(best)
}

impl Shrunk {
    fn attempt(&mut self, size: usize, build: &Arc<dyn Build>, tries: u64) -> Option<Shrunk> {
        let mut others = Stream::new(self.seed.seed, "shrink");
        for number in 0..tries {
            let seed = if number == 0 {
                self.seed.seed
            } else {
                others.next() >> 32
            };
            let seed = Seed { seed, size };
            self.runs += 1;
            if let Some(violation) = run(seed, Arc::clone(build), false).violation
                && violation.invariant == self.violation.invariant
            {
                return Some(Shrunk {
                    seed,
                    violation,
                    runs: self.runs,
                });
            }
        }
        None
    }
}
