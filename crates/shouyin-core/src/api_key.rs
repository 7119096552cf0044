//! API keys of merchants' backends. Only hashes are stored.

use crate::id::Mchid;
use crate::time::Timestamp;

/// One key: proves that a caller acts for a merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// SHA-256 of the key, lower-case hexadecimal.
    pub hash: String,
    /// For whom it speaks.
    pub mchid: Mchid,
    /// A name for people, for example "shop backend".
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}
