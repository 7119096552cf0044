//! A bill on its way out.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::edit::Flaws;
use super::gzip::gzip;

/// The text of a bill and its hash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct File {
    text: String,
    /// SHA-1 of the text as it should be, lower-case hexadecimal.
    pub(crate) sha1: String,
}

impl File {
    pub(super) fn new(text: String, flaws: Flaws) -> Self {
        let sha1 = hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()));
        Self {
            text: if flaws.wrong_digest {
                damaged(text)
            } else {
                text
            },
            sha1,
        }
    }

    /// What is sent.
    pub(crate) fn body(self, packed: bool) -> Vec<u8> {
        if packed {
            gzip(self.text.as_bytes())
        } else {
            self.text.into_bytes()
        }
    }
}

/// The last digit is another: it belongs to the sums, so a reader without a hash can notice, too.
fn damaged(text: String) -> String {
    let Some(at) = text.rfind(|c: char| c.is_ascii_digit()) else {
        return text;
    };
    let other = if text[at..].starts_with('7') {
        "8"
    } else {
        "7"
    };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}
