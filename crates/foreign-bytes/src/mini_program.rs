//! Answers of the mini-program host: no openid out of nothing, and no secret in an error.

use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::{Value, json};
use wechat_miniprogram::{
    AppSecret, BoxFuture, Client, Request, Response, Transport, TransportError,
};

use crate::http_text::Message;
use crate::keys::NOW;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const CODE: &str = "0a3Kx2Vb9TzLqM71";

/// The first line is the status; the body is the answer to every call.
pub(crate) fn check(bytes: &[u8]) {
    let message = Message::read(bytes);
    let response = Response {
        status: message.words().0.trim().parse().unwrap_or(200),
        body: message.body.to_vec(),
    };
    let body = message
        .body
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(message.body);
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let status = response.status;
    let client = Client::new(
        "wx1111222233334444",
        AppSecret::new(SECRET),
        Arc::new(Always(response)),
        Arc::new(|| NOW),
    );
    let success = || {
        assert_eq!(status, 200);
        assert!(
            said["errcode"].as_i64().is_none_or(|code| code == 0),
            "{said}"
        );
    };
    match ready(client.code2session(CODE)) {
        Ok(login) => {
            success();
            assert_eq!(said["openid"], login.openid.as_str());
            assert_eq!(said["session_key"], login.session_key.expose());
            assert!(!login.openid.is_empty() && !login.session_key.expose().is_empty());
            assert_eq!(format!("{login:?}"), "Login(***)");
        }
        Err(why) => hides_secrets(&why.to_string(), &format!("{why:?}")),
    }
    match ready(client.identify(CODE)) {
        Ok(visitor) => {
            success();
            assert_eq!(said["openid"], visitor.openid.as_str());
            assert!(!visitor.openid.is_empty());
            assert!(!visitor.is_made_up || !said["is_snapshotuser"].is_null());
            assert_eq!(format!("{visitor:?}"), "Visitor(***)");
        }
        Err(why) => hides_secrets(&why.to_string(), &format!("{why:?}")),
    }
    match ready(client.access_token()) {
        Ok(token) => {
            success();
            assert_eq!(said["access_token"], token.expose());
            assert!(!token.expose().is_empty());
        }
        Err(why) => hides_secrets(&why.to_string(), &format!("{why:?}")),
    }
    match ready(client.post("/wxa/business/getuserphonenumber", &json!({"code": CODE}))) {
        Ok(answer) => {
            success();
            assert_eq!(answer, said);
        }
        Err(why) => hides_secrets(&why.to_string(), &format!("{why:?}")),
    }
}

/// WeChat quotes requests in its error texts, and those end in logs.
fn hides_secrets(shown: &str, debug: &str) {
    for text in [shown, debug] {
        assert!(!text.contains(SECRET), "the secret is in {text:?}");
    }
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match future.now_or_never() {
        Some(value) => value,
        None => panic!("a call waits although its answer is there"),
    }
}

struct Always(Response);

impl Transport for Always {
    fn send<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<Response, TransportError>> {
        std::future::ready(Ok(self.0.clone())).boxed()
    }
}
