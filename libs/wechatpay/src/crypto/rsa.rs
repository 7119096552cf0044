//! RSA keys: SHA-256 signatures with PKCS#1 v1.5 padding, and OAEP with SHA-1 for sensitive fields.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeyPair, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{CryptoError, KeyError, pem};

const PRIVATE: &str = "private key";
const PUBLIC: &str = "public key";

/// An RSA private key of at least 2048 bits, for example the merchant's `apiclient_key.pem`.
///
/// Cheap to clone; the key exists once in memory. `Debug` prints `***`.
#[derive(Clone)]
pub struct PrivateKey(Arc<PrivateParts>);

struct PrivateParts {
    pair: KeyPair,
    decrypting: OaepPrivateDecryptingKey,
    public: PublicKey,
}

impl PrivateKey {
    /// Reads PKCS#8 (`BEGIN PRIVATE KEY`, what WeChat's tool writes) or PKCS#1 (`BEGIN RSA PRIVATE KEY`).
    ///
    /// # Errors
    /// When there is no such block, it is not an RSA key, or the key is shorter than 2048 bits.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let pair = if let Some(der) = pem::block(text, "PRIVATE KEY") {
            KeyPair::from_pkcs8(&der).map_err(|why| rejected(PRIVATE, why))?
        } else if let Some(der) = pem::block(text, "RSA PRIVATE KEY") {
            KeyPair::from_der(&der).map_err(|why| rejected(PRIVATE, why))?
        } else {
            return Err(KeyError::NotPem {
                expected: "PRIVATE KEY",
            });
        };
        Self::from_pair(pair)
    }

    fn from_pair(pair: KeyPair) -> Result<Self, KeyError> {
        let unusable = |reason| KeyError::Unreadable {
            what: PRIVATE,
            reason,
        };
        let pkcs8: Pkcs8V1Der<'_> = pair
            .as_der()
            .map_err(|_| unusable("it cannot be encoded again"))?;
        let decrypting = PrivateDecryptingKey::from_pkcs8(pkcs8.as_ref())
            .map_err(|why| rejected(PRIVATE, why))
            .and_then(|key| {
                OaepPrivateDecryptingKey::new(key).map_err(|_| unusable("it cannot decrypt"))
            })?;
        let spki: PublicKeyX509Der<'_> = pair
            .public_key()
            .as_der()
            .map_err(|_| unusable("its public half cannot be encoded"))?;
        let public = PublicKey::from_spki(spki.as_ref())?;
        let key = Self(Arc::new(PrivateParts {
            pair,
            decrypting,
            public,
        }));
        // A damaged key file can parse and still sign rubbish: better to learn that at the start.
        let probe = b"shouyin key check";
        if !key
            .try_sign(probe)
            .is_some_and(|signature| key.0.public.verify(probe, &signature))
        {
            return Err(unusable("its parts do not belong together"));
        }
        Ok(key)
    }

    /// Signs with SHA-256 and PKCS#1 v1.5. The same key and text always give the same signature.
    ///
    /// # Panics
    /// Only when the crypto library is out of memory: the key has signed when it was read.
    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        match self.try_sign(text) {
            Some(signature) => signature,
            None => panic!("a key that has signed before cannot sign: the crypto library failed"),
        }
    }

    fn try_sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.0.pair.public_modulus_len()];
        self.0
            .pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                text,
                &mut signature,
            )
            .ok()?;
        Some(signature)
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        self.0.public.clone()
    }

    /// Decrypts a sensitive field of an answer: Base64 of RSA-OAEP with SHA-1.
    ///
    /// # Errors
    /// When the text is not Base64 or was not encrypted for this key.
    pub fn decrypt_oaep(&self, base64: &str) -> Result<Vec<u8>, CryptoError> {
        let ciphertext = STANDARD
            .decode(base64)
            .map_err(|_| CryptoError::NotBase64)?;
        let mut output = Zeroizing::new(vec![0; self.0.decrypting.min_output_size()]);
        self.0
            .decrypting
            .decrypt(&OAEP_SHA1_MGF1SHA1, &ciphertext, &mut output, None)
            .map(|plaintext| plaintext.to_vec())
            .map_err(|_| CryptoError::Refused)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(***)")
    }
}

/// An RSA public key of at least 2048 bits. Cheap to clone.
#[derive(Clone)]
pub struct PublicKey(Arc<PublicParts>);

struct PublicParts {
    verifying: ParsedPublicKey,
    encrypting: OaepPublicEncryptingKey,
    spki: Vec<u8>,
}

impl PublicKey {
    /// Reads SubjectPublicKeyInfo (`BEGIN PUBLIC KEY`), for example the `wxp_pub.pem` of the merchant console.
    ///
    /// # Errors
    /// When there is no such block, it is not an RSA key, or the key is shorter than 2048 bits.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let der = pem::block(text, "PUBLIC KEY").ok_or(KeyError::NotPem {
            expected: "PUBLIC KEY",
        })?;
        Self::from_spki(&der)
    }

    pub(crate) fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        let encrypting = PublicEncryptingKey::from_der(der).map_err(|why| rejected(PUBLIC, why))?;
        let encrypting =
            OaepPublicEncryptingKey::new(encrypting).map_err(|_| KeyError::Unreadable {
                what: PUBLIC,
                reason: "it cannot encrypt",
            })?;
        let verifying = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der)
            .map_err(|why| rejected(PUBLIC, why))?;
        Ok(Self(Arc::new(PublicParts {
            verifying,
            encrypting,
            spki: der.to_vec(),
        })))
    }

    /// Whether this key's private half signed the text, with SHA-256 and PKCS#1 v1.5.
    pub fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        self.0.verifying.verify_sig(text, signature).is_ok()
    }

    /// Encrypts a sensitive field of a request: RSA-OAEP with SHA-1, as Base64. Every call gives another text.
    ///
    /// # Errors
    /// When the text is longer than the key can take (214 bytes with 2048 bits).
    pub fn encrypt_oaep(&self, plaintext: &[u8]) -> Result<String, CryptoError> {
        let limit = self.0.encrypting.max_plaintext_size(&OAEP_SHA1_MGF1SHA1);
        if plaintext.len() > limit {
            return Err(CryptoError::PlaintextLength {
                length: plaintext.len(),
                limit,
            });
        }
        let mut output = vec![0; self.0.encrypting.ciphertext_size()];
        self.0
            .encrypting
            .encrypt(&OAEP_SHA1_MGF1SHA1, plaintext, &mut output, None)
            .map(|ciphertext| STANDARD.encode(ciphertext))
            .map_err(|_| CryptoError::Refused)
    }

    /// SubjectPublicKeyInfo as PEM, the form [`PublicKey::from_pem`] reads.
    pub fn to_pem(&self) -> String {
        let base64 = STANDARD.encode(&self.0.spki);
        let mut text = String::from("-----BEGIN PUBLIC KEY-----\n");
        let mut rest = base64.as_str();
        while !rest.is_empty() {
            let (line, tail) = rest.split_at(rest.len().min(64));
            text.push_str(line);
            text.push('\n');
            rest = tail;
        }
        text.push_str("-----END PUBLIC KEY-----\n");
        text
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.spki == other.0.spki
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} bits)", self.0.encrypting.key_size_bits())
    }
}

fn rejected(what: &'static str, why: KeyRejected) -> KeyError {
    match why.description_() {
        "TooSmall" | "TooLarge" => KeyError::UnsupportedSize,
        _ => KeyError::Unreadable {
            what,
            reason: "it is not an RSA key or is damaged",
        },
    }
}
