//! What a memory store answers: the port, question by question.

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

use super::MemoryStore;

/// The newest `limit` of rows that are stored oldest first.
fn newest<T: Clone>(rows: &[T], is_wanted: impl Fn(&T) -> bool, limit: u32) -> Vec<T> {
    rows.iter()
        .rev()
        .filter(|row| is_wanted(row))
        .take(usize::try_from(limit).unwrap_or(usize::MAX))
        .cloned()
        .collect()
}

impl Store for MemoryStore {
    fn transact(&self, load: Load, decide: Decide) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.transact_now(&load, decide) })
    }

    fn claim_tasks(
        &self,
        lane: Lane,
        now: Timestamp,
        lease_until: Timestamp,
        lease: Lease,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Task>, StoreError>> {
        Box::pin(async move { self.claim_now(lane, now, lease_until, lease, limit) })
    }

    fn next_due(&self, lane: Lane) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(async move { Ok(self.lock().tasks.next_due(lane)) })
    }

    fn payment(&self, key: PaymentKey) -> BoxFuture<'_, Result<Option<Payment>, StoreError>> {
        Box::pin(async move { Ok(self.lock().payment(&key).cloned()) })
    }

    fn payments(
        &self,
        mchid: Mchid,
        filter: PaymentFilter,
    ) -> BoxFuture<'_, Result<Vec<Payment>, StoreError>> {
        Box::pin(async move { Ok(self.lock().page(&mchid, &filter)) })
    }

    fn refunds(
        &self,
        mchid: Mchid,
        filter: RefundFilter,
    ) -> BoxFuture<'_, Result<Vec<(PaymentId, Refund)>, StoreError>> {
        Box::pin(async move {
            let data = self.lock();
            Ok(data.refunds.page(&data.payments, &mchid, &filter))
        })
    }

    fn balance(&self, mchid: Mchid) -> BoxFuture<'_, Result<Balance, StoreError>> {
        Box::pin(async move { self.lock().ledger.balance(&mchid) })
    }

    fn postings(
        &self,
        mchid: Mchid,
        payment_id: PaymentId,
    ) -> BoxFuture<'_, Result<Vec<Posting>, StoreError>> {
        Box::pin(async move { Ok(self.lock().ledger.of_payment(&mchid, &payment_id)) })
    }

    fn events(
        &self,
        mchid: Mchid,
        after: i64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        Box::pin(async move { Ok(self.lock().events.page(&mchid, after, limit)) })
    }

    fn event(
        &self,
        mchid: Mchid,
        id: EventId,
    ) -> BoxFuture<'_, Result<Option<StoredEvent>, StoreError>> {
        Box::pin(async move { Ok(self.lock().events.by_id(&mchid, &id).cloned()) })
    }

    fn endpoints(&self, mchid: Mchid) -> BoxFuture<'_, Result<Vec<Endpoint>, StoreError>> {
        Box::pin(async move { Ok(self.lock().webhooks.of_merchant(&mchid)) })
    }

    fn endpoint(&self, id: EndpointId) -> BoxFuture<'_, Result<Option<Endpoint>, StoreError>> {
        Box::pin(async move { Ok(self.lock().webhooks.endpoint(&id).cloned()) })
    }

    fn due_deliveries(
        &self,
        id: EndpointId,
        now: Timestamp,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(Delivery, Event)>, StoreError>> {
        Box::pin(async move {
            let data = self.lock();
            Ok(data.webhooks.due(&id, now, limit, &data.events))
        })
    }

    fn deliveries(
        &self,
        mchid: Mchid,
        id: EndpointId,
        filter: DeliveryFilter,
    ) -> BoxFuture<'_, Result<Vec<Delivery>, StoreError>> {
        Box::pin(async move {
            let data = self.lock();
            Ok(data.webhooks.page(&mchid, &id, &filter, &data.events))
        })
    }

    fn delivery_attempts(
        &self,
        mchid: Mchid,
        id: EndpointId,
        event_id: EventId,
    ) -> BoxFuture<'_, Result<Vec<DeliveryAttempt>, StoreError>> {
        Box::pin(async move {
            let data = self.lock();
            let stored = data.events.by_id(&mchid, &event_id);
            Ok(stored.map_or_else(Vec::new, |stored| data.webhooks.log_of(&id, stored)))
        })
    }

    fn incidents(
        &self,
        mchid: Mchid,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Incident>, StoreError>> {
        Box::pin(async move { Ok(newest(&self.lock().incidents, |i| i.mchid == mchid, limit)) })
    }

    fn notifications(
        &self,
        mchid: Mchid,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<NotificationRecord>, StoreError>> {
        Box::pin(async move {
            let data = self.lock();
            Ok(newest(&data.notifications, |n| n.mchid == mchid, limit))
        })
    }

    fn reconciliation(
        &self,
        mchid: Mchid,
        date: BillDate,
    ) -> BoxFuture<'_, Result<Option<Reconciliation>, StoreError>> {
        Box::pin(async move { Ok(self.lock().reconciliations.day(&mchid, date).cloned()) })
    }

    fn reconciliations(
        &self,
        mchid: Mchid,
        before: Option<BillDate>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Reconciliation>, StoreError>> {
        Box::pin(async move { Ok(self.lock().reconciliations.page(&mchid, before, limit)) })
    }

    fn differences(
        &self,
        mchid: Mchid,
        filter: DifferenceFilter,
    ) -> BoxFuture<'_, Result<Vec<Difference>, StoreError>> {
        Box::pin(async move { Ok(self.lock().reconciliations.differences(&mchid, &filter)) })
    }

    fn unbilled(
        &self,
        mchid: Mchid,
        from: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Posting>, StoreError>> {
        Box::pin(async move {
            let data = self.lock();
            let postings = &data.ledger.postings;
            Ok(data.reconciliations.unbilled(postings, &mchid, from, until))
        })
    }

    fn put_session(&self, session: Session) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.put_session_now(session) })
    }

    fn session(&self, token_hash: String) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        Box::pin(async move {
            let found = newest(&self.lock().sessions, |s| s.token_hash == token_hash, 1);
            Ok(found.into_iter().next())
        })
    }

    fn session_by_code(
        &self,
        appid: Appid,
        code_hash: String,
    ) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        Box::pin(async move {
            let is_wanted = |s: &Session| s.appid == appid && s.code_hash == code_hash;
            let found = newest(&self.lock().sessions, is_wanted, 1);
            Ok(found.into_iter().next())
        })
    }

    fn delete_ended_sessions(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move { self.delete_ended_sessions_now(now) })
    }

    fn put_api_key(&self, key: ApiKey) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.put_api_key_now(key) })
    }

    fn api_key(&self, hash: String) -> BoxFuture<'_, Result<Option<ApiKey>, StoreError>> {
        Box::pin(async move { Ok(self.lock().api_keys.get(&hash).cloned()) })
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.commit(&mut self.lock(), |_| ()) })
    }
}
