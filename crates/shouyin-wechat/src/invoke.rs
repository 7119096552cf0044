//! A prepay id, signed for the cashier of its product.

use shouyin_core::id::{Appid, PrepayId};
use shouyin_core::ports::{AppPayment, Invocation, NotConfigured, RequestPayment};
use shouyin_core::product::Product;
use wechatpay::v3;

use crate::protocol::V2;

/// The bridge of a page inside WeChat wants the app named; a mini program knows which it is.
fn named(product: Product, appid: &Appid) -> Option<String> {
    (product == Product::Jsapi).then(|| appid.to_string())
}

/// Browsers and QR codes get an address, and tills nothing: there is nothing to sign for them.
fn nothing_to_sign(product: Product) -> NotConfigured {
    NotConfigured(format!(
        "product {} has no parameters to sign",
        product.as_str()
    ))
}

pub(crate) fn v3(
    client: &v3::Client,
    product: Product,
    appid: &Appid,
    prepay_id: &PrepayId,
) -> Result<Invocation, NotConfigured> {
    match product {
        Product::MiniProgram | Product::Jsapi => {
            let signed = client.request_payment(appid.as_str(), prepay_id.as_str());
            Ok(Invocation::RequestPayment(RequestPayment {
                app_id: named(product, appid),
                time_stamp: signed.time_stamp,
                nonce_str: signed.nonce_str,
                package: signed.package,
                sign_type: signed.sign_type,
                pay_sign: signed.pay_sign,
            }))
        }
        Product::App => {
            let signed = client.app_payment(appid.as_str(), prepay_id.as_str());
            Ok(Invocation::App(AppPayment {
                appid: signed.appid,
                partnerid: signed.partner_id,
                prepayid: signed.prepay_id,
                package: signed.package,
                noncestr: signed.nonce_str,
                timestamp: signed.timestamp,
                sign: signed.sign,
            }))
        }
        Product::Native | Product::H5 | Product::Code => Err(nothing_to_sign(product)),
    }
}

pub(crate) fn v2(
    V2 { client, clock }: &V2,
    product: Product,
    appid: &Appid,
    prepay_id: &PrepayId,
) -> Result<Invocation, NotConfigured> {
    match product {
        Product::MiniProgram | Product::Jsapi => {
            let signed = client.request_payment(appid.as_str(), prepay_id.as_str(), clock());
            Ok(Invocation::RequestPayment(RequestPayment {
                app_id: named(product, appid),
                time_stamp: signed.time_stamp,
                nonce_str: signed.nonce_str,
                package: signed.package,
                sign_type: signed.sign_type,
                pay_sign: signed.pay_sign,
            }))
        }
        Product::App => {
            let signed = client.app_payment(appid.as_str(), prepay_id.as_str(), clock());
            Ok(Invocation::App(AppPayment {
                appid: signed.appid,
                partnerid: signed.partner_id,
                prepayid: signed.prepay_id,
                package: signed.package,
                noncestr: signed.nonce_str,
                timestamp: signed.timestamp,
                sign: signed.sign,
            }))
        }
        Product::Native | Product::H5 | Product::Code => Err(nothing_to_sign(product)),
    }
}
