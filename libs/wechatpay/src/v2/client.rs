//! Sign, send, verify, read: the whole way of a call.

use std::fmt;
use std::sync::Arc;

use super::answer::{Owner, judge};
use super::fields::Fields;
use super::invoke::{AppPayment, RequestPayment};
use super::key::{ApiKey, SignType};
use super::notification::{self, Merchant, Notification, NotificationError};
use super::operation::{Operation, Path};
use crate::bridge::BridgePayment;
use crate::text::Mchid;
use crate::v3::{
    Method, Nonces, Outcome, RawResponse, SignedRequest, Transport, Unknown, UnknownReason,
};

#[cfg(test)]
mod tests;

/// A merchant at WeChat Pay and how its messages are signed.
#[derive(Clone, Debug)]
pub struct Account {
    /// The merchant that signs.
    pub mchid: Mchid,
    /// Its v2 key.
    pub key: ApiKey,
    /// How it signs; answers and notifications must be signed alike.
    pub sign_type: SignType,
}

/// Calls WeChat Pay for one account with the older protocol.
pub struct Client {
    account: Account,
    transport: Arc<dyn Transport>,
    /// The way that presents the merchant's certificate; without it, refunds and reversals cannot be sent.
    certified: Option<Arc<dyn Transport>>,
    nonces: Nonces,
}

impl Client {
    /// A client from its parts. `certified` presents the merchant's certificate; `nonces` is usually [`crate::v3::random_nonce`].
    pub fn new(
        account: Account,
        transport: Arc<dyn Transport>,
        certified: Option<Arc<dyn Transport>>,
        nonces: Nonces,
    ) -> Self {
        Self {
            account,
            transport,
            certified,
            nonces,
        }
    }

    /// The account it calls for.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Makes a typed call. It is sent once: whether and when to repeat it is for the caller, under the same numbers.
    pub async fn send<O: Operation>(&self, operation: &O) -> Outcome<O::Answer> {
        let sign_type = O::ONLY_SIGN_TYPE.unwrap_or(self.account.sign_type);
        let fields = operation.fields();
        let appid = fields.get("appid").map(str::to_owned);
        let response = match self.exchange(O::PATH, fields, sign_type).await {
            Ok(response) => response,
            Err(unknown) => return Outcome::Unknown(unknown),
        };
        let owner = Owner {
            mch_id: self.account.mchid.as_str(),
            appid: appid.as_deref(),
        };
        match judge(&response, owner, sign_type, &self.account.key) {
            Outcome::Done(verified) => match operation.parse(&verified) {
                Ok(answer) => Outcome::Done(answer),
                Err(why) => {
                    let reason = UnknownReason::Unparsable(why.to_string());
                    Outcome::Unknown(Unknown::because(reason))
                }
            },
            Outcome::Rejected(error) => Outcome::Rejected(error),
            Outcome::Unknown(unknown) => Outcome::Unknown(unknown),
        }
    }

    /// Verifies a notification; `body` exactly as received.
    ///
    /// # Errors
    /// When it is not authentic: answer [`notification::refused`].
    pub fn open_notification(&self, body: &[u8]) -> Result<Notification, NotificationError> {
        let merchant = Merchant {
            mch_id: self.account.mchid.as_str(),
            sign_type: self.account.sign_type,
            key: &self.account.key,
        };
        notification::open(merchant, body)
    }

    /// The parameters for `wx.requestPayment`; `now_unix` in seconds.
    pub fn request_payment(&self, appid: &str, prepay_id: &str, now_unix: i64) -> RequestPayment {
        let Account { key, sign_type, .. } = &self.account;
        RequestPayment::sign(
            key,
            *sign_type,
            appid,
            prepay_id,
            now_unix,
            &(self.nonces)(),
        )
    }

    /// The parameters of the bridge call on a page inside WeChat; `now_unix` in seconds.
    pub fn bridge_payment(
        &self,
        appid: &str,
        prepay_id: &str,
        now_unix: i64,
    ) -> BridgePayment<RequestPayment> {
        BridgePayment::new(appid, self.request_payment(appid, prepay_id, now_unix))
    }

    /// The parameters for WeChat's app SDK; `now_unix` in seconds.
    pub fn app_payment(&self, appid: &str, prepay_id: &str, now_unix: i64) -> AppPayment {
        let Account {
            mchid,
            key,
            sign_type,
        } = &self.account;
        AppPayment::sign(
            key,
            *sign_type,
            appid,
            mchid.as_str(),
            prepay_id,
            now_unix,
            &(self.nonces)(),
        )
    }

    /// The request with its signature, as it is sent.
    pub fn sign(&self, path: Path, fields: Fields, sign_type: SignType) -> SignedRequest {
        let mut fields = fields
            .with("mch_id", self.account.mchid.as_str())
            .with("nonce_str", (self.nonces)());
        if sign_type != SignType::Md5 {
            fields.set("sign_type", sign_type.as_str());
        }
        let signed = fields.signed(sign_type, &self.account.key);
        SignedRequest {
            method: Method::Post,
            target: path.path.to_owned(),
            headers: vec![(
                "Content-Type".to_owned(),
                "text/xml; charset=utf-8".to_owned(),
            )],
            body: signed.to_xml().into_bytes(),
        }
    }

    pub(super) async fn exchange(
        &self,
        path: Path,
        fields: Fields,
        sign_type: SignType,
    ) -> Result<RawResponse, Unknown> {
        let transport = self.way(path).map_err(Unknown::because)?;
        transport
            .send(&self.sign(path, fields, sign_type))
            .await
            .map_err(Unknown::from)
    }

    /// The same for a file of up to `limit` bytes.
    pub(super) async fn fetch(
        &self,
        path: Path,
        fields: Fields,
        sign_type: SignType,
        limit: usize,
    ) -> Result<RawResponse, Unknown> {
        let transport = self.way(path).map_err(Unknown::because)?;
        transport
            .fetch(&self.sign(path, fields, sign_type), limit)
            .await
            .map_err(Unknown::from)
    }

    fn way(&self, path: Path) -> Result<&dyn Transport, UnknownReason> {
        match (&self.certified, path.needs_certificate) {
            (_, false) => Ok(self.transport.as_ref()),
            (Some(certified), true) => Ok(certified.as_ref()),
            (None, true) => {
                let missing = "the merchant's certificate is not configured";
                Err(UnknownReason::NotSent(missing.into()))
            }
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}
