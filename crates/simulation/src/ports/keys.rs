//! Signatures that cost nanoseconds instead of a quarter of a millisecond: a keyed fingerprint with RSA's interface. And the
//! real ones, for the few runs that can afford them.

use std::fmt;
use std::sync::{Arc, OnceLock};

use wechat_simulator::Credentials;
use wechatpay::crypto::PrivateKey;
use wechatpay::v3::{RsaSigner, Signer, VerifyingKey};

use crate::hub::BEGIN_MS;
use crate::random::fingerprint;

/// Signs and verifies with the same secret. Whoever does not hold the secret cannot make a signature in the simulation;
/// outside it this protects nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct CheapKey {
    serial_no: String,
    secret: u64,
}

impl CheapKey {
    /// The key that is known under this serial, with a secret of its own.
    pub fn new(serial_no: impl Into<String>, secret: u64) -> Self {
        Self {
            serial_no: serial_no.into(),
            secret,
        }
    }
}

impl fmt::Debug for CheapKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheapKey({})", self.serial_no)
    }
}

impl Signer for CheapKey {
    fn serial_no(&self) -> &str {
        &self.serial_no
    }

    fn sign(&self, text: &[u8]) -> String {
        // 16 hexadecimal digits are valid Base64, which is what travels in the headers.
        format!("{:016x}", fingerprint(self.secret, text))
    }
}

impl VerifyingKey for CheapKey {
    fn verify(&self, text: &[u8], signature: &str) -> bool {
        self.sign(text) == signature
    }
}

/// Both halves of a key.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// Signs.
    pub signer: Arc<dyn Signer>,
    /// Verifies what it signed.
    pub verifier: Arc<dyn VerifyingKey>,
}

impl KeyPair {
    pub(crate) fn serial_no(&self) -> &str {
        self.signer.serial_no()
    }
}

/// What the parties of a run sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signatures {
    /// [`CheapKey`].
    Cheap,
    /// RSA with 2048 bits: one key for all merchants and one for WeChat, made once per process.
    Rsa,
}

/// Whose key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    Merchant,
    Wechat,
}

/// The two RSA keys of this process, or why there are none.
fn rsa(whose: Whose) -> Result<PrivateKey, String> {
    static KEYS: OnceLock<Result<(PrivateKey, PrivateKey), String>> = OnceLock::new();
    let made = KEYS.get_or_init(|| {
        let made =
            Credentials::generate("1900000001", "wx1111222233334444", BEGIN_MS).map_err(text)?;
        let read = |pem: &str| PrivateKey::from_pem(pem).map_err(text);
        Ok((read(&made.merchant_key_pem)?, read(&made.wechat_key_pem)?))
    });
    let (merchant, wechat) = made.as_ref().map_err(Clone::clone)?;
    Ok(match whose {
        Whose::Merchant => merchant.clone(),
        Whose::Wechat => wechat.clone(),
    })
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

impl Signatures {
    /// A key under this serial. `secret` tells cheap keys apart.
    pub(crate) fn key(self, whose: Whose, serial: &str, secret: u64) -> Result<KeyPair, String> {
        match self {
            Signatures::Cheap => {
                let key = CheapKey::new(serial, secret);
                Ok(KeyPair {
                    signer: Arc::new(key.clone()),
                    verifier: Arc::new(key),
                })
            }
            Signatures::Rsa => {
                let key = rsa(whose)?;
                let verifier = Arc::new(key.public_key());
                let signer = Arc::new(RsaSigner::new(serial, key));
                Ok(KeyPair { signer, verifier })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_secret_verifies() {
        let (ours, theirs) = (CheapKey::new("1", 7), CheapKey::new("1", 8));
        let signature = ours.sign(b"text");
        assert!(ours.verify(b"text", &signature));
        assert!(!ours.verify(b"texT", &signature));
        assert!(!theirs.verify(b"text", &signature));
    }
}
