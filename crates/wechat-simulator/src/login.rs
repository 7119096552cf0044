//! The mini-program host: login codes and access tokens.
//!
//! Rules: mini-program server API documentation, `code2Session`, `getStableAccessToken`, `getAccessToken` and
//! `getPhoneNumber`. Errors are HTTP 200 with an `errcode`.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::heart::{Reply, Wechat};
use crate::ids;
use crate::log::Checks;
use crate::message::WireRequest;
use crate::route::query_parameter;

pub(crate) const CODE_LIFE_MS: i64 = 5 * 60_000;
const TOKEN_LIFE_MS: i64 = 7_200_000;
/// In its last five minutes a stable token is replaced; the old one lives on for the rest of them.
const OVERLAP_MS: i64 = 5 * 60_000;
const FORCED_SPACING_MS: i64 = 30_000;
const FORCED_PER_DAY: usize = 20;
const DAY_MS: i64 = 86_400_000;

/// Codes and tokens that are out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logins {
    codes: BTreeMap<String, LoginCode>,
    /// Codes for phone numbers, with app and user.
    phone_codes: BTreeMap<String, LoginCode>,
    /// Codes browsers were sent back with to a page of an official account.
    pub(crate) page_codes: BTreeMap<String, LoginCode>,
    apps: BTreeMap<String, Tokens>,
}

#[derive(Clone, Debug)]
pub(crate) struct LoginCode {
    pub(crate) appid: String,
    pub(crate) user: String,
    pub(crate) made_ms: i64,
    pub(crate) used: bool,
}

impl LoginCode {
    pub(crate) fn new(appid: &str, user: &str, made_ms: i64) -> Self {
        Self {
            appid: appid.to_owned(),
            user: user.to_owned(),
            made_ms,
            used: false,
        }
    }

    /// For the log.
    pub(crate) fn story(&self, now_ms: i64) -> String {
        format!(
            "given to user {:?} of app {} {} s ago, used before: {}",
            self.user,
            self.appid,
            (now_ms - self.made_ms) / 1000,
            self.used
        )
    }
}

/// The access tokens of one app: token and the end of its life.
#[derive(Clone, Debug, Default)]
struct Tokens {
    stable: Option<(String, i64)>,
    old_stable: Option<(String, i64)>,
    classic: Option<(String, i64)>,
    old_classic: Option<(String, i64)>,
    forced: Vec<i64>,
}

/// An error of the mini-program host.
#[derive(Debug)]
pub(crate) struct MiniError {
    pub(crate) errcode: i64,
    pub(crate) errmsg: String,
}

impl MiniError {
    pub(crate) fn new(errcode: i64, errmsg: impl Into<String>) -> Self {
        Self {
            errcode,
            errmsg: errmsg.into(),
        }
    }
}

impl Wechat {
    /// What `wx.login` gives: a code for this user, and the openid it will be exchanged for. `None`: no such app.
    pub(crate) fn make_login_code(&mut self, appid: &str, user: &str) -> Option<(String, String)> {
        if !self.book.apps.contains_key(appid) {
            return None;
        }
        let code = self.ids.login_code();
        let made = LoginCode::new(appid, user, self.now_ms);
        self.logins.codes.insert(code.clone(), made);
        Some((code, self.openid(appid, user)))
    }

    /// The openid of a user, which from now on is known.
    pub(crate) fn openid(&mut self, appid: &str, user: &str) -> String {
        let openid = ids::openid(appid, user);
        self.book
            .openids
            .entry(openid.clone())
            .or_insert_with(|| (appid.to_owned(), user.to_owned()));
        openid
    }

    /// `GET /sns/jscode2session`
    pub(crate) fn code2session(
        &mut self,
        target: &str,
        checks: &mut Checks,
    ) -> Result<Value, MiniError> {
        let parameter =
            |name: &str| query_parameter(target, name).filter(|value| !value.is_empty());
        let appid = parameter("appid").ok_or_else(|| MiniError::new(41002, "appid missing"))?;
        let secret =
            parameter("secret").ok_or_else(|| MiniError::new(41004, "appsecret missing"))?;
        let code = parameter("js_code").ok_or_else(|| MiniError::new(41008, "missing code"))?;
        self.check_secret(&appid, &secret, checks)?;
        if parameter("grant_type").as_deref() != Some("authorization_code") {
            return Err(MiniError::new(40002, "invalid grant_type"));
        }
        let now_ms = self.now_ms;
        let found = self.logins.codes.get_mut(&code);
        checks.note("js_code", found.is_some(), || match &found {
            Some(code) => code.story(now_ms),
            None => "no such code was given out".to_owned(),
        });
        let found = found
            .filter(|code| code.appid == appid && now_ms - code.made_ms < CODE_LIFE_MS)
            .ok_or_else(|| MiniError::new(40029, "invalid code"))?;
        if std::mem::replace(&mut found.used, true) {
            return Err(MiniError::new(40163, "code been used"));
        }
        let user = found.user.clone();
        let openid = self.openid(&appid, &user);
        let mut answer = json!({
            "session_key": STANDARD.encode(self.ids.session_key()),
            "openid": openid,
        });
        let platform = self
            .book
            .apps
            .get(&appid)
            .and_then(|app| app.platform.as_deref());
        if let Some(platform) = platform {
            answer["unionid"] = Value::from(ids::unionid(platform, &user));
        }
        Ok(answer)
    }

    pub(crate) fn check_secret(
        &self,
        appid: &str,
        secret: &str,
        checks: &mut Checks,
    ) -> Result<(), MiniError> {
        let Some(app) = self.book.apps.get(appid) else {
            checks.note("appid", false, || format!("there is no app {appid:?}"));
            return Err(MiniError::new(40013, "invalid appid"));
        };
        let right = app.secret == secret;
        checks.note("secret", right, || {
            let state = if right { "right" } else { "wrong" };
            format!("the secret of app {appid} is {state}")
        });
        if right {
            Ok(())
        } else {
            let errcode = self.assumptions.wrong_secret_errcode;
            Err(MiniError::new(errcode, "invalid appsecret"))
        }
    }

    /// `POST /cgi-bin/stable_token`
    pub(crate) fn stable_token(
        &mut self,
        request: &WireRequest,
        checks: &mut Checks,
    ) -> Result<Value, MiniError> {
        if request.body.is_empty() {
            return Err(MiniError::new(44002, "empty post data"));
        }
        let body: Value = serde_json::from_slice(&request.body)
            .map_err(|_| MiniError::new(47001, "data format error"))?;
        let text = |name: &str| {
            body.get(name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        if text("grant_type") != Some("client_credential") {
            return Err(MiniError::new(40002, "invalid grant_type"));
        }
        let appid = text("appid").ok_or_else(|| MiniError::new(41002, "appid missing"))?;
        let secret = text("secret").ok_or_else(|| MiniError::new(41004, "appsecret missing"))?;
        let forced = match body.get("force_refresh") {
            None => false,
            Some(value) => value
                .as_bool()
                .ok_or_else(|| MiniError::new(47001, "data format error"))?,
        };
        self.check_secret(appid, secret, checks)?;
        let (token, until) = self.refresh_stable(appid, forced, checks)?;
        Ok(json!({ "access_token": token, "expires_in": (until - self.now_ms) / 1000 }))
    }

    fn refresh_stable(
        &mut self,
        appid: &str,
        forced: bool,
        checks: &mut Checks,
    ) -> Result<(String, i64), MiniError> {
        let now_ms = self.now_ms;
        let tokens = self.logins.apps.entry(appid.to_owned()).or_default();
        tokens.forced.retain(|at| now_ms - at < DAY_MS);
        let too_soon = tokens
            .forced
            .last()
            .is_some_and(|at| now_ms - at < FORCED_SPACING_MS);
        let forced = forced && !too_soon;
        if forced && tokens.forced.len() >= FORCED_PER_DAY {
            return Err(MiniError::new(45009, "reach max api daily quota limit"));
        }
        let current = tokens
            .stable
            .clone()
            .filter(|(_, until)| !forced && until - now_ms > OVERLAP_MS);
        checks.note("stable_token", true, || {
            let kind = if current.is_some() {
                "the same token again"
            } else {
                "a new token"
            };
            format!("{kind}, forced: {forced}")
        });
        if let Some(current) = current {
            return Ok(current);
        }
        let new = (self.ids.access_token(), now_ms + TOKEN_LIFE_MS);
        let old = tokens.stable.replace(new.clone());
        if forced {
            tokens.forced.push(now_ms);
            tokens.old_stable = None;
        } else {
            // Renewed near its end: the old token lives out its last minutes.
            tokens.old_stable = old;
        }
        Ok(new)
    }

    /// `GET /cgi-bin/token`
    pub(crate) fn access_token(
        &mut self,
        target: &str,
        checks: &mut Checks,
    ) -> Result<Value, MiniError> {
        let parameter =
            |name: &str| query_parameter(target, name).filter(|value| !value.is_empty());
        if parameter("grant_type").as_deref() != Some("client_credential") {
            return Err(MiniError::new(40002, "invalid grant_type"));
        }
        let appid = parameter("appid").ok_or_else(|| MiniError::new(41002, "appid missing"))?;
        let secret =
            parameter("secret").ok_or_else(|| MiniError::new(41004, "appsecret missing"))?;
        self.check_secret(&appid, &secret, checks)?;
        let new = (self.ids.access_token(), self.now_ms + TOKEN_LIFE_MS);
        let tokens = self.logins.apps.entry(appid).or_default();
        // Every call makes a new token; the one before dies after about five minutes.
        tokens.old_classic = tokens
            .classic
            .replace(new.clone())
            .map(|(token, until)| (token, until.min(self.now_ms + OVERLAP_MS)));
        Ok(json!({ "access_token": new.0, "expires_in": TOKEN_LIFE_MS / 1000 }))
    }

    /// Another server with the same secret forces a new token. The one in use ends at once.
    pub(crate) fn replace_token(&mut self, appid: &str) {
        let until = self.now_ms + TOKEN_LIFE_MS;
        let token = self.ids.access_token();
        let tokens = self.logins.apps.entry(appid.to_owned()).or_default();
        tokens.stable = Some((token, until));
        tokens.old_stable = None;
    }

    /// What the button with open-type `getPhoneNumber` gives. `None`: no such app.
    pub(crate) fn make_phone_code(&mut self, appid: &str, user: &str) -> Option<String> {
        if !self.book.apps.contains_key(appid) {
            return None;
        }
        let code = self.ids.login_code();
        let made = LoginCode::new(appid, user, self.now_ms);
        self.logins.phone_codes.insert(code.clone(), made);
        Some(code)
    }

    /// `POST /wxa/business/getuserphonenumber`
    pub(crate) fn phone_number(
        &mut self,
        request: &WireRequest,
        checks: &mut Checks,
    ) -> Result<Value, MiniError> {
        let token = query_parameter(&request.target, "access_token").unwrap_or_default();
        let appid = self
            .book
            .apps
            .keys()
            .find(|appid| self.access_token_is_valid(appid, &token))
            .cloned();
        checks.note("access_token", appid.is_some(), || match &appid {
            Some(appid) => format!("a valid token of app {appid}"),
            None => "no app has this token, or not any more".to_owned(),
        });
        let appid = appid.ok_or_else(|| {
            let message = "invalid credential, access_token is invalid or not latest";
            MiniError::new(40001, message)
        })?;
        let body: Value = serde_json::from_slice(&request.body)
            .map_err(|_| MiniError::new(47001, "data format error"))?;
        let code = body.get("code").and_then(Value::as_str).unwrap_or_default();
        let now_ms = self.now_ms;
        let found = self
            .logins
            .phone_codes
            .get_mut(code)
            .filter(|code| {
                code.appid == appid && !code.used && now_ms - code.made_ms < CODE_LIFE_MS
            })
            .ok_or_else(|| MiniError::new(40029, "invalid code"))?;
        found.used = true;
        // A number of a range that no operator gives out, always the same for a user.
        let digits = found
            .user
            .bytes()
            .fold(0_u64, |sum, byte| ids::mix(sum ^ u64::from(byte)));
        let number = format!("170{:08}", digits % 100_000_000);
        Ok(json!({
            "errcode": 0,
            "errmsg": "ok",
            "phone_info": {
                "phoneNumber": number,
                "purePhoneNumber": number,
                "countryCode": "86",
                "watermark": { "timestamp": now_ms / 1000, "appid": appid },
            },
        }))
    }

    /// Whether this access token of this app would be taken now, for tests of whoever keeps tokens.
    pub fn access_token_is_valid(&self, appid: &str, token: &str) -> bool {
        self.logins.apps.get(appid).is_some_and(|tokens| {
            [
                &tokens.stable,
                &tokens.old_stable,
                &tokens.classic,
                &tokens.old_classic,
            ]
            .into_iter()
            .flatten()
            .any(|(known, until)| known == token && self.now_ms < *until)
        })
    }

    pub(crate) fn mini_reply(&mut self, result: Result<Value, MiniError>) -> Reply {
        let body = result.unwrap_or_else(|error| {
            let rid = self.ids.rid();
            json!({ "errcode": error.errcode, "errmsg": format!("{} rid: {rid}", error.errmsg) })
        });
        Reply::json(200, &body)
    }
}

#[cfg(test)]
mod tests;
