//! Who is asking: merchants by API key, mini-program users by session token. Only hashes are stored or compared.

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};
use shouyin_core::Timestamp;
use shouyin_core::api_key::ApiKey;
use shouyin_core::id::Mchid;
use shouyin_core::ports::Ids;
use shouyin_core::session::Session;

use super::App;
use super::error::{Code, Problem};
use super::gate::Pass;

/// How every API key begins, so that a leaked one is found by scanners.
const API_KEY_PREFIX: &str = "sk_";

/// SHA-256 as lower-case hexadecimal: what the database keeps of keys, tokens and login codes.
pub(crate) fn sha256_hex(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}

/// Makes an API key. The text is shown once and never stored; the record holds its hash and is for
/// [`shouyin_core::ports::Store::put_api_key`].
pub fn new_api_key(mchid: Mchid, name: &str, ids: &dyn Ids, now: Timestamp) -> (String, ApiKey) {
    let text = format!("{API_KEY_PREFIX}{:032x}{:032x}", ids.random(), ids.random());
    let key = ApiKey {
        hash: sha256_hex(&text),
        mchid,
        name: name.to_owned(),
        created_at: now,
    };
    (text, key)
}

/// The token of `Authorization: Bearer <token>`, if there is exactly one such header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// A merchant's backend, proven by its API key.
#[derive(Debug)]
pub(crate) struct Merchant {
    /// For whom it speaks.
    pub(crate) mchid: Mchid,
    /// Its place among the requests that run; given back with this value.
    _pass: Pass,
}

impl FromRequestParts<App> for Merchant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).ok_or_else(|| {
            Problem::new(
                Code::ApiKeyMissing,
                "Send the header \"Authorization: Bearer sk_...\" with an API key of the merchant.",
            )
        })?;
        let unknown = || {
            Problem::new(
                Code::ApiKeyInvalid,
                "This API key is not known here. Use one that was made on this server; it begins with sk_.",
            )
        };
        if !token.starts_with(API_KEY_PREFIX) {
            return Err(unknown());
        }
        let (hash, now) = (sha256_hex(token), app.ports.clock.now());
        let mchid = match app.api_keys.get(&hash, now) {
            Some(mchid) => mchid,
            None => {
                let found = app.ports.store.api_key(hash.clone()).await?;
                let mchid = found.ok_or_else(unknown)?.mchid;
                app.api_keys.remember(hash, mchid.clone(), now);
                mchid
            }
        };
        let _pass = app.gates.enter(&mchid, now)?;
        Ok(Self { mchid, _pass })
    }
}

/// A mini-program user, proven by a session token.
#[derive(Debug)]
pub(crate) struct Buyer {
    /// Who and in which app.
    pub(crate) session: Session,
}

impl FromRequestParts<App> for Buyer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).ok_or_else(|| {
            Problem::new(
                Code::SessionMissing,
                "Log in first: POST /mp/v1/login with a code from wx.login, then send \"Authorization: Bearer <session_token>\".",
            )
        })?;
        let (hash, now) = (sha256_hex(token), app.ports.clock.now());
        let session = match app.sessions.get(&hash, now) {
            Some(session) => session,
            None => {
                let found = app.ports.store.session(hash.clone()).await?;
                let session = found.ok_or_else(|| {
                    Problem::new(
                        Code::SessionInvalid,
                        "This session is not known here. Log in again: wx.login, then POST /mp/v1/login.",
                    )
                })?;
                app.sessions.remember(hash, session.clone(), now);
                session
            }
        };
        // Whoever has the token of an ended session owned it: telling them apart reveals nothing.
        if !session.is_valid(now) {
            return Err(Problem::new(
                Code::SessionExpired,
                "Log in again: wx.login, then POST /mp/v1/login.",
            ));
        }
        Ok(Self { session })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bearer_token_and_nothing_else() {
        let headers = |values: &[&str]| {
            let mut map = HeaderMap::new();
            for value in values {
                map.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            map
        };
        assert_eq!(bearer(&headers(&["Bearer sk_1"])), Some("sk_1"));
        assert_eq!(bearer(&headers(&["bearer  sk_1 "])), Some("sk_1"));
        for bad in [
            &[][..],
            &["Basic sk_1"],
            &["Bearer "],
            &["sk_1"],
            &["Bearer a", "Bearer b"],
        ] {
            assert_eq!(bearer(&headers(bad)), None, "{bad:?}");
        }
    }
}
