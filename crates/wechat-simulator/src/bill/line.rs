//! Lines of the trade bill.

use fen::Fen;
use wechatpay::bill::BillDate;

use super::BillLine;
use crate::order::{Order, Payment};
use crate::refund::{Refund, RefundState};
use crate::v2::spaced_time;

/// A line of the trade bill. Amounts in fen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TradeLine {
    /// WeChat's number of the payment or the refund.
    pub(super) id: String,
    /// In which day's bill it stands.
    pub(super) date: Option<BillDate>,
    pub(super) at_ms: i64,
    pub(super) appid: String,
    pub(super) mchid: String,
    pub(super) device_id: String,
    pub(super) transaction_id: String,
    pub(super) out_trade_no: String,
    pub(super) openid: String,
    pub(super) trade_type: &'static str,
    pub(super) state: &'static str,
    pub(super) bank_type: String,
    pub(super) settled: i64,
    pub(super) coupon: i64,
    pub(super) total: i64,
    pub(super) refund: Option<RefundLine>,
    pub(super) description: String,
    pub(super) attach: String,
    /// In units of 0.00001 yuan.
    pub(super) fee: i64,
}

/// What the line of a refund has besides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RefundLine {
    pub(super) refund_id: String,
    pub(super) out_refund_no: String,
    pub(super) amount: i64,
    pub(super) settled: i64,
    pub(super) channel: &'static str,
    pub(super) status: &'static str,
    pub(super) success_ms: Option<i64>,
}

impl TradeLine {
    pub(super) fn paid(order: &Order, payment: &Payment) -> Self {
        let total = order.total.get();
        let coupon = payment.coupon.as_ref();
        let no_cash = coupon
            .filter(|coupon| coupon.no_cash)
            .map_or(0, |coupon| coupon.amount.get());
        let settled = total - no_cash;
        // UNCONFIRMED: that reversed orders are listed as REVOKED.
        let state = if order.reversed.is_some() {
            "REVOKED"
        } else {
            "SUCCESS"
        };
        Self {
            id: payment.transaction_id.clone(),
            date: BillDate::of_unix_ms(payment.at_ms),
            at_ms: payment.at_ms,
            transaction_id: payment.transaction_id.clone(),
            state,
            bank_type: payment.bank_type.clone(),
            settled,
            coupon: coupon.map_or(0, |coupon| coupon.amount.get()),
            total,
            refund: None,
            fee: fee(settled),
            ..Self::of(order)
        }
    }

    pub(super) fn refunded(order: &Order, refund: &Refund) -> Self {
        let settled = refund.settlement_refund.get();
        let bank = order
            .payment()
            .map_or("", |payment| payment.bank_type.as_str());
        Self {
            id: refund.refund_id.clone(),
            date: BillDate::of_unix_ms(refund.created_ms),
            at_ms: refund.created_ms,
            transaction_id: refund.transaction_id.clone(),
            state: "REFUND",
            bank_type: bank.to_owned(),
            refund: Some(RefundLine {
                refund_id: refund.refund_id.clone(),
                out_refund_no: refund.out_refund_no.clone(),
                amount: refund.refund.get(),
                settled,
                channel: refund.channel,
                status: status(refund),
                success_ms: match refund.state {
                    RefundState::Success { at_ms } => Some(at_ms),
                    RefundState::Processing | RefundState::Closed | RefundState::Abnormal => None,
                },
            }),
            fee: -fee(settled),
            ..Self::of(order)
        }
    }

    fn of(order: &Order) -> Self {
        Self {
            id: String::new(),
            date: None,
            at_ms: 0,
            appid: order.appid.clone(),
            mchid: order.mchid.clone(),
            device_id: order.device_id.clone().unwrap_or_default(),
            transaction_id: String::new(),
            out_trade_no: order.out_trade_no.clone(),
            openid: order.openid.clone(),
            trade_type: order.trade_type.name(),
            state: "",
            bank_type: String::new(),
            settled: 0,
            coupon: 0,
            total: 0,
            refund: None,
            description: order.description.clone(),
            attach: order.attach.clone().unwrap_or_default(),
            fee: 0,
        }
    }

    /// What it says about money.
    pub(super) fn money(self) -> BillLine {
        BillLine {
            amount: self
                .refund
                .as_ref()
                .map_or(self.total, |refund| refund.amount),
            out_refund_no: self.refund.map(|refund| refund.out_refund_no),
            mchid: self.mchid,
            out_trade_no: self.out_trade_no,
            revoked: self.state == "REVOKED",
        }
    }

    /// What stands in a column; the names are those of all layouts.
    pub(super) fn field(&self, column: &str) -> String {
        let yuan = |fen: i64| Fen::new(fen).to_yuan();
        let refund = self.refund.as_ref();
        let text = |of: fn(&RefundLine) -> &str, none: &str| refund.map_or(none, of).to_owned();
        match column {
            "交易时间" => spaced_time(self.at_ms),
            "公众账号ID" => self.appid.clone(),
            "商户号" => self.mchid.clone(),
            "特约商户号" => "0".to_owned(),
            "设备号" => self.device_id.clone(),
            "微信订单号" => self.transaction_id.clone(),
            "商户订单号" => self.out_trade_no.clone(),
            "用户标识" => self.openid.clone(),
            "交易类型" => self.trade_type.to_owned(),
            "交易状态" => self.state.to_owned(),
            "付款银行" => self.bank_type.clone(),
            "货币种类" => "CNY".to_owned(),
            "应结订单金额" | "总金额" => yuan(self.settled),
            "代金券金额" | "代金券或立减优惠金额" => yuan(self.coupon),
            "退款申请时间" => spaced_time(self.at_ms),
            "退款成功时间" => refund
                .and_then(|refund| refund.success_ms)
                .map_or_else(String::new, spaced_time),
            "微信退款单号" => text(|refund| &refund.refund_id, "0"),
            "商户退款单号" => text(|refund| &refund.out_refund_no, "0"),
            "退款金额" => yuan(refund.map_or(0, |refund| refund.settled)),
            "充值券退款金额" | "代金券或立减优惠退款金额" => yuan(0),
            "退款类型" => text(|refund| refund.channel, ""),
            "退款状态" => text(|refund| refund.status, ""),
            "商品名称" => self.description.clone(),
            "商户数据包" => self.attach.clone(),
            "手续费" => fee_text(self.fee),
            "费率" => "0.60%".to_owned(),
            "订单金额" => yuan(self.total),
            "申请退款金额" => yuan(refund.map_or(0, |refund| refund.amount)),
            _ => String::new(),
        }
    }
}

/// How a refund stands when the bill is made.
fn status(refund: &Refund) -> &'static str {
    match refund.state {
        RefundState::Abnormal => "CHANGE",
        RefundState::Closed => "REFUNDCLOSE",
        RefundState::Processing | RefundState::Success { .. } => refund.status(),
    }
}

/// 0.6 % of an amount in fen, in units of 0.00001 yuan: exactly six per fen.
pub(super) fn fee(fen: i64) -> i64 {
    fen * 6
}

pub(super) fn fee_text(fee: i64) -> String {
    let sign = if fee < 0 { "-" } else { "" };
    let fee = fee.abs();
    format!("{sign}{}.{:05}", fee / 100_000, fee % 100_000)
}
