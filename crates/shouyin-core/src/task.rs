//! Tasks: durable work with a due time and a lease.

use crate::id::{EndpointId, Mchid, OutRefundNo, OutTradeNo, PaymentId};
use crate::time::{BillDate, SECOND_MS, Timestamp};

/// How long whoever runs a task has before others may take it over, in milliseconds.
/// Longer than the longest call to WeChat including the second domain.
pub const LEASE_MS: i64 = 30 * SECOND_MS;

/// Who runs a task. Each lane has its own workers, so that a merchant's slow receiver never delays money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Calls to WeChat, and everything about payments and refunds.
    Money,
    /// Deliveries to merchants.
    Webhook,
    /// Bills: large files, compared line by line. No payment waits for one.
    Bill,
}

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
    /// Ask WeChat for the refund, under its one number.
    SendRefund,
    /// Ask WeChat for the refund's state.
    QueryRefund,
    /// Send an endpoint the webhooks that are due.
    DeliverWebhooks,
    /// Fetch a merchant's bill of a day and compare it with our books.
    FetchBill,
}

impl TaskKind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::SendPrepay,
        Self::QueryAttempt,
        Self::CloseAttempt,
        Self::ExpirePayment,
        Self::SendRefund,
        Self::QueryRefund,
        Self::DeliverWebhooks,
        Self::FetchBill,
    ];

    /// The name in logs and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendPrepay => "send_prepay",
            Self::QueryAttempt => "query_attempt",
            Self::CloseAttempt => "close_attempt",
            Self::ExpirePayment => "expire_payment",
            Self::SendRefund => "send_refund",
            Self::QueryRefund => "query_refund",
            Self::DeliverWebhooks => "deliver_webhooks",
            Self::FetchBill => "fetch_bill",
        }
    }

    /// The inverse of [`TaskKind::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Who runs it.
    pub const fn lane(self) -> Lane {
        match self {
            Self::SendPrepay
            | Self::QueryAttempt
            | Self::CloseAttempt
            | Self::ExpirePayment
            | Self::SendRefund
            | Self::QueryRefund => Lane::Money,
            Self::DeliverWebhooks => Lane::Webhook,
            Self::FetchBill => Lane::Bill,
        }
    }
}

/// What a task is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A payment as a whole.
    Payment(PaymentId),
    /// One attempt of a payment.
    Attempt(PaymentId, OutTradeNo),
    /// One refund of a payment.
    Refund(PaymentId, OutRefundNo),
    /// A webhook endpoint.
    Endpoint(EndpointId),
    /// A merchant's day.
    Bill(Mchid, BillDate),
}

impl Subject {
    /// The payment, if it is about one.
    pub const fn payment_id(&self) -> Option<&PaymentId> {
        match self {
            Self::Payment(id) | Self::Attempt(id, _) | Self::Refund(id, _) => Some(id),
            Self::Endpoint(_) | Self::Bill(..) => None,
        }
    }
}

/// Which task: there is at most one of a kind for a subject, so asking twice owes once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskKey {
    /// What is owed.
    pub kind: TaskKind,
    /// About what.
    pub subject: Subject,
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
    /// The holder of `lease` needs longer. Without effect if the lease is not held any more.
    Extend {
        key: TaskKey,
        lease: Lease,
        until: Timestamp,
    },
    /// The holder of `lease` is done. Without effect if the lease is not held any more.
    Finish { key: TaskKey, lease: Lease },
    /// Remove, whoever holds it: there is nothing left to do.
    Remove(TaskKey),
    /// Remove every task about a payment and its attempts, whoever holds it. Tasks about its refunds stay.
    RemoveAttemptTasks(PaymentId),
    /// Insert; if it is there and nobody holds it, make it due no later than this. Whoever holds it looks for new work
    /// in the transaction that ends its run.
    Wake(Task),
}
