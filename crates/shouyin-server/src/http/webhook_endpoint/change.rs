//! Changing and deleting an endpoint.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::Deserialize;
use shouyin_core::event::EventType;
use shouyin_core::webhook::service::{self, EndpointPatch};
use shouyin_core::webhook::view::EndpointView;
use utoipa::ToSchema;

use super::{endpoint_id, not_found};
use crate::http::App;
use crate::http::auth::Merchant;
use crate::http::body::{self, RawBody};
use crate::http::error::{Problem, ProblemBody};

/// What is to be different. What is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookEndpointChange)]
pub(crate) struct EndpointChangeBody {
    /// An https address.
    url: Option<String>,
    /// For people.
    description: Option<String>,
    /// Which events; all, if empty.
    event_types: Option<Vec<EventType>>,
    /// `false`: nothing is sent or kept for it any more. `true`: it is used again, from now on.
    enabled: Option<bool>,
}

/// Change an endpoint.
///
/// Enabling one that was disabled for failing also sends at once what is still waiting for it. What happened while it was
/// disabled is sent by `resend`.
#[utoipa::path(
    patch, path = "/v1/webhook_endpoints/{id}", tag = "webhooks", operation_id = "change_webhook_endpoint",
    security(("api_key" = [])),
    params(("id" = String, Path, description = "`whk_` and 32 hexadecimal digits")),
    request_body = EndpointChangeBody,
    responses(
        (status = 200, description = "The endpoint as it is now", body = EndpointView),
        (status = 400, description = "`malformed_json`, `invalid_field`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`webhook_endpoint_not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`webhook_endpoint_url_refused`: not https, or an internal address", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn update(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
    RawBody(bytes): RawBody,
) -> Result<axum::Json<EndpointView>, Problem> {
    let id = endpoint_id(path)?;
    let asked: EndpointChangeBody = body::parse(&bytes)?;
    let patch = EndpointPatch {
        url: asked.url,
        description: asked.description,
        event_types: asked.event_types,
        enabled: asked.enabled,
    };
    let updated = service::update(&app.ports, &merchant.mchid, &id, patch).await?;
    let endpoint = updated.ok_or_else(not_found)??;
    Ok(axum::Json((&endpoint).into()))
}

/// Delete an endpoint, with what is still waiting for it and its log.
#[utoipa::path(
    delete, path = "/v1/webhook_endpoints/{id}", tag = "webhooks", operation_id = "delete_webhook_endpoint",
    security(("api_key" = [])),
    params(("id" = String, Path, description = "`whk_` and 32 hexadecimal digits")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`webhook_endpoint_not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delete(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let id = endpoint_id(path)?;
    if service::delete(&app.ports, &merchant.mchid, &id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(not_found())
    }
}
