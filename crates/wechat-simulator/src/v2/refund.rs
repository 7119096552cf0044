//! Refunds: asking for one, and asking what became of them.

use super::document::Document;
use super::read::{Read, parameters};
use super::refusal::No;
use super::request::Sender;
use super::spaced_time;
use crate::heart::Wechat;
use crate::log::Checks;
use crate::order::Order;
use crate::refund::{NewRefund, OrderNumber, Refund, RefundProblem, RefundState};
use crate::strict::{self, Text};

const UNSETTLED: &str = "REFUND_SOURCE_UNSETTLED_FUNDS";
const RECHARGE: &str = "REFUND_SOURCE_RECHARGE_FUNDS";

impl Wechat {
    /// `POST /secapi/pay/refund`
    pub(super) fn v2_refund(
        &mut self,
        sender: &Sender,
        read: Read<'_>,
        checks: &mut Checks,
    ) -> Result<Document, No> {
        let new = new_refund(sender, read)?;
        let by_id = matches!(new.by, OrderNumber::TransactionId(_));
        let key = self
            .make_refund(&sender.mch_id, new, parameters(read.fields), checks)
            .map_err(|why| refuse(why, by_id))?;
        let found = self.book.refunds.get(&key);
        let order = found.and_then(|refund| {
            let key = (refund.mchid.clone(), refund.out_trade_no.clone());
            self.book.orders.get(&key)
        });
        match (found, order) {
            (Some(refund), Some(order)) => Ok(accepted(refund, order)),
            (Some(_) | None, _) => Err(No::system_error()),
        }
    }

    /// `POST /pay/refundquery`
    pub(super) fn v2_refund_query(
        &self,
        sender: &Sender,
        read: Read<'_>,
        checks: &mut Checks,
    ) -> Result<Document, No> {
        let not_found = || {
            No::business(
                "REFUNDNOTEXIST",
                "退款订单查询失败，订单号错误或订单状态不正确",
            )
        };
        let refund_id = read.text("refund_id", strict::TRANSACTION_ID)?;
        let out_refund_no = read.text("out_refund_no", strict::OUT_REFUND_NO)?;
        let offset = read.number("offset", 0)?;
        // UNCONFIRMED: which number counts when several are sent.
        let one = match (refund_id, out_refund_no) {
            (Some(id), _) => Some(self.book.refund_ids.get(id).cloned()),
            (None, Some(number)) => Some(Some((sender.mch_id.clone(), number.to_owned()))),
            (None, None) => None,
        };
        let (order, refunds): (&Order, Vec<&Refund>) = match one {
            Some(key) => {
                let refund = key
                    .filter(|(owner, _)| *owner == sender.mch_id)
                    .and_then(|key| self.book.refunds.get(&key))
                    .ok_or_else(not_found)?;
                let key = (refund.mchid.clone(), refund.out_trade_no.clone());
                let order = self.book.orders.get(&key).ok_or_else(not_found)?;
                (order, vec![refund])
            }
            None => {
                let unknown_id = read.fields.get("transaction_id").is_some();
                let order = self.v2_order(sender, read).map_err(|no| match no {
                    No::Business { .. } if unknown_id => {
                        No::business("INVALID_TRANSACTIONID", "无效transaction_id")
                    }
                    No::Business { .. } => not_found(),
                    other @ (No::Unsigned(_) | No::Parameter { .. }) => other,
                })?;
                (order, self.book.refunds_of(order).collect())
            }
        };
        checks.note("refunds", !refunds.is_empty(), || {
            format!("{} found", refunds.len())
        });
        let Some(payment) = order.payment().filter(|_| !refunds.is_empty()) else {
            return Err(not_found());
        };
        let skipped = usize::try_from(offset.unwrap_or(0)).unwrap_or(usize::MAX);
        let page: Vec<&Refund> = refunds
            .iter()
            .skip(skipped)
            .take(read.assumptions.v2_refunds_per_page)
            .copied()
            .collect();
        let mut document = Document::new()
            .with_some(
                "total_refund_count",
                offset.map(|_| refunds.len().to_string()),
            )
            .with("transaction_id", payment.transaction_id.as_str())
            .with("out_trade_no", order.out_trade_no.as_str())
            .with("total_fee", order.total.get().to_string())
            .with("fee_type", "CNY")
            .with("cash_fee", payment.payer_total.get().to_string())
            .with("refund_count", page.len().to_string());
        for (n, refund) in page.into_iter().enumerate() {
            list(&mut document, n, refund, order);
        }
        Ok(document)
    }
}

fn new_refund(sender: &Sender, read: Read<'_>) -> Result<NewRefund, No> {
    let transaction_id = read.text("transaction_id", strict::TRANSACTION_ID)?;
    let out_trade_no = read.text("out_trade_no", strict::OUT_TRADE_NO)?;
    let by = match (transaction_id, out_trade_no) {
        (Some(id), _) => OrderNumber::TransactionId(id.to_owned()),
        (None, Some(number)) => OrderNumber::OutTradeNo(number.to_owned()),
        (None, None) => return Err(No::missing("transaction_id")),
    };
    let out_refund_no = read.required("out_refund_no", strict::OUT_REFUND_NO)?;
    let total = read.fen("total_fee")?;
    let refund = read.fen("refund_fee")?;
    read.one_of("refund_fee_type", &["CNY"])?;
    read.text("refund_desc", Text::up_to(80))?;
    let account = read.one_of("refund_account", &[UNSETTLED, RECHARGE])?;
    let funds_account = if account == Some(RECHARGE) {
        "AVAILABLE"
    } else {
        "UNSETTLED"
    };
    Ok(NewRefund {
        by,
        out_refund_no: out_refund_no.to_owned(),
        notify_url: read.notify_url()?.map(str::to_owned),
        funds_account: Some(funds_account.to_owned()),
        refund,
        total,
        protocol: sender.sign_type.into(),
        by_hand: false,
    })
}

fn refuse(why: RefundProblem, by_id: bool) -> No {
    let unknown = || {
        if by_id {
            No::business("INVALID_TRANSACTIONID", "无效transaction_id")
        } else {
            No::order_not_exist()
        }
    };
    match why {
        // This protocol reads only one of two numbers, so they cannot disagree.
        RefundProblem::TwoOrders | RefundProblem::OtherMerchant | RefundProblem::NoPaidOrder => {
            unknown()
        }
        RefundProblem::OtherParameters | RefundProblem::OtherTotal => {
            No::business("ERROR", "订单金额或退款金额与之前请求不一致，请核实后再试")
        }
        RefundProblem::TooLate => No::business("TRADE_OVERDUE", "订单已经超过退款期限"),
        RefundProblem::TooMany => No::business("ERROR", "一笔订单最多支持50次部分退款"),
        RefundProblem::TooMuch { nothing_left: true } => {
            No::business("TRADE_STATE_ERROR", "订单已全额退款")
        }
        RefundProblem::TooMuch {
            nothing_left: false,
        } => No::business("REFUND_FEE_INVALID", "退款金额大于可退金额"),
        RefundProblem::TooSoon => No::business("FREQUENCY_LIMITED", "频率限制，请降低调用频率"),
        RefundProblem::NotEnough => No::business("NOTENOUGH", "基本账户余额不足，请充值后重新发起"),
    }
}

/// What goes back to the coupon.
fn coupon_part(refund: &Refund) -> i64 {
    refund.refund.get() - refund.payer_refund.get()
}

fn accepted(refund: &Refund, order: &Order) -> Document {
    let mut document = Document::new()
        .with("transaction_id", refund.transaction_id.as_str())
        .with("out_trade_no", refund.out_trade_no.as_str())
        .with("out_refund_no", refund.out_refund_no.as_str())
        .with("refund_id", refund.refund_id.as_str())
        .with("refund_fee", refund.refund.get().to_string())
        .with("total_fee", refund.total.get().to_string())
        .with("fee_type", "CNY")
        .with("cash_fee", refund.payer_total.get().to_string())
        .with("cash_refund_fee", refund.payer_refund.get().to_string());
    if refund.settlement_total != refund.total {
        document.set(
            "settlement_refund_fee",
            refund.settlement_refund.get().to_string(),
        );
        document.set(
            "settlement_total_fee",
            refund.settlement_total.get().to_string(),
        );
    }
    let coupon = order.payment().and_then(|payment| payment.coupon.as_ref());
    let amount = coupon_part(refund);
    document.set("coupon_refund_fee", amount.to_string());
    document.set("coupon_refund_count", "0");
    if let Some(coupon) = coupon.filter(|_| amount > 0) {
        document.set("coupon_refund_count", "1");
        document.set(
            "coupon_type_0",
            if coupon.no_cash { "NO_CASH" } else { "CASH" },
        );
        document.set("coupon_refund_id_0", coupon.coupon_id.as_str());
        document.set("coupon_refund_fee_0", amount.to_string());
    }
    document
}

/// One refund of a query answer.
fn list(document: &mut Document, n: usize, refund: &Refund, order: &Order) {
    let mut add = |name: &str, value: String| document.set(format!("{name}_{n}"), value);
    add("out_refund_no", refund.out_refund_no.clone());
    add("refund_id", refund.refund_id.clone());
    add("refund_channel", refund.channel.to_owned());
    add("refund_fee", refund.refund.get().to_string());
    if refund.settlement_total != refund.total {
        let settlement = refund.settlement_refund.get();
        add("settlement_refund_fee", settlement.to_string());
    }
    let coupon = order.payment().and_then(|payment| payment.coupon.as_ref());
    let amount = coupon_part(refund);
    add("coupon_refund_fee", amount.to_string());
    if let Some(coupon) = coupon.filter(|_| amount > 0) {
        add("coupon_refund_count", "1".to_owned());
        let kind = if coupon.no_cash { "NO_CASH" } else { "CASH" };
        document.set(format!("coupon_type_{n}_0"), kind);
        document.set(format!("coupon_refund_id_{n}_0"), coupon.coupon_id.as_str());
        document.set(format!("coupon_refund_fee_{n}_0"), amount.to_string());
    }
    let mut add = |name: &str, value: String| document.set(format!("{name}_{n}"), value);
    add("refund_status", status(refund).to_owned());
    add("refund_account", account(refund).to_owned());
    // The spelling is WeChat's.
    add("refund_recv_accout", refund.received_by.to_owned());
    if let RefundState::Success { at_ms } = refund.state {
        add("refund_success_time", spaced_time(at_ms));
    }
}

/// `refund_status` of this protocol.
pub(super) fn status(refund: &Refund) -> &'static str {
    match refund.state {
        RefundState::Processing => "PROCESSING",
        RefundState::Success { .. } => "SUCCESS",
        RefundState::Closed => "REFUNDCLOSE",
        RefundState::Abnormal => "CHANGE",
    }
}

pub(super) fn account(refund: &Refund) -> &'static str {
    if refund.funds_account == "AVAILABLE" {
        RECHARGE
    } else {
        UNSETTLED
    }
}
