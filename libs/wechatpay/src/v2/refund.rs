//! Refunds: asking for one, and asking what became of it.

use fen::Fen;

use super::answer::Verified;
use super::fields::Fields;
use super::notification::RefundHint;
use super::operation::{Operation, Path};
use crate::text::{Appid, NotifyUrl, OutRefundNo, OutTradeNo, RefundReason};
use crate::time::parse_compact;
use crate::v3::ParseError;
use crate::v3::refund::RefundStatus;
use crate::wire::Wire;

#[cfg(test)]
mod tests;

/// Asks for a refund: `/secapi/pay/refund`, with the merchant's certificate. `SUCCESS` means accepted, no more. Repeat it under the same number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateRefund {
    /// The app of the order.
    pub appid: Appid,
    /// The merchant's number of the paid order.
    pub out_trade_no: OutTradeNo,
    /// The merchant's number of this refund.
    pub out_refund_no: OutRefundNo,
    /// The total of the order.
    pub total_fee: Fen,
    /// How much goes back.
    pub refund_fee: Fen,
    /// What the payer reads.
    pub refund_desc: Option<RefundReason>,
    /// Where the notification goes; without it, the address set in the merchant platform.
    pub notify_url: Option<NotifyUrl>,
}

/// WeChat took the refund.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// WeChat's number of the order.
    pub transaction_id: String,
    /// WeChat's number of the refund.
    pub refund_id: String,
    /// How much goes back.
    pub refund_fee: Fen,
    /// The total of the order.
    pub total_fee: Fen,
}

impl Operation for CreateRefund {
    type Answer = Accepted;
    const PATH: Path = Path::with_certificate("/secapi/pay/refund");

    fn fields(&self) -> Fields {
        Fields::new()
            .with("appid", self.appid.as_str())
            .with("out_trade_no", self.out_trade_no.as_str())
            .with("out_refund_no", self.out_refund_no.as_str())
            .with("total_fee", self.total_fee.get().to_string())
            .with("refund_fee", self.refund_fee.get().to_string())
            .with_some(
                "refund_desc",
                self.refund_desc.as_ref().map(RefundReason::as_str),
            )
            .with_some(
                "notify_url",
                self.notify_url.as_ref().map(NotifyUrl::as_str),
            )
    }

    fn parse(&self, verified: &Verified) -> Result<Accepted, ParseError> {
        if verified.text("out_refund_no")? != self.out_refund_no.as_str() {
            return Err(ParseError::AnotherObject("out_refund_no"));
        }
        if verified.text("out_trade_no")? != self.out_trade_no.as_str() {
            return Err(ParseError::AnotherObject("out_trade_no"));
        }
        Ok(Accepted {
            transaction_id: verified.text("transaction_id")?.to_owned(),
            refund_id: verified.text("refund_id")?.to_owned(),
            refund_fee: verified.fen("refund_fee")?,
            total_fee: verified.fen("total_fee")?,
        })
    }
}

/// Asks for one refund: `/pay/refundquery`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueryRefund {
    /// The app of the order.
    pub appid: Appid,
    /// The merchant's number of the refund.
    pub out_refund_no: OutRefundNo,
}

/// A refund as WeChat sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refund {
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// WeChat's number of the order.
    pub transaction_id: String,
    /// The merchant's number of the refund.
    pub out_refund_no: String,
    /// WeChat's number of the refund.
    pub refund_id: String,
    /// Where it stands.
    pub status: Wire<RefundStatus>,
    /// How much goes back.
    pub refund_fee: Fen,
    /// The total of the order.
    pub total_fee: Fen,
    /// When the money went back, Unix milliseconds.
    pub success_at_ms: Option<i64>,
    /// Where it went, for people. WeChat spells the field `refund_recv_accout`.
    pub received_account: Option<String>,
}

/// The states under the names of this protocol (WeChat Pay v2 documentation, "refund query").
fn status(name: &str) -> Wire<RefundStatus> {
    match name {
        "SUCCESS" => Wire::Known(RefundStatus::Success),
        "PROCESSING" => Wire::Known(RefundStatus::Processing),
        "REFUNDCLOSE" => Wire::Known(RefundStatus::Closed),
        "CHANGE" => Wire::Known(RefundStatus::Abnormal),
        other => Wire::Other(other.to_owned()),
    }
}

impl Operation for QueryRefund {
    type Answer = Refund;
    const PATH: Path = Path::open("/pay/refundquery");

    fn fields(&self) -> Fields {
        Fields::new()
            .with("appid", self.appid.as_str())
            .with("out_refund_no", self.out_refund_no.as_str())
    }

    fn parse(&self, verified: &Verified) -> Result<Refund, ParseError> {
        let missing = |name: &str| ParseError::Malformed(format!("{name} is missing"));
        let count: u32 = verified
            .text("refund_count")?
            .parse()
            .map_err(|_| ParseError::Malformed("refund_count is no number".into()))?;
        // One answer lists at most a few dozen: a count beyond that is a lie, not a reason to look for a million fields.
        let index = (0..count.min(100))
            .find(|n| {
                verified.get(&format!("out_refund_no_{n}")) == Some(self.out_refund_no.as_str())
            })
            .ok_or(ParseError::AnotherObject("out_refund_no"))?;
        let get = |name: &str| verified.get(&format!("{name}_{index}"));
        let success_at_ms =
            match get("refund_success_time") {
                None => None,
                Some(text) => Some(parse_compact(text).ok_or_else(|| {
                    ParseError::Malformed("refund_success_time is no time".into())
                })?),
            };
        Ok(Refund {
            out_trade_no: verified.text("out_trade_no")?.to_owned(),
            transaction_id: verified.text("transaction_id")?.to_owned(),
            out_refund_no: self.out_refund_no.as_str().to_owned(),
            refund_id: get("refund_id")
                .ok_or_else(|| missing("refund_id"))?
                .to_owned(),
            status: status(get("refund_status").ok_or_else(|| missing("refund_status"))?),
            refund_fee: verified
                .some_fen(&format!("refund_fee_{index}"))?
                .ok_or_else(|| missing("refund_fee"))?,
            total_fee: verified.fen("total_fee")?,
            success_at_ms,
            received_account: get("refund_recv_accout").map(str::to_owned),
        })
    }
}

/// What a refund notification is about. Not signed: a reason to query, not a fact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefundNews {
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// The merchant's number of the refund, or the one made up in the merchant platform.
    pub out_refund_no: String,
    /// True if a person made it in the merchant platform.
    pub by_hand: bool,
}

impl RefundNews {
    /// Reads a hint.
    ///
    /// # Errors
    /// When it does not name what it is about.
    pub fn read(hint: &RefundHint) -> Result<Self, ParseError> {
        let text = |name: &'static str| {
            hint.get(name)
                .map(str::to_owned)
                .ok_or_else(|| ParseError::Malformed(format!("{name} is missing")))
        };
        Ok(Self {
            out_trade_no: text("out_trade_no")?,
            out_refund_no: text("out_refund_no")?,
            by_hand: hint.get("refund_request_source") == Some("VENDOR_PLATFORM"),
        })
    }
}
