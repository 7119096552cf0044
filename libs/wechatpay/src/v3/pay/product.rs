//! How an order is paid, and what the payer is handed.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::text::{AppName, AppPackage, AppUrl, CodeUrl, H5Url, Openid, PrepayId, TextError};
use crate::v3::operation::json as read;
use crate::v3::{ParseError, Verified};

/// How the payer pays, with what belongs to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Product {
    /// A mini program, or a page inside WeChat: `jsapi`.
    Jsapi {
        /// Who pays; a user of the order's app.
        openid: Openid,
    },
    /// A QR code that the payer scans: `native`.
    Native,
    /// A mobile app with WeChat's SDK: `app`.
    App,
    /// A browser outside WeChat: `h5`.
    H5(H5Scene),
}

/// Where a browser payment comes from (`scene_info`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct H5Scene {
    /// The payer's real address; WeChat compares it, and fails with a loopback one.
    pub payer_client_ip: IpAddr,
    /// In which kind of browser.
    pub kind: H5Kind,
    /// The app or site around it.
    pub app: H5App,
}

/// In which kind of browser (`h5_info.type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum H5Kind {
    /// A mobile browser.
    Wap,
    /// An app on iOS.
    Ios,
    /// An app on Android.
    Android,
}

impl H5Kind {
    /// The name at WeChat.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wap => "Wap",
            Self::Ios => "iOS",
            Self::Android => "Android",
        }
    }
}

/// The app or site around a browser payment. Everything is optional.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct H5App {
    /// Its name.
    pub name: Option<AppName>,
    /// Its address.
    pub url: Option<AppUrl>,
    /// Its bundle on iOS.
    pub bundle_id: Option<AppPackage>,
    /// Its package on Android.
    pub package_name: Option<AppPackage>,
}

/// What the payer is handed to pay with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Handle {
    /// For mini programs, pages inside WeChat and apps; valid for two hours.
    PrepayId(PrepayId),
    /// To be shown as a QR code; valid for two hours, or until the order is placed again.
    CodeUrl(CodeUrl),
    /// Where the browser goes; valid for five minutes, for one WeChat user.
    H5Url(H5Url),
}

impl Product {
    /// The last segment of the order's path.
    pub const fn path(&self) -> &'static str {
        match self {
            Self::Jsapi { .. } => "jsapi",
            Self::Native => "native",
            Self::App => "app",
            Self::H5(_) => "h5",
        }
    }

    /// The name in answers and notifications.
    pub const fn trade_type(&self) -> super::TradeType {
        match self {
            Self::Jsapi { .. } => super::TradeType::Jsapi,
            Self::Native => super::TradeType::Native,
            Self::App => super::TradeType::App,
            Self::H5(_) => super::TradeType::Mweb,
        }
    }

    /// Adds the members only this product has.
    pub(super) fn write(&self, body: &mut Value) {
        match self {
            Self::Jsapi { openid } => body["payer"] = json!({ "openid": openid.as_str() }),
            Self::Native | Self::App => {}
            Self::H5(scene) => body["scene_info"] = scene.json(),
        }
    }

    /// Reads the one member the answer has.
    pub(super) fn read(&self, status: u16, verified: &Verified) -> Result<Handle, ParseError> {
        #[derive(Deserialize)]
        struct Answer {
            prepay_id: Option<String>,
            code_url: Option<String>,
            h5_url: Option<String>,
        }
        let answer: Answer = read(status, verified)?;
        match self {
            Self::Jsapi { .. } | Self::App => {
                needed("prepay_id", answer.prepay_id, PrepayId::parse).map(Handle::PrepayId)
            }
            Self::Native => {
                needed("code_url", answer.code_url, CodeUrl::parse).map(Handle::CodeUrl)
            }
            Self::H5(_) => needed("h5_url", answer.h5_url, H5Url::parse).map(Handle::H5Url),
        }
    }
}

fn needed<T>(
    name: &'static str,
    text: Option<String>,
    parse: fn(&str) -> Result<T, TextError>,
) -> Result<T, ParseError> {
    let text = text.ok_or_else(|| ParseError::Malformed(format!("{name} is missing")))?;
    parse(&text).map_err(|error| ParseError::Malformed(error.to_string()))
}

impl H5Scene {
    fn json(&self) -> Value {
        let mut info = Map::new();
        info.insert("type".to_owned(), json!(self.kind.as_str()));
        let H5App {
            name,
            url,
            bundle_id,
            package_name,
        } = &self.app;
        let optional = [
            ("app_name", name.as_ref().map(AppName::as_str)),
            ("app_url", url.as_ref().map(AppUrl::as_str)),
            ("bundle_id", bundle_id.as_ref().map(AppPackage::as_str)),
            (
                "package_name",
                package_name.as_ref().map(AppPackage::as_str),
            ),
        ];
        for (member, value) in optional {
            if let Some(value) = value {
                info.insert(member.to_owned(), json!(value));
            }
        }
        json!({ "payer_client_ip": self.payer_client_ip.to_string(), "h5_info": info })
    }
}
