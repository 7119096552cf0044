//! S8: what leaves for WeChat was stored before, and one number always travels with the same parameters. L5: how much
//! leaves.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use shouyin_core::id::{Mchid, OutTradeNo};
use shouyin_core::payment::Payment;
use shouyin_core::ports::PaymentKey;
use shouyin_store::MemoryStore;
use wechatpay::v3::{Method, SignedRequest};

use super::{Checker, Violation, read_payment};
use crate::setup::MCHIDS;

/// What one order may cost in calls: so many for impatient people,
const CALLS_AT_ONCE: i64 = 150;
/// and so many more for every hour in which WeChat gives no usable answer.
const CALLS_AN_HOUR: i64 = 12;

#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The body of the first order call, by number.
    orders: BTreeMap<String, Vec<u8>>,
    /// When the first call left, and how many did.
    calls: BTreeMap<String, (i64, u32)>,
    all: u64,
}

/// A call to WeChat, for the trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallName {
    what: &'static str,
    number: String,
}

impl CallName {
    /// `place`, `query` or `close`.
    pub(crate) fn what(&self) -> &'static str {
        self.what
    }
}

impl fmt::Display for CallName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "asks WeChat to {} {}", self.what, self.number)
    }
}

/// The `out_trade_no` a request is about; empty if it is about none.
pub(crate) fn number_in(request: &SignedRequest) -> String {
    const BEFORE: &str = "/out-trade-no/";
    if let Some((_, rest)) = request.target.split_once(BEFORE) {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        return rest.get(..end).unwrap_or_default().to_owned();
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    body["out_trade_no"].as_str().unwrap_or_default().to_owned()
}

/// The payment that owns this number, as it is stored now.
pub(super) fn owner(rows: &MemoryStore, mchid: &Mchid, number: &str) -> Option<Payment> {
    let number = OutTradeNo::parse(number).ok()?;
    read_payment(rows, PaymentKey::OutTradeNo(mchid.clone(), number))
}

impl Checker {
    /// Before a request gets its fate.
    pub(crate) fn sent(
        &mut self,
        rows: &MemoryStore,
        request: &SignedRequest,
        now_ms: i64,
    ) -> Result<CallName, Violation> {
        let number = number_in(request);
        let what = match request.method {
            Method::Get => "query",
            Method::Post | Method::Put | Method::Patch | Method::Delete => {
                if request.target.ends_with("/close") {
                    "close"
                } else {
                    "place"
                }
            }
        };
        let stored = MCHIDS.iter().any(|mchid| {
            Mchid::parse(*mchid).is_ok_and(|mchid| owner(rows, &mchid, &number).is_some())
        });
        if !stored {
            let detail = format!("{what} of {number} left before the number was stored");
            return Err(Violation::new("S8", detail));
        }
        if what == "place" {
            let first = self
                .sent
                .orders
                .entry(number.clone())
                .or_insert_with(|| request.body.clone());
            if *first != request.body {
                let detail = format!("{number} was sent with other parameters than before");
                return Err(Violation::new("S8", detail));
            }
        }
        self.sent.all += 1;
        let (first_ms, calls) = self.sent.calls.entry(number.clone()).or_insert((now_ms, 0));
        *calls += 1;
        let hours = (now_ms - *first_ms) / 3_600_000;
        if i64::from(*calls) > CALLS_AT_ONCE + CALLS_AN_HOUR * hours {
            let detail = format!("{calls} calls for {number} in {hours} hours");
            return Err(Violation::new("L5", detail));
        }
        Ok(CallName { what, number })
    }

    /// How many calls left for WeChat, and the most for one number.
    pub(crate) fn calls(&self) -> (u64, u32) {
        let most = self
            .sent
            .calls
            .values()
            .map(|(_, calls)| *calls)
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
        let get = request(
            Method::Get,
            "/v3/pay/transactions/out-trade-no/abc123?mchid=1",
            "",
        );
        let close = request(
            Method::Post,
            "/v3/pay/transactions/out-trade-no/abc123/close",
            "{}",
        );
        let place = request(
            Method::Post,
            "/v3/pay/transactions/jsapi",
            r#"{"out_trade_no":"abc123"}"#,
        );
        for request in [get, close, place] {
            assert_eq!(number_in(&request), "abc123");
        }
        assert_eq!(number_in(&request(Method::Get, "/v3/certificates", "")), "");
    }
}
