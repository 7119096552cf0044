//! Notifications: genuine ones, made as WeChat makes them with WeChat's own keys, and everything that can be wrong with one.

use serde_json::{Value, json};
use wechatpay::crypto::{ApiV3Key, PrivateKey};
use wechatpay::time::WechatTime;
use wechatpay::v3::notification::{Plain, seal};
use wechatpay::v3::{RsaSigner, signature_headers};

use crate::wire::Request;

/// Both sides' keys of one merchant, as the simulator made them.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) mchid: String,
    /// WeChat's.
    pub(crate) wechat: RsaSigner,
    /// The merchant's own.
    pub(crate) merchant: RsaSigner,
    pub(crate) api_v3: ApiV3Key,
    /// What WeChat's key is called.
    pub(crate) serial: String,
    /// The key of the older protocol, which both sides have.
    pub(crate) api_v2: wechatpay::v2::ApiKey,
}

impl Keys {
    pub(crate) fn new(files: &Value, wechat_key_pem: &str) -> Self {
        let text = |name: &str| files[name].as_str().unwrap().to_owned();
        let serial = text("public_key_id");
        let merchant = PrivateKey::from_pem(&text("private_key_pem")).unwrap();
        Self {
            mchid: text("mchid"),
            wechat: RsaSigner::new(
                serial.clone(),
                PrivateKey::from_pem(wechat_key_pem).unwrap(),
            ),
            merchant: RsaSigner::new(text("serial_no"), merchant),
            api_v3: ApiV3Key::new(&text("apiv3_key")).unwrap(),
            serial,
            api_v2: wechatpay::v2::ApiKey::parse(&text("api_key")).unwrap(),
        }
    }
}

/// A notification before it is sealed, signed and sent.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) event_type: &'static str,
    pub(crate) original_type: &'static str,
    pub(crate) resource: Value,
}

impl Notice {
    pub(crate) fn payment(resource: Value) -> Self {
        Self {
            event_type: "TRANSACTION.SUCCESS",
            original_type: "transaction",
            resource,
        }
    }

    pub(crate) fn refund(resource: Value) -> Self {
        Self {
            event_type: "REFUND.SUCCESS",
            original_type: "refund",
            resource,
        }
    }

    /// Its body, sealed with this merchant's key.
    pub(crate) fn seal(&self, keys: &Keys, now_ms: i64) -> Vec<u8> {
        let plain = Plain {
            id: "5d7f1f5e-2c4b-5a39-9f0e-6b8f3f1c2a10",
            create_time: &WechatTime::from_unix_ms(now_ms),
            event_type: self.event_type,
            original_type: self.original_type,
            summary: "支付成功",
            nonce: "Qm7Kx2Vb9TzL",
            associated_data: self.original_type,
            resource: &self.resource.to_string(),
        };
        seal(&keys.api_v3, &plain).unwrap()
    }
}

/// The nonce of every signature made here.
pub(crate) const NONCE: &str = "9f2c4e6a8b0d1f3a5c7e9b1d3f5a7c9e";

/// `body` to this merchant's address, without any signature.
pub(crate) fn unsigned(mchid: &str, body: impl Into<Vec<u8>>) -> Request {
    Request::new("POST", format!("/wechat/notify/{mchid}"))
        .header("Content-Type", "application/json")
        .body(body)
}

/// The same with a genuine signature of now.
pub(crate) fn signed(keys: &Keys, now_unix: i64, body: impl Into<Vec<u8>>) -> Request {
    let body = body.into();
    let headers = signature_headers(&keys.wechat, now_unix, NONCE, &body);
    unsigned(&keys.mchid, body).headers(&headers)
}

/// Changes one of the signature headers; `None` removes it.
pub(crate) fn with(mut request: Request, name: &str, value: Option<&str>) -> Request {
    request
        .headers
        .retain(|(other, _)| value.is_some() || !other.eq_ignore_ascii_case(name));
    for (other, old) in &mut request.headers {
        if let Some(value) = value
            && other.eq_ignore_ascii_case(name)
        {
            value.clone_into(old);
        }
    }
    request
}

/// The value of a header that is there.
pub(crate) fn value_of(request: &Request, name: &str) -> String {
    let found = request
        .headers
        .iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(name));
    found.unwrap().1.clone()
}

/// `value` with the changes of a JSON merge patch.
pub(crate) fn changed(value: &Value, changes: &Value) -> Value {
    let mut after = value.clone();
    merge(&mut after, changes);
    after
}

fn merge(target: &mut Value, changes: &Value) {
    let Some(members) = changes.as_object() else {
        *target = changes.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, change) in members {
        if change.is_null() {
            target.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut target[name], change);
        }
    }
}
