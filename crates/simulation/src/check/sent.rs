//! S8: what leaves for WeChat was stored before, and one number always travels with the same parameters. L5: how much
//! leaves.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use shouyin_core::id::{Mchid, OutTradeNo};
use shouyin_core::payment::{AttemptState, Payment, PaymentState};
use shouyin_core::ports::PaymentKey;
use shouyin_core::time::{BillDate, HOUR_MS};
use wechat_simulator::Wechat;
use wechatpay::v3::{Method, SignedRequest};

use super::{Checker, Violation, codes};
use crate::rows::Rows;
use crate::setup::MCHIDS;
use crate::speaks::{self, is_v2, parameters};

/// What one number may cost in calls: so many for impatient people,
const CALLS_AT_ONCE: i64 = 150;
/// so many more for every hour in which WeChat gives no usable answer,
const CALLS_AN_HOUR: i64 = 12;
/// and so many more for every hour in which somebody may pay an order: one to ask and one to close it every hundred seconds.
const CALLS_AN_HOUR_WHILE_PAYABLE: i64 = 72;
/// For so long somebody may pay after an order call, milliseconds: two hours, what the call may take to arrive, and the time
/// in which questions become rare again.
const PAYABLE_MS: i64 = 3 * HOUR_MS;

#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The body of the first order or refund call, by number.
    bodies: BTreeMap<String, Vec<u8>>,
    /// When each order by payment code was charged, by number.
    charged: BTreeMap<String, i64>,
    calls: BTreeMap<String, Calls>,
    all: u64,
}

/// The calls about one number.
#[derive(Debug)]
struct Calls {
    first_ms: i64,
    count: u32,
    /// When the last order call left, or was to leave.
    placed_ms: Option<i64>,
}

impl Calls {
    /// How many there may be until now.
    fn most(&self, now_ms: i64) -> i64 {
        let hours = |ms: i64| ms / HOUR_MS;
        let payable_ms = self.placed_ms.map_or(0, |placed_ms| {
            (placed_ms + PAYABLE_MS).min(now_ms) - self.first_ms + HOUR_MS
        });
        CALLS_AT_ONCE
            + CALLS_AN_HOUR * hours(now_ms - self.first_ms)
            + CALLS_AN_HOUR_WHILE_PAYABLE * hours(payable_ms)
    }
}

/// What WeChat is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Place,
    /// Charge a payment code.
    Charge,
    Query,
    Close,
    /// Take an order by payment code back.
    Reverse,
    Refund,
    QueryRefund,
    Remedy,
    /// A day's bill, or where it is to be had.
    Bill,
    /// The file of a bill.
    BillFile,
}

impl What {
    /// As stories name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            What::Place => "place",
            What::Charge => "charge",
            What::Reverse => "reverse",
            What::Query => "query",
            What::Close => "close",
            What::Refund => "refund",
            What::QueryRefund => "query_refund",
            What::Remedy => "remedy",
            What::Bill => "bill",
            What::BillFile => "bill_file",
        }
    }
}

/// A call to WeChat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallName {
    what: What,
    /// Our number of the refund, or of the order; the day of a bill, or the token of its file.
    number: String,
    /// Our number of the order; empty if only the refund is known.
    pub(crate) order: String,
}

impl CallName {
    /// Whether it only asks.
    pub(crate) fn is_question(&self) -> bool {
        match self.what {
            What::Query | What::QueryRefund => true,
            What::Place
            | What::Charge
            | What::Close
            | What::Reverse
            | What::Refund
            | What::Remedy
            | What::Bill
            | What::BillFile => false,
        }
    }

    /// Whether it is about a bill, and no order.
    pub(crate) fn is_of_bills(&self) -> bool {
        matches!(self.what, What::Bill | What::BillFile)
    }

    pub(crate) fn what(&self) -> What {
        self.what
    }

    /// The number it is about.
    pub(crate) fn number(&self) -> &str {
        &self.number
    }
}

impl fmt::Display for CallName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "asks WeChat to {} {}", self.what.as_str(), self.number)
    }
}

/// The segment behind `before` in a path.
fn segment<'a>(target: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = target.split_once(before)?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    rest.get(..end).filter(|segment| !segment.is_empty())
}

/// A text member of a request's body; empty if it is not there.
fn member(request: &SignedRequest, name: &str) -> String {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    body[name].as_str().unwrap_or_default().to_owned()
}

/// The `out_trade_no` a request of APIv3 names; empty if it names none.
fn order_in(request: &SignedRequest) -> String {
    match segment(&request.target, "/out-trade-no/") {
        Some(number) => number.to_owned(),
        None => member(request, "out_trade_no"),
    }
}

fn name(request: &SignedRequest) -> CallName {
    if is_v2(request) {
        return name_of_v2(request);
    }
    if let Some(call) = name_of_bill(&request.target) {
        return call;
    }
    let order = order_in(request);
    let is_get = request.method == Method::Get;
    let about_refund = request.target.starts_with("/v3/refund/");
    let (what, number) = if !about_refund {
        let what = match is_get {
            true => What::Query,
            false if request.target.ends_with("/close") => What::Close,
            false if request.target.ends_with("/reverse") => What::Reverse,
            false if request.target.ends_with("/codepay") => What::Charge,
            false => What::Place,
        };
        (what, order.clone())
    } else if is_get {
        let number = segment(&request.target, "/domestic/refunds/").unwrap_or_default();
        (What::QueryRefund, number.to_owned())
    } else if request.target.ends_with("/apply-abnormal-refund") {
        (What::Remedy, member(request, "out_refund_no"))
    } else {
        (What::Refund, member(request, "out_refund_no"))
    };
    CallName {
        what,
        number,
        order,
    }
}

fn name_of_bill(target: &str) -> Option<CallName> {
    let parameter = |name: &str| {
        let (_, value) = target.split_once(name)?;
        Some(value.split_once('&').map_or(value, |(value, _)| value))
    };
    let (what, number) = if target.starts_with("/v3/bill/") {
        (What::Bill, parameter("bill_date="))
    } else if target.starts_with("/v3/billdownload/") {
        (What::BillFile, parameter("token="))
    } else {
        return None;
    };
    Some(CallName {
        what,
        number: number.unwrap_or_default().to_owned(),
        order: String::new(),
    })
}

/// The day of a bill, in either protocol's way of writing it.
fn bill_date(text: &str) -> Option<BillDate> {
    let digits: String = text.chars().filter(|it| *it != '-').collect();
    let (year, rest) = digits.split_at_checked(4)?;
    let (month, day) = rest.split_at_checked(2)?;
    BillDate::parse(&format!("{year}-{month}-{day}"))
}

fn name_of_v2(request: &SignedRequest) -> CallName {
    let member = |name| {
        speaks::member(&request.body, name)
            .unwrap_or_default()
            .to_owned()
    };
    let what = match request.target.as_str() {
        "/pay/orderquery" => What::Query,
        "/pay/closeorder" => What::Close,
        "/pay/micropay" => What::Charge,
        "/secapi/pay/reverse" => What::Reverse,
        "/secapi/pay/refund" => What::Refund,
        "/pay/refundquery" => What::QueryRefund,
        "/pay/downloadbill" => What::Bill,
        _ => What::Place,
    };
    let number = match what {
        What::Refund | What::QueryRefund | What::Remedy => "out_refund_no",
        What::Place | What::Charge | What::Query | What::Close | What::Reverse => "out_trade_no",
        What::Bill | What::BillFile => "bill_date",
    };
    CallName {
        what,
        number: member(number),
        order: member("out_trade_no"),
    }
}

/// The payment that owns this number, as it is stored now.
pub(super) fn owner(
    rows: &Rows,
    mchid: &Mchid,
    number: &str,
) -> Result<Option<Payment>, Violation> {
    match OutTradeNo::parse(number) {
        Ok(number) => rows.payment(PaymentKey::OutTradeNo(mchid.clone(), number)),
        Err(_) => Ok(None),
    }
}

/// The same, whichever merchant's it is.
fn owner_of_any(rows: &Rows, number: &str) -> Result<Option<Payment>, Violation> {
    for mchid in MCHIDS {
        let Ok(mchid) = Mchid::parse(mchid) else {
            continue;
        };
        let found = owner(rows, &mchid, number)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

impl Checker {
    /// Before a request gets its fate.
    pub(crate) fn sent(
        &mut self,
        rows: &Rows,
        wechat: &Wechat,
        request: &SignedRequest,
        now_ms: i64,
    ) -> Result<CallName, Violation> {
        let call = name(request);
        let (what, number) = (call.what, call.number.clone());
        // What was made by hand has WeChat's number, and may be asked about before it is in our books.
        let by_hand = || {
            let mut refunds = wechat.refunds();
            refunds.any(|refund| refund.by_hand && refund.out_refund_no == number)
        };
        let is_known = what == What::QueryRefund && by_hand();
        if !is_known && !self.is_stored(rows, &call)? {
            let what = what.as_str();
            let detail = format!("{what} of {number} left before the number was stored");
            return Err(Violation::new("S8", detail));
        }
        if matches!(what, What::Place | What::Refund) {
            let asked = if is_v2(request) {
                parameters(&request.body)
            } else {
                request.body.clone()
            };
            let bodies = &mut self.sent.bodies;
            let first = bodies
                .entry(number.clone())
                .or_insert_with(|| asked.clone());
            if *first != asked {
                let detail = format!("{number} was sent with other parameters than before");
                return Err(Violation::new("S8", detail));
            }
        }
        match what {
            What::Charge => self.may_charge(rows, wechat, &number, now_ms)?,
            What::Reverse => self.may_reverse(rows, &number)?,
            What::Place
            | What::Query
            | What::Close
            | What::Refund
            | What::QueryRefund
            | What::Remedy
            | What::Bill
            | What::BillFile => {}
        }
        self.sent.all += 1;
        let calls = self.sent.calls.entry(number.clone()).or_insert(Calls {
            first_ms: now_ms,
            count: 0,
            placed_ms: None,
        });
        calls.count += 1;
        match what {
            What::Place | What::Charge => calls.placed_ms = Some(now_ms),
            // The order call was recorded and never left: the product cannot know that.
            What::Query | What::Close | What::Reverse => {
                calls.placed_ms = calls.placed_ms.or(Some(now_ms));
            }
            What::Refund | What::QueryRefund | What::Remedy | What::Bill | What::BillFile => {}
        }
        if i64::from(calls.count) > calls.most(now_ms) {
            let (count, hours) = (calls.count, (now_ms - calls.first_ms) / HOUR_MS);
            let detail = format!("{count} calls for {number} in {hours} hours");
            return Err(Violation::new("L5", detail));
        }
        Ok(call)
    }

    /// S8: a code is charged at most once under a number; and no other one while an earlier one may have brought money, or has.
    fn may_charge(
        &mut self,
        rows: &Rows,
        wechat: &Wechat,
        number: &str,
        now_ms: i64,
    ) -> Result<(), Violation> {
        let broken = |what: &str| Err(Violation::new("S8", format!("{number} {what}")));
        if self
            .sent
            .charged
            .insert(number.to_owned(), now_ms)
            .is_some()
        {
            return broken("was charged twice");
        }
        let Some(payment) = owner_of_any(rows, number)? else {
            return Ok(());
        };
        for other in &payment.attempts {
            let other_number = other.out_trade_no.as_str();
            if other_number == number {
                continue;
            }
            // Money for what is not asked for any more is known, and is no money for this.
            let is_surplus = matches!(other.state, AttemptState::Paid { .. })
                && payment.state == PaymentState::Open;
            if is_surplus {
                continue;
            }
            let order = wechat.order(payment.mchid.as_str(), other_number);
            if other.state.is_unresolved() || order.is_some_and(codes::may_bring_money) {
                return broken(&format!("was charged while {other_number} may bring money"));
            }
        }
        Ok(())
    }

    /// S8: that an order is taken back was stored before WeChat heard of it.
    fn may_reverse(&self, rows: &Rows, number: &str) -> Result<(), Violation> {
        let payment = owner_of_any(rows, number)?;
        let mut attempts = payment.iter().flat_map(|payment| &payment.attempts);
        let attempt = attempts.find(|attempt| attempt.out_trade_no.as_str() == number);
        if attempt.is_some_and(|it| it.reversing_since.is_some()) {
            return Ok(());
        }
        let detail = format!("{number} was taken back before that was stored");
        Err(Violation::new("S8", detail))
    }

    /// When orders by payment code were charged, by number.
    pub(super) fn charged(&self) -> &BTreeMap<String, i64> {
        &self.sent.charged
    }

    fn is_stored(&self, rows: &Rows, call: &CallName) -> Result<bool, Violation> {
        match call.what {
            // Its token came from WeChat.
            What::BillFile => Ok(true),
            What::Bill => {
                let Some(date) = bill_date(&call.number) else {
                    return Ok(false);
                };
                for mchid in MCHIDS {
                    let Ok(mchid) = Mchid::parse(mchid) else {
                        continue;
                    };
                    if rows.reconciliation(&mchid, date)?.is_some() {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            What::Place | What::Charge | What::Query | What::Close | What::Reverse => {
                Ok(self.orders.contains(&call.number))
            }
            What::Refund | What::QueryRefund | What::Remedy => {
                Ok(self.refunds.contains_key(&call.number))
            }
        }
    }

    /// How many calls left for WeChat, and the most for one number.
    pub(crate) fn calls(&self) -> (u64, u32) {
        let most = self
            .sent
            .calls
            .values()
            .map(|calls| calls.count)
            .max()
            .unwrap_or(0);
        (self.sent.all, most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, target: &str, body: &str) -> SignedRequest {
        SignedRequest {
            method,
            target: target.to_owned(),
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn the_number_is_found_in_every_call() {
        for (method, target, body, what, number) in [
            (
                Method::Get,
                "/v3/pay/transactions/out-trade-no/abc123?mchid=1",
                "",
                What::Query,
                "abc123",
            ),
            (
                Method::Post,
                "/v3/pay/transactions/out-trade-no/abc123/close",
                "{}",
                What::Close,
                "abc123",
            ),
            (
                Method::Post,
                "/v3/pay/transactions/jsapi",
                r#"{"out_trade_no":"abc123"}"#,
                What::Place,
                "abc123",
            ),
            (
                Method::Post,
                "/v3/pay/transactions/codepay",
                r#"{"out_trade_no":"abc123"}"#,
                What::Charge,
                "abc123",
            ),
            (
                Method::Post,
                "/v3/pay/transactions/out-trade-no/abc123/reverse",
                "{}",
                What::Reverse,
                "abc123",
            ),
            (
                Method::Post,
                "/pay/micropay",
                "<xml><out_trade_no>abc123</out_trade_no></xml>",
                What::Charge,
                "abc123",
            ),
            (
                Method::Post,
                "/secapi/pay/reverse",
                "<xml><out_trade_no>abc123</out_trade_no></xml>",
                What::Reverse,
                "abc123",
            ),
            (
                Method::Post,
                "/v3/refund/domestic/refunds",
                r#"{"out_trade_no":"abc123","out_refund_no":"r1"}"#,
                What::Refund,
                "r1",
            ),
            (
                Method::Get,
                "/v3/refund/domestic/refunds/r1?x=1",
                "",
                What::QueryRefund,
                "r1",
            ),
            (
                Method::Post,
                "/v3/refund/domestic/refunds/5030/apply-abnormal-refund",
                r#"{"out_refund_no":"r1"}"#,
                What::Remedy,
                "r1",
            ),
            (
                Method::Get,
                "/v3/bill/tradebill?bill_date=2026-01-05&bill_type=ALL&tar_type=GZIP",
                "",
                What::Bill,
                "2026-01-05",
            ),
            (
                Method::Get,
                "/v3/billdownload/file?token=6e6f&tartype=gzip",
                "",
                What::BillFile,
                "6e6f",
            ),
        ] {
            let call = name(&request(method, target, body));
            assert_eq!((call.what, call.number()), (what, number), "{target}");
        }
        assert_eq!(order_in(&request(Method::Get, "/v3/certificates", "")), "");
    }
}
