//! `/v1/payments`: the merchant's backend asks to be paid.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use fen::Fen;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use shouyin_core::id::{Appid, Mchid, OrderNo, PaymentId};
use shouyin_core::payment::Payment;
use shouyin_core::payment::decide::{CreateError, NewPayment};
use shouyin_core::payment::service::{self, CreateAnswer};
use shouyin_core::payment::view::PaymentView;
use shouyin_core::ports::{PaymentFilter, PaymentKey};
use shouyin_core::time::{MINUTE_MS, SECOND_MS};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::auth::Merchant;
use super::body;
use super::error::{Code, Problem, ProblemBody};
use super::idempotency::{self, Keyed};

/// Time to pay when the merchant does not say, in milliseconds.
const DEFAULT_EXPIRY_MS: i64 = 30 * MINUTE_MS;
const DEFAULT_PAGE: u32 = 20;
const LARGEST_PAGE: u32 = 100;

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
                    "This order_no has payment {payment_id} with another amount, description, app or attach. Close that payment first, or use another order_no."
                ),
            ),
        }
    }
}

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
    let body = PaymentView::from(payment).to_json();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
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
        (status = 400, description = "`malformed_json`, `invalid_field`, `unknown_app`, `idempotency_key_missing`, `idempotency_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
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
        CreateAnswer::AppNotServed => Err(app_not_served(&app, &merchant.mchid)),
        CreateAnswer::Refused(error) => Err(error.into()),
    }
}

/// Look at one payment as it is stored here. `sync` asks WeChat first.
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

/// Which payments to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only payments of this order.
    order_no: Option<String>,
    /// Only payments in this state: `open`, `closing`, `paid` or `closed`.
    state: Option<String>,
    /// At most this many, 1 to 100; 20 if left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The cursor: `next` of the page before.
    after: Option<String>,
}

/// A page of payments, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PaymentPage {
    data: Vec<PaymentView>,
    /// Pass it as `after` for the next page; `null` at the end.
    next: Option<String>,
}

pub(crate) fn invalid_query(detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidQuery, detail)
}

pub(crate) fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query
        .map(|Query(parameters)| parameters)
        .map_err(|error| invalid_query(format!("{}.", error.body_text())))
}

pub(crate) fn page_size(limit: Option<u32>) -> Result<u32, Problem> {
    match limit.unwrap_or(DEFAULT_PAGE) {
        size @ 1..=LARGEST_PAGE => Ok(size),
        _ => Err(invalid_query("limit must be from 1 to 100.")),
    }
}

impl ListQuery {
    fn filter(self) -> Result<PaymentFilter, Problem> {
        let order_no = self
            .order_no
            .map(OrderNo::parse)
            .transpose()
            .map_err(|error| invalid_query(format!("{error}.")))?;
        if let Some(state) = &self.state
            && !["open", "closing", "paid", "closed"].contains(&state.as_str())
        {
            return Err(invalid_query(
                "state must be open, closing, paid or closed.",
            ));
        }
        let before =
            self.after.map(PaymentId::parse).transpose().map_err(|_| {
                invalid_query("after must be the value of next from the page before.")
            })?;
        Ok(PaymentFilter {
            order_no,
            state: self.state,
            before,
            limit: page_size(self.limit)?,
        })
    }
}

/// List payments, newest first.
#[utoipa::path(
    get, path = "/v1/payments", tag = "payments", operation_id = "list_payments",
    security(("api_key" = [])),
    params(ListQuery),
    responses(
        (status = 200, description = "One page", body = PaymentPage),
        (status = 400, description = "`invalid_query`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    merchant: Merchant,
    parameters: Result<Query<ListQuery>, QueryRejection>,
) -> Result<axum::Json<PaymentPage>, Problem> {
    let mut filter = query(parameters)?.filter()?;
    let size = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    // One more than asked for tells whether there is another page.
    filter.limit = filter.limit.saturating_add(1);
    let mut payments = app.ports.store.payments(merchant.mchid, filter).await?;
    let more = payments.len() > size;
    payments.truncate(size);
    Ok(axum::Json(PaymentPage {
        next: payments
            .last()
            .filter(|_| more)
            .map(|payment| payment.id.to_string()),
        data: payments.iter().map(PaymentView::from).collect(),
    }))
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
