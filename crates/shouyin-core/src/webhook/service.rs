//! The use cases of webhooks. Each change is one store call that loads under the lock, decides and saves. Nothing is sent
//! here: the worker does, woken by the task that the change leaves.

use std::sync::Arc;

pub use super::decide::{Created, EndpointError, EndpointPatch, NewEndpoint, ResendError};

use super::decide::{self, Wanted};
use super::model::{Delivery, Endpoint, EndpointState};
use crate::id::{EndpointId, EventId, Mchid};
use crate::ports::{Changes, Load, Loaded, Ports, StoreError, transact};

/// A range holds at most this many of the merchant's events: a longer one takes a call for each piece of it.
pub const MAX_RESEND: usize = 10_000;
/// How many events are read at once.
const PAGE: u32 = 500;
/// How many deliveries are asked for in one transaction, so that no lock is held for long.
const CHUNK: usize = 200;

/// The merchant wants its events sent to an address. The secret is shown this once.
pub async fn create(
    ports: &Ports,
    new: NewEndpoint,
) -> Result<Result<Created, EndpointError>, StoreError> {
    if let Err(refused) = new.check(|url| ports.merchants.accepts(url)) {
        return Ok(Err(refused));
    }
    let load = Load {
        endpoints: Some(new.mchid.clone()),
        ..Load::default()
    };
    let (now, ids) = (ports.clock.now(), Arc::clone(&ports.ids));
    transact(&*ports.store, load, move |loaded| {
        match decide::create(&loaded.endpoints, new, now, &*ids) {
            Ok((created, changes)) => (Ok(created), changes),
            Err(refused) => (Err(refused), Changes::default()),
        }
    })
    .await
}

/// The merchant changes an endpoint. None: there is no such endpoint. Enabling it, or giving it another address, forgets its
/// failures and sends what is pending at once.
pub async fn update(
    ports: &Ports,
    mchid: &Mchid,
    id: &EndpointId,
    patch: EndpointPatch,
) -> Result<Option<Result<Endpoint, EndpointError>>, StoreError> {
    let checked = patch.check(|url| ports.merchants.accepts(url));
    let now = ports.clock.now();
    on_endpoint(ports, mchid, id, vec![], move |endpoint, _| match checked {
        Err(refused) => (Err(refused), Changes::default()),
        Ok(()) => {
            let (after, changes) = decide::update(endpoint, patch, now);
            (Ok(after), changes)
        }
    })
    .await
}

/// The merchant removes an endpoint, with its deliveries and their log. False: there is no such endpoint.
pub async fn delete(ports: &Ports, mchid: &Mchid, id: &EndpointId) -> Result<bool, StoreError> {
    let deleted = on_endpoint(ports, mchid, id, vec![], |endpoint, _| {
        ((), decide::delete(endpoint))
    })
    .await?;
    Ok(deleted.is_some())
}

/// The merchant wants a fresh secret. The ones before it go on signing for `overlap_ms`, 0 to
/// [`decide::MAX_OVERLAP_MS`]. None: there is no such endpoint.
pub async fn rotate_secret(
    ports: &Ports,
    mchid: &Mchid,
    id: &EndpointId,
    overlap_ms: i64,
) -> Result<Option<Created>, StoreError> {
    let (now, ids) = (ports.clock.now(), Arc::clone(&ports.ids));
    on_endpoint(ports, mchid, id, vec![], move |endpoint, _| {
        decide::rotate_secret(endpoint, overlap_ms, now, &*ids)
    })
    .await
}

/// The merchant wants one event again, be it one that was never meant for this endpoint. None: there is no such endpoint or
/// event.
pub async fn resend(
    ports: &Ports,
    mchid: &Mchid,
    id: &EndpointId,
    event_id: &EventId,
) -> Result<Option<Result<Delivery, ResendError>>, StoreError> {
    let Some(stored) = ports.store.event(mchid.clone(), event_id.clone()).await? else {
        return Ok(None);
    };
    let wanted = vec![Wanted {
        event_id: event_id.clone(),
        event_type: stored.event.event_type,
    }];
    let resent = ask_again(ports, mchid, id, wanted, false).await?;
    // One event was wanted, so one delivery is asked for.
    Ok(resent.and_then(|resent| {
        resent
            .map(|deliveries| deliveries.into_iter().next())
            .transpose()
    }))
}

/// The merchant wants its events after one sequence number and up to another (none: to the end) again; only those types that
/// are sent to the endpoint, and with `only_failed` only those that were given up. Answers how many. None: there is no such
/// endpoint. If this process dies half-way, some are resent; asking again does no harm.
pub async fn resend_range(
    ports: &Ports,
    mchid: &Mchid,
    id: &EndpointId,
    after_seq: i64,
    until_seq: Option<i64>,
    only_failed: bool,
) -> Result<Option<Result<u64, ResendError>>, StoreError> {
    let Some(endpoint) = ports
        .store
        .endpoint(id.clone())
        .await?
        .filter(|endpoint| endpoint.mchid == *mchid)
    else {
        return Ok(None);
    };
    if endpoint.state != EndpointState::Enabled {
        return Ok(Some(Err(ResendError::Disabled)));
    }
    let wanted = match events_between(ports, &endpoint, after_seq, until_seq).await? {
        Ok(wanted) => wanted,
        Err(refused) => return Ok(Some(Err(refused))),
    };
    let mut count: u64 = 0;
    for chunk in wanted.chunks(CHUNK) {
        match ask_again(ports, mchid, id, chunk.to_vec(), only_failed).await? {
            None => return Ok(None),
            Some(Err(refused)) => return Ok(Some(Err(refused))),
            Some(Ok(resent)) => {
                count = count.saturating_add(u64::try_from(resent.len()).unwrap_or(u64::MAX));
            }
        }
    }
    Ok(Some(Ok(count)))
}

/// The endpoint's types of events in a range. Refused as a whole if there are too many, before anything is changed.
async fn events_between(
    ports: &Ports,
    endpoint: &Endpoint,
    after_seq: i64,
    until_seq: Option<i64>,
) -> Result<Result<Vec<Wanted>, ResendError>, StoreError> {
    let mut wanted = Vec::new();
    let mut seen: usize = 0;
    let mut after = after_seq;
    loop {
        let page = ports
            .store
            .events(endpoint.mchid.clone(), after, PAGE)
            .await?;
        let Some(last) = page.last() else {
            return Ok(Ok(wanted));
        };
        after = last.seq;
        for stored in page {
            if until_seq.is_some_and(|until| stored.seq > until) {
                return Ok(Ok(wanted));
            }
            seen = seen.saturating_add(1);
            if seen > MAX_RESEND {
                return Ok(Err(ResendError::TooMany { max: MAX_RESEND }));
            }
            if endpoint.wants(stored.event.event_type) {
                wanted.push(Wanted {
                    event_id: stored.event.id,
                    event_type: stored.event.event_type,
                });
            }
        }
    }
}

async fn ask_again(
    ports: &Ports,
    mchid: &Mchid,
    id: &EndpointId,
    wanted: Vec<Wanted>,
    only_failed: bool,
) -> Result<Option<Result<Vec<Delivery>, ResendError>>, StoreError> {
    let now = ports.clock.now();
    let event_ids = wanted.iter().map(|event| event.event_id.clone()).collect();
    on_endpoint(
        ports,
        mchid,
        id,
        event_ids,
        move |endpoint, known| match decide::resend(endpoint, known, &wanted, only_failed, now) {
            Ok((resent, changes)) => (Ok(resent), changes),
            Err(refused) => (Err(refused), Changes::default()),
        },
    )
    .await
}

/// Loads a merchant's endpoint and these deliveries of it under the lock, and applies a decision to them. None: there is no
/// such endpoint.
async fn on_endpoint<R: Send + 'static>(
    ports: &Ports,
    mchid: &Mchid,
    id: &EndpointId,
    event_ids: Vec<EventId>,
    decide: impl FnOnce(&Endpoint, &[Delivery]) -> (R, Changes) + Send + 'static,
) -> Result<Option<R>, StoreError> {
    let load = Load {
        endpoints: Some(mchid.clone()),
        deliveries: (!event_ids.is_empty()).then(|| (id.clone(), event_ids)),
        ..Load::default()
    };
    let wanted = id.clone();
    transact(&*ports.store, load, move |loaded| {
        let Loaded {
            endpoints,
            deliveries,
            payment: _,
            idempotency: _,
            next_delivery_due: _,
            reconciliation: _,
        } = loaded;
        match endpoints.iter().find(|endpoint| endpoint.id == wanted) {
            None => (None, Changes::default()),
            Some(endpoint) => {
                let (answer, changes) = decide(endpoint, &deliveries);
                (Some(answer), changes)
            }
        }
    })
    .await
}
