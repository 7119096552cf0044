//! `POST /v1/payments/{id}/refunds`: the merchant's backend gives money back.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use fen::Fen;
use http::StatusCode;
use serde::Deserialize;
use shouyin_core::id::{InvalidId, Mchid, OutTradeNo, PaymentId, RefundNo};
use shouyin_core::refund::decide::{NewRefund, RefundError};
use shouyin_core::refund::service::{self, CreateAnswer};
use shouyin_core::refund::view::RefundView;
use utoipa::ToSchema;

use super::text;
use crate::http::App;
use crate::http::auth::Merchant;
use crate::http::body;
use crate::http::error::{Code, Problem, ProblemBody};
use crate::http::idempotency::{self, Keyed};
use crate::http::payment::{not_found, payment_id};

/// What is to go back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRefund)]
pub(crate) struct NewRefundBody {
    /// The shop's own number, 1 to 64 visible ASCII characters, unique within the payment: asking again under it is the same
    /// refund.
    #[schema(example = "return-1001-1")]
    refund_no: String,
    /// How much, in fen; everything that is left, if left out.
    #[schema(value_type = Option<i64>, minimum = 1, example = 500)]
    amount_fen: Option<Fen>,
    /// What the payer reads: 1 to 80 characters, no emoji.
    #[schema(example = "少了一杯")]
    reason: Option<String>,
    /// Through which order at WeChat. Only needed for money beyond the payment that was kept (`payment.surplus_paid`).
    out_trade_no: Option<String>,
}

impl NewRefundBody {
    fn check(self, mchid: Mchid, payment_id: PaymentId) -> Result<NewRefund, Problem> {
        let invalid = |error: InvalidId| Problem::new(Code::InvalidField, format!("{error}."));
        Ok(NewRefund {
            mchid,
            payment_id,
            refund_no: RefundNo::parse(self.refund_no).map_err(invalid)?,
            amount: self.amount_fen,
            reason: self.reason,
            out_trade_no: self
                .out_trade_no
                .map(OutTradeNo::parse)
                .transpose()
                .map_err(invalid)?,
        })
    }
}

impl From<RefundError> for Problem {
    fn from(error: RefundError) -> Self {
        match error {
            RefundError::Invalid { field, problem } => {
                Self::new(Code::InvalidField, format!("{field} {problem}."))
            }
            RefundError::NotPaid => Self::new(
                Code::RefundNotPaid,
                "The payment, or the order named by out_trade_no, is not paid as far as is known here. If the payer says otherwise, ask WeChat with POST /v1/payments/{id}/sync.",
            ),
            RefundError::TooMuch { left } => Self::new(
                Code::RefundTooMuch,
                format!(
                    "Only {} fen are left: refunds that are done or under way hold the rest. Ask for at most that, or leave out amount_fen.",
                    left.get()
                ),
            )
            .with_left(left),
            RefundError::TooMany => Self::new(
                Code::RefundTooMany,
                "WeChat takes at most 50 refunds for one order, and they are used up. Pay the rest back in another way.",
            ),
            RefundError::TooLate => Self::new(
                Code::RefundTooLate,
                "WeChat takes refunds until 365 days after the payment. Pay it back in another way.",
            ),
            RefundError::RefundNoTaken { refund_id } => Self::new(
                Code::RefundNoTaken,
                format!(
                    "This refund_no has refund {refund_id} with another amount, reason or order. Use another refund_no for another refund."
                ),
            ),
        }
    }
}

/// Give money back.
///
/// The refund and its number at WeChat are stored before WeChat is asked, and the number stays the same for ever: whatever
/// happens on the way, nothing goes back twice. Refunds of one payment can never exceed what was paid. The answer says where
/// the refund stands; `refund.succeeded` and its siblings say how it ends. WeChat takes one refund of an order a minute: more
/// wait here and are sent by themselves.
#[utoipa::path(
    post, path = "/v1/payments/{id}/refunds", tag = "refunds", operation_id = "create_refund",
    security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "`pay_` and 32 hexadecimal digits"),
        ("Idempotency-Key" = String, Header, description = "Your own value for this operation, 1 to 255 visible ASCII characters. Same key and body: same answer."),
    ),
    request_body = NewRefundBody,
    responses(
        (status = 201, description = "The refund, new or replayed under the same key", body = RefundView),
        (status = 200, description = "The refund that this refund_no had already, same parameters", body = RefundView),
        (status = 400, description = "`malformed_json`, `invalid_field`, `idempotency_key_missing`, `idempotency_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`payment_not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`refund_not_paid`, `refund_too_much` (with `left_fen`), `refund_too_many`, `refund_too_late`, `refund_no_taken`, `idempotency_key_reused`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`store_unavailable`: nothing was saved, repeat", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
    keyed: Keyed,
) -> Result<Response, Problem> {
    let id = payment_id(path)?;
    let asked: NewRefundBody = body::parse(&keyed.body)?;
    let new = asked.check(merchant.mchid.clone(), id)?;
    let work = async {
        match service::create(&app.ports, new).await? {
            CreateAnswer::Refund { found, is_new } => {
                let status = if is_new {
                    StatusCode::CREATED
                } else {
                    StatusCode::OK
                };
                Ok((status, text(&found)))
            }
            CreateAnswer::NotFound => Err(not_found()),
            CreateAnswer::Refused(error) => Err(error.into()),
        }
    };
    idempotency::once_with_status(&app, &merchant.mchid, &keyed.idempotency, work).await
}
