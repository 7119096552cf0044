//! What the answers of the API say, read as a client reads them.

use std::borrow::Cow;

use serde_json::Value;
use shouyin_core::id::{CodeUrl, EndpointId, H5Url, RefundId};
use shouyin_core::payment::service::Means;
use shouyin_core::ports::{AppPayment, RequestPayment};

use super::{Answer, Ask, Problem, Reply};

/// What an answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Created,
    Ticket,
    State,
    Refund,
    Endpoint,
    Done,
}

impl Kind {
    pub(super) fn of(ask: &Ask) -> Self {
        match ask {
            Ask::Create(_) => Kind::Created,
            Ask::Pay(..) | Ask::Means(..) => Kind::Ticket,
            Ask::Charge(..)
            | Ask::Confirm(..)
            | Ask::Sync(..)
            | Ask::Close(..)
            | Ask::Revise(..)
            | Ask::SyncRefund(..)
            | Ask::Remedy(..)
            | Ask::ChangeEndpoint(..) => Kind::State,
            Ask::Refund(_) => Kind::Refund,
            Ask::AddEndpoint(_) => Kind::Endpoint,
            Ask::DeleteEndpoint(..)
            | Ask::RotateSecret(..)
            | Ask::Resend(..)
            | Ask::ResendRange(..) => Kind::Done,
        }
    }
}

/// A success that does not look like one is a bug of the server's.
fn unreadable<T>(status: u16, body: &str) -> Result<T, Problem> {
    Err(Problem::unreadable(format!("{status} {body}")))
}

/// Reads an answer.
pub(super) fn read(kind: Kind, status: u16, body: &str) -> Reply {
    if !(200..300).contains(&status) {
        return Err(problem(status, body));
    }
    if kind == Kind::Done {
        return Ok(Answer::Done);
    }
    let Ok(json) = serde_json::from_str::<Value>(body) else {
        return unreadable(status, body);
    };
    let text = |name: &str| json[name].as_str().map(str::to_owned);
    let state = || text("state").map(Cow::Owned);
    let found = match kind {
        Kind::Created if status == 201 => Some(Answer::Created(body.to_owned())),
        Kind::Created => None,
        Kind::Ticket if json["state"] == "paid" => Some(Answer::State(Cow::Borrowed("paid"))),
        Kind::Ticket => means(&json).map(Answer::Ticket),
        Kind::State => state().map(Answer::State),
        Kind::Refund => refund(&json, status == 201),
        Kind::Endpoint => endpoint(&json),
        Kind::Done => Some(Answer::Done),
    };
    found.map_or_else(|| unreadable(status, body), Ok)
}

fn refund(json: &Value, is_new: bool) -> Option<Answer> {
    Some(Answer::Refund {
        id: RefundId::parse(json["id"].as_str()?).ok()?,
        state: Cow::Owned(json["state"].as_str()?.to_owned()),
        is_new,
    })
}

fn endpoint(json: &Value) -> Option<Answer> {
    Some(Answer::Endpoint {
        id: EndpointId::parse(json["id"].as_str()?).ok()?,
        url: json["url"].as_str()?.to_owned(),
        secret: json["secret"].as_str()?.to_owned(),
    })
}

/// The one member that is there beside the state.
fn means(json: &Value) -> Option<Means> {
    let mut members = json
        .as_object()?
        .iter()
        .filter(|(name, _)| *name != "state");
    let (name, value) = members.next()?;
    let text = || value.as_str().map(str::to_owned);
    let means = match name.as_str() {
        "request_payment" => Means::RequestPayment(ticket(value)?),
        "app" => Means::App(app(value)?),
        "code_url" => Means::CodeUrl(CodeUrl::parse(text()?).ok()?),
        "h5_url" => Means::H5Url(H5Url::parse(text()?).ok()?),
        _ => return None,
    };
    members.next().is_none().then_some(means)
}

/// WeChat's SDK in an app wants exactly these, all of them texts.
fn app(json: &Value) -> Option<AppPayment> {
    let text = |name: &str| json[name].as_str().map(str::to_owned);
    let members = json.as_object()?.len();
    let ticket = AppPayment {
        appid: text("appid")?,
        partnerid: text("partnerid")?,
        prepayid: text("prepayid")?,
        package: text("package")?,
        noncestr: text("noncestr")?,
        timestamp: text("timestamp")?,
        sign: text("sign")?,
    };
    (members == 7).then_some(ticket)
}

/// `wx.requestPayment` wants exactly these, all of them texts; the bridge of pages also the app.
fn ticket(json: &Value) -> Option<RequestPayment> {
    let text = |name: &str| json[name].as_str().map(str::to_owned);
    let members = json.as_object()?.len();
    let app_id = text("appId");
    let most = 5 + usize::from(app_id.is_some());
    let ticket = RequestPayment {
        app_id,
        time_stamp: text("timeStamp")?,
        nonce_str: text("nonceStr")?,
        package: text("package")?,
        sign_type: text("signType")?,
        pay_sign: text("paySign")?,
    };
    (members == most).then_some(ticket)
}

/// Every problem names itself, and says its status twice.
fn problem(status: u16, body: &str) -> Problem {
    let json: Value = serde_json::from_str(body).unwrap_or_default();
    match json["code"].as_str() {
        Some(code) if json["status"] == status => Problem {
            code: Cow::Owned(code.to_owned()),
            detail: body.to_owned(),
        },
        Some(_) | None => Problem::unreadable(format!("{status} {body}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_nonsense_is_not_taken_for_one() {
        let paid = read(Kind::State, 200, r#"{"state":"paid"}"#);
        assert_eq!(paid, Ok(Answer::State("paid".into())));
        let refused = read(
            Kind::Refund,
            409,
            r#"{"code":"refund_too_much","status":409}"#,
        );
        assert_eq!(refused.unwrap_err().code, "refund_too_much");
        for (kind, status, body) in [
            (Kind::State, 200, "{}"),
            (Kind::State, 200, ""),
            (Kind::Created, 200, r#"{"id":"pay_1"}"#),
            (Kind::Ticket, 200, r#"{"state":"ready"}"#),
            (
                Kind::Ticket,
                200,
                r#"{"state":"ready","h5_url":"https://a.example","code_url":"x"}"#,
            ),
            (Kind::Refund, 503, "<html>"),
            (Kind::Refund, 503, r#"{"code":"internal","status":500}"#),
        ] {
            let problem = read(kind, status, body).unwrap_err();
            assert!(problem.is_a_bug(), "{body}: {problem:?}");
        }
    }
}
