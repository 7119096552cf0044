//! The buyer's phone over HTTP.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::orders::OrderView;
use super::{Body, Done, Front, Problem, done, throw};
use crate::book::AppKind;
use crate::control::{Command, CommandAnswer};
use crate::message::{Input, Output};
use crate::payment_code::{CodeStory, PAYMENT_CODE_LIFE_MS};
use crate::phone::{
    BuyerAction, Cashier, CashierAction, CashierResult, FollowLink, OpenCashier, OpenFromApp,
    PhoneAction, PhoneAnswer, PhoneRefusal, buyer,
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

/// A payment code that a phone showed, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PaymentCodeView {
    /// The code.
    auth_code: String,
    /// Whose phone.
    user: String,
    /// What happens once it is scanned.
    story: CodeStory,
    /// How long it is still good, milliseconds; 0 when it has expired.
    expires_in_ms: i64,
    /// The order it was scanned for, if it was.
    order: Option<OrderView>,
}

/// A payment code and the order it was scanned for. While that is `USERPAYING`, its owner is asked for the password.
#[utoipa::path(get, path = "/payment-codes/{auth_code}", params(("auth_code" = String, Path)),
    responses((status = 200, body = PaymentCodeView), (status = 404, body = Problem)))]
pub(super) async fn payment_code(
    State(front): State<Arc<Front>>,
    Path(auth_code): Path<String>,
) -> Result<Json<PaymentCodeView>, Problem> {
    let now_ms = front.now_ms();
    front
        .read(|wechat| {
            let code = wechat.payment_code(&auth_code)?;
            let order = code
                .used_by
                .as_ref()
                .and_then(|key| wechat.order(&key.0, &key.1));
            Some(Json(PaymentCodeView {
                auth_code: auth_code.clone(),
                user: code.user.clone(),
                story: code.story,
                expires_in_ms: (code.made_ms + PAYMENT_CODE_LIFE_MS - now_ms).max(0),
                order: order.map(|order| OrderView::new(wechat, order, now_ms)),
            }))
        })
        .ok_or_else(|| Problem::not_found("such payment code"))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    /// Whether the password is typed and the money is paid, or the payment fails.
    pays: bool,
}

/// The owner of a scanned code types the password, or refuses to.
#[utoipa::path(post, path = "/payment-codes/{auth_code}/decide", params(("auth_code" = String, Path)), request_body = Decision,
    responses((status = 200, body = Done), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn decide(
    State(front): State<Arc<Front>>,
    Path(auth_code): Path<String>,
    Body(body): Body<Decision>,
) -> Result<Json<Done>, Problem> {
    let pays = body.pays;
    done(&front, Command::DecideCode { auth_code, pays })
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PayLink {
    /// `code_url`, `h5_url` or `mweb_url`.
    url: String,
    /// Whose phone. Default `buyer`.
    #[serde(default = "buyer")]
    user: String,
    /// What they do at the cashier. Default `pay`.
    #[serde(default = "pay")]
    action: BuyerAction,
}

fn pay() -> BuyerAction {
    BuyerAction::Pay
}

/// `cashier/follow` and `cashier/pay` in one: somebody scans a `code_url` or follows an `h5_url`, and pays.
#[utoipa::path(post, path = "/cashier/pay-link", request_body = PayLink,
    responses((status = 200, body = CashierResult), (status = 422, body = PhoneRefusal)))]
pub(super) async fn pay_link(
    State(front): State<Arc<Front>>,
    Body(body): Body<PayLink>,
) -> Response {
    let PayLink { url, user, action } = body;
    let follow = FollowLink {
        url,
        user: user.clone(),
    };
    match answer(&front, PhoneAction::Follow(follow)) {
        Some(Ok(PhoneAnswer::Cashier(cashier))) => {
            let act = CashierAction {
                prepay_id: cashier.prepay_id,
                user,
                action,
                coupon_fen: None,
                coupon_no_cash: false,
                bank_type: None,
            };
            phone(&front, PhoneAction::Act(act))
        }
        other @ (Some(Ok(PhoneAnswer::Result(_)) | Err(_)) | None) => shown(other),
    }
}

/// Scans a `code_url`, or follows an `h5_url` (API v2: `mweb_url`) in a browser: opens the cashier.
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

/// The app a call names, or the only mini program there is.
pub(super) fn app_or_only(front: &Front, named: Option<String>) -> Result<String, Problem> {
    if let Some(appid) = named {
        return Ok(appid);
    }
    front.read(|wechat| {
        let mut all = wechat
            .apps()
            .filter(|app| wechat.app_kind(&app.appid) == AppKind::MiniProgram)
            .map(|app| app.appid.clone());
        match (all.next(), all.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(Problem::bad(
                "there are several mini programs: name one with \"appid\"",
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
    shown(answer(front, action))
}

fn answer(front: &Arc<Front>, action: PhoneAction) -> Option<Result<PhoneAnswer, PhoneRefusal>> {
    let outputs = front.step(Input::Phone(action));
    outputs.into_iter().find_map(|output| match output {
        Output::Phone(result) => Some(result),
        Output::Answer { .. }
        | Output::NoAnswer { .. }
        | Output::SendNotification(_)
        | Output::Control(_) => None,
    })
}

fn shown(answer: Option<Result<PhoneAnswer, PhoneRefusal>>) -> Response {
    match answer {
        Some(Ok(PhoneAnswer::Cashier(cashier))) => Json(cashier).into_response(),
        Some(Ok(PhoneAnswer::Result(result))) => Json(result).into_response(),
        Some(Err(refusal)) => (StatusCode::UNPROCESSABLE_ENTITY, Json(refusal)).into_response(),
        None => Problem::internal("the phone gave no answer").into_response(),
    }
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
