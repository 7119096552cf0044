//! WeChat's answers: JSON with `errcode` and `errmsg`, both absent on success.

use std::fmt;

use serde_json::Value;

use crate::transport::Response;

/// An error WeChat answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiError {
    /// WeChat's number for it.
    pub errcode: i64,
    /// Text for people. Never to be parsed.
    pub errmsg: String,
    /// WeChat's tracing id, taken from the end of `errmsg`. Support asks for it.
    pub rid: Option<String>,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.errcode, self.errmsg)
    }
}

/// What an answer is.
pub(crate) enum Answer {
    /// `errcode` is 0 or absent.
    Success(Value),
    /// Any other `errcode`.
    Failure(ApiError),
    /// Not JSON, or an error status without `errcode`: a gateway, not WeChat's interface.
    Unreadable(String),
}

/// Reads an answer. `secrets` are masked in error texts, should WeChat ever quote them.
pub(crate) fn read(response: &Response, secrets: &[&str]) -> Answer {
    let body = response
        .body
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(&response.body);
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return Answer::Unreadable(format!("status {} without JSON", response.status));
    };
    match value.get("errcode").and_then(Value::as_i64) {
        None | Some(0) if response.status == 200 => Answer::Success(value),
        None | Some(0) => Answer::Unreadable(format!("status {} without errcode", response.status)),
        Some(errcode) => {
            let mut errmsg = value
                .get("errmsg")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
                errmsg = errmsg.replace(secret, "***");
            }
            Answer::Failure(ApiError {
                errcode,
                rid: rid(&errmsg),
                errmsg,
            })
        }
    }
}

fn rid(errmsg: &str) -> Option<String> {
    let (_, after) = errmsg.split_once("rid:")?;
    let rid: String = after
        .trim_start()
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    (!rid.is_empty()).then_some(rid)
}

/// Whether the number means that somebody has to change a setting or a program, and repeating is useless.
pub(crate) fn is_configuration(errcode: i64) -> bool {
    matches!(
        errcode,
        40001 // on the login and token interfaces: the secret is wrong
            | 40002
            | 40013 // appid
            | 40125 // secret
            | 40164 // the caller's address is not on the account's list
            | 41002
            | 41004
            | 41008
            | 43002
            | 44002
            | 47001
            | 48001 // the interface is not granted to this account
            | 61003
            | 61004
            | 61011
    )
}

/// System busy: the same request may be repeated.
pub(crate) const BUSY: i64 = -1;

/// Too many calls, or the quota of the day is used up.
pub(crate) fn is_rate_limit(errcode: i64) -> bool {
    matches!(errcode, 45009 | 45011 | 44990)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(body: &str) -> ApiError {
        let response = Response {
            status: 200,
            body: body.as_bytes().to_vec(),
        };
        match read(&response, &["s3cret"]) {
            Answer::Failure(error) => error,
            Answer::Success(_) | Answer::Unreadable(_) => panic!("{body} is not a failure"),
        }
    }

    #[test]
    fn the_tracing_id_is_kept() {
        let error =
            failure(r#"{"errcode":40029,"errmsg":"invalid code, rid: 63d7-1a2b-3c4d, hints"}"#);
        assert_eq!(
            (error.errcode, error.rid.as_deref()),
            (40029, Some("63d7-1a2b-3c4d"))
        );
        assert_eq!(
            failure(r#"{"errcode":-1,"errmsg":"system error"}"#).rid,
            None
        );
        assert_eq!(failure(r#"{"errcode":-1}"#).errmsg, "");
    }

    #[test]
    fn secrets_quoted_by_the_other_side_are_masked() {
        let error = failure(r#"{"errcode":40125,"errmsg":"invalid appsecret s3cret"}"#);
        assert_eq!(error.errmsg, "invalid appsecret ***");
    }

    #[test]
    fn a_gateway_is_not_an_answer() {
        for (status, body) in [
            (502, "<html>"),
            (200, ""),
            (500, "{}"),
            (404, r#"{"errcode":0}"#),
        ] {
            let response = Response {
                status,
                body: body.as_bytes().to_vec(),
            };
            assert!(
                matches!(read(&response, &[]), Answer::Unreadable(_)),
                "{status} {body}"
            );
        }
    }

    #[test]
    fn success_needs_no_errcode_and_survives_a_byte_order_mark() {
        for body in [
            &b"{}"[..],
            b"{\"errcode\":0,\"errmsg\":\"ok\"}",
            b"\xef\xbb\xbf{}",
        ] {
            let response = Response {
                status: 200,
                body: body.to_vec(),
            };
            assert!(matches!(read(&response, &[]), Answer::Success(_)));
        }
    }
}
