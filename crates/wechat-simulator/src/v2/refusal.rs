//! How the older protocol says no.

/// A refusal before it is turned into a document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum No {
    /// Nothing was understood or believed: `return_code` is `FAIL`, and nothing is signed.
    Unsigned(String),
    /// A field is missing or malformed. Documented with an `err_code`; in practice often unsigned.
    Parameter {
        /// `PARAM_ERROR` or `LACK_PARAMS`
        code: &'static str,
        /// For people.
        message: String,
    },
    /// Understood, believed and refused: `result_code` is `FAIL`, signed.
    Business {
        /// `err_code`
        code: String,
        /// `err_code_des`
        message: String,
        /// Whether a reversal is to be called again.
        recall: Option<bool>,
    },
}

impl No {
    pub(crate) fn unsigned(message: impl Into<String>) -> Self {
        Self::Unsigned(message.into())
    }

    pub(crate) fn missing(name: &str) -> Self {
        Self::Parameter {
            code: "LACK_PARAMS",
            message: format!("缺少参数 {name}"),
        }
    }

    pub(crate) fn parameter(message: impl Into<String>) -> Self {
        Self::Parameter {
            code: "PARAM_ERROR",
            message: message.into(),
        }
    }

    pub(crate) fn business(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Business {
            code: code.into(),
            message: message.into(),
            recall: None,
        }
    }

    /// The same with the word whether to call again.
    pub(crate) fn recall(self, again: bool) -> Self {
        match self {
            Self::Business { code, message, .. } => Self::Business {
                code,
                message,
                recall: Some(again),
            },
            other @ (Self::Unsigned(_) | Self::Parameter { .. }) => other,
        }
    }

    pub(crate) fn order_not_exist() -> Self {
        Self::business("ORDERNOTEXIST", "订单不存在")
    }

    pub(crate) fn system_error() -> Self {
        Self::business("SYSTEMERROR", "系统错误")
    }
}
