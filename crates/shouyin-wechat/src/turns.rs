//! One call at a time for an order whose next call would spoil the answer to the one before.
//!
//! A later identical order call makes the earlier `code_url` invalid (WeChat Pay APIv3, "Native"; v2, "unified order"). Of two
//! calls at once nobody here can tell which one WeChat took last, so the code that is kept, shown and handed out again might be the
//! dead one. Turns are of this process: two servers that order the same number in the same second can still meet.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures_util::lock;
use shouyin_core::id::{Mchid, OutTradeNo};

type Key = (Mchid, OutTradeNo);
/// What the last caller was given, while anybody waits for it.
type Turn<T> = lock::Mutex<Option<T>>;

/// The calls under way, by order.
pub(crate) struct Turns<T>(Mutex<BTreeMap<Key, Weak<Turn<T>>>>);

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }
}

impl<T: Clone> Turns<T> {
    /// The answer to `call`, or the good answer that another call for the same order was given while this one waited for it.
    /// `good`: what of an answer is worth handing on.
    pub(crate) async fn take<A>(
        &self,
        key: Key,
        good: impl Fn(&A) -> Option<T>,
        again: impl Fn(T) -> A,
        call: impl Future<Output = A>,
    ) -> A {
        let turn = self.turn(key);
        let mut last = turn.lock().await;
        if let Some(given) = last.clone() {
            return again(given);
        }
        let answer = call.await;
        *last = good(&answer);
        answer
    }

    /// The turn that everybody who asks for this order now shares.
    fn turn(&self, key: Key) -> Arc<Turn<T>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(&key).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        turns.insert(key, Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::{join_all, poll_immediate};

    use super::*;

    fn key(number: &str) -> Key {
        let mchid = Mchid::parse("1900000001").unwrap();
        (mchid, OutTradeNo::parse(number).unwrap())
    }

    #[derive(Default)]
    struct Desk {
        turns: Turns<u32>,
        calls: AtomicU32,
    }

    impl Desk {
        /// A call that is answered a little later, with its number, or not at all.
        async fn call(&self, number: &str, fails: bool) -> Result<u32, ()> {
            let call = async {
                let mine = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
                tokio::task::yield_now().await;
                if fails { Err(()) } else { Ok(mine) }
            };
            self.turns
                .take(
                    key(number),
                    |answer: &Result<u32, ()>| answer.ok(),
                    Ok,
                    call,
                )
                .await
        }
    }

    #[tokio::test]
    async fn who_waits_is_given_the_same_and_who_comes_later_calls_anew() {
        let desk = Desk::default();
        let at_once = (0..5).map(|_| desk.call("ORDER1", false));
        assert_eq!(join_all(at_once).await, [Ok(1); 5]);
        assert_eq!(desk.call("ORDER1", false).await, Ok(2));
        assert_eq!(desk.turns.0.lock().unwrap().len(), 1);
        assert_eq!(desk.call("ORDER2", false).await, Ok(3));
        assert_eq!(desk.turns.0.lock().unwrap().len(), 1, "swept");
    }

    #[tokio::test]
    async fn a_failure_is_nobody_elses_and_other_orders_do_not_wait() {
        let desk = Desk::default();
        let (lost, next, other) = tokio::join!(
            desk.call("ORDER1", true),
            desk.call("ORDER1", false),
            desk.call("ORDER2", false),
        );
        assert_eq!(lost, Err(()));
        assert_eq!((next, other), (Ok(3), Ok(2)));
    }

    #[tokio::test]
    async fn a_caller_who_leaves_does_not_keep_the_others_waiting() {
        let desk = Desk::default();
        let mut leaves = Box::pin(desk.call("ORDER1", false));
        assert_eq!(poll_immediate(&mut leaves).await, None);
        let waits = desk.call("ORDER1", false);
        drop(leaves);
        assert_eq!(waits.await, Ok(2));
    }
}
