//! The notification endpoint, step by step: signature, age, decryption, comparison with our record, commit, answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use shouyin_core::id::{Mchid, OutTradeNo};
use shouyin_core::notification::{NoticeRefused, NotificationEffect, NotificationError, Received};
use shouyin_core::payment::Payment;
use shouyin_core::ports::{PaymentKey, Store};
use shouyin_wechat::Protocol;
use wechatpay::crypto::ApiV3Key;
use wechatpay::v3::{KeyRing, SignatureHeaders, notification, text_to_verify};

use super::wechat::{chosen_key, fresh, headers, not_verified};
use super::{Answer, Asked, Explained, Journal, Kind, NewEntry, Party, mask_body, mask_document};

/// The keys of one merchant, to explain its notifications with.
#[derive(Debug, Clone)]
pub struct MerchantKeys {
    /// The keys WeChat signs with.
    pub keys: Arc<KeyRing>,
    /// The key notifications are encrypted with.
    pub api_v3_key: ApiV3Key,
}

/// The keys of all merchants.
pub(super) type KeysOfMerchants = BTreeMap<Mchid, MerchantKeys>;

/// A notification as it came in, kept until it is known how it ended.
pub(crate) struct SeenNotification {
    mchid: Mchid,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl SeenNotification {
    pub(crate) fn new(mchid: &Mchid, headers: &[(String, String)], body: &[u8]) -> Self {
        Self {
            mchid: mchid.clone(),
            headers: headers.to_vec(),
            body: body.to_vec(),
        }
    }

    /// The entry, once it is answered. Everything is checked once more for display; what counts was done before.
    pub(crate) async fn entry(
        self,
        journal: &Journal,
        store: &dyn Store,
        received: &Result<Received, NotificationError>,
        status: u16,
        text: String,
    ) -> NewEntry {
        let refused = matches!(received, Err(NotificationError::Refused(_)));
        let (kind, en, zh) = match received {
            Ok(Received::Accepted {
                effect: NotificationEffect::Known,
                ..
            }) => (
                Kind::Notification,
                "Notification again: known already",
                "重复通知：早已知道",
            ),
            Ok(Received::Accepted {
                effect: NotificationEffect::Asked,
                ..
            }) => (
                Kind::Notification,
                "Notification stored; WeChat is asked for proof",
                "通知已存盘，正在向微信查询核实",
            ),
            Ok(Received::Accepted { .. }) => (
                Kind::Notification,
                "Notification verified and stored",
                "通知已验签并存盘",
            ),
            Ok(Received::TooEarly) => (
                Kind::Notification,
                "Notification overtook another: asked for that one first",
                "通知先于前一条到达：先查询前一条",
            ),
            Ok(Received::Contradiction(_)) => (
                Kind::Notification,
                "Notification contradicts our record",
                "通知与记录不符",
            ),
            Err(NotificationError::Refused(NoticeRefused::Probe)) => (
                Kind::NotificationRefused,
                "Signature probe refused",
                "拒绝验签探测",
            ),
            Err(NotificationError::Refused(_)) => (
                Kind::NotificationRefused,
                "Notification refused",
                "通知被拒绝",
            ),
            Err(NotificationError::Store(_)) => (
                Kind::Notification,
                "Notification could not be stored",
                "通知未能存盘",
            ),
        };
        let mut entry = NewEntry::new(Party::Wechat, Party::Shouyin, kind, en, zh);
        entry.ok = matches!(received, Ok(Received::Accepted { .. }));
        let protocol = Protocol::of_notification(&self.body);
        // The steps are those of APIv3. The older protocol has none to show: the key either made the signature or did not.
        if protocol == Protocol::V3 {
            self.explain(journal, store, &mut entry).await;
        }
        if let (true, Err(why)) = (
            refused && entry.explained.iter().all(|line| line.ok),
            received,
        ) {
            // The steps above could not show it, so the reason itself does.
            entry.explained.push(Explained::bad(
                format!("Refused: {why}"),
                format!("已拒绝：{why}"),
            ));
        }
        entry.explained.push(ending(received, status));
        entry.request = Some(Asked {
            method: "POST".to_owned(),
            target: format!("/wechat/notify/{}", self.mchid),
            headers: headers(&self.headers),
            body: match protocol {
                // Encrypted.
                Protocol::V3 => String::from_utf8_lossy(&self.body).into_owned(),
                Protocol::V2 => mask_document(&String::from_utf8_lossy(&self.body)),
            },
        });
        entry.response = Some(Answer {
            status,
            headers: Vec::new(),
            body: text,
        });
        entry
    }

    async fn explain(&self, journal: &Journal, store: &dyn Store, entry: &mut NewEntry) {
        let now_unix = journal.clock().now().as_seconds();
        let Some(merchant) = journal.keys_of(&self.mchid) else {
            return;
        };
        let verified = match merchant.keys.verify(&self.headers, &self.body, now_unix) {
            Ok(verified) => verified,
            Err(why) => {
                entry.explained.push(not_verified(&why));
                return;
            }
        };
        entry.explained.push(chosen_key(verified.serial_no()));
        entry.explained.push(
            Explained::good(
                "The signature is right. It covers three lines: time, nonce, and the body byte for byte",
                "签名正确。它覆盖三行：时间、随机串、逐字节的报文",
            )
            .with_detail(self.signed_text()),
        );
        entry
            .explained
            .push(fresh(now_unix.saturating_sub(verified.timestamp())));
        let opened = notification::open(
            &merchant.keys,
            &merchant.api_v3_key,
            &self.headers,
            &self.body,
            now_unix,
        );
        let plaintext = match opened {
            Ok(opened) => opened.plaintext,
            Err(why) => {
                entry.explained.push(Explained::bad(
                    format!("Cannot be read: {why}"),
                    format!("无法解读：{why}"),
                ));
                return;
            }
        };
        entry.explained.push(Explained::good(
            "Decrypted with the APIv3 key (AES-256-GCM, which also proves that nothing was changed)",
            "用 APIv3 密钥解密（AES-256-GCM，同时证明内容未被改动）",
        ));
        entry.decrypted = Some(mask_body(&plaintext));
        compare(store, &self.mchid, &plaintext, entry).await;
    }

    fn signed_text(&self) -> String {
        SignatureHeaders::from_headers(&self.headers)
            .map(|found| text_to_verify(&found.timestamp, &found.nonce, &self.body))
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .unwrap_or_default()
    }
}

/// Puts what WeChat says beside what we recorded.
async fn compare(store: &dyn Store, mchid: &Mchid, plaintext: &str, entry: &mut NewEntry) {
    let Ok(said) = serde_json::from_str::<serde_json::Value>(plaintext) else {
        return;
    };
    let Some(number) = said.get("out_trade_no").and_then(|v| v.as_str()) else {
        return;
    };
    entry.out_trade_no = Some(number.to_owned());
    let Ok(out_trade_no) = OutTradeNo::parse(number) else {
        return;
    };
    let key = PaymentKey::OutTradeNo(mchid.clone(), out_trade_no);
    let Ok(found) = store.payment(key).await else {
        return;
    };
    match found {
        Some(payment) => {
            entry.payment_id = Some(payment.id.to_string());
            entry.explained.extend(match refund_number(&said) {
                Some(refund) => refund_comparison(&payment, &refund, &said),
                None => comparison(&payment, number, &said),
            });
        }
        None => entry.explained.push(Explained::bad(
            format!("{number} is not in our books"),
            format!("账上没有 {number}"),
        )),
    }
}

fn refund_number(said: &serde_json::Value) -> Option<String> {
    Some(said.get("out_refund_no")?.as_str()?.to_owned())
}

fn refund_comparison(payment: &Payment, number: &str, said: &serde_json::Value) -> Vec<Explained> {
    let amount = said
        .pointer("/amount/refund")
        .and_then(serde_json::Value::as_i64)
        .unwrap_or_default();
    let known = payment
        .refunds
        .iter()
        .find(|refund| refund.out_refund_no.as_str() == number);
    vec![match known {
        Some(refund) if refund.amount.get() == amount => Explained::good(
            format!("Refund {number} of {amount} fen: as we asked for it"),
            format!("退款 {number}，{amount} 分：与我们的申请一致"),
        ),
        Some(refund) => Explained::bad(
            format!(
                "Refund {number} of {amount} fen: asked for were {} fen",
                refund.amount.get()
            ),
            format!(
                "退款 {number}，{amount} 分：申请金额为 {} 分",
                refund.amount.get()
            ),
        ),
        None => Explained::good(
            format!("Refund {number} of {amount} fen was made in WeChat's console"),
            format!("退款 {number}，{amount} 分：在微信商户平台发起"),
        ),
    }]
}

fn comparison(payment: &Payment, number: &str, said: &serde_json::Value) -> Vec<Explained> {
    let text = |pointer: &str| {
        said.pointer(pointer)
            .and_then(|v| v.as_str())
            .unwrap_or("-")
            .to_owned()
    };
    let total = said
        .pointer("/amount/total")
        .and_then(serde_json::Value::as_i64);
    let attempt = payment
        .attempts
        .iter()
        .find(|attempt| attempt.out_trade_no.as_str() == number);
    let ordered = attempt
        .map_or(payment.amount, |attempt| attempt.amount)
        .get();
    // A product that names nobody beforehand takes money from whoever comes.
    let same_payer = attempt.is_some_and(|attempt| {
        attempt
            .payer
            .as_ref()
            .is_none_or(|payer| payer.as_str() == text("/payer/openid"))
    });
    let line = |same: bool, en: String, zh: String| {
        if same {
            Explained::good(en, zh)
        } else {
            Explained::bad(en, zh)
        }
    };
    vec![
        line(
            text("/mchid") == payment.mchid.as_str() && text("/appid") == payment.appid.as_str(),
            format!(
                "Merchant {} and app {}: ours are {} and {}",
                text("/mchid"),
                text("/appid"),
                payment.mchid,
                payment.appid
            ),
            format!(
                "商户 {}、应用 {}：我们记录的是 {} 和 {}",
                text("/mchid"),
                text("/appid"),
                payment.mchid,
                payment.appid
            ),
        ),
        line(
            total == Some(ordered) && text("/amount/currency") == "CNY",
            format!(
                "Amount {} fen {}: ordered were {} fen CNY",
                total.unwrap_or_default(),
                text("/amount/currency"),
                ordered
            ),
            format!(
                "金额 {} 分 {}：下单金额为 {} 分 CNY",
                total.unwrap_or_default(),
                text("/amount/currency"),
                ordered
            ),
        ),
        line(
            same_payer,
            if same_payer {
                "The payer is the user the order was made for".to_owned()
            } else {
                "The payer is not the user the order was made for".to_owned()
            },
            if same_payer {
                "付款人就是下单时的用户".to_owned()
            } else {
                "付款人不是下单时的用户".to_owned()
            },
        ),
    ]
}

fn ending(received: &Result<Received, NotificationError>, status: u16) -> Explained {
    match received {
        Ok(Received::Accepted { .. }) => Explained::good(
            format!("Committed to disk, then answered {status}: WeChat will not send it again"),
            format!("先提交到磁盘，再应答 {status}：微信不会再发"),
        ),
        Ok(Received::TooEarly) => Explained::bad(
            format!(
                "Kept as evidence and answered {status}: the refund is known before its payment, which WeChat is asked for now; then it comes again"
            ),
            format!("作为凭据保存并应答 {status}：退款先于支付到达，先向微信查单，随后微信会再来"),
        ),
        Ok(Received::Contradiction(mismatch)) => Explained::bad(
            format!(
                "Kept as an incident and answered {status}: {}",
                mismatch.detail
            ),
            format!("记为异常并应答 {status}：{}", mismatch.detail),
        ),
        Err(NotificationError::Refused(_)) => Explained::bad(
            format!("Answered {status}: nothing was stored and nothing changed"),
            format!("应答 {status}：什么都没有保存，什么都没有改变"),
        ),
        Err(NotificationError::Store(_)) => Explained::bad(
            format!("Not stored, so answered {status}: WeChat comes again"),
            format!("未能存盘，所以应答 {status}：微信会再来"),
        ),
    }
}
