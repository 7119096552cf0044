//! Checked texts: numbers, names and addresses within the limits WeChat Pay publishes.
//!
//! A value that exists is valid and cannot be swapped with another kind. Limits are those of the WeChat Pay APIv3
//! documentation; lengths are counted in characters unless bytes are stated.

use std::fmt;

mod auth_code;
mod url;

pub use auth_code::AuthCode;

/// Why a text was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{field} {reason}")]
pub struct TextError {
    /// The member's name at WeChat, for example `out_trade_no`.
    pub field: &'static str,
    /// What is wrong with it; reads on after the name.
    pub reason: &'static str,
}

/// What a kind of text allows.
struct Rule {
    shortest: usize,
    longest: usize,
    length: &'static str,
    allowed: fn(char) -> bool,
    characters: &'static str,
}

impl Rule {
    fn check(&self, text: &str) -> Result<(), &'static str> {
        if !(self.shortest..=self.longest).contains(&text.chars().count()) {
            return Err(self.length);
        }
        if !text.chars().all(self.allowed) {
            return Err(self.characters);
        }
        Ok(())
    }
}

fn shown(text: &str) -> &str {
    text
}

/// For personal data.
fn hidden(_: &str) -> &str {
    "***"
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $field:literal, $debug:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks the text.
            ///
            /// # Errors
            /// When it breaks a published limit; the message names the member and the limit.
            pub fn parse(text: &str) -> Result<Self, TextError> {
                let check: fn(&str) -> Result<(), &'static str> = $check;
                match check(text) {
                    Ok(()) => Ok(Self(text.to_owned())),
                    Err(reason) => Err(TextError { field: $field, reason }),
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = TextError;

            fn from_str(text: &str) -> Result<Self, TextError> {
                Self::parse(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), $debug(&self.0))
            }
        }
    };
}

mod product;

pub use product::{AppName, AppPackage, AppUrl, CodeUrl, DeviceId, H5Url, StoreId};

text_type!(
    /// A merchant number.
    Mchid, "mchid", shown,
    |text| Rule {
        shortest: 1,
        longest: 32,
        length: "must have 1 to 32 digits",
        allowed: |c| c.is_ascii_digit(),
        characters: "must consist of digits",
    }
    .check(text)
);

text_type!(
    /// The id of a mini program, official account or mobile app; it starts with `wx`.
    Appid, "appid", shown,
    |text| Rule {
        shortest: 1,
        longest: 32,
        length: "must have 1 to 32 characters",
        allowed: |c| c.is_ascii_alphanumeric(),
        characters: "must consist of letters and digits",
    }
    .check(text)
);

text_type!(
    /// Who a user is inside one app.
    Openid, "openid", hidden,
    |text| Rule {
        shortest: 1,
        longest: 128,
        length: "must have 1 to 128 characters",
        allowed: |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'),
        characters: "must consist of letters, digits, _ and -",
    }
    .check(text)
);

text_type!(
    /// The merchant's number of an order at WeChat: 6 to 32 of `0-9 A-Z a-z _ - | *`, unique per merchant.
    OutTradeNo, "out_trade_no", shown,
    |text| Rule {
        shortest: 6,
        longest: 32,
        length: "must have 6 to 32 characters",
        allowed: |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '|' | '*'),
        characters: "must consist of letters, digits, _ - | and *",
    }
    .check(text)
);

text_type!(
    /// WeChat's number of a payment.
    TransactionId, "transaction_id", shown,
    |text| Rule {
        shortest: 1,
        longest: 32,
        length: "must have 1 to 32 characters",
        allowed: |c| c.is_ascii_alphanumeric(),
        characters: "must consist of letters and digits",
    }
    .check(text)
);

text_type!(
    /// WeChat's ticket for one order at the cashier; it lives for two hours.
    PrepayId, "prepay_id", shown,
    |text| Rule {
        shortest: 1,
        longest: 64,
        length: "must have 1 to 64 characters",
        allowed: |c| c.is_ascii_graphic(),
        characters: "must consist of printable ASCII characters without spaces",
    }
    .check(text)
);

text_type!(
    /// The merchant's number of a refund: 1 to 64 of `0-9 A-Z a-z _ - | * @`, unique per merchant.
    OutRefundNo, "out_refund_no", shown,
    |text| Rule {
        shortest: 1,
        longest: 64,
        length: "must have 1 to 64 characters",
        allowed: |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '|' | '*' | '@'),
        characters: "must consist of letters, digits, _ - | * and @",
    }
    .check(text)
);

text_type!(
    /// WeChat's number of a refund.
    RefundId, "refund_id", shown,
    |text| Rule {
        shortest: 1,
        longest: 32,
        length: "must have 1 to 32 characters",
        allowed: |c| c.is_ascii_alphanumeric(),
        characters: "must consist of letters and digits",
    }
    .check(text)
);

text_type!(
    /// A bank and kind of card, for example `ICBC_DEBIT`. Which ones WeChat takes is in its documentation of abnormal
    /// refunds, and grows; the length is UNCONFIRMED.
    BankType, "bank_type", shown,
    |text| Rule {
        shortest: 1,
        longest: 16,
        length: "must have 1 to 16 characters",
        allowed: |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_',
        characters: "must consist of capital letters, digits and _",
    }
    .check(text)
);

text_type!(
    /// What the payer reads at the cashier: 1 to 127 characters, no emoji.
    Description, "description", shown,
    |text| Rule {
        shortest: 1,
        longest: 127,
        length: "must have 1 to 127 characters",
        allowed: printable,
        characters: PRINTABLE,
    }
    .check(text)
);

text_type!(
    /// The merchant's own data on an order: at most 128 characters, returned once the order is paid.
    Attach, "attach", shown,
    |text| Rule {
        shortest: 1,
        longest: 128,
        length: "must have 1 to 128 characters",
        allowed: printable,
        characters: PRINTABLE,
    }
    .check(text)
);

text_type!(
    /// What the payer reads about a refund: at most 80 characters.
    RefundReason, "reason", shown,
    |text| Rule {
        shortest: 1,
        longest: 80,
        length: "must have 1 to 80 characters",
        allowed: printable,
        characters: PRINTABLE,
    }
    .check(text)
);

text_type!(
    /// Where WeChat sends notifications: an `https` address with a public host, without query or fragment, at most
    /// 255 characters. Plain `http` is taken for loopback hosts only, which is where a simulator runs; for a
    /// simulator elsewhere use [`NotifyUrl::parse_for_simulator`].
    NotifyUrl, "notify_url", shown,
    |text| url::check(text, url::Plain::LoopbackOnly)
);

impl NotifyUrl {
    /// As [`NotifyUrl::parse`], but plain `http` may name any host, for example another container. WeChat itself
    /// refuses such an address.
    ///
    /// # Errors
    /// As [`NotifyUrl::parse`].
    pub fn parse_for_simulator(text: &str) -> Result<Self, TextError> {
        match url::check(text, url::Plain::AnyHost) {
            Ok(()) => Ok(Self(text.to_owned())),
            Err(reason) => Err(TextError {
                field: "notify_url",
                reason,
            }),
        }
    }
}

const PRINTABLE: &str =
    "must not contain control characters or emoji (characters of four UTF-8 bytes)";

/// WeChat takes characters of one to three UTF-8 bytes; a line break would also break the rows of its bills.
fn printable(c: char) -> bool {
    c.len_utf8() <= 3 && !c.is_control()
}

#[cfg(test)]
mod tests;
