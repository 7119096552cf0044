//! An acquirer that tells: every call to WeChat that did not succeed is logged with order number and WeChat's `Request-ID`.

use std::sync::Arc;

use shouyin_core::Timestamp;
use shouyin_core::id::{Appid, Mchid, OutRefundNo, OutTradeNo, PrepayId, Route, WechatRefundId};
use shouyin_core::notification::{Notice, NoticeRefused};
use shouyin_core::outcome::Outcome;
use shouyin_core::ports::{
    Acquirer, BoxFuture, Invocation, NotConfigured, NotServed, OrderAt, PrepayOrder, RefundAt,
    RefundFact, RefundOrder, Remedy, ScannedCode, Trade,
};
use shouyin_core::product::{Handle, Product};
use shouyin_core::reconciliation::model::BillAnswer;
use shouyin_core::time::BillDate;
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

/// What a call is about, under the field names of every other log line.
#[derive(Clone, Copy, Default)]
struct About<'a> {
    out_trade_no: Option<&'a str>,
    out_refund_no: Option<&'a str>,
}

fn of_order(out_trade_no: &OutTradeNo) -> About<'_> {
    About {
        out_trade_no: Some(out_trade_no.as_str()),
        ..About::default()
    }
}

fn of_refund(out_refund_no: &OutRefundNo) -> About<'_> {
    About {
        out_refund_no: Some(out_refund_no.as_str()),
        ..About::default()
    }
}

fn log<T>(call: &str, about: About<'_>, outcome: &Outcome<T>) {
    let About {
        out_trade_no,
        out_refund_no,
    } = about;
    match outcome {
        Outcome::Succeeded(_) => debug!(out_trade_no, out_refund_no, call, "WeChat answered"),
        // For people to look at only if it goes on: an order that is paid cannot be closed, and that is no trouble.
        Outcome::Rejected(no) => info!(
            out_trade_no,
            out_refund_no,
            call,
            acquirer.code = no.code,
            acquirer.request_id = no.request_id,
            "WeChat says no"
        ),
        Outcome::Blocked(no) => warn!(
            out_trade_no,
            out_refund_no,
            call,
            acquirer.code = no.code,
            acquirer.request_id = no.request_id,
            "WeChat wants fewer requests; it is asked again later"
        ),
        Outcome::Unknown(doubt) => warn!(
            out_trade_no,
            out_refund_no,
            call,
            acquirer.code = doubt.code,
            acquirer.request_id = doubt.request_id,
            reason = doubt.reason,
            "WeChat gave no usable answer; it is asked again"
        ),
    }
}

impl Acquirer for ObservedAcquirer {
    fn serves(&self, mchid: &Mchid, appid: &Appid, product: Product) -> Result<(), NotServed> {
        self.inner.serves(mchid, appid, product)
    }

    fn route(&self, mchid: &Mchid, product: Product) -> Route {
        self.inner.route(mchid, product)
    }

    fn charge<'a>(
        &'a self,
        order: &'a PrepayOrder,
        code: &'a ScannedCode,
    ) -> BoxFuture<'a, Outcome<Trade>> {
        Box::pin(async move {
            let outcome = self.inner.charge(order, code).await;
            log("charge", of_order(&order.out_trade_no), &outcome);
            outcome
        })
    }

    fn bill<'a>(&'a self, mchid: &'a Mchid, date: BillDate) -> BoxFuture<'a, Outcome<BillAnswer>> {
        Box::pin(async move {
            let outcome = self.inner.bill(mchid, date).await;
            log("bill", About::default(), &outcome);
            outcome
        })
    }

    fn prepay<'a>(&'a self, order: &'a PrepayOrder) -> BoxFuture<'a, Outcome<Handle>> {
        Box::pin(async move {
            let outcome = self.inner.prepay(order).await;
            log("prepay", of_order(&order.out_trade_no), &outcome);
            outcome
        })
    }

    fn query<'a>(&'a self, order: &'a OrderAt) -> BoxFuture<'a, Outcome<Trade>> {
        Box::pin(async move {
            let outcome = self.inner.query(order).await;
            log("query", of_order(&order.out_trade_no), &outcome);
            outcome
        })
    }

    fn close<'a>(&'a self, order: &'a OrderAt) -> BoxFuture<'a, Outcome<()>> {
        Box::pin(async move {
            let outcome = self.inner.close(order).await;
            log("close", of_order(&order.out_trade_no), &outcome);
            outcome
        })
    }

    fn refund<'a>(&'a self, order: &'a RefundOrder) -> BoxFuture<'a, Outcome<RefundFact>> {
        Box::pin(async move {
            let outcome = self.inner.refund(order).await;
            log("refund", of_refund(&order.out_refund_no), &outcome);
            outcome
        })
    }

    fn query_refund<'a>(&'a self, refund: &'a RefundAt) -> BoxFuture<'a, Outcome<RefundFact>> {
        Box::pin(async move {
            let outcome = self.inner.query_refund(refund).await;
            log("query_refund", of_refund(&refund.out_refund_no), &outcome);
            outcome
        })
    }

    fn remedy_refund<'a>(
        &'a self,
        mchid: &'a Mchid,
        refund_id: &'a WechatRefundId,
        out_refund_no: &'a OutRefundNo,
        remedy: &'a Remedy,
    ) -> BoxFuture<'a, Outcome<RefundFact>> {
        Box::pin(async move {
            let call = self
                .inner
                .remedy_refund(mchid, refund_id, out_refund_no, remedy);
            let outcome = call.await;
            log("remedy_refund", of_refund(out_refund_no), &outcome);
            outcome
        })
    }

    fn invoke(
        &self,
        mchid: &Mchid,
        appid: &Appid,
        product: Product,
        route: &Route,
        prepay_id: &PrepayId,
    ) -> Result<Invocation, NotConfigured> {
        self.inner.invoke(mchid, appid, product, route, prepay_id)
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
