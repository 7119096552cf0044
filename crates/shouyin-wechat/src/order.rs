//! Core's orders as calls of APIv3. The same order always makes the same call.

use shouyin_core::id::{CodeUrl, H5Url, PrepayId, StoreId};
use shouyin_core::ports::{OrderAt, PrepayOrder, ScannedCode};
use shouyin_core::product::{H5Kind, Handle, Product};
use wechatpay::text;
use wechatpay::time::WechatTime;
use wechatpay::v3::pay;

use crate::unsendable::Unsendable;

pub(crate) mod v2;

/// Who may pay an order inside WeChat.
fn openid(order: &PrepayOrder) -> Result<text::Openid, Unsendable> {
    match &order.payer {
        Some(payer) => Ok(text::Openid::parse(payer.as_str())?),
        None => Err(Unsendable::impossible(
            "an order inside WeChat needs its payer's openid",
        )),
    }
}

/// Payment codes have no order to place.
fn charged_not_placed() -> Unsendable {
    Unsendable::impossible("a payment code is charged, not placed as an order")
}

/// What the order is paid with.
pub(crate) fn handle(placed: pay::Handle) -> Result<Handle, String> {
    match placed {
        pay::Handle::PrepayId(id) => PrepayId::parse(id.as_str()).map(Handle::PrepayId),
        pay::Handle::CodeUrl(url) => CodeUrl::parse(url.as_str()).map(Handle::CodeUrl),
        pay::Handle::H5Url(url) => H5Url::parse(url.as_str()).map(Handle::H5Url),
    }
    .map_err(|error| error.to_string())
}

pub(crate) fn prepay(
    order: &PrepayOrder,
    notify_url: &text::NotifyUrl,
) -> Result<pay::Prepay, Unsendable> {
    Ok(pay::Prepay {
        appid: text::Appid::parse(order.appid.as_str())?,
        mchid: text::Mchid::parse(order.mchid.as_str())?,
        description: text::Description::parse(&order.description)?,
        out_trade_no: text::OutTradeNo::parse(order.out_trade_no.as_str())?,
        time_expire: Some(WechatTime::from_unix_ms(order.time_expire.as_millis())),
        attach: attach(order)?,
        notify_url: notify_url.clone(),
        total: order.amount,
        product: product(order)?,
    })
}

fn attach(order: &PrepayOrder) -> Result<Option<text::Attach>, text::TextError> {
    order.attach.as_deref().map(text::Attach::parse).transpose()
}

fn product(order: &PrepayOrder) -> Result<pay::Product, Unsendable> {
    Ok(match order.product {
        Product::MiniProgram | Product::Jsapi => pay::Product::Jsapi {
            openid: openid(order)?,
        },
        Product::Native => pay::Product::Native,
        Product::App => pay::Product::App,
        Product::H5 => {
            let scene = order
                .scene
                .ok_or_else(|| Unsendable::impossible("an order in a browser needs its scene"))?;
            pay::Product::H5(pay::H5Scene {
                payer_client_ip: scene.payer_ip,
                kind: match scene.kind {
                    H5Kind::Wap => pay::H5Kind::Wap,
                    H5Kind::Ios => pay::H5Kind::Ios,
                    H5Kind::Android => pay::H5Kind::Android,
                },
                app: pay::H5App::default(),
            })
        }
        Product::Code => return Err(charged_not_placed()),
    })
}

/// What a shop is called that the merchant gave no number: WeChat wants one.
const ANY_STORE: &str = "default";

pub(crate) fn charge(
    order: &PrepayOrder,
    code: &ScannedCode,
) -> Result<pay::CodePay, text::TextError> {
    let store = code.store_id.as_ref().map_or(ANY_STORE, StoreId::as_str);
    Ok(pay::CodePay {
        appid: text::Appid::parse(order.appid.as_str())?,
        mchid: text::Mchid::parse(order.mchid.as_str())?,
        description: text::Description::parse(&order.description)?,
        out_trade_no: text::OutTradeNo::parse(order.out_trade_no.as_str())?,
        attach: attach(order)?,
        total: order.amount,
        auth_code: text::AuthCode::parse(code.auth_code.as_str())?,
        store: pay::Store::Own(text::StoreId::parse(store)?),
        device_id: None,
        device_ip: None,
    })
}

pub(crate) fn reverse(order: &OrderAt) -> Result<pay::ReverseOrder, text::TextError> {
    Ok(pay::ReverseOrder {
        appid: text::Appid::parse(order.appid.as_str())?,
        mchid: text::Mchid::parse(order.mchid.as_str())?,
        out_trade_no: text::OutTradeNo::parse(order.out_trade_no.as_str())?,
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
