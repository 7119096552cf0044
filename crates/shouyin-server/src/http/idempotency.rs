//! `Idempotency-Key`: needed on every POST of the merchant API, so that a repeated request is one request.

use aws_lc_rs::digest::{Context, SHA256};
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use shouyin_core::id::{IdempotencyKey, Mchid};
use shouyin_core::idempotency::{self, Idempotency, Used};

use super::App;
use super::body::RawBody;
use super::error::{Code, Problem};

const HEADER: &str = "Idempotency-Key";

/// A POST with its key, its fingerprint and its body.
#[derive(Debug)]
pub(crate) struct Keyed {
    /// Key and fingerprint.
    pub(crate) idempotency: Idempotency,
    /// The body as received.
    pub(crate) body: Bytes,
    method: String,
    path: String,
}

impl Keyed {
    /// The same without the body in the fingerprint: for bodies with personal data, of which not even a hash is kept, since
    /// few enough values are possible to try them all.
    pub(crate) fn without_body(&self) -> Idempotency {
        Idempotency {
            key: self.idempotency.key.clone(),
            fingerprint: fingerprint(&self.method, &self.path, b""),
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for Keyed {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let key = key(request.headers())?;
        let method = request.method().as_str().to_owned();
        let path = request.uri().path().to_owned();
        let RawBody(body) = RawBody::from_request(request, state).await?;
        let idempotency = Idempotency {
            key,
            fingerprint: fingerprint(&method, &path, &body),
        };
        Ok(Self {
            idempotency,
            body,
            method,
            path,
        })
    }
}

fn key(headers: &HeaderMap) -> Result<IdempotencyKey, Problem> {
    let mut values = headers.get_all(HEADER).iter();
    let value = values.next().ok_or_else(|| {
        Problem::new(
            Code::IdempotencyKeyMissing,
            "Send the header Idempotency-Key with a value of your own for this operation, and repeat it when you repeat the request.",
        )
    })?;
    let invalid = |why: &str| {
        Problem::new(
            Code::IdempotencyKeyInvalid,
            format!("Idempotency-Key {why}."),
        )
    };
    if values.next().is_some() {
        return Err(invalid("came more than once: send one"));
    }
    let text = value
        .to_str()
        .map_err(|_| invalid("must be 1 to 255 visible ASCII characters"))?;
    IdempotencyKey::parse(text).map_err(|error| invalid(error.problem))
}

/// SHA-256 over method, path and body; the line breaks keep the parts apart, since neither method nor path can hold one.
fn fingerprint(method: &str, path: &str, body: &[u8]) -> String {
    let mut context = Context::new(&SHA256);
    for part in [method.as_bytes(), b"\n", path.as_bytes(), b"\n", body] {
        context.update(part);
    }
    hex::encode(context.finish())
}

/// The key was used for another request.
pub(crate) fn reused() -> Problem {
    Problem::new(
        Code::IdempotencyKeyReused,
        "This Idempotency-Key was used for a request with another path or body. Use a fresh key for a new operation, or send the first request unchanged to get its answer again.",
    )
}

/// An answer that was given before, byte for byte.
pub(crate) fn replay(status: u16, body: String) -> Response {
    json(StatusCode::from_u16(status).unwrap_or(StatusCode::OK), body)
}

/// An answer whose JSON text is made already.
pub(crate) fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn answer(used: Used) -> Result<Response, Problem> {
    match used {
        Used::Replay { status, body } => Ok(replay(status, body)),
        Used::Conflict => Err(reused()),
    }
}

/// Gives the remembered answer, or does the work and remembers what it answers. For work that is idempotent by nature;
/// problems are not remembered, so that a repeat can succeed.
pub(crate) async fn once(
    app: &App,
    mchid: &Mchid,
    asked: &Idempotency,
    work: impl Future<Output = Result<String, Problem>>,
) -> Result<Response, Problem> {
    let work = async { Ok((StatusCode::OK, work.await?)) };
    once_with_status(app, mchid, asked, work).await
}

/// The same for work that also chooses the status.
pub(crate) async fn once_with_status(
    app: &App,
    mchid: &Mchid,
    asked: &Idempotency,
    work: impl Future<Output = Result<(StatusCode, String), Problem>>,
) -> Result<Response, Problem> {
    let store = &*app.ports.store;
    if let Some(used) = idempotency::look_up(store, mchid, asked).await? {
        return answer(used);
    }
    let (status, body) = work.await?;
    let now = app.ports.clock.now();
    answer(idempotency::remember(store, mchid, asked, status.as_u16(), body, now).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_covers_method_path_and_body() {
        let one = fingerprint("POST", "/v1/payments", b"{}");
        assert_eq!(one, fingerprint("POST", "/v1/payments", b"{}"));
        for other in [
            fingerprint("PUT", "/v1/payments", b"{}"),
            fingerprint("POST", "/v1/payment", b"s\n{}"),
            fingerprint("POST", "/v1/payments", b"{} "),
        ] {
            assert_ne!(one, other);
        }
    }
}
