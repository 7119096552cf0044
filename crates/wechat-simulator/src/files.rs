//! The files a merchant downloads from WeChat's console, written to a folder.

use std::io::Write;
use std::path::Path;

use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::credentials::{AppKeys, Credentials, SimulatorError, broken};

/// What a program needs to act as the simulated merchant. As JSON it is the file `merchant.json`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MerchantFile {
    /// Merchant number.
    pub mchid: String,
    /// Serial number of `apiclient_cert.pem`.
    pub serial_no: String,
    /// APIv3 key, 32 characters.
    pub apiv3_key: String,
    /// API v2 key, 32 characters.
    pub api_key: String,
    /// Id of `pub_key.pem`.
    pub public_key_id: String,
    /// The mini program bound to the merchant.
    pub appid: String,
    /// Its secret.
    pub app_secret: String,
    /// The openid of user `buyer` in that mini program.
    pub openid: String,
    /// The official account bound to the merchant, for pages inside WeChat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub official_account: Option<AppKeys>,
    /// The mobile app bound to the merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile_app: Option<AppKeys>,
    /// In place of `https://api.mch.weixin.qq.com`.
    pub pay_base_url: String,
    /// The same over TLS, where the merchant's certificate can be presented; absent when the simulator has no TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_tls_url: Option<String>,
    /// In place of `https://api.weixin.qq.com`.
    pub api_base_url: String,
    /// Where the control API is.
    pub control_url: String,
}

impl std::fmt::Debug for MerchantFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MerchantFile")
            .field("mchid", &self.mchid)
            .field("appid", &self.appid)
            .field("pay_base_url", &self.pay_base_url)
            .field("secrets", &"***")
            .finish()
    }
}

/// Everything a merchant holds, in memory: the settings of [`MerchantFile`] and the three texts.
#[derive(Clone, Debug)]
pub struct MerchantFiles {
    /// `merchant.json`
    pub settings: MerchantFile,
    /// All keys as they were made; the texts of the other files come from here.
    pub credentials: Credentials,
    /// The certificate of the authority behind `pay_tls_url`, PEM.
    pub authority_pem: Option<String>,
}

impl MerchantFiles {
    /// The settings of this merchant at a simulator with this base address.
    ///
    /// # Errors
    /// When the certificate is damaged.
    pub fn new(credentials: Credentials, base_url: &str) -> Result<Self, SimulatorError> {
        let settings = MerchantFile {
            mchid: credentials.mchid.clone(),
            serial_no: credentials.merchant_certificate()?.serial_no().to_owned(),
            apiv3_key: credentials.api_v3_key.clone(),
            api_key: credentials.api_key.clone(),
            public_key_id: credentials.public_key_id.clone(),
            appid: credentials.appid.clone(),
            app_secret: credentials.app_secret.clone(),
            official_account: credentials.official_account.clone(),
            mobile_app: credentials.mobile_app.clone(),
            openid: crate::ids::openid(&credentials.appid, "buyer"),
            pay_base_url: base_url.to_owned(),
            pay_tls_url: None,
            api_base_url: base_url.to_owned(),
            control_url: format!("{base_url}/_control"),
        };
        Ok(Self {
            settings,
            credentials,
            authority_pem: None,
        })
    }

    /// The same for a simulator that can also be reached over TLS.
    #[must_use]
    pub fn with_tls(mut self, tls_url: &str, authority_pem: &str) -> Self {
        self.settings.pay_tls_url = Some(tls_url.to_owned());
        self.authority_pem = Some(authority_pem.to_owned());
        self
    }
}

/// Writes `apiclient_key.pem`, `apiclient_cert.pem`, `apiclient_cert.p12` (password: the merchant number),
/// `pub_key.pem`, with TLS `simulator_ca.pem`, and, last, `merchant.json`. Each file is complete from the moment it appears.
///
/// # Errors
/// When the folder or a file cannot be written, or a key is damaged.
pub fn write_merchant_files(folder: &Path, files: &MerchantFiles) -> Result<(), SimulatorError> {
    std::fs::create_dir_all(folder).map_err(|source| SimulatorError::File {
        path: folder.display().to_string(),
        source,
    })?;
    let keys = &files.credentials;
    write(
        &folder.join("apiclient_key.pem"),
        keys.merchant_key_pem.as_bytes(),
    )?;
    write(
        &folder.join("apiclient_cert.pem"),
        keys.merchant_certificate_pem.as_bytes(),
    )?;
    write(&folder.join("apiclient_cert.p12"), &pkcs12(keys)?)?;
    write(
        &folder.join("pub_key.pem"),
        keys.public_key_pem()?.as_bytes(),
    )?;
    if let Some(authority) = &files.authority_pem {
        write(&folder.join("simulator_ca.pem"), authority.as_bytes())?;
    }
    let settings = serde_json::to_string_pretty(&files.settings)
        .map_err(|why| broken("merchant.json", why))?;
    write(&folder.join("merchant.json"), settings.as_bytes())
}

/// Writes under a temporary name first, so that nobody ever reads half a file. Only the owner may read it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), SimulatorError> {
    let at = |source| SimulatorError::File {
        path: path.display().to_string(),
        source,
    };
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary).map_err(at)?;
    file.write_all(bytes).map_err(at)?;
    file.sync_all().map_err(at)?;
    std::fs::rename(&temporary, path).map_err(at)
}

fn pkcs12(keys: &Credentials) -> Result<Vec<u8>, SimulatorError> {
    let failed = |why: p12_keystore::error::Error| broken("apiclient_cert.p12", why);
    let key = PrivateKey::from_der(&der(&keys.merchant_key_pem)?).map_err(failed)?;
    let certificate =
        Certificate::from_der(&der(&keys.merchant_certificate_pem)?).map_err(failed)?;
    let chain = PrivateKeyChain::new("1", key, [certificate]);
    let mut store = KeyStore::new();
    store.add_entry("Tenpay Certificate", KeyStoreEntry::PrivateKeyChain(chain));
    // The password is the public merchant number, so more iterations would protect nothing.
    store
        .writer(&keys.mchid)
        .encryption_iterations(2048)
        .mac_iterations(2048)
        .write()
        .map_err(failed)
}

fn der(pem: &str) -> Result<Vec<u8>, SimulatorError> {
    use base64::Engine;
    let base64: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    base64::engine::general_purpose::STANDARD
        .decode(base64.trim())
        .map_err(|why| broken("PEM text", why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_merchant_belong_together() {
        let keys =
            Credentials::generate("1900000001", "wx1111222233334444", 1_767_585_600_000).unwrap();
        let files = MerchantFiles::new(keys, "http://127.0.0.1:7070").unwrap();
        let folder = tempfile::tempdir().unwrap();
        write_merchant_files(folder.path(), &files).unwrap();
        let mut names: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected = [
            "apiclient_cert.p12",
            "apiclient_cert.pem",
            "apiclient_key.pem",
            "merchant.json",
            "pub_key.pem",
        ];
        assert_eq!(names, expected);

        let text = std::fs::read_to_string(folder.path().join("merchant.json")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut members: Vec<&str> = json
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        members.sort_unstable();
        let expected = [
            "api_base_url",
            "api_key",
            "apiv3_key",
            "app_secret",
            "appid",
            "control_url",
            "mchid",
            "mobile_app",
            "official_account",
            "openid",
            "pay_base_url",
            "public_key_id",
            "serial_no",
        ];
        assert_eq!(members, expected);

        let p12 = std::fs::read(folder.path().join("apiclient_cert.p12")).unwrap();
        let policy = p12_keystore::Pkcs12ImportPolicy::Relaxed;
        let store = KeyStore::from_pkcs12(&p12, "1900000001", policy).unwrap();
        let (_, chain) = store.private_key_chain().unwrap();
        assert_eq!(chain.certs().len(), 1);
    }
}
