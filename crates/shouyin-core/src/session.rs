//! Sessions of mini-program users: a token of our own instead of WeChat's openid.

use crate::id::{Appid, Openid};
use crate::time::{DAY_MS, MINUTE_MS, Timestamp};

/// How long a session lasts, in milliseconds.
pub const SESSION_MS: i64 = 7 * DAY_MS;

/// How long WeChat's login code lives, in milliseconds (mini program documentation, `wx.login`: five minutes).
/// A client that repeats its login within this time, because our answer was lost, gets a session for the same user.
pub const LOGIN_CODE_MS: i64 = 5 * MINUTE_MS;

/// Names the payer. The token itself is never stored, only its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the token, lower-case hexadecimal.
    pub token_hash: String,
    /// In which app.
    pub appid: Appid,
    /// Who.
    pub openid: Openid,
    /// SHA-256 of the login code it was made from, lower-case hexadecimal.
    pub code_hash: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Session {
    /// True until the session ends.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    /// True while the login code this session came from could still be repeated by its sender.
    pub fn code_may_be_repeated(&self, now: Timestamp) -> bool {
        now.since(self.created_at) < LOGIN_CODE_MS
    }
}
