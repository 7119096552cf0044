//! The control API: everything a test, a demo page or a developer can make the simulator do.

mod clock;
mod faults;
mod keys;
mod log;
mod merchants;
mod notifications;
mod orders;
mod phone;
mod refunds;

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::front::Front;
use crate::control::{Command, CommandAnswer, CommandError};
use crate::message::{Input, Output};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "WeChat simulator: control API",
        description = "Makes the simulated WeChat do things. Amounts are integer fen, times Unix milliseconds. \
                       Errors are {\"error\": text} with status 400 or 404."
    ),
    servers((url = "/_control")),
)]
struct Document;

/// All routes below `/_control`, and their description at `/openapi.json`.
pub(super) fn router(front: Arc<Front>) -> Router<Arc<Front>> {
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(phone::login_codes))
        .routes(routes!(phone::open))
        .routes(routes!(phone::act))
        .routes(routes!(phone::follow))
        .routes(routes!(phone::open_from_app))
        .routes(routes!(phone::phone_codes))
        .routes(routes!(phone::payment_codes))
        .routes(routes!(phone::payment_code))
        .routes(routes!(phone::decide))
        .routes(routes!(phone::pay_link))
        .routes(routes!(phone::users))
        .routes(routes!(clock::read, clock::change))
        .routes(routes!(faults::list, faults::add, faults::clear))
        .routes(routes!(faults::assumptions, faults::change_assumptions))
        .routes(routes!(faults::held))
        .routes(routes!(faults::release))
        .routes(routes!(keys::list))
        .routes(routes!(keys::switch))
        .routes(routes!(keys::rotate))
        .routes(routes!(keys::replace_merchant_certificate))
        .routes(routes!(keys::replace_api_v3_key))
        .routes(routes!(keys::replace_api_key))
        .routes(routes!(keys::replace_token))
        .routes(routes!(merchants::list, merchants::add))
        .routes(routes!(merchants::files))
        .routes(routes!(merchants::balance))
        .routes(routes!(merchants::refund_notify_url))
        .routes(routes!(merchants::apps, merchants::add_app))
        .routes(routes!(merchants::bind))
        .routes(routes!(orders::list))
        .routes(routes!(orders::one))
        .routes(routes!(refunds::list, refunds::console))
        .routes(routes!(refunds::finish))
        .routes(routes!(notifications::list))
        .routes(routes!(notifications::resend))
        .routes(routes!(notifications::replay))
        .routes(routes!(notifications::misreport))
        .routes(routes!(notifications::forge))
        .routes(routes!(notifications::findings))
        .routes(routes!(log::read))
        .routes(routes!(log::stream))
        .with_state::<Arc<Front>>(front)
        .split_for_parts();
    let document = Arc::new(document);
    router.route(
        "/openapi.json",
        get(move || {
            let document = document.clone();
            async move { Json(document.as_ref().clone()) }
        }),
    )
}

/// Why a control call did nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    #[serde(skip)]
    status: u16,
    /// A sentence for people.
    error: String,
}

impl Problem {
    fn not_found(what: impl std::fmt::Display) -> Self {
        Self {
            status: 404,
            error: format!("there is no {what}"),
        }
    }

    fn bad(error: impl Into<String>) -> Self {
        Self {
            status: 400,
            error: error.into(),
        }
    }

    fn internal(why: impl std::fmt::Display) -> Self {
        Self {
            status: 500,
            error: why.to_string(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self)).into_response()
    }
}

/// A JSON body whose faults are reported like every other problem.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(why) => Err(Problem::bad(why.body_text())),
        }
    }
}

/// Nothing to say but that it is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(super) struct Done {
    /// Always true.
    done: bool,
}

/// Throws a switch of the heart.
fn throw(front: &Arc<Front>, command: Command) -> Result<CommandAnswer, Problem> {
    let result = front
        .step(Input::Control(command))
        .into_iter()
        .find_map(|output| match output {
            Output::Control(result) => Some(result),
            Output::Answer { .. }
            | Output::NoAnswer { .. }
            | Output::SendNotification(_)
            | Output::Phone(_) => None,
        });
    match result {
        Some(Ok(answer)) => Ok(answer),
        Some(Err(CommandError::Unknown(what))) => Err(Problem::not_found(what)),
        Some(Err(why @ CommandError::Refused(_))) => Err(Problem::bad(why.to_string())),
        None => Err(Problem::internal("the switch gave no answer")),
    }
}

fn done(front: &Arc<Front>, command: Command) -> Result<Json<Done>, Problem> {
    throw(front, command).map(|_| Json(Done { done: true }))
}

/// The merchant a call names, or the only one there is.
fn merchant_of(front: &Front, named: Option<&str>) -> Result<String, Problem> {
    front.read(|wechat| {
        let mut all = wechat.merchants().map(|merchant| merchant.mchid.clone());
        match named {
            Some(mchid) => all
                .find(|known| known == mchid)
                .ok_or_else(|| Problem::not_found(format!("merchant {mchid}"))),
            None => match (all.next(), all.next()) {
                (Some(only), None) => Ok(only),
                _ => Err(Problem::bad(
                    "there are several merchants: name one with \"mchid\"",
                )),
            },
        }
    })
}
