//! The two protocols something can be made by.

use serde::Serialize;
use utoipa::ToSchema;
use wechatpay::v2::SignType;

/// Which protocol something was made by. With the older one, also how its messages are signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// JSON, signed with RSA.
    V3,
    /// XML, signed with MD5.
    V2Md5,
    /// XML, signed with HMAC-SHA256.
    V2HmacSha256,
}

impl Protocol {
    /// How messages of the older protocol are signed.
    pub fn sign_type(self) -> Option<SignType> {
        match self {
            Self::V3 => None,
            Self::V2Md5 => Some(SignType::Md5),
            Self::V2HmacSha256 => Some(SignType::HmacSha256),
        }
    }
}

impl From<SignType> for Protocol {
    fn from(sign_type: SignType) -> Self {
        match sign_type {
            SignType::Md5 => Self::V2Md5,
            SignType::HmacSha256 => Self::V2HmacSha256,
        }
    }
}
