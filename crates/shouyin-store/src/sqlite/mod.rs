//! SQLite: one file, full durability, one writer that commits many requests at once, readers beside it.

mod api_key;
mod attempt;
mod columns;
mod delivery;
mod endpoint;
mod engine;
mod error;
mod event;
mod idempotency;
mod incident;
mod job;
mod ledger;
mod notification;
mod open;
mod payment;
mod queue;
mod readers;
mod reconciliation;
mod refund;
mod session;
mod task;
mod transact;
mod writer;

use std::path::Path;

use rusqlite::Connection;
use shouyin_core::Timestamp;
use shouyin_core::api_key::ApiKey;
use shouyin_core::event::{Event, StoredEvent};
use shouyin_core::id::{Appid, EndpointId, EventId, Mchid, PaymentId};
use shouyin_core::incident::Incident;
use shouyin_core::ledger::{Balance, Posting};
use shouyin_core::notification::NotificationRecord;
use shouyin_core::payment::Payment;
use shouyin_core::ports::{
    BoxFuture, Decide, DeliveryFilter, DifferenceFilter, Load, PaymentFilter, PaymentKey,
    RefundFilter, Store, StoreError,
};
use shouyin_core::reconciliation::model::{Difference, Reconciliation};
use shouyin_core::refund::Refund;
use shouyin_core::session::Session;
use shouyin_core::task::{Lane, Lease, Task};
use shouyin_core::time::BillDate;
use shouyin_core::webhook::model::{Delivery, DeliveryAttempt, Endpoint};

use self::engine::Engine;
use self::error::DbError;
pub use self::open::OpenError;

/// A SQLite database. Share it in an `Arc`; its futures need no particular runtime.
///
/// A request whose future is dropped after its first poll is carried out all the same.
/// Dropping the store does what [`SqliteStore::close`] does.
pub struct SqliteStore {
    engine: Engine,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SqliteStore")
    }
}

impl SqliteStore {
    /// Opens a database file, creating it if need be, and brings its tables up to date. Blocks meanwhile.
    ///
    /// The file is locked until the store is closed; the lock is on a file of the same name with `-lock` appended.
    ///
    /// # Errors
    /// See [`OpenError`]: in use, not writable, or written by a newer version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Engine::file(path.as_ref()).map(|engine| Self { engine })
    }

    /// A database that lives as long as the store. For tests; everything runs on one thread of its own.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn open_in_memory() -> Result<Self, OpenError> {
        Engine::memory().map(|engine| Self { engine })
    }

    /// A database that lives as long as the store, without any thread: every future is ready at its first poll,
    /// having done its work on the caller's thread. For the simulation.
    ///
    /// # Errors
    /// When SQLite reports one.
    pub fn single_threaded_in_memory() -> Result<Self, OpenError> {
        Engine::inline().map(|engine| Self { engine })
    }

    /// Finishes everything that is waiting, copies the write-ahead log into the file and releases the lock.
    /// Blocks until that is done; later requests are answered [`StoreError::Unavailable`].
    ///
    /// # Errors
    /// When a thread had died before. What was answered before is safe all the same.
    pub fn close(&self) -> Result<(), StoreError> {
        self.engine.close()
    }

    /// Lets the file grow to at most this many pages of 4 KiB: beyond that every write is answered as if the disk were
    /// full. Not remembered in the file.
    ///
    /// # Errors
    /// As for any request.
    pub fn limit_pages(&self, pages: u32) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.engine.write(move |conn| {
            let sql = format!("pragma max_page_count = {pages}");
            Ok(conn.query_row(&sql, [], |_| Ok(()))?)
        }))
    }
}

/// One row was to be changed.
fn expect_one(changed: usize, table: &str, id: &str) -> Result<(), DbError> {
    if changed == 1 {
        return Ok(());
    }
    Err(StoreError::Corrupt(format!(
        "{table} {id}: one row was to be changed, there are {changed}"
    ))
    .into())
}

/// Proves that a commit reaches the disk.
fn probe(conn: &Connection) -> Result<(), DbError> {
    let changed = conn
        .prepare_cached("update probe set count = count + 1 where id = 1")?
        .execute([])?;
    expect_one(changed, "probe", "1")
}

impl Store for SqliteStore {
    fn transact(&self, load: Load, decide: Decide) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.engine.write(transact::transaction(load, decide)))
    }

    fn claim_tasks(
        &self,
        lane: Lane,
        now: Timestamp,
        lease_until: Timestamp,
        lease: Lease,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Task>, StoreError>> {
        let work = move |conn: &Connection| task::claim(conn, lane, now, lease_until, lease, limit);
        Box::pin(self.engine.write(work))
    }

    fn next_due(&self, lane: Lane) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(self.engine.read(move |conn| task::next_due(conn, lane)))
    }

    fn payment(&self, key: PaymentKey) -> BoxFuture<'_, Result<Option<Payment>, StoreError>> {
        Box::pin(self.engine.read(move |conn| payment::load(conn, &key)))
    }

    fn payments(
        &self,
        mchid: Mchid,
        filter: PaymentFilter,
    ) -> BoxFuture<'_, Result<Vec<Payment>, StoreError>> {
        let work = move |conn: &Connection| payment::page(conn, &mchid, &filter);
        Box::pin(self.engine.read(work))
    }

    fn refunds(
        &self,
        mchid: Mchid,
        filter: RefundFilter,
    ) -> BoxFuture<'_, Result<Vec<(PaymentId, Refund)>, StoreError>> {
        let work = move |conn: &Connection| refund::page(conn, &mchid, &filter);
        Box::pin(self.engine.read(work))
    }

    fn balance(&self, mchid: Mchid) -> BoxFuture<'_, Result<Balance, StoreError>> {
        Box::pin(self.engine.read(move |conn| ledger::balance(conn, &mchid)))
    }

    fn postings(
        &self,
        mchid: Mchid,
        payment_id: PaymentId,
    ) -> BoxFuture<'_, Result<Vec<Posting>, StoreError>> {
        let work = move |conn: &Connection| ledger::of_payment(conn, &mchid, &payment_id);
        Box::pin(self.engine.read(work))
    }

    fn events(
        &self,
        mchid: Mchid,
        after: i64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        let work = move |conn: &Connection| event::page(conn, &mchid, after, limit);
        Box::pin(self.engine.read(work))
    }

    fn event(
        &self,
        mchid: Mchid,
        id: EventId,
    ) -> BoxFuture<'_, Result<Option<StoredEvent>, StoreError>> {
        let work = move |conn: &Connection| event::by_id(conn, &mchid, &id);
        Box::pin(self.engine.read(work))
    }

    fn endpoints(&self, mchid: Mchid) -> BoxFuture<'_, Result<Vec<Endpoint>, StoreError>> {
        let work = move |conn: &Connection| endpoint::of_merchant(conn, &mchid);
        Box::pin(self.engine.read(work))
    }

    fn endpoint(&self, id: EndpointId) -> BoxFuture<'_, Result<Option<Endpoint>, StoreError>> {
        Box::pin(self.engine.read(move |conn| endpoint::by_id(conn, &id)))
    }

    fn due_deliveries(
        &self,
        id: EndpointId,
        now: Timestamp,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(Delivery, Event)>, StoreError>> {
        let work = move |conn: &Connection| delivery::due(conn, &id, now, limit);
        Box::pin(self.engine.read(work))
    }

    fn deliveries(
        &self,
        mchid: Mchid,
        id: EndpointId,
        filter: DeliveryFilter,
    ) -> BoxFuture<'_, Result<Vec<Delivery>, StoreError>> {
        let work = move |conn: &Connection| delivery::page(conn, &mchid, &id, &filter);
        Box::pin(self.engine.read(work))
    }

    fn delivery_attempts(
        &self,
        mchid: Mchid,
        id: EndpointId,
        event_id: EventId,
    ) -> BoxFuture<'_, Result<Vec<DeliveryAttempt>, StoreError>> {
        let work = move |conn: &Connection| delivery::log_of(conn, &mchid, &id, &event_id);
        Box::pin(self.engine.read(work))
    }

    fn incidents(
        &self,
        mchid: Mchid,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Incident>, StoreError>> {
        let work = move |conn: &Connection| incident::newest(conn, &mchid, limit);
        Box::pin(self.engine.read(work))
    }

    fn notifications(
        &self,
        mchid: Mchid,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<NotificationRecord>, StoreError>> {
        let work = move |conn: &Connection| notification::newest(conn, &mchid, limit);
        Box::pin(self.engine.read(work))
    }

    fn reconciliation(
        &self,
        mchid: Mchid,
        date: BillDate,
    ) -> BoxFuture<'_, Result<Option<Reconciliation>, StoreError>> {
        let work = move |conn: &Connection| reconciliation::load(conn, &mchid, date);
        Box::pin(self.engine.read(work))
    }

    fn reconciliations(
        &self,
        mchid: Mchid,
        before: Option<BillDate>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Reconciliation>, StoreError>> {
        let work = move |conn: &Connection| reconciliation::page(conn, &mchid, before, limit);
        Box::pin(self.engine.read(work))
    }

    fn differences(
        &self,
        mchid: Mchid,
        filter: DifferenceFilter,
    ) -> BoxFuture<'_, Result<Vec<Difference>, StoreError>> {
        let work = move |conn: &Connection| reconciliation::differences(conn, &mchid, &filter);
        Box::pin(self.engine.read(work))
    }

    fn unbilled(
        &self,
        mchid: Mchid,
        from: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Posting>, StoreError>> {
        let work = move |conn: &Connection| reconciliation::unbilled(conn, &mchid, from, until);
        Box::pin(self.engine.read(work))
    }

    fn put_session(&self, session: Session) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(
            self.engine
                .write(move |conn| session::insert(conn, &session)),
        )
    }

    fn session(&self, token_hash: String) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        Box::pin(
            self.engine
                .read(move |conn| session::by_token(conn, &token_hash)),
        )
    }

    fn session_by_code(
        &self,
        appid: Appid,
        code_hash: String,
    ) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        let work = move |conn: &Connection| session::by_code(conn, &appid, &code_hash);
        Box::pin(self.engine.read(work))
    }

    fn delete_ended_sessions(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(
            self.engine
                .write(move |conn| session::delete_ended(conn, now)),
        )
    }

    fn put_api_key(&self, key: ApiKey) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.engine.write(move |conn| api_key::put(conn, &key)))
    }

    fn api_key(&self, hash: String) -> BoxFuture<'_, Result<Option<ApiKey>, StoreError>> {
        Box::pin(self.engine.read(move |conn| api_key::by_hash(conn, &hash)))
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.engine.write(probe))
    }
}
