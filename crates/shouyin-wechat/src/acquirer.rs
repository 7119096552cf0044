//! WeChat Pay as core sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use shouyin_core::Timestamp;
use shouyin_core::id::{Appid, Mchid, OutTradeNo, PrepayId};
use shouyin_core::notification::{Notice, NoticeRefused};
use shouyin_core::outcome::{Outcome, Refusal, RefusalKind};
use shouyin_core::ports::{Acquirer, BoxFuture, NotConfigured, PrepayOrder, RequestPayment, Trade};
use wechatpay::text;
use wechatpay::time::WechatTime;
use wechatpay::v3::{self, pay};

use crate::notification::{notice, refused};
use crate::outcome::outcome;
use crate::trade::trade;

/// One merchant number at WeChat Pay, with everything needed to act for it.
#[derive(Debug)]
pub struct MerchantAccount {
    /// The SDK's client, which holds the keys.
    pub client: v3::Client,
    /// The apps it takes payments in.
    pub appids: BTreeSet<Appid>,
    /// Where WeChat sends payment notifications.
    pub notify_url: text::NotifyUrl,
}

/// The acquirer: all merchants of this server. Which one is meant is an argument of every call.
#[derive(Debug, Default)]
pub struct WechatAcquirer {
    accounts: BTreeMap<Mchid, Arc<MerchantAccount>>,
}

impl WechatAcquirer {
    /// From the configured accounts.
    pub fn new(accounts: impl IntoIterator<Item = (Mchid, MerchantAccount)>) -> Self {
        Self {
            accounts: accounts
                .into_iter()
                .map(|(mchid, account)| (mchid, Arc::new(account)))
                .collect(),
        }
    }

    /// The merchants, for housekeeping such as refreshing platform certificates.
    pub fn accounts(&self) -> impl Iterator<Item = (&Mchid, &Arc<MerchantAccount>)> {
        self.accounts.iter()
    }

    fn account(&self, mchid: &Mchid) -> Result<&MerchantAccount, NotConfigured> {
        self.accounts.get(mchid).map(Arc::as_ref).ok_or_else(|| {
            NotConfigured(format!("merchant {mchid} is not configured on this server"))
        })
    }
}

/// A refusal of our own, before anything was sent.
fn refused_here<T>(code: &str, message: String) -> Outcome<T> {
    // Ours, so there is no signature to check: it proves that nothing was sent.
    Outcome::Rejected(Refusal {
        kind: RefusalKind::Other,
        code: code.into(),
        message,
        request_id: None,
        verified: true,
    })
}

fn prepay_operation(
    account: &MerchantAccount,
    order: &PrepayOrder,
) -> Result<pay::PrepayJsapi, text::TextError> {
    Ok(pay::PrepayJsapi {
        appid: text::Appid::parse(order.appid.as_str())?,
        mchid: text::Mchid::parse(order.mchid.as_str())?,
        description: text::Description::parse(&order.description)?,
        out_trade_no: text::OutTradeNo::parse(order.out_trade_no.as_str())?,
        time_expire: Some(WechatTime::from_unix_ms(order.time_expire.as_millis())),
        attach: order
            .attach
            .as_deref()
            .map(text::Attach::parse)
            .transpose()?,
        notify_url: account.notify_url.clone(),
        total: order.amount,
        openid: text::Openid::parse(order.payer.as_str())?,
    })
}

impl Acquirer for WechatAcquirer {
    fn serves(&self, mchid: &Mchid, appid: &Appid) -> bool {
        self.accounts
            .get(mchid)
            .is_some_and(|account| account.appids.contains(appid))
    }

    fn prepay<'a>(&'a self, order: &'a PrepayOrder) -> BoxFuture<'a, Outcome<PrepayId>> {
        Box::pin(async move {
            let account = match self.account(&order.mchid) {
                Ok(account) => account,
                Err(missing) => return refused_here("NOT_CONFIGURED", missing.to_string()),
            };
            match prepay_operation(account, order) {
                Err(error) => refused_here("PARAM_ERROR", error.to_string()),
                Ok(operation) => outcome(account.client.send(&operation).await, |prepay_id| {
                    PrepayId::parse(prepay_id.as_str()).map_err(|error| error.to_string())
                }),
            }
        })
    }

    fn query<'a>(
        &'a self,
        mchid: &'a Mchid,
        out_trade_no: &'a OutTradeNo,
    ) -> BoxFuture<'a, Outcome<Trade>> {
        Box::pin(async move {
            match self.numbers(mchid, out_trade_no) {
                Err(refused) => refused,
                Ok((account, mchid, out_trade_no)) => {
                    let operation = pay::QueryByOutTradeNo {
                        mchid,
                        out_trade_no,
                    };
                    outcome(account.client.send(&operation).await, trade)
                }
            }
        })
    }

    fn close<'a>(
        &'a self,
        mchid: &'a Mchid,
        out_trade_no: &'a OutTradeNo,
    ) -> BoxFuture<'a, Outcome<()>> {
        Box::pin(async move {
            match self.numbers(mchid, out_trade_no) {
                Err(refused) => refused,
                Ok((account, mchid, out_trade_no)) => {
                    let operation = pay::CloseOrder {
                        mchid,
                        out_trade_no,
                    };
                    outcome(account.client.send(&operation).await, Ok)
                }
            }
        })
    }

    fn request_payment(
        &self,
        mchid: &Mchid,
        appid: &Appid,
        prepay_id: &PrepayId,
    ) -> Result<RequestPayment, NotConfigured> {
        let account = self.account(mchid)?;
        let signed = account
            .client
            .request_payment(appid.as_str(), prepay_id.as_str());
        Ok(RequestPayment {
            time_stamp: signed.time_stamp,
            nonce_str: signed.nonce_str,
            package: signed.package,
            sign_type: signed.sign_type,
            pay_sign: signed.pay_sign,
        })
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
        let notification = account
            .client
            .open_notification(headers, body, now.as_seconds())
            .map_err(refused)?;
        notice(notification)
    }
}

impl WechatAcquirer {
    /// The account and both numbers as the SDK wants them.
    fn numbers<T>(
        &self,
        mchid: &Mchid,
        out_trade_no: &OutTradeNo,
    ) -> Result<(&MerchantAccount, text::Mchid, text::OutTradeNo), Outcome<T>> {
        let account = self
            .account(mchid)
            .map_err(|missing| refused_here("NOT_CONFIGURED", missing.to_string()))?;
        let parsed = text::Mchid::parse(mchid.as_str())
            .and_then(|mchid| Ok((mchid, text::OutTradeNo::parse(out_trade_no.as_str())?)));
        match parsed {
            Ok((mchid, out_trade_no)) => Ok((account, mchid, out_trade_no)),
            Err(error) => Err(refused_here("PARAM_ERROR", error.to_string())),
        }
    }
}
