//! Payment codes: the merchant scans what the payer's phone shows. There is no notification, ever.

use fen::Fen;

use super::answer::Verified;
use super::fields::Fields;
use super::key::SignType;
use super::operation::{Operation, Path};
use super::pay::{Body, Order};
use crate::text::{Appid, Attach, OutTradeNo, TextError};
use crate::v3::ParseError;

/// What a payment code says: 18 digits that begin with 10 to 15. It changes every minute and is good for one order. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthCode(String);

impl AuthCode {
    /// Checks the text.
    ///
    /// # Errors
    /// When it is not such a code.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let digits = text.len() == 18 && text.bytes().all(|byte| byte.is_ascii_digit());
        let known = ["10", "11", "12", "13", "14", "15"];
        if digits && known.iter().any(|prefix| text.starts_with(prefix)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(TextError {
                field: "auth_code",
                reason: "must have 18 digits, beginning with 10 to 15",
            })
        }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for AuthCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuthCode(***)")
    }
}

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
    }

    fn parse(&self, verified: &Verified) -> Result<Order, ParseError> {
        let order = Order::read(verified, "SUCCESS")?;
        if order.out_trade_no == self.out_trade_no.as_str() {
            Ok(order)
        } else {
            Err(ParseError::AnotherObject("out_trade_no"))
        }
    }
}

/// Takes an order by payment code back: `/secapi/pay/reverse`, with the merchant's certificate. Paid: the money goes back. Not paid: it is closed.
/// Not within 15 seconds of the payment, and not after seven days.
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
