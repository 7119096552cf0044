//! Keys, certificates and secrets of one merchant, as WeChat and the merchant would each hold them.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::rand;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize,
    SerialNumber,
};
use serde::{Deserialize, Serialize};
use wechatpay::crypto::{ApiV3Key, Certificate, PrivateKey};
use wechatpay::time::format_beijing;
use wechatpay::v3::RsaSigner;

use crate::book::{App, Merchant};
use crate::keys::{PlatformCertificate, PlatformKey, PlatformKeys};

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
        Ok(Merchant::new(&self.mchid, &self.name, platform)
            .with_app(&self.appid)
            .with_api_v3_key(key)
            .with_certificate(
                certificate.serial_no(),
                Arc::new(certificate.public_key().clone()),
            ))
    }

    pub(crate) fn app(&self) -> App {
        App {
            appid: self.appid.clone(),
            secret: self.app_secret.clone(),
            platform: None,
        }
    }
}

fn platform_key(serial_no: &str, key: PrivateKey) -> PlatformKey {
    PlatformKey {
        signer: Arc::new(RsaSigner::new(serial_no, key.clone())),
        opener: Some(Arc::new(key)),
    }
}

/// Makes a platform certificate as WeChat's: five years from now.
pub(crate) fn platform_certificate(now_ms: i64) -> Result<PlatformCertificate, SimulatorError> {
    let key = rsa_key()?;
    let subject = [
        (DnType::CountryName, "CN"),
        (DnType::LocalityName, "ShenZhen"),
        (DnType::OrganizationName, "Tenpay.com"),
        (DnType::OrganizationalUnitName, "Tenpay.com CA Center"),
        (DnType::CommonName, "Tenpay.com sign"),
    ];
    let pem = certificate(&key, &subject, now_ms)?;
    let certificate =
        Certificate::from_pem(&pem).map_err(|why| broken("platform certificate", why))?;
    let private =
        PrivateKey::from_pem(&key.serialize_pem()).map_err(|why| broken("platform key", why))?;
    Ok(PlatformCertificate {
        key: platform_key(certificate.serial_no(), private),
        pem,
        effective_ms: certificate.not_before() * 1000,
        expire_ms: certificate.not_after() * 1000,
    })
}

/// Makes a further API certificate for a merchant: private key and certificate, both PEM.
pub(crate) fn merchant_pair(mchid: &str, now_ms: i64) -> Result<(String, String), SimulatorError> {
    let key = rsa_key()?;
    let certificate = merchant_certificate(&key, mchid, now_ms)?;
    Ok((key.serialize_pem(), certificate))
}

fn merchant_certificate(key: &KeyPair, mchid: &str, now_ms: i64) -> Result<String, SimulatorError> {
    let subject = [
        (DnType::CountryName, "CN"),
        (DnType::LocalityName, "ShenZhen"),
        (DnType::OrganizationName, "微信商户系统"),
        (DnType::OrganizationalUnitName, "WeChat Pay simulator"),
        (DnType::CommonName, mchid),
    ];
    certificate(key, &subject, now_ms)
}

fn certificate(
    key: &KeyPair,
    subject: &[(DnType, &str)],
    now_ms: i64,
) -> Result<String, SimulatorError> {
    let mut name = DistinguishedName::new();
    for (kind, value) in subject {
        name.push(kind.clone(), *value);
    }
    let (year, month, day) = date(now_ms - 86_400_000);
    let mut params = CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(year, month, day);
    // 29 February exists only every fourth year.
    params.not_after = rcgen::date_time_ymd(year + 5, month, day.min(28));
    params.serial_number = Some(SerialNumber::from_slice(&serial()?));
    params.distinguished_name = name;
    let certificate = params
        .self_signed(key)
        .map_err(|why| broken("certificate", why))?;
    Ok(certificate.pem())
}

fn rsa_key() -> Result<KeyPair, SimulatorError> {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)
        .map_err(|why| broken("RSA key", why))
}

/// 20 bytes whose hexadecimal text has all 40 digits, as WeChat's serial numbers have in practice.
fn serial() -> Result<[u8; 20], SimulatorError> {
    let mut bytes = [0; 20];
    rand::fill(&mut bytes).map_err(|_| broken("random", "no random bytes"))?;
    bytes[0] = 0x10 | (bytes[0] & 0x6f);
    Ok(bytes)
}

pub(crate) fn random_seed() -> Result<u64, SimulatorError> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).map_err(|_| broken("random", "no random bytes"))?;
    Ok(u64::from_le_bytes(bytes))
}

fn random_text(length: usize) -> Result<String, SimulatorError> {
    let mut bytes = vec![0; length.div_ceil(2)];
    rand::fill(&mut bytes).map_err(|_| broken("random", "no random bytes"))?;
    let mut text = hex::encode(bytes);
    text.truncate(length);
    Ok(text)
}

/// Year, month and day in Beijing.
fn date(now_ms: i64) -> (i32, u8, u8) {
    let text = format_beijing(now_ms);
    let mut parts = text.split(['-', 'T']);
    let year = parts
        .next()
        .and_then(|part| part.parse().ok())
        .unwrap_or(2026);
    let month = parts.next().and_then(|part| part.parse().ok()).unwrap_or(1);
    let day = parts.next().and_then(|part| part.parse().ok()).unwrap_or(1);
    (year, month, day)
}

#[cfg(test)]
mod tests {
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
