//! Core's orders as calls of the older protocol. The same order always makes the same call: WeChat refuses a number that comes
//! back with any other field (WeChat Pay v2, "unified order", re-entry).

use std::net::{IpAddr, Ipv4Addr};

use shouyin_core::outcome::{Outcome, Refusal, RefusalKind};
use shouyin_core::ports::{OrderAt, PrepayOrder, ScannedCode};
use shouyin_core::product::{Handle, Product as Ours};
use shouyin_core::time::MINUTE_MS;
use wechatpay::text;
use wechatpay::v2::code::{AuthCode, Micropay, Reverse, Reversed};
use wechatpay::v2::pay::{Body, CloseOrder, Placed, Product, QueryOrder, UnifiedOrder};

use super::charged_not_placed;
use crate::account::H5Site;
use crate::unsendable::Unsendable;

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
    h5_site: Option<&H5Site>,
) -> Result<UnifiedOrder, Unsendable> {
    Ok(UnifiedOrder {
        appid: text::Appid::parse(order.appid.as_str())?,
        product: product(order, h5_site)?,
        // Counted in bytes here. It is for people to read; what is compared are numbers.
        body: Body::shortened(&order.description)?,
        attach: order.attach.as_deref().map(attach).transpose()?,
        out_trade_no: text::OutTradeNo::parse(order.out_trade_no.as_str())?,
        total_fee: order.amount,
        spbill_create_ip: order.scene.map_or(PAYER_IP, |scene| scene.payer_ip),
        time_expire_ms: Some(order.time_expire.plus_ms(LATER_MS).as_millis()),
        notify_url: notify_url.clone(),
    })
}

fn product(order: &PrepayOrder, h5_site: Option<&H5Site>) -> Result<Product, Unsendable> {
    Ok(match order.product {
        Ours::MiniProgram | Ours::Jsapi => Product::Jsapi {
            openid: super::openid(order)?,
        },
        Ours::Native => Product::Native {
            // Asked for, and used by nobody: our own number says what is sold.
            product_id: order.out_trade_no.to_string(),
        },
        Ours::App => Product::App,
        Ours::H5 => {
            let site = h5_site.ok_or_else(|| {
                Unsendable::setting("by the older protocol, payments in browsers need h5_site")
            })?;
            // Only this form is known for sure (WeChat Pay v2, "unified order", scene_info); for apps it is UNCONFIRMED.
            Product::H5 {
                wap_url: site.url.clone(),
                wap_name: site.name.clone(),
            }
        }
        Ours::Code => return Err(charged_not_placed()),
    })
}

/// What the order is paid with.
pub(crate) fn handle(placed: Placed) -> Result<Handle, String> {
    super::handle(placed.into_handle())
}

pub(crate) fn charge(order: &PrepayOrder, code: &ScannedCode) -> Result<Micropay, text::TextError> {
    Ok(Micropay {
        appid: text::Appid::parse(order.appid.as_str())?,
        body: Body::shortened(&order.description)?,
        attach: order.attach.as_deref().map(attach).transpose()?,
        out_trade_no: text::OutTradeNo::parse(order.out_trade_no.as_str())?,
        total_fee: order.amount,
        spbill_create_ip: PAYER_IP,
        // Only WeChat's own numbers of shops are taken here, and the merchant tells its own.
        store: None,
        auth_code: AuthCode::parse(code.auth_code.as_str())?,
    })
}

pub(crate) fn reverse(order: &OrderAt) -> Result<Reverse, text::TextError> {
    Ok(Reverse {
        appid: text::Appid::parse(order.appid.as_str())?,
        out_trade_no: text::OutTradeNo::parse(order.out_trade_no.as_str())?,
    })
}

/// Only when it is finished nobody has the money any more.
pub(crate) fn reversed(answer: Reversed) -> Result<(), String> {
    match answer {
        Reversed::Finished => Ok(()),
        Reversed::CallAgain => Err("WeChat wants to be asked again (recall=Y)".into()),
    }
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

/// WeChat closes no order of the last five minutes, and does not say by which code it refuses (UNCONFIRMED): any refusal that we
/// have no other word for may be this one (WeChat Pay v2, "close order").
pub(crate) fn perhaps_too_young(closed: Outcome<()>) -> Outcome<()> {
    match closed {
        Outcome::Rejected(refusal) if refusal.kind == RefusalKind::Other && refusal.verified => {
            Outcome::Rejected(Refusal {
                kind: RefusalKind::NotYet,
                ..refusal
            })
        }
        other @ (Outcome::Succeeded(())
        | Outcome::Rejected(_)
        | Outcome::Blocked(_)
        | Outcome::Unknown(_)) => other,
    }
}

#[cfg(test)]
mod tests;
