//! The invariants, judged from both sets of books: the rows of our store and WeChat's own. Written apart from the
//! product's rules and without any of their code: a rule misread twice in the same way would agree with itself.

mod books;
mod events;
mod liveness;
mod notices;
mod sent;
mod states;

use std::collections::BTreeMap;
use std::fmt;

use shouyin_core::id::{Mchid, PaymentId};
use shouyin_core::payment::Payment;
use shouyin_core::ports::{BoxFuture, PaymentKey, Store};
use shouyin_store::MemoryStore;
use wechat_simulator::Wechat;

use crate::hub::CommitNote;

pub(crate) use liveness::Nets;
pub(crate) use sent::number_in;

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which, for example `S3`.
    pub invariant: &'static str,
    /// What was found where.
    pub detail: String,
}

impl Violation {
    pub(crate) fn new(invariant: &'static str, detail: impl Into<String>) -> Self {
        Self {
            invariant,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.detail)
    }
}

/// What the checkers remember of a run.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    /// Every payment as it was after its last commit.
    seen: BTreeMap<PaymentId, Payment>,
    events: events::Seen,
    sent: sent::Seen,
}

/// The result of a future that is ready at its first poll, as those of the memory store are.
pub(crate) fn ready<T>(mut future: BoxFuture<'_, T>) -> Option<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}

/// One payment, read through the port.
pub(crate) fn read_payment(rows: &MemoryStore, key: PaymentKey) -> Option<Payment> {
    ready(rows.payment(key))?.ok()?
}

impl Checker {
    /// After every commit: C and A checks of the payment that changed.
    pub(crate) fn committed(
        &mut self,
        rows: &MemoryStore,
        wechat: &Wechat,
        note: &CommitNote,
    ) -> Result<(), Violation> {
        if note.events > 0 {
            self.events.read_on(rows)?;
        }
        let Some(id) = &note.payment else {
            return Ok(());
        };
        let Some(payment) = read_payment(rows, PaymentKey::AnyId(id.clone())) else {
            return Err(Violation::new(
                "STORE",
                format!("{id} was committed and is not there"),
            ));
        };
        states::check(self.seen.get(id), &payment)?;
        books::check(&payment, wechat)?;
        self.events.check(&payment)?;
        self.seen.insert(id.clone(), payment);
        Ok(())
    }

    /// After WeChat changed an order: A checks of the payment it belongs to. False if this merchant has none.
    pub(crate) fn changed_at_wechat(
        &self,
        rows: &MemoryStore,
        wechat: &Wechat,
        mchid: &Mchid,
        number: &str,
    ) -> Result<bool, Violation> {
        match sent::owner(rows, mchid, number) {
            Some(payment) => books::check(&payment, wechat).map(|()| true),
            None => Ok(false),
        }
    }

    /// Everything at once, from the rows themselves: at the end, and now and then.
    pub(crate) fn everything(&self, rows: &MemoryStore, wechat: &Wechat) -> Result<(), Violation> {
        for payment in rows.all_payments() {
            if self.seen.get(&payment.id) != Some(&payment) {
                let detail = format!("{} changed without a commit that says so", payment.id);
                return Err(Violation::new("STORE", detail));
            }
            books::check(&payment, wechat)?;
            self.events.check(&payment)?;
        }
        Ok(())
    }
}
