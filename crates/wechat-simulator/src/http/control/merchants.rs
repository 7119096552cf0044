//! Merchants, apps and their bindings over HTTP.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::{Path, State};
use fen::Fen;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Body, Done, Front, Problem, done, merchant_of, throw};
use crate::book::{App, AppKind};
use crate::control::Command;
use crate::credentials::Credentials;
use crate::files::{MerchantFile, MerchantFiles};

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MerchantView {
    /// Merchant number.
    mchid: String,
    /// The name the cashier shows.
    name: String,
    /// The apps bound to it.
    apps: Vec<String>,
    /// What refunds are paid from; `null` is enough for everything.
    balance_fen: Option<i64>,
}

/// All merchants.
#[utoipa::path(get, path = "/merchants", responses((status = 200, body = Vec<MerchantView>)))]
pub(super) async fn list(State(front): State<Arc<Front>>) -> Json<Vec<MerchantView>> {
    Json(front.read(|wechat| {
        wechat
            .merchants()
            .map(|merchant| MerchantView {
                mchid: merchant.mchid.clone(),
                name: merchant.name.clone(),
                apps: merchant.apps.iter().cloned().collect(),
                balance_fen: merchant.balance.map(Fen::get),
            })
            .collect()
    }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMerchant {
    /// Merchant number: digits.
    mchid: String,
    /// The name the cashier shows.
    name: Option<String>,
    /// A mini program to make and bind, or one that exists.
    appid: String,
}

/// The files of a merchant as texts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FileTexts {
    /// `merchant.json`
    #[serde(flatten)]
    settings: MerchantFile,
    /// `apiclient_key.pem`
    private_key_pem: String,
    /// `apiclient_cert.pem`
    certificate_pem: String,
    /// `pub_key.pem`
    public_key_pem: String,
    /// `simulator_ca.pem`, with TLS
    #[serde(skip_serializing_if = "Option::is_none")]
    authority_pem: Option<String>,
}

impl FileTexts {
    fn new(files: &MerchantFiles) -> Result<Self, Problem> {
        Ok(Self {
            settings: files.settings.clone(),
            private_key_pem: files.credentials.merchant_key_pem.clone(),
            certificate_pem: files.credentials.merchant_certificate_pem.clone(),
            authority_pem: files.authority_pem.clone(),
            public_key_pem: files
                .credentials
                .public_key_pem()
                .map_err(Problem::internal)?,
        })
    }
}

/// Makes a further merchant with keys of its own.
#[utoipa::path(post, path = "/merchants", request_body = NewMerchant,
    responses((status = 200, body = FileTexts), (status = 400, body = Problem)))]
pub(super) async fn add(
    State(front): State<Arc<Front>>,
    Body(body): Body<NewMerchant>,
) -> Result<Json<FileTexts>, Problem> {
    let digits = !body.mchid.is_empty() && body.mchid.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || merchant_of(&front, Some(&body.mchid)).is_ok() {
        return Err(Problem::bad("mchid must be digits and not taken"));
    }
    let (mchid, appid, now_ms) = (body.mchid.clone(), body.appid.clone(), front.now_ms());
    let made = tokio::task::spawn_blocking(move || Credentials::generate(&mchid, &appid, now_ms));
    let mut made = made
        .await
        .map_err(Problem::internal)?
        .map_err(Problem::internal)?;
    if let Some(name) = body.name {
        made.name = name;
    }
    let known = front.read(|wechat| {
        let app = wechat.apps().find(|app| app.appid == body.appid);
        app.map(|app| app.secret.clone())
    });
    if let Some(secret) = known {
        made.app_secret = secret;
    }
    for (app, kind) in made.apps() {
        let appid = app.appid.clone();
        throw(&front, Command::AddApp(app))?;
        throw(&front, Command::SetAppKind { appid, kind })?;
    }
    let merchant = made.merchant().map_err(Problem::internal)?;
    throw(&front, Command::AddMerchant(Box::new(merchant)))?;
    let mut files = MerchantFiles::new(made, &front.base_url).map_err(Problem::internal)?;
    if let Some(tls) = &front.tls {
        tls.trust(&files.credentials.merchant_certificate_pem)
            .map_err(Problem::internal)?;
        files = files.with_tls(&tls.base_url, &tls.authority_pem);
    }
    let texts = FileTexts::new(&files)?;
    front
        .merchants
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(files);
    Ok(Json(texts))
}

/// The files of a merchant, keys included. They are worth nothing outside the simulator.
#[utoipa::path(get, path = "/merchants/{mchid}/files", params(("mchid" = String, Path)),
    responses((status = 200, body = FileTexts), (status = 404, body = Problem)))]
pub(super) async fn files(
    State(front): State<Arc<Front>>,
    Path(mchid): Path<String>,
) -> Result<Json<FileTexts>, Problem> {
    let all = front
        .merchants
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let found = all.iter().find(|files| files.settings.mchid == mchid);
    let found = found.ok_or_else(|| Problem::not_found(format!("merchant {mchid}")))?;
    FileTexts::new(found).map(Json)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Balance {
    /// Default: the only merchant there is.
    mchid: Option<String>,
    /// What refunds can be paid from; `null` is enough for everything.
    balance_fen: Option<i64>,
}

/// Sets the merchant's balance; refunds above it are answered `NOT_ENOUGH`.
#[utoipa::path(post, path = "/balance", request_body = Balance,
    responses((status = 200, body = Done), (status = 404, body = Problem)))]
pub(super) async fn balance(
    State(front): State<Arc<Front>>,
    Body(body): Body<Balance>,
) -> Result<Json<Done>, Problem> {
    let mchid = merchant_of(&front, body.mchid.as_deref())?;
    let balance = body.balance_fen.map(Fen::new);
    done(&front, Command::SetBalance { mchid, balance })
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefundNotifyUrl {
    /// Default: the only merchant there is.
    mchid: Option<String>,
    /// The address set in WeChat's console; `null` for none.
    url: Option<String>,
}

/// Sets where notifications of refunds go that name no address, such as those made in WeChat's console.
#[utoipa::path(post, path = "/refund-notify-url", request_body = RefundNotifyUrl,
    responses((status = 200, body = Done), (status = 404, body = Problem)))]
pub(super) async fn refund_notify_url(
    State(front): State<Arc<Front>>,
    Body(body): Body<RefundNotifyUrl>,
) -> Result<Json<Done>, Problem> {
    let mchid = merchant_of(&front, body.mchid.as_deref())?;
    let url = body.url;
    done(&front, Command::SetRefundNotifyUrl { mchid, url })
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewApp {
    /// `wx` and 16 hexadecimal digits.
    appid: String,
    /// Its secret.
    secret: String,
    /// The open-platform account it is bound to; its users then have a unionid.
    platform: Option<String>,
    /// What it is. Default `mini_program`.
    #[serde(default)]
    kind: AppKind,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AppView {
    /// The app.
    appid: String,
    /// What it is.
    kind: AppKind,
    /// The merchants it is bound to.
    mchids: Vec<String>,
}

/// All apps.
#[utoipa::path(get, path = "/apps", responses((status = 200, body = Vec<AppView>)))]
pub(super) async fn apps(State(front): State<Arc<Front>>) -> Json<Vec<AppView>> {
    Json(front.read(|wechat| {
        wechat
            .apps()
            .map(|app| AppView {
                appid: app.appid.clone(),
                kind: wechat.app_kind(&app.appid),
                mchids: wechat
                    .merchants()
                    .filter(|merchant| merchant.apps.contains(&app.appid))
                    .map(|merchant| merchant.mchid.clone())
                    .collect(),
            })
            .collect()
    }))
}

/// Registers an app, or replaces it.
#[utoipa::path(post, path = "/apps", request_body = NewApp, responses((status = 200, body = Done)))]
pub(super) async fn add_app(
    State(front): State<Arc<Front>>,
    Body(body): Body<NewApp>,
) -> Result<Json<Done>, Problem> {
    let app = App {
        appid: body.appid,
        secret: body.secret,
        platform: body.platform,
    };
    let (appid, kind) = (app.appid.clone(), body.kind);
    throw(&front, Command::AddApp(app))?;
    done(&front, Command::SetAppKind { appid, kind })
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Binding {
    /// Merchant number.
    mchid: String,
    /// App.
    appid: String,
    /// Whether they are bound from now on.
    bound: bool,
}

/// Binds an app to a merchant, or removes the binding.
#[utoipa::path(post, path = "/bindings", request_body = Binding,
    responses((status = 200, body = Done), (status = 404, body = Problem)))]
pub(super) async fn bind(
    State(front): State<Arc<Front>>,
    Body(body): Body<Binding>,
) -> Result<Json<Done>, Problem> {
    let Binding {
        mchid,
        appid,
        bound,
    } = body;
    done(
        &front,
        Command::Bind {
            mchid,
            appid,
            bound,
        },
    )
}
