//! An acquirer that tells: every call to WeChat that did not succeed is logged with order number and WeChat's `Request-ID`.

use std::sync::Arc;

use shouyin_core::Timestamp;
use shouyin_core::id::{Appid, Mchid, OutTradeNo, PrepayId};
use shouyin_core::notification::{Notice, NoticeRefused};
use shouyin_core::outcome::Outcome;
use shouyin_core::ports::{Acquirer, BoxFuture, NotConfigured, PrepayOrder, RequestPayment, Trade};
use tracing::{debug, info, warn};

/// Passes everything on to the acquirer behind it.
pub(crate) struct ObservedAcquirer {
    inner: Arc<dyn Acquirer>,
}

impl ObservedAcquirer {
    pub(crate) fn new(inner: Arc<dyn Acquirer>) -> Self {
        Self { inner }
    }
}

fn log<T>(call: &str, out_trade_no: &OutTradeNo, outcome: &Outcome<T>) {
    match outcome {
        Outcome::Succeeded(_) => debug!(%out_trade_no, call, "WeChat answered"),
        // For people to look at only if it goes on: an order that is paid cannot be closed, and that is no trouble.
        Outcome::Rejected(no) => info!(
            %out_trade_no, call, acquirer.code = no.code, acquirer.request_id = no.request_id,
            "WeChat says no"
        ),
        Outcome::Blocked(no) => warn!(
            %out_trade_no, call, acquirer.code = no.code, acquirer.request_id = no.request_id,
            "WeChat wants fewer requests; it is asked again later"
        ),
        Outcome::Unknown(doubt) => warn!(
            %out_trade_no, call, acquirer.code = doubt.code, acquirer.request_id = doubt.request_id,
            reason = doubt.reason,
            "WeChat gave no usable answer; it is asked again"
        ),
    }
}

impl Acquirer for ObservedAcquirer {
    fn serves(&self, mchid: &Mchid, appid: &Appid) -> bool {
        self.inner.serves(mchid, appid)
    }

    fn prepay<'a>(&'a self, order: &'a PrepayOrder) -> BoxFuture<'a, Outcome<PrepayId>> {
        Box::pin(async move {
            let outcome = self.inner.prepay(order).await;
            log("prepay", &order.out_trade_no, &outcome);
            outcome
        })
    }

    fn query<'a>(
        &'a self,
        mchid: &'a Mchid,
        out_trade_no: &'a OutTradeNo,
    ) -> BoxFuture<'a, Outcome<Trade>> {
        Box::pin(async move {
            let outcome = self.inner.query(mchid, out_trade_no).await;
            log("query", out_trade_no, &outcome);
            outcome
        })
    }

    fn close<'a>(
        &'a self,
        mchid: &'a Mchid,
        out_trade_no: &'a OutTradeNo,
    ) -> BoxFuture<'a, Outcome<()>> {
        Box::pin(async move {
            let outcome = self.inner.close(mchid, out_trade_no).await;
            log("close", out_trade_no, &outcome);
            outcome
        })
    }

    fn request_payment(
        &self,
        mchid: &Mchid,
        appid: &Appid,
        prepay_id: &PrepayId,
    ) -> Result<RequestPayment, NotConfigured> {
        self.inner.request_payment(mchid, appid, prepay_id)
    }

    fn open_notification(
        &self,
        mchid: &Mchid,
        headers: &[(String, String)],
        body: &[u8],
        now: Timestamp,
    ) -> Result<Notice, NoticeRefused> {
        self.inner.open_notification(mchid, headers, body, now)
    }
}
