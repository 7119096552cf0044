//! `/v1/balance`: what a merchant's ledger sums up to.

use axum::extract::State;
use fen::Fen;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::auth::Merchant;
use super::error::{Problem, ProblemBody};

/// What went through this server, not what is in the merchant's account at WeChat: fees, withdrawals and other shops of the
/// same merchant number are not in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Balance)]
pub(crate) struct BalanceView {
    /// The merchant.
    mchid: String,
    /// Paid less refunded, in fen.
    #[schema(value_type = i64, example = 123_456)]
    cash_fen: Fen,
    /// Promised to refunds that are not final, in fen; part of `cash_fen`.
    #[schema(value_type = i64, example = 1_990)]
    reserved_fen: Fen,
    /// Always `CNY`.
    #[schema(example = "CNY")]
    currency: &'static str,
}

/// See what was paid and not refunded.
#[utoipa::path(
    get, path = "/v1/balance", tag = "operation", operation_id = "get_balance",
    security(("api_key" = [])),
    responses(
        (status = 200, description = "Sums of all postings", body = BalanceView),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    merchant: Merchant,
) -> Result<axum::Json<BalanceView>, Problem> {
    let balance = app.ports.store.balance(merchant.mchid.clone()).await?;
    Ok(axum::Json(BalanceView {
        mchid: merchant.mchid.to_string(),
        cash_fen: balance.cash,
        reserved_fen: balance.reserved,
        currency: "CNY",
    }))
}
