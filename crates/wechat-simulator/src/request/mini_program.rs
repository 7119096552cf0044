//! A request to the mini-program host: errors are HTTP 200 with an `errcode`, and nothing is signed.

use wechatpay::v3::RawResponse;

use super::answer::plain;
use crate::fault::{Fault, FaultKind};
use crate::heart::{Reply, Wechat};
use crate::log::Checks;
use crate::login::MiniError;
use crate::message::WireRequest;
use crate::route::Route;

impl Wechat {
    pub(super) fn mini_program(
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
            (None, Route::PhoneNumber) => self.phone_number(request, checks),
            (None, Route::PageLogin) => self.page_login(&request.target, checks),
            (None, _) => self.code2session(&request.target, checks),
        };
        let result = match fault.map(|fault| fault.fault) {
            Some(FaultKind::SystemErrorAfter) => Err(MiniError::new(-1, "system error")),
            _ => result,
        };
        let reply = Reply {
            // The login calls have answered text/plain for years; the token calls answer JSON.
            content_type: if matches!(route, Route::Code2Session | Route::PageLogin) {
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
}
