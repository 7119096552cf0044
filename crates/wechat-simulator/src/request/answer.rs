//! Answers: errors, signatures, and what stands in front of WeChat.

use wechatpay::v3::RawResponse;

use crate::authorization::Authenticated;
use crate::fault::{Fault, FaultKind};
use crate::heart::{Reply, Wechat};
use crate::log::Checks;
use crate::login::MiniError;
use crate::refusal::{Refusal, number};
use crate::seal::{self, Flaw};

impl Wechat {
    /// The error a fault answers with instead of doing the work.
    pub(super) fn error_instead(&self, fault: &Fault) -> Option<Refusal> {
        if fault.fault == FaultKind::RateLimited {
            Some(self.rate_limited("请求过于频繁，请稍后重试"))
        } else if fault.fault == FaultKind::SystemError {
            Some(Refusal::system_error())
        } else if fault.fault == FaultKind::Error {
            let message = fault
                .message
                .clone()
                .unwrap_or_else(|| "模拟的错误".to_owned());
            Some(Refusal {
                code_text: Some(
                    fault
                        .code
                        .clone()
                        .unwrap_or_else(|| "INVALID_REQUEST".to_owned()),
                ),
                ..Refusal::new(
                    fault.status.unwrap_or(400),
                    "INVALID_REQUEST",
                    number::OTHER,
                    message,
                )
            })
        } else {
            None
        }
    }

    pub(crate) fn rate_limited(&self, message: &str) -> Refusal {
        let code = self.assumptions.rate_limit_code.code();
        Refusal::new(429, code, number::RATE_LIMIT, message)
    }

    pub(super) fn refused(&self, refusal: &Refusal) -> Reply {
        let body = refusal.body(self.assumptions.codes_without_underscores);
        Reply {
            number: refusal.number,
            ..Reply::json(refusal.status, &body)
        }
    }

    pub(super) fn unsigned(&mut self, reply: Reply) -> RawResponse {
        let request_id = self.ids.request_id(reply.number);
        let mut response = plain(reply);
        response.headers.push(("Request-ID".to_owned(), request_id));
        response
    }

    /// Files are never signed.
    pub(super) fn file(&mut self, reply: Reply, flaw: Flaw) -> RawResponse {
        let mut response = self.unsigned(reply);
        if flaw == Flaw::Truncated {
            response.body.truncate(response.body.len() / 2);
        }
        response
    }

    pub(super) fn signed(
        &mut self,
        sender: &Authenticated,
        asked: Option<&str>,
        reply: Reply,
        flaw: Flaw,
        checks: &mut Checks,
    ) -> RawResponse {
        let (now_unix, nonce) = (self.wire_seconds(), self.ids.nonce());
        let mut response = self.unsigned(reply);
        let key = self
            .book
            .merchants
            .get(&sender.mchid)
            .and_then(|merchant| merchant.platform.for_answer(asked));
        if let Some(key) = key {
            let body = std::mem::take(&mut response.body);
            let serial_no = key.signer.serial_no();
            checks.note_text(
                "answer_signature",
                flaw == Flaw::None,
                || {
                    format!(
                        "the answer is signed by {serial_no}; asked for: {asked:?}; flaw: {flaw:?}"
                    )
                },
                || Some(seal::signed_text(now_unix, &nonce, &body)),
            );
            let (headers, body) = seal::sign(key.signer.as_ref(), now_unix, &nonce, body, flaw);
            response.headers.extend(headers);
            response.body = body;
        }
        response
    }

    pub(super) fn no_path(&mut self, mini_program: bool) -> RawResponse {
        if mini_program {
            let reply = self.mini_reply(Err(MiniError::new(40066, "invalid url")));
            plain(reply)
        } else {
            let refusal = Refusal::new(404, "NOT_FOUND", number::OTHER, "请求的资源不存在");
            let reply = self.refused(&refusal);
            self.unsigned(reply)
        }
    }

    /// What a gateway in front of WeChat answers when nothing is behind it.
    pub(super) fn gateway_error(&self) -> RawResponse {
        RawResponse {
            status: 503,
            headers: vec![("Content-Type".to_owned(), "text/html".to_owned())],
            body: b"<html><body>503 Service Temporarily Unavailable</body></html>".to_vec(),
        }
    }
}

/// An answer without any header about who sent it.
pub(super) fn plain(reply: Reply) -> RawResponse {
    let mut headers = Vec::new();
    if !reply.content_type.is_empty() {
        headers.push(("Content-Type".to_owned(), reply.content_type.to_owned()));
    }
    RawResponse {
        status: reply.status,
        headers,
        body: reply.body,
    }
}
