//! What can be wrong with an answer of WeChat's when it arrives.

use serde_json::{Value, json};
use wechat_simulator::Order;
use wechatpay::v2::Fields;
use wechatpay::v3::RawResponse;

use crate::check::What;
use crate::setup::USERS;
use crate::speaks::{answer, fields, head};

fn error(status: u16, code: &str) -> RawResponse {
    RawResponse {
        status,
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: json!({ "code": code, "message": "simulated" })
            .to_string()
            .into_bytes(),
    }
}

/// 500, unsigned, as from a gateway.
pub(crate) fn server_error() -> RawResponse {
    error(500, "SYSTEM_ERROR")
}

/// 429, unsigned, as from a gateway; in the older protocol 200, unsigned too.
pub(crate) fn rate_limited(is_v2: bool) -> RawResponse {
    if is_v2 {
        unsigned_failure("FREQUENCY_LIMITED")
    } else {
        error(429, "FREQUENCY_LIMITED")
    }
}

/// A document of the older protocol that says no, and that anybody could have written.
fn unsigned_failure(code: &str) -> RawResponse {
    let fields = Fields::new()
        .with("return_code", "SUCCESS")
        .with("return_msg", "OK")
        .with("result_code", "FAIL")
        .with("err_code", code)
        .with("err_code_des", "simulated");
    answer(&fields)
}

/// The same, said in the envelope: nothing in such a document is ever signed.
fn bare_failure(code: &str) -> RawResponse {
    let fields = Fields::new()
        .with("return_code", "FAIL")
        .with("return_msg", "simulated")
        .with("err_code", code);
    answer(&fields)
}

/// A document of the older protocol; none if it is something else.
fn document(response: &RawResponse) -> Option<Fields> {
    response
        .body
        .starts_with(b"<xml>")
        .then(|| fields(&response.body))
}

/// The second half of the body is missing.
pub(crate) fn truncated(mut response: RawResponse) -> RawResponse {
    response.body.truncate(response.body.len() / 2);
    // An empty body cannot lose a half; then the signature is lost.
    if response.body.is_empty() {
        response.headers.retain(|(name, _)| !is_signature(name));
    }
    response
}

/// One bit of a bill, or of where it is to be had, is another. The older protocol's bills have no hash and no signature, so that nobody could tell a
/// changed one from a true one if its sums are right: there the rest is missing.
pub(crate) fn garbled(mut response: RawResponse, place: u32) -> RawResponse {
    let is_protected = response.body.starts_with(b"{") || response.body.starts_with(GZIP);
    if !is_protected {
        return truncated(response);
    }
    let length = response.body.len().max(1);
    let place = usize::try_from(place).unwrap_or(0) * length / 256;
    if let Some(byte) = response.body.get_mut(place) {
        *byte ^= 1;
    }
    response
}

const GZIP: &[u8] = &[0x1f, 0x8b];

/// Signed by somebody else.
pub(crate) fn wrong_signature(mut response: RawResponse) -> RawResponse {
    if let Some(fields) = document(&response) {
        return answer(&fields.with("sign", "0123456789ABCDEF0123456789ABCDEF"));
    }
    for (name, value) in &mut response.headers {
        if is_signature(name) {
            *value = "0123456789abcdef".to_owned();
        }
    }
    response
}

/// Whoever is about to pay, or has paid, an order; for one that is nobody's yet, somebody whom the app knows.
pub(crate) fn payer(order: &Order) -> String {
    match &*order.openid {
        "" => wechat_simulator::openid(&order.appid, USERS.last().copied().unwrap_or_default()),
        known => known.to_owned(),
    }
}

/// What would help most in answer to a charge: that it failed, so that the till asks for another code, or that it worked. In
/// answer to a reversal: that it is done.
fn altered_charge(how: u32, what: What, order: &Order, signature: &str) -> RawResponse {
    let fields = head(&order.appid, &order.mchid).with("sign", signature);
    let fields = match (what, how) {
        (What::Reverse, _) => fields.with("recall", "N"),
        (_, 2) => fields
            .with("openid", payer(order))
            .with("trade_type", order.trade_type.name())
            .with("transaction_id", "4200000000000000000000000000")
            .with("out_trade_no", order.out_trade_no.as_str())
            .with("total_fee", order.total.get().to_string())
            .with("cash_fee", order.total.get().to_string())
            .with("time_end", "20260105120500"),
        (_, _) => {
            let mut fields = fields;
            fields.set("result_code", "FAIL");
            fields.with("err_code", "AUTHCODEEXPIRE")
        }
    };
    answer(&fields)
}

/// How somebody denies that anything was done.
fn denial(what: What) -> &'static str {
    match what {
        What::Charge => "AUTH_CODE_EXPIRE",
        What::Place
        | What::Query
        | What::Close
        | What::Reverse
        | What::Refund
        | What::QueryRefund
        | What::Remedy
        | What::Bill
        | What::BillFile => "ORDER_NOT_EXIST",
    }
}

/// [`altered`] in the older protocol: a denial that is not signed, or a document that says something else than was signed.
fn altered_v2(fields: Fields, how: u32, what: What, order: Option<&Order>) -> RawResponse {
    let denial = denial(what).replace('_', "");
    match how {
        0 => return bare_failure(&denial),
        1 => return unsigned_failure(&denial),
        _ => {}
    }
    if let (What::Charge | What::Reverse, Some(order)) = (what, order) {
        let signature = fields.get("sign").unwrap_or_default();
        return altered_charge(how, what, order, signature);
    }
    let payer = order.map(payer).unwrap_or_default();
    let trade_type = order.map_or("JSAPI", |order| order.trade_type.name());
    let success = how == 2;
    let mut fields = fields;
    if fields.get("refund_count").is_some() {
        let status = if success { "SUCCESS" } else { "REFUNDCLOSE" };
        fields.set("refund_status_0", status);
        fields.set("refund_success_time_0", "2026-01-05 12:05:00");
    } else if fields.get("trade_state").is_some() {
        fields.set("trade_state", if success { "SUCCESS" } else { "CLOSED" });
        if success {
            fields.set("transaction_id", "4200000000000000000000000000");
            fields.set("trade_type", trade_type);
            fields.set("openid", payer);
            fields.set("time_end", "20260105120500");
            let total = fields.get("total_fee").unwrap_or("1").to_owned();
            fields.set("total_fee", total.as_str());
            fields.set("cash_fee", total);
        }
    } else {
        fields.set("sign", "0123456789ABCDEF0123456789ABCDEF");
    }
    answer(&fields)
}

/// Changed by somebody who knows what would help them: unpaid becomes paid or closed, or the order is denied. They have
/// no key, so the signature no longer fits, or is gone.
pub(crate) fn altered(
    response: RawResponse,
    how: u32,
    what: What,
    order: Option<&Order>,
) -> RawResponse {
    if let Some(fields) = document(&response) {
        return altered_v2(fields, how, what, order);
    }
    if how < 2 {
        return error(404, denial(what));
    }
    let payer = order.map(payer).unwrap_or_default();
    let trade_type = order.map_or("JSAPI", |order| order.trade_type.name());
    let Ok(mut body) = serde_json::from_slice::<Value>(&response.body) else {
        return wrong_signature(response);
    };
    if let Some(members) = body.as_object_mut()
        && members.contains_key("trade_state")
    {
        let total = members
            .get("amount")
            .and_then(|amount| amount.get("total"))
            .cloned();
        let state = if how == 2 { "SUCCESS" } else { "CLOSED" };
        members.insert("trade_state".to_owned(), json!(state));
        members.insert("trade_type".to_owned(), json!(trade_type));
        members.insert(
            "transaction_id".to_owned(),
            json!("4200000000000000000000000000"),
        );
        members.insert(
            "success_time".to_owned(),
            json!("2026-01-05T12:05:00+08:00"),
        );
        members.insert("payer".to_owned(), json!({ "openid": payer }));
        if let Some(total) = total {
            members.insert(
                "amount".to_owned(),
                json!({ "total": total, "payer_total": total, "currency": "CNY" }),
            );
        }
    }
    if let Some(members) = body.as_object_mut()
        && members.contains_key("refund_id")
    {
        let status = if how == 2 { "SUCCESS" } else { "CLOSED" };
        members.insert("status".to_owned(), json!(status));
        members.insert(
            "success_time".to_owned(),
            json!("2026-01-05T12:05:00+08:00"),
        );
    }
    RawResponse {
        status: 200,
        body: body.to_string().into_bytes(),
        headers: response.headers,
    }
}

/// What WeChat says of an order that it has closed.
pub(crate) fn closed_order(order: &Order) -> Vec<u8> {
    let view = json!({
        "mchid": order.mchid,
        "appid": order.appid,
        "out_trade_no": order.out_trade_no,
        "trade_state": "CLOSED",
        "trade_state_desc": "订单已关闭",
        "amount": { "total": order.total, "currency": "CNY" },
    });
    view.to_string().into_bytes()
}

fn is_signature(name: &str) -> bool {
    name.eq_ignore_ascii_case("Wechatpay-Signature")
}

/// For the trace: code, state or handle.
pub(crate) fn describe(response: &RawResponse) -> String {
    if let Some(fields) = document(response) {
        return ["err_code", "return_msg", "trade_state", "prepay_id"]
            .iter()
            .find_map(|name| fields.get(name).filter(|value| *value != "OK"))
            .unwrap_or_default()
            .to_owned();
    }
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    ["code", "trade_state", "status", "prepay_id"]
        .iter()
        .find_map(|name| body.get(*name).and_then(Value::as_str))
        .unwrap_or_default()
        .to_owned()
}
