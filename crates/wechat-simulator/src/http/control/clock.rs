//! Simulated time over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wechatpay::time::format_beijing;

use super::{Body, Front, Problem};
use crate::clock::real_ms;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Clock {
    /// Simulated time, Unix milliseconds.
    now: i64,
    /// The same as RFC 3339 at +08:00.
    text: String,
    /// Simulated minus real time, milliseconds.
    offset_ms: i64,
    /// Simulated milliseconds per real one.
    rate: u32,
    /// When something happens by itself next.
    next_due: Option<i64>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ClockChange {
    /// Jumps to this time, Unix milliseconds. Forwards, everything due on the way happens first.
    set_ms: Option<i64>,
    /// Jumps forwards by this much; everything due on the way happens first.
    advance_ms: Option<i64>,
    /// Simulated milliseconds per real one from now on; 0 stands still.
    rate: Option<u32>,
}

fn show(front: &Front) -> Clock {
    let now = front.now_ms();
    Clock {
        now,
        text: format_beijing(now),
        offset_ms: now - real_ms(),
        rate: front.clock().rate(),
        next_due: front.read(|wechat| wechat.next_due()),
    }
}

/// The simulated time.
#[utoipa::path(get, path = "/clock", responses((status = 200, body = Clock)))]
pub(super) async fn read(State(front): State<Arc<Front>>) -> Json<Clock> {
    Json(show(&front))
}

/// Changes the simulated time. Answers when everything due has happened and its notifications were answered.
#[utoipa::path(post, path = "/clock", request_body = ClockChange,
    responses((status = 200, body = Clock), (status = 400, body = Problem)))]
pub(super) async fn change(
    State(front): State<Arc<Front>>,
    Body(body): Body<ClockChange>,
) -> Result<Json<Clock>, Problem> {
    let target = match (body.set_ms, body.advance_ms) {
        (Some(_), Some(_)) => return Err(Problem::bad("set_ms and advance_ms exclude each other")),
        (Some(set_ms), None) => Some(set_ms),
        (None, Some(advance_ms)) if advance_ms < 0 => {
            return Err(Problem::bad(
                "advance_ms goes forwards; use set_ms to go back",
            ));
        }
        (None, Some(advance_ms)) => Some(front.now_ms().saturating_add(advance_ms)),
        (None, None) => None,
    };
    if let Some(target) = target {
        front.jump(target).await;
    }
    if let Some(rate) = body.rate {
        front.clock().set_rate(real_ms(), rate);
        front.wake.notify_one();
    }
    Ok(Json(show(&front)))
}
