//! What the phone says to WeChat and to the shop, as messages of the timeline. Shouyin's own journal cannot know them:
//! they do not pass through it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use shouyin_server::journal::{
    Answer, Asked, Explained, Journal, Kind, NewEntry, Party, mask_body,
};

/// More than any message of the phone has.
const LONGEST: usize = 64 * 1024;

/// Records what passes, and remembers which `prepay_id` belongs to which order.
pub(crate) struct PhoneMessages {
    journal: Arc<Journal>,
    numbers: Mutex<BTreeMap<String, String>>,
}

impl PhoneMessages {
    pub(crate) fn new(journal: Arc<Journal>) -> Arc<Self> {
        Arc::new(Self {
            journal,
            numbers: Mutex::default(),
        })
    }

    fn remember(&self, prepay_id: &str, out_trade_no: &str) {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.insert(prepay_id.to_owned(), out_trade_no.to_owned());
    }

    fn number_of(&self, prepay_id: &str) -> Option<String> {
        let numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.get(prepay_id).cloned()
    }
}

/// Titles and explains one kind of message.
type Tell = fn(&Exchange, &mut NewEntry, &PhoneMessages);

/// Middleware: records the phone's messages, passes everything else untouched.
pub(crate) async fn record(
    State(messages): State<Arc<PhoneMessages>>,
    request: Request,
    next: Next,
) -> Response {
    let (to, kind, tell): (Party, Kind, Tell) = match (request.method(), request.uri().path()) {
        (&Method::POST, "/demo/wechat/login-codes") => {
            (Party::Wechat, Kind::Login, Exchange::login)
        }
        (&Method::POST, "/demo/wechat/cashier/open") => (
            Party::Wechat,
            Kind::RequestPayment,
            Exchange::request_payment,
        ),
        (&Method::POST, "/demo/wechat/cashier/pay") => {
            (Party::Wechat, Kind::Cashier, Exchange::cashier)
        }
        (&Method::POST, "/demo/shop/orders") => (Party::Shop, Kind::Order, Exchange::order),
        _ => return next.run(request).await,
    };
    let entry = NewEntry::new(Party::Phone, to, kind, "", "");
    match exchange(&messages, entry, tell, request, next).await {
        Ok(response) | Err(response) => response,
    }
}

async fn exchange(
    messages: &PhoneMessages,
    mut entry: NewEntry,
    tell: Tell,
    request: Request,
    next: Next,
) -> Result<Response, Response> {
    let clock = messages.journal.clock();
    let started = clock.now();
    let (parts, body) = request.into_parts();
    let asked = collect(body).await?;
    let (method, target) = (parts.method.to_string(), parts.uri.to_string());
    let response = next
        .run(Request::from_parts(parts, Body::from(asked.clone())))
        .await;
    let (parts, body) = response.into_parts();
    let answered = collect(body).await?;

    let told = Exchange {
        asked: json(&asked),
        answered: json(&answered),
        done: parts.status.is_success(),
    };
    entry.started = Some(started);
    entry.duration_ms = Some(clock.now().since(started));
    let content_type = || vec![("content-type".to_owned(), "application/json".to_owned())];
    entry.request = Some(Asked {
        method,
        target,
        headers: content_type(),
        body: readable(&asked),
    });
    entry.response = Some(Answer {
        status: parts.status.as_u16(),
        headers: content_type(),
        body: readable(&answered),
    });
    tell(&told, &mut entry, messages);
    messages.journal.record(entry);
    Ok(Response::from_parts(parts, Body::from(answered)))
}

async fn collect(body: Body) -> Result<Bytes, Response> {
    let collected = to_bytes(body, LONGEST).await;
    collected.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE.into_response())
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

fn readable(body: &[u8]) -> String {
    mask_body(&String::from_utf8_lossy(body))
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn title(entry: &mut NewEntry, en: &str, zh: &str) {
    entry.title.en = en.to_owned();
    entry.title.zh = zh.to_owned();
}

/// One request of the phone and what came back.
struct Exchange {
    asked: Value,
    answered: Value,
    done: bool,
}

impl Exchange {
    fn login(&self, entry: &mut NewEntry, _: &PhoneMessages) {
        entry.ok = self.done;
        title(
            entry,
            "wx.login: WeChat gives a login code",
            "wx.login：微信给出登录凭证",
        );
        entry.explained.push(Explained::good(
            "The code says nothing by itself: only a server that knows the app secret can trade it",
            "凭证本身不含任何信息：只有知道应用密钥的服务器才能用它换取身份",
        ));
    }

    fn order(&self, entry: &mut NewEntry, _: &PhoneMessages) {
        entry.ok = self.done;
        title(entry, "The phone orders at the shop", "手机向商家下单");
        let payment_id = word(&self.answered, "payment_id");
        if self.done && !payment_id.is_empty() {
            entry.payment_id = Some(payment_id.to_owned());
        }
        entry.explained.push(if self.done {
            Explained::good(
                "The phone names an item and no price: the shop's server looks the price up",
                "手机只报商品、不报价格：价格由商家服务器查得",
            )
        } else {
            let why = word(&self.answered, "detail");
            Explained::bad(format!("Refused: {why}"), format!("已拒绝：{why}"))
        });
    }

    fn request_payment(&self, entry: &mut NewEntry, messages: &PhoneMessages) {
        entry.ok = self.done;
        let ask = |name| word(&self.asked, name);
        let signed = format!(
            "{}\n{}\n{}\n{}\n",
            ask("appid"),
            ask("timeStamp"),
            ask("nonceStr"),
            ask("package")
        );
        if !self.done {
            title(
                entry,
                "wx.requestPayment: WeChat refuses",
                "wx.requestPayment：微信拒绝",
            );
            let why = word(&self.answered, "reason");
            entry
                .explained
                .push(Explained::bad(why, why).with_detail(signed));
            return;
        }
        title(
            entry,
            "wx.requestPayment opens the cashier",
            "wx.requestPayment 打开收银台",
        );
        let number = word(&self.answered, "out_trade_no");
        messages.remember(word(&self.answered, "prepay_id"), number);
        entry.out_trade_no = Some(number.to_owned());
        entry.explained.extend([
            Explained::good(
                "WeChat checked paySign with the certificate it issued to this merchant, over exactly these four lines",
                "微信用签发给该商户的证书，对这四行原文验证了 paySign",
            )
            .with_detail(signed),
            Explained::good(
                "The prepay_id is not older than two hours and belongs to this buyer; the amount shown is the order's",
                "prepay_id 未超过两小时且属于这位顾客；显示的金额来自订单",
            ),
        ]);
    }

    fn cashier(&self, entry: &mut NewEntry, messages: &PhoneMessages) {
        let (en, zh) = match word(&self.asked, "action") {
            "pay" | "pay_and_vanish" => ("The buyer pays", "顾客付款"),
            "cancel" => ("The buyer closes the cashier", "顾客关闭收银台"),
            "wrong_password" => ("Wrong password", "密码错误"),
            "not_enough_money" => ("Not enough money", "余额不足"),
            _ => ("At the cashier", "在收银台"),
        };
        title(entry, en, zh);
        entry.ok = word(&self.answered, "trade_state") == "SUCCESS";
        entry.out_trade_no = messages.number_of(word(&self.asked, "prepay_id"));
        let said = word(&self.answered, "errMsg");
        entry.explained.push(match (entry.ok, said) {
            (true, _) => Explained::good(
                format!("The phone is told \"{said}\". That is a hint, never proof: anyone can write it on a phone"),
                format!("手机得到 \"{said}\"。这只是提示，绝不是证明：手机上谁都能写出来"),
            ),
            (false, "") => Explained::bad("The cashier stays open: not an end", "收银台仍开着：还没有结束"),
            (false, _) => Explained::bad(
                format!("The phone is told \"{said}\"; the prepay_id can be used again"),
                format!("手机得到 \"{said}\"；prepay_id 可以再次使用"),
            ),
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cashier(action: &str, answered: Value) -> NewEntry {
        let journal = Journal::new(4, Arc::new(shouyin_server::SystemClock::default()));
        let messages = PhoneMessages::new(journal);
        messages.remember("wx1", "A1");
        let told = Exchange {
            asked: json!({"prepay_id": "wx1", "action": action}),
            answered,
            done: true,
        };
        let mut entry = NewEntry::new(Party::Phone, Party::Wechat, Kind::Cashier, "", "");
        told.cashier(&mut entry, &messages);
        entry
    }

    #[test]
    fn only_moved_money_is_a_success_at_the_cashier() {
        let paid = cashier(
            "pay",
            json!({"errMsg": "requestPayment:ok", "trade_state": "SUCCESS"}),
        );
        assert!(paid.ok);
        assert_eq!(paid.out_trade_no.as_deref(), Some("A1"));
        let cancelled = cashier(
            "cancel",
            json!({"errMsg": "requestPayment:fail cancel", "trade_state": "NOTPAY"}),
        );
        assert!(!cancelled.ok);
        assert_eq!(cancelled.title.en, "The buyer closes the cashier");
        let wrong = cashier(
            "wrong_password",
            json!({"errMsg": null, "trade_state": "NOTPAY"}),
        );
        assert_eq!(wrong.explained[0].en, "The cashier stays open: not an end");
    }

    #[test]
    fn the_signed_text_has_four_lines() {
        let journal = Journal::new(4, Arc::new(shouyin_server::SystemClock::default()));
        let messages = PhoneMessages::new(journal);
        let told = Exchange {
            asked: json!({"appid": "wx1", "timeStamp": "17", "nonceStr": "n", "package": "prepay_id=p"}),
            answered: json!({"prepay_id": "p", "out_trade_no": "B2"}),
            done: true,
        };
        let mut entry = NewEntry::new(Party::Phone, Party::Wechat, Kind::RequestPayment, "", "");
        told.request_payment(&mut entry, &messages);
        assert_eq!(
            entry.explained[0].detail.as_deref(),
            Some("wx1\n17\nn\nprepay_id=p\n")
        );
        assert_eq!(messages.number_of("p").as_deref(), Some("B2"));
    }
}
