//! Login of users inside WeChat, in mini programs and on pages of official accounts: WeChat's one-time code in, a session token of our own out. The openid stays here.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shouyin_core::Timestamp;
use shouyin_core::id::{Appid, Openid};
use shouyin_core::ports::{BoxFuture, Ids, Ports, StoreError};
use shouyin_core::session::{SESSION_MS, Session};
use tokio::sync::Mutex;

use crate::http::auth::sha256_hex;

/// Exchanges a login code for the user it stands for: WeChat's `code2session`, or page authorization of an official account.
pub trait LoginPort: Send + Sync {
    /// Asks WeChat once. A code can be exchanged once and lives five minutes.
    fn exchange<'a>(
        &'a self,
        appid: &'a Appid,
        code: &'a str,
    ) -> BoxFuture<'a, Result<Openid, ExchangeError>>;

    /// Where a browser inside WeChat is sent for a code, and comes back from to `redirect_uri` with it. Official accounts only.
    ///
    /// # Errors
    /// Why there is no such address.
    fn authorize(
        &self,
        _appid: &Appid,
        _redirect_uri: &str,
        _state: &str,
    ) -> Result<String, AuthorizeRefused> {
        Err(AuthorizeRefused::NoOfficialAccount)
    }
}

/// Why a browser cannot be sent to WeChat for a code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizeRefused {
    /// The app is unknown here, or no official account.
    #[error("no official account with this appid is configured")]
    NoOfficialAccount,
    /// WeChat would refuse it.
    #[error("{0}")]
    Invalid(String),
}

/// Why there is no user for a code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// No secret is configured for this app.
    #[error("no app with this appid is configured")]
    UnknownApp,
    /// WeChat does not know the code: wrong, too old, or of another app (40029).
    #[error("WeChat does not accept the code")]
    CodeInvalid,
    /// The code was exchanged before (40163).
    #[error("the code was used before")]
    CodeUsed,
    /// Too many logins of this user (45011).
    #[error("too many logins")]
    RateLimited,
    /// WeChat blocks this user as a high risk (40226).
    #[error("WeChat blocks this user")]
    UserBlocked,
    /// WeChat shows the page as a preview and made the user up.
    #[error("a preview, without a user")]
    Preview,
    /// WeChat is busy, unreachable or unreadable. The same code may be tried again.
    #[error("WeChat is unavailable: {0}")]
    Unavailable(String),
    /// WeChat refuses us, not the user: wrong secret, wrong appid, an address that is not on the list.
    #[error("WeChat refuses this server: {0}")]
    Misconfigured(String),
}

/// A session, just made. `Debug` does not show the token.
pub(crate) struct LoggedIn {
    /// The token: the only time it exists outside the phone.
    pub(crate) token: String,
    /// When it ends.
    pub(crate) expires_at: Timestamp,
}

impl std::fmt::Debug for LoggedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoggedIn")
            .field("token", &"***")
            .field("expires_at", &self.expires_at)
            .finish()
    }
}

/// Why a login failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    /// WeChat.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How many logins can wait for each other without mattering: codes are spread over this many places.
const PLACES: usize = 256;

/// Lets one login per code through at a time. A phone whose request timed out sends the same code again while the first
/// is still being exchanged; the second must find what the first leads to.
pub(crate) struct LoginGate {
    port: Arc<dyn LoginPort>,
    places: Vec<Mutex<()>>,
}

impl LoginGate {
    pub(crate) fn new(port: Arc<dyn LoginPort>) -> Self {
        Self {
            port,
            places: (0..PLACES).map(|_| Mutex::new(())).collect(),
        }
    }

    /// Where a browser inside WeChat is sent for a code.
    pub(crate) fn authorize(
        &self,
        appid: &Appid,
        redirect_uri: &str,
        state: &str,
    ) -> Result<String, AuthorizeRefused> {
        self.port.authorize(appid, redirect_uri, state)
    }

    /// Turns a code into a session. A code that was used is forgiven for five minutes if its session was made here: then
    /// our answer was lost, and the same client asks again.
    pub(crate) async fn log_in(
        &self,
        ports: &Ports,
        appid: Appid,
        code: &str,
    ) -> Result<LoggedIn, LoginError> {
        let code_hash = sha256_hex(code);
        let place = code_hash
            .get(..2)
            .and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let place = place.and_then(|place| self.places.get(place));
        let _one_at_a_time = match place {
            Some(place) => Some(place.lock().await),
            None => None,
        };
        let now = || ports.clock.now();
        let (openid, created_at) = match self.port.exchange(&appid, code).await {
            Ok(openid) => (openid, now()),
            Err(ExchangeError::CodeUsed) => {
                let earlier = ports
                    .store
                    .session_by_code(appid.clone(), code_hash.clone())
                    .await?;
                // The new token belongs to the same login, so it begins and ends with it: repeating does not prolong.
                earlier
                    .filter(|session| session.code_may_be_repeated(now()))
                    .map(|session| (session.openid, session.created_at))
                    .ok_or(ExchangeError::CodeUsed)?
            }
            Err(other) => return Err(other.into()),
        };
        let token = new_token(&*ports.ids);
        let expires_at = created_at.plus_ms(SESSION_MS);
        let session = Session {
            token_hash: sha256_hex(&token),
            appid,
            openid,
            code_hash,
            created_at,
            expires_at,
        };
        ports.store.put_session(session).await?;
        Ok(LoggedIn { token, expires_at })
    }
}

/// 32 random bytes as URL-safe text.
fn new_token(ids: &dyn Ids) -> String {
    let halves = [ids.random(), ids.random()].map(u128::to_be_bytes);
    URL_SAFE_NO_PAD.encode(halves.concat())
}
