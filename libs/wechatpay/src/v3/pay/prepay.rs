use fen::Fen;
use serde_json::json;

use super::product::{Handle, Product};
use crate::text::{Appid, Attach, Description, Mchid, NotifyUrl, OutTradeNo};
use crate::time::WechatTime;
use crate::v3::{Operation, ParseError, Request, Target, Verified};

/// Places an order for any product: `POST /v3/pay/transactions/jsapi`, `/native`, `/app` or `/h5`.
///
/// Repeating it with the same members gives a fresh handle of the same order, as long as it is unpaid and before its
/// deadline; an older `code_url` is dead then. The same number with other members is refused (`OUT_TRADE_NO_USED` or
/// `INVALID_REQUEST`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prepay {
    /// The app the order belongs to, of a kind that fits the product: the official account or mini program the payer's
    /// openid is from, the mobile app, or any of them for a QR code and a browser.
    pub appid: Appid,
    /// Who gets the money.
    pub mchid: Mchid,
    /// What the payer reads.
    pub description: Description,
    /// The merchant's number of this order.
    pub out_trade_no: OutTradeNo,
    /// After this nobody can pay any more; not an automatic close. Cannot change for a number.
    pub time_expire: Option<WechatTime>,
    /// The merchant's own data.
    pub attach: Option<Attach>,
    /// Where the notification goes.
    pub notify_url: NotifyUrl,
    /// What is to be paid; WeChat refuses less than 1 fen.
    pub total: Fen,
    /// How it is paid.
    pub product: Product,
}

impl Operation for Prepay {
    type Answer = Handle;

    fn request(&self) -> Request {
        let mut body = json!({
            "appid": self.appid.as_str(),
            "mchid": self.mchid.as_str(),
            "description": self.description.as_str(),
            "out_trade_no": self.out_trade_no.as_str(),
            "notify_url": self.notify_url.as_str(),
            "amount": { "total": self.total.get(), "currency": "CNY" },
        });
        self.product.write(&mut body);
        if let Some(time_expire) = &self.time_expire {
            body["time_expire"] = json!(time_expire.as_str());
        }
        if let Some(attach) = &self.attach {
            body["attach"] = json!(attach.as_str());
        }
        let path = ["v3", "pay", "transactions", self.product.path()];
        Request::post_json(Target::path(&path), &body)
    }

    fn parse(&self, status: u16, verified: &Verified) -> Result<Handle, ParseError> {
        self.product.read(status, verified)
    }
}
