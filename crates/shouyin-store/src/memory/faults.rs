//! Where the simulation lets a commit go wrong.

use shouyin_core::ports::StoreError;

/// Asked around every commit of a [`super::MemoryStore`], with the number of that commit: 1 for the first one.
///
/// The store is locked meanwhile: an implementation must not call it.
pub trait CommitFaults: Send + Sync {
    /// An error here means: nothing is saved, and the caller is told this error. The number is used again.
    ///
    /// # Errors
    /// Whatever the simulation wants the caller to see, usually [`StoreError::Unavailable`].
    fn before_commit(&self, number: u64) -> Result<(), StoreError> {
        let _ = number;
        Ok(())
    }

    /// An error here means: everything is saved, and the caller is told this error all the same.
    ///
    /// # Errors
    /// Whatever the simulation wants the caller to see, usually [`StoreError::Unavailable`].
    fn after_commit(&self, number: u64) -> Result<(), StoreError> {
        let _ = number;
        Ok(())
    }
}
