//! The ways to pay that WeChat offers a merchant.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::id::{CodeUrl, H5Url, PrepayId};
use crate::time::{HOUR_MS, MINUTE_MS};

/// How a payer pays. Fixed for a payment.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Product {
    /// In a mini program, with `wx.requestPayment`.
    #[default]
    MiniProgram,
    /// On a page inside WeChat, of an official account.
    Jsapi,
    /// The payer scans a QR code.
    Native,
    /// In the merchant's own mobile app.
    App,
    /// In a mobile browser outside WeChat.
    H5,
    /// The merchant scans the code that the payer's phone shows (付款码).
    Code,
}

impl Product {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::MiniProgram,
        Self::Jsapi,
        Self::Native,
        Self::App,
        Self::H5,
        Self::Code,
    ];

    /// The name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MiniProgram => "mini_program",
            Self::Jsapi => "jsapi",
            Self::Native => "native",
            Self::App => "app",
            Self::H5 => "h5",
            Self::Code => "code",
        }
    }

    /// The inverse of [`Product::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|product| product.as_str() == text)
    }

    /// WeChat's name of a paid order (`trade_type`). Source: WeChat Pay APIv3, "query order".
    pub const fn trade_type(self) -> &'static str {
        match self {
            Self::MiniProgram | Self::Jsapi => "JSAPI",
            Self::Native => "NATIVE",
            Self::App => "APP",
            Self::H5 => "MWEB",
            Self::Code => "MICROPAY",
        }
    }

    /// Who asks for the means to pay.
    pub const fn asked_by(self) -> AskedBy {
        match self {
            Self::MiniProgram | Self::Jsapi => AskedBy::Payer,
            Self::Native | Self::App | Self::H5 => AskedBy::Merchant,
            Self::Code => AskedBy::Till,
        }
    }
}

/// Who asks for the means to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedBy {
    /// A user with a session, whose openid goes into the order.
    Payer,
    /// The merchant's backend, which hands on what it gets. Who pays is known afterwards.
    Merchant,
    /// The merchant's till, with the payer's code in hand.
    Till,
}

/// What a payer needs to reach the cashier of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handle {
    /// To be signed for a mini program, a page inside WeChat, or an app.
    PrepayId(PrepayId),
    /// To be shown as a QR code.
    CodeUrl(CodeUrl),
    /// Where the browser goes.
    H5Url(H5Url),
}

/// How long before its end a handle is not handed out any more, in milliseconds: the payer still has to type a password.
const MARGIN_MS: i64 = 10 * MINUTE_MS;
/// The same for the address of a browser, which lives for minutes only.
const H5_MARGIN_MS: i64 = MINUTE_MS;

impl Handle {
    /// The name of its kind in the database.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::PrepayId(_) => "prepay_id",
            Self::CodeUrl(_) => "code_url",
            Self::H5Url(_) => "h5_url",
        }
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        match self {
            Self::PrepayId(id) => id.as_str(),
            Self::CodeUrl(url) => url.as_str(),
            Self::H5Url(url) => url.as_str(),
        }
    }

    /// From what the database holds. `None` if that is no handle.
    pub fn from_parts(kind: &str, text: &str) -> Option<Self> {
        match kind {
            "prepay_id" => PrepayId::parse(text).ok().map(Self::PrepayId),
            "code_url" => CodeUrl::parse(text).ok().map(Self::CodeUrl),
            "h5_url" => H5Url::parse(text).ok().map(Self::H5Url),
            _ => None,
        }
    }

    /// How long WeChat accepts it, in milliseconds. Source: WeChat Pay APIv3, order calls: two hours, and five minutes for `h5_url`.
    pub const fn lifetime_ms(&self) -> i64 {
        match self {
            Self::PrepayId(_) | Self::CodeUrl(_) => 2 * HOUR_MS,
            Self::H5Url(_) => 5 * MINUTE_MS,
        }
    }

    /// How long it may be handed out, in milliseconds.
    pub const fn usable_ms(&self) -> i64 {
        match self {
            Self::PrepayId(_) | Self::CodeUrl(_) => self.lifetime_ms() - MARGIN_MS,
            Self::H5Url(_) => self.lifetime_ms() - H5_MARGIN_MS,
        }
    }
}

/// Where a payer outside WeChat is: WeChat compares it with the browser that comes to its cashier.
/// Source: WeChat Pay APIv3, "H5 order", `scene_info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct H5Scene {
    /// The payer's address, as the merchant's server sees it.
    pub payer_ip: IpAddr,
    /// The kind of browser.
    pub kind: H5Kind,
}

/// The kind of browser (`h5_info.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum H5Kind {
    /// A mobile browser.
    #[default]
    Wap,
    /// A page inside an app on iOS.
    Ios,
    /// A page inside an app on Android.
    Android,
}

impl H5Kind {
    /// The name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wap => "wap",
            Self::Ios => "ios",
            Self::Android => "android",
        }
    }

    /// The inverse of [`H5Kind::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Wap, Self::Ios, Self::Android]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_found_again_by_its_name() {
        for product in Product::ALL {
            assert_eq!(Product::parse(product.as_str()), Some(product));
        }
        assert_eq!(Product::parse("JSAPI"), None);
    }

    #[test]
    fn a_handle_is_found_again_by_its_parts() {
        for handle in [
            Handle::PrepayId(PrepayId::parse("wx2016").unwrap()),
            Handle::CodeUrl(CodeUrl::parse("weixin://wxpay/bizpayurl?pr=JyC91EIz1").unwrap()),
            Handle::H5Url(H5Url::parse("https://wx.tenpay.com/cgi-bin/x?prepay_id=1").unwrap()),
            Handle::H5Url(H5Url::parse("http://127.0.0.1:9000/cgi-bin/x?prepay_id=1").unwrap()),
        ] {
            assert_eq!(
                Handle::from_parts(handle.kind(), handle.as_str()),
                Some(handle.clone())
            );
            assert!(handle.usable_ms() < handle.lifetime_ms());
        }
        assert_eq!(Handle::from_parts("prepay_id", "has space"), None);
        assert_eq!(Handle::from_parts("h5_url", "javascript:alert(1)"), None);
        assert_eq!(Handle::from_parts("other", "wx2016"), None);
    }
}
