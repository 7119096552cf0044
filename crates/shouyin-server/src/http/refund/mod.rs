//! `/v1/refunds`: the merchant's backend gives money back, looks, and finds another way when the first one fails.

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod remedy;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use shouyin_core::id::RefundId;
use shouyin_core::refund::service::{self, Found};
use shouyin_core::refund::view::RefundView;

use super::App;
use super::auth::Merchant;
use super::body;
use super::error::{Code, Problem, ProblemBody};
use super::idempotency::{self, Keyed};

fn not_found() -> Problem {
    Problem::new(
        Code::RefundNotFound,
        "Check the id; it begins with ref_. A refund is only visible to its own merchant.",
    )
}

/// The id of the path. Whatever is no id is not found, like an id that nobody has.
fn refund_id(path: Result<Path<String>, PathRejection>) -> Result<RefundId, Problem> {
    let Path(text) = path.map_err(|_| not_found())?;
    RefundId::parse(text).map_err(|_| not_found())
}

fn text(found: &Found) -> String {
    RefundView::new(&found.payment, &found.refund).to_json()
}

/// Look at one refund.
///
/// As it is stored here; `sync` asks WeChat first.
#[utoipa::path(
    get, path = "/v1/refunds/{id}", tag = "refunds", operation_id = "get_refund",
    security(("api_key" = [])),
    params(("id" = String, Path, description = "`ref_` and 32 hexadecimal digits")),
    responses(
        (status = 200, description = "The refund as it is stored", body = RefundView),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`refund_not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let found = service::get(&app.ports, &merchant.mchid, &refund_id(path)?).await?;
    let found = found.ok_or_else(not_found)?;
    Ok(idempotency::json(StatusCode::OK, text(&found)))
}

/// Ask WeChat now, and get the refund as it is then.
///
/// Refunds to bank cards take up to three working days; WeChat tells us when one is done, so there is rarely a need to ask.
#[utoipa::path(
    post, path = "/v1/refunds/{id}/sync", tag = "refunds", operation_id = "sync_refund",
    security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "`ref_` and 32 hexadecimal digits"),
        ("Idempotency-Key" = String, Header, description = "Your own value for this operation; a fresh one for every fresh look"),
    ),
    responses(
        (status = 200, description = "The refund as it is now", body = RefundView),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`refund_not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`idempotency_key_reused`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn sync(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
    keyed: Keyed,
) -> Result<Response, Problem> {
    let id = refund_id(path)?;
    body::expect_nothing(&keyed.body)?;
    let work = async {
        let synced = service::sync(&app.ports, &merchant.mchid, &id).await?;
        synced.as_ref().map(text).ok_or_else(not_found)
    };
    idempotency::once(&app, &merchant.mchid, &keyed.idempotency, work).await
}
