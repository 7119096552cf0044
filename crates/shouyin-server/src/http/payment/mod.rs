//! `/v1/payments`: the merchant's backend asks to be paid, looks, changes its mind, closes.

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod pay;
pub(crate) mod qr;
pub(crate) mod revise;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use shouyin_core::id::PaymentId;
use shouyin_core::payment::Payment;
use shouyin_core::payment::service;
use shouyin_core::payment::view::PaymentView;
use shouyin_core::ports::PaymentKey;

use super::App;
use super::auth::Merchant;
use super::body;
use super::error::{Code, Problem, ProblemBody};
use super::idempotency::{self, Keyed};

pub(crate) fn not_found() -> Problem {
    Problem::new(
        Code::PaymentNotFound,
        "Check the id; it begins with pay_. A payment is only visible to its own merchant and its own payer.",
    )
}

/// The id of the path. Whatever is no id is not found, like an id that nobody has.
pub(crate) fn payment_id(path: Result<Path<String>, PathRejection>) -> Result<PaymentId, Problem> {
    let Path(text) = path.map_err(|_| not_found())?;
    PaymentId::parse(text).map_err(|_| not_found())
}

fn shown(status: StatusCode, payment: &Payment) -> Response {
    idempotency::json(status, PaymentView::from(payment).to_json())
}

/// Look at one payment.
///
/// As it is stored here; `sync` asks WeChat first.
#[utoipa::path(
    get, path = "/v1/payments/{id}", tag = "payments", operation_id = "get_payment",
    security(("api_key" = [])),
    params(("id" = String, Path, description = "`pay_` and 32 hexadecimal digits")),
    responses(
        (status = 200, description = "The payment as it is stored", body = PaymentView),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`payment_not_found`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let key = PaymentKey::Id(merchant.mchid, payment_id(path)?);
    let found = app.ports.store.payment(key).await?;
    found
        .map(|payment| shown(StatusCode::OK, &payment))
        .ok_or_else(not_found)
}

/// Close a payment, at WeChat too.
///
/// Answers with `closed`, with `closing` while WeChat has not confirmed (it goes on by itself), or with `paid` if the payer
/// was quicker.
#[utoipa::path(
    post, path = "/v1/payments/{id}/close", tag = "payments", operation_id = "close_payment",
    security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "`pay_` and 32 hexadecimal digits"),
        ("Idempotency-Key" = String, Header, description = "Your own value for this operation"),
    ),
    responses(
        (status = 200, description = "The payment as it is now", body = PaymentView),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`payment_not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`idempotency_key_reused`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn close(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
    keyed: Keyed,
) -> Result<Response, Problem> {
    let id = payment_id(path)?;
    body::expect_nothing(&keyed.body)?;
    let work = async {
        let closed = service::close(&app.ports, &merchant.mchid, &id).await?;
        closed
            .map(|payment| PaymentView::from(&payment).to_json())
            .ok_or_else(not_found)
    };
    idempotency::once(&app, &merchant.mchid, &keyed.idempotency, work).await
}

/// Ask WeChat now, and get the payment as it is then.
#[utoipa::path(
    post, path = "/v1/payments/{id}/sync", tag = "payments", operation_id = "sync_payment",
    security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "`pay_` and 32 hexadecimal digits"),
        ("Idempotency-Key" = String, Header, description = "Your own value for this operation; a fresh one for every fresh look"),
    ),
    responses(
        (status = 200, description = "The payment as it is now", body = PaymentView),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`payment_not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`idempotency_key_reused`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn sync(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
    keyed: Keyed,
) -> Result<Response, Problem> {
    let id = payment_id(path)?;
    body::expect_nothing(&keyed.body)?;
    let work = async {
        let key = PaymentKey::Id(merchant.mchid.clone(), id);
        let synced = service::sync(&app.ports, key).await?;
        synced
            .map(|payment| PaymentView::from(&payment).to_json())
            .ok_or_else(not_found)
    };
    idempotency::once(&app, &merchant.mchid, &keyed.idempotency, work).await
}
