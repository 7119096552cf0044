//! Making an endpoint, and new secrets for it: the two answers that show a secret.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use shouyin_core::event::EventType;
use shouyin_core::time::SECOND_MS;
use shouyin_core::webhook::service::{self, NewEndpoint};
use utoipa::ToSchema;

use super::{EndpointWithSecret, endpoint_id, not_found};
use crate::http::App;
use crate::http::auth::Merchant;
use crate::http::body;
use crate::http::error::{Code, Problem, ProblemBody};
use crate::http::idempotency::{self, Keyed};

/// Old and new secret sign together for this long if the merchant does not say, in seconds.
const DEFAULT_OVERLAP_S: i64 = 24 * 60 * 60;
/// And at most for this long, in seconds.
const LONGEST_OVERLAP_S: i64 = 7 * 24 * 60 * 60;

/// Where events are to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhookEndpoint)]
pub(crate) struct NewEndpointBody {
    /// An https address.
    #[schema(example = "https://shop.example.com/webhooks/pay")]
    url: String,
    /// For people.
    #[serde(default)]
    description: String,
    /// Which events; all, if left out or empty.
    #[serde(default)]
    event_types: Vec<EventType>,
}

/// Have events sent to an address.
///
/// In the Standard Webhooks format: verify the signature with the secret of this answer, and process each `webhook-id` once.
/// A receiver answers 2xx; otherwise it is tried again for three days, more and more rarely. Every event from now on is sent;
/// `resend` sends earlier ones.
#[utoipa::path(
    post, path = "/v1/webhook_endpoints", tag = "webhooks", operation_id = "create_webhook_endpoint",
    security(("api_key" = [])),
    params(("Idempotency-Key" = String, Header, description = "Your own value for this operation")),
    request_body = NewEndpointBody,
    responses(
        (status = 201, description = "The endpoint with its secret", body = EndpointWithSecret),
        (status = 400, description = "`malformed_json`, `invalid_field`, `idempotency_key_missing`, `idempotency_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`webhook_endpoint_too_many`, `idempotency_key_reused`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`webhook_endpoint_url_refused`: not https, or an internal address", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    merchant: Merchant,
    keyed: Keyed,
) -> Result<Response, Problem> {
    let asked: NewEndpointBody = body::parse(&keyed.body)?;
    let new = NewEndpoint {
        mchid: merchant.mchid.clone(),
        url: asked.url,
        description: asked.description,
        event_types: asked.event_types,
    };
    let work = async {
        let created = service::create(&app.ports, new).await??;
        let body = EndpointWithSecret::from(&created).to_json();
        Ok((StatusCode::CREATED, body))
    };
    idempotency::once_with_status(&app, &merchant.mchid, &keyed.idempotency, work).await
}

/// How long the old secret signs as well.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SecretRotation)]
pub(crate) struct RotateBody {
    /// 0 to 604800 (7 days); 86400 (one day) if left out.
    #[schema(minimum = 0, maximum = 604_800, example = 86_400)]
    overlap_seconds: Option<i64>,
}

/// Make a new secret.
///
/// Until the overlap ends, everything is signed with both, so the receiver can change over at any time in between. 0 is for
/// secrets that leaked.
#[utoipa::path(
    post, path = "/v1/webhook_endpoints/{id}/rotate_secret", tag = "webhooks", operation_id = "rotate_webhook_secret",
    security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "`whk_` and 32 hexadecimal digits"),
        ("Idempotency-Key" = String, Header, description = "Your own value for this operation"),
    ),
    request_body = RotateBody,
    responses(
        (status = 200, description = "The endpoint with its new secret", body = EndpointWithSecret),
        (status = 400, description = "`malformed_json`, `invalid_field`, `idempotency_key_missing`, `idempotency_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`webhook_endpoint_not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`idempotency_key_reused`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn rotate_secret(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
    keyed: Keyed,
) -> Result<Response, Problem> {
    let id = endpoint_id(path)?;
    let asked: RotateBody = body::parse(&keyed.body)?;
    let overlap_s = asked.overlap_seconds.unwrap_or(DEFAULT_OVERLAP_S);
    if !(0..=LONGEST_OVERLAP_S).contains(&overlap_s) {
        return Err(Problem::new(
            Code::InvalidField,
            format!("overlap_seconds must be an integer from 0 to {LONGEST_OVERLAP_S}."),
        ));
    }
    let work = async {
        let overlap_ms = overlap_s.saturating_mul(SECOND_MS);
        let rotated = service::rotate_secret(&app.ports, &merchant.mchid, &id, overlap_ms).await?;
        let created = rotated.ok_or_else(not_found)?;
        Ok(EndpointWithSecret::from(&created).to_json())
    };
    idempotency::once(&app, &merchant.mchid, &keyed.idempotency, work).await
}
