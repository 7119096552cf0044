//! Sending events again: one by its id, or all of a range.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shouyin_core::id::{EndpointId, EventId, Mchid};
use shouyin_core::webhook::service::{self, ResendError};
use shouyin_core::webhook::view::DeliveryView;
use utoipa::ToSchema;

use super::delivery::event_not_found;
use super::{endpoint_id, find, not_found};
use crate::http::App;
use crate::http::auth::Merchant;
use crate::http::body;
use crate::http::error::{Code, Problem, ProblemBody};
use crate::http::idempotency::{self, Keyed};

/// What to send again: one event, or a range of them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Resend)]
pub(crate) struct ResendBody {
    /// This event, whatever became of it; not together with the others.
    event_id: Option<String>,
    /// Events behind this cursor of `GET /v1/events`; "0" for all.
    after: Option<String>,
    /// Up to and with this cursor; to the newest, if left out.
    until: Option<String>,
    /// Only those that were given up; all, if left out or false.
    #[serde(default)]
    only_failed: bool,
}

enum Wanted {
    One(EventId),
    Range {
        after: i64,
        until: Option<i64>,
        only_failed: bool,
    },
}

fn cursor(name: &str, text: &str) -> Result<i64, Problem> {
    let number = text.parse().ok().filter(|seq: &i64| *seq >= 0);
    number.ok_or_else(|| {
        Problem::new(
            Code::InvalidField,
            format!("{name} must be a cursor: the value of next from GET /v1/events, or \"0\"."),
        )
    })
}

impl ResendBody {
    fn check(self) -> Result<Wanted, Problem> {
        match (self.event_id, self.after, self.until, self.only_failed) {
            (Some(id), None, None, false) => Ok(Wanted::One(
                EventId::parse(id).map_err(|_| event_not_found())?,
            )),
            (None, Some(after), until, only_failed) => Ok(Wanted::Range {
                after: cursor("after", &after)?,
                until: until.map(|text| cursor("until", &text)).transpose()?,
                only_failed,
            }),
            _ => Err(Problem::new(
                Code::InvalidField,
                "Send either event_id alone, or after with until and only_failed as you like.",
            )),
        }
    }
}

/// How many events are on their way again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResentRange {
    /// So many.
    resent: u64,
}

/// One delivery, or how many.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Resent {
    /// For `event_id`.
    One(DeliveryView),
    /// For a range.
    Range(ResentRange),
}

impl From<ResendError> for Problem {
    fn from(error: ResendError) -> Self {
        match error {
            ResendError::Disabled => Self::new(
                Code::WebhookEndpointDisabled,
                "Nothing is sent to a disabled endpoint. Enable it first: PATCH it with {\"enabled\": true}.",
            ),
            ResendError::TooMany { max } => Self::new(
                Code::InvalidField,
                format!(
                    "until leaves more than {max} events in this range. Send smaller ranges, one after the other."
                ),
            ),
        }
    }
}

async fn resend_to(
    app: &App,
    mchid: &Mchid,
    id: &EndpointId,
    wanted: Wanted,
) -> Result<Resent, Problem> {
    // Tells an unknown endpoint from an unknown event.
    find(app, mchid, id).await?;
    match wanted {
        Wanted::One(event_id) => {
            let resent = service::resend(&app.ports, mchid, id, &event_id).await?;
            let delivery = resent.ok_or_else(event_not_found)??;
            Ok(Resent::One((&delivery).into()))
        }
        Wanted::Range {
            after,
            until,
            only_failed,
        } => {
            let resent =
                service::resend_range(&app.ports, mchid, id, after, until, only_failed).await?;
            let resent = resent.ok_or_else(not_found)??;
            Ok(Resent::Range(ResentRange { resent }))
        }
    }
}

/// Send events again, with the ids they always had.
///
/// One event by its id, also one that was never meant for this endpoint; or a range of the types it wants, for example
/// everything since a cursor after it was down or disabled.
#[utoipa::path(
    post, path = "/v1/webhook_endpoints/{id}/resend", tag = "webhooks", operation_id = "resend_webhooks",
    security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "`whk_` and 32 hexadecimal digits"),
        ("Idempotency-Key" = String, Header, description = "Your own value for this operation"),
    ),
    request_body = ResendBody,
    responses(
        (status = 200, description = "They are on their way", body = Resent),
        (status = 400, description = "`malformed_json`, `invalid_field`, `idempotency_key_missing`, `idempotency_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`webhook_endpoint_not_found`, `event_not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`webhook_endpoint_disabled`, `idempotency_key_reused`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn resend(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
    keyed: Keyed,
) -> Result<Response, Problem> {
    let id = endpoint_id(path)?;
    let asked: ResendBody = body::parse(&keyed.body)?;
    let wanted = asked.check()?;
    let work = async {
        let resent = resend_to(&app, &merchant.mchid, &id, wanted).await?;
        // Serialising plain strings and integers cannot fail.
        Ok(serde_json::to_string(&resent).unwrap_or_default())
    };
    idempotency::once(&app, &merchant.mchid, &keyed.idempotency, work).await
}
