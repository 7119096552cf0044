//! `POST /v1/payments/{id}/revise`: the merchant's backend asks for something else than before.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use fen::Fen;
use serde::Deserialize;
use shouyin_core::payment::decide::{ReviseError, Revision};
use shouyin_core::payment::service::{self, ReviseAnswer};
use shouyin_core::payment::view::PaymentView;
use utoipa::ToSchema;

use super::{not_found, payment_id};
use crate::http::App;
use crate::http::auth::Merchant;
use crate::http::body;
use crate::http::error::{Code, Problem, ProblemBody};
use crate::http::idempotency::{self, Keyed};

/// What is asked for from now on. What is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PaymentRevision)]
pub(crate) struct RevisionBody {
    /// How much, in fen. An integer from 1 to 1000000000.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 1_000_000_000, example = 1790)]
    amount_fen: Option<Fen>,
    /// Shown to the payer: 1 to 127 characters, no emoji.
    description: Option<String>,
    /// Your own text: at most 128 characters.
    attach: Option<String>,
}

impl From<ReviseError> for Problem {
    fn from(error: ReviseError) -> Self {
        match error {
            ReviseError::Invalid(error) => error.into(),
            ReviseError::Paid => Self::new(
                Code::PaymentPaid,
                "The payer was quicker: it is paid with what was asked for before. Refund it, or part of it, if that was too much.",
            ),
            ReviseError::Closed => Self::new(
                Code::PaymentClosed,
                "It is closed or being closed. Make a new payment.",
            ),
        }
    }
}

/// Change amount, description or attach of an open payment.
///
/// An order that the payer may have at WeChat already is closed there; the next tap opens one with a new number. If somebody
/// pays the old order all the same before WeChat closes it, that money is surplus: there is a `payment.surplus_paid`, and it is
/// refunded or kept, by the merchant's `surplus_payment` setting.
#[utoipa::path(
    post, path = "/v1/payments/{id}/revise", tag = "payments", operation_id = "revise_payment",
    security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "`pay_` and 32 hexadecimal digits"),
        ("Idempotency-Key" = String, Header, description = "Your own value for this operation"),
    ),
    request_body = RevisionBody,
    responses(
        (status = 200, description = "The payment as it is now", body = PaymentView),
        (status = 400, description = "`malformed_json`, `invalid_field`, `idempotency_key_missing`, `idempotency_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`payment_not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`payment_paid`, `payment_closed`, `idempotency_key_reused`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn revise(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
    keyed: Keyed,
) -> Result<Response, Problem> {
    let id = payment_id(path)?;
    let asked: RevisionBody = body::parse(&keyed.body)?;
    let revision = Revision {
        amount: asked.amount_fen,
        description: asked.description,
        attach: asked.attach,
    };
    let work = async {
        match service::revise(&app.ports, &merchant.mchid, &id, revision).await? {
            ReviseAnswer::Payment(payment) => Ok(PaymentView::from(&*payment).to_json()),
            ReviseAnswer::NotFound => Err(not_found()),
            ReviseAnswer::Refused(error) => Err(error.into()),
        }
    };
    idempotency::once(&app, &merchant.mchid, &keyed.idempotency, work).await
}
