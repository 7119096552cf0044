//! Requests of the shop and of the phone, with keys and tokens masked.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use shouyin_core::id::PaymentId;
use shouyin_core::payment::Payment;
use shouyin_core::ports::PaymentKey;
use wechatpay::v3::RequestPayment;

use super::{
    Answer, Asked, Explained, Journal, Kind, NewEntry, Party, mask_body, mask_header, mask_target,
};
use crate::http::App;
use crate::http::error::{Code, Problem};

/// More than any request or answer of the recorded routes has.
const LONGEST: usize = 1024 * 1024;

/// Records the requests the timeline shows; the others pass untouched.
pub(crate) async fn record(
    State((app, journal)): State<(App, Arc<Journal>)>,
    request: Request,
    next: Next,
) -> Response {
    let Some(entry) = about(request.method(), request.uri().path()) else {
        return next.run(request).await;
    };
    let around = Arc::clone(&journal);
    around
        .around(async move {
            match exchange(&app, &journal, entry, request, next).await {
                Ok((response, entry)) => (response, Some(entry)),
                Err(response) => (response, None),
            }
        })
        .await
}

/// Which message a request is, or nothing if it is not shown.
fn about(method: &Method, path: &str) -> Option<NewEntry> {
    if method != Method::POST {
        return None;
    }
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (from, kind, en, zh, id) = match parts.as_slice() {
        ["v1", "payments"] => (
            Party::Shop,
            Kind::Order,
            "Payment ordered",
            "商家创建支付单",
            None,
        ),
        ["v1", "payments", id, "close"] => (
            Party::Shop,
            Kind::Close,
            "The shop closes the payment",
            "商家关闭支付单",
            Some(id),
        ),
        ["v1", "payments", id, "sync"] => (
            Party::Shop,
            Kind::Query,
            "The shop asks for the truth",
            "商家要求同步",
            Some(id),
        ),
        ["v1", "payments", id, "refunds"] => (
            Party::Shop,
            Kind::Refund,
            "The shop asks for a refund",
            "商家申请退款",
            Some(id),
        ),
        ["mp", "v1", "login"] => (Party::Phone, Kind::Login, "Logged in", "登录", None),
        ["mp", "v1", "payments", id, "pay"] => (
            Party::Phone,
            Kind::Pay,
            "Parameters for the cashier",
            "获取支付参数",
            Some(id),
        ),
        ["mp", "v1", "payments", id, "confirm"] => (
            Party::Phone,
            Kind::Confirm,
            "Is it paid?",
            "付了吗？",
            Some(id),
        ),
        _ => return None,
    };
    let mut entry = NewEntry::new(from, Party::Shouyin, kind, en, zh);
    entry.payment_id = id.map(|id| (*id).to_owned());
    Some(entry)
}

async fn exchange(
    app: &App,
    journal: &Journal,
    mut entry: NewEntry,
    request: Request,
    next: Next,
) -> Result<(Response, NewEntry), Response> {
    let started = journal.clock().now();
    let (parts, body) = request.into_parts();
    let body = collect(body).await?;
    entry.request = Some(Asked {
        method: parts.method.to_string(),
        target: mask_target(&parts.uri.to_string()),
        headers: shown(&parts.headers),
        body: readable(&body),
    });
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (parts, body) = response.into_parts();
    let body = collect(body).await?;
    entry.started = Some(started);
    entry.duration_ms = Some(journal.clock().now().since(started));
    entry.ok = parts.status.is_success();
    entry.response = Some(Answer {
        status: parts.status.as_u16(),
        headers: shown(&parts.headers),
        body: readable(&body),
    });
    explain(app, &mut entry, parts.status, &body).await;
    Ok((Response::from_parts(parts, Body::from(body)), entry))
}

async fn collect(body: Body) -> Result<Bytes, Response> {
    to_bytes(body, LONGEST).await.map_err(|_| {
        let detail =
            "The body is too long for any request of this API, or broke off. Send it again.";
        Problem::new(Code::UnreadableBody, detail).into_response()
    })
}

fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.to_string(), mask_header(name.as_str(), &value))
        })
        .collect()
}

fn readable(body: &[u8]) -> String {
    mask_body(&String::from_utf8_lossy(body))
}

async fn explain(app: &App, entry: &mut NewEntry, status: StatusCode, body: &[u8]) {
    let answer: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let word = |name: &str| answer.get(name).and_then(|v| v.as_str());
    if entry.kind == Kind::Order {
        entry.payment_id = word("id").map(str::to_owned);
    }
    if !status.is_success() {
        let detail = word("detail").unwrap_or_default();
        let code = word("code").unwrap_or_default();
        entry.explained.push(Explained::bad(
            format!("{code}: {detail}"),
            format!("{code}：{detail}"),
        ));
        return;
    }
    let payment = match entry.payment_id.clone().map(PaymentId::parse) {
        Some(Ok(id)) => app
            .ports
            .store
            .payment(PaymentKey::AnyId(id))
            .await
            .ok()
            .flatten(),
        _ => None,
    };
    entry.out_trade_no = payment
        .as_ref()
        .and_then(|payment| payment.attempts.last())
        .map(|attempt| attempt.out_trade_no.to_string());
    let lines = match entry.kind {
        Kind::Login => login(),
        Kind::Order => order(),
        Kind::Pay => pay(payment.as_ref(), &answer),
        Kind::Confirm => confirm(word("state").unwrap_or_default()),
        Kind::Code2session
        | Kind::Prepay
        | Kind::RequestPayment
        | Kind::Cashier
        | Kind::Notification
        | Kind::NotificationRefused
        | Kind::Commit
        | Kind::Event
        | Kind::OtherEvent
        | Kind::Query
        | Kind::Certificates
        | Kind::Bill
        | Kind::Close
        | Kind::Refund
        | Kind::Webhook => Vec::new(),
    };
    entry.explained.extend(lines);
}

fn login() -> Vec<Explained> {
    vec![
        Explained::good(
            "The phone gets a session token: 32 random bytes, of which only the SHA-256 is stored here",
            "手机得到会话令牌：32 字节随机数，服务器只保存其 SHA-256",
        ),
        Explained::good(
            "The openid stays on the server: the token names the payer from now on",
            "openid 留在服务器：此后由令牌代表付款人",
        ),
    ]
}

fn order() -> Vec<Explained> {
    vec![
        Explained::good(
            "The merchant is known by its API key, of which only the SHA-256 is stored",
            "商家凭 API 密钥识别，服务器只保存其 SHA-256",
        ),
        Explained::good(
            "The Idempotency-Key and this answer are stored together with the payment: repeating the request changes nothing",
            "Idempotency-Key 和应答与支付单一同保存：重复请求不会改变任何东西",
        ),
        Explained::good(
            "Stored durably before anything else happens; nothing was sent to WeChat yet",
            "先持久保存，再做别的事；此时还没有请求微信",
        ),
    ]
}

fn pay(payment: Option<&Payment>, answer: &serde_json::Value) -> Vec<Explained> {
    let parameters = answer.get("request_payment");
    let word = |name: &str| {
        parameters
            .and_then(|parameters| parameters.get(name))
            .and_then(|v| v.as_str())
            .unwrap_or_default()
    };
    let (Some(payment), true) = (payment, parameters.is_some()) else {
        return vec![Explained::good(
            "It is paid already: nothing to pay",
            "已经支付，无需再付",
        )];
    };
    let signed = RequestPayment::text_to_sign(
        payment.appid.as_str(),
        word("timeStamp"),
        word("nonceStr"),
        word("package"),
    );
    vec![
        Explained::good(
            "paySign signs four lines with our private key: app, time, nonce, prepay_id. The phone cannot change any of them",
            "paySign 用商户私钥对四行签名：应用、时间、随机串、prepay_id。手机无法改动其中任何一项",
        )
        .with_detail(String::from_utf8_lossy(&signed)),
        Explained::good(
            "The amount is not among them: WeChat knows it from the order",
            "其中没有金额：金额在微信的订单里",
        ),
    ]
}

fn confirm(state: &str) -> Vec<Explained> {
    vec![if state == "paid" {
        Explained::good(
            "Yes: WeChat has said so in a verified message",
            "是的：微信已在验签的消息中确认",
        )
    } else {
        Explained::good(
            format!("Not yet ({state}): WeChat was asked, at most once a second"),
            format!("还没有（{state}）：已向微信查询，每秒至多一次"),
        )
    }]
}
