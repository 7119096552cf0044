//! The way to a thread that owns a connection.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use shouyin_core::ports::StoreError;

use super::job::Job;

/// At most this many requests wait; more are refused at once, so that overload shows as an error and not as a hang.
const MAX_WAITING: usize = 16_384;

/// What such a thread receives.
pub(super) enum Message {
    Job(Box<dyn Job>),
    /// Ends the thread that receives it.
    Stop,
}

/// The sending end.
pub(super) struct Queue(SyncSender<Message>);

impl Queue {
    pub(super) fn new() -> (Self, Receiver<Message>) {
        let (sender, receiver) = sync_channel(MAX_WAITING);
        (Self(sender), receiver)
    }

    pub(super) fn send(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.0
            .try_send(Message::Job(job))
            .map_err(|error| match error {
                TrySendError::Full(_) => {
                    StoreError::Unavailable("too many requests are waiting for the database".into())
                }
                TrySendError::Disconnected(_) => closed(),
            })
    }

    /// Ends one thread, after what is waiting now.
    pub(super) fn stop_one(&self) {
        // An error means that all have ended already.
        drop(self.0.send(Message::Stop));
    }
}

/// The answer after the end.
pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}
