use fen::Fen;
use serde::Deserialize;
use serde_json::json;

use crate::text::{Appid, Attach, Description, Mchid, NotifyUrl, Openid, OutTradeNo, PrepayId};
use crate::time::WechatTime;
use crate::v3::operation::json as read;
use crate::v3::{Operation, ParseError, Request, Target, Verified};

/// Creates an order for a mini program or a page inside WeChat: `POST /v3/pay/transactions/jsapi`.
///
/// Repeating it with the same members gives a fresh `prepay_id` of the same order, as long as it is unpaid and
/// before its deadline. The same number with other members is refused (`OUT_TRADE_NO_USED` or `INVALID_REQUEST`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PrepayJsapi {
    /// The app the payer's openid belongs to.
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
    /// Who pays.
    pub openid: Openid,
}

impl Operation for PrepayJsapi {
    type Answer = PrepayId;

    fn request(&self) -> Request {
        let mut body = json!({
            "appid": self.appid.as_str(),
            "mchid": self.mchid.as_str(),
            "description": self.description.as_str(),
            "out_trade_no": self.out_trade_no.as_str(),
            "notify_url": self.notify_url.as_str(),
            "amount": { "total": self.total.get(), "currency": "CNY" },
            "payer": { "openid": self.openid.as_str() },
        });
        if let Some(time_expire) = &self.time_expire {
            body["time_expire"] = json!(time_expire.as_str());
        }
        if let Some(attach) = &self.attach {
            body["attach"] = json!(attach.as_str());
        }
        Request::post_json(Target::path(&["v3", "pay", "transactions", "jsapi"]), &body)
    }

    fn parse(&self, status: u16, verified: &Verified) -> Result<PrepayId, ParseError> {
        #[derive(Deserialize)]
        struct Answer {
            prepay_id: String,
        }
        let answer: Answer = read(status, verified)?;
        PrepayId::parse(&answer.prepay_id).map_err(|error| ParseError::Malformed(error.to_string()))
    }
}
