//! Core's orders as calls of APIv3. The same order always makes the same call.

use shouyin_core::ports::{OrderAt, PrepayOrder};
use wechatpay::text;
use wechatpay::time::WechatTime;
use wechatpay::v3::pay;

pub(crate) mod v2;

pub(crate) fn prepay(
    order: &PrepayOrder,
    notify_url: &text::NotifyUrl,
) -> Result<pay::PrepayJsapi, text::TextError> {
    Ok(pay::PrepayJsapi {
        appid: text::Appid::parse(order.appid.as_str())?,
        mchid: text::Mchid::parse(order.mchid.as_str())?,
        description: text::Description::parse(&order.description)?,
        out_trade_no: text::OutTradeNo::parse(order.out_trade_no.as_str())?,
        time_expire: Some(WechatTime::from_unix_ms(order.time_expire.as_millis())),
        attach: order
            .attach
            .as_deref()
            .map(text::Attach::parse)
            .transpose()?,
        notify_url: notify_url.clone(),
        total: order.amount,
        openid: text::Openid::parse(order.payer.as_str())?,
    })
}

pub(crate) fn query(order: &OrderAt) -> Result<pay::QueryByOutTradeNo, text::TextError> {
    Ok(pay::QueryByOutTradeNo {
        mchid: text::Mchid::parse(order.mchid.as_str())?,
        out_trade_no: text::OutTradeNo::parse(order.out_trade_no.as_str())?,
    })
}

pub(crate) fn close(order: &OrderAt) -> Result<pay::CloseOrder, text::TextError> {
    Ok(pay::CloseOrder {
        mchid: text::Mchid::parse(order.mchid.as_str())?,
        out_trade_no: text::OutTradeNo::parse(order.out_trade_no.as_str())?,
    })
}
