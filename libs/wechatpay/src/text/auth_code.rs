//! What a payment code says.

use std::fmt;

use super::TextError;

/// What a payment code says: 18 digits that begin with 10 to 15 (10 to 14 a mainland wallet, 15 a Hong Kong one). It
/// changes every minute and is good for one order. Whoever knows it can charge its owner: `Debug` hides it, and it is
/// no text that could be printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthCode(String);

impl AuthCode {
    /// Checks the text.
    ///
    /// # Errors
    /// When it is not such a code.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let digits = text.len() == 18 && text.bytes().all(|byte| byte.is_ascii_digit());
        let known = ["10", "11", "12", "13", "14", "15"];
        if digits && known.iter().any(|prefix| text.starts_with(prefix)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(TextError {
                field: "auth_code",
                reason: "must have 18 digits, beginning with 10 to 15",
            })
        }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AuthCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthCode(***)")
    }
}
