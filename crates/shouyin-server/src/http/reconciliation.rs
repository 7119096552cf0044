//! `/v1/reconciliations`: does yesterday add up? WeChat's bill of each day against our books.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use shouyin_core::reconciliation::service::{self, Found, RunAnswer};
use shouyin_core::reconciliation::view::{DifferenceView, ReconciliationView};
use shouyin_core::time::BillDate;
use tracing::error;
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::auth::Merchant;
use super::body;
use super::error::{Code, Problem, ProblemBody};
use super::idempotency::{self, Keyed};
use super::query::{invalid_query, page_size, query};

/// Which days to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DayQuery {
    /// At most this many, 1 to 100; 20 if left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The cursor: `next` of the page before.
    after: Option<String>,
}

/// A page of days, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReconciliationPage {
    data: Vec<ReconciliationView>,
    /// Pass it as `after` for the next page; `null` at the end.
    next: Option<String>,
}

/// A day with everything that differs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReconciliationWithItems)]
pub(crate) struct DayView {
    #[serde(flatten)]
    day: ReconciliationView,
    /// What differs, in the order in which it was found.
    items: Vec<DifferenceView>,
}

impl From<&Found> for DayView {
    fn from(found: &Found) -> Self {
        Self {
            day: ReconciliationView::new(&found.day, &found.differences),
            items: found.differences.iter().map(DifferenceView::from).collect(),
        }
    }
}

fn not_found() -> Problem {
    Problem::new(
        Code::ReconciliationNotFound,
        "Check the date, yyyy-MM-dd in Beijing. Each day is compared from 10:10 on the next day; a day before this server was used can be asked for with POST /v1/reconciliations/{date}/run.",
    )
}

/// The day of the path. Whatever is no date is not found.
fn date(path: Result<Path<String>, PathRejection>) -> Result<BillDate, Problem> {
    let Path(text) = path.map_err(|_| not_found())?;
    BillDate::parse(&text).ok_or_else(not_found)
}

/// List days, newest first.
///
/// Every day WeChat's bill of the day before is compared with the books, in both directions. A day is there as soon as it is owed.
#[utoipa::path(
    get, path = "/v1/reconciliations", tag = "operation", operation_id = "list_reconciliations",
    security(("api_key" = [])),
    params(DayQuery),
    responses(
        (status = 200, description = "One page", body = ReconciliationPage),
        (status = 400, description = "`invalid_query`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    merchant: Merchant,
    parameters: Result<Query<DayQuery>, QueryRejection>,
) -> Result<axum::Json<ReconciliationPage>, Problem> {
    let parameters = query(parameters)?;
    let limit = page_size(parameters.limit)?;
    let before = match parameters.after {
        None => None,
        Some(text) => Some(BillDate::parse(&text).ok_or_else(|| {
            invalid_query("after must be the value of next from the page before.")
        })?),
    };
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    // One more than asked for tells whether there is another page.
    let found = service::list(&app.ports, &merchant.mchid, before, limit + 1).await?;
    let more = found.len() > size;
    let days = &found[..found.len().min(size)];
    Ok(axum::Json(ReconciliationPage {
        data: days
            .iter()
            .map(|found| ReconciliationView::new(&found.day, &found.differences))
            .collect(),
        next: days
            .last()
            .filter(|_| more)
            .map(|found| found.day.date.to_string()),
    }))
}

/// Look at one day: counts, sums, and everything that differs.
#[utoipa::path(
    get, path = "/v1/reconciliations/{date}", tag = "operation", operation_id = "get_reconciliation",
    security(("api_key" = [])),
    params(("date" = String, Path, description = "The day in Beijing, `yyyy-MM-dd`", example = "2026-01-05")),
    responses(
        (status = 200, description = "The day", body = DayView),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`reconciliation_not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
) -> Result<axum::Json<DayView>, Problem> {
    let found = service::get(&app.ports, &merchant.mchid, date(path)?).await?;
    let found = found.ok_or_else(not_found)?;
    Ok(axum::Json(DayView::from(&found)))
}

/// Compare a day again, from its bill on.
///
/// It is due at once and runs beside this request: look again, or wait for `reconciliation.completed`.
#[utoipa::path(
    post, path = "/v1/reconciliations/{date}/run", tag = "operation", operation_id = "run_reconciliation",
    security(("api_key" = [])),
    params(
        ("date" = String, Path, description = "The day in Beijing, `yyyy-MM-dd`", example = "2026-01-05"),
        ("Idempotency-Key" = String, Header, description = "Your own value for this operation; a fresh one for every fresh run"),
    ),
    responses(
        (status = 200, description = "The day as it is until then", body = DayView),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`reconciliation_not_found`: no date", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`day_not_over`, `bill_too_old`, `idempotency_key_reused`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn run(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
    keyed: Keyed,
) -> Result<axum::response::Response, Problem> {
    let date = date(path)?;
    body::expect_nothing(&keyed.body)?;
    let work = async {
        match service::run(&app.ports, &merchant.mchid, date).await? {
            RunAnswer::Due(found) => {
                serde_json::to_string(&DayView::from(&*found)).map_err(|why| {
                    error!(error = %why, "A day could not be written as JSON");
                    Problem::internal()
                })
            }
            RunAnswer::NotOver => Err(Problem::new(
                Code::DayNotOver,
                "WeChat makes the bill of a day on the next morning, Beijing time. Ask for an earlier day.",
            )),
            RunAnswer::TooOld => Err(Problem::new(
                Code::BillTooOld,
                "WeChat gives out bills of the last three months. Older ones are only in its console.",
            )),
        }
    };
    idempotency::once(&app, &merchant.mchid, &keyed.idempotency, work).await
}
