//! Answers: the head they share, signatures, refusals, files.

use wechatpay::v3::RawResponse;

use super::{Call, Document, No, Sender};
use crate::fault::{Fault, FaultKind};
use crate::heart::Wechat;
use crate::seal::Flaw;

impl Wechat {
    pub(super) fn v2_head(&mut self, sender: &Sender) -> Document {
        let document = Document::new()
            .with("return_code", "SUCCESS")
            .with("return_msg", "OK")
            .with("appid", sender.appid.as_str())
            .with("mch_id", sender.mch_id.as_str())
            .with_some("device_info", sender.device_info.as_deref())
            .with("nonce_str", self.ids.nonce());
        if self.assumptions.v2_extra_fields {
            document.with("field_of_next_year_0", "x & <y>")
        } else {
            document
        }
    }

    pub(super) fn v2_signed(&self, sender: &Sender, document: Document, flaw: Flaw) -> RawResponse {
        let cdata = self.assumptions.v2_cdata;
        xml(document.sealed(sender.sign_type, &sender.key, flaw, cdata))
    }

    pub(super) fn v2_refuse(
        &mut self,
        call: Call,
        sender: Option<&Sender>,
        no: No,
        flaw: Flaw,
    ) -> RawResponse {
        let signed_parameters = self.assumptions.v2_parameter_errors_signed;
        let (code, message, recall) = match no {
            No::Unsigned(message) => (None, message, None),
            No::Parameter { code, message } => {
                let code = signed_parameters.then(|| code.to_owned());
                (code, message, None)
            }
            No::Business {
                code,
                message,
                recall,
            } => (Some(code), message, recall),
        };
        if let (Some(code), Some(sender), true) = (&code, sender, call.is_signed()) {
            let document = self
                .v2_head(sender)
                .with("result_code", "FAIL")
                .with("err_code", code.as_str())
                .with_some("err_code_des", call.describes_errors().then_some(message))
                .with_some("recall", recall.map(|again| if again { "Y" } else { "N" }));
            return self.v2_signed(sender, document, flaw);
        }
        let mut document = Document::new()
            .with("return_code", "FAIL")
            .with("return_msg", message);
        if let (Some(code), false) = (code, call.is_signed()) {
            document = call.unsigned_error(document, &code);
        }
        let body = document.to_xml("xml", self.assumptions.v2_cdata);
        xml(cut(body.into_bytes(), flaw))
    }
}

/// The error a fault answers with instead of doing the work.
pub(super) fn error_instead(fault: &Fault) -> Option<No> {
    if fault.fault == FaultKind::RateLimited {
        Some(No::business(
            "FREQUENCY_LIMITED",
            "频率限制，请降低调用频率",
        ))
    } else if fault.fault == FaultKind::SystemError {
        Some(No::system_error())
    } else if fault.fault == FaultKind::Error {
        let code = fault.code.as_deref().unwrap_or("INVALID_REQUEST");
        let message = fault.message.as_deref().unwrap_or("模拟的错误");
        Some(No::business(code, message))
    } else {
        None
    }
}

/// What is not signed can only be wrong by ending too early.
pub(super) fn cut(mut body: Vec<u8>, flaw: Flaw) -> Vec<u8> {
    if flaw == Flaw::Truncated {
        body.truncate(body.len() / 2);
    }
    body
}

pub(super) fn xml(body: Vec<u8>) -> RawResponse {
    RawResponse {
        status: 200,
        headers: vec![(
            "Content-Type".to_owned(),
            "text/xml; charset=utf-8".to_owned(),
        )],
        body,
    }
}

pub(super) fn file(body: Vec<u8>, digest: Option<String>) -> RawResponse {
    let content_type = ("Content-Type".to_owned(), "text/plain".to_owned());
    let digest = digest.map(|digest| ("Digest".to_owned(), digest));
    RawResponse {
        status: 200,
        headers: std::iter::once(content_type).chain(digest).collect(),
        body,
    }
}
