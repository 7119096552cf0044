//! What the handlers share: the heart behind a lock, the clock, and the notifications under way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Tls, deliver};
use crate::clock::{VirtualClock, real_ms};
use crate::credentials::SimulatorError;
use crate::files::MerchantFiles;
use crate::heart::Wechat;
use crate::message::{Input, Output};

/// One simulator as its handlers see it.
#[derive(Debug)]
pub(crate) struct Front {
    wechat: Mutex<Wechat>,
    clock: Mutex<VirtualClock>,
    /// Whether signatures carry the real time although simulated time has been changed.
    real_time_signatures: bool,
    pub(super) client: reqwest::Client,
    pub(super) base_url: String,
    /// The merchants whose files can be downloaded.
    pub(super) merchants: Mutex<Vec<MerchantFiles>>,
    /// The listener with TLS, if there is one.
    pub(super) tls: Option<Tls>,
    /// Something may be due earlier than the timekeeper thinks.
    pub(super) wake: Notify,
    /// Notifications under way.
    pub(super) in_flight: watch::Sender<usize>,
    /// Answers that wait to be released.
    pub(super) held: watch::Sender<usize>,
    /// How often held answers were released.
    pub(super) released: watch::Sender<u64>,
    /// The number of the newest log entry.
    pub(super) logged: watch::Sender<u64>,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
    /// Two jumps of the clock at once would run into each other.
    pub(super) jumping: tokio::sync::Mutex<()>,
}

impl Front {
    pub(crate) fn new(
        wechat: Wechat,
        merchants: Vec<MerchantFiles>,
        base_url: String,
        tls: Option<Tls>,
        real_time_signatures: bool,
        stop: CancellationToken,
    ) -> Result<Self, SimulatorError> {
        Ok(Self {
            wechat: Mutex::new(wechat),
            clock: Mutex::new(VirtualClock::new(real_ms())),
            real_time_signatures,
            client: deliver::client()?,
            base_url,
            merchants: Mutex::new(merchants),
            tls,
            wake: Notify::new(),
            in_flight: watch::Sender::new(0),
            held: watch::Sender::new(0),
            released: watch::Sender::new(0),
            logged: watch::Sender::new(0),
            tasks: TaskTracker::new(),
            stop,
            jumping: tokio::sync::Mutex::new(()),
        })
    }

    /// Reads WeChat's books.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Wechat) -> T) -> T {
        look(&lock(&self.wechat))
    }

    pub(super) fn clock(&self) -> MutexGuard<'_, VirtualClock> {
        lock(&self.clock)
    }

    /// The simulated time, Unix milliseconds.
    pub(super) fn now_ms(&self) -> i64 {
        self.clock().now(real_ms())
    }

    /// One step of the heart at the simulated time; notifications are sent on their way, the rest is returned.
    pub(crate) fn step(self: &Arc<Self>, input: Input) -> Vec<Output> {
        let outputs = {
            let mut wechat = lock(&self.wechat);
            let real = real_ms();
            let now_ms = self.clock().now(real);
            if self.real_time_signatures {
                wechat.wire_offset_ms = now_ms - real;
            }
            let outputs = wechat.step(now_ms, input);
            self.logged.send_replace(wechat.log_last());
            outputs
        };
        let mut rest = Vec::with_capacity(outputs.len());
        for output in outputs {
            match output {
                Output::SendNotification(dispatch) => deliver::spawn(self, dispatch),
                other @ (Output::Answer { .. }
                | Output::NoAnswer { .. }
                | Output::Phone(_)
                | Output::Control(_)) => rest.push(other),
            }
        }
        self.wake.notify_one();
        rest
    }
}

/// One answer that is held. It is not when this is dropped, also when its caller hangs up.
struct Held<'a>(&'a watch::Sender<usize>);

impl<'a> Held<'a> {
    fn new(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Front {
    /// Waits until held answers are released.
    pub(super) async fn hold(&self) {
        let mut released = self.released.subscribe();
        let held = Held::new(&self.held);
        tokio::select! {
            () = self.stop.cancelled() => {}
            // An error means that this simulator has gone, and with it whoever could release.
            _ = released.changed() => {}
        }
        drop(held);
    }
}

/// The state is whole after every step, so a panic elsewhere does not make it unusable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
