//! Looks for the smallest amount of chaos that still breaks the same invariant, and then leaves out whoever plays no part.

use std::sync::Arc;

use crate::check::Violation;
use crate::random::Stream;
use crate::run::{Seed, run_case};
use crate::server::Build;
use crate::silence::Case;
use crate::trace::Keep;

/// The smallest failure found.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// How to see it again.
    pub case: Case,
    /// What is broken.
    pub violation: Violation,
    /// How many runs it took.
    pub runs: u64,
}

/// Of the fresh seeds that are tried at each size, this share is tried without each of the parts: most play none.
const SHARE_WITHOUT: u64 = 8;

/// Shrinks a failing case, with so many fresh seeds at each size: small sizes have few possibilities, so chance finds
/// them, and a few thousand are plenty. `None` if it does not fail.
pub fn shrink(case: &Case, build: &Arc<dyn Build>, tries: u64) -> Option<Shrunk> {
    let violation = run_case(case, Arc::clone(build), Keep::Nothing).violation?;
    let mut best = Shrunk {
        case: case.clone(),
        violation,
        runs: 1,
    };
    best.use_fewer_bytes(build, tries);
    best.leave_out(build, tries / SHARE_WITHOUT);
    // Who does less needs less chance; and with less of it others may have nothing left to do.
    best.use_fewer_bytes(build, tries / SHARE_WITHOUT);
    best.leave_out(build, 1);
    Some(best)
}

impl Shrunk {
    /// The swarm stays while only the size shrinks; then other seeds get their turn.
    fn use_fewer_bytes(&mut self, build: &Arc<dyn Build>, tries: u64) {
        let (mut works, mut fails) = (0, self.case.seed.size);
        while works + 1 < fails {
            let size = works.midpoint(fails);
            let smaller = Case {
                seed: Seed {
                    size,
                    ..self.case.seed
                },
                ..self.case.clone()
            };
            if self.attempt(&smaller, build, tries) {
                fails = self.case.seed.size;
            } else {
                works = size;
            }
        }
    }

    /// One by one, the largest parts first, until nobody can be spared.
    fn leave_out(&mut self, build: &Arc<dyn Build>, tries: u64) {
        loop {
            let before = self.case.left();
            for part in &before {
                if self.case.left().contains(part) {
                    let without = self.case.without(*part);
                    self.attempt(&without, build, tries);
                }
            }
            if self.case.left().len() >= before.len() {
                return;
            }
        }
    }

    /// Takes over this case, or the same with another seed, if it fails in the same way. A fresh seed is another kind of day, with
    /// other people in it: it counts only if no more of them are left.
    fn attempt(&mut self, case: &Case, build: &Arc<dyn Build>, tries: u64) -> bool {
        let mut others = Stream::new(self.case.seed.seed, "shrink");
        let most = case.left().len();
        for number in 0..tries.max(1) {
            let other = if number == 0 {
                case.clone()
            } else {
                let seed = others.next() >> 32;
                case.with_seed(Seed { seed, ..case.seed })
            };
            if other.silent().next().is_some() && other.left().len() > most {
                continue;
            }
            self.runs += 1;
            if let Some(violation) = run_case(&other, Arc::clone(build), Keep::Nothing).violation
                && violation.invariant == self.violation.invariant
            {
                self.case = other;
                self.violation = violation;
                return true;
            }
        }
        false
    }
}
