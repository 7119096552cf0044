//! `POST /v1/refunds/{id}/remedy`: the original way back is blocked, so the money takes another one.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use shouyin_core::outcome::Outcome;
use shouyin_core::ports::Remedy;
use shouyin_core::refund::service::{self, RemedyAnswer};
use shouyin_core::refund::view::RefundView;
use tracing::warn;
use utoipa::ToSchema;

use super::{not_found, refund_id, text};
use crate::http::App;
use crate::http::auth::Merchant;
use crate::http::body;
use crate::http::error::{Code, Problem, ProblemBody, WechatError};
use crate::http::idempotency::{self, Keyed};

/// Where the money goes instead. Card number and name are encrypted for WeChat and stored nowhere.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = RefundRemedy)]
pub(crate) enum RemedyBody {
    /// To a bank card of the payer.
    UserBankCard {
        /// WeChat's name of the bank and kind of card.
        #[schema(example = "ICBC_DEBIT")]
        bank_type: String,
        /// The card number.
        account: String,
        /// The card holder's name.
        name: String,
    },
    /// To the merchant's own account: the merchant pays the payer in another way.
    MerchantBankCard {},
}

impl From<RemedyBody> for Remedy {
    fn from(body: RemedyBody) -> Self {
        match body {
            RemedyBody::UserBankCard {
                bank_type,
                account,
                name,
            } => Self::UserBankCard {
                bank_type,
                account,
                name,
            },
            RemedyBody::MerchantBankCard {} => Self::MerchantBankCard,
        }
    }
}

/// Pay an abnormal refund out in another way.
///
/// For refunds in state `abnormal`: the payer's account cannot take the money, and WeChat holds it.
#[utoipa::path(
    post, path = "/v1/refunds/{id}/remedy", tag = "refunds", operation_id = "remedy_refund",
    security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "`ref_` and 32 hexadecimal digits"),
        ("Idempotency-Key" = String, Header, description = "Your own value for this operation. The body is not part of the comparison: nothing derived from a card number is stored."),
    ),
    request_body = RemedyBody,
    responses(
        (status = 200, description = "WeChat took it; the refund as it is now", body = RefundView),
        (status = 400, description = "`malformed_json`, `invalid_field`, `idempotency_key_missing`, `idempotency_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`refund_not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`refund_not_abnormal`, `idempotency_key_reused`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`wechat_refused`: see `wechat`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`: the refund's state tells within a minute", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remedy(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
    keyed: Keyed,
) -> Result<Response, Problem> {
    let id = refund_id(path)?;
    let asked: RemedyBody = body::parse(&keyed.body)?;
    let work = async {
        let answer = service::remedy(&app.ports, &merchant.mchid, &id, asked.into()).await?;
        judge(answer)
    };
    idempotency::once(&app, &merchant.mchid, &keyed.without_body(), work).await
}

fn judge(answer: RemedyAnswer) -> Result<String, Problem> {
    let (outcome, found) = match answer {
        RemedyAnswer::NotFound => return Err(not_found()),
        RemedyAnswer::NotAbnormal => {
            return Err(Problem::new(
                Code::RefundNotAbnormal,
                "Only a refund in state abnormal can be paid out in another way. Look at it again with GET /v1/refunds/{id}.",
            ));
        }
        RemedyAnswer::Asked { outcome, found } => (outcome, found),
    };
    match *outcome {
        Outcome::Succeeded(_) => Ok(text(&found)),
        Outcome::Rejected(refusal) => Err(Problem::new(
            Code::WechatRefused,
            "WeChat does not take this. Correct the reason given under wechat and send it again.",
        )
        .with_wechat(WechatError {
            code: refusal.code,
            message: refusal.message,
            request_id: refusal.request_id,
        })),
        Outcome::Blocked(_) => Err(Problem::new(
            Code::RateLimited,
            "Too many requests to WeChat for now. Send it again in a minute.",
        )),
        Outcome::Unknown(doubt) => {
            warn!(refund.id = %found.refund.id, error = doubt.reason, "Nobody knows yet whether WeChat took another way for a refund");
            Err(Problem::new(
                Code::WechatUnavailable,
                "WeChat gave no usable answer. It is asked for the refund's state within a minute: look at the refund then, and send this again if it is still abnormal.",
            ))
        }
    }
}
