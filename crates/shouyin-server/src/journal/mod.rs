//! The demo's timeline: every message that flows, as it was and explained. Off unless a [`Journal`] is given to the server;
//! then only the last few hundred messages are kept, in memory.
//!
//! Secrets never get in: each recorder masks what it records before it calls [`Journal::record`].

mod entry;
pub(crate) mod http;
mod login;
mod mask;
mod notification;
mod store;
mod wechat;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::Stream;
use shouyin_core::id::Mchid;
use shouyin_core::ports::Clock;
use tokio::sync::watch;

pub use entry::{Answer, Asked, Entry, Explained, Kind, NewEntry, Party, Title};
pub use login::JournalLoginTransport;
pub use mask::{hide, mask_body, mask_document, mask_header, mask_target, shorten};
pub use notification::MerchantKeys;
pub(crate) use notification::SeenNotification;
pub use wechat::JournalTransport;

tokio::task_local! {
    /// Entries made while a request is served wait for the request's own entry, so that the timeline shows the request first.
    static HELD: Arc<Held>;
}

/// The entries that wait for the one they belong to. They are published even if the request is cut off.
struct Held {
    journal: Arc<Journal>,
    entries: Mutex<Vec<Entry>>,
}

impl Held {
    fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for entry in self.take() {
            self.journal.publish(entry);
        }
    }
}

/// The last messages, and a way to hear of new ones.
pub struct Journal {
    clock: Arc<dyn Clock>,
    capacity: usize,
    ring: Mutex<Ring>,
    /// The newest number; closed when the server stops.
    newest: Mutex<Option<watch::Sender<u64>>>,
    follow: watch::Receiver<u64>,
    keys: Mutex<notification::KeysOfMerchants>,
}

#[derive(Default)]
struct Ring {
    last_seq: u64,
    entries: VecDeque<Arc<Entry>>,
}

impl Ring {
    /// Calls to WeChat know the order number only; an earlier message has told whose it is.
    fn payment_of(&self, out_trade_no: Option<&str>) -> Option<String> {
        let number = out_trade_no?;
        self.entries
            .iter()
            .rev()
            .filter(|entry| entry.message.out_trade_no.as_deref() == Some(number))
            .find_map(|entry| entry.message.payment_id.clone())
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Journal")
    }
}

impl Journal {
    /// Keeps the last `capacity` entries.
    pub fn new(capacity: usize, clock: Arc<dyn Clock>) -> Arc<Self> {
        let (newest, follow) = watch::channel(0);
        Arc::new(Self {
            clock,
            capacity: capacity.max(1),
            ring: Mutex::new(Ring::default()),
            newest: Mutex::new(Some(newest)),
            follow,
            keys: Mutex::default(),
        })
    }

    /// Lets the journal explain the notifications of a merchant.
    pub fn set_keys(&self, mchid: Mchid, keys: MerchantKeys) {
        let mut all = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(mchid, keys);
    }

    fn keys_of(&self, mchid: &Mchid) -> Option<MerchantKeys> {
        let all = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(mchid).cloned()
    }

    /// Adds a message. Its time is `started`, or now.
    pub fn record(&self, new: NewEntry) {
        let entry = new.at(self.clock.now());
        let held = HELD.try_with(|held| {
            held.entries
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(entry.clone());
        });
        if held.is_err() {
            self.publish(entry);
        }
    }

    /// The time, for recorders that measure how long something took.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Runs `work`; what it records waits until `work` is done and the entry it returns is in.
    pub(crate) async fn around<R>(
        self: &Arc<Self>,
        work: impl Future<Output = (R, Option<NewEntry>)>,
    ) -> R {
        let held = Arc::new(Held {
            journal: Arc::clone(self),
            entries: Mutex::new(Vec::new()),
        });
        let (result, own) = HELD.scope(Arc::clone(&held), work).await;
        if let Some(own) = own {
            self.record(own);
        }
        for entry in held.take() {
            self.publish(entry);
        }
        result
    }

    fn publish(&self, mut entry: Entry) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.last_seq += 1;
        entry.seq = ring.last_seq;
        if entry.message.payment_id.is_none() {
            entry.message.payment_id = ring.payment_of(entry.message.out_trade_no.as_deref());
        }
        if ring.entries.len() == self.capacity {
            ring.entries.pop_front();
        }
        ring.entries.push_back(Arc::new(entry));
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(newest) = &*newest {
            newest.send_replace(ring.last_seq);
        }
    }

    /// Entries with a number above `after`, oldest first. What fell out of the buffer is gone.
    pub fn after(&self, after: u64) -> Vec<Arc<Entry>> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.entries
            .iter()
            .filter(|entry| entry.seq > after)
            .cloned()
            .collect()
    }

    /// Entries with a number above `after`, then every new one as it comes. Ends when the server stops.
    pub fn stream(self: &Arc<Self>, after: u64) -> impl Stream<Item = Arc<Entry>> + Send + use<> {
        let start = (
            Arc::clone(self),
            self.follow.clone(),
            after,
            VecDeque::new(),
        );
        futures_util::stream::unfold(
            start,
            |(journal, mut follow, mut last, mut ready)| async move {
                loop {
                    if let Some(entry) = ready.pop_front() {
                        let entry: Arc<Entry> = entry;
                        last = entry.seq;
                        return Some((entry, (journal, follow, last, ready)));
                    }
                    // Seen before it is read: whatever comes in between wakes the wait below.
                    follow.borrow_and_update();
                    ready.extend(journal.after(last));
                    if ready.is_empty() && follow.changed().await.is_err() {
                        return None;
                    }
                }
            },
        )
    }

    /// Ends all streams: the server stops.
    pub fn close(&self) {
        self.newest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}
