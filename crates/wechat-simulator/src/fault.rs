//! Faults: what goes wrong, for which operation and order, and how often.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::route::Operation;

/// What can go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    // Requests.
    /// The request never arrives: no effect, no answer. The connection is silent for `delay_ms` (default 0), then ends.
    RequestLost,
    /// The work is done, the answer never arrives. The connection is silent for `delay_ms` (default 0), then ends.
    AnswerLost,
    /// The connection is reset before anything happens.
    ConnectionReset,
    /// The work is done, then the connection is reset.
    ConnectionResetAfter,
    /// 429 (API v2: `FREQUENCY_LIMITED` with 200), nothing done. With `delay_ms` an answer of APIv3 has a `Retry-After` of so many
    /// seconds, rounded up.
    RateLimited,
    /// 500 `SYSTEM_ERROR` (API v2: `SYSTEMERROR` with 200, as below), nothing done.
    SystemError,
    /// 500 `SYSTEM_ERROR` (API v2: `SYSTEMERROR`) although the work is done.
    SystemErrorAfter,
    /// 503 with an HTML body from a gateway, nothing done, never signed.
    ServiceUnavailable,
    /// An error of your choice (`status`, `code`, `message`), nothing done.
    Error,
    /// The answer is held back for `delay_ms`.
    SlowAnswer,
    /// The work is done; the answer waits until it is released (`POST /_control/held/release`), or the caller gives up.
    AnswerHeld,
    /// The work is done; the answer carries a signature of something else.
    WrongResponseSignature,
    /// The work is done; the answer carries no signature at all.
    UnsignedResponse,
    /// The work is done; the answer carries one of WeChat's probes (`WECHATPAY/SIGNTEST/...`; API v2: a wrong signature).
    SigntestResponse,
    /// The work is done; the answer names a key nobody knows (API v2: a wrong signature).
    UnknownSerialResponse,
    /// The work is done; the answer was signed ten minutes ago. Without effect in API v2, where no answer has a time.
    StaleResponse,
    /// The work is done; the second half of the answer's body is missing.
    TruncatedBody,
    // Both.
    /// WeChat moves to its other key just before this message: from the public key to the platform certificate or
    /// back. Over HTTP a missing certificate is made when the fault is added. Messages of API v2 look as before: the
    /// merchant's API key signs them.
    KeySwitch,
    // Notifications.
    /// The notification leaves and never arrives; WeChat retries on its ladder.
    NotificationLost,
    /// The notification leaves `delay_ms` later.
    NotificationDelayed,
    /// The notification arrives twice, the second time with the same id and a fresh signature.
    NotificationDuplicated,
    /// Before the genuine one a forgery arrives: right order, right amount, wrong signature.
    NotificationForged,
    /// The first attempt is a probe (`WECHATPAY/SIGNTEST/...`; API v2: has a wrong signature); the genuine one follows on the ladder.
    NotificationSigntest,
    /// The first attempt names a key nobody knows (API v2: has a wrong signature); the genuine one follows on the ladder.
    NotificationUnknownSerial,
    /// The first attempt was signed ten minutes ago; the genuine one follows on the ladder. Without effect in API v2, where no
    /// notification has a time.
    NotificationStale,
    /// The first attempt's body was changed after signing; the genuine one follows on the ladder.
    NotificationTampered,
    /// The notification waits until a later one has left, at most `delay_ms` (default one minute).
    NotificationReordered,
    // Refunds.
    /// The refund ends in `ABNORMAL`.
    RefundAbnormal,
    /// The refund ends in `CLOSED`.
    RefundClosed,
    /// The refund stays in `PROCESSING` for `delay_ms` (default three days).
    RefundSlow,
    // Bills. Those about lines change the bill of that day for good, for both protocols; with `out_trade_no` the line of that order, else the last one.
    /// The bill is not made yet, although it is past ten.
    BillNotReady,
    /// WeChat says that there is none.
    BillNone,
    /// One digit of the file is another than when its hash was made. API v2 announces no hash of the trade bill: there the sums are wrong.
    BillWrongDigest,
    /// The trade bill has the older layout of 24 columns.
    BillLegacyColumns,
    /// The trade bill has a column nobody knows, in the middle.
    BillExtraColumn,
    /// A line is in no bill.
    BillMissingLine,
    /// A line is in the bill of the next day.
    BillLateLine,
    /// A line says one fen more.
    BillOtherAmount,
    /// There is a line of an order nobody made.
    BillExtraLine,
    /// There is a line of another merchant.
    BillForeignLine,
}

/// When in the life of a message a fault acts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Moment {
    Request,
    Notification,
    Refund,
    Bill,
}

impl FaultKind {
    fn acts_on(self, moment: Moment) -> bool {
        match self {
            Self::RequestLost
            | Self::AnswerLost
            | Self::ConnectionReset
            | Self::ConnectionResetAfter
            | Self::RateLimited
            | Self::SystemError
            | Self::SystemErrorAfter
            | Self::ServiceUnavailable
            | Self::Error
            | Self::SlowAnswer
            | Self::AnswerHeld
            | Self::WrongResponseSignature
            | Self::UnsignedResponse
            | Self::SigntestResponse
            | Self::UnknownSerialResponse
            | Self::StaleResponse
            | Self::TruncatedBody => moment == Moment::Request,
            Self::KeySwitch => !matches!(moment, Moment::Refund | Moment::Bill),
            Self::NotificationLost
            | Self::NotificationDelayed
            | Self::NotificationDuplicated
            | Self::NotificationForged
            | Self::NotificationSigntest
            | Self::NotificationUnknownSerial
            | Self::NotificationStale
            | Self::NotificationTampered
            | Self::NotificationReordered => moment == Moment::Notification,
            Self::RefundAbnormal | Self::RefundClosed | Self::RefundSlow => {
                moment == Moment::Refund
            }
            Self::BillNotReady
            | Self::BillNone
            | Self::BillWrongDigest
            | Self::BillLegacyColumns
            | Self::BillExtraColumn
            | Self::BillMissingLine
            | Self::BillLateLine
            | Self::BillOtherAmount
            | Self::BillExtraLine
            | Self::BillForeignLine => moment == Moment::Bill,
        }
    }

    /// Whether there must be a line to play it on.
    fn is_about_a_line(self) -> bool {
        matches!(
            self,
            Self::BillMissingLine | Self::BillLateLine | Self::BillOtherAmount
        )
    }

    /// The name in the control API and the log.
    pub fn name(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// A fault waiting to be played.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub fault: FaultKind,
    /// Only for this operation; absent: for the next message it fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// Only for this order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_trade_no: Option<String>,
    /// How many times it is still to be played. Default 1.
    #[serde(default = "once")]
    pub times: u32,
    /// How long something is held back, milliseconds, for the faults that say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<i64>,
    /// HTTP status of [`FaultKind::Error`]. Default 400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Code of [`FaultKind::Error`]. Default `INVALID_REQUEST`; at the mini-program host the `errcode`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Message of [`FaultKind::Error`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// A fault that is played once, at the next message it fits.
    pub fn new(fault: FaultKind) -> Self {
        Self {
            fault,
            operation: None,
            out_trade_no: None,
            times: 1,
            delay_ms: None,
            status: None,
            code: None,
            message: None,
        }
    }

    /// The same for one operation only.
    #[must_use]
    pub fn at(self, operation: Operation) -> Self {
        Self {
            operation: Some(operation),
            ..self
        }
    }

    /// The same for one order only.
    #[must_use]
    pub fn of_order(self, out_trade_no: impl Into<String>) -> Self {
        Self {
            out_trade_no: Some(out_trade_no.into()),
            ..self
        }
    }

    /// The same, played so many times.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// The same with a time to hold something back.
    #[must_use]
    pub fn delay_ms(self, delay_ms: i64) -> Self {
        Self {
            delay_ms: Some(delay_ms),
            ..self
        }
    }

    fn fits(&self, moment: Moment, operation: Operation, out_trade_no: Option<&str>) -> bool {
        self.fault.acts_on(moment)
            && self.operation.is_none_or(|scope| scope == operation)
            && self
                .out_trade_no
                .as_deref()
                .is_none_or(|scope| Some(scope) == out_trade_no)
    }
}

/// The faults waiting to be played, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        if fault.times > 0 {
            self.0.push(fault);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn list(&self) -> &[Fault] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every fault that fits a bill with lines of these orders, each used up by one: they do not exclude each other.
    pub(crate) fn take_for_bill(&mut self, orders: &BTreeSet<&str>) -> Vec<Fault> {
        let mut taken = Vec::new();
        for fault in &mut self.0 {
            let has_line = match &fault.out_trade_no {
                Some(number) => orders.contains(number.as_str()),
                None => !fault.fault.is_about_a_line() || !orders.is_empty(),
            };
            let of_bills = fault.operation.is_none_or(|scope| scope == Operation::Bill);
            if fault.fault.acts_on(Moment::Bill) && of_bills && has_line {
                fault.times = fault.times.saturating_sub(1);
                taken.push(fault.clone());
            }
        }
        self.0.retain(|fault| fault.times > 0);
        taken
    }

    /// The oldest fault that fits, used up by one.
    pub(crate) fn take(
        &mut self,
        moment: Moment,
        operation: Operation,
        out_trade_no: Option<&str>,
    ) -> Option<Fault> {
        let index = self
            .0
            .iter()
            .position(|fault| fault.fits(moment, operation, out_trade_no))?;
        let fault = self.0.get_mut(index)?;
        fault.times = fault.times.saturating_sub(1);
        let taken = fault.clone();
        if taken.times == 0 {
            self.0.remove(index);
        }
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_played_in_order_within_their_scope_and_count() {
        let mut faults = Faults::default();
        faults.add(
            Fault::new(FaultKind::AnswerLost)
                .at(Operation::Close)
                .times(2),
        );
        faults.add(Fault::new(FaultKind::RateLimited).of_order("ORDER-1"));
        let mut next = |operation, number| {
            faults
                .take(Moment::Request, operation, Some(number))
                .map(|fault| fault.fault)
        };
        assert_eq!(next(Operation::Query, "ORDER-2"), None);
        assert_eq!(
            next(Operation::Query, "ORDER-1"),
            Some(FaultKind::RateLimited)
        );
        assert_eq!(next(Operation::Query, "ORDER-1"), None);
        assert_eq!(
            next(Operation::Close, "ORDER-1"),
            Some(FaultKind::AnswerLost)
        );
        assert_eq!(
            next(Operation::Close, "ORDER-2"),
            Some(FaultKind::AnswerLost)
        );
        assert_eq!(next(Operation::Close, "ORDER-2"), None);
        assert!(faults.is_empty());
    }

    #[test]
    fn a_notification_fault_waits_for_a_notification() {
        let mut faults = Faults::default();
        faults.add(Fault::new(FaultKind::NotificationLost));
        assert!(
            faults
                .take(Moment::Request, Operation::Prepay, None)
                .is_none()
        );
        let operation = Operation::PaymentNotification;
        assert!(faults.take(Moment::Notification, operation, None).is_some());
    }

    #[test]
    fn the_control_api_writes_faults_as_short_json() {
        let fault: Fault =
            serde_json::from_str(r#"{"fault":"answer_lost","operation":"prepay"}"#).unwrap();
        assert_eq!(
            fault,
            Fault::new(FaultKind::AnswerLost).at(Operation::Prepay)
        );
        assert_eq!(
            FaultKind::NotificationSigntest.name(),
            "notification_signtest"
        );
    }
}
