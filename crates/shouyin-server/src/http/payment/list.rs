//! `GET /v1/payments`: a merchant's payments, page by page.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use shouyin_core::id::{OrderNo, PaymentId};
use shouyin_core::payment::view::PaymentView;
use shouyin_core::ports::PaymentFilter;
use utoipa::{IntoParams, ToSchema};

use crate::http::App;
use crate::http::auth::Merchant;
use crate::http::error::{Problem, ProblemBody};
use crate::http::query::{invalid_query, page_size, query};

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
