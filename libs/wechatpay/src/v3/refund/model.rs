//! A refund as WeChat describes it, in answers and in notifications.

use fen::Fen;
use serde::{Deserialize, Serialize};

use crate::time::WechatTime;
use crate::wire::{Wire, WireName};

/// A refund in the answer of create and query.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refund {
    /// WeChat's number of the refund.
    pub refund_id: String,
    /// The merchant's number of the refund.
    pub out_refund_no: String,
    /// WeChat's number of the payment.
    pub transaction_id: String,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// Which way the money goes.
    #[serde(
        default,
        deserialize_with = "crate::wire::name",
        skip_serializing_if = "Option::is_none"
    )]
    pub channel: Option<Wire<RefundChannel>>,
    /// Where the money arrives, for people, in Chinese. Never to be parsed.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub user_received_account: Option<String>,
    /// When the money arrived; `Success` only.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub success_time: Option<WechatTime>,
    /// When it was accepted.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub create_time: Option<WechatTime>,
    /// Where it stands.
    pub status: Wire<RefundStatus>,
    /// Which of the merchant's accounts pays.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub funds_account: Option<String>,
    /// How much.
    pub amount: RefundAmount,
}

/// The amounts of a refund.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RefundAmount {
    /// The total of the order.
    pub total: Fen,
    /// How much goes back, coupons included.
    pub refund: Fen,
    /// What the payer had paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer_total: Option<Fen>,
    /// What the payer gets back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer_refund: Option<Fen>,
    /// What the merchant gives back, without coupons of type `NOCASH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settlement_refund: Option<Fen>,
    /// What the merchant had got, without coupons of type `NOCASH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settlement_total: Option<Fen>,
    /// What goes back to whoever gave the coupons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount_refund: Option<Fen>,
    /// `CNY`
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub currency: Option<String>,
    /// The fee that goes back to the merchant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_fee: Option<Fen>,
}

/// What a refund notification says. The status member has another name here than in answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RefundNotice {
    /// The merchant; direct merchants.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub mchid: Option<String>,
    /// The partner; partner mode.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub sp_mchid: Option<String>,
    /// The sub-merchant; partner mode.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub sub_mchid: Option<String>,
    /// WeChat's number of the payment.
    pub transaction_id: String,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// WeChat's number of the refund.
    pub refund_id: String,
    /// The merchant's number of the refund.
    pub out_refund_no: String,
    /// Where it stands.
    pub refund_status: Wire<RefundStatus>,
    /// When the money arrived; `Success` only.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub success_time: Option<WechatTime>,
    /// Where the money arrives, for people, in Chinese. Never to be parsed.
    #[serde(
        default,
        deserialize_with = "crate::wire::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub user_received_account: Option<String>,
    /// How much.
    pub amount: RefundNoticeAmount,
}

/// The amounts of a refund notification.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RefundNoticeAmount {
    /// The total of the order.
    pub total: Fen,
    /// How much goes back, coupons included.
    pub refund: Fen,
    /// What the payer had paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer_total: Option<Fen>,
    /// What the payer gets back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer_refund: Option<Fen>,
}

/// Where a refund stands (WeChat Pay APIv3 documentation, refund query).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RefundStatus {
    /// On its way.
    Processing,
    /// The money arrived. Final.
    Success,
    /// Nothing was refunded; the amount can be refunded again, under a new number. Final.
    Closed,
    /// The original way failed (card cancelled or frozen) and the money is held: somebody has to decide. Ends in
    /// `Success` or `Closed`.
    Abnormal,
}

impl WireName for RefundStatus {
    const NAMES: &'static [(Self, &'static str)] = &[
        (Self::Processing, "PROCESSING"),
        (Self::Success, "SUCCESS"),
        (Self::Closed, "CLOSED"),
        (Self::Abnormal, "ABNORMAL"),
    ];
}

/// Which way a refund goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RefundChannel {
    /// The way it came.
    Original,
    /// To the payer's balance.
    Balance,
    /// To another balance, because the original account has a problem.
    OtherBalance,
    /// To another bank card, because the original card has a problem.
    OtherBankcard,
}

impl WireName for RefundChannel {
    const NAMES: &'static [(Self, &'static str)] = &[
        (Self::Original, "ORIGINAL"),
        (Self::Balance, "BALANCE"),
        (Self::OtherBalance, "OTHER_BALANCE"),
        (Self::OtherBankcard, "OTHER_BANKCARD"),
    ];
}
