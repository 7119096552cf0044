//! `/v1/incidents`: where WeChat's word contradicts our record. For people.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use shouyin_core::incident::Incident;
use shouyin_core::payment::view::rfc3339;
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::auth::Merchant;
use super::error::{Problem, ProblemBody};
use super::query::{page_size, query};

/// How many to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct IncidentQuery {
    /// At most this many, 1 to 100; 20 if left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// One contradiction. The same kind for the same order, refund and bill is kept once, however often it is seen.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Incident)]
pub(crate) struct IncidentView {
    /// What does not fit.
    #[schema(example = "amount_mismatch")]
    kind: &'static str,
    /// The order at WeChat it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    out_trade_no: Option<String>,
    /// The refund at WeChat it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    out_refund_no: Option<String>,
    /// The day (in Beijing) whose bill it was found in, if it was found in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-01-05")]
    bill_date: Option<String>,
    /// The payment, when the order is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<String>,
    /// When it was first seen.
    at: String,
    /// What was expected and what came, for people.
    detail: String,
}

impl From<&Incident> for IncidentView {
    fn from(incident: &Incident) -> Self {
        Self {
            kind: incident.kind.as_str(),
            out_trade_no: incident.out_trade_no.as_ref().map(ToString::to_string),
            out_refund_no: incident.out_refund_no.as_ref().map(ToString::to_string),
            bill_date: incident.bill_date.map(|date| date.to_string()),
            payment_id: incident.payment_id.as_ref().map(ToString::to_string),
            at: rfc3339(incident.at),
            detail: incident.detail.clone(),
        }
    }
}

/// Incidents, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IncidentList {
    data: Vec<IncidentView>,
}

/// List incidents, newest first.
///
/// Verified messages and bills of WeChat that contradict what is stored here. They change nothing by themselves: somebody has to look.
#[utoipa::path(
    get, path = "/v1/incidents", tag = "operation", operation_id = "list_incidents",
    security(("api_key" = [])),
    params(IncidentQuery),
    responses(
        (status = 200, description = "The newest ones", body = IncidentList),
        (status = 400, description = "`invalid_query`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    merchant: Merchant,
    parameters: Result<Query<IncidentQuery>, QueryRejection>,
) -> Result<axum::Json<IncidentList>, Problem> {
    let limit = page_size(query(parameters)?.limit)?;
    let incidents = app
        .ports
        .store
        .incidents(merchant.mchid.clone(), limit)
        .await?;
    Ok(axum::Json(IncidentList {
        data: incidents.iter().map(IncidentView::from).collect(),
    }))
}
