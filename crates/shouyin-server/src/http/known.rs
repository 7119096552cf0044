//! Who a token belongs to, remembered for a few seconds: the same backend and the same phone ask several times in a row, and
//! what is stored about a key or a session never changes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use shouyin_core::Timestamp;
use shouyin_core::time::SECOND_MS;

/// How long, in milliseconds: so much later at most a key that was taken away stops working.
const REMEMBER_MS: i64 = 5 * SECOND_MS;
/// More than this are not remembered at once.
const MOST: usize = 10_000;

/// By hash, with the time until which it counts.
#[derive(Debug)]
pub(crate) struct Known<T>(Mutex<BTreeMap<String, (Timestamp, T)>>);

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Known<T> {
    /// What is remembered under this hash.
    pub(crate) fn get(&self, hash: &str, now: Timestamp) -> Option<T> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, value) = entries.get(hash)?;
        (now < *until).then(|| value.clone())
    }

    /// Remembers. Only what was found: guessing costs the guesser a look into the database every time.
    pub(crate) fn remember(&self, hash: String, value: T, now: Timestamp) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MOST {
            entries.retain(|_, (until, _)| now < *until);
        }
        if entries.len() < MOST {
            entries.insert(hash, (now.plus_ms(REMEMBER_MS), value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembered_for_seconds_and_no_longer() {
        let known = Known::default();
        let begin = Timestamp::from_millis(0);
        known.remember("hash".into(), 7, begin);
        assert_eq!(known.get("hash", begin.plus_ms(REMEMBER_MS - 1)), Some(7));
        assert_eq!(known.get("hash", begin.plus_ms(REMEMBER_MS)), None);
        assert_eq!(known.get("other", begin), None);
    }

    #[test]
    fn never_more_than_it_may_hold() {
        let known = Known::default();
        let begin = Timestamp::from_millis(0);
        for n in 0..=MOST {
            known.remember(n.to_string(), n, begin);
        }
        assert_eq!(known.get(&MOST.to_string(), begin), None, "full");
        let later = begin.plus_ms(REMEMBER_MS);
        known.remember("fresh".into(), 1, later);
        assert_eq!(
            known.get("fresh", later),
            Some(1),
            "what is over makes room"
        );
    }
}
