//! The parameters a mini program passes to `wx.requestPayment`.

use serde::{Deserialize, Serialize};

use super::sign::Signer;

/// The parameters of `wx.requestPayment`, in the names the mini program needs.
///
/// All members are texts, `timeStamp` too: with a number the cashier fails. The appid is signed but not a member.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestPayment {
    /// Unix seconds as text.
    pub time_stamp: String,
    /// Random text of at most 32 characters.
    pub nonce_str: String,
    /// `prepay_id=...`
    pub package: String,
    /// Always `RSA`; not part of what is signed.
    pub sign_type: String,
    /// Base64.
    pub pay_sign: String,
}

impl RequestPayment {
    /// Signs with the key that signed the order, over appid, time, nonce and package, a line each.
    pub fn sign(
        signer: &dyn Signer,
        appid: &str,
        prepay_id: &str,
        timestamp: i64,
        nonce: &str,
    ) -> Self {
        let package = format!("prepay_id={prepay_id}");
        let time_stamp = timestamp.to_string();
        let text = Self::text_to_sign(appid, &time_stamp, nonce, &package);
        Self {
            pay_sign: signer.sign(&text),
            time_stamp,
            nonce_str: nonce.to_owned(),
            package,
            sign_type: "RSA".to_owned(),
        }
    }

    /// The four lines `paySign` is made over, each ended by LF. A simulator's cashier verifies against them.
    pub fn text_to_sign(appid: &str, time_stamp: &str, nonce_str: &str, package: &str) -> Vec<u8> {
        format!("{appid}\n{time_stamp}\n{nonce_str}\n{package}\n").into_bytes()
    }
}
