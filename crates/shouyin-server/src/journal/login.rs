//! Calls to WeChat's login interface, with app secret, session key and openid masked.

use std::sync::Arc;

use wechat_miniprogram::{Method, Request, Response, Transport, TransportError};

use super::{Answer, Asked, Explained, Journal, Kind, NewEntry, Party, mask_body, mask_target};

/// Sends like the transport behind it and records every call with its explanation.
pub struct JournalLoginTransport {
    inner: Arc<dyn Transport>,
    journal: Arc<Journal>,
}

impl JournalLoginTransport {
    /// Wraps a transport.
    pub fn new(inner: Arc<dyn Transport>, journal: Arc<Journal>) -> Self {
        Self { inner, journal }
    }
}

impl std::fmt::Debug for JournalLoginTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JournalLoginTransport")
    }
}

impl Transport for JournalLoginTransport {
    fn send<'a>(
        &'a self,
        request: &'a Request,
    ) -> wechat_miniprogram::BoxFuture<'a, Result<Response, TransportError>> {
        Box::pin(async move {
            let started = self.journal.clock().now();
            let answered = self.inner.send(request).await;
            let now = self.journal.clock().now();
            let mut entry = NewEntry::new(
                Party::Shouyin,
                Party::Wechat,
                Kind::Code2session,
                "Login code exchanged for the user",
                "用登录凭证换取用户身份",
            );
            entry.started = Some(started);
            entry.duration_ms = Some(now.since(started));
            entry.request = Some(asked(request));
            match &answered {
                Ok(response) => {
                    let body = String::from_utf8_lossy(&response.body);
                    let openid = body.contains("\"openid\"");
                    entry.ok = openid;
                    entry.explained = explained(openid);
                    entry.response = Some(Answer {
                        status: response.status,
                        headers: Vec::new(),
                        body: mask_body(&body),
                    });
                }
                Err(_) => {
                    entry.ok = false;
                    entry.explained.push(Explained::bad(
                        "No answer from WeChat: the same code may be sent again",
                        "微信没有应答：可以用同一个凭证重试",
                    ));
                }
            }
            self.journal.record(entry);
            answered
        })
    }
}

fn asked(request: &Request) -> Asked {
    Asked {
        method: match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
        }
        .to_owned(),
        target: mask_target(&request.target),
        headers: Vec::new(),
        body: mask_body(&String::from_utf8_lossy(&request.body)),
    }
}

fn explained(found: bool) -> Vec<Explained> {
    if !found {
        return vec![Explained::bad(
            "WeChat does not accept the code: it lives five minutes and counts once",
            "微信不接受该凭证：五分钟内有效，只能用一次",
        )];
    }
    vec![
        Explained::good(
            "The app secret is sent from server to server only; it is masked here",
            "应用密钥只在服务器之间传递；此处已遮盖",
        ),
        Explained::good(
            "openid and session_key stay on this server; the phone gets a token of ours",
            "openid 和 session_key 只留在服务器；手机得到的是我们自己的令牌",
        ),
    ]
}
