//! Switching and rotating keys over HTTP. Platform certificates are made when they are first needed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wechatpay::crypto::{ApiV3Key, Certificate};
use wechatpay::v2::ApiKey;

use super::{Body, Done, Front, Problem, done, merchant_of, phone, throw};
use crate::control::Command;
use crate::credentials::{merchant_pair, platform_certificate, random_text};
use crate::keys::SigningMode;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Keys {
    /// Merchant number.
    mchid: String,
    /// Who signs.
    mode: SigningMode,
    /// `PUB_KEY_ID_...`
    public_key_id: Option<String>,
    /// Serial numbers of all platform certificates, oldest first.
    certificates: Vec<String>,
    /// The one that signs when nothing else is asked for.
    current_certificate: Option<String>,
    /// Serial numbers of the merchant's API certificates and whether they were replaced.
    merchant_certificates: Vec<(String, bool)>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WhichMerchant {
    /// Default: the only one there is.
    mchid: Option<String>,
}

fn show(front: &Front, mchid: &str) -> Result<Keys, Problem> {
    front.read(|wechat| {
        let merchant = wechat
            .merchants()
            .find(|merchant| merchant.mchid == mchid)
            .ok_or_else(|| Problem::not_found(format!("merchant {mchid}")))?;
        let platform = &merchant.platform;
        Ok(Keys {
            mchid: mchid.to_owned(),
            mode: platform.mode,
            public_key_id: platform
                .public_key
                .as_ref()
                .map(|key| key.signer.serial_no().to_owned()),
            certificates: platform
                .certificates
                .iter()
                .map(|certificate| certificate.key.signer.serial_no().to_owned())
                .collect(),
            current_certificate: platform.current_certificate.clone(),
            merchant_certificates: merchant
                .certificates
                .iter()
                .map(|(serial, certificate)| (serial.clone(), certificate.replaced))
                .collect(),
        })
    })
}

/// What WeChat signs with, for every merchant.
#[utoipa::path(get, path = "/keys", responses((status = 200, body = Vec<Keys>)))]
pub(super) async fn list(State(front): State<Arc<Front>>) -> Result<Json<Vec<Keys>>, Problem> {
    let all: Vec<String> = front.read(|wechat| {
        wechat
            .merchants()
            .map(|merchant| merchant.mchid.clone())
            .collect()
    });
    let keys: Result<Vec<Keys>, Problem> = all.iter().map(|mchid| show(&front, mchid)).collect();
    keys.map(Json)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum KeyKind {
    /// The public key alone.
    PublicKey,
    /// Platform certificates alone.
    Certificate,
    /// Both: answers follow the request header, notifications the ratio.
    Switching,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    /// Default: the only merchant there is.
    mchid: Option<String>,
    /// Who signs from now on.
    to: KeyKind,
    /// While switching: notifications signed by the public key, of 1000. Default 500.
    notifications_per_mille: Option<u32>,
}

/// Changes which kind of key signs. The first use of certificates makes one.
#[utoipa::path(post, path = "/keys/switch", request_body = Switch,
    responses((status = 200, body = Keys), (status = 404, body = Problem)))]
pub(super) async fn switch(
    State(front): State<Arc<Front>>,
    Body(body): Body<Switch>,
) -> Result<Json<Keys>, Problem> {
    let mchid = merchant_of(&front, body.mchid.as_deref())?;
    let mode = match body.to {
        KeyKind::PublicKey => SigningMode::PublicKey,
        KeyKind::Certificate => SigningMode::Certificate,
        KeyKind::Switching => SigningMode::Switching {
            notifications_per_mille: body.notifications_per_mille.unwrap_or(500).min(1000),
        },
    };
    if mode != SigningMode::PublicKey && show(&front, &mchid)?.certificates.is_empty() {
        announce(&front, &mchid).await?;
    }
    throw(
        &front,
        Command::SetSigningMode {
            mchid: mchid.clone(),
            mode,
        },
    )?;
    show(&front, &mchid).map(Json)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RotationStep {
    /// A new certificate appears in `GET /v3/certificates`; it signs only for those who ask for it.
    Announce,
    /// The newest certificate signs.
    Activate,
    /// All certificates but the newest are gone.
    Withdraw,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    /// Default: the only merchant there is.
    mchid: Option<String>,
    /// Which step of the rotation.
    step: RotationStep,
}

/// One step of a rotation of platform certificates.
#[utoipa::path(post, path = "/keys/rotate", request_body = Rotation,
    responses((status = 200, body = Keys), (status = 404, body = Problem)))]
pub(super) async fn rotate(
    State(front): State<Arc<Front>>,
    Body(body): Body<Rotation>,
) -> Result<Json<Keys>, Problem> {
    let mchid = merchant_of(&front, body.mchid.as_deref())?;
    match body.step {
        RotationStep::Announce => announce(&front, &mchid).await?,
        RotationStep::Activate => {
            if let Some(serial_no) = show(&front, &mchid)?.certificates.pop() {
                let mchid = mchid.clone();
                throw(&front, Command::UseCertificate { mchid, serial_no })?;
            }
        }
        RotationStep::Withdraw => {
            let mut old = show(&front, &mchid)?.certificates;
            old.pop();
            for serial_no in old {
                let mchid = mchid.clone();
                throw(&front, Command::WithdrawCertificate { mchid, serial_no })?;
            }
        }
    }
    show(&front, &mchid).map(Json)
}

/// Makes a platform certificate and puts it into the list.
pub(super) async fn announce(front: &Arc<Front>, mchid: &str) -> Result<(), Problem> {
    let now_ms = front.now_ms();
    let made = tokio::task::spawn_blocking(move || platform_certificate(now_ms))
        .await
        .map_err(Problem::internal)?
        .map_err(Problem::internal)?;
    let command = Command::AddCertificate {
        mchid: mchid.to_owned(),
        certificate: Box::new(made),
    };
    throw(front, command).map(|_| ())
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MerchantPair {
    /// Serial number of the new certificate.
    serial_no: String,
    /// Its private key, PKCS#8 PEM.
    private_key_pem: String,
    /// The certificate, PEM.
    certificate_pem: String,
}

/// The merchant applies for a new API certificate: the old ones are refused from now on.
#[utoipa::path(post, path = "/keys/replace-merchant-certificate", request_body = WhichMerchant,
    responses((status = 200, body = MerchantPair), (status = 404, body = Problem)))]
pub(super) async fn replace_merchant_certificate(
    State(front): State<Arc<Front>>,
    Body(body): Body<WhichMerchant>,
) -> Result<Json<MerchantPair>, Problem> {
    let mchid = merchant_of(&front, body.mchid.as_deref())?;
    let (owner, now_ms) = (mchid.clone(), front.now_ms());
    let (private_key_pem, certificate_pem) =
        tokio::task::spawn_blocking(move || merchant_pair(&owner, now_ms))
            .await
            .map_err(Problem::internal)?
            .map_err(Problem::internal)?;
    let certificate = Certificate::from_pem(&certificate_pem).map_err(Problem::internal)?;
    for (serial_no, _) in show(&front, &mchid)?.merchant_certificates {
        let mchid = mchid.clone();
        throw(
            &front,
            Command::ReplaceMerchantCertificate { mchid, serial_no },
        )?;
    }
    let serial_no = certificate.serial_no().to_owned();
    let command = Command::AddMerchantCertificate {
        mchid,
        serial_no: serial_no.clone(),
        key: Arc::new(certificate.public_key().clone()),
    };
    throw(&front, command)?;
    if let Some(tls) = &front.tls {
        tls.trust(&certificate_pem).map_err(Problem::internal)?;
    }
    Ok(Json(MerchantPair {
        serial_no,
        private_key_pem,
        certificate_pem,
    }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewApiV3Key {
    /// Default: the only merchant there is.
    mchid: Option<String>,
    /// 32 letters and digits; made up if absent.
    apiv3_key: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApiV3KeyText {
    /// What WeChat encrypts with from now on.
    apiv3_key: String,
}

/// The merchant sets another APIv3 key: what WeChat sends from now on is encrypted with it.
#[utoipa::path(post, path = "/keys/apiv3", request_body = NewApiV3Key,
    responses((status = 200, body = ApiV3KeyText), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn replace_api_v3_key(
    State(front): State<Arc<Front>>,
    Body(body): Body<NewApiV3Key>,
) -> Result<Json<ApiV3KeyText>, Problem> {
    let mchid = merchant_of(&front, body.mchid.as_deref())?;
    let apiv3_key = match body.apiv3_key {
        Some(text) => text,
        None => random_text(32).map_err(Problem::internal)?,
    };
    let key = ApiV3Key::new(&apiv3_key).map_err(|why| Problem::bad(why.to_string()))?;
    let key = Some(key);
    throw(&front, Command::SetApiV3Key { mchid, key })?;
    Ok(Json(ApiV3KeyText { apiv3_key }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewApiKey {
    /// Default: the only merchant there is.
    mchid: Option<String>,
    /// 32 letters and digits; made up if absent.
    api_key: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApiKeyText {
    /// What messages of API v2 are signed with from now on.
    api_key: String,
}

/// The merchant sets another key of API v2: it counts at once, for requests, answers and notifications.
#[utoipa::path(post, path = "/keys/api", request_body = NewApiKey,
    responses((status = 200, body = ApiKeyText), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn replace_api_key(
    State(front): State<Arc<Front>>,
    Body(body): Body<NewApiKey>,
) -> Result<Json<ApiKeyText>, Problem> {
    let mchid = merchant_of(&front, body.mchid.as_deref())?;
    let api_key = match body.api_key {
        Some(text) => text,
        None => random_text(32).map_err(Problem::internal)?,
    };
    let key = ApiKey::parse(&api_key).map_err(|why| Problem::bad(why.to_string()))?;
    let key = Some(key);
    throw(&front, Command::SetApiKey { mchid, key })?;
    Ok(Json(ApiKeyText { api_key }))
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WhichApp {
    /// Default: the only one there is.
    appid: Option<String>,
}

/// Another server with the same secret forces a new access token: the one in use ends at once.
#[utoipa::path(post, path = "/access-token/replace", request_body = WhichApp,
    responses((status = 200, body = Done), (status = 404, body = Problem)))]
pub(super) async fn replace_token(
    State(front): State<Arc<Front>>,
    Body(body): Body<WhichApp>,
) -> Result<Json<Done>, Problem> {
    let appid = phone::app_or_only(&front, body.appid)?;
    done(&front, Command::ReplaceToken { appid })
}
