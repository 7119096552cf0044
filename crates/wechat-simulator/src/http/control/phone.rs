//! The buyer's phone over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Body, Front, Problem, throw};
use crate::control::{Command, CommandAnswer};
use crate::message::{Input, Output};
use crate::payment_code::CodeStory;
use crate::phone::{
    Cashier, CashierAction, CashierResult, FollowLink, OpenCashier, OpenFromApp, PhoneAction,
    PhoneAnswer, PhoneRefusal, buyer,
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLoginCode {
    /// The running mini program; default: the only one there is.
    appid: Option<String>,
    /// Whose phone, any name. Default `buyer`.
    #[serde(default = "buyer")]
    user: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LoginCode {
    /// What `wx.login` gives: good for five minutes and one exchange.
    code: String,
    /// What it will be exchanged for.
    openid: String,
}

/// What `wx.login` gives.
#[utoipa::path(post, path = "/login-codes", request_body = NewLoginCode,
    responses((status = 200, body = LoginCode), (status = 404, body = Problem)))]
pub(super) async fn login_codes(
    State(front): State<Arc<Front>>,
    Body(body): Body<NewLoginCode>,
) -> Result<Json<LoginCode>, Problem> {
    let appid = app_or_only(&front, body.appid)?;
    let user = body.user;
    match throw(&front, Command::LoginCode { appid, user })? {
        CommandAnswer::LoginCode { code, openid } => Ok(Json(LoginCode { code, openid })),
        CommandAnswer::Done
        | CommandAnswer::PaymentCode(_)
        | CommandAnswer::PhoneCode(_)
        | CommandAnswer::Refund(_) => Err(Problem::internal("no code was made")),
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PhoneCode {
    /// Good for five minutes and one exchange; not a login code.
    code: String,
}

/// What the button with open-type `getPhoneNumber` gives, to be exchanged at `/wxa/business/getuserphonenumber`.
#[utoipa::path(post, path = "/phone-codes", request_body = NewLoginCode,
    responses((status = 200, body = PhoneCode), (status = 404, body = Problem)))]
pub(super) async fn phone_codes(
    State(front): State<Arc<Front>>,
    Body(body): Body<NewLoginCode>,
) -> Result<Json<PhoneCode>, Problem> {
    let appid = app_or_only(&front, body.appid)?;
    let user = body.user;
    match throw(&front, Command::PhoneCode { appid, user })? {
        CommandAnswer::PhoneCode(code) => Ok(Json(PhoneCode { code })),
        CommandAnswer::Done
        | CommandAnswer::PaymentCode(_)
        | CommandAnswer::LoginCode { .. }
        | CommandAnswer::Refund(_) => Err(Problem::internal("no code was made")),
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPaymentCode {
    /// Whose phone, any name. Default `buyer`.
    #[serde(default = "buyer")]
    user: String,
    /// What happens once it is scanned. Default `pays`.
    #[serde(default)]
    story: CodeStory,
    /// How long the payer takes, for the stories that wait. Default 7 seconds.
    after_ms: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PaymentCodeText {
    /// 18 digits, good for one minute and one order.
    auth_code: String,
}

/// What a phone shows at the till, for the merchant to scan.
#[utoipa::path(post, path = "/payment-codes", request_body = NewPaymentCode,
    responses((status = 200, body = PaymentCodeText), (status = 400, body = Problem)))]
pub(super) async fn payment_codes(
    State(front): State<Arc<Front>>,
    Body(body): Body<NewPaymentCode>,
) -> Result<Json<PaymentCodeText>, Problem> {
    let command = Command::PaymentCode {
        user: body.user,
        story: body.story,
        after_ms: body.after_ms,
    };
    match throw(&front, command)? {
        CommandAnswer::PaymentCode(auth_code) => Ok(Json(PaymentCodeText { auth_code })),
        CommandAnswer::Done
        | CommandAnswer::PhoneCode(_)
        | CommandAnswer::LoginCode { .. }
        | CommandAnswer::Refund(_) => Err(Problem::internal("no code was made")),
    }
}

/// Scans a `code_url`, or follows an `mweb_url` in a browser: opens the cashier.
#[utoipa::path(post, path = "/cashier/follow", request_body = FollowLink,
    responses((status = 200, body = Cashier), (status = 422, body = PhoneRefusal)))]
pub(super) async fn follow(
    State(front): State<Arc<Front>>,
    Body(body): Body<FollowLink>,
) -> Response {
    phone(&front, PhoneAction::Follow(body))
}

/// What WeChat's SDK for mobile apps does: checks the parameters and opens the cashier.
#[utoipa::path(post, path = "/cashier/app", request_body = OpenFromApp,
    responses((status = 200, body = Cashier), (status = 422, body = PhoneRefusal)))]
pub(super) async fn open_from_app(
    State(front): State<Arc<Front>>,
    Body(body): Body<OpenFromApp>,
) -> Response {
    phone(&front, PhoneAction::OpenFromApp(body))
}

/// The app a call names, or the only one there is.
pub(super) fn app_or_only(front: &Front, named: Option<String>) -> Result<String, Problem> {
    if let Some(appid) = named {
        return Ok(appid);
    }
    front.read(|wechat| {
        let mut all = wechat.apps().map(|app| app.appid.clone());
        match (all.next(), all.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(Problem::bad(
                "there are several apps: name one with \"appid\"",
            )),
        }
    })
}

/// What `wx.requestPayment` does: checks the parameters and opens the cashier.
#[utoipa::path(post, path = "/cashier/open", request_body = OpenCashier,
    responses((status = 200, body = Cashier), (status = 422, body = PhoneRefusal)))]
pub(super) async fn open(
    State(front): State<Arc<Front>>,
    Body(body): Body<OpenCashier>,
) -> Response {
    phone(&front, PhoneAction::Open(body))
}

/// What the buyer does at the cashier.
#[utoipa::path(post, path = "/cashier/pay", request_body = CashierAction,
    responses((status = 200, body = CashierResult), (status = 422, body = PhoneRefusal)))]
pub(super) async fn act(
    State(front): State<Arc<Front>>,
    Body(body): Body<CashierAction>,
) -> Response {
    phone(&front, PhoneAction::Act(body))
}

fn phone(front: &Arc<Front>, action: PhoneAction) -> Response {
    for output in front.step(Input::Phone(action)) {
        if let Output::Phone(result) = output {
            return match result {
                Ok(PhoneAnswer::Cashier(cashier)) => Json(cashier).into_response(),
                Ok(PhoneAnswer::Result(result)) => Json(result).into_response(),
                Err(refusal) => (StatusCode::UNPROCESSABLE_ENTITY, Json(refusal)).into_response(),
            };
        }
    }
    Problem::internal("the phone gave no answer").into_response()
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct User {
    /// The user's id inside the app.
    openid: String,
    /// The app.
    appid: String,
    /// The name the user was given.
    user: String,
}

/// Every user that ever logged in, once per app.
#[utoipa::path(get, path = "/users", responses((status = 200, body = Vec<User>)))]
pub(super) async fn users(State(front): State<Arc<Front>>) -> Json<Vec<User>> {
    Json(front.read(|wechat| {
        wechat
            .users()
            .map(|(openid, appid, user)| User {
                openid: openid.to_owned(),
                appid: appid.to_owned(),
                user: user.to_owned(),
            })
            .collect()
    }))
}
