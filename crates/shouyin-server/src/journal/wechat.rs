//! Calls to WeChat Pay: what was signed with which key, and what the answer's signature was checked against.

use std::sync::Arc;

use wechatpay::v3::{
    KeyRing, RawResponse, SignatureHeaders, SignedRequest, Transport, TransportError,
    VerificationError, text_to_sign, text_to_verify,
};

use super::{
    Answer, Asked, Explained, Journal, Kind, NewEntry, Party, mask_body, mask_header, mask_target,
};

/// Sends like the transport behind it and records every call with its explanation.
pub struct JournalTransport {
    inner: Arc<dyn Transport>,
    journal: Arc<Journal>,
    keys: Arc<KeyRing>,
}

impl JournalTransport {
    /// `keys` are the account's: the explanation checks each answer once more with them.
    pub fn new(inner: Arc<dyn Transport>, journal: Arc<Journal>, keys: Arc<KeyRing>) -> Self {
        Self {
            inner,
            journal,
            keys,
        }
    }
}

impl std::fmt::Debug for JournalTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JournalTransport")
    }
}

impl Transport for JournalTransport {
    fn send<'a>(
        &'a self,
        request: &'a SignedRequest,
    ) -> wechatpay::BoxFuture<'a, Result<RawResponse, TransportError>> {
        Box::pin(async move {
            let started = self.journal.clock().now();
            let answered = self.inner.send(request).await;
            let now = self.journal.clock().now();
            let mut entry = about(request);
            entry.started = Some(started);
            entry.duration_ms = Some(now.since(started));
            entry.request = Some(asked(request));
            entry.explained.push(signed(request));
            match &answered {
                Ok(response) => {
                    let (checks, verified) = answer_checks(&self.keys, response, now.as_seconds());
                    entry.explained.extend(checks);
                    let is_answer = (200..300).contains(&response.status)
                        || entry.kind == Kind::Bill && has_no_bill(&response.body);
                    entry.ok = verified && is_answer;
                    entry.response = Some(shown(response));
                }
                Err(why) => {
                    entry.ok = false;
                    entry.explained.push(no_answer(why));
                }
            }
            self.journal.record(entry);
            answered
        })
    }

    fn fetch<'a>(
        &'a self,
        request: &'a SignedRequest,
        limit: usize,
    ) -> wechatpay::BoxFuture<'a, Result<RawResponse, TransportError>> {
        Box::pin(async move {
            let started = self.journal.clock().now();
            let answered = self.inner.fetch(request, limit).await;
            let mut entry = about(request);
            entry.started = Some(started);
            entry.duration_ms = Some(self.journal.clock().now().since(started));
            entry.request = Some(asked(request));
            entry.explained.push(signed(request));
            match &answered {
                Ok(response) => {
                    entry.ok = response.status == 200;
                    entry.explained.push(Explained::good(
                        "A file is not signed: it is compared with the SHA-1 that WeChat signed before",
                        "文件本身不签名：与微信此前签名的 SHA-1 比对",
                    ));
                    // A day's payers and amounts are nothing for a timeline.
                    entry.response = Some(Answer {
                        status: response.status,
                        headers: headers(&response.headers),
                        body: format!("({} bytes)", response.body.len()),
                    });
                }
                Err(why) => {
                    entry.ok = false;
                    entry.explained.push(no_answer(why));
                }
            }
            self.journal.record(entry);
            answered
        })
    }
}

/// Kind, title and order number, all of which the target tells.
fn about(request: &SignedRequest) -> NewEntry {
    let path = request.target.split('?').next().unwrap_or_default();
    let (kind, en, zh) = if path.ends_with("/pay/transactions/jsapi") {
        (Kind::Prepay, "Order placed at WeChat Pay", "在微信支付下单")
    } else if path.ends_with("/close") {
        (Kind::Close, "Order closed at WeChat Pay", "在微信支付关单")
    } else if path.ends_with("/apply-abnormal-refund") {
        (
            Kind::Refund,
            "Another way for an abnormal refund, asked of WeChat Pay",
            "向微信支付申请异常退款",
        )
    } else if path.ends_with("/refund/domestic/refunds") {
        (
            Kind::Refund,
            "Refund asked for at WeChat Pay",
            "向微信支付申请退款",
        )
    } else if path.contains("/refund/domestic/refunds/") {
        (
            Kind::Query,
            "WeChat Pay asked for the refund's state",
            "向微信支付查询退款",
        )
    } else if path.contains("/bill/") {
        (
            Kind::Bill,
            "WeChat Pay asked for a bill",
            "向微信支付申请账单",
        )
    } else if path.contains("/billdownload/") {
        (Kind::Bill, "A bill fetched", "下载账单")
    } else if path.ends_with("/certificates") {
        (
            Kind::Certificates,
            "Platform certificates fetched",
            "下载平台证书",
        )
    } else {
        (
            Kind::Query,
            "WeChat Pay asked for the order's state",
            "向微信支付查单",
        )
    };
    let mut entry = NewEntry::new(Party::Shouyin, Party::Wechat, kind, en, zh);
    entry.out_trade_no = order_number(path, &request.body);
    entry
}

fn order_number(path: &str, body: &[u8]) -> Option<String> {
    let in_path = path
        .split_once("/out-trade-no/")
        .and_then(|(_, rest)| rest.split('/').next())
        .map(str::to_owned);
    in_path.or_else(|| {
        let body: serde_json::Value = serde_json::from_slice(body).ok()?;
        Some(body.get("out_trade_no")?.as_str()?.to_owned())
    })
}

/// Whether WeChat says that there is no bill of a day. Where nothing was sold that is as it should be.
fn has_no_bill(body: &[u8]) -> bool {
    let body: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let code = body.as_ref().and_then(|body| body.get("code")?.as_str());
    code == Some("NO_STATEMENT_EXIST")
}

fn text(bytes: &[u8]) -> String {
    mask_body(&String::from_utf8_lossy(bytes))
}

pub(super) fn headers(headers: &[(String, String)]) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| (name.clone(), mask_header(name, value)))
        .collect()
}

fn asked(request: &SignedRequest) -> Asked {
    Asked {
        method: request.method.as_str().to_owned(),
        target: mask_target(&request.target),
        headers: headers(&request.headers),
        body: text(&request.body),
    }
}

fn shown(response: &RawResponse) -> Answer {
    Answer {
        status: response.status,
        headers: headers(&response.headers),
        body: text(&response.body),
    }
}

/// The value of `name="..."` in WeChat Pay's `Authorization` header.
fn part<'a>(authorization: &'a str, name: &str) -> Option<&'a str> {
    let (_, parts) = authorization.split_once(' ')?;
    parts.split(',').find_map(|part| {
        let (key, value) = part.trim().split_once('=')?;
        (key == name).then(|| value.trim_matches('"'))
    })
}

fn signed(request: &SignedRequest) -> Explained {
    let authorization = request
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        .map(|(_, value)| value.as_str())
        .unwrap_or_default();
    let serial = part(authorization, "serial_no").unwrap_or_default();
    let timestamp = part(authorization, "timestamp").and_then(|text| text.parse().ok());
    let nonce = part(authorization, "nonce_str").unwrap_or_default();
    let Some(timestamp) = timestamp else {
        return Explained::bad("The request is not signed", "请求没有签名");
    };
    let method = request.method.as_str();
    let signed = text_to_sign(method, &request.target, timestamp, nonce, &request.body);
    Explained::good(
        format!("Signed with our private key; serial_no {serial} tells WeChat which certificate checks it. The signed text has five lines: method, path, time, nonce, body"),
        format!("用商户私钥签名；serial_no {serial} 告诉微信用哪张证书验签。签名串共五行：方法、路径、时间、随机串、报文"),
    )
    .with_detail(text(&signed))
}

/// The answer's signature, checked once more for display. The SDK has checked it already: this changes nothing.
fn answer_checks(keys: &KeyRing, response: &RawResponse, now_unix: i64) -> (Vec<Explained>, bool) {
    match keys.verify(&response.headers, &response.body, now_unix) {
        Ok(verified) => {
            let age_s = now_unix.saturating_sub(verified.timestamp());
            let mut lines = vec![
                chosen_key(verified.serial_no()),
                Explained::good(
                    "The signature of the answer is right: it is WeChat's word",
                    "应答签名正确：这确实是微信说的",
                )
                .with_detail(signed_answer(response)),
                fresh(age_s),
            ];
            if !(200..300).contains(&response.status) {
                lines.push(Explained::bad(
                    format!("WeChat says no with status {}", response.status),
                    format!("微信拒绝了请求，状态码 {}", response.status),
                ));
            }
            (lines, true)
        }
        Err(why) => (vec![not_verified(&why)], false),
    }
}

fn signed_answer(response: &RawResponse) -> String {
    SignatureHeaders::from_headers(&response.headers)
        .map(|found| {
            text(&text_to_verify(
                &found.timestamp,
                &found.nonce,
                &response.body,
            ))
        })
        .unwrap_or_default()
}

/// Which key checks a signature is decided by what arrived.
pub(super) fn chosen_key(serial: &str) -> Explained {
    if serial.starts_with("PUB_KEY_ID_") {
        Explained::good(
            format!(
                "Checked with WeChat Pay's public key {serial}, because the header Wechatpay-Serial names it"
            ),
            format!("用微信支付公钥 {serial} 验签，因为 Wechatpay-Serial 头指定了它"),
        )
    } else {
        Explained::good(
            format!(
                "Checked with the platform certificate {serial}, because the header Wechatpay-Serial names it"
            ),
            format!("用微信支付平台证书 {serial} 验签，因为 Wechatpay-Serial 头指定了它"),
        )
    }
}

pub(super) fn fresh(age_s: i64) -> Explained {
    Explained::good(
        format!("Fresh: signed {age_s} s ago, and 300 s are allowed"),
        format!("时间有效：签名于 {age_s} 秒前，允许 300 秒"),
    )
}

/// Why a signature does not count.
pub(super) fn not_verified(why: &VerificationError) -> Explained {
    let zh = match why {
        VerificationError::MissingHeader(name) => format!("缺少头 {name}，无法证明来自微信"),
        VerificationError::DuplicateHeader(name) => format!("头 {name} 出现多次，不予采信"),
        VerificationError::MalformedTimestamp => "Wechatpay-Timestamp 不是秒数".to_owned(),
        VerificationError::Probe => {
            "签名以 WECHATPAY/SIGNTEST/ 开头：这是微信的探测，必须拒绝".to_owned()
        }
        VerificationError::Stale { timestamp, now } => {
            format!("时间无效：签名时间 {timestamp}，当前 {now}，相差达到 300 秒")
        }
        VerificationError::UnsupportedType(name) => format!("不支持签名算法 {name}"),
        VerificationError::UnknownSerial(serial) => format!("没有序列号为 {serial} 的公钥或证书"),
        VerificationError::OutsideValidity(serial) => format!("证书 {serial} 不在有效期内"),
        VerificationError::BadSignature => "签名与报文不符：不是微信说的".to_owned(),
    };
    let en = if *why == VerificationError::Probe {
        "The signature begins with WECHATPAY/SIGNTEST/: WeChat tests whether we check. It must be refused".to_owned()
    } else {
        format!("Not believed: {why}")
    };
    Explained::bad(en, zh)
}

fn no_answer(why: &TransportError) -> Explained {
    match why {
        TransportError::NotSent(_) => Explained::bad(
            "Nothing left this machine: it is sent again under the same number",
            "请求没有发出：会用同一个单号重发",
        ),
        TransportError::NoAnswer(_) => Explained::bad(
            "No answer: WeChat may have done it or not. The state is asked for, never guessed",
            "没有应答：微信可能做了，也可能没做。靠查询确认，绝不猜测",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_numbers_are_found_in_paths_and_bodies() {
        let number = |path: &str, body: &str| order_number(path, body.as_bytes());
        assert_eq!(
            number("/v3/pay/transactions/out-trade-no/A1/close", "{}").as_deref(),
            Some("A1")
        );
        assert_eq!(
            number("/v3/pay/transactions/jsapi", r#"{"out_trade_no":"B2"}"#).as_deref(),
            Some("B2")
        );
        assert_eq!(number("/v3/certificates", ""), None);
    }

    /// The page takes the answer to a query for proof that an order is paid, and counts queries of one order.
    #[test]
    fn only_questions_about_an_order_or_a_refund_are_queries() {
        let kind = |target: &str| {
            about(&SignedRequest {
                method: wechatpay::v3::Method::Get,
                target: target.to_owned(),
                headers: Vec::new(),
                body: Vec::new(),
            })
            .kind
        };
        for query in [
            "/v3/pay/transactions/out-trade-no/A1?mchid=1900000109",
            "/v3/refund/domestic/refunds/R1",
        ] {
            assert_eq!(kind(query), Kind::Query, "{query}");
        }
        for (other, expected) in [
            (
                "/v3/bill/tradebill?bill_date=2026-01-05&bill_type=ALL",
                Kind::Bill,
            ),
            ("/v3/bill/fundflowbill?bill_date=2026-01-05", Kind::Bill),
            ("/v3/billdownload/file?token=x", Kind::Bill),
            ("/v3/certificates", Kind::Certificates),
        ] {
            assert_eq!(kind(other), expected, "{other}");
        }
    }

    #[test]
    fn no_bill_is_an_answer_and_a_bill_in_the_making_is_none() {
        assert!(has_no_bill(
            br#"{"code":"NO_STATEMENT_EXIST","message":"none"}"#
        ));
        assert!(!has_no_bill(
            br#"{"code":"STATEMENT_CREATING","message":"soon"}"#
        ));
        assert!(!has_no_bill(b"<html>"));
    }

    #[test]
    fn parts_of_the_authorization_header() {
        let header = r#"WECHATPAY2-SHA256-RSA2048 mchid="1900",nonce_str="n",signature="a+b=",timestamp="17",serial_no="5F""#;
        assert_eq!(part(header, "signature"), Some("a+b="));
        assert_eq!(part(header, "serial_no"), Some("5F"));
        assert_eq!(part(header, "missing"), None);
    }
}
