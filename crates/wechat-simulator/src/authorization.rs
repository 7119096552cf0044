//! Who sent a request: the checks WeChat makes on `Authorization` before it looks at anything else.
//!
//! Rules and order: WeChat Pay APIv3 documentation, "how to sign requests" and its FAQ. Whatever fails here is
//! answered 401 `SIGN_ERROR` without a signature, because WeChat does not yet know whom it is talking to.

use serde_json::json;
use wechatpay::v3::{SIGNATURE_TYPE, text_to_sign};

use crate::assumptions::Assumptions;
use crate::book::Book;
use crate::log::Checks;
use crate::message::WireRequest;
use crate::refusal::Refusal;

/// The five minutes a request's timestamp may be off, in seconds.
const WINDOW_SECONDS: u64 = 300;

/// A request whose sender is proven.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Authenticated {
    pub(crate) mchid: String,
    /// The certificate that signed.
    pub(crate) serial_no: String,
    pub(crate) timestamp: i64,
    pub(crate) nonce: String,
}

/// The parameters of the header, as they came.
#[derive(Debug)]
struct Parameters<'a> {
    mchid: &'a str,
    nonce: &'a str,
    timestamp: &'a str,
    serial_no: &'a str,
    signature: &'a str,
}

pub(crate) fn authenticate(
    book: &Book,
    assumptions: &Assumptions,
    request: &WireRequest,
    now_unix: i64,
    checks: &mut Checks,
) -> Result<Authenticated, Refusal> {
    let found = parameters(request, checks)?;
    let timestamp = timestamp(&found, assumptions, now_unix, checks)?;
    let (serial_no, certificate) = certificate(book, &found, assumptions, checks)?;
    let text = text_to_sign(
        &request.method,
        &request.target,
        timestamp,
        found.nonce,
        &request.body,
    );
    let genuine = certificate.key.verify(&text, found.signature);
    checks.note_text(
        "signature",
        genuine,
        || {
            if genuine {
                format!("the certificate {serial_no} of merchant {} verifies it", found.mchid)
            } else {
                format!(
                    "the certificate {serial_no} does not verify it over the text below: compare that text byte by \
                     byte with what you signed, then check that your private key belongs to this certificate"
                )
            }
        },
        || Some(String::from_utf8_lossy(&text).into_owned()),
    );
    if !genuine {
        return Err(wrong_signature(request, &found, &text, assumptions));
    }
    Ok(Authenticated {
        mchid: found.mchid.to_owned(),
        serial_no: serial_no.to_owned(),
        timestamp,
        nonce: found.nonce.to_owned(),
    })
}

fn parameters<'a>(
    request: &'a WireRequest,
    checks: &mut Checks,
) -> Result<Parameters<'a>, Refusal> {
    let malformed = "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》";
    let Some(header) = request.header("Authorization") else {
        checks.note("authorization", false, || {
            "there is no Authorization header".to_owned()
        });
        return Err(Refusal::signature("authorization", "missing", malformed));
    };
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    if scheme != SIGNATURE_TYPE {
        checks.note("authorization", false, || {
            format!("the scheme is {scheme:?}; only {SIGNATURE_TYPE} is supported")
        });
        let message = format!("Http头Authorization认证类型不正确，目前仅支持 {SIGNATURE_TYPE}");
        return Err(Refusal::signature("authorization", "unknown type", message));
    }
    match parse(rest) {
        Ok(found) => Ok(found),
        Err(why) => {
            checks.note("authorization", false, || why);
            Err(Refusal::signature("authorization", "malformed", malformed))
        }
    }
}

/// Reads `name="value"` pairs in any order, separated by commas alone.
fn parse(text: &str) -> Result<Parameters<'_>, String> {
    let names = ["mchid", "nonce_str", "timestamp", "serial_no", "signature"];
    let mut values = [None; 5];
    for pair in text.split(',') {
        let (name, quoted) = pair
            .split_once('=')
            .ok_or_else(|| format!("{pair:?} is not a name=\"value\" pair"))?;
        let value = quoted
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .ok_or_else(|| format!("the value of {name:?} is not in double quotes"))?;
        let index = names
            .iter()
            .position(|known| *known == name)
            .ok_or_else(|| format!("{name:?} is not a parameter of this header"))?;
        if value.is_empty() || values[index].replace(value).is_some() {
            return Err(format!("{name} is empty or there twice"));
        }
    }
    match values {
        [
            Some(mchid),
            Some(nonce),
            Some(timestamp),
            Some(serial_no),
            Some(signature),
        ] => Ok(Parameters {
            mchid,
            nonce,
            timestamp,
            serial_no,
            signature,
        }),
        _ => Err(format!("one of {names:?} is missing")),
    }
}

fn timestamp(
    found: &Parameters<'_>,
    assumptions: &Assumptions,
    now_unix: i64,
    checks: &mut Checks,
) -> Result<i64, Refusal> {
    let seconds = found
        .timestamp
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| found.timestamp.parse::<i64>().ok())
        .flatten()
        // The signed text holds the digits as sent, so "007" could never verify.
        .filter(|seconds| seconds.to_string() == found.timestamp);
    let Some(seconds) = seconds else {
        checks.note("timestamp", false, || {
            format!("{:?} is not a number of Unix seconds", found.timestamp)
        });
        let message = "Http头Authorization中的timestamp格式错误，应为10位的Unix秒";
        return Err(Refusal::signature("timestamp", "malformed", message));
    };
    let off = seconds.abs_diff(now_unix);
    let limit = WINDOW_SECONDS + u64::from(assumptions.clock_window_inclusive);
    checks.note("timestamp", off < limit, || {
        format!(
            "{seconds} is {off} s from WeChat's clock ({now_unix}); less than {limit} s are allowed"
        )
    });
    if off < limit {
        Ok(seconds)
    } else {
        let message = "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟";
        Err(Refusal::signature("timestamp", "expired", message))
    }
}

/// The certificate that the request names, and its number as WeChat writes it.
fn certificate<'a>(
    book: &'a Book,
    found: &Parameters<'_>,
    assumptions: &Assumptions,
    checks: &mut Checks,
) -> Result<(&'a str, &'a crate::book::MerchantCertificate), Refusal> {
    let (mchid, serial_no) = (found.mchid, found.serial_no);
    let merchant = book.merchants.get(mchid);
    let mut certificates = merchant
        .into_iter()
        .flat_map(|merchant| &merchant.certificates);
    let named = certificates.find(|(known, _)| {
        *known == serial_no
            || assumptions.serial_no_any_case && known.eq_ignore_ascii_case(serial_no)
    });
    let Some((known, certificate)) = named else {
        checks.note("serial_no", false, || match merchant {
            None => format!("there is no merchant {mchid:?}"),
            Some(merchant) => format!(
                "merchant {mchid} has no certificate {serial_no:?}, only {:?}",
                merchant.certificates.keys().collect::<Vec<_>>()
            ),
        });
        let message = "商户证书序列号有误。请使用签名私钥匹配的证书序列号";
        return Err(Refusal::signature(
            "serial_no",
            "certificate not found",
            message,
        ));
    };
    checks.note("serial_no", !certificate.replaced, || {
        let state = if certificate.replaced {
            "was replaced"
        } else {
            "is valid"
        };
        format!("the certificate {serial_no} of merchant {mchid} {state}")
    });
    if certificate.replaced {
        let message = "商户证书已更换，请使用新的证书签名";
        return Err(Refusal::signature(
            "serial_no",
            "certificate replaced",
            message,
        ));
    }
    Ok((known, certificate))
}

/// The answer that shows what WeChat signed, with the body cut after its first characters.
fn wrong_signature(
    request: &WireRequest,
    found: &Parameters<'_>,
    text: &[u8],
    assumptions: &Assumptions,
) -> Refusal {
    let body: String = String::from_utf8_lossy(&request.body)
        .chars()
        .take(assumptions.sign_error_body_characters)
        .collect();
    let truncated = format!(
        "{}\n{}\n{}\n{}\n{body}\n",
        request.method, request.target, found.timestamp, found.nonce
    );
    let information = json!({
        "method": request.method,
        "url": request.target,
        "truncated_sign_message": truncated,
        "sign_message_length": text.len(),
    });
    let mut refusal = Refusal::signature("signature", "sign not match", "错误的签名，验签失败");
    refusal.detail = Some(if assumptions.sign_error_nested {
        json!({
            "detail": { "issue": "sign not match" },
            "field": "signature",
            "location": "authorization",
            "sign_information": information,
        })
    } else {
        json!({
            "field": "signature",
            "issue": "sign not match",
            "location": "authorization",
            "sign_information": information,
        })
    });
    refusal
}

#[cfg(test)]
mod tests;
