//! An order of the older protocol as a domain type.

use shouyin_core::Timestamp;
use shouyin_core::id::{Openid, OutTradeNo, TransactionId};
use shouyin_core::ports::Trade;
use wechatpay::v2::pay::Order;

/// What `fee_type` means when it is absent (WeChat Pay v2, "query order").
const USUAL_CURRENCY: &str = "CNY";

/// Checks the texts of a verified order. While it is not paid there is hardly anything to check.
pub(crate) fn trade(order: Order) -> Result<Trade, String> {
    let transaction_id = order
        .transaction_id
        .map(|id| TransactionId::parse(id.as_str()))
        .transpose()
        .map_err(|e| e.to_string())?;
    let payer = order
        .openid
        .map(Openid::parse)
        .transpose()
        .map_err(|e| e.to_string())?;
    Ok(Trade {
        mchid: order.mch_id,
        appid: order.appid.unwrap_or_default(),
        out_trade_no: OutTradeNo::parse(order.out_trade_no).map_err(|e| e.to_string())?,
        state: super::state(order.trade_state),
        transaction_id,
        trade_type: order.trade_type,
        success_at: order.time_end_ms.map(Timestamp::from_millis),
        total: order.total_fee,
        // What coupons paid is not in it.
        payer_total: order.cash_fee,
        currency: Some(order.fee_type.unwrap_or_else(|| USUAL_CURRENCY.to_owned())),
        payer,
    })
}

#[cfg(test)]
mod tests;
