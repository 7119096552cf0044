//! Orders: placing, asking, closing.

use fen::Fen;

use super::answer::Verified;
use super::fields::Fields;
use super::operation::{Operation, Path};
use crate::text::{
    Appid, Attach, CodeUrl, H5Url, NotifyUrl, Openid, OutTradeNo, PrepayId, TextError,
    TransactionId,
};
use crate::time::{format_compact, parse_compact};
use crate::v3::ParseError;
use crate::v3::pay::{Handle, TradeState};
use crate::wire::Wire;

mod body;
#[cfg(test)]
mod tests;

pub use body::Body;

/// How the payer pays, with what belongs to it (`trade_type`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Product {
    /// Mini program or a page inside WeChat: `JSAPI`.
    Jsapi {
        /// Who may pay; a user of the order's app.
        openid: Openid,
    },
    /// QR code: `NATIVE`.
    Native {
        /// The merchant's number of what is sold; at most 32 characters.
        product_id: String,
    },
    /// Mobile app: `APP`.
    App,
    /// Browser outside WeChat: `MWEB`.
    H5 {
        /// The address of the shop's page, on its registered domain.
        wap_url: String,
        /// Its name.
        wap_name: String,
    },
}

impl Product {
    /// The name at WeChat.
    pub const fn trade_type(&self) -> &'static str {
        match self {
            Self::Jsapi { .. } => "JSAPI",
            Self::Native { .. } => "NATIVE",
            Self::App => "APP",
            Self::H5 { .. } => "MWEB",
        }
    }
}

/// Places an order: `/pay/unifiedorder`. Repeating it with the same fields gives a valid handle again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnifiedOrder {
    /// In which app.
    pub appid: Appid,
    /// How it is paid.
    pub product: Product,
    /// What the payer reads.
    pub body: Body,
    /// The merchant's own data.
    pub attach: Option<Attach>,
    /// The merchant's number.
    pub out_trade_no: OutTradeNo,
    /// How much.
    pub total_fee: Fen,
    /// The payer's address. For browsers ([`Product::H5`]) WeChat checks it.
    pub spbill_create_ip: std::net::IpAddr,
    /// Until when it may be paid, Unix milliseconds. WeChat wants five minutes at least.
    pub time_expire_ms: Option<i64>,
    /// Where the notification goes.
    pub notify_url: NotifyUrl,
}

/// The handle of a placed order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placed {
    /// Valid for two hours.
    pub prepay_id: PrepayId,
    /// What the QR code says; `NATIVE` only. Valid for two hours, or until the order is placed again.
    pub code_url: Option<CodeUrl>,
    /// Where the browser goes; `MWEB` only. Valid for five minutes.
    pub mweb_url: Option<H5Url>,
}

impl Placed {
    /// What the payer needs: the QR code's text or the browser's address where the product has one, else the prepay id.
    pub fn into_handle(self) -> Handle {
        match (self.code_url, self.mweb_url) {
            (Some(code_url), _) => Handle::CodeUrl(code_url),
            (None, Some(h5_url)) => Handle::H5Url(h5_url),
            (None, None) => Handle::PrepayId(self.prepay_id),
        }
    }
}

impl Operation for UnifiedOrder {
    type Answer = Placed;
    const PATH: Path = Path::open("/pay/unifiedorder");

    fn fields(&self) -> Fields {
        let fields = Fields::new()
            .with("appid", self.appid.as_str())
            .with("body", self.body.as_str())
            .with_some("attach", self.attach.as_ref().map(Attach::as_str))
            .with("out_trade_no", self.out_trade_no.as_str())
            .with("total_fee", self.total_fee.get().to_string())
            .with("spbill_create_ip", self.spbill_create_ip.to_string())
            .with_some("time_expire", self.time_expire_ms.map(format_compact))
            .with("notify_url", self.notify_url.as_str())
            .with("trade_type", self.product.trade_type());
        match &self.product {
            Product::Jsapi { openid } => fields.with("openid", openid.as_str()),
            Product::Native { product_id } => fields.with("product_id", product_id.as_str()),
            Product::App => fields,
            Product::H5 { wap_url, wap_name } => {
                let scene = serde_json::json!({
                    "h5_info": { "type": "Wap", "wap_url": wap_url, "wap_name": wap_name }
                });
                fields.with("scene_info", scene.to_string())
            }
        }
    }

    fn parse(&self, verified: &Verified) -> Result<Placed, ParseError> {
        if verified.text("trade_type")? != self.product.trade_type() {
            return Err(ParseError::AnotherObject("trade_type"));
        }
        let malformed = |error: TextError| ParseError::Malformed(error.to_string());
        let prepay_id = PrepayId::parse(verified.text("prepay_id")?).map_err(malformed)?;
        let (mut code_url, mut mweb_url) = (None, None);
        match &self.product {
            Product::Jsapi { .. } | Product::App => {}
            Product::Native { .. } => {
                code_url = Some(CodeUrl::parse(verified.text("code_url")?).map_err(malformed)?);
            }
            Product::H5 { .. } => {
                mweb_url = Some(H5Url::parse(verified.text("mweb_url")?).map_err(malformed)?);
            }
        }
        Ok(Placed {
            prepay_id,
            code_url,
            mweb_url,
        })
    }
}

/// Asks for an order: `/pay/orderquery`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueryOrder {
    /// The app it was placed in.
    pub appid: Appid,
    /// The merchant's number.
    pub out_trade_no: OutTradeNo,
}

impl Operation for QueryOrder {
    type Answer = Order;
    const PATH: Path = Path::open("/pay/orderquery");

    fn fields(&self) -> Fields {
        Fields::new()
            .with("appid", self.appid.as_str())
            .with("out_trade_no", self.out_trade_no.as_str())
    }

    fn parse(&self, verified: &Verified) -> Result<Order, ParseError> {
        let order = Order::read(verified, verified.text("trade_state")?)?;
        if order.out_trade_no == self.out_trade_no.as_str() {
            Ok(order)
        } else {
            Err(ParseError::AnotherObject("out_trade_no"))
        }
    }
}

/// Closes an unpaid order: `/pay/closeorder`. Not in its first five minutes. Repeating it is harmless.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CloseOrder {
    /// The app it was placed in.
    pub appid: Appid,
    /// The merchant's number.
    pub out_trade_no: OutTradeNo,
}

impl Operation for CloseOrder {
    type Answer = ();
    const PATH: Path = Path::open("/pay/closeorder");

    fn fields(&self) -> Fields {
        Fields::new()
            .with("appid", self.appid.as_str())
            .with("out_trade_no", self.out_trade_no.as_str())
    }

    fn parse(&self, _: &Verified) -> Result<(), ParseError> {
        Ok(())
    }
}

/// An order as WeChat sees it. While it is not paid, only its number and state are there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// The app it was placed in.
    pub appid: Option<String>,
    /// The merchant.
    pub mch_id: String,
    /// The merchant's number.
    pub out_trade_no: String,
    /// Where it stands.
    pub trade_state: Wire<TradeState>,
    /// WeChat's number, once paid.
    pub transaction_id: Option<TransactionId>,
    /// Who paid.
    pub openid: Option<String>,
    /// `JSAPI`, `NATIVE`, `APP`, `MWEB`, `MICROPAY`, once paid.
    pub trade_type: Option<String>,
    /// How much was asked for.
    pub total_fee: Option<Fen>,
    /// How much the payer paid; less than the total with coupons.
    pub cash_fee: Option<Fen>,
    /// `CNY`; absent means the same.
    pub fee_type: Option<String>,
    /// The merchant's own data.
    pub attach: Option<String>,
    /// When it was paid, Unix milliseconds.
    pub time_end_ms: Option<i64>,
}

impl Order {
    /// From a verified payment notification, which only successes have.
    ///
    /// # Errors
    /// When it does not say that the payment succeeded, or lacks its number.
    pub fn from_notification(verified: &Verified) -> Result<Self, ParseError> {
        if verified.get("result_code") != Some("SUCCESS") {
            return Err(ParseError::Malformed(
                "a payment notification without success".into(),
            ));
        }
        Self::read(verified, "SUCCESS")
    }

    pub(super) fn read(verified: &Verified, trade_state: &str) -> Result<Self, ParseError> {
        let own = |name: &str| verified.get(name).map(str::to_owned);
        let malformed = |text: String| ParseError::Malformed(text);
        let time_end_ms = match verified.get("time_end") {
            None => None,
            Some(text) => {
                Some(parse_compact(text).ok_or_else(|| malformed("time_end is no time".into()))?)
            }
        };
        let transaction_id = match verified.get("transaction_id") {
            None => None,
            Some(text) => Some(TransactionId::parse(text).map_err(|e| malformed(e.to_string()))?),
        };
        Ok(Self {
            appid: own("appid"),
            mch_id: verified.text("mch_id")?.to_owned(),
            out_trade_no: verified.text("out_trade_no")?.to_owned(),
            trade_state: Wire::from_name(trade_state),
            transaction_id,
            openid: own("openid"),
            trade_type: own("trade_type"),
            total_fee: verified.some_fen("total_fee")?,
            cash_fee: verified.some_fen("cash_fee")?,
            fee_type: own("fee_type"),
            attach: own("attach"),
            time_end_ms,
        })
    }
}
