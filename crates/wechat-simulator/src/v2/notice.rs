//! Notifications of the older protocol: payments signed, refunds encrypted and not signed.

use serde_json::{Map, Value};
use wechatpay::v2::notification::{self, ACCEPTED};
use wechatpay::v2::{ApiKey, Fields, SignType};

use super::document::{Document, other_key};
use super::order::paid_fields;
use super::refund::{account, status};
use super::spaced_time;
use crate::assumptions::Assumptions;
use crate::notice::Delivery;
use crate::order::{Order, Payment};
use crate::refund::{Refund, RefundState};
use crate::route::Operation;
use crate::seal::Flaw;

/// What the notification of a payment says.
pub(crate) fn payment(order: &Order, payment: &Payment) -> Value {
    let document = Document::new()
        .with("return_code", "SUCCESS")
        .with("appid", order.appid.as_str())
        .with("mch_id", order.mchid.as_str())
        .with_some("device_info", order.device_id.as_deref())
        .with("result_code", "SUCCESS")
        .extend(paid_fields(order, payment));
    value(&document)
}

/// What the notification of a refund says inside.
pub(crate) fn refund(refund: &Refund) -> Value {
    let document = Document::new()
        .with("transaction_id", refund.transaction_id.as_str())
        .with("out_trade_no", refund.out_trade_no.as_str())
        .with("refund_id", refund.refund_id.as_str())
        .with("out_refund_no", refund.out_refund_no.as_str())
        .with("total_fee", refund.total.get().to_string())
        .with(
            "settlement_total_fee",
            refund.settlement_total.get().to_string(),
        )
        .with("refund_fee", refund.refund.get().to_string())
        .with(
            "settlement_refund_fee",
            refund.settlement_refund.get().to_string(),
        )
        .with("refund_status", status(refund));
    let success = match refund.state {
        RefundState::Success { at_ms } => Some(spaced_time(at_ms)),
        RefundState::Processing | RefundState::Closed | RefundState::Abnormal => None,
    };
    let source = if refund.by_hand {
        "VENDOR_PLATFORM"
    } else {
        "API"
    };
    let document = document
        .with_some("success_time", success)
        .with("refund_recv_accout", refund.received_by)
        .with("refund_account", account(refund))
        .with("refund_request_source", source)
        .with("cash_refund_fee", refund.payer_refund.get().to_string());
    value(&document)
}

/// `refund_status` and `success_time` of a refund that went well.
pub(crate) fn refund_success(now_ms: i64) -> Value {
    serde_json::json!({ "refund_status": "SUCCESS", "success_time": spaced_time(now_ms) })
}

fn value(document: &Document) -> Value {
    let members: Map<String, Value> = document
        .iter()
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect();
    Value::Object(members)
}

/// The fields of a resource; whoever made it say something else may have used numbers.
fn document(resource: &Value) -> Document {
    let mut document = Document::new();
    for (name, value) in resource.as_object().into_iter().flatten() {
        match value {
            Value::String(text) => document.set(name.clone(), text.as_str()),
            Value::Null => {}
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                document.set(name.clone(), other.to_string());
            }
        }
    }
    document
}

/// The bytes of one attempt. `None` when the crypto library fails.
pub(crate) fn body(
    delivery: &Delivery,
    nonce: &str,
    sign_type: SignType,
    key: &ApiKey,
    flaw: Flaw,
    assumptions: &Assumptions,
) -> Option<Vec<u8>> {
    let content = document(&delivery.resource);
    if delivery.operation != Operation::RefundNotification {
        let mut content = content.with("nonce_str", nonce);
        if assumptions.notification_extra_members {
            content.set("sign_type", sign_type.as_str());
            content.set("field_of_next_year_0", "x & <y>");
        }
        return Some(content.sealed(sign_type, key, flaw, assumptions.v2_cdata));
    }
    let appid = delivery.appid.as_deref().unwrap_or_default();
    refund_body(content, delivery, appid, nonce, key, flaw, assumptions)
}

/// Nothing in it is signed: only who has the key can have encrypted it.
fn refund_body(
    mut content: Document,
    delivery: &Delivery,
    appid: &str,
    nonce: &str,
    key: &ApiKey,
    flaw: Flaw,
    assumptions: &Assumptions,
) -> Option<Vec<u8>> {
    if assumptions.notification_extra_members {
        content.set("field_of_next_year_0", "x & <y>");
    }
    let other = other_key()?;
    let key = match flaw {
        Flaw::Unsigned
        | Flaw::WrongSignature
        | Flaw::Signtest
        | Flaw::UnknownSerial
        | Flaw::OtherSignType => &other,
        Flaw::None
        | Flaw::Stale
        | Flaw::Tampered
        | Flaw::Truncated
        | Flaw::Replayed
        | Flaw::Misdirected
        | Flaw::Contradicting
        | Flaw::Doctype => key,
    };
    let mut inner = content.to_xml("root", true);
    if flaw == Flaw::Doctype {
        let doctype = "<!DOCTYPE root [<!ENTITY x SYSTEM \"file:///etc/hostname\">]>";
        inner = format!(
            "{doctype}{}",
            inner.replacen("<root>", "<root><trace>&x;</trace>", 1)
        );
    }
    let mut req_info = notification::seal(key, &inner)?;
    if flaw == Flaw::Tampered {
        // Somebody cuts a block out: the rest still decrypts, but it is no document any more.
        req_info.replace_range(0..64, "");
    }
    let envelope = Document::new()
        .with("return_code", "SUCCESS")
        .with("appid", appid)
        .with("mch_id", delivery.mchid.as_str())
        .with("nonce_str", nonce)
        .with("req_info", req_info);
    let mut bytes = envelope.to_xml("xml", assumptions.v2_cdata).into_bytes();
    if flaw == Flaw::Truncated {
        bytes.truncate(bytes.len() / 2);
    }
    Some(bytes)
}

/// What is left of a flaw in this protocol: it has no times, no probes and no serial numbers.
pub(crate) fn flaw(flaw: Flaw) -> Flaw {
    match flaw {
        Flaw::Stale | Flaw::Replayed => Flaw::None,
        Flaw::Signtest | Flaw::UnknownSerial => Flaw::WrongSignature,
        Flaw::None
        | Flaw::Unsigned
        | Flaw::WrongSignature
        | Flaw::OtherSignType
        | Flaw::Tampered
        | Flaw::Truncated
        | Flaw::Misdirected
        | Flaw::Contradicting
        | Flaw::Doctype => flaw,
    }
}

/// What the body of a receiver's answer means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It was stored.
    Accepted,
    /// The receiver asks for another attempt.
    Again,
    /// It is neither, which WeChat takes as a failure.
    Neither,
}

/// Reads the body of an answer: exactly the published document, or (by assumption) any that says the same.
pub(crate) fn verdict(body: &[u8], exact: bool) -> Verdict {
    if body == ACCEPTED.as_bytes() {
        return Verdict::Accepted;
    }
    let bare = body.starts_with(b"<xml>") && body.ends_with(b"</xml>");
    let Ok(fields) = Fields::parse(body) else {
        return Verdict::Neither;
    };
    match fields.get("return_code") {
        Some("SUCCESS") if bare && !exact => Verdict::Accepted,
        Some("FAIL") => Verdict::Again,
        Some(_) | None => Verdict::Neither,
    }
}
