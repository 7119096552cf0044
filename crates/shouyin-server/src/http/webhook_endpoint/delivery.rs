//! What was sent to an endpoint, and what came of it.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use shouyin_core::id::EventId;
use shouyin_core::ports::{DeliveryFilter, Load, Loaded, transact};
use shouyin_core::webhook::view::{DeliveryAttemptView, DeliveryView};
use utoipa::{IntoParams, ToSchema};

use super::{endpoint_id, find, not_found};
use crate::http::App;
use crate::http::auth::Merchant;
use crate::http::error::{Code, Problem, ProblemBody};
use crate::http::query::{invalid_query, page_size, query};

/// Which deliveries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeliveryQuery {
    /// Only deliveries in this state: `pending`, `delivered` or `failed`.
    state: Option<String>,
    /// At most this many, 1 to 100; 20 if left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The cursor: `next` of the page before.
    after: Option<String>,
}

impl DeliveryQuery {
    fn filter(self) -> Result<DeliveryFilter, Problem> {
        if let Some(state) = &self.state
            && !["pending", "delivered", "failed"].contains(&state.as_str())
        {
            return Err(invalid_query("state must be pending, delivered or failed."));
        }
        let before =
            self.after.map(EventId::parse).transpose().map_err(|_| {
                invalid_query("after must be the value of next from the page before.")
            })?;
        Ok(DeliveryFilter {
            state: self.state,
            before,
            limit: page_size(self.limit)?,
        })
    }
}

/// A page of deliveries, newest event first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryPage {
    data: Vec<DeliveryView>,
    /// Pass it as `after` for the next page; `null` at the end.
    next: Option<String>,
}

/// List what was sent to an endpoint or waits for it, newest event first.
#[utoipa::path(
    get, path = "/v1/webhook_endpoints/{id}/deliveries", tag = "webhooks", operation_id = "list_webhook_deliveries",
    security(("api_key" = [])),
    params(("id" = String, Path, description = "`whk_` and 32 hexadecimal digits"), DeliveryQuery),
    responses(
        (status = 200, description = "One page", body = DeliveryPage),
        (status = 400, description = "`invalid_query`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`webhook_endpoint_not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
    parameters: Result<Query<DeliveryQuery>, QueryRejection>,
) -> Result<axum::Json<DeliveryPage>, Problem> {
    let endpoint = find(&app, &merchant.mchid, &endpoint_id(path)?).await?;
    let mut filter = query(parameters)?.filter()?;
    let size = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    // One more than asked for tells whether there is another page.
    filter.limit = filter.limit.saturating_add(1);
    let store = &app.ports.store;
    let mut deliveries = store
        .deliveries(merchant.mchid.clone(), endpoint.id, filter)
        .await?;
    let more = deliveries.len() > size;
    deliveries.truncate(size);
    Ok(axum::Json(DeliveryPage {
        next: deliveries
            .last()
            .filter(|_| more)
            .map(|delivery| delivery.event_id.to_string()),
        data: deliveries.iter().map(DeliveryView::from).collect(),
    }))
}

/// A delivery and its log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryWithAttempts {
    #[serde(flatten)]
    delivery: DeliveryView,
    /// Every sending, oldest first.
    attempts: Vec<DeliveryAttemptView>,
}

pub(super) fn event_not_found() -> Problem {
    Problem::new(
        Code::EventNotFound,
        "Check the id; it begins with evt_. GET /v1/events lists all events of the merchant.",
    )
}

/// Look at one delivery and its log.
#[utoipa::path(
    get, path = "/v1/webhook_endpoints/{id}/deliveries/{event_id}", tag = "webhooks", operation_id = "get_webhook_delivery",
    security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "`whk_` and 32 hexadecimal digits"),
        ("event_id" = String, Path, description = "`evt_` and 32 hexadecimal digits"),
    ),
    responses(
        (status = 200, description = "The delivery with every sending", body = DeliveryWithAttempts),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`webhook_endpoint_not_found`, `event_not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<axum::Json<DeliveryWithAttempts>, Problem> {
    let Path((id, event_id)) = path.map_err(|_| not_found())?;
    let endpoint = find(&app, &merchant.mchid, &endpoint_id(Ok(Path(id)))?).await?;
    let event_id = EventId::parse(event_id).map_err(|_| event_not_found())?;
    let load = Load {
        deliveries: Some((endpoint.id.clone(), vec![event_id.clone()])),
        ..Load::default()
    };
    let store = &app.ports.store;
    let first = |loaded: Loaded| (loaded.deliveries.into_iter().next(), Default::default());
    let found = transact(&**store, load, first).await?;
    let delivery = found.ok_or_else(event_not_found)?;
    let attempts = store
        .delivery_attempts(merchant.mchid.clone(), endpoint.id, event_id)
        .await?;
    Ok(axum::Json(DeliveryWithAttempts {
        delivery: (&delivery).into(),
        attempts: attempts.iter().map(DeliveryAttemptView::from).collect(),
    }))
}
