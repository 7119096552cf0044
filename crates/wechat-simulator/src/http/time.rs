//! Letting time pass: by itself, or in a jump that runs everything due on the way.

use std::sync::Arc;
use std::time::Duration;

use super::front::Front;
use crate::clock::real_ms;
use crate::message::Input;

/// How long a jump waits for the answers to the notifications of one moment.
const ANSWERS: Duration = Duration::from_secs(6);

impl Front {
    /// Wakes the heart whenever something is due, until the simulator stops.
    pub(crate) async fn keep_time(self: Arc<Self>) {
        while !self.stop.is_cancelled() {
            let due = self.read(|wechat| wechat.next_due());
            let wait = due.and_then(|due| self.clock().real_wait(real_ms(), due));
            match wait {
                Some(0) => {
                    self.step(Input::Tick);
                    // Whatever stays due (the clock may stand still) must not keep a core busy.
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Some(ms) => {
                    tokio::select! {
                        () = self.stop.cancelled() => {}
                        () = self.wake.notified() => {}
                        () = tokio::time::sleep(Duration::from_millis(ms)) => {}
                    }
                }
                None => {
                    tokio::select! {
                        () = self.stop.cancelled() => {}
                        () = self.wake.notified() => {}
                    }
                }
            }
        }
    }

    /// Jumps to a simulated time. On the way everything due happens at its own time, and the receivers of
    /// notifications get real time to answer. A jump backwards just sets the clock.
    pub(super) async fn jump(self: &Arc<Self>, target_ms: i64) {
        let _one_at_a_time = self.jumping.lock().await;
        let frozen = Frozen::new(self);
        loop {
            self.answers().await;
            let due = self
                .read(|wechat| wechat.next_due())
                .filter(|due| *due <= target_ms);
            let Some(due) = due else { break };
            let now = self.now_ms();
            self.clock().set(real_ms(), due.max(now));
            self.step(Input::Tick);
        }
        self.clock().set(real_ms(), target_ms);
        drop(frozen);
        self.step(Input::Tick);
    }

    /// Waits until no notification is under way.
    async fn answers(&self) {
        let mut in_flight = self.in_flight.subscribe();
        let quiet = in_flight.wait_for(|count| *count == 0);
        if tokio::time::timeout(ANSWERS, quiet).await.is_err() {
            tracing::debug!("a notification is still under way; the clock goes on");
        }
    }
}

/// A clock that stands still. It goes on when this is dropped, also when the caller of a jump hangs up.
struct Frozen<'a>(&'a Front);

impl<'a> Frozen<'a> {
    fn new(front: &'a Front) -> Self {
        front.clock().freeze(real_ms(), true);
        Self(front)
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.0.clock().freeze(real_ms(), false);
        self.0.wake.notify_one();
    }
}
