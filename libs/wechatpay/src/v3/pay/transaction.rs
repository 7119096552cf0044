//! An order as WeChat describes it, in the answer of a query and in a payment notification.

use std::fmt;

use fen::Fen;
use serde::{Deserialize, Serialize};

use crate::time::WechatTime;
use crate::wire::{Wire, WireName};

/// An order as WeChat describes it. Members only paid orders have are `None` before.
///
/// Optional members may be absent, `null` or empty; all three read as `None`. Members this crate does not know are
/// ignored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Transaction {
    /// The app; direct merchants.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub appid: Option<String>,
    /// The merchant; direct merchants.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub mchid: Option<String>,
    /// The partner's app; partner mode.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub sp_appid: Option<String>,
    /// The partner; partner mode.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub sp_mchid: Option<String>,
    /// The sub-merchant's app, if the order named it; partner mode.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub sub_appid: Option<String>,
    /// The sub-merchant; partner mode.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub sub_mchid: Option<String>,
    /// The merchant's number.
    pub out_trade_no: String,
    /// WeChat's number; once paid.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub transaction_id: Option<String>,
    /// How it was paid; once paid.
    #[serde(
        default,
        deserialize_with = "crate::wire::name",
        skip_serializing_if = "Option::is_none"
    )]
    pub trade_type: Option<Wire<TradeType>>,
    /// Where it stands.
    pub trade_state: Wire<TradeState>,
    /// The same for people, in Chinese.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub trade_state_desc: Option<String>,
    /// The bank, `OTHERS` for WeChat's own balance; once paid.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub bank_type: Option<String>,
    /// The merchant's own data; once paid.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub attach: Option<String>,
    /// When it was paid.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub success_time: Option<WechatTime>,
    /// Who paid; empty before.
    #[serde(default, deserialize_with = "crate::wire::or_default")]
    pub payer: Payer,
    /// How much. Absent members and an absent object are the same.
    #[serde(default, deserialize_with = "crate::wire::or_default")]
    pub amount: TradeAmount,
    /// Coupons that took part.
    #[serde(
        default,
        deserialize_with = "crate::wire::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub promotion_detail: Vec<Promotion>,
}

/// Who paid. Personal data: `Debug` prints `***`.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Payer {
    /// Under the app of a direct merchant.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub openid: Option<String>,
    /// Under the partner's app.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub sp_openid: Option<String>,
    /// Under the sub-merchant's app.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub sub_openid: Option<String>,
}

impl fmt::Debug for Payer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let present =
            self.openid.is_some() || self.sp_openid.is_some() || self.sub_openid.is_some();
        f.write_str(if present { "Payer(***)" } else { "Payer(none)" })
    }
}

/// The amounts of an order.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TradeAmount {
    /// What the order asks for. To be compared with what was ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Fen>,
    /// What the payer paid: the total without coupons. Once paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer_total: Option<Fen>,
    /// `CNY`
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub currency: Option<String>,
    /// `CNY`
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub payer_currency: Option<String>,
}

/// One coupon that took part in a payment.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Promotion {
    /// The coupon.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub coupon_id: Option<String>,
    /// Its name.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub name: Option<String>,
    /// `GLOBAL` or `SINGLE`.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub scope: Option<String>,
    /// `CASH` or `NOCASH`.
    #[serde(
        rename = "type",
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub kind: Option<String>,
    /// What it was worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Fen>,
    /// The batch it comes from.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub stock_id: Option<String>,
    /// WeChat's share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wechatpay_contribute: Option<Fen>,
    /// The merchant's share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant_contribute: Option<Fen>,
    /// Everyone else's share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_contribute: Option<Fen>,
    /// `CNY`
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub currency: Option<String>,
}

/// Where an order stands (WeChat Pay APIv3 documentation, order query).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TradeState {
    /// Paid. Final for the payment.
    Success,
    /// Paid, and a refund exists; what became of it only the refund query tells.
    Refund,
    /// Not paid yet. A failed try of the payer stays here.
    NotPay,
    /// Closed by the merchant or after seven days. Final.
    Closed,
    /// Reversed (orders by payment code only). Final.
    Revoked,
    /// The payer is typing the password (orders by payment code only).
    UserPaying,
    /// Failed. Final for this number.
    PayError,
    /// Accepted, waiting for the deduction (older pages).
    Accept,
}

impl WireName for TradeState {
    const NAMES: &'static [(Self, &'static str)] = &[
        (Self::Success, "SUCCESS"),
        (Self::Refund, "REFUND"),
        (Self::NotPay, "NOTPAY"),
        (Self::Closed, "CLOSED"),
        (Self::Revoked, "REVOKED"),
        (Self::UserPaying, "USERPAYING"),
        (Self::PayError, "PAYERROR"),
        (Self::Accept, "ACCEPT"),
    ];
}

/// How an order was paid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TradeType {
    /// Mini program, or page inside WeChat.
    Jsapi,
    /// QR code.
    Native,
    /// Mobile app.
    App,
    /// Payment code.
    Micropay,
    /// Page outside WeChat (H5).
    Mweb,
    /// Face.
    Facepay,
}

impl WireName for TradeType {
    const NAMES: &'static [(Self, &'static str)] = &[
        (Self::Jsapi, "JSAPI"),
        (Self::Native, "NATIVE"),
        (Self::App, "APP"),
        (Self::Micropay, "MICROPAY"),
        (Self::Mweb, "MWEB"),
        (Self::Facepay, "FACEPAY"),
    ];
}
