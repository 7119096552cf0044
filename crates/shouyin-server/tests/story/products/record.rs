//! What the referees of pay parameters judge: what the server hands to mini programs, pages and apps, with the key that must have signed it.

use std::fs;
use std::path::Path;

use serde_json::json;
use shouyin_core::product::Product;
use wechatpay::v2::SignType;

use super::{at_the_cashier, desk, order, parameters};
use crate::v2::{API_KEY, Speaks};
use crate::wechat::MERCHANT_KEY;
use crate::world::{APPID, MCHID};

#[tokio::test]
async fn the_referees_get_what_phones_get() {
    let mut text = String::new();
    for (speaks, sign_type, key) in [
        (Speaks::V3, "RSA", MERCHANT_KEY),
        (Speaks::V2(SignType::Md5), "MD5", API_KEY),
        (Speaks::V2(SignType::HmacSha256), "HMAC-SHA256", API_KEY),
    ] {
        for product in [Product::MiniProgram, Product::Jsapi, Product::App] {
            let desk = desk(product, speaks).await;
            let id = order(&desk, product, "A-1").await;
            let given = parameters(&desk, product, &id).await;
            let prepay_id = at_the_cashier(&desk, product, &id).await;
            let line = json!({
                "product": product.as_str(), "sign_type": sign_type, "key": key, "appid": APPID, "mchid": MCHID,
                "prepay_id": prepay_id, "parameters": given,
            });
            text += &format!("{line}\n");
        }
    }
    fs::write(
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("pay_parameters.jsonl"),
        text,
    )
    .unwrap();
}
