//! Notifications over HTTP: what was sent, and sending more.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::orders::order_key;
use super::{Body, Done, Front, Problem, done};
use crate::control::Command;
use crate::notice::{Delivery, Finding};
use crate::seal::Flaw;

/// All notifications with every attempt, oldest first.
#[utoipa::path(get, path = "/notifications", responses((status = 200, body = Vec<Delivery>)))]
pub(super) async fn list(State(front): State<Arc<Front>>) -> Json<Vec<Delivery>> {
    Json(front.read(|wechat| wechat.deliveries().cloned().collect()))
}

/// Sends a notification once more: same id, fresh signature.
#[utoipa::path(post, path = "/notifications/{delivery}/resend", params(("delivery" = u64, Path)),
    responses((status = 200, body = Done), (status = 404, body = Problem)))]
pub(super) async fn resend(
    State(front): State<Arc<Front>>,
    Path(delivery): Path<u64>,
) -> Result<Json<Done>, Problem> {
    done(&front, Command::Resend { delivery })
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Replay {
    /// Another address than the one it was sent to.
    url: Option<String>,
}

/// Sends a genuine notification again byte for byte, as somebody who listened can. Only what was sent can be replayed.
#[utoipa::path(post, path = "/notifications/{delivery}/replay", params(("delivery" = u64, Path)), request_body = Replay,
    responses((status = 200, body = Done), (status = 404, body = Problem)))]
pub(super) async fn replay(
    State(front): State<Arc<Front>>,
    Path(delivery): Path<u64>,
    Body(body): Body<Replay>,
) -> Result<Json<Done>, Problem> {
    let url = body.url;
    done(&front, Command::Replay { delivery, url })
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Misreport {
    /// About which order, paid or not.
    out_trade_no: String,
    /// About this refund of it.
    out_refund_no: Option<String>,
    /// What differs, as a JSON Merge Patch of the decrypted resource, for example `{"amount": {"total": 1}}`.
    #[schema(value_type = Object)]
    changes: Value,
}

/// WeChat reports, signed and encrypted as always, something else than the order. The receiver must refuse it.
#[utoipa::path(post, path = "/notifications/misreport", request_body = Misreport,
    responses((status = 200, body = Done), (status = 404, body = Problem)))]
pub(super) async fn misreport(
    State(front): State<Arc<Front>>,
    Body(body): Body<Misreport>,
) -> Result<Json<Done>, Problem> {
    let command = Command::Misreport {
        order: order_key(&front, &body.out_trade_no)?,
        out_refund_no: body.out_refund_no,
        changes: body.changes,
    };
    done(&front, command)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Forgery {
    /// About which order, paid or not: right order, right amount.
    out_trade_no: String,
    /// What is wrong with it. Default `wrong_signature`.
    #[serde(default = "wrong_signature")]
    flaw: Flaw,
}

fn wrong_signature() -> Flaw {
    Flaw::WrongSignature
}

/// Sends a payment notification that WeChat did not send. The receiver must refuse it.
#[utoipa::path(post, path = "/notifications/forge", request_body = Forgery,
    responses((status = 200, body = Done), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn forge(
    State(front): State<Arc<Front>>,
    Body(body): Body<Forgery>,
) -> Result<Json<Done>, Problem> {
    if body.flaw == Flaw::None {
        return Err(Problem::bad(
            "a forgery needs a flaw: nobody can forge WeChat's signature",
        ));
    }
    let order = order_key(&front, &body.out_trade_no)?;
    done(
        &front,
        Command::Forge {
            order,
            flaw: body.flaw,
        },
    )
}

/// What receivers of notifications did wrong.
#[utoipa::path(get, path = "/findings", responses((status = 200, body = Vec<Finding>)))]
pub(super) async fn findings(State(front): State<Arc<Front>>) -> Json<Vec<Finding>> {
    Json(front.read(|wechat| wechat.findings().to_vec()))
}
