//! The parameters a mobile app passes to WeChat's SDK.

use serde::{Deserialize, Serialize};

use super::request_payment::RequestPayment;
use super::sign::Signer;

/// The parameters of a `PayReq` of WeChat's app SDK, in the lower-case names servers hand them out with. The SDK calls
/// them `appId`, `partnerId`, `prepayId`, `packageValue` (iOS: `package`), `nonceStr`, `timeStamp` and `sign`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AppPayment {
    /// The mobile app.
    pub appid: String,
    /// The merchant number; not signed.
    #[serde(rename = "partnerid")]
    pub partner_id: String,
    /// The handle of the order.
    #[serde(rename = "prepayid")]
    pub prepay_id: String,
    /// Always `Sign=WXPay`; not signed.
    pub package: String,
    /// Random text of at most 32 characters.
    #[serde(rename = "noncestr")]
    pub nonce_str: String,
    /// Unix seconds as text.
    pub timestamp: String,
    /// Base64.
    pub sign: String,
}

impl AppPayment {
    /// Signs with the key that signed the order, over app, time, nonce and the bare prepay id, a line each.
    pub fn sign(
        signer: &dyn Signer,
        appid: &str,
        mchid: &str,
        prepay_id: &str,
        timestamp: i64,
        nonce: &str,
    ) -> Self {
        let timestamp = timestamp.to_string();
        let text = Self::text_to_sign(appid, &timestamp, nonce, prepay_id);
        Self {
            sign: signer.sign(&text),
            appid: appid.to_owned(),
            partner_id: mchid.to_owned(),
            prepay_id: prepay_id.to_owned(),
            package: "Sign=WXPay".to_owned(),
            nonce_str: nonce.to_owned(),
            timestamp,
        }
    }

    /// The four lines `sign` is made over, each ended by LF; the last is the prepay id without `prepay_id=`.
    pub fn text_to_sign(appid: &str, timestamp: &str, nonce_str: &str, prepay_id: &str) -> Vec<u8> {
        RequestPayment::text_to_sign(appid, timestamp, nonce_str, prepay_id)
    }
}
