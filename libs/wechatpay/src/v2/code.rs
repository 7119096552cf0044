//! Payment codes: the merchant scans what the payer's phone shows. There is no notification, ever.

use fen::Fen;

use super::answer::Verified;
use super::fields::Fields;
use super::key::SignType;
use super::operation::{Operation, Path};
use super::pay::{Body, Order};
use crate::text::{Appid, Attach, OutTradeNo, StoreId};
use crate::v3::ParseError;

pub use crate::text::AuthCode;

/// Takes money by a payment code: `/pay/micropay`. The answer may take seconds. Unless it is a signed success or a definite refusal, nothing is
/// known: query, and reverse what stays unknown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Micropay {
    /// In which app.
    pub appid: Appid,
    /// What the payer reads.
    pub body: Body,
    /// The merchant's own data.
    pub attach: Option<Attach>,
    /// The merchant's number.
    pub out_trade_no: OutTradeNo,
    /// How much.
    pub total_fee: Fen,
    /// The address of the till.
    pub spbill_create_ip: std::net::IpAddr,
    /// In which shop.
    pub store: Option<StoreId>,
    /// What was scanned.
    pub auth_code: AuthCode,
}

impl Operation for Micropay {
    type Answer = Order;
    const PATH: Path = Path::open("/pay/micropay");

    fn fields(&self) -> Fields {
        Fields::new()
            .with("appid", self.appid.as_str())
            .with("body", self.body.as_str())
            .with_some("attach", self.attach.as_ref().map(Attach::as_str))
            .with("out_trade_no", self.out_trade_no.as_str())
            .with("total_fee", self.total_fee.get().to_string())
            .with("spbill_create_ip", self.spbill_create_ip.to_string())
            .with("auth_code", self.auth_code.as_str())
            .with_some("scene_info", self.store.as_ref().map(store_info))
    }

    fn parse(&self, verified: &Verified) -> Result<Order, ParseError> {
        let order = Order::read(verified, "SUCCESS")?;
        if order.out_trade_no != self.out_trade_no.as_str() {
            return Err(ParseError::AnotherObject("out_trade_no"));
        }
        // A success is money. It is believed only in the documented form; the query that follows otherwise tells.
        if verified.text("trade_type")? != "MICROPAY" {
            return Err(ParseError::AnotherObject("trade_type"));
        }
        verified.text("transaction_id")?;
        verified.fen("total_fee")?;
        Ok(order)
    }
}

fn store_info(store: &StoreId) -> String {
    serde_json::json!({ "store_info": { "id": store.as_str() } }).to_string()
}

/// Takes an order by payment code back: `/secapi/pay/reverse`, with the merchant's certificate. Paid: the money goes back. Not paid: it is closed.
/// Not within 15 seconds of the payment, and not after seven days. An error that carries `recall=Y` is unknown, not a refusal: call again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reverse {
    /// The app of the order.
    pub appid: Appid,
    /// The merchant's number.
    pub out_trade_no: OutTradeNo,
}

/// What a reversal answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reversed {
    /// Finished (`recall=N`).
    Finished,
    /// To be called again (`recall=Y`).
    CallAgain,
}

impl Operation for Reverse {
    type Answer = Reversed;
    const PATH: Path = Path::with_certificate("/secapi/pay/reverse");

    fn fields(&self) -> Fields {
        Fields::new()
            .with("appid", self.appid.as_str())
            .with("out_trade_no", self.out_trade_no.as_str())
    }

    fn parse(&self, verified: &Verified) -> Result<Reversed, ParseError> {
        match verified.text("recall")? {
            "N" => Ok(Reversed::Finished),
            "Y" => Ok(Reversed::CallAgain),
            other => Err(ParseError::Malformed(format!("recall is {other:?}"))),
        }
    }
}

/// Asks who shows a payment code: `/tools/authcodetoopenid`. After this only this merchant can charge it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthCodeToOpenid {
    /// In which app.
    pub appid: Appid,
    /// What was scanned.
    pub auth_code: AuthCode,
}

impl Operation for AuthCodeToOpenid {
    type Answer = String;
    const PATH: Path = Path::open("/tools/authcodetoopenid");
    /// WeChat's staff told a merchant that a longer signature is wrong here.
    const ONLY_SIGN_TYPE: Option<SignType> = Some(SignType::Md5);

    fn fields(&self) -> Fields {
        Fields::new()
            .with("appid", self.appid.as_str())
            .with("auth_code", self.auth_code.as_str())
    }

    fn parse(&self, verified: &Verified) -> Result<String, ParseError> {
        verified.text("openid").map(str::to_owned)
    }
}
