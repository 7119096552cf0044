//! Sign, send, verify, read: the whole way of a call.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use futures_util::lock::Mutex;
use serde_json::Value;

use super::account::Account;
use super::app_payment::AppPayment;
use super::certificates::{self, ListCertificates};
use super::encryption::{EncryptionError, Encryptor};
use super::error::{ApiError, ErrorSignature, judge};
use super::notification::{self, Notification, NotificationError};
use super::operation::{Operation, ParseError};
use super::outcome::{Outcome, Unknown, UnknownReason};
use super::request::{RawResponse, Request, SignedRequest};
use super::request_payment::RequestPayment;
use super::sign::authorization;
use super::transport::Transport;
use super::verify::{VerificationError, Verified};
use crate::bridge::BridgePayment;

/// Tells the time in Unix seconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Gives a fresh random text of at most 32 letters and digits each time.
pub type Nonces = Arc<dyn Fn() -> String + Send + Sync>;

/// Unknown serials in answers make us fetch the certificate list at most this often (seconds).
const REFRESH_PAUSE: i64 = 60;

/// How the id of a WeChat Pay public key begins. There is no call to fetch such a key.
const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_";

/// Calls WeChat Pay for one account.
pub struct Client {
    account: Account,
    transport: Arc<dyn Transport>,
    clock: Clock,
    nonces: Nonces,
    /// When the certificate list was last asked for; held while asking, so that only one caller does.
    last_refresh: Mutex<Option<i64>>,
}

impl Client {
    /// A client from its parts. `clock` tells Unix seconds; `nonces` is usually [`random_nonce`].
    pub fn new(
        account: Account,
        transport: Arc<dyn Transport>,
        clock: Clock,
        nonces: Nonces,
    ) -> Self {
        Self {
            account,
            transport,
            clock,
            nonces,
            last_refresh: Mutex::new(None),
        }
    }

    /// The account it calls for.
    pub fn account(&self) -> &Account {
        &self.account
    }

    pub(super) fn transport(&self) -> &dyn Transport {
        self.transport.as_ref()
    }

    /// Makes a typed call. It is sent once: whether and when to repeat it is for the caller, under the same numbers.
    pub async fn send<O: Operation>(&self, operation: &O) -> Outcome<O::Answer> {
        let exchanged = self.exchange(&operation.request()).await;
        understand(exchanged, |status, verified| {
            operation.parse(status, verified)
        })
    }

    /// Makes any signed call of APIv3. The verified answer is its JSON, `null` for an empty body.
    ///
    /// Not for file downloads, which WeChat does not sign (bills: [`Client::download_bill`]), and not for uploads, which are signed over a part only.
    pub async fn call(&self, request: Request) -> Outcome<Value> {
        let exchanged = self.exchange(&request).await;
        understand(exchanged, |_, verified| {
            if verified.body().is_empty() {
                return Ok(Value::Null);
            }
            serde_json::from_slice(verified.body())
                .map_err(|error| ParseError::Malformed(error.to_string()))
        })
    }

    /// Fetches the platform certificates and adds them to the account's keys; gives how many WeChat listed. To be
    /// called at the start and then by a clock, at least every 12 hours (WeChat Pay APIv3 documentation).
    ///
    /// A merchant who only has a public key is told `RESOURCE_NOT_EXISTS`: there is nothing to fetch.
    pub async fn refresh_certificates(&self) -> Outcome<usize> {
        let mut last = self.last_refresh.lock().await;
        *last = Some((self.clock)());
        self.fetch_certificates().await
    }

    /// Encrypts the sensitive fields of one request: for the key that [`Account::request_serial`] names, else for a
    /// public key of the ring, else for its newest valid certificate.
    ///
    /// # Errors
    /// When the ring has no key to encrypt with.
    pub fn encryptor(&self) -> Result<Encryptor, EncryptionError> {
        let preferred = self.account.request_serial.as_deref();
        let now = (self.clock)();
        self.account
            .keys
            .choose_encryption_key(preferred, now)
            .map(|(serial_no, key)| Encryptor::new(serial_no, key))
            .ok_or(EncryptionError::NoKey)
    }

    /// The parameters for `wx.requestPayment`. `appid` is that of the order.
    pub fn request_payment(&self, appid: &str, prepay_id: &str) -> RequestPayment {
        let signer = self.account.signer.as_ref();
        RequestPayment::sign(signer, appid, prepay_id, (self.clock)(), &(self.nonces)())
    }

    /// The parameters of the bridge call on a page inside WeChat. `appid` is that of the order.
    pub fn bridge_payment(&self, appid: &str, prepay_id: &str) -> BridgePayment<RequestPayment> {
        BridgePayment::new(appid, self.request_payment(appid, prepay_id))
    }

    /// The parameters for WeChat's app SDK. `appid` is that of the order.
    pub fn app_payment(&self, appid: &str, prepay_id: &str) -> AppPayment {
        let Account { mchid, signer, .. } = &self.account;
        AppPayment::sign(
            signer.as_ref(),
            appid,
            mchid.as_str(),
            prepay_id,
            (self.clock)(),
            &(self.nonces)(),
        )
    }

    /// Verifies and decrypts a notification; `body` exactly as received, `now_unix` in seconds. Never calls WeChat.
    ///
    /// # Errors
    /// When it is not proven to come from WeChat Pay or cannot be read: answer 4xx or 5xx.
    pub fn open_notification(
        &self,
        headers: &[(String, String)],
        body: &[u8],
        now_unix: i64,
    ) -> Result<Notification, NotificationError> {
        let key = self
            .account
            .api_v3_key
            .as_ref()
            .ok_or(NotificationError::NoApiV3Key)?;
        notification::open(&self.account.keys, key, headers, body, now_unix)
    }

    /// The request with every header that belongs to it.
    pub fn sign(&self, request: &Request) -> SignedRequest {
        let authorization = authorization(
            self.account.mchid.as_str(),
            self.account.signer.as_ref(),
            request.method.as_str(),
            request.target.as_str(),
            &request.body,
            (self.clock)(),
            &(self.nonces)(),
        );
        let mut headers = vec![
            ("Authorization".to_owned(), authorization),
            ("Accept".to_owned(), "application/json".to_owned()),
        ];
        if !request.body.is_empty() {
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        let encryption_serial = request.encryption_serial.as_ref();
        if let Some(serial) = encryption_serial.or(self.account.request_serial.as_ref()) {
            headers.push(("Wechatpay-Serial".to_owned(), serial.clone()));
        }
        SignedRequest {
            method: request.method,
            target: request.target.as_str().to_owned(),
            headers,
            body: request.body.clone(),
        }
    }

    async fn exchange(&self, request: &Request) -> Outcome<(u16, Verified)> {
        let response = match self.transport.send(&self.sign(request)).await {
            Ok(response) => response,
            Err(error) => return Outcome::Unknown(error.into()),
        };
        let mut verification = self.verify(&response);
        if let Err(VerificationError::UnknownSerial(serial)) = &verification
            && self.refresh_for(serial).await
        {
            verification = self.verify(&response);
        }
        if !(200..300).contains(&response.status) {
            return judge(&response, verification);
        }
        match verification {
            Ok(verified) => Outcome::Done((response.status, verified)),
            Err(why) => Outcome::Unknown(Unknown {
                reason: UnknownReason::Unverified(why),
                error: None,
                request_id: response.request_id(),
            }),
        }
    }

    pub(super) fn verify(&self, response: &RawResponse) -> Result<Verified, VerificationError> {
        self.account
            .keys
            .verify(&response.headers, &response.body, (self.clock)())
    }

    /// Looks for the certificate with this serial; whether it is known now. Concurrent callers share one attempt.
    async fn refresh_for(&self, serial: &str) -> bool {
        if self.account.api_v3_key.is_none() || serial.starts_with(PUBLIC_KEY_ID) {
            return false;
        }
        let mut last = self.last_refresh.lock().await;
        if self.account.keys.contains(serial) {
            return true;
        }
        // WeChat's probes also use serials nobody can know: those must not double every call we make.
        let now = (self.clock)();
        if last.is_some_and(|last| now.saturating_sub(last) < REFRESH_PAUSE) {
            return false;
        }
        *last = Some(now);
        match self.fetch_certificates().await {
            Outcome::Done(_) => self.account.keys.contains(serial),
            Outcome::Rejected(error) => {
                tracing::warn!("The certificate list was refused: {error}");
                false
            }
            Outcome::Unknown(unknown) => {
                tracing::warn!("The certificate list could not be fetched: {unknown}");
                false
            }
        }
    }

    async fn fetch_certificates(&self) -> Outcome<usize> {
        let Some(key) = &self.account.api_v3_key else {
            let reason = UnknownReason::NotSent("no APIv3 key is configured".to_owned());
            return Outcome::Unknown(Unknown::because(reason));
        };
        let request = ListCertificates.request();
        let response = match self.transport.send(&self.sign(&request)).await {
            Ok(response) => response,
            Err(error) => return Outcome::Unknown(error.into()),
        };
        if response.status != 200 {
            let verification = self.verify(&response);
            return judge(&response, verification);
        }
        match certificates::accept(&response, key, &self.account.keys, (self.clock)()) {
            Ok(count) => Outcome::Done(count),
            Err(why) => Outcome::Unknown(Unknown {
                reason: why.into(),
                error: None,
                request_id: response.request_id(),
            }),
        }
    }
}

fn understand<T>(
    exchanged: Outcome<(u16, Verified)>,
    parse: impl FnOnce(u16, &Verified) -> Result<T, ParseError>,
) -> Outcome<T> {
    let (status, verified) = match exchanged {
        Outcome::Done(answer) => answer,
        Outcome::Rejected(error) => return Outcome::Rejected(error),
        Outcome::Unknown(unknown) => return Outcome::Unknown(unknown),
    };
    let request_id = verified.request_id().map(str::to_owned);
    match parse(status, &verified) {
        Ok(answer) => Outcome::Done(answer),
        Err(ParseError::Undecided(code)) => Outcome::Unknown(Unknown::undecided(ApiError {
            status,
            code,
            message: String::new(),
            detail: None,
            request_id,
            signature: ErrorSignature::Verified,
        })),
        Err(why) => Outcome::Unknown(Unknown {
            reason: UnknownReason::Unparsable(why.to_string()),
            error: None,
            request_id,
        }),
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// A fresh random text of 32 letters and digits, for [`Client::new`].
///
/// # Panics
/// When the operating system gives no random numbers; nothing can be signed safely then.
pub fn random_nonce() -> String {
    let mut bytes = [0; 16];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => hex::encode(bytes),
        Err(_) => panic!("the operating system gives no random numbers"),
    }
}

#[cfg(test)]
mod tests;
