//! A request from arrival to answer: recognise it, play the fault, prove the sender, do the work, sign.

mod answer;
mod mini_program;
mod record;

use wechatpay::v3::RawResponse;

use record::Fate;

use crate::authorization::{Authenticated, authenticate};
use crate::fault::{Fault, FaultKind, Moment};
use crate::heart::{Reply, Wechat};
use crate::log::Checks;
use crate::message::WireRequest;
use crate::refusal::{Refusal, number};
use crate::route::{self, Found, Route};
use crate::seal::Flaw;

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
        let answer = if let Route::V2(call) = route {
            self.v2(*call, request, fault, checks)
        } else if *route == Route::Authorize {
            self.authorize(request, fault, checks)
        } else if route.is_mini_program() {
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
        let reply = match &result {
            Ok(reply) => reply.clone(),
            Err(refusal) => self.refused(refusal),
        };
        let mut response = if result.is_ok() && *route == Route::BillFile {
            self.file(reply, flaw)
        } else if result.is_ok() || self.assumptions.errors_are_signed {
            self.signed(&sender, asked, reply, flaw, checks)
        } else {
            self.unsigned(reply)
        };
        if kind == Some(FaultKind::RateLimited)
            && let Some(wait_ms) = fault.and_then(|fault| fault.delay_ms)
        {
            let seconds = wait_ms.max(0).saturating_add(999) / 1000;
            let header = ("Retry-After".to_owned(), seconds.to_string());
            response.headers.push(header);
        }
        response
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
            Route::Prepay(product) => self.prepay(*product, sender, body, checks),
            Route::CodePay => self.code_pay(sender, body, checks),
            Route::Reverse(number) => self.reverse(sender, number, body, checks),
            Route::QueryByOutTradeNo(number) => {
                self.query_by_out_trade_no(sender, number, target, checks)
            }
            Route::QueryById(id) => self.query_by_id(sender, id, target, checks),
            Route::Close(number) => self.close(sender, number, body, checks),
            Route::CreateRefund => self.create_refund(sender, body, checks),
            Route::QueryRefund(number) => self.query_refund(sender, number),
            Route::AbnormalRefund(id) => self.abnormal_refund(sender, id, request, checks),
            Route::Certificates => self.certificates(sender, target),
            Route::TradeBill => self.apply_trade_bill(sender, request),
            Route::FundFlowBill => self.apply_fund_flow_bill(sender, request),
            Route::BillFile => self.download_bill_file(sender, request, checks),
            Route::Code2Session
            | Route::StableToken
            | Route::AccessToken
            | Route::PhoneNumber
            | Route::Authorize
            | Route::PageLogin
            | Route::V2(_) => Err(Refusal::system_error()),
        }
    }

    /// `GET /v3/certificates`
    fn certificates(&mut self, sender: &Authenticated, target: &str) -> Result<Reply, Refusal> {
        let Some(merchant) = self.book.merchants.get(&sender.mchid) else {
            return Err(Refusal::system_error());
        };
        match route::query_parameter(target, "algorithm_type").as_deref() {
            None | Some("RSA" | "ALL") => merchant
                .platform
                .list_certificates(merchant.api_v3_key.as_ref(), &mut self.ids)
                .map(|list| Reply::json(200, &list)),
            // This merchant has not applied for the national algorithms, as almost nobody has.
            Some("SM2") => Err(Refusal::no_certificates()),
            Some(_) => Err(Refusal::query_parameter(
                "algorithm_type",
                "算法类型只能为 RSA、SM2 或 ALL",
            )),
        }
    }
}

#[cfg(test)]
mod tests;
