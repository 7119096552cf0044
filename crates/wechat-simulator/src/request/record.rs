//! What becomes of a request: its log entry, and the output of the step.

use serde_json::json;
use wechatpay::v2::Fields;
use wechatpay::v3::RawResponse;

use crate::book::RefundKey;
use crate::fault::{Fault, FaultKind};
use crate::heart::Wechat;
use crate::log::{Checks, Entry, Message};
use crate::message::{Output, UNTIL_RELEASED, WireRequest};
use crate::route::Route;

/// How long an answer is held back unless the fault says otherwise.
const SLOW_MS: i64 = 1_000;

/// Which merchant and order a request is about.
#[derive(Debug, Default)]
pub(super) struct Subject {
    pub(super) mchid: Option<String>,
    pub(super) out_trade_no: Option<String>,
}

/// Whether there is an answer.
pub(super) enum Fate {
    Answered(RawResponse),
    Lost { reset: bool },
}

impl Wechat {
    pub(super) fn finish(
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
        let is = |kind| fault.is_some_and(|fault| fault.fault == kind);
        let after_ms = if is(FaultKind::AnswerHeld) {
            UNTIL_RELEASED
        } else if is(FaultKind::SlowAnswer) {
            delay_ms.unwrap_or(SLOW_MS)
        } else {
            0
        };
        self.outputs.push(match fate {
            Fate::Answered(response) => Output::Answer { response, after_ms },
            Fate::Lost { reset } => Output::NoAnswer {
                after_ms: delay_ms.unwrap_or(0),
                reset,
            },
        });
    }

    fn v2_subject(&self, body: &[u8]) -> Subject {
        let fields = Fields::parse(body).unwrap_or_default();
        let own = |name: &str| fields.get(name).map(str::to_owned);
        let mchid = own("mch_id");
        let by_refund = |key: &RefundKey| {
            let refund = self.book.refunds.get(key);
            refund.map(|refund| refund.out_trade_no.clone())
        };
        let out_trade_no = own("out_trade_no")
            .or_else(|| {
                let key = self.book.transactions.get(fields.get("transaction_id")?)?;
                Some(key.1.clone())
            })
            .or_else(|| by_refund(&(mchid.clone()?, own("out_refund_no")?)))
            .or_else(|| by_refund(self.book.refund_ids.get(fields.get("refund_id")?)?));
        Subject {
            mchid,
            out_trade_no,
        }
    }

    /// Which merchant and order a request is about, as far as faults and the log need to know.
    pub(super) fn subject(&self, route: &Route, request: &WireRequest) -> Subject {
        if self.faults.is_empty() && !self.log.is_on() {
            return Subject::default();
        }
        if let Route::V2(_) = route {
            return self.v2_subject(&request.body);
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
            Route::QueryByOutTradeNo(number) | Route::Close(number) | Route::Reverse(number) => {
                Some(number.clone())
            }
            Route::QueryById(id) => by_id(id),
            Route::QueryRefund(number) => by_refund(number),
            Route::AbnormalRefund(_) => {
                member("out_refund_no").and_then(|number| by_refund(&number))
            }
            Route::Prepay(_) | Route::CodePay => member("out_trade_no"),
            Route::CreateRefund => member("out_trade_no")
                .or_else(|| member("transaction_id").and_then(|id| by_id(&id))),
            Route::Certificates
            | Route::TradeBill
            | Route::FundFlowBill
            | Route::BillFile
            | Route::Code2Session
            | Route::StableToken
            | Route::AccessToken
            | Route::PhoneNumber
            | Route::Authorize
            | Route::PageLogin
            | Route::V2(_) => None,
        };
        Subject {
            mchid,
            out_trade_no,
        }
    }
}
