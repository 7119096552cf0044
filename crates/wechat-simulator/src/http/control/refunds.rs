//! WeChat's books over HTTP: refunds.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use fen::Fen;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::orders::order_key;
use super::{Body, Done, Front, Problem, done, throw};
use crate::control::{Command, CommandAnswer};
use crate::refund::{Refund, RefundEnd, RefundState};

/// A refund as WeChat keeps it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RefundView {
    /// Whose.
    mchid: String,
    /// The merchant's number.
    out_refund_no: String,
    /// WeChat's number.
    refund_id: String,
    /// The merchant's number of the order.
    out_trade_no: String,
    /// What goes back.
    refund_fen: i64,
    /// What the payer gets of it.
    payer_refund_fen: i64,
    /// `PROCESSING`, `SUCCESS`, `CLOSED` or `ABNORMAL`.
    status: &'static str,
    /// When it was accepted.
    created_at_ms: i64,
    /// When the money arrived.
    success_at_ms: Option<i64>,
}

impl From<&Refund> for RefundView {
    fn from(refund: &Refund) -> Self {
        Self {
            mchid: refund.mchid.clone(),
            out_refund_no: refund.out_refund_no.clone(),
            refund_id: refund.refund_id.clone(),
            out_trade_no: refund.out_trade_no.clone(),
            refund_fen: refund.refund.get(),
            payer_refund_fen: refund.payer_refund.get(),
            status: refund.status(),
            created_at_ms: refund.created_ms,
            success_at_ms: match refund.state {
                RefundState::Success { at_ms } => Some(at_ms),
                RefundState::Processing | RefundState::Closed | RefundState::Abnormal => None,
            },
        }
    }
}

/// All refunds.
#[utoipa::path(get, path = "/refunds", responses((status = 200, body = Vec<RefundView>)))]
pub(super) async fn list(State(front): State<Arc<Front>>) -> Json<Vec<RefundView>> {
    Json(front.read(|wechat| wechat.refunds().map(RefundView::from).collect()))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsoleRefund {
    /// Of which paid order.
    out_trade_no: String,
    /// How much.
    refund_fen: i64,
    /// Its number; made up if absent.
    out_refund_no: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConsoleRefundNumber {
    /// The merchant's number of the refund.
    out_refund_no: String,
}

/// A refund made by hand in WeChat's console. It is notified to the address of `/refund-notify-url`.
#[utoipa::path(post, path = "/refunds", request_body = ConsoleRefund,
    responses((status = 200, body = ConsoleRefundNumber), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn console(
    State(front): State<Arc<Front>>,
    Body(body): Body<ConsoleRefund>,
) -> Result<Json<ConsoleRefundNumber>, Problem> {
    let command = Command::ConsoleRefund {
        order: order_key(&front, &body.out_trade_no)?,
        amount: Fen::new(body.refund_fen),
        out_refund_no: body.out_refund_no,
    };
    match throw(&front, command)? {
        CommandAnswer::Refund(out_refund_no) => Ok(Json(ConsoleRefundNumber { out_refund_no })),
        CommandAnswer::Done
        | CommandAnswer::LoginCode { .. }
        | CommandAnswer::PaymentCode(_)
        | CommandAnswer::PhoneCode(_) => Err(Problem::internal("no refund was made")),
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Finish {
    /// How it ends; absent: as it was to end.
    to: Option<RefundEnd>,
}

/// Ends a refund now instead of after its delay, or settles an abnormal one as WeChat's console would.
#[utoipa::path(post, path = "/refunds/{out_refund_no}/finish", params(("out_refund_no" = String, Path)),
    request_body = Finish, responses((status = 200, body = Done), (status = 404, body = Problem)))]
pub(super) async fn finish(
    State(front): State<Arc<Front>>,
    Path(out_refund_no): Path<String>,
    Body(body): Body<Finish>,
) -> Result<Json<Done>, Problem> {
    let key = front.read(|wechat| {
        wechat
            .refunds()
            .find(|refund| refund.out_refund_no == out_refund_no)
            .map(|refund| (refund.mchid.clone(), refund.out_refund_no.clone()))
    });
    let refund = key.ok_or_else(|| Problem::not_found(format!("refund {out_refund_no}")))?;
    done(
        &front,
        Command::FinishRefund {
            refund,
            end: body.to,
        },
    )
}
