//! Lists of refunds: of one payment, and of a merchant page by page.

use std::collections::BTreeMap;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use shouyin_core::id::{PaymentId, RefundId};
use shouyin_core::payment::Payment;
use shouyin_core::ports::{PaymentKey, RefundFilter};
use shouyin_core::refund::view::RefundView;
use utoipa::{IntoParams, ToSchema};

use crate::http::App;
use crate::http::auth::Merchant;
use crate::http::error::{Problem, ProblemBody};
use crate::http::payment::{not_found, payment_id};
use crate::http::query::{invalid_query, page_size, query};

const STATES: [&str; 6] = [
    "recorded",
    "processing",
    "abnormal",
    "succeeded",
    "closed",
    "rejected",
];

/// Which refunds to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RefundQuery {
    /// Only refunds of this payment.
    payment_id: Option<String>,
    /// Only refunds in this state: `recorded`, `processing`, `abnormal`, `succeeded`, `closed` or `rejected`.
    state: Option<String>,
    /// At most this many, 1 to 100; 20 if left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// The cursor: `next` of the page before.
    after: Option<String>,
}

impl RefundQuery {
    fn filter(self) -> Result<RefundFilter, Problem> {
        let payment_id = self
            .payment_id
            .map(PaymentId::parse)
            .transpose()
            .map_err(|error| invalid_query(format!("{error}.")))?;
        if let Some(state) = &self.state
            && !STATES.contains(&state.as_str())
        {
            let states = STATES.join(", ");
            return Err(invalid_query(format!("state must be one of {states}.")));
        }
        let before =
            self.after.map(RefundId::parse).transpose().map_err(|_| {
                invalid_query("after must be the value of next from the page before.")
            })?;
        Ok(RefundFilter {
            payment_id,
            state: self.state,
            before,
            limit: page_size(self.limit)?,
        })
    }
}

/// A page of refunds, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefundPage {
    data: Vec<RefundView>,
    /// Pass it as `after` for the next page; `null` at the end.
    next: Option<String>,
}

/// List refunds, newest first.
///
/// Also those that somebody made in WeChat's console.
#[utoipa::path(
    get, path = "/v1/refunds", tag = "refunds", operation_id = "list_refunds",
    security(("api_key" = [])),
    params(RefundQuery),
    responses(
        (status = 200, description = "One page", body = RefundPage),
        (status = 400, description = "`invalid_query`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    merchant: Merchant,
    parameters: Result<Query<RefundQuery>, QueryRejection>,
) -> Result<axum::Json<RefundPage>, Problem> {
    let mut filter = query(parameters)?.filter()?;
    let size = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    // One more than asked for tells whether there is another page.
    filter.limit = filter.limit.saturating_add(1);
    let store = &app.ports.store;
    let mut refunds = store.refunds(merchant.mchid.clone(), filter).await?;
    let more = refunds.len() > size;
    refunds.truncate(size);
    let next = refunds
        .last()
        .filter(|_| more)
        .map(|(_, refund)| refund.id.to_string());
    let mut payments: BTreeMap<PaymentId, Payment> = BTreeMap::new();
    let mut data = Vec::new();
    for (id, refund) in refunds {
        if !payments.contains_key(&id) {
            let key = PaymentKey::Id(merchant.mchid.clone(), id.clone());
            let found = store.payment(key).await?.ok_or_else(Problem::internal)?;
            payments.insert(id.clone(), found);
        }
        data.extend(
            payments
                .get(&id)
                .map(|payment| RefundView::new(payment, &refund)),
        );
    }
    Ok(axum::Json(RefundPage { data, next }))
}

/// The refunds of one payment, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefundsOfPayment {
    data: Vec<RefundView>,
}

/// List all refunds of one payment, newest first.
#[utoipa::path(
    get, path = "/v1/payments/{id}/refunds", tag = "refunds", operation_id = "list_refunds_of_payment",
    security(("api_key" = [])),
    params(("id" = String, Path, description = "`pay_` and 32 hexadecimal digits")),
    responses(
        (status = 200, description = "All of them", body = RefundsOfPayment),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`payment_not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn of_payment(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
) -> Result<axum::Json<RefundsOfPayment>, Problem> {
    let key = PaymentKey::Id(merchant.mchid.clone(), payment_id(path)?);
    let found = app.ports.store.payment(key).await?;
    let payment = found.ok_or_else(not_found)?;
    let refunds = payment.refunds.iter().rev();
    Ok(axum::Json(RefundsOfPayment {
        data: refunds
            .map(|refund| RefundView::new(&payment, refund))
            .collect(),
    }))
}
