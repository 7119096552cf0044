//! Orders: what they are, and what WeChat tells about them.
//!
//! Rules: WeChat Pay APIv3 documentation, "JSAPI / mini program order", "Native order", "APP order", "H5 order", "query order", "close order",
//! "payment code", "reverse".

mod close;
mod codepay;
mod handle;
mod parse;
mod prepay;
mod query;
pub(crate) use parse::{NewOrder, currency};
pub(crate) use prepay::Repetition;
#[cfg(test)]
mod tests;

use fen::Fen;
use serde_json::{Value, json};
use wechatpay::time::format_beijing;

use crate::assumptions::Assumptions;
use crate::book::OrderKey;
use crate::protocol::Protocol;
use crate::timer::TimerKey;

/// A prepay id lives two hours, whatever the order's own deadline is.
pub const PREPAY_LIFE_MS: i64 = 2 * 3_600_000;
/// An unpaid order is closed after seven days.
pub const ORDER_LIFE_MS: i64 = 7 * 86_400_000;
/// `time_expire` values that are earlier than this after ordering are raised to it.
pub const LEAST_PAY_TIME_MS: i64 = 60_000;

/// An order as WeChat keeps it.
#[derive(Clone, PartialEq, Debug)]
pub struct Order {
    /// Whose order.
    pub mchid: String,
    /// Under which app it was made.
    pub appid: String,
    /// The merchant's number.
    pub out_trade_no: String,
    /// What the payer reads.
    pub description: String,
    /// The merchant's own data.
    pub attach: Option<String>,
    /// Where the payment notification goes.
    pub notify_url: String,
    /// What is to be paid.
    pub total: Fen,
    /// How it is paid.
    pub trade_type: TradeType,
    /// Which protocol it was made by: its notification speaks the same.
    pub protocol: Protocol,
    /// Who is to pay. Empty while anybody may: then it is whoever pays.
    pub openid: String,
    /// Where a payment by payment code stands, beyond paid and not paid.
    pub code: Option<CodePhase>,
    /// The payment that a reversal took back.
    pub reversed: Option<Payment>,
    /// The terminal that was named.
    pub device_id: Option<String>,
    /// When the first order call arrived, Unix milliseconds.
    pub created_ms: i64,
    /// The last moment to pay, if the merchant set one, Unix milliseconds.
    pub pay_until_ms: Option<i64>,
    /// Where it stands.
    pub state: OrderState,
    /// The merchant's numbers of its refunds, oldest first.
    pub refunds: Vec<String>,
    /// The body of the first call, to compare later ones with.
    pub(crate) parameters: Value,
    /// The body had `null` members: the cashier will fail.
    pub(crate) had_null: bool,
    pub(crate) expiry: Option<TimerKey>,
}

/// Where an order stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OrderState {
    /// `NOTPAY`
    NotPaid,
    /// `SUCCESS`, and `REFUND` once money goes back.
    Paid(Payment),
    /// `CLOSED`
    Closed {
        /// Since when, Unix milliseconds.
        at_ms: i64,
        /// By the merchant, or by the passing of seven days.
        by_merchant: bool,
    },
}

/// How an order is paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TradeType {
    /// In a mini program or a page inside WeChat.
    Jsapi,
    /// By scanning a QR code.
    Native,
    /// In a mobile app.
    App,
    /// In a browser outside WeChat.
    Mweb,
    /// By a payment code that the merchant scans.
    Micropay,
}

impl TradeType {
    /// `trade_type` on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsapi => "JSAPI",
            Self::Native => "NATIVE",
            Self::App => "APP",
            Self::Mweb => "MWEB",
            Self::Micropay => "MICROPAY",
        }
    }
}

/// What can become of a payment by payment code besides being paid or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CodePhase {
    /// `USERPAYING`: the payer is asked for a password.
    UserPaying,
    /// `PAYERROR`: the payment failed.
    PayError,
    /// `REVOKED`: the merchant has reversed it.
    Revoked,
}

/// A payment that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payment {
    /// WeChat's number.
    pub transaction_id: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// What the payer paid: the total less coupons.
    pub payer_total: Fen,
    /// The coupon that was used.
    pub coupon: Option<Coupon>,
    /// Where the money came from, for example `OTHERS` (balance) or `CMB_DEBIT`.
    pub bank_type: String,
    /// Whether the trade state is `REFUND`.
    pub refunded: bool,
}

/// A coupon that was used in a payment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Coupon {
    /// WeChat's number of the coupon.
    pub coupon_id: String,
    /// Its value.
    pub amount: Fen,
    /// `NOCASH` coupons are paid by the merchant and excluded from settlement.
    pub no_cash: bool,
}

/// A prepay id that was given out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prepay {
    /// For which order.
    pub order: OrderKey,
    /// When, Unix milliseconds.
    pub made_ms: i64,
    /// The protocol of the order call; the pay parameters must be signed in the same way.
    pub protocol: Protocol,
    /// The certificate that signed the order call; the pay parameters must be signed by the same. Empty with the older
    /// protocol, where the API key signs.
    pub serial_no: String,
    /// What the payer scans or follows instead of being given the prepay id: `code_url` or `mweb_url`.
    pub link: Option<String>,
    /// Replaced by a newer one.
    pub dead: bool,
}

impl Order {
    /// The payment, once there is one.
    pub fn payment(&self) -> Option<&Payment> {
        match &self.state {
            OrderState::Paid(payment) => Some(payment),
            OrderState::NotPaid | OrderState::Closed { .. } => None,
        }
    }

    /// `trade_state` on the wire.
    pub fn trade_state(&self) -> &'static str {
        match &self.state {
            OrderState::NotPaid if self.code == Some(CodePhase::UserPaying) => "USERPAYING",
            OrderState::NotPaid if self.code == Some(CodePhase::PayError) => "PAYERROR",
            OrderState::NotPaid => "NOTPAY",
            OrderState::Paid(payment) if payment.refunded => "REFUND",
            OrderState::Paid(_) => "SUCCESS",
            OrderState::Closed { .. } if self.code == Some(CodePhase::Revoked) => "REVOKED",
            OrderState::Closed { .. } => "CLOSED",
        }
    }

    /// Whether the merchant's deadline for paying has passed.
    pub fn is_overdue(&self, now_ms: i64) -> bool {
        self.pay_until_ms.is_some_and(|until| now_ms > until)
    }

    /// The order as query answers and payment notifications show it.
    pub(crate) fn view(&self, assumptions: &Assumptions) -> Value {
        let mut view = json!({
            "appid": self.appid,
            "mchid": self.mchid,
            "out_trade_no": self.out_trade_no,
            "trade_state": self.trade_state(),
            "trade_state_desc": self.description_of_state(),
        });
        let Some(members) = view.as_object_mut() else {
            return view;
        };
        let mut add = |name: &str, value: Value| {
            members.insert(name.to_owned(), value);
        };
        let Some(payment) = self.payment() else {
            if assumptions.empty_members_in_unpaid_query {
                add(
                    "amount",
                    json!({ "total": self.total.get(), "currency": "CNY" }),
                );
                add("payer", json!({}));
                add("promotion_detail", json!([]));
                let device = self.device_id.as_deref().unwrap_or_default();
                add("scene_info", json!({ "device_id": device }));
            }
            return view;
        };
        add("transaction_id", json!(payment.transaction_id));
        add("trade_type", json!(self.trade_type.name()));
        add("bank_type", json!(payment.bank_type));
        add("success_time", json!(format_beijing(payment.at_ms)));
        add("payer", json!({ "openid": self.openid }));
        add(
            "amount",
            json!({
                "total": self.total.get(),
                "payer_total": payment.payer_total.get(),
                "currency": "CNY",
                "payer_currency": "CNY",
            }),
        );
        if let Some(attach) = &self.attach {
            add("attach", json!(attach));
        }
        if let Some(device) = &self.device_id {
            add("scene_info", json!({ "device_id": device }));
        }
        if let Some(coupon) = &payment.coupon {
            add("promotion_detail", json!([coupon.view()]));
        }
        view
    }

    pub(crate) fn description_of_state(&self) -> &'static str {
        match &self.state {
            OrderState::NotPaid if self.code == Some(CodePhase::UserPaying) => "用户支付中",
            OrderState::NotPaid if self.code == Some(CodePhase::PayError) => {
                "支付失败(其他原因，如银行返回失败)"
            }
            OrderState::NotPaid => "订单未支付",
            OrderState::Paid(payment) if payment.refunded => "订单发生过退款，退款详情请查询退款单",
            OrderState::Paid(_) => "支付成功",
            OrderState::Closed { .. } if self.code == Some(CodePhase::Revoked) => "订单已撤销",
            OrderState::Closed { .. } => "订单已关闭",
        }
    }
}

impl Coupon {
    fn view(&self) -> Value {
        let (by_wechat, by_merchant) = if self.no_cash {
            (0, self.amount.get())
        } else {
            (self.amount.get(), 0)
        };
        json!({
            "coupon_id": self.coupon_id,
            "name": "模拟优惠券",
            "scope": "GLOBAL",
            "type": if self.no_cash { "NOCASH" } else { "CASH" },
            "amount": self.amount.get(),
            "stock_id": "900001",
            "wechatpay_contribute": by_wechat,
            "merchant_contribute": by_merchant,
            "other_contribute": 0,
            "currency": "CNY",
        })
    }
}
