//! Error answers of the pay host: status, code, Chinese message, detail, and the number behind `Request-ID`.

use serde_json::{Value, json};

/// Numeric result codes: the part of `Request-ID` after the dash (WeChat Pay merchant support lists the frequent ones).
pub(crate) mod number {
    pub(crate) const OK: u64 = 0;
    pub(crate) const ORDER_NOT_EXIST: u64 = 268_512_771;
    pub(crate) const RATE_LIMIT: u64 = 268_447_840;
    pub(crate) const ILLEGAL_PARAMETER: u64 = 268_435_461;
    pub(crate) const OUT_OF_RANGE: u64 = 268_435_464;
    pub(crate) const EXTRA_PARAMETER: u64 = 270_924_358;
    pub(crate) const ALREADY_PAID: u64 = 268_449_538;
    pub(crate) const ORDER_INVALID: u64 = 268_447_914;
    pub(crate) const OTHER_PARAMETERS: u64 = 268_498_688;
    pub(crate) const SIGNATURE: u64 = 268_443_699;
    pub(crate) const NOT_BOUND: u64 = 268_445_527;
    pub(crate) const OPENID_NEEDED: u64 = 268_501_013;
    pub(crate) const OTHER_MERCHANT: u64 = 268_447_843;
    pub(crate) const ONLY_REVERSE: u64 = 268_449_641;
    /// The published list has no number for the rest.
    pub(crate) const OTHER: u64 = 268_435_456;
}

/// An error answer before it is turned into bytes.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) detail: Option<Value>,
    pub(crate) number: u64,
    /// A code of the caller's choice instead, for faults.
    pub(crate) code_text: Option<String>,
}

impl Refusal {
    pub(crate) fn new(
        status: u16,
        code: &'static str,
        number: u64,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            detail: None,
            number,
            code_text: None,
        }
    }

    /// The request is well-formed and breaks a business rule.
    pub(crate) fn invalid_request(number: u64, message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_REQUEST", number, message)
    }

    /// A member or parameter is not what it must be. `field` is a JSON pointer for the body, else a plain name.
    pub(crate) fn parameter(
        number: u64,
        location: &'static str,
        field: &str,
        value: Option<&Value>,
        message: String,
    ) -> Self {
        let mut detail = json!({ "field": field, "issue": message, "location": location });
        if let (Some(value), Some(members)) = (value, detail.as_object_mut()) {
            members.insert("value".to_owned(), value.clone());
        }
        Self {
            detail: Some(detail),
            ..Self::new(400, "PARAM_ERROR", number, message)
        }
    }

    /// A query parameter that is missing or wrong.
    pub(crate) fn query_parameter(name: &str, message: impl Into<String>) -> Self {
        Self::parameter(
            number::ILLEGAL_PARAMETER,
            "query",
            name,
            None,
            message.into(),
        )
    }

    /// Authentication failed; such answers are never signed.
    pub(crate) fn signature(
        field: &'static str,
        issue: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            detail: Some(json!({ "field": field, "issue": issue, "location": "authorization" })),
            ..Self::new(401, "SIGN_ERROR", number::SIGNATURE, message)
        }
    }

    pub(crate) fn order_not_exist() -> Self {
        Self::new(
            404,
            "ORDER_NOT_EXIST",
            number::ORDER_NOT_EXIST,
            "订单不存在",
        )
    }

    pub(crate) fn no_certificates() -> Self {
        let message = "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥";
        Self::new(404, "RESOURCE_NOT_EXISTS", number::OTHER, message)
    }

    pub(crate) fn system_error() -> Self {
        Self::new(500, "SYSTEM_ERROR", number::OTHER, "系统异常，请稍后重试")
    }

    /// The body as WeChat writes it. Old pages spell codes without underscores.
    pub(crate) fn body(&self, without_underscores: bool) -> Value {
        // Only codes with a documented old spelling change; PARAM_ERROR and SIGN_ERROR never had one.
        let old = matches!(
            self.code,
            "ORDER_PAID"
                | "ORDER_CLOSED"
                | "ORDER_NOT_EXIST"
                | "SYSTEM_ERROR"
                | "NOT_ENOUGH"
                | "NO_AUTH"
                | "RULE_LIMIT"
        );
        let code = if without_underscores && old {
            self.code.replace('_', "")
        } else {
            self.code.to_owned()
        };
        let code = self.code_text.clone().unwrap_or(code);
        let mut body = json!({ "code": code, "message": self.message });
        if let (Some(detail), Some(members)) = (&self.detail, body.as_object_mut()) {
            members.insert("detail".to_owned(), detail.clone());
        }
        body
    }
}
