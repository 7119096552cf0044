//! The APIv3 key: AES-256-GCM for the resource of a notification and for the certificate list.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{CryptoError, KeyError};

const KEY_LENGTH: usize = 32;
const TAG_LENGTH: usize = 16;
const ASSOCIATED_DATA_LIMIT: usize = 16;

/// The APIv3 key a merchant sets in WeChat Pay's console: exactly 32 bytes, taken as they are.
///
/// Zeroized when dropped; `Debug` prints `***`.
#[derive(Clone)]
pub struct ApiV3Key(Zeroizing<[u8; KEY_LENGTH]>);

impl ApiV3Key {
    /// Takes the key as the merchant typed it.
    ///
    /// # Errors
    /// When it is not exactly 32 bytes long: shorter keys would silently mean AES-128.
    pub fn new(key: &str) -> Result<Self, KeyError> {
        let bytes = <[u8; KEY_LENGTH]>::try_from(key.as_bytes())
            .map_err(|_| KeyError::ApiV3KeyLength { length: key.len() })?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// Encrypts as WeChat does; the result is Base64 of the ciphertext and its tag. For simulators and tests.
    ///
    /// # Errors
    /// When the nonce is not 12 bytes or the associated data not shorter than 16.
    pub fn seal(
        &self,
        nonce: &str,
        associated_data: &str,
        plaintext: &[u8],
    ) -> Result<String, CryptoError> {
        let (key, nonce) = self.prepare(nonce, associated_data)?;
        let mut sealed = plaintext.to_vec();
        key.seal_in_place_append_tag(nonce, Aad::from(associated_data.as_bytes()), &mut sealed)
            .map_err(|_| CryptoError::Refused)?;
        Ok(STANDARD.encode(sealed))
    }

    /// Decrypts a `resource` or an `encrypt_certificate`. Absent associated data is the empty text.
    ///
    /// # Errors
    /// When a length is wrong (checked before the cipher sees anything), the text is not Base64, or it was not
    /// encrypted with this key, nonce and associated data.
    pub fn open(
        &self,
        nonce: &str,
        associated_data: &str,
        ciphertext_base64: &str,
    ) -> Result<Vec<u8>, CryptoError> {
        let (key, nonce) = self.prepare(nonce, associated_data)?;
        let mut sealed = STANDARD
            .decode(ciphertext_base64)
            .map_err(|_| CryptoError::NotBase64)?;
        if sealed.len() < TAG_LENGTH {
            return Err(CryptoError::CiphertextLength {
                length: sealed.len(),
            });
        }
        key.open_in_place(nonce, Aad::from(associated_data.as_bytes()), &mut sealed)
            .map(|plaintext| plaintext.to_vec())
            .map_err(|_| CryptoError::Refused)
    }

    fn prepare(
        &self,
        nonce: &str,
        associated_data: &str,
    ) -> Result<(LessSafeKey, Nonce), CryptoError> {
        let nonce = <[u8; NONCE_LEN]>::try_from(nonce.as_bytes()).map_err(|_| {
            CryptoError::NonceLength {
                length: nonce.len(),
            }
        })?;
        if associated_data.len() >= ASSOCIATED_DATA_LIMIT {
            return Err(CryptoError::AssociatedDataLength {
                length: associated_data.len(),
            });
        }
        let key =
            UnboundKey::new(&AES_256_GCM, self.0.as_slice()).map_err(|_| CryptoError::Refused)?;
        Ok((LessSafeKey::new(key), Nonce::assume_unique_for_key(nonce)))
    }
}

impl fmt::Debug for ApiV3Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiV3Key(***)")
    }
}
