//! Why a refund is not made, in no protocol's words.

use serde_json::Value;

use super::Refund;
use super::parse::{NewRefund, OrderNumber};
use crate::heart::Wechat;
use crate::refusal::{Refusal, number};

/// Why a refund is not made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RefundProblem {
    /// The number is used, for something else.
    OtherParameters,
    /// The two numbers name two orders.
    TwoOrders,
    /// The order is another merchant's.
    OtherMerchant,
    /// No such order, or it is not paid.
    NoPaidOrder,
    /// The order has another total.
    OtherTotal,
    /// The payment was more than a year ago.
    TooLate,
    /// The order has its fifty refunds.
    TooMany,
    /// It is more than what is left.
    TooMuch {
        /// Everything has been refunded.
        nothing_left: bool,
    },
    /// The last refund of the order was a moment ago.
    TooSoon,
    /// The merchant has too little money.
    NotEnough,
}

/// Whether a call is a refund once more. Across protocols only the meaning can be compared: one number space, two
/// ways to write (UNCONFIRMED what WeChat compares).
pub(super) fn is_repetition(refund: &Refund, new: &NewRefund, parameters: &Value) -> bool {
    if refund.protocol == new.protocol {
        return refund.parameters == *parameters;
    }
    let same_order = match &new.by {
        OrderNumber::TransactionId(id) => *id == refund.transaction_id,
        OrderNumber::OutTradeNo(number) => *number == refund.out_trade_no,
        OrderNumber::Both(id, number) => {
            *id == refund.transaction_id && *number == refund.out_trade_no
        }
    };
    same_order && refund.refund == new.refund && refund.total == new.total
}

impl Wechat {
    /// The refusal in the words of APIv3.
    pub(super) fn refuse_refund(&self, why: RefundProblem) -> Refusal {
        let refuse = |message: &str| Refusal::invalid_request(number::OTHER, message);
        match why {
            RefundProblem::OtherParameters => Refusal::invalid_request(
                number::OTHER_PARAMETERS,
                "请求重入时，退款参数与首次请求时不一致",
            ),
            RefundProblem::TwoOrders => refuse("微信支付订单号与商户订单号不匹配"),
            RefundProblem::OtherMerchant => {
                Refusal::invalid_request(number::OTHER_MERCHANT, "商户号与订单不匹配")
            }
            RefundProblem::NoPaidOrder => Refusal::new(
                404,
                "RESOURCE_NOT_EXISTS",
                number::ORDER_NOT_EXIST,
                "订单不存在或未支付",
            ),
            RefundProblem::OtherTotal => refuse("订单金额或退款金额与之前请求不一致，请核实后再试"),
            RefundProblem::TooLate => {
                refuse("订单已超过可退款期限，支付成功超过一年的订单不能退款")
            }
            RefundProblem::TooMany => refuse("一笔订单最多支持 50 次部分退款"),
            RefundProblem::TooMuch { .. } => refuse("申请退款金额大于订单可退金额"),
            RefundProblem::TooSoon => {
                self.rate_limited("同一订单的退款请求过于频繁，请至少间隔一分钟")
            }
            RefundProblem::NotEnough => {
                let message = "基本账户余额不足，请充值后重新发起";
                Refusal::new(403, "NOT_ENOUGH", number::OTHER, message)
            }
        }
    }
}
