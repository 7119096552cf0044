//! Idempotency keys: same key and body, same answer, for ever; same key and another body is refused.

use crate::id::{IdempotencyKey, Mchid};
use crate::ports::{Changes, Load, Store, StoreError, transact};
use crate::time::Timestamp;

/// A key together with what was asked under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's key.
    pub key: IdempotencyKey,
    /// A digest over method, path and body, made by the HTTP layer.
    pub fingerprint: String,
}

/// The answer given under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// Keys belong to a merchant.
    pub mchid: Mchid,
    /// The caller's key.
    pub key: IdempotencyKey,
    /// Digest of the request that was answered.
    pub fingerprint: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// Body of the answer.
    pub body: String,
    /// When it was given.
    pub created_at: Timestamp,
}

/// The key was used before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Used {
    /// For the same request: give this answer again.
    Replay { status: u16, body: String },
    /// For another request: refuse.
    Conflict,
}

impl IdempotencyRecord {
    /// Judges a new request under this record's key.
    pub fn judge(&self, asked: &Idempotency) -> Used {
        if self.fingerprint == asked.fingerprint {
            Used::Replay {
                status: self.status,
                body: self.body.clone(),
            }
        } else {
            Used::Conflict
        }
    }
}

/// What was answered under this key before, if anything.
pub async fn look_up(
    store: &dyn Store,
    mchid: &Mchid,
    asked: &Idempotency,
) -> Result<Option<Used>, StoreError> {
    let load = Load {
        idempotency: Some((mchid.clone(), asked.key.clone())),
        ..Load::default()
    };
    let asked = asked.clone();
    transact(store, load, move |loaded| {
        (
            loaded.idempotency.map(|record| record.judge(&asked)),
            Changes::default(),
        )
    })
    .await
}

/// Remembers an answer unless another request under the same key was quicker; returns what counts.
/// For requests that are idempotent by nature, where the answer is known only after the work.
pub async fn remember(
    store: &dyn Store,
    mchid: &Mchid,
    asked: &Idempotency,
    status: u16,
    body: String,
    now: Timestamp,
) -> Result<Used, StoreError> {
    let load = Load {
        idempotency: Some((mchid.clone(), asked.key.clone())),
        ..Load::default()
    };
    let record = IdempotencyRecord {
        mchid: mchid.clone(),
        key: asked.key.clone(),
        fingerprint: asked.fingerprint.clone(),
        status,
        body,
        created_at: now,
    };
    let asked = asked.clone();
    transact(store, load, move |loaded| match loaded.idempotency {
        Some(earlier) => (earlier.judge(&asked), Changes::default()),
        None => (
            record.judge(&asked),
            Changes {
                idempotency: Some(record),
                ..Changes::default()
            },
        ),
    })
    .await
}
