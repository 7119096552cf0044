//! The older protocol: XML signed with the API key. The same orders and refunds as APIv3's, asked for in another language.
//!
//! Rules: WeChat Pay v2 documentation, "unified order", "query order", "close order", "apply for refund", "query refund", "payment
//! notification", "refund notification", "payment code", "reverse", "download bill". One merchant has one number space: what one protocol made, the other finds.

mod bill;
mod code;
mod document;
mod notice;
mod order;
mod phone;
mod read;
mod refund;
mod refusal;
mod request;
#[cfg(test)]
mod tests;

use wechatpay::v2::SignType;

use crate::route::Operation;
use document::Document;
pub(crate) use notice::{
    Verdict, body as notice_body, flaw, payment as payment_notice, refund as refund_notice,
    refund_success, verdict,
};
pub(crate) use phone::check_pay_sign;

/// A call of the older protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Call {
    UnifiedOrder,
    OrderQuery,
    CloseOrder,
    Refund,
    RefundQuery,
    Micropay,
    Reverse,
    AuthCodeToOpenid,
    DownloadBill,
    DownloadFundFlow,
    Report,
}

impl Call {
    pub(crate) fn find(segments: &[&str]) -> Option<Self> {
        match segments {
            ["pay", "unifiedorder"] => Some(Self::UnifiedOrder),
            ["pay", "orderquery"] => Some(Self::OrderQuery),
            ["pay", "closeorder"] => Some(Self::CloseOrder),
            ["secapi", "pay", "refund"] => Some(Self::Refund),
            ["pay", "refundquery"] => Some(Self::RefundQuery),
            ["pay", "micropay"] => Some(Self::Micropay),
            ["secapi", "pay", "reverse"] => Some(Self::Reverse),
            ["tools", "authcodetoopenid"] => Some(Self::AuthCodeToOpenid),
            ["pay", "downloadbill"] => Some(Self::DownloadBill),
            ["pay", "downloadfundflow"] => Some(Self::DownloadFundFlow),
            ["payitil", "report"] => Some(Self::Report),
            _ => None,
        }
    }

    pub(crate) fn operation(self) -> Operation {
        match self {
            Self::UnifiedOrder => Operation::Prepay,
            Self::OrderQuery => Operation::Query,
            Self::CloseOrder => Operation::Close,
            Self::Refund => Operation::Refund,
            Self::RefundQuery => Operation::RefundQuery,
            Self::Micropay => Operation::Micropay,
            Self::Reverse => Operation::Reverse,
            Self::AuthCodeToOpenid => Operation::AuthCodeToOpenid,
            Self::DownloadBill | Self::DownloadFundFlow => Operation::Bill,
            Self::Report => Operation::Report,
        }
    }

    /// Whether the connection must present the merchant's certificate.
    fn needs_certificate(self) -> bool {
        matches!(self, Self::Refund | Self::Reverse | Self::DownloadFundFlow)
    }

    /// The only sign type that is taken, if there is only one.
    fn only_sign_type(self) -> Option<SignType> {
        match self {
            Self::AuthCodeToOpenid => Some(SignType::Md5),
            Self::DownloadFundFlow => Some(SignType::HmacSha256),
            Self::UnifiedOrder
            | Self::OrderQuery
            | Self::CloseOrder
            | Self::Refund
            | Self::RefundQuery
            | Self::Micropay
            | Self::Reverse
            | Self::DownloadBill
            | Self::Report => None,
        }
    }

    /// Whether its answers are signed.
    fn is_signed(self) -> bool {
        !matches!(
            self,
            Self::DownloadBill | Self::DownloadFundFlow | Self::Report
        )
    }

    /// Whether its refusals say in words what the code means: the page of `authcodetoopenid` has no `err_code_des`.
    fn describes_errors(self) -> bool {
        self != Self::AuthCodeToOpenid
    }

    /// An error with its code where answers are not signed.
    fn unsigned_error(self, document: Document, code: &str) -> Document {
        match self {
            Self::DownloadBill => document.with("error_code", code),
            Self::DownloadFundFlow => document.with("result_code", "FAIL").with("err_code", code),
            Self::UnifiedOrder
            | Self::OrderQuery
            | Self::CloseOrder
            | Self::Refund
            | Self::RefundQuery
            | Self::Micropay
            | Self::Reverse
            | Self::AuthCodeToOpenid
            | Self::Report => document,
        }
    }
}

/// The example of the documentation's layout for times of refunds: `2017-11-25 15:36:17`, Beijing.
pub(crate) fn spaced_time(unix_ms: i64) -> String {
    let text = wechatpay::time::format_beijing(unix_ms);
    text.chars()
        .take(19)
        .map(|c| if c == 'T' { ' ' } else { c })
        .collect()
}
