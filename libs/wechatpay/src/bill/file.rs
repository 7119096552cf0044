//! From what was downloaded to the text: unpacked within limits, and compared with what was announced.

use std::borrow::Cow;
use std::io::Read as _;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use flate2::read::GzDecoder;

/// The longest text of a bill that is read, in bytes: some half a million lines. A file of a few kilobytes can unpack to gigabytes.
pub const LARGEST_BILL: usize = 128 * 1024 * 1024;

/// The hash WeChat announced for a file, in a signed answer: of the text, not of the compressed octets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BillHash(String);

/// Why a file is not used. Ask for the bill again: a new one is announced with a new address.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FileError {
    /// Announced with something else than SHA-1.
    #[error(
        "the file was announced with {0:?}; only a SHA-1 of 40 hexadecimal digits is understood"
    )]
    UnknownHash(String),
    /// The compressed data is damaged or cut off.
    #[error("the file cannot be unpacked: {0}")]
    Damaged(String),
    /// Longer than the limit once unpacked.
    #[error("the file unpacks to more than {0} bytes")]
    TooLarge(usize),
    /// Not the file that was announced.
    #[error(
        "the file has the SHA-1 {found}, WeChat announced {announced}: it was damaged or exchanged on the way"
    )]
    AnotherFile {
        /// In the signed answer.
        announced: String,
        /// Of what came.
        found: String,
    },
}

impl BillHash {
    /// From `hash_type` and `hash_value`.
    ///
    /// # Errors
    /// When it is not a SHA-1.
    pub fn new(hash_type: &str, hash_value: &str) -> Result<Self, FileError> {
        let hex = hash_value.len() == 40 && hash_value.bytes().all(|byte| byte.is_ascii_hexdigit());
        if hash_type.eq_ignore_ascii_case("SHA1") && hex {
            Ok(Self(hash_value.to_ascii_lowercase()))
        } else {
            Err(FileError::UnknownHash(format!("{hash_type} {hash_value}")))
        }
    }

    fn check(&self, text: &[u8]) -> Result<(), FileError> {
        let found = hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text));
        if found == self.0 {
            Ok(())
        } else {
            Err(FileError::AnotherFile {
                announced: self.0.clone(),
                found,
            })
        }
    }
}

/// The text of a downloaded file. It is unpacked if it is compressed, whatever was asked for: a text never begins like GZIP.
///
/// # Errors
/// When it cannot be unpacked, has more than `limit` bytes, or is not the file that `announced` names.
pub fn unpack(
    file: Vec<u8>,
    announced: Option<&BillHash>,
    limit: usize,
) -> Result<Vec<u8>, FileError> {
    let text: Cow<'_, [u8]> = if file.starts_with(&[0x1f, 0x8b]) {
        Cow::Owned(gunzip(&file, limit)?)
    } else if file.len() > limit {
        return Err(FileError::TooLarge(limit));
    } else {
        Cow::Borrowed(&file)
    };
    if let Some(hash) = announced {
        hash.check(&text)?;
    }
    Ok(match text {
        Cow::Owned(text) => text,
        Cow::Borrowed(_) => file,
    })
}

fn gunzip(file: &[u8], limit: usize) -> Result<Vec<u8>, FileError> {
    let mut text = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    // One member only: what follows it is not part of the file, and the hash would show it.
    GzDecoder::new(file)
        .take(most)
        .read_to_end(&mut text)
        .map_err(|error| FileError::Damaged(error.to_string()))?;
    if text.len() > limit {
        return Err(FileError::TooLarge(limit));
    }
    Ok(text)
}
