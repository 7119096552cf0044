//! Genuine notifications, made before the measurement, and what says that one was accepted.

use std::sync::Arc;

use shouyin_wechat::Protocol;
use wechatpay::crypto::ApiV3Key;
use wechatpay::time::{WechatTime, format_compact};
use wechatpay::v2::notification::ACCEPTED;
use wechatpay::v2::{ApiKey, Fields};
use wechatpay::v3::notification::{Plain, seal};
use wechatpay::v3::{Signer, text_to_verify};

use crate::load::{Answer, post, post_as};
use crate::measure::unix_now;
use crate::server::{
    AMOUNT_FEN, API_V2_KEY, API_V3_KEY, APPID, MCHID, OPENID, PLATFORM, Ready, SIGN_TYPE,
};

/// One genuine notification for every waiting payment, as complete HTTP requests.
pub(crate) async fn notifications(
    ready: &Ready,
    protocol: Protocol,
    signer: &Arc<dyn Signer>,
) -> anyhow::Result<Vec<Vec<u8>>> {
    let half = ready.waiting.len().div_ceil(2);
    let mut threads = Vec::new();
    for (part, numbers) in ready.waiting.chunks(half.max(1)).enumerate() {
        let (numbers, signer) = (numbers.to_vec(), Arc::clone(signer));
        threads.push(tokio::task::spawn_blocking(move || {
            let sign = |(n, number): (usize, &String)| match protocol {
                Protocol::V3 => v3(&*signer, number, part * half + n),
                Protocol::V2 => v2(number, part * half + n),
            };
            numbers
                .iter()
                .enumerate()
                .map(sign)
                .collect::<anyhow::Result<Vec<_>>>()
        }));
    }
    let mut all = Vec::new();
    for thread in threads {
        all.extend(thread.await??);
    }
    Ok(all)
}

/// Whether a notification's answer lets WeChat stop telling.
pub(crate) fn is_accepted(protocol: Protocol, answer: &Answer) -> bool {
    match protocol {
        Protocol::V3 => answer.status == 204,
        Protocol::V2 => answer.status == 200 && answer.body == ACCEPTED,
    }
}

fn transaction_id(n: usize) -> String {
    format!("42000000012026112200{n:08}")
}

fn v3(signer: &dyn Signer, out_trade_no: &str, n: usize) -> anyhow::Result<Vec<u8>> {
    let now = unix_now()?;
    let time = WechatTime::from_unix_ms(now * 1000);
    let transaction_id = transaction_id(n);
    let resource = format!(
        r#"{{"appid":"{APPID}","mchid":"{MCHID}","out_trade_no":"{out_trade_no}","transaction_id":"{transaction_id}","trade_type":"JSAPI","trade_state":"SUCCESS","trade_state_desc":"支付成功","bank_type":"OTHERS","attach":"","success_time":"{time}","payer":{{"openid":"{OPENID}"}},"amount":{{"total":{AMOUNT_FEN},"payer_total":{AMOUNT_FEN},"currency":"CNY","payer_currency":"CNY"}}}}"#
    );
    let plain = Plain {
        id: &format!("bench-{n}"),
        create_time: &time,
        event_type: "TRANSACTION.SUCCESS",
        original_type: "transaction",
        summary: "支付成功",
        nonce: "Qm7Kx2Vb9TzL",
        associated_data: "transaction",
        resource: &resource,
    };
    let body = String::from_utf8(seal(&ApiV3Key::new(API_V3_KEY)?, &plain)?)?;
    let (timestamp, nonce) = (now.to_string(), format!("{n:032}"));
    let signature = signer.sign(&text_to_verify(&timestamp, &nonce, body.as_bytes()));
    let headers = [
        ("wechatpay-timestamp", timestamp.as_str()),
        ("wechatpay-nonce", &nonce),
        ("wechatpay-signature", &signature),
        ("wechatpay-serial", PLATFORM),
        ("wechatpay-signature-type", "WECHATPAY2-SHA256-RSA2048"),
        ("request-id", "bench-0"),
    ];
    Ok(post(&format!("/wechat/notify/{MCHID}"), &headers, &body))
}

/// With the fields that WeChat always sends.
fn v2(out_trade_no: &str, n: usize) -> anyhow::Result<Vec<u8>> {
    let amount = AMOUNT_FEN.to_string();
    let body = Fields::new()
        .with("return_code", "SUCCESS")
        .with("appid", APPID)
        .with("mch_id", MCHID)
        .with("nonce_str", format!("{n:032}"))
        .with("result_code", "SUCCESS")
        .with("openid", OPENID)
        .with("is_subscribe", "N")
        .with("trade_type", "JSAPI")
        .with("bank_type", "OTHERS")
        .with("total_fee", amount.as_str())
        .with("fee_type", "CNY")
        .with("cash_fee", amount.as_str())
        .with("transaction_id", transaction_id(n))
        .with("out_trade_no", out_trade_no)
        .with("time_end", format_compact(unix_now()? * 1000))
        .signed(SIGN_TYPE, &ApiKey::parse(API_V2_KEY)?)
        .to_xml();
    Ok(post_as(
        "text/xml",
        &format!("/wechat/notify/{MCHID}"),
        &[],
        &body,
    ))
}
