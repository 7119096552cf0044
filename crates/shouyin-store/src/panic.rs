//! A decision that panics must not take the store with it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use shouyin_core::ports::StoreError;

/// Runs `work`; a panic becomes [`StoreError::Corrupt`]: a broken invariant needs a person, trying again does not help.
/// Whoever calls this undoes what `work` had begun.
pub(crate) fn contain<T, E: From<StoreError>>(work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result,
        Err(payload) => Err(StoreError::Corrupt(format!(
            "a decision broke off and nothing was saved: {}",
            text(&*payload)
        ))
        .into()),
    }
}

fn text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic without a message")
}
