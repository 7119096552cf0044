//! WeChat's books: apps, merchants, orders, refunds, and how they find each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fen::Fen;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wechatpay::crypto::ApiV3Key;
use wechatpay::v2::ApiKey;
use wechatpay::v3::VerifyingKey;

use crate::keys::PlatformKeys;
use crate::order::{Order, Prepay, TradeType};
use crate::payment_code::PaymentCode;
use crate::refund::Refund;

/// Merchant number and the merchant's number of the order.
pub type OrderKey = (String, String);
/// Merchant number and the merchant's number of the refund.
pub type RefundKey = (String, String);

/// What an app is. The kinds are not interchangeable: each product takes the apps that fit it.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AppKind {
    /// A mini program: JSAPI orders, `wx.login`, `wx.requestPayment`.
    #[default]
    MiniProgram,
    /// An official account, whose pages open inside WeChat: JSAPI orders, page authorization, the bridge.
    OfficialAccount,
    /// A mobile app with WeChat's SDK: APP orders.
    MobileApp,
}

impl AppKind {
    /// Whether an order of this kind can be made under it. QR codes, browsers and payment codes take any app.
    pub(crate) fn takes(self, trade_type: TradeType) -> bool {
        match (trade_type, self) {
            (TradeType::Jsapi, Self::MiniProgram | Self::OfficialAccount)
            | (TradeType::App, Self::MobileApp)
            | (TradeType::Native | TradeType::Mweb | TradeType::Micropay, _) => true,
            (TradeType::Jsapi, Self::MobileApp)
            | (TradeType::App, Self::MiniProgram | Self::OfficialAccount) => false,
        }
    }
}

/// An app at WeChat: a mini program unless [`Wechat::with_app_kind`](crate::Wechat::with_app_kind) or
/// [`Command::SetAppKind`](crate::Command::SetAppKind) says otherwise.
#[derive(Clone)]
pub struct App {
    /// `wx` and 16 hexadecimal digits.
    pub appid: String,
    /// Its secret.
    pub secret: String,
    /// The open-platform account it is bound to; users then have a unionid.
    pub platform: Option<String>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("appid", &self.appid)
            .field("secret", &"***")
            .field("platform", &self.platform)
            .finish()
    }
}

/// A merchant and everything WeChat knows of it.
#[derive(Clone, Debug)]
pub struct Merchant {
    /// The merchant number: digits.
    pub mchid: String,
    /// The name the cashier shows.
    pub name: String,
    /// The apps it is bound to.
    pub apps: BTreeSet<String>,
    /// Without one WeChat sends no notifications at all.
    pub api_v3_key: Option<ApiV3Key>,
    /// The key of the older protocol; without one that protocol is closed to it.
    pub api_key: Option<ApiKey>,
    /// Its API certificates by serial number; several may be valid at once.
    pub certificates: BTreeMap<String, MerchantCertificate>,
    /// What WeChat signs with for this merchant.
    pub platform: PlatformKeys,
    /// Where refund notifications go when a refund names no address.
    pub refund_notify_url: Option<String>,
    /// Money that refunds can be paid from; `None` is enough for everything.
    pub balance: Option<Fen>,
}

impl Merchant {
    /// A merchant without apps and certificates.
    pub fn new(mchid: impl Into<String>, name: impl Into<String>, platform: PlatformKeys) -> Self {
        Self {
            mchid: mchid.into(),
            name: name.into(),
            apps: BTreeSet::new(),
            api_v3_key: None,
            api_key: None,
            certificates: BTreeMap::new(),
            platform,
            refund_notify_url: None,
            balance: None,
        }
    }

    /// The same merchant bound to this app.
    #[must_use]
    pub fn with_app(mut self, appid: impl Into<String>) -> Self {
        self.apps.insert(appid.into());
        self
    }

    /// The same merchant with this APIv3 key.
    #[must_use]
    pub fn with_api_v3_key(mut self, key: ApiV3Key) -> Self {
        self.api_v3_key = Some(key);
        self
    }

    /// The same merchant with this key of the older protocol.
    #[must_use]
    pub fn with_api_key(mut self, key: ApiKey) -> Self {
        self.api_key = Some(key);
        self
    }

    /// The same merchant with this API certificate.
    #[must_use]
    pub fn with_certificate(
        mut self,
        serial_no: impl Into<String>,
        key: Arc<dyn VerifyingKey>,
    ) -> Self {
        let certificate = MerchantCertificate {
            key,
            replaced: false,
        };
        self.certificates.insert(serial_no.into(), certificate);
        self
    }
}

/// The public half of a merchant's API certificate.
#[derive(Clone, Debug)]
pub struct MerchantCertificate {
    /// Verifies the merchant's signatures.
    pub key: Arc<dyn VerifyingKey>,
    /// Whether the merchant has replaced it; its signatures are then refused with a message of their own.
    pub replaced: bool,
}

/// Everything WeChat remembers, apart from logins and messages under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    pub(crate) apps: BTreeMap<String, App>,
    /// What the apps are that are no mini programs.
    pub(crate) kinds: BTreeMap<String, AppKind>,
    pub(crate) merchants: BTreeMap<String, Merchant>,
    /// Every openid that was ever given out, with the app and the user it belongs to.
    pub(crate) openids: BTreeMap<String, (String, String)>,
    pub(crate) orders: BTreeMap<OrderKey, Order>,
    pub(crate) prepays: BTreeMap<String, Prepay>,
    /// The prepay ids of an order, oldest first.
    pub(crate) prepays_of: BTreeMap<OrderKey, Vec<String>>,
    pub(crate) transactions: BTreeMap<String, OrderKey>,
    pub(crate) refunds: BTreeMap<RefundKey, Refund>,
    pub(crate) refund_ids: BTreeMap<String, RefundKey>,
    /// Every payment code a phone ever showed.
    pub(crate) payment_codes: BTreeMap<String, PaymentCode>,
}

impl Book {
    pub(crate) fn kind(&self, appid: &str) -> AppKind {
        self.kinds.get(appid).copied().unwrap_or_default()
    }

    pub(crate) fn merchant_certificate(
        &self,
        mchid: &str,
        serial_no: &str,
    ) -> Option<&MerchantCertificate> {
        self.merchants.get(mchid)?.certificates.get(serial_no)
    }

    /// The refunds of an order, in the order they were made.
    pub(crate) fn refunds_of<'a>(&'a self, order: &'a Order) -> impl Iterator<Item = &'a Refund> {
        order
            .refunds
            .iter()
            .filter_map(|number| self.refunds.get(&(order.mchid.clone(), number.clone())))
    }
}
