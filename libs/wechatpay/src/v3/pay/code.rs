//! Payment codes: the merchant scans what the payer's phone shows. There is no notification, ever.
//!
//! Whether WeChat offers this to a merchant by APIv3 is for the merchant's console to say: WeChat's guidance of 2026 says that payment codes exist in
//! the older protocol only ([`crate::v2::code`]), its documentation of 2025 describes these calls.

use std::net::IpAddr;

use fen::Fen;
use serde::Deserialize;
use serde_json::{Value, json};

use super::transaction::{TradeState, TradeType, Transaction};
use crate::text::{Appid, Attach, AuthCode, Description, DeviceId, Mchid, OutTradeNo, StoreId};
use crate::v3::operation::{json as read, same};
use crate::v3::{Operation, ParseError, Request, Target, Verified};
use crate::wire::Wire;

/// Takes money by a payment code: `POST /v3/pay/transactions/codepay`. The answer may take seconds.
///
/// [`Outcome::Done`](crate::v3::Outcome::Done) means *paid*: a verified answer that says `SUCCESS` about this very order. Whatever else WeChat says of
/// the order's state, `USERPAYING` above all (as a state, with 202, or as an error: which of them is UNCONFIRMED), is
/// [undecided](crate::v3::Unknown::undecided): query, and reverse what stays so. Never send it twice: the code is good for one
/// order, and a second answer would not be about the first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CodePay {
    /// In which app.
    pub appid: Appid,
    /// Who gets the money.
    pub mchid: Mchid,
    /// What the payer reads.
    pub description: Description,
    /// The merchant's number of this order.
    pub out_trade_no: OutTradeNo,
    /// The merchant's own data.
    pub attach: Option<Attach>,
    /// What is to be paid.
    pub total: Fen,
    /// What was scanned.
    pub auth_code: AuthCode,
    /// In which shop; WeChat demands it.
    pub store: Store,
    /// At which till.
    pub device_id: Option<DeviceId>,
    /// The till's address.
    pub device_ip: Option<IpAddr>,
}

/// The shop of a payment by code (`scene_info.store_info`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Store {
    /// By WeChat's number (`id`).
    Wechat(StoreId),
    /// By the merchant's own number (`out_id`).
    Own(StoreId),
}

impl Operation for CodePay {
    type Answer = Transaction;

    fn request(&self) -> Request {
        let store = match &self.store {
            Store::Wechat(id) => json!({ "id": id.as_str() }),
            Store::Own(id) => json!({ "out_id": id.as_str() }),
        };
        let mut body = json!({
            "appid": self.appid.as_str(),
            "mchid": self.mchid.as_str(),
            "description": self.description.as_str(),
            "out_trade_no": self.out_trade_no.as_str(),
            "payer": { "auth_code": self.auth_code.as_str() },
            "amount": { "total": self.total.get(), "currency": "CNY" },
            "scene_info": { "store_info": store },
        });
        if let Some(attach) = &self.attach {
            body["attach"] = json!(attach.as_str());
        }
        if let Some(device_id) = &self.device_id {
            body["scene_info"]["device_id"] = json!(device_id.as_str());
        }
        if let Some(device_ip) = &self.device_ip {
            body["scene_info"]["device_ip"] = json!(device_ip.to_string());
        }
        Request::post_json(
            Target::path(&["v3", "pay", "transactions", "codepay"]),
            &body,
        )
    }

    fn parse(&self, status: u16, verified: &Verified) -> Result<Transaction, ParseError> {
        if status == 202 {
            return Err(ParseError::Undecided(accepted(verified)));
        }
        let transaction: Transaction = read(status, verified)?;
        same_order(
            [
                self.appid.as_str(),
                self.mchid.as_str(),
                self.out_trade_no.as_str(),
            ],
            [transaction.appid.as_deref(), transaction.mchid.as_deref()],
            &transaction.out_trade_no,
        )?;
        match transaction.trade_state {
            Wire::Known(TradeState::Success) => {}
            Wire::Known(
                TradeState::Refund
                | TradeState::NotPay
                | TradeState::Closed
                | TradeState::Revoked
                | TradeState::UserPaying
                | TradeState::PayError
                | TradeState::Accept,
            )
            | Wire::Other(_) => {
                let state = transaction.trade_state.as_str().to_owned();
                return Err(ParseError::Undecided(state));
            }
        }
        // A success is money. It is believed only in the documented form; the query that follows otherwise tells.
        if transaction.transaction_id.is_none() {
            return Err(ParseError::Malformed("transaction_id is missing".into()));
        }
        match &transaction.trade_type {
            None | Some(Wire::Known(TradeType::Micropay)) => Ok(transaction),
            Some(_) => Err(ParseError::AnotherObject("trade_type")),
        }
    }
}

/// Takes an order by payment code back: `POST /v3/pay/transactions/out-trade-no/{out_trade_no}/reverse`.
///
/// Paid: the money goes back in full. Not paid: it is closed. Not within 15 seconds of the payment (older documentation).
/// While the payer is typing the password it can itself be [undecided](crate::v3::Unknown::undecided):
/// that reversal failed. Repeat it until it is done, and never use the number again. Not for undoing a sale: refund that.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReverseOrder {
    /// The app of the order.
    pub appid: Appid,
    /// Who got the money, if it was paid.
    pub mchid: Mchid,
    /// The merchant's number of the order.
    pub out_trade_no: OutTradeNo,
}

impl Operation for ReverseOrder {
    type Answer = ();

    fn request(&self) -> Request {
        let number = self.out_trade_no.as_str();
        Request::post_json(
            Target::path(&[
                "v3",
                "pay",
                "transactions",
                "out-trade-no",
                number,
                "reverse",
            ]),
            &json!({ "appid": self.appid.as_str(), "mchid": self.mchid.as_str() }),
        )
    }

    fn parse(&self, status: u16, verified: &Verified) -> Result<(), ParseError> {
        #[derive(Deserialize)]
        struct Answer {
            appid: Option<String>,
            mchid: Option<String>,
            out_trade_no: String,
        }
        if status == 202 {
            return Err(ParseError::Undecided(accepted(verified)));
        }
        let answer: Answer = read(status, verified)?;
        same_order(
            [
                self.appid.as_str(),
                self.mchid.as_str(),
                self.out_trade_no.as_str(),
            ],
            [answer.appid.as_deref(), answer.mchid.as_deref()],
            &answer.out_trade_no,
        )
    }
}

/// What an answer with 202 says: its code, else its state, else that it was accepted.
fn accepted(verified: &Verified) -> String {
    let body: Value = serde_json::from_slice(verified.body()).unwrap_or_default();
    ["code", "trade_state"]
        .iter()
        .find_map(|name| body.get(name).and_then(Value::as_str))
        .unwrap_or("ACCEPTED")
        .to_owned()
}

/// The answer is about the app, merchant and number that were asked for; app and merchant only if it names them.
fn same_order(
    [appid, mchid, out_trade_no]: [&str; 3],
    [answered_appid, answered_mchid]: [Option<&str>; 2],
    answered_number: &str,
) -> Result<(), ParseError> {
    same("out_trade_no", out_trade_no, answered_number)?;
    same("mchid", mchid, answered_mchid.unwrap_or(mchid))?;
    same("appid", appid, answered_appid.unwrap_or(appid))
}
