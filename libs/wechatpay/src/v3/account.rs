//! Whose calls are made, and with which keys.

use std::sync::Arc;

use super::keys::KeyRing;
use super::sign::Signer;
use crate::crypto::ApiV3Key;
use crate::text::Mchid;

/// A merchant at WeChat Pay and the keys of both sides.
#[derive(Clone, Debug)]
pub struct Account {
    /// The merchant that signs.
    pub mchid: Mchid,
    /// The merchant's API certificate: serial number and private key.
    pub signer: Arc<dyn Signer>,
    /// The keys WeChat may sign with. Shared, so that all holders see a change.
    pub keys: Arc<KeyRing>,
    /// The key of notifications and of the certificate list.
    pub api_v3_key: Option<ApiV3Key>,
    /// What goes into `Wechatpay-Serial` of requests: asks WeChat to sign its answer with this key. The public key id
    /// where there is one.
    pub request_serial: Option<String>,
}
