//! Keys that cost nothing: the parsers behind a signature are reached only if somebody can sign.

use std::sync::{Arc, Mutex};

use wechatpay::crypto::ApiV3Key;
use wechatpay::v3::{KeyRing, Signer, VerifyingKey};

/// What the stand-in for WeChat signs with.
pub(crate) const SERIAL: &str = "PUB_KEY_ID_0119000000012026010500000000000001";
/// 2026-01-05T12:03:05+08:00, the time of the seeds.
pub(crate) const NOW: i64 = 1_767_585_785;
/// The APIv3 key of a published test vector, so that its messages can be seeds.
const API_V3_KEY: &str = "a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb";

/// The key notifications and certificates are encrypted with.
pub(crate) fn api_v3_key() -> ApiV3Key {
    match ApiV3Key::new(API_V3_KEY) {
        Ok(key) => key,
        Err(why) => panic!("{why}"),
    }
}

/// Signs with a hash, which is enough for a text to be told from another.
#[derive(Clone, Debug)]
pub(crate) struct CheapKey(pub(crate) &'static str);

impl Signer for CheapKey {
    fn serial_no(&self) -> &str {
        self.0
    }

    fn sign(&self, text: &[u8]) -> String {
        // FNV-1a.
        let hash = text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }
}

impl VerifyingKey for CheapKey {
    fn verify(&self, text: &[u8], signature: &str) -> bool {
        self.sign(text) == signature
    }
}

/// Takes or refuses every signature, and remembers what it was asked.
#[derive(Debug)]
pub(crate) struct Judge {
    takes: bool,
    asked: Mutex<Vec<(Vec<u8>, String)>>,
}

impl Judge {
    pub(crate) fn new(takes: bool) -> Arc<Self> {
        Arc::new(Self {
            takes,
            asked: Mutex::default(),
        })
    }

    /// Every text and signature it was shown.
    pub(crate) fn asked(&self) -> Vec<(Vec<u8>, String)> {
        match self.asked.lock() {
            Ok(asked) => asked.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        }
    }
}

impl VerifyingKey for Judge {
    fn verify(&self, text: &[u8], signature: &str) -> bool {
        if let Ok(mut asked) = self.asked.lock() {
            asked.push((text.to_vec(), signature.to_owned()));
        }
        self.takes
    }
}

/// A ring with one key under [`SERIAL`].
pub(crate) fn ring(key: Arc<dyn VerifyingKey>) -> KeyRing {
    let ring = KeyRing::new();
    ring.insert(SERIAL, key);
    ring
}
