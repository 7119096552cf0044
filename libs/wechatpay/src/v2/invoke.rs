//! What the payer's phone needs to open the cashier.

use serde::{Deserialize, Serialize};

use super::fields::Fields;
use super::key::{ApiKey, SignType};

/// The parameters of `wx.requestPayment` for an order that was made with this protocol. The appid is signed but not a member: pass these five.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestPayment {
    /// Unix seconds as text.
    pub time_stamp: String,
    /// Random text of at most 32 characters.
    pub nonce_str: String,
    /// `prepay_id=...`
    pub package: String,
    /// `MD5` or `HMAC-SHA256`, as the order was signed.
    pub sign_type: String,
    /// Upper-case hexadecimal.
    pub pay_sign: String,
}

impl RequestPayment {
    /// Signs with the key that signed the order.
    pub fn sign(
        key: &ApiKey,
        sign_type: SignType,
        appid: &str,
        prepay_id: &str,
        timestamp: i64,
        nonce: &str,
    ) -> Self {
        let package = format!("prepay_id={prepay_id}");
        let fields = Fields::new()
            .with("appId", appid)
            .with("timeStamp", timestamp.to_string())
            .with("nonceStr", nonce)
            .with("package", package.as_str())
            .with("signType", sign_type.as_str());
        Self {
            pay_sign: fields.signature(sign_type, key),
            time_stamp: timestamp.to_string(),
            nonce_str: nonce.to_owned(),
            package,
            sign_type: sign_type.as_str().to_owned(),
        }
    }
}

/// The parameters of WeChat's app SDK. All names are lower case, and there is no sign type among them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub struct AppPayment {
    /// The mobile app.
    #[serde(rename = "appid")]
    pub appid: String,
    /// The merchant number.
    #[serde(rename = "partnerid")]
    pub partner_id: String,
    /// The handle of the order.
    #[serde(rename = "prepayid")]
    pub prepay_id: String,
    /// Always `Sign=WXPay`.
    pub package: String,
    /// Random text of at most 32 characters.
    #[serde(rename = "noncestr")]
    pub nonce_str: String,
    /// Unix seconds as text.
    pub timestamp: String,
    /// Upper-case hexadecimal.
    pub sign: String,
}

impl AppPayment {
    /// Signs with the key that signed the order.
    pub fn sign(
        key: &ApiKey,
        sign_type: SignType,
        appid: &str,
        mch_id: &str,
        prepay_id: &str,
        timestamp: i64,
        nonce: &str,
    ) -> Self {
        let package = "Sign=WXPay";
        let fields = Fields::new()
            .with("appid", appid)
            .with("partnerid", mch_id)
            .with("prepayid", prepay_id)
            .with("package", package)
            .with("noncestr", nonce)
            .with("timestamp", timestamp.to_string());
        Self {
            appid: appid.to_owned(),
            partner_id: mch_id.to_owned(),
            prepay_id: prepay_id.to_owned(),
            package: package.to_owned(),
            nonce_str: nonce.to_owned(),
            timestamp: timestamp.to_string(),
            sign: fields.signature(sign_type, key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mini_program(
        key: &str,
        sign_type: SignType,
        appid: &str,
        prepay_id: &str,
        at: i64,
        nonce: &str,
    ) -> String {
        let key = ApiKey::parse(key).unwrap();
        RequestPayment::sign(&key, sign_type, appid, prepay_id, at, nonce).pay_sign
    }

    #[test]
    fn the_published_pay_sign_comes_out() {
        let sign = |sign_type| {
            mini_program(
                "qazwsxedcrfvtgbyhnujmikolp111111",
                sign_type,
                "wxd678efh567hg6787",
                "wx2017033010242291fcfe0db70013231072",
                1_490_840_662,
                "5K8264ILTKCH16CQ2502SI8ZNMTM67VS",
            )
        };
        assert_eq!(sign(SignType::Md5), "22D9B4E54AB1950F51E0649E8810ACD6");
        assert_eq!(
            sign(SignType::HmacSha256),
            "FB9D1EFB5C509131BBFF729F88A99CA2DE9B724D06D3B3262832A53083862BC0"
        );
    }

    const KEY: &str = "0123456789abcdef0123456789ABCDEF";
    const PREPAY: &str = "wx0212000000000000000000000000000000";

    #[test]
    fn both_sign_types_for_both_products() {
        let sign = |sign_type| {
            mini_program(
                KEY,
                sign_type,
                "wx1234567890abcdef",
                PREPAY,
                1_704_168_000,
                "Qp7sT2vX9zB4",
            )
        };
        assert_eq!(sign(SignType::Md5), "E534F812C8BFE3B2A99B2E6E05979942");
        assert_eq!(
            sign(SignType::HmacSha256),
            "82A5D854AA58823397CE4F7FF6AEC1CF9B4CB7AFF81C955137B09D681BB21BE0"
        );
        let key = ApiKey::parse(KEY).unwrap();
        let app = |sign_type| {
            AppPayment::sign(
                &key,
                sign_type,
                "wx1234567890abcdef",
                "1900000109",
                PREPAY,
                1_704_168_000,
                "Qp7sT2vX9zB4",
            )
        };
        assert_eq!(app(SignType::Md5).sign, "8C70DD5C2956FEB5ADABFD3575EB0557");
        assert_eq!(
            app(SignType::HmacSha256).sign,
            "A8262A89C4515146AB86460035A4EFB66B1BB7B037CFB8FA0CF9F38A8D4EEFC1"
        );
        let json = serde_json::to_value(app(SignType::Md5)).unwrap();
        let names: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        assert_eq!(
            names,
            [
                "appid",
                "noncestr",
                "package",
                "partnerid",
                "prepayid",
                "sign",
                "timestamp"
            ]
        );
    }
}
