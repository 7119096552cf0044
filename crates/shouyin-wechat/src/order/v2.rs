//! Core's orders as calls of the older protocol. The same order always makes the same call: WeChat refuses a number that comes
//! back with any other field (WeChat Pay v2, "unified order", re-entry).

use std::net::{IpAddr, Ipv4Addr};

use shouyin_core::ports::{OrderAt, PrepayOrder};
use shouyin_core::time::MINUTE_MS;
use wechatpay::text;
use wechatpay::v2::pay::{Body, CloseOrder, Product, QueryOrder, UnifiedOrder};

/// How much later than ours the deadline is that WeChat gets, in milliseconds.
///
/// WeChat refuses a deadline that is less than five minutes away, and a payer may tap "pay" in the last second. Orders are never
/// sent after our deadline, so this is far enough away at every sending, the first and the last, and yet depends on nothing
/// but what is stored with the order. One minute more is for clocks that differ and for the way. We close the order ourselves
/// when our time is up; this deadline only ends what we could not close.
const LATER_MS: i64 = 6 * MINUTE_MS;

/// The payer's address, which is asked for and which we do not know. For orders inside WeChat it is not checked; a constant,
/// because what changes with a restart or a proxy would make a repetition another order.
const PAYER_IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Longest `attach` in characters: one less than APIv3 takes.
const MAX_ATTACH: usize = 127;

pub(crate) fn prepay(
    order: &PrepayOrder,
    notify_url: &text::NotifyUrl,
) -> Result<UnifiedOrder, text::TextError> {
    Ok(UnifiedOrder {
        appid: text::Appid::parse(order.appid.as_str())?,
        product: Product::Jsapi {
            openid: text::Openid::parse(order.payer.as_str())?,
        },
        // Counted in bytes here. It is for people to read; what is compared are numbers.
        body: Body::shortened(&order.description)?,
        attach: order.attach.as_deref().map(attach).transpose()?,
        out_trade_no: text::OutTradeNo::parse(order.out_trade_no.as_str())?,
        total_fee: order.amount,
        spbill_create_ip: PAYER_IP,
        time_expire_ms: Some(order.time_expire.plus_ms(LATER_MS).as_millis()),
        notify_url: notify_url.clone(),
    })
}

fn attach(text: &str) -> Result<text::Attach, text::TextError> {
    if text.chars().count() > MAX_ATTACH {
        return Err(text::TextError {
            field: "attach",
            reason: "must have 1 to 127 characters with the older protocol",
        });
    }
    text::Attach::parse(text)
}

pub(crate) fn query(order: &OrderAt) -> Result<QueryOrder, text::TextError> {
    Ok(QueryOrder {
        appid: text::Appid::parse(order.appid.as_str())?,
        out_trade_no: text::OutTradeNo::parse(order.out_trade_no.as_str())?,
    })
}

pub(crate) fn close(order: &OrderAt) -> Result<CloseOrder, text::TextError> {
    Ok(CloseOrder {
        appid: text::Appid::parse(order.appid.as_str())?,
        out_trade_no: text::OutTradeNo::parse(order.out_trade_no.as_str())?,
    })
}

#[cfg(test)]
mod tests;
