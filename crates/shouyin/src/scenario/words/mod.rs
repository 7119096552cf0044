//! Steps and messages in words, in two languages.

mod action;
mod expectation;

use serde_json::Value;

use super::step::Step;

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Lang {
    En,
    Zh,
}

impl Lang {
    fn of<'a>(self, en: &'a str, zh: &'a str) -> &'a str {
        match self {
            Self::En => en,
            Self::Zh => zh,
        }
    }
}

/// True for steps that change nothing.
pub(crate) fn is_check(step: &Step) -> bool {
    use Step as S;
    match step {
        S::Expect(_)
        | S::ExpectRefund(_)
        | S::ExpectEvents(_)
        | S::ExpectIncidents(_)
        | S::ExpectCalls(_)
        | S::ExpectAtMost(_)
        | S::ExpectOrders(_)
        | S::ExpectRefundsAtWechat(_)
        | S::ExpectNotifications(_)
        | S::ExpectBalance(_)
        | S::ExpectWebhooks(_)
        | S::ExpectEndpoint(_)
        | S::ExpectDay(_)
        | S::ExpectQr(_)
        | S::ExpectReady(_) => true,
        S::Create(_)
        | S::Revise(_)
        | S::Close(_)
        | S::Sync(_)
        | S::Refund(_)
        | S::SyncRefund(_)
        | S::Remedy(_)
        | S::Endpoint(_)
        | S::SendAgain(_)
        | S::Enable(_)
        | S::RotateSecret(_)
        | S::RunDay(_)
        | S::Login(_)
        | S::Tap(_)
        | S::Answered(_)
        | S::Pay(_)
        | S::Confirm(_)
        | S::PhoneNumber(_)
        | S::ShowCode(_)
        | S::Scan(_)
        | S::Decide(_)
        | S::FaultSwitch(_)
        | S::ClearFaults(_)
        | S::Assume(_)
        | S::Forge(_)
        | S::Replay(_)
        | S::SendNotificationAgain(_)
        | S::Misreport(_)
        | S::ConsoleRefund(_)
        | S::FinishRefund(_)
        | S::SetBalance(_)
        | S::SignWith(_)
        | S::Rotate(_)
        | S::NewKey(_)
        | S::NewCertificate(_)
        | S::PrimaryDomain(_)
        | S::Release(_)
        | S::ReplaceToken(_)
        | S::Wait(_)
        | S::Freeze(_)
        | S::Kill(_)
        | S::Start(_)
        | S::Disk(_)
        | S::Database(_)
        | S::OurClock(_)
        | S::Backup(_)
        | S::Restore(_)
        | S::Receiver(_) => false,
    }
}

/// A step as a sentence.
pub(crate) fn step(step: &Step, lang: Lang) -> String {
    let (en, zh) = if is_check(step) {
        expectation::words(step)
    } else {
        action::words(step)
    };
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}

fn yuan(fen: i64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}

fn list<T: ToString>(all: &[T]) -> String {
    let all: Vec<String> = all.iter().map(T::to_string).collect();
    if all.is_empty() {
        "-".to_owned()
    } else {
        all.join(", ")
    }
}

/// `a = 1, b = 2` of what was asked for.
fn members<const N: usize>(all: [(&str, Option<String>); N]) -> String {
    let asked = all
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| format!("{name} = {value}")));
    asked.collect::<Vec<_>>().join(", ")
}

fn map<V: ToString>(all: &std::collections::BTreeMap<String, V>) -> String {
    let all = all
        .iter()
        .map(|(name, value)| format!("{name} = {}", value.to_string()));
    all.collect::<Vec<_>>().join(", ")
}

fn shown<T: ToString>(value: Option<&T>) -> Option<String> {
    value.map(T::to_string)
}

fn shown_list(value: Option<&Vec<String>>) -> Option<String> {
    value.map(|all| list(all))
}

/// An entry of the simulator's log, if it is a message.
pub(crate) fn message(entry: &Value, lang: Lang) -> Option<String> {
    let text = |name: &str| entry[name].as_str().unwrap_or_default();
    let fault = match text("fault") {
        "" => String::new(),
        fault => format!("  [{fault}]"),
    };
    let note = text("note");
    match text("kind") {
        "request" => {
            let answer = match entry["answer"]["start"].as_str() {
                Some(status) => {
                    let body = entry["answer"]["body"].as_str().unwrap_or_default();
                    format!("{status} {}", error_code(body).unwrap_or_default())
                }
                None => lang.of("no answer", "无应答").to_owned(),
            };
            let answer = answer.trim_end();
            let (us, operation) = (lang.of("Shouyin", "收银"), text("operation"));
            let wechat = lang.of("WeChat", "微信");
            Some(format!("{us} → {wechat}  {operation}: {answer}{fault}"))
        }
        "notification" if entry["request"].is_object() => {
            let what = note.split("; resource:").next().unwrap_or_default();
            let (us, wechat) = (lang.of("Shouyin", "收银"), lang.of("WeChat", "微信"));
            let operation = text("operation");
            Some(format!("{wechat} → {us}  {operation}: {what}{fault}"))
        }
        "notification_answer" => {
            let (us, wechat) = (lang.of("Shouyin", "收银"), lang.of("WeChat", "微信"));
            Some(format!("{us} → {wechat}  {note}"))
        }
        _ => None,
    }
}

/// The code of an error in an answer's body, whichever protocol it speaks.
fn error_code(body: &str) -> Option<String> {
    if let Ok(answer) = serde_json::from_str::<Value>(body) {
        return answer["code"].as_str().map(str::to_owned);
    }
    let answer = wechatpay::v2::Fields::parse(body.as_bytes()).ok()?;
    let code = answer.get("err_code");
    let unsigned = (answer.get("return_code") == Some("FAIL")).then_some("FAIL");
    code.or(unsigned).map(str::to_owned)
}

/// An event of ours.
pub(crate) fn event(event_type: &str, lang: Lang) -> String {
    format!("{} {event_type}", lang.of("event", "事件"))
}

/// A webhook that came to a receiver.
pub(crate) fn webhook(receiver: &str, event_type: &str, taken: bool, lang: Lang) -> String {
    let us = lang.of("Shouyin", "收银");
    let end = if taken {
        "200"
    } else {
        lang.of("not taken", "未接受")
    };
    format!("{us} → {receiver}  webhook {event_type}: {end}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::library;

    #[test]
    fn errors_are_shown_whichever_protocol_says_them() {
        for (body, code) in [
            (
                "{\"code\":\"ORDER_PAID\",\"message\":\"\"}",
                Some("ORDER_PAID"),
            ),
            ("{\"trade_state\":\"SUCCESS\"}", None),
            (
                "<xml><return_code>SUCCESS</return_code><err_code>ORDERPAID</err_code></xml>",
                Some("ORDERPAID"),
            ),
            ("<xml><return_code>FAIL</return_code></xml>", Some("FAIL")),
            ("<xml><return_code>SUCCESS</return_code></xml>", None),
            ("<html>503</html>", None),
        ] {
            assert_eq!(error_code(body).as_deref(), code, "{body}");
        }
    }

    #[test]
    fn every_step_that_is_used_has_words_in_both_languages() {
        for scenario in library::all().unwrap() {
            let steps = scenario.variants.iter().flat_map(|variant| &variant.steps);
            for one in steps {
                for lang in [Lang::En, Lang::Zh] {
                    let words = step(one, lang);
                    assert!(words.chars().count() > 4, "{}: {one:?}", scenario.name);
                }
            }
        }
    }
}
