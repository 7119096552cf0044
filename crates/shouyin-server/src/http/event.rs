//! `/v1/events`: what happened, in the order it was committed, for backends that ask.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shouyin_core::event::{EventType, StoredEvent};
use shouyin_core::payment::view::{PaymentView, rfc3339};
use shouyin_core::reconciliation::view::{DifferenceView, ReconciliationView};
use shouyin_core::refund::view::RefundView;
use shouyin_core::webhook::view::EndpointView;
use tracing::error;
use utoipa::openapi::Ref;
use utoipa::openapi::schema::{OneOfBuilder, Schema};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::auth::Merchant;
use super::error::{Problem, ProblemBody};
use super::query::{invalid_query, page_size, query};

/// From where to read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventQuery {
    /// The cursor: `next` of the page before. Left out: from the beginning.
    after: Option<String>,
    /// At most this many, 1 to 100; 20 if left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// A business fact with an id that never changes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventView {
    /// `evt_` and 32 hexadecimal digits: process each id once.
    #[schema(example = "evt_0199c1a2b3c47d5e8f90123456789abc")]
    id: String,
    /// What happened.
    #[serde(rename = "type")]
    event_type: EventType,
    /// To which payment, if to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<String>,
    /// To which refund, if to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_id: Option<String>,
    /// When it was stored.
    created_at: String,
    /// The payment, the refund, the webhook endpoint, the day or the difference as it was then.
    #[schema(schema_with = any_view)]
    data: Box<RawValue>,
}

fn any_view() -> Schema {
    OneOfBuilder::new()
        .description(Some(
            "The payment, the refund, the webhook endpoint, the day or the difference as it was then, whichever the type begins with.",
        ))
        .item(Ref::from_schema_name(PaymentView::name()))
        .item(Ref::from_schema_name(RefundView::name()))
        .item(Ref::from_schema_name(EndpointView::name()))
        .item(Ref::from_schema_name(ReconciliationView::name()))
        .item(Ref::from_schema_name(DifferenceView::name()))
        .build()
        .into()
}

/// A page of events, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventPage {
    data: Vec<EventView>,
    /// Keep it and pass it as `after` the next time; it is there even when `data` is empty.
    next: String,
}

/// Read events in the order they were committed.
///
/// Nothing is skipped and nothing is reordered: keep `next`, ask again with it, and every event is seen.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", operation_id = "list_events",
    security(("api_key" = [])),
    params(EventQuery),
    responses(
        (status = 200, description = "One page", body = EventPage),
        (status = 400, description = "`invalid_query`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    merchant: Merchant,
    parameters: Result<Query<EventQuery>, QueryRejection>,
) -> Result<axum::Json<EventPage>, Problem> {
    let parameters = query(parameters)?;
    let after = match parameters.after {
        None => 0,
        Some(text) => text.parse().ok().filter(|seq| *seq >= 0).ok_or_else(|| {
            invalid_query("after must be the value of next from the page before.")
        })?,
    };
    let limit = page_size(parameters.limit)?;
    let events = app.ports.store.events(merchant.mchid, after, limit).await?;
    let next = events.last().map_or(after, |event| event.seq).to_string();
    let data = events.into_iter().map(view).collect::<Result<_, _>>()?;
    Ok(axum::Json(EventPage { data, next }))
}

fn view(stored: StoredEvent) -> Result<EventView, Problem> {
    let event = stored.event;
    let data = RawValue::from_string(event.data).map_err(|error| {
        error!(event.id = %event.id, %error, "A stored event is not JSON");
        Problem::internal()
    })?;
    Ok(EventView {
        id: event.id.to_string(),
        event_type: event.event_type,
        payment_id: event.payment_id.as_ref().map(ToString::to_string),
        refund_id: event.refund_id.as_ref().map(ToString::to_string),
        created_at: rfc3339(event.at),
        data,
    })
}
