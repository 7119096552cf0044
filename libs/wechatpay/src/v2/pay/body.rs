use std::fmt;

use crate::text::TextError;

/// What the payer reads: 1 to 127 bytes of UTF-8, of characters with at most three bytes. Pages disagree about 127 and 128, and none says whether
/// characters or bytes are counted (UNCONFIRMED): the stricter reading is safe.
#[derive(Clone, PartialEq, Eq)]
pub struct Body(String);

const MAX_BYTES: usize = 127;

impl Body {
    /// Checks the text.
    ///
    /// # Errors
    /// When it is empty, too long, or has emoji or control characters.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let refuse = |reason| {
            Err(TextError {
                field: "body",
                reason,
            })
        };
        if text.trim().is_empty() || text.len() > MAX_BYTES {
            return refuse("must have 1 to 127 bytes");
        }
        if text.chars().any(|c| c.len_utf8() > 3 || c.is_control()) {
            return refuse("must not contain emoji, rare characters or control characters");
        }
        Ok(Self(text.to_owned()))
    }

    /// The same, but a text that is too long is cut between two characters. It is for people to read; the same text is always cut alike, so
    /// repeating an order repeats its fields.
    ///
    /// # Errors
    /// As [`Body::parse`], but not for the length.
    pub fn shortened(text: &str) -> Result<Self, TextError> {
        let mut end = text.len().min(MAX_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self::parse(&text[..end])
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({:?})", self.0)
    }
}
