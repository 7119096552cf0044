//! Faults and assumptions over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Body, Done, Front, Problem, done, keys, throw};
use crate::assumptions::Assumptions;
use crate::control::Command;
use crate::fault::{Fault, FaultKind};

/// The faults that are still to be played, in that order.
#[utoipa::path(get, path = "/faults", responses((status = 200, body = Vec<Fault>)))]
pub(super) async fn list(State(front): State<Arc<Front>>) -> Json<Vec<Fault>> {
    Json(front.read(|wechat| wechat.faults().to_vec()))
}

/// Adds a fault: played at the next message it fits, `times` times.
#[utoipa::path(post, path = "/faults", request_body = Fault, responses((status = 200, body = Done)))]
pub(super) async fn add(
    State(front): State<Arc<Front>>,
    Body(fault): Body<Fault>,
) -> Result<Json<Done>, Problem> {
    if fault.fault == FaultKind::KeySwitch {
        // Without a second kind of key there would be nothing to switch to.
        for mchid in without_certificate(&front) {
            keys::announce(&front, &mchid).await?;
        }
    }
    done(&front, Command::AddFault(fault))
}

fn without_certificate(front: &Front) -> Vec<String> {
    front.read(|wechat| {
        wechat
            .merchants()
            .filter(|merchant| merchant.platform.certificates.is_empty())
            .map(|merchant| merchant.mchid.clone())
            .collect()
    })
}

/// Forgets all faults.
#[utoipa::path(delete, path = "/faults", responses((status = 200, body = Done)))]
pub(super) async fn clear(State(front): State<Arc<Front>>) -> Result<Json<Done>, Problem> {
    done(&front, Command::ClearFaults)
}

/// Answers on hold.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HeldAnswers {
    /// How many wait to be released.
    held: usize,
}

/// How many answers are held back by the fault `answer_held`.
#[utoipa::path(get, path = "/held", responses((status = 200, body = HeldAnswers)))]
pub(super) async fn held(State(front): State<Arc<Front>>) -> Json<HeldAnswers> {
    let held = *front.held.borrow();
    Json(HeldAnswers { held })
}

/// Lets all held answers go. Returns how many there were.
#[utoipa::path(post, path = "/held/release", responses((status = 200, body = HeldAnswers)))]
pub(super) async fn release(State(front): State<Arc<Front>>) -> Json<HeldAnswers> {
    let held = *front.held.borrow();
    front.released.send_modify(|count| *count += 1);
    Json(HeldAnswers { held })
}

/// How this WeChat behaves where the documentation leaves it open.
#[utoipa::path(get, path = "/assumptions", responses((status = 200, body = Assumptions)))]
pub(super) async fn assumptions(State(front): State<Arc<Front>>) -> Json<Assumptions> {
    Json(front.read(|wechat| wechat.assumptions().clone()))
}

/// Changes some of the assumptions; members that are not named stay as they are.
#[utoipa::path(patch, path = "/assumptions", request_body = Assumptions,
    responses((status = 200, body = Assumptions), (status = 400, body = Problem)))]
pub(super) async fn change_assumptions(
    State(front): State<Arc<Front>>,
    Body(changes): Body<serde_json::Map<String, Value>>,
) -> Result<Json<Assumptions>, Problem> {
    let current = front.read(|wechat| serde_json::to_value(wechat.assumptions()));
    let mut merged = current.map_err(Problem::internal)?;
    if let Some(members) = merged.as_object_mut() {
        members.extend(changes);
    }
    let merged: Assumptions =
        serde_json::from_value(merged).map_err(|why| Problem::bad(why.to_string()))?;
    throw(&front, Command::SetAssumptions(Box::new(merged.clone())))?;
    Ok(Json(merged))
}
