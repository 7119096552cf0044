//! What the cashier checks of parameters that an API key signed.

use wechatpay::v2::{ApiKey, Fields, SignType};

use crate::log::Checks;
use crate::phone::OpenCashier;

/// `paySign` must be made with the API key and the sign type of the order call. `Err` says why not.
pub(crate) fn check_pay_sign(
    open: &OpenCashier,
    time_stamp: &str,
    sign_type: SignType,
    key: Option<&ApiKey>,
    checks: &mut Checks,
) -> Result<(), String> {
    let fields = Fields::new()
        .with("appId", open.appid.as_str())
        .with("timeStamp", time_stamp)
        .with("nonceStr", open.nonce_str.as_str())
        .with("package", open.package.as_str())
        .with("signType", open.sign_type.as_str());
    // Left out, it means MD5 to the phone.
    let named = if open.sign_type.is_empty() {
        SignType::Md5.as_str()
    } else {
        open.sign_type.as_str()
    };
    let genuine = named == sign_type.as_str()
        && key.is_some_and(|key| fields.signature(sign_type, key) == open.pay_sign);
    let text = || {
        let pairs = fields.iter().filter(|(_, value)| !value.is_empty());
        let pairs = pairs.map(|(name, value)| format!("{name}={value}&"));
        pairs.chain(["key=***".to_owned()]).collect::<String>()
    };
    checks.note_text(
        "paySign",
        genuine,
        || {
            format!(
                "signType {named:?}; the order call was signed with the API key, {}",
                sign_type.as_str()
            )
        },
        || Some(text()),
    );
    if genuine {
        Ok(())
    } else {
        Err(format!(
            "the order was made with API v2 and {}, and paySign is not that signature with the API key over {:?}",
            sign_type.as_str(),
            text()
        ))
    }
}
