//! Lines of the trade bill.

use fen::Fen;

use crate::order::{Order, Payment};
use crate::refund::Refund;
use crate::v2::{refund, spaced_time};

/// A line of the trade bill, and what it adds to the sums.
pub(super) struct TradeRow {
    pub(super) fields: Vec<String>,
    pub(super) settled: i64,
    pub(super) refunded: i64,
    pub(super) total: i64,
    /// In units of 0.00001 yuan.
    pub(super) fee: i64,
}

impl TradeRow {
    pub(super) fn paid(order: &Order, payment: &Payment) -> Self {
        let total = order.total.get();
        let coupon = payment.coupon.as_ref();
        let coupon_fen = coupon.map_or(0, |coupon| coupon.amount.get());
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
        let mut fields = start(order, payment.at_ms, &payment.transaction_id);
        fields.extend([
            state.to_owned(),
            payment.bank_type.clone(),
            "CNY".to_owned(),
            Fen::new(settled).to_yuan(),
            Fen::new(coupon_fen).to_yuan(),
            "0".to_owned(),
            "0".to_owned(),
            "0.00".to_owned(),
            "0.00".to_owned(),
            String::new(),
            String::new(),
        ]);
        fields.extend(end(order, fee(settled), total, 0));
        Self {
            fields,
            settled,
            refunded: 0,
            total,
            fee: fee(settled),
        }
    }

    pub(super) fn refunded(order: &Order, refund: &Refund) -> Self {
        let amount = refund.refund.get();
        let fee = -fee(refund.settlement_refund.get());
        let mut fields = start(order, refund.created_ms, &refund.transaction_id);
        let bank = order
            .payment()
            .map_or("", |payment| payment.bank_type.as_str());
        fields.extend([
            "REFUND".to_owned(),
            bank.to_owned(),
            "CNY".to_owned(),
            "0.00".to_owned(),
            "0.00".to_owned(),
            refund.refund_id.clone(),
            refund.out_refund_no.clone(),
            Fen::new(refund.settlement_refund.get()).to_yuan(),
            "0.00".to_owned(),
            refund.channel.to_owned(),
            refund::status(refund).to_owned(),
        ]);
        fields.extend(end(order, fee, 0, amount));
        Self {
            fields,
            settled: 0,
            refunded: amount,
            total: 0,
            fee,
        }
    }
}

fn start(order: &Order, at_ms: i64, transaction_id: &str) -> Vec<String> {
    vec![
        spaced_time(at_ms),
        order.appid.clone(),
        order.mchid.clone(),
        "0".to_owned(),
        order.device_id.clone().unwrap_or_default(),
        transaction_id.to_owned(),
        order.out_trade_no.clone(),
        order.openid.clone(),
        order.trade_type.name().to_owned(),
    ]
}

fn end(order: &Order, fee: i64, total: i64, refunded: i64) -> [String; 7] {
    [
        order.description.clone(),
        order.attach.clone().unwrap_or_default(),
        fee_text(fee),
        "0.60%".to_owned(),
        Fen::new(total).to_yuan(),
        Fen::new(refunded).to_yuan(),
        String::new(),
    ]
}

/// 0.6 % of an amount in fen, in units of 0.00001 yuan: exactly six per fen.
fn fee(fen: i64) -> i64 {
    fen * 6
}

pub(super) fn fee_text(fee: i64) -> String {
    let sign = if fee < 0 { "-" } else { "" };
    let fee = fee.abs();
    format!("{sign}{}.{:05}", fee / 100_000, fee % 100_000)
}
