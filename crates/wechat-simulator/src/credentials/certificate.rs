//! Making RSA keys and certificates, and the random texts that go with them.

use std::sync::Arc;

use aws_lc_rs::rand;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize,
    SerialNumber,
};
use wechatpay::crypto::{Certificate, PrivateKey};
use wechatpay::time::format_beijing;
use wechatpay::v3::RsaSigner;

use super::{SimulatorError, broken};
use crate::keys::{PlatformCertificate, PlatformKey};

pub(super) fn platform_key(serial_no: &str, key: PrivateKey) -> PlatformKey {
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

pub(super) fn merchant_certificate(
    key: &KeyPair,
    mchid: &str,
    now_ms: i64,
) -> Result<String, SimulatorError> {
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

pub(super) fn rsa_key() -> Result<KeyPair, SimulatorError> {
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

pub(crate) fn random_text(length: usize) -> Result<String, SimulatorError> {
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
