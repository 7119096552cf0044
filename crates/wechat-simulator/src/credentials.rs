//! Keys, certificates and secrets of one merchant, as WeChat and the merchant would each hold them.

mod certificate;

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wechatpay::crypto::{ApiV3Key, Certificate, PrivateKey};
use wechatpay::v2::ApiKey;

use certificate::{merchant_certificate, platform_key, rsa_key};
pub(crate) use certificate::{merchant_pair, platform_certificate, random_seed, random_text};

use crate::book::{App, AppKind, Merchant};
use crate::keys::PlatformKeys;

/// Why keys could not be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The address could not be bound.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// A saved key file is damaged, or a key or certificate could not be made.
    #[error("{0}")]
    Keys(String),
    /// The HTTP client for notifications could not be made.
    #[error("cannot make an HTTP client: {0}")]
    Client(String),
}

pub(crate) fn broken(what: &str, why: impl std::fmt::Display) -> SimulatorError {
    SimulatorError::Keys(format!("{what}: {why}"))
}

/// An app and its secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppKeys {
    /// `wx` and 16 hexadecimal digits.
    pub appid: String,
    /// Its secret.
    pub app_secret: String,
}

impl AppKeys {
    /// The same id for the same merchant every time.
    fn generate(mchid: &str, kind: AppKind) -> Result<Self, SimulatorError> {
        let name = format!("{kind:?}/{mchid}");
        let hash = name
            .bytes()
            .fold(0, |hash: u64, byte| crate::ids::mix(hash ^ u64::from(byte)));
        Ok(Self {
            appid: format!("wx{hash:016x}"),
            app_secret: random_text(32)?,
        })
    }
}

impl std::fmt::Debug for AppKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AppKeys({}, ***)", self.appid)
    }
}

/// Everything that must stay the same if a simulated merchant is to survive a restart. All of it is secret, and all of
/// it is worthless outside the simulator.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Merchant number.
    pub mchid: String,
    /// The name the cashier shows.
    pub name: String,
    /// The mini program bound to it.
    pub appid: String,
    /// Its secret.
    pub app_secret: String,
    /// The official account bound to it; absent in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub official_account: Option<AppKeys>,
    /// The mobile app bound to it; absent in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile_app: Option<AppKeys>,
    /// Exactly 32 characters.
    pub api_v3_key: String,
    /// The key of API v2, 32 characters.
    pub api_key: String,
    /// `PUB_KEY_ID_...`
    pub public_key_id: String,
    /// The merchant's API key, PKCS#8 PEM.
    pub merchant_key_pem: String,
    /// The merchant's API certificate, PEM.
    pub merchant_certificate_pem: String,
    /// The private half of the WeChat Pay public key, PKCS#8 PEM.
    pub wechat_key_pem: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("mchid", &self.mchid)
            .field("appid", &self.appid)
            .field("secrets", &"***")
            .finish()
    }
}

impl Credentials {
    /// Makes the two RSA keys (on two threads), the certificate and the secrets of a new merchant.
    ///
    /// # Errors
    /// When the crypto library fails.
    pub fn generate(mchid: &str, appid: &str, now_ms: i64) -> Result<Self, SimulatorError> {
        let wechat_key = std::thread::spawn(rsa_key);
        let merchant_key = rsa_key()?;
        let wechat_key = wechat_key
            .join()
            .map_err(|_| broken("RSA key", "its thread panicked"))??;
        let certificate = merchant_certificate(&merchant_key, mchid, now_ms)?;
        Ok(Self {
            mchid: mchid.to_owned(),
            name: format!("模拟商户 {mchid}"),
            appid: appid.to_owned(),
            app_secret: random_text(32)?,
            official_account: Some(AppKeys::generate(mchid, AppKind::OfficialAccount)?),
            mobile_app: Some(AppKeys::generate(mchid, AppKind::MobileApp)?),
            api_v3_key: random_text(32)?,
            api_key: random_text(32)?,
            public_key_id: format!(
                "PUB_KEY_ID_{:0>36}",
                format!("{}01", mchid.trim_start_matches('0'))
            ),
            merchant_key_pem: merchant_key.serialize_pem(),
            merchant_certificate_pem: certificate,
            wechat_key_pem: wechat_key.serialize_pem(),
        })
    }

    /// Reads what [`Credentials::save`] wrote; `None` when there is no such file.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn load(path: &Path) -> Result<Option<Self>, SimulatorError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                let path = path.display().to_string();
                return Err(SimulatorError::File { path, source });
            }
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|why| broken(&path.display().to_string(), why))
    }

    /// Writes everything as JSON, so that the next start has the same merchant.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), SimulatorError> {
        let text = serde_json::to_string_pretty(self).map_err(|why| broken("credentials", why))?;
        crate::files::write(path, text.as_bytes())
    }

    /// The merchant's private key.
    ///
    /// # Errors
    /// When the PEM text is damaged.
    pub fn merchant_key(&self) -> Result<PrivateKey, SimulatorError> {
        PrivateKey::from_pem(&self.merchant_key_pem).map_err(|why| broken("merchant key", why))
    }

    /// The merchant's API certificate.
    ///
    /// # Errors
    /// When the PEM text is damaged.
    pub fn merchant_certificate(&self) -> Result<Certificate, SimulatorError> {
        Certificate::from_pem(&self.merchant_certificate_pem)
            .map_err(|why| broken("merchant certificate", why))
    }

    /// The WeChat Pay public key, PEM.
    ///
    /// # Errors
    /// When the PEM text of its private half is damaged.
    pub fn public_key_pem(&self) -> Result<String, SimulatorError> {
        Ok(self.wechat_key()?.public_key().to_pem())
    }

    fn wechat_key(&self) -> Result<PrivateKey, SimulatorError> {
        PrivateKey::from_pem(&self.wechat_key_pem).map_err(|why| broken("WeChat key", why))
    }

    /// The merchant as WeChat knows it, in public-key mode.
    pub(crate) fn merchant(&self) -> Result<Merchant, SimulatorError> {
        let platform =
            PlatformKeys::public_key(platform_key(&self.public_key_id, self.wechat_key()?));
        let certificate = self.merchant_certificate()?;
        let key = ApiV3Key::new(&self.api_v3_key).map_err(|why| broken("APIv3 key", why))?;
        let api_key = ApiKey::parse(&self.api_key).map_err(|why| broken("API key", why))?;
        let merchant = Merchant::new(&self.mchid, &self.name, platform);
        let merchant = self
            .apps()
            .into_iter()
            .fold(merchant, |merchant, (app, _)| merchant.with_app(app.appid));
        Ok(merchant
            .with_api_v3_key(key)
            .with_api_key(api_key)
            .with_certificate(
                certificate.serial_no(),
                Arc::new(certificate.public_key().clone()),
            ))
    }

    /// The apps bound to the merchant: the mini program first.
    pub(crate) fn apps(&self) -> Vec<(App, AppKind)> {
        let app = |appid: &str, secret: &str| App {
            appid: appid.to_owned(),
            secret: secret.to_owned(),
            platform: None,
        };
        let more = |keys: &Option<AppKeys>, kind| {
            keys.as_ref()
                .map(|keys| (app(&keys.appid, &keys.app_secret), kind))
        };
        let mini_program = (app(&self.appid, &self.app_secret), AppKind::MiniProgram);
        std::iter::once(mini_program)
            .chain(more(&self.official_account, AppKind::OfficialAccount))
            .chain(more(&self.mobile_app, AppKind::MobileApp))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use wechatpay::time::format_beijing;

    use super::*;

    #[test]
    fn a_generated_merchant_can_sign_and_be_saved() {
        let made =
            Credentials::generate("1900000001", "wx1111222233334444", 1_767_585_600_000).unwrap();
        let certificate = made.merchant_certificate().unwrap();
        assert_eq!(certificate.serial_no().len(), 40);
        assert!(certificate.is_valid_at(1_767_585_600));
        let signature = made.merchant_key().unwrap().sign(b"text");
        assert!(certificate.public_key().verify(b"text", &signature));
        assert_eq!(made.api_v3_key.len(), 32);
        assert_eq!(made.public_key_id.len(), 47);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        assert_eq!(Credentials::load(&path).unwrap(), None);
        made.save(&path).unwrap();
        assert_eq!(Credentials::load(&path).unwrap(), Some(made));
    }

    #[test]
    fn platform_certificates_look_like_wechats() {
        let made = platform_certificate(1_767_585_600_000).unwrap();
        assert_eq!(made.key.signer.serial_no().len(), 40);
        assert_eq!(format_beijing(made.expire_ms), "2031-01-04T08:00:00+08:00");
    }
}
