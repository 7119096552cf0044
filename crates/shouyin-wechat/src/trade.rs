//! WeChat's order as a domain type.

use shouyin_core::Timestamp;
use shouyin_core::id::{Openid, OutTradeNo, TransactionId};
use shouyin_core::ports::{Trade, TradeState};
use wechatpay::time::WechatTime;
use wechatpay::v3::pay;
use wechatpay::wire::Wire;

pub(crate) mod v2;

fn state(wire: Wire<pay::TradeState>) -> TradeState {
    match wire {
        Wire::Known(pay::TradeState::NotPay) => TradeState::NotPay,
        Wire::Known(pay::TradeState::Success) => TradeState::Success,
        Wire::Known(pay::TradeState::Refund) => TradeState::Refund,
        Wire::Known(pay::TradeState::Closed) => TradeState::Closed,
        Wire::Known(pay::TradeState::Revoked) => TradeState::Revoked,
        // Accepted and waiting for the deduction: not paid yet, and nothing to do but to ask again.
        Wire::Known(pay::TradeState::UserPaying | pay::TradeState::Accept) => {
            TradeState::UserPaying
        }
        Wire::Known(pay::TradeState::PayError) => TradeState::PayError,
        Wire::Other(name) => TradeState::Other(name),
    }
}

/// `success_time` of orders and refunds.
pub(crate) fn success_time(text: WechatTime) -> Result<Timestamp, String> {
    text.unix_ms()
        .map(Timestamp::from_millis)
        .ok_or_else(|| format!("success_time {text} is not RFC 3339"))
}

/// Checks the texts of a verified order. An order that breaks its own formats cannot be used as proof of anything.
pub(crate) fn trade(order: pay::Transaction) -> Result<Trade, String> {
    let transaction_id = order
        .transaction_id
        .map(TransactionId::parse)
        .transpose()
        .map_err(|e| e.to_string())?;
    let payer = order
        .payer
        .openid
        .map(Openid::parse)
        .transpose()
        .map_err(|e| e.to_string())?;
    let success_at = order.success_time.map(success_time).transpose()?;
    Ok(Trade {
        // Partner orders name their owner in other members; they are not ours.
        mchid: order.mchid.unwrap_or_default(),
        appid: order.appid.unwrap_or_default(),
        out_trade_no: OutTradeNo::parse(order.out_trade_no).map_err(|e| e.to_string())?,
        state: state(order.trade_state),
        transaction_id,
        trade_type: order.trade_type.map(|product| product.to_string()),
        success_at,
        total: order.amount.total,
        payer_total: order.amount.payer_total,
        currency: order.amount.currency,
        payer,
    })
}
