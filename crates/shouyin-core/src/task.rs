//! Tasks: durable work with a due time and a lease.

use crate::id::{Mchid, OutTradeNo, PaymentId};
use crate::time::{SECOND_MS, Timestamp};

/// How long whoever runs a task has before others may take it over, in milliseconds.
/// Longer than the longest call to WeChat including the second domain.
pub const LEASE_MS: i64 = 30 * SECOND_MS;

/// What is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskKind {
    /// Place the attempt's order at WeChat.
    SendPrepay,
    /// Ask WeChat for the attempt's state.
    QueryAttempt,
    /// Close the attempt's order at WeChat.
    CloseAttempt,
    /// The payment's time is up: close it.
    ExpirePayment,
}

impl TaskKind {
    /// The name in logs and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendPrepay => "send_prepay",
            Self::QueryAttempt => "query_attempt",
            Self::CloseAttempt => "close_attempt",
            Self::ExpirePayment => "expire_payment",
        }
    }

    /// The inverse of [`TaskKind::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::SendPrepay,
            Self::QueryAttempt,
            Self::CloseAttempt,
            Self::ExpirePayment,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == text)
    }
}

/// Which task: there is at most one of a kind for a subject, so asking twice owes once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskKey {
    /// What is owed.
    pub kind: TaskKind,
    /// For which payment.
    pub payment_id: PaymentId,
    /// For which attempt; none for tasks about the payment itself.
    pub out_trade_no: Option<OutTradeNo>,
}

/// A token that names one holder of a lease. Finishing a task needs the token it was leased under,
/// so a holder that was too slow cannot disturb its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lease(pub u64);

/// One piece of durable work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Which.
    pub key: TaskKey,
    /// Whose.
    pub mchid: Mchid,
    /// Not before. While leased: when the lease ends.
    pub due_at: Timestamp,
    /// How often it was tried.
    pub tries: u32,
    /// Who holds it, if anybody.
    pub lease: Option<Lease>,
}

/// What a decision does to tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskChange {
    /// Insert, or replace what is there under the same key.
    Put(Task),
    /// Insert; leave what is there under the same key as it is.
    PutIfAbsent(Task),
    /// The holder of `lease` puts its task off. Without effect if the lease is not held any more.
    Reschedule {
        key: TaskKey,
        lease: Lease,
        due_at: Timestamp,
        tries: u32,
    },
    /// The holder of `lease` is done. Without effect if the lease is not held any more.
    Finish { key: TaskKey, lease: Lease },
    /// Remove, whoever holds it: there is nothing left to do.
    Remove(TaskKey),
    /// Remove every task of a payment.
    RemoveAll(PaymentId),
}
