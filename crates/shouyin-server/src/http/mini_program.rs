//! `/mp/v1/payments`: what the buyer's phone talks to. A session token names the payer; nothing here can set a price.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use fen::Fen;
use serde::Serialize;
use shouyin_core::outcome::Refusal;
use shouyin_core::payment::Payment;
use shouyin_core::payment::decide::{Asker, PayRefused};
use shouyin_core::payment::service::{self, Means, PayAnswer, Seen};
use shouyin_core::payment::view::rfc3339;
use shouyin_core::ports::{PaymentKey, RequestPayment};
use shouyin_core::product::Product;
use tracing::warn;
use utoipa::ToSchema;

use super::App;
use super::auth::Buyer;
use super::body::{self, RawBody};
use super::error::{Code, Problem, ProblemBody, WechatError};
use super::payment::{not_found, payment_id};

/// A payment as its payer sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BuyerPayment {
    id: String,
    /// How much, in fen.
    #[schema(value_type = i64)]
    amount_fen: Fen,
    description: String,
    /// `open`, `closing`, `paid` or `closed`.
    state: &'static str,
    /// Until when it may be paid.
    expires_at: String,
}

impl From<&Payment> for BuyerPayment {
    fn from(payment: &Payment) -> Self {
        Self {
            id: payment.id.to_string(),
            amount_fen: payment.amount,
            description: payment.description.clone(),
            state: payment.state.as_str(),
            expires_at: rfc3339(payment.expires_at),
        }
    }
}

/// Look at a payment before paying it.
#[utoipa::path(
    get, path = "/mp/v1/payments/{id}", tag = "mini program", operation_id = "view_payment",
    security(("session" = [])),
    params(("id" = String, Path, description = "`pay_` and 32 hexadecimal digits")),
    responses(
        (status = 200, description = "The payment", body = BuyerPayment),
        (status = 401, description = "`session_missing`, `session_invalid`, `session_expired`: log in again", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`payment_not_found`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn view(
    State(app): State<App>,
    Buyer { session }: Buyer,
    path: Result<Path<String>, PathRejection>,
) -> Result<axum::Json<BuyerPayment>, Problem> {
    let key = PaymentKey::AnyId(payment_id(path)?);
    let found = app.ports.store.payment(key).await?;
    match service::visible_to(found, &session.appid, &session.openid) {
        Seen::Payment(payment) => Ok(axum::Json((&*payment).into())),
        Seen::NotFound => Err(not_found()),
    }
}

/// What the phone does next.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum PayBody {
    /// Hand the parameters to `wx.requestPayment`, or to `getBrandWCPayRequest` on a page inside WeChat, all of them unchanged.
    Ready {
        /// Signed on the server; valid for this payment only.
        request_payment: RequestPayment,
    },
    /// It is paid already.
    Paid,
}

impl From<PayRefused> for Problem {
    fn from(refused: PayRefused) -> Self {
        match refused {
            PayRefused::NotYours => not_found(),
            PayRefused::Closed => Self::new(
                Code::PaymentClosed,
                "This payment is closed. Ask the shop for a new one.",
            ),
            PayRefused::Expired => Self::new(
                Code::PaymentClosed,
                "The time to pay is over. Ask the shop for a new payment.",
            ),
            PayRefused::OtherProduct(product) => Self::new(
                Code::OtherProduct,
                format!(
                    "This payment's product is {}: {}",
                    product.as_str(),
                    match product {
                        Product::MiniProgram | Product::Jsapi =>
                            "its payer logs in and asks at /mp/v1/payments/{id}/pay.",
                        Product::Native | Product::App | Product::H5 =>
                            "the merchant's backend asks at POST /v1/payments/{id}/pay.",
                        Product::Code =>
                            "the till sends the payer's auth_code to POST /v1/payments/{id}/pay.",
                    }
                ),
            ),
            PayRefused::SceneNeeded => Self::new(
                Code::InvalidField,
                "payer_ip is needed for product h5, and only there: the address of the payer's browser, as your server sees it.",
            ),
            PayRefused::TooManyAttempts => Self::new(
                Code::TooManyAttempts,
                "WeChat refused this payment again and again. The shop has to look at the reasons and make a new payment.",
            ),
        }
    }
}

/// WeChat's own words.
pub(super) fn wechat_error(refusal: Refusal) -> WechatError {
    WechatError {
        code: refusal.code,
        message: refusal.message,
        request_id: refusal.request_id,
    }
}

/// WeChat's definite no, in its own words.
pub(super) fn wechat_refused(refusal: Refusal) -> Problem {
    let detail = "WeChat does not take this order. Repeating it does not help; the shop has to correct the reason given under wechat.";
    Problem::new(Code::WechatRefused, detail).with_wechat(wechat_error(refusal))
}

/// Get the parameters for `wx.requestPayment`.
///
/// Any number of taps, on any number of phones of the same user, lead to one order at WeChat. The first user who asks is
/// the payer; nobody else can pay from then on.
#[utoipa::path(
    post, path = "/mp/v1/payments/{id}/pay", tag = "mini program", operation_id = "pay",
    security(("session" = [])),
    params(("id" = String, Path, description = "`pay_` and 32 hexadecimal digits")),
    responses(
        (status = 200, description = "Parameters, or the news that it is paid", body = PayBody),
        (status = 401, description = "`session_missing`, `session_invalid`, `session_expired`: log in again", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`payment_not_found`, also for a payment that somebody else has begun to pay", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`payment_closed`, `too_many_attempts`, `other_product`: not paid inside WeChat", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`wechat_refused`: see `wechat`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`: tap again, the order number stays the same", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn pay(
    State(app): State<App>,
    Buyer { session }: Buyer,
    path: Result<Path<String>, PathRejection>,
    RawBody(bytes): RawBody,
) -> Result<axum::Json<PayBody>, Problem> {
    let id = payment_id(path)?;
    body::expect_nothing(&bytes)?;
    let asker = Asker::Payer {
        appid: session.appid,
        openid: session.openid,
    };
    match service::pay(&app.ports, &id, &asker).await? {
        PayAnswer::Ready(Means::RequestPayment(request_payment)) => {
            Ok(axum::Json(PayBody::Ready { request_payment }))
        }
        // Core hands a payer with a session nothing else.
        PayAnswer::Ready(Means::App(_) | Means::CodeUrl(_) | Means::H5Url(_)) => {
            Err(Problem::internal())
        }
        PayAnswer::Paid => Ok(axum::Json(PayBody::Paid)),
        PayAnswer::Refused(why) => Err(why.into()),
        PayAnswer::NotFound => Err(not_found()),
        PayAnswer::Rejected(refusal) => {
            warn!(
                payment.id = %id,
                acquirer.code = refusal.code,
                acquirer.request_id = refusal.request_id,
                "WeChat refuses the order of payment {id}"
            );
            Err(wechat_refused(refusal))
        }
        PayAnswer::Unavailable(why) => {
            warn!(payment.id = %id, error = why, "No prepay id for payment {id} yet");
            Err(Problem::new(
                Code::WechatUnavailable,
                "WeChat gave no usable answer yet. Tap again: the order number stays the same and nothing is paid twice.",
            ))
        }
    }
}

/// The state of a payment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConfirmBody {
    /// `open`, `closing`, `paid` or `closed`.
    #[schema(example = "paid")]
    state: &'static str,
}

/// Ask whether it is paid.
///
/// If that is not final here, WeChat is asked first (at most once a second for one order). Only this answer counts: what
/// `wx.requestPayment` says on the phone is no proof.
#[utoipa::path(
    post, path = "/mp/v1/payments/{id}/confirm", tag = "mini program", operation_id = "confirm",
    security(("session" = [])),
    params(("id" = String, Path, description = "`pay_` and 32 hexadecimal digits")),
    responses(
        (status = 200, description = "The state after asking WeChat", body = ConfirmBody),
        (status = 401, description = "`session_missing`, `session_invalid`, `session_expired`: log in again", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`payment_not_found`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn confirm(
    State(app): State<App>,
    Buyer { session }: Buyer,
    path: Result<Path<String>, PathRejection>,
    RawBody(bytes): RawBody,
) -> Result<axum::Json<ConfirmBody>, Problem> {
    let id = payment_id(path)?;
    body::expect_nothing(&bytes)?;
    match service::confirm(&app.ports, &id, &session.appid, &session.openid).await? {
        Seen::Payment(payment) => Ok(axum::Json(ConfirmBody {
            state: payment.state.as_str(),
        })),
        Seen::NotFound => Err(not_found()),
    }
}
