//! Request bodies: received up to a limit, then read as JSON with messages that say where and what.

use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::error::{Code, Problem};

/// The body as received, at most as long as the route allows (`DefaultBodyLimit`).
#[derive(Debug)]
pub(crate) struct RawBody(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_))) => {
                Err(Problem::new(
                    Code::BodyTooLarge,
                    "Send less: no request of this API needs a body this long.",
                ))
            }
            // The connection broke, or the body was not what its headers promised.
            Err(_) => Err(Problem::new(
                Code::UnreadableBody,
                "The body ended early or does not fit its headers. Send the request again.",
            )),
        }
    }
}

/// Reads a JSON object. Unknown members are refused by the types; the message names the member and the place.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let member = error.path().to_string();
        refuse(body, &member, error.inner())
    })?;
    reader.end().map_err(|error| refuse(body, "", &error))?;
    Ok(read)
}

fn refuse(body: &[u8], member: &str, error: &serde_json::Error) -> Problem {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Problem::new(
            Code::MalformedJson,
            "The body is empty. Send a JSON object.",
        );
    }
    match error.classify() {
        Category::Data => {
            // serde says "." where the whole object is meant.
            let member = match member {
                "." | "?" | "" => String::new(),
                name => format!("{name}: "),
            };
            Problem::new(Code::InvalidField, format!("{member}{error}."))
        }
        Category::Syntax | Category::Eof | Category::Io => Problem::new(
            Code::MalformedJson,
            format!("{error}. Correct the JSON and send it again."),
        ),
    }
}

/// For requests that take nothing: an empty body or `{}`. Anything else shows a misunderstanding, for example about who
/// sets the price.
pub(crate) fn expect_nothing(body: &[u8]) -> Result<(), Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(());
    }
    let members: serde_json::Map<String, serde_json::Value> = parse(body)?;
    match members.keys().next() {
        None => Ok(()),
        Some(name) => Err(Problem::new(
            Code::InvalidField,
            format!("This request takes no members, but {name:?} was sent. Send {{}} or nothing."),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fen::Fen;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Coffee {
        #[serde(rename = "amount_fen")]
        _amount_fen: Fen,
    }

    #[track_caller]
    fn check(body: &str, code: Code, says: &str) {
        let problem = parse::<Coffee>(body.as_bytes()).unwrap_err();
        assert_eq!(problem.code(), code, "{problem:?}");
        assert!(format!("{problem:?}").contains(says), "{problem:?}");
    }

    #[test]
    fn messages_name_the_member_and_the_place() {
        check("", Code::MalformedJson, "is empty");
        check("{\"amount_fen\":", Code::MalformedJson, "line 1 column 14");
        check(
            "{\"amount_fen\":1}x",
            Code::MalformedJson,
            "trailing characters",
        );
        check("[]", Code::InvalidField, "expected");
        check("{}", Code::InvalidField, "missing field `amount_fen`");
        check(
            "{\"amount_fen\":\"1\"}",
            Code::InvalidField,
            "amount_fen: an amount must be a JSON number",
        );
        check(
            "{\"amount_fen\":1.5}",
            Code::InvalidField,
            "amount_fen: an amount must be an integer",
        );
        check(
            "{\"amount_fen\":1,\"price\":2}",
            Code::InvalidField,
            "unknown field `price`",
        );
        check(
            "{\"amount_fen\":1,\"amount_fen\":2}",
            Code::InvalidField,
            "duplicate field",
        );
    }

    #[test]
    fn nothing_is_nothing() {
        assert!(expect_nothing(b"").is_ok());
        assert!(expect_nothing(b" {} ").is_ok());
        assert!(expect_nothing(b"{\"amount_fen\":1}").is_err());
        assert!(expect_nothing(b"[").is_err());
    }
}
