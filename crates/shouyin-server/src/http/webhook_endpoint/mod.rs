//! `/v1/webhook_endpoints`: the merchant's backend says where it wants its events sent.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delivery;
pub(crate) mod resend;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use serde::Serialize;
use shouyin_core::id::{EndpointId, Mchid};
use shouyin_core::webhook::Endpoint;
use shouyin_core::webhook::service::{Created, EndpointError};
use shouyin_core::webhook::view::EndpointView;
use utoipa::ToSchema;

use super::App;
use super::auth::Merchant;
use super::error::{Code, Problem, ProblemBody};

fn not_found() -> Problem {
    Problem::new(
        Code::WebhookEndpointNotFound,
        "Check the id; it begins with whk_. An endpoint is only visible to its own merchant.",
    )
}

/// The id of the path. Whatever is no id is not found, like an id that nobody has.
fn endpoint_id(path: Result<Path<String>, PathRejection>) -> Result<EndpointId, Problem> {
    let Path(text) = path.map_err(|_| not_found())?;
    EndpointId::parse(text).map_err(|_| not_found())
}

/// The endpoint, if it is this merchant's.
async fn find(app: &App, mchid: &Mchid, id: &EndpointId) -> Result<Endpoint, Problem> {
    let found = app.ports.store.endpoint(id.clone()).await?;
    found
        .filter(|endpoint| endpoint.mchid == *mchid)
        .ok_or_else(not_found)
}

impl From<EndpointError> for Problem {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::BadUrl(why) => Self::new(
                Code::WebhookEndpointUrlRefused,
                format!(
                    "url {why}. Use an https address that is reachable from the internet; the operator of this server can allow others under [webhooks]."
                ),
            ),
            EndpointError::TooMany => Self::new(
                Code::WebhookEndpointTooMany,
                "A merchant has at most 20 endpoints. Delete one that is not used any more.",
            ),
            EndpointError::Invalid { field, problem } => {
                Self::new(Code::InvalidField, format!("{field} {problem}."))
            }
        }
    }
}

/// An endpoint with its newest secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EndpointWithSecret {
    #[serde(flatten)]
    endpoint: EndpointView,
    /// Signs what is sent (Standard Webhooks): `whsec_` and Base64. Shown here and nowhere else: keep it.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw8JwY5CsDtXo=")]
    secret: String,
}

impl From<&Created> for EndpointWithSecret {
    fn from(created: &Created) -> Self {
        Self {
            endpoint: EndpointView::from(&created.endpoint),
            secret: created.secret.clone(),
        }
    }
}

impl EndpointWithSecret {
    fn to_json(&self) -> String {
        // Serialising plain strings cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A merchant's endpoints, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EndpointList {
    data: Vec<EndpointView>,
}

/// List all endpoints, oldest first.
#[utoipa::path(
    get, path = "/v1/webhook_endpoints", tag = "webhooks", operation_id = "list_webhook_endpoints",
    security(("api_key" = [])),
    responses(
        (status = 200, description = "All of them; a merchant has at most 20", body = EndpointList),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    merchant: Merchant,
) -> Result<axum::Json<EndpointList>, Problem> {
    let endpoints = app.ports.store.endpoints(merchant.mchid.clone()).await?;
    Ok(axum::Json(EndpointList {
        data: endpoints.iter().map(EndpointView::from).collect(),
    }))
}

/// Look at one endpoint.
#[utoipa::path(
    get, path = "/v1/webhook_endpoints/{id}", tag = "webhooks", operation_id = "get_webhook_endpoint",
    security(("api_key" = [])),
    params(("id" = String, Path, description = "`whk_` and 32 hexadecimal digits")),
    responses(
        (status = 200, description = "The endpoint, without its secrets", body = EndpointView),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`webhook_endpoint_not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
) -> Result<axum::Json<EndpointView>, Problem> {
    let endpoint = find(&app, &merchant.mchid, &endpoint_id(path)?).await?;
    Ok(axum::Json((&endpoint).into()))
}
