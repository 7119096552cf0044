//! `POST /v1/payments`: the merchant's backend asks to be paid.

use axum::extract::State;
use axum::response::Response;
use fen::Fen;
use http::StatusCode;
use serde::Deserialize;
use shouyin_core::id::{Appid, Mchid, OrderNo};
use shouyin_core::payment::decide::{CreateError, NewPayment};
use shouyin_core::payment::service::{self, CreateAnswer};
use shouyin_core::payment::view::PaymentView;
use shouyin_core::ports::NotServed;
use shouyin_core::product::Product;
use shouyin_core::time::{MINUTE_MS, SECOND_MS};
use utoipa::ToSchema;

use super::shown;
use crate::http::App;
use crate::http::auth::Merchant;
use crate::http::body;
use crate::http::error::{Code, Problem, ProblemBody};
use crate::http::idempotency::{self, Keyed};

/// Time to pay when the merchant does not say, in milliseconds.
const DEFAULT_EXPIRY_MS: i64 = 30 * MINUTE_MS;

/// What the merchant asks for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPayment)]
pub(crate) struct NewPaymentBody {
    /// The shop's own number, 1 to 64 visible ASCII characters. One order has one open payment.
    #[schema(example = "coffee-1001")]
    order_no: String,
    /// How much, in fen (1 fen = 0.01 yuan). An integer from 1 to 1000000000.
    #[schema(value_type = i64, minimum = 1, maximum = 1_000_000_000, example = 1990)]
    amount_fen: Fen,
    /// Shown to the payer: 1 to 127 characters, no emoji.
    #[schema(example = "拿铁 Latte")]
    description: String,
    /// The app it is paid in. May be left out if the merchant takes payments in one app only.
    #[schema(example = "wx1111222233334444")]
    appid: Option<String>,
    /// How it is paid; `mini_program` if left out.
    #[serde(default)]
    product: Product,
    /// Time to pay in seconds, 60 to 604800 (7 days); 1800 if left out. Then the order is closed at WeChat.
    #[schema(minimum = 60, maximum = 604_800, example = 1800)]
    expires_in_seconds: Option<i64>,
    /// Your own text, returned with the payment: at most 128 characters.
    attach: Option<String>,
}

fn invalid(field: &str, problem: &str) -> Problem {
    Problem::new(Code::InvalidField, format!("{field} {problem}."))
}

impl NewPaymentBody {
    fn check(self, app: &App, mchid: Mchid) -> Result<NewPayment, Problem> {
        let appid = match self.appid {
            Some(text) => Appid::parse(text).map_err(|error| invalid(error.what, error.problem))?,
            None => only_app(app, &mchid)?,
        };
        Ok(NewPayment {
            appid,
            mchid,
            product: self.product,
            order_no: OrderNo::parse(self.order_no)
                .map_err(|error| invalid(error.what, error.problem))?,
            amount: self.amount_fen,
            description: self.description,
            attach: self.attach,
            expires_in_ms: self
                .expires_in_seconds
                .map_or(DEFAULT_EXPIRY_MS, |seconds| {
                    seconds.saturating_mul(SECOND_MS)
                }),
        })
    }
}

fn only_app(app: &App, mchid: &Mchid) -> Result<Appid, Problem> {
    match app.apps.get(mchid).map(Vec::as_slice) {
        Some([only]) => Ok(only.clone()),
        _ => Err(Problem::new(
            Code::InvalidField,
            "appid is missing: say in which app the payment is made, since this merchant does not have exactly one.",
        )),
    }
}

fn app_not_served(app: &App, mchid: &Mchid) -> Problem {
    let known = app.apps.get(mchid).map_or_else(String::new, |apps| {
        apps.iter()
            .map(Appid::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    });
    Problem::new(
        Code::UnknownApp,
        format!(
            "This merchant takes no payments in that app. Use one of: {known}; or add it to the server's configuration."
        ),
    )
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Invalid { field, problem } => invalid(field, &problem),
            CreateError::OrderNoTaken { payment_id } => Self::new(
                Code::OrderNoConflict,
                format!(
                    "This order_no has payment {payment_id} with another amount, description, app, product or attach. Close that payment first, or use another order_no."
                ),
            ),
        }
    }
}

/// Ask to be paid.
///
/// The payment is stored before anything else happens. Repeating the request with the same `Idempotency-Key` gives the
/// same answer again; the same `order_no` with the same parameters under another key gives the payment that is there.
#[utoipa::path(
    post, path = "/v1/payments", tag = "payments", operation_id = "create_payment",
    security(("api_key" = [])),
    params(("Idempotency-Key" = String, Header, description = "Your own value for this operation, 1 to 255 visible ASCII characters. Same key and body: same answer.")),
    request_body = NewPaymentBody,
    responses(
        (status = 201, description = "The payment, new or replayed under the same key", body = PaymentView),
        (status = 200, description = "The payment this order had already, same parameters", body = PaymentView),
        (status = 400, description = "`malformed_json`, `invalid_field`, `unknown_app`, `product_not_served`, `idempotency_key_missing`, `idempotency_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`order_no_conflict`, `idempotency_key_reused`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "`body_too_large`: more than 64 KiB", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`store_unavailable`: nothing was saved, repeat", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    merchant: Merchant,
    keyed: Keyed,
) -> Result<Response, Problem> {
    let asked: NewPaymentBody = body::parse(&keyed.body)?;
    let new = asked.check(&app, merchant.mchid.clone())?;
    match service::create(&app.ports, new, keyed.idempotency).await? {
        CreateAnswer::Payment(created) if created.is_new => {
            Ok(shown(StatusCode::CREATED, &created.payment))
        }
        CreateAnswer::Payment(created) => Ok(shown(StatusCode::OK, &created.payment)),
        CreateAnswer::Replay { status, body } => Ok(idempotency::replay(status, body)),
        CreateAnswer::KeyConflict => Err(idempotency::reused()),
        CreateAnswer::NotServed(NotServed::App) => Err(app_not_served(&app, &merchant.mchid)),
        CreateAnswer::NotServed(NotServed::Product(why)) => {
            Err(Problem::new(Code::ProductNotServed, format!("{why}.")))
        }
        CreateAnswer::Refused(error) => Err(error.into()),
    }
}
