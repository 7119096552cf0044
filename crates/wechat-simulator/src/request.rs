//! A request from arrival to answer: recognise it, play the fault, prove the sender, do the work, sign.

use serde_json::json;
use wechatpay::v3::RawResponse;

use crate::authorization::{Authenticated, authenticate};
use crate::fault::{Fault, FaultKind, Moment};
use crate::heart::{Reply, Wechat};
use crate::log::{Checks, Entry, Message};
use crate::login::MiniError;
use crate::message::{Output, WireRequest};
use crate::refusal::{Refusal, number};
use crate::route::{self, Found, Route};
use crate::seal::{self, Flaw};

/// How long a silent connection stays open unless the fault says otherwise.
const SLOW_MS: i64 = 1_000;

impl Wechat {
    pub(crate) fn request(&mut self, request: &WireRequest) {
        let mut checks = Checks::new(self.log.is_on());
        let route = match route::find(request) {
            Found::Route(route) => route,
            Found::NoPath { mini_program } => {
                let answer = self.no_path(mini_program);
                return self.finish(request, None, checks, None, Fate::Answered(answer));
            }
            Found::OtherMethod => {
                let refusal =
                    Refusal::new(405, "METHOD_NOT_ALLOWED", number::OTHER, "请求方法不支持");
                let answer = self.unsigned(self.refused(&refusal));
                return self.finish(request, None, checks, None, Fate::Answered(answer));
            }
        };
        let about = self.subject(&route, request);
        let fault = self.faults.take(
            Moment::Request,
            route.operation(),
            about.out_trade_no.as_deref(),
        );
        let fate = self.live(&route, request, fault.as_ref(), &mut checks);
        let subject = Some((&route, about));
        self.finish(request, subject, checks, fault.as_ref(), fate);
    }

    fn live(
        &mut self,
        route: &Route,
        request: &WireRequest,
        fault: Option<&Fault>,
        checks: &mut Checks,
    ) -> Fate {
        let kind = fault.map(|fault| fault.fault);
        match kind {
            Some(FaultKind::RequestLost) => return Fate::Lost { reset: false },
            Some(FaultKind::ConnectionReset) => return Fate::Lost { reset: true },
            Some(FaultKind::ServiceUnavailable) => return Fate::Answered(self.gateway_error()),
            _ => {}
        }
        let answer = if route.is_mini_program() {
            self.mini_program(route, request, fault, checks)
        } else {
            self.pay_host(route, request, fault, checks)
        };
        match kind {
            Some(FaultKind::AnswerLost) => Fate::Lost { reset: false },
            Some(FaultKind::ConnectionResetAfter) => Fate::Lost { reset: true },
            _ => Fate::Answered(answer),
        }
    }

    fn pay_host(
        &mut self,
        route: &Route,
        request: &WireRequest,
        fault: Option<&Fault>,
        checks: &mut Checks,
    ) -> RawResponse {
        let sender = match self.prove(request, checks) {
            Ok(sender) => sender,
            Err(refusal) => {
                let reply = self.refused(&refusal);
                return self.unsigned(reply);
            }
        };
        let kind = fault.map(|fault| fault.fault);
        let result = match fault.and_then(|fault| self.error_instead(fault)) {
            Some(refusal) => Err(refusal),
            None => self.perform(route, &sender, request, checks),
        };
        let result = match kind {
            Some(FaultKind::SystemErrorAfter) => Err(Refusal::system_error()),
            _ => result,
        };
        if kind == Some(FaultKind::KeySwitch) {
            self.switch_to_other_key(&sender.mchid);
        }
        let flaw = kind.map_or(Flaw::None, Flaw::of);
        let asked = request.header("Wechatpay-Serial");
        match result {
            Ok(reply) => self.signed(&sender, asked, reply, flaw),
            Err(refusal) => {
                let reply = self.refused(&refusal);
                if self.assumptions.errors_are_signed {
                    self.signed(&sender, asked, reply, flaw)
                } else {
                    self.unsigned(reply)
                }
            }
        }
    }

    /// Everything WeChat wants to know before it looks at what is asked.
    fn prove(
        &mut self,
        request: &WireRequest,
        checks: &mut Checks,
    ) -> Result<Authenticated, Refusal> {
        self.check_client_headers(request, checks)?;
        let now_unix = self.wire_seconds();
        let sender = authenticate(&self.book, &self.assumptions, request, now_unix, checks)?;
        if self.assumptions.refuse_nonce_replay {
            self.nonces
                .retain(|(timestamp, _, _)| timestamp.abs_diff(now_unix) <= 600);
            let new =
                self.nonces
                    .insert((sender.timestamp, sender.mchid.clone(), sender.nonce.clone()));
            checks.note("nonce_str", new, || {
                format!("first use of {}: {new}", sender.nonce)
            });
            if !new {
                return Err(Refusal::signature(
                    "nonce_str",
                    "replayed",
                    "Http头Authorization中的nonce_str重复使用",
                ));
            }
        }
        self.check_named_serial(&sender, request, checks)?;
        Ok(sender)
    }

    fn check_client_headers(
        &self,
        request: &WireRequest,
        checks: &mut Checks,
    ) -> Result<(), Refusal> {
        if !self.assumptions.require_client_headers {
            return Ok(());
        }
        let agent = request
            .header("User-Agent")
            .is_some_and(|agent| !agent.is_empty());
        let accept = request
            .header("Accept")
            .is_some_and(|accept| accept.contains("application/json") || accept.contains("*/*"));
        checks.note("headers", agent && accept, || {
            format!("User-Agent present: {agent}, Accept allows JSON: {accept}")
        });
        if agent && accept {
            Ok(())
        } else {
            let message = "Http头缺少Accept或User-Agent";
            Err(Refusal::query_parameter("Accept, User-Agent", message))
        }
    }

    fn check_named_serial(
        &self,
        sender: &Authenticated,
        request: &WireRequest,
        checks: &mut Checks,
    ) -> Result<(), Refusal> {
        let Some(serial) = request.header("Wechatpay-Serial") else {
            return Ok(());
        };
        let known = self
            .book
            .merchants
            .get(&sender.mchid)
            .is_some_and(|merchant| merchant.platform.find(serial).is_some());
        let passed = known || !self.assumptions.refuse_unknown_serial;
        checks.note("wechatpay_serial", passed, || {
            format!(
                "the request asks for an answer signed by {serial:?}; WeChat has that key: {known}"
            )
        });
        if passed {
            Ok(())
        } else {
            let message = "请求头Wechatpay-Serial有误，平台证书或微信支付公钥不存在";
            Err(Refusal::query_parameter("Wechatpay-Serial", message))
        }
    }

    fn perform(
        &mut self,
        route: &Route,
        sender: &Authenticated,
        request: &WireRequest,
        checks: &mut Checks,
    ) -> Result<Reply, Refusal> {
        let (target, body) = (&request.target, &request.body);
        match route {
            Route::Prepay => self.prepay(sender, body, checks),
            Route::QueryByOutTradeNo(number) => {
                self.query_by_out_trade_no(sender, number, target, checks)
            }
            Route::QueryById(id) => self.query_by_id(sender, id, target, checks),
            Route::Close(number) => self.close(sender, number, body, checks),
            Route::CreateRefund => self.create_refund(sender, body, checks),
            Route::QueryRefund(number) => self.query_refund(sender, number),
            Route::AbnormalRefund(id) => self.abnormal_refund(sender, id, request, checks),
            Route::Certificates => self.certificates(sender),
            Route::Code2Session | Route::StableToken | Route::AccessToken => {
                Err(Refusal::system_error())
            }
        }
    }

    fn certificates(&mut self, sender: &Authenticated) -> Result<Reply, Refusal> {
        match self.book.merchants.get(&sender.mchid) {
            Some(merchant) => merchant
                .platform
                .list_certificates(merchant.api_v3_key.as_ref(), &mut self.ids)
                .map(|list| Reply::json(200, &list)),
            None => Err(Refusal::system_error()),
        }
    }

    fn mini_program(
        &mut self,
        route: &Route,
        request: &WireRequest,
        fault: Option<&Fault>,
        checks: &mut Checks,
    ) -> RawResponse {
        let error = |fault: &Fault| {
            if fault.fault == FaultKind::SystemError {
                Some(MiniError::new(-1, "system error"))
            } else if fault.fault == FaultKind::RateLimited {
                Some(MiniError::new(45011, "api minute-quota reach limit"))
            } else if fault.fault == FaultKind::Error {
                let errcode = fault.code.as_deref().and_then(|code| code.parse().ok());
                let message = fault.message.clone().unwrap_or_else(|| "error".to_owned());
                Some(MiniError::new(errcode.unwrap_or(-1), message))
            } else {
                None
            }
        };
        let result = match (fault.and_then(error), route) {
            (Some(error), _) => Err(error),
            (None, Route::StableToken) => self.stable_token(request, checks),
            (None, Route::AccessToken) => self.access_token(&request.target, checks),
            (None, _) => self.code2session(&request.target, checks),
        };
        let result = match fault.map(|fault| fault.fault) {
            Some(FaultKind::SystemErrorAfter) => Err(MiniError::new(-1, "system error")),
            _ => result,
        };
        let reply = Reply {
            // The login call has answered text/plain for years; the token calls answer JSON.
            content_type: if *route == Route::Code2Session {
                "text/plain"
            } else {
                "application/json; encoding=utf-8"
            },
            ..self.mini_reply(result)
        };
        let mut response = plain(reply);
        if fault.is_some_and(|fault| fault.fault == FaultKind::TruncatedBody) {
            response.body.truncate(response.body.len() / 2);
        }
        response
    }

    /// The error a fault answers with instead of doing the work.
    fn error_instead(&self, fault: &Fault) -> Option<Refusal> {
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

    fn refused(&self, refusal: &Refusal) -> Reply {
        let body = refusal.body(self.assumptions.codes_without_underscores);
        Reply {
            number: refusal.number,
            ..Reply::json(refusal.status, &body)
        }
    }

    fn unsigned(&mut self, reply: Reply) -> RawResponse {
        let request_id = self.ids.request_id(reply.number);
        let mut response = plain(reply);
        response.headers.push(("Request-ID".to_owned(), request_id));
        response
    }

    fn signed(
        &mut self,
        sender: &Authenticated,
        asked: Option<&str>,
        reply: Reply,
        flaw: Flaw,
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
            let (headers, body) = seal::sign(key.signer.as_ref(), now_unix, &nonce, body, flaw);
            response.headers.extend(headers);
            response.body = body;
        }
        response
    }

    fn no_path(&mut self, mini_program: bool) -> RawResponse {
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
    fn gateway_error(&self) -> RawResponse {
        RawResponse {
            status: 503,
            headers: vec![("Content-Type".to_owned(), "text/html".to_owned())],
            body: b"<html><body>503 Service Temporarily Unavailable</body></html>".to_vec(),
        }
    }

    fn finish(
        &mut self,
        request: &WireRequest,
        subject: Option<(&Route, Subject)>,
        checks: Checks,
        fault: Option<&Fault>,
        fate: Fate,
    ) {
        self.log.add(self.now_ms, || {
            let (operation, about) = match subject {
                Some((route, about)) => (Some(route.operation().name().to_owned()), about),
                None => (None, Subject::default()),
            };
            let start = format!("{} {}", request.method, request.target);
            Entry {
                kind: "request",
                operation,
                mchid: about.mchid,
                out_trade_no: about.out_trade_no,
                request: Some(Message::new(start, &request.headers, &request.body)),
                answer: match &fate {
                    Fate::Answered(answer) => Some(Message::new(
                        answer.status.to_string(),
                        &answer.headers,
                        &answer.body,
                    )),
                    Fate::Lost { .. } => None,
                },
                checks: checks.into_list(),
                fault: fault.map(|fault| fault.fault.name()),
                note: match &fate {
                    Fate::Answered(_) => None,
                    Fate::Lost { reset: true } => Some("the connection was reset".to_owned()),
                    Fate::Lost { reset: false } => Some("no answer was sent".to_owned()),
                },
                ..Entry::default()
            }
        });
        let delay_ms = fault.and_then(|fault| fault.delay_ms);
        let slow = fault.is_some_and(|fault| fault.fault == FaultKind::SlowAnswer);
        self.outputs.push(match fate {
            Fate::Answered(response) => Output::Answer {
                response,
                after_ms: if slow { delay_ms.unwrap_or(SLOW_MS) } else { 0 },
            },
            Fate::Lost { reset } => Output::NoAnswer {
                after_ms: delay_ms.unwrap_or(0),
                reset,
            },
        });
    }

    /// Which merchant and order a request is about, as far as faults and the log need to know.
    fn subject(&self, route: &Route, request: &WireRequest) -> Subject {
        if self.faults.is_empty() && !self.log.is_on() {
            return Subject::default();
        }
        let body: serde_json::Value =
            serde_json::from_slice(&request.body).unwrap_or_else(|_| json!({}));
        let member = |name: &str| {
            body.get(name)
                .and_then(|text| text.as_str())
                .map(str::to_owned)
        };
        let mchid = request.header("Authorization").and_then(|header| {
            let (_, rest) = header.split_once("mchid=\"")?;
            rest.split('"').next().map(str::to_owned)
        });
        let by_id = |id: &str| {
            self.book
                .transactions
                .get(id)
                .map(|(_, number)| number.clone())
        };
        let by_refund = |number: &str| {
            let key = (mchid.clone().unwrap_or_default(), number.to_owned());
            self.book
                .refunds
                .get(&key)
                .map(|refund| refund.out_trade_no.clone())
        };
        let out_trade_no = match route {
            Route::QueryByOutTradeNo(number) | Route::Close(number) => Some(number.clone()),
            Route::QueryById(id) => by_id(id),
            Route::QueryRefund(number) => by_refund(number),
            Route::AbnormalRefund(_) => {
                member("out_refund_no").and_then(|number| by_refund(&number))
            }
            Route::Prepay => member("out_trade_no"),
            Route::CreateRefund => member("out_trade_no")
                .or_else(|| member("transaction_id").and_then(|id| by_id(&id))),
            Route::Certificates | Route::Code2Session | Route::StableToken | Route::AccessToken => {
                None
            }
        };
        Subject {
            mchid,
            out_trade_no,
        }
    }
}

#[derive(Debug, Default)]
struct Subject {
    mchid: Option<String>,
    out_trade_no: Option<String>,
}

enum Fate {
    Answered(RawResponse),
    Lost { reset: bool },
}

fn plain(reply: Reply) -> RawResponse {
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
