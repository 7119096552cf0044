//! WeChat Pay as core sees it.

use std::collections::BTreeMap;
use std::sync::Arc;

use shouyin_core::Timestamp;
use shouyin_core::id::{Appid, Mchid, OutRefundNo, PrepayId, Route, WechatRefundId};
use shouyin_core::notification::{Notice, NoticeRefused};
use shouyin_core::outcome::Outcome;
use shouyin_core::ports::{
    Acquirer, BoxFuture, Clock, Invocation, NotConfigured, NotServed, OrderAt, PrepayOrder,
    RefundAt, RefundFact, RefundOrder, Remedy, ScannedCode, Trade,
};
use shouyin_core::product::{Handle, Product};
use shouyin_core::reconciliation::model::BillAnswer;
use shouyin_core::time::BillDate;
use wechatpay::{v2, v3};

use crate::account::{Account, MerchantAccount};
use crate::breaker::{BreakerSettings, BreakerStatus};
use crate::limits::{Call, Limits};
use crate::protocol::{Protocol, V2};
use crate::turns::Turns;
use crate::unsendable::{Unsendable, no_merchant, no_protocol, not_configured, only_in_v3};
use crate::{bill, invoke, notification, order, refund, trade};

/// The acquirer: all merchants of this server. Which one is meant is an argument of every call.
#[derive(Default)]
pub struct WechatAcquirer {
    accounts: BTreeMap<Mchid, Account>,
    clock: Option<Arc<dyn Clock>>,
    /// Orders whose QR code is being asked for.
    codes: Turns<Handle>,
}

impl WechatAcquirer {
    /// From the configured accounts. Without [`WechatAcquirer::with_clock`] every call is made at once, however many there are.
    pub fn new(accounts: impl IntoIterator<Item = (Mchid, MerchantAccount)>) -> Self {
        Self {
            accounts: accounts
                .into_iter()
                .map(|(mchid, account)| (mchid.clone(), Account::new(mchid, account)))
                .collect(),
            clock: None,
            codes: Turns::default(),
        }
    }

    /// With a clock for limits and circuit breakers, which are on from now on.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// With other limits than [`Limits::default`] for this merchant. An unknown merchant changes nothing.
    #[must_use]
    pub fn with_limits(self, mchid: &Mchid, limits: Limits) -> Self {
        if let Some(account) = self.accounts.get(mchid) {
            account.set_limits(limits);
        }
        self
    }

    /// With another circuit breaker than [`BreakerSettings::default`] for this merchant. An unknown merchant changes nothing.
    #[must_use]
    pub fn with_breaker(self, mchid: &Mchid, settings: BreakerSettings) -> Self {
        if let Some(account) = self.accounts.get(mchid) {
            account.set_breaker(settings);
        }
        self
    }

    /// The merchants, for housekeeping such as refreshing platform certificates.
    pub fn accounts(&self) -> impl Iterator<Item = (&Mchid, &Arc<MerchantAccount>)> {
        self.accounts
            .iter()
            .map(|(mchid, account)| (mchid, &account.merchant))
    }

    /// Whether WeChat is being called, for each merchant: for screens and readiness probes.
    pub fn status(&self) -> impl Iterator<Item = (&Mchid, BreakerStatus)> {
        self.accounts
            .iter()
            .map(|(mchid, account)| (mchid, account.status()))
    }

    /// Who makes the calls for an order that went this way.
    fn way(&self, mchid: &Mchid, route: &Route) -> Result<(&Account, Way<'_>), NotConfigured> {
        let account = self.accounts.get(mchid).ok_or_else(|| no_merchant(mchid))?;
        let protocols = &account.merchant.protocols;
        let way = match Protocol::of(route) {
            Some(Protocol::V3) => protocols.as_v3().map(Way::V3),
            Some(Protocol::V2) => protocols.as_v2().map(Way::V2),
            None => None,
        };
        way.map(|way| (account, way))
            .ok_or_else(|| no_protocol(mchid, route))
    }

    /// Sends a call of APIv3, if it may be sent now, and reads the answer.
    async fn v3<O: v3::Operation, T>(
        &self,
        account: &Account,
        client: &v3::Client,
        call: Call,
        operation: Result<O, impl Into<Unsendable>>,
        read: impl FnOnce(O::Answer) -> Result<T, String>,
    ) -> Outcome<T> {
        match operation {
            Err(why) => Outcome::from(why.into()),
            Ok(operation) => {
                let sent = client.send(&operation);
                account.send(self.clock.as_deref(), call, sent, read).await
            }
        }
    }

    /// The same for a call of the older protocol. Both are counted together: to WeChat they are one merchant's.
    async fn v2<O: v2::Operation, T>(
        &self,
        account: &Account,
        client: &V2,
        call: Call,
        operation: Result<O, impl Into<Unsendable>>,
        read: impl FnOnce(O::Answer) -> Result<T, String>,
    ) -> Outcome<T> {
        match operation {
            Err(why) => Outcome::from(why.into()),
            Ok(operation) => {
                let sent = client.client.send(&operation);
                account.send(self.clock.as_deref(), call, sent, read).await
            }
        }
    }

    /// Makes the order call.
    async fn place(&self, order: &PrepayOrder) -> Outcome<Handle> {
        let call = Call::Prepay;
        match self.way(&order.mchid, &order.route) {
            Err(why) => not_configured(&why, call),
            Ok((account, Way::V3(client))) => {
                let placed = order::prepay(order, &account.merchant.notify_url);
                self.v3(account, client, call, placed, order::handle).await
            }
            Ok((account, Way::V2(client))) => {
                let merchant = &account.merchant;
                let site = merchant.h5_site.as_ref();
                let placed = order::v2::prepay(order, &merchant.notify_url, site);
                self.v2(account, client, call, placed, order::v2::handle)
                    .await
            }
        }
    }
}

/// The client of the protocol by which an order went.
#[derive(Clone, Copy)]
enum Way<'a> {
    V3(&'a v3::Client),
    V2(&'a V2),
}

impl std::fmt::Debug for WechatAcquirer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WechatAcquirer")
            .field("accounts", &self.accounts)
            .finish_non_exhaustive()
    }
}

impl Acquirer for WechatAcquirer {
    fn serves(&self, mchid: &Mchid, appid: &Appid, product: Product) -> Result<(), NotServed> {
        let account = self.accounts.get(mchid).ok_or(NotServed::App)?;
        account.merchant.serves(appid, product)
    }

    fn route(&self, mchid: &Mchid, product: Product) -> Route {
        let account = self.accounts.get(mchid);
        account
            .map_or(Protocol::V3, |account| account.merchant.protocol(product))
            .route()
    }

    fn prepay<'a>(&'a self, order: &'a PrepayOrder) -> BoxFuture<'a, Outcome<Handle>> {
        Box::pin(async move {
            let placed = self.place(order);
            if order.product != Product::Native {
                return placed.await;
            }
            let key = (order.mchid.clone(), order.out_trade_no.clone());
            let good = |outcome: &Outcome<Handle>| match outcome {
                Outcome::Succeeded(handle) => Some(handle.clone()),
                Outcome::Rejected(_) | Outcome::Blocked(_) | Outcome::Unknown(_) => None,
            };
            let codes = &self.codes;
            codes.take(key, good, Outcome::Succeeded, placed).await
        })
    }

    fn charge<'a>(
        &'a self,
        order: &'a PrepayOrder,
        code: &'a ScannedCode,
    ) -> BoxFuture<'a, Outcome<Trade>> {
        Box::pin(async move {
            let call = Call::Charge;
            match self.way(&order.mchid, &order.route) {
                Err(why) => not_configured(&why, call),
                Ok((account, Way::V3(client))) => {
                    let charge = order::charge(order, code);
                    self.v3(account, client, call, charge, trade::trade).await
                }
                Ok((account, Way::V2(client))) => {
                    let charge = order::v2::charge(order, code);
                    self.v2(account, client, call, charge, trade::v2::trade)
                        .await
                }
            }
        })
    }

    fn query<'a>(&'a self, order: &'a OrderAt) -> BoxFuture<'a, Outcome<Trade>> {
        Box::pin(async move {
            let call = Call::Query;
            match self.way(&order.mchid, &order.route) {
                Err(why) => not_configured(&why, call),
                Ok((account, Way::V3(client))) => {
                    let asked = order::query(order);
                    self.v3(account, client, call, asked, trade::trade).await
                }
                Ok((account, Way::V2(client))) => {
                    let asked = order::v2::query(order);
                    self.v2(account, client, call, asked, trade::v2::trade)
                        .await
                }
            }
        })
    }

    fn close<'a>(&'a self, order: &'a OrderAt) -> BoxFuture<'a, Outcome<()>> {
        Box::pin(async move {
            let call = Call::Close;
            let charged = order.product == Product::Code;
            match self.way(&order.mchid, &order.route) {
                Err(why) => not_configured(&why, call),
                // What was charged by a code cannot be closed, only taken back.
                Ok((account, Way::V3(client))) if charged => {
                    self.v3(account, client, call, order::reverse(order), Ok)
                        .await
                }
                Ok((account, Way::V2(client))) if charged => {
                    let reverse = order::v2::reverse(order);
                    self.v2(account, client, call, reverse, order::v2::reversed)
                        .await
                }
                Ok((account, Way::V3(client))) => {
                    self.v3(account, client, call, order::close(order), Ok)
                        .await
                }
                Ok((account, Way::V2(client))) => {
                    let asked = order::v2::close(order);
                    let closed = self.v2(account, client, call, asked, Ok).await;
                    order::v2::perhaps_too_young(closed)
                }
            }
        })
    }

    fn refund<'a>(&'a self, order: &'a RefundOrder) -> BoxFuture<'a, Outcome<RefundFact>> {
        Box::pin(async move {
            let call = Call::Refund;
            match self.way(&order.mchid, &order.route) {
                Err(why) => not_configured(&why, call),
                Ok((account, Way::V3(client))) => {
                    let asked = refund::create(order, &account.merchant.notify_url);
                    self.v3(account, client, call, asked, refund::answer).await
                }
                Ok((account, Way::V2(client))) => {
                    let asked = refund::v2::create(order, &account.merchant.notify_url);
                    let read = |accepted| refund::v2::accepted(order, accepted);
                    self.v2(account, client, call, asked, read).await
                }
            }
        })
    }

    fn query_refund<'a>(&'a self, refund: &'a RefundAt) -> BoxFuture<'a, Outcome<RefundFact>> {
        Box::pin(async move {
            let call = Call::RefundQuery;
            match self.way(&refund.mchid, &refund.route) {
                Err(why) => not_configured(&why, call),
                Ok((account, Way::V3(client))) => {
                    let asked = refund::query(&refund.out_refund_no);
                    self.v3(account, client, call, asked, refund::answer).await
                }
                Ok((account, Way::V2(client))) => {
                    let asked = refund::v2::query(refund);
                    self.v2(account, client, call, asked, refund::v2::answer)
                        .await
                }
            }
        })
    }

    /// The older protocol has no such call; a merchant with both protocols asks by APIv3. That this works for an order of the
    /// older protocol is UNCONFIRMED; if it does not, WeChat says so and nothing has changed.
    fn remedy_refund<'a>(
        &'a self,
        mchid: &'a Mchid,
        refund_id: &'a WechatRefundId,
        out_refund_no: &'a OutRefundNo,
        remedy: &'a Remedy,
    ) -> BoxFuture<'a, Outcome<RefundFact>> {
        Box::pin(async move {
            let call = Call::Refund;
            let Some(account) = self.accounts.get(mchid) else {
                return not_configured(&no_merchant(mchid), call);
            };
            let Some(client) = account.merchant.protocols.as_v3() else {
                return only_in_v3(mchid).into();
            };
            let asked = refund::remedy(client, refund_id, out_refund_no, remedy);
            self.v3(account, client, call, asked, refund::answer).await
        })
    }

    /// By APIv3 if the merchant has it: there the file is proven by a signed hash. A merchant with both protocols has one bill.
    fn bill<'a>(&'a self, mchid: &'a Mchid, date: BillDate) -> BoxFuture<'a, Outcome<BillAnswer>> {
        Box::pin(async move {
            let call = Call::Bill;
            let Some(account) = self.accounts.get(mchid) else {
                return not_configured(&no_merchant(mchid), call);
            };
            let (protocols, clock) = (&account.merchant.protocols, self.clock.as_deref());
            if let Some(client) = protocols.as_v3() {
                return bill::v3(account, client, clock, date).await;
            }
            match (protocols.as_v2(), account.merchant.apps.keys().next()) {
                (Some(client), Some(appid)) => bill::v2(account, client, clock, appid, date).await,
                (Some(_) | None, _) => {
                    let none = format!("merchant {mchid} has no app to ask for its bills with");
                    not_configured(&NotConfigured(none), call)
                }
            }
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
        // The cashier wants the signature of the protocol that placed the order.
        match self.way(mchid, route)?.1 {
            Way::V3(client) => invoke::v3(client, product, appid, prepay_id),
            Way::V2(client) => invoke::v2(client, product, appid, prepay_id),
        }
    }

    fn open_notification(
        &self,
        mchid: &Mchid,
        headers: &[(String, String)],
        body: &[u8],
        now: Timestamp,
    ) -> Result<Notice, NoticeRefused> {
        let account = self
            .accounts
            .get(mchid)
            .ok_or(NoticeRefused::UnknownMerchant)?;
        let protocols = &account.merchant.protocols;
        let protocol = Protocol::of_notification(body);
        let unused = || {
            NoticeRefused::NotVerified(format!(
                "the merchant does not use {} here",
                protocol.as_str()
            ))
        };
        match protocol {
            Protocol::V3 => {
                let client = protocols.as_v3().ok_or_else(unused)?;
                let opened = client.open_notification(headers, body, now.as_seconds());
                notification::notice(opened.map_err(notification::refused)?)
            }
            Protocol::V2 => {
                let client = &protocols.as_v2().ok_or_else(unused)?.client;
                let opened = client.open_notification(body);
                let opened = opened.map_err(notification::v2::refused)?;
                notification::v2::notice(opened, client.account().sign_type)
            }
        }
    }
}

#[cfg(test)]
mod tests;
