//! The rows that survive crashes, whichever store keeps them. Checkers read them through the same port as the product; the
//! simulated stores of all server processes change them.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use shouyin_core::Timestamp;
use shouyin_core::event::StoredEvent;
use shouyin_core::id::{Mchid, PaymentId};
use shouyin_core::incident::Incident;
use shouyin_core::ledger::{Balance, Posting};
use shouyin_core::notification::NotificationRecord;
use shouyin_core::payment::Payment;
use shouyin_core::ports::{DifferenceFilter, PaymentFilter, PaymentKey, Store, StoreError};
use shouyin_core::reconciliation::model::{Difference, Reconciliation};
use shouyin_core::task::Lane;
use shouyin_core::time::BillDate;
use shouyin_core::webhook::Endpoint;
use tempfile::TempDir;

use crate::check::Violation;
use crate::setup::MCHIDS;

/// More rows than any run makes.
const ALL: u32 = 1_000_000;

/// A database, and the folder it is in, which goes with it.
pub struct Database {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Where its file is, if it has one.
    pub folder: Option<TempDir>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({:?})", self.folder)
    }
}

impl Database {
    /// One without a file.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            folder: None,
        }
    }
}

/// A database, and how often it was changed. A clone is another door to the same rows.
#[derive(Clone)]
pub(crate) struct Rows {
    database: Arc<Database>,
    commits: Arc<AtomicU64>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({} commits)", self.commits())
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The result of a store call. Stores without threads are ready at once; for a file on disk this thread sleeps until the
/// store's own have answered, so that nothing else in the world moves meanwhile and the run stays the same every time.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
        return value;
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn readable<T>(what: &str, result: Result<T, StoreError>) -> Result<T, Violation> {
    result.map_err(|error| Violation::new("STORE", format!("{what} cannot be read: {error}")))
}

impl Rows {
    pub(crate) fn new(database: Database) -> Self {
        Self {
            database: Arc::new(database),
            commits: Arc::default(),
        }
    }

    /// The store itself.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.database.store
    }

    /// How many commits changed something, through any door.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Something was committed.
    pub(crate) fn committed(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    /// One payment.
    pub(crate) fn payment(&self, key: PaymentKey) -> Result<Option<Payment>, Violation> {
        readable("a payment", now(self.store().payment(key)))
    }

    /// Every payment of every merchant.
    pub(crate) fn all_payments(&self) -> Result<Vec<Payment>, Violation> {
        let filter = || PaymentFilter {
            limit: ALL,
            ..PaymentFilter::default()
        };
        self.of_all(|mchid| readable("payments", now(self.store().payments(mchid, filter()))))
    }

    /// Every incident of every merchant.
    pub(crate) fn all_incidents(&self) -> Result<Vec<Incident>, Violation> {
        self.of_all(|mchid| readable("incidents", now(self.store().incidents(mchid, ALL))))
    }

    /// A merchant's endpoints.
    pub(crate) fn endpoints(&self, mchid: &Mchid) -> Result<Vec<Endpoint>, Violation> {
        readable("endpoints", now(self.store().endpoints(mchid.clone())))
    }

    /// A page of a merchant's events, as merchants page through them.
    pub(crate) fn events(&self, mchid: &Mchid, after: i64) -> Result<Vec<StoredEvent>, Violation> {
        let found = now(self.store().events(mchid.clone(), after, 100));
        readable("events", found)
    }

    /// A merchant's newest notifications.
    pub(crate) fn notifications(
        &self,
        mchid: &Mchid,
        limit: u32,
    ) -> Result<Vec<NotificationRecord>, Violation> {
        let found = now(self.store().notifications(mchid.clone(), limit));
        readable("notifications", found)
    }

    /// The postings of a payment.
    pub(crate) fn postings(
        &self,
        mchid: &Mchid,
        id: &PaymentId,
    ) -> Result<Vec<Posting>, Violation> {
        let found = now(self.store().postings(mchid.clone(), id.clone()));
        readable("postings", found)
    }

    /// What a merchant's ledger sums up to.
    pub(crate) fn balance(&self, mchid: &Mchid) -> Result<Balance, Violation> {
        readable("a balance", now(self.store().balance(mchid.clone())))
    }

    /// A merchant's day, as it was compared with its bill.
    pub(crate) fn reconciliation(
        &self,
        mchid: &Mchid,
        date: BillDate,
    ) -> Result<Option<Reconciliation>, Violation> {
        let found = now(self.store().reconciliation(mchid.clone(), date));
        readable("a reconciliation", found)
    }

    /// Every difference of a merchant's bills, resolved ones included.
    pub(crate) fn differences(&self, mchid: &Mchid) -> Result<Vec<Difference>, Violation> {
        let all = DifferenceFilter {
            date: None,
            unresolved: false,
        };
        readable(
            "differences",
            now(self.store().differences(mchid.clone(), all)),
        )
    }

    /// When the next task of a lane is due.
    pub(crate) fn next_due(&self, lane: Lane) -> Option<Timestamp> {
        now(self.store().next_due(lane)).ok().flatten()
    }

    fn of_all<T>(
        &self,
        read: impl Fn(Mchid) -> Result<Vec<T>, Violation>,
    ) -> Result<Vec<T>, Violation> {
        let mut all = Vec::new();
        for name in MCHIDS {
            let mchid = Mchid::parse(name).map_err(|e| Violation::new("WORLD", e.to_string()))?;
            all.extend(read(mchid)?);
        }
        Ok(all)
    }
}
