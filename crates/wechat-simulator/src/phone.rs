//! The buyer's phone: opening the cashier, and what a person can do there.
//!
//! Rules: mini-program client documentation, `wx.requestPayment`, and WeChat Pay APIv3 documentation, "pay parameters".

mod cashier;
mod link;

pub use link::{FollowLink, MWEB_URL_LIFE_MS, OpenFromApp};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Something done on a phone.
#[derive(Clone, PartialEq, Debug)]
pub enum PhoneAction {
    /// A mini program calls `wx.requestPayment`, or a page of an official account the bridge.
    Open(OpenCashier),
    /// Somebody scans a QR code, or follows a link in a browser.
    Follow(FollowLink),
    /// A mobile app opens the cashier.
    OpenFromApp(OpenFromApp),
    /// The buyer does something at the cashier.
    Act(CashierAction),
}

/// The arguments of `wx.requestPayment` or of the bridge's `getBrandWCPayRequest`, and who calls it where.
#[derive(Clone, PartialEq, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenCashier {
    /// The running mini program, or the official account (`appId` of the bridge).
    #[serde(alias = "appId")]
    pub appid: String,
    /// Who holds the phone. Default `buyer`.
    #[serde(default = "buyer")]
    pub user: String,
    /// Seconds; must be a text, as on real phones.
    #[serde(default)]
    #[schema(value_type = String)]
    pub time_stamp: Value,
    /// At most 32 characters.
    #[serde(default)]
    pub nonce_str: String,
    /// `prepay_id=...`
    #[serde(default)]
    pub package: String,
    /// `RSA` for APIv3 orders; `MD5` or `HMAC-SHA256` for orders of API v2, as the order call was signed.
    #[serde(default)]
    pub sign_type: String,
    /// Base64; for orders of API v2 upper-case hexadecimal.
    #[serde(default)]
    pub pay_sign: String,
}

/// What the buyer does at the cashier.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, ToSchema)]
pub struct CashierAction {
    /// Which cashier.
    pub prepay_id: String,
    /// Who holds the phone. Default `buyer`.
    #[serde(default = "buyer")]
    pub user: String,
    /// What they do.
    pub action: BuyerAction,
    /// A coupon of so many fen, with `pay`.
    #[serde(default)]
    pub coupon_fen: Option<i64>,
    /// Whether the coupon is paid by the merchant (`NOCASH`).
    #[serde(default)]
    pub coupon_no_cash: bool,
    /// Where the money comes from, with `pay`. Default `OTHERS` (balance).
    #[serde(default)]
    pub bank_type: Option<String>,
}

pub(crate) fn buyer() -> String {
    "buyer".to_owned()
}

/// What a buyer can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BuyerAction {
    /// Pays.
    Pay,
    /// Pays, and the app dies before it learns so.
    PayAndVanish,
    /// Closes the cashier.
    Cancel,
    /// Types a wrong password; the cashier stays open.
    WrongPassword,
    /// Picks a source with too little money; the cashier stays open.
    NotEnoughMoney,
}

/// What the phone shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PhoneAnswer {
    /// The cashier is open.
    Cashier(Cashier),
    /// What came of the buyer's action.
    Result(CashierResult),
}

/// What the cashier shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Cashier {
    /// Which cashier.
    pub prepay_id: String,
    /// What is bought.
    pub description: String,
    /// What is to be paid.
    pub amount_fen: i64,
    /// From whom.
    pub merchant_name: String,
    /// The merchant's number.
    pub out_trade_no: String,
}

/// What came of an action.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct CashierResult {
    /// What `wx.requestPayment` reports (pages: `get_brand_wcpay_request:ok`, apps: `errCode:0`); `null` while the
    /// cashier stays open, when the app has died, and for QR codes and browsers, which are told nothing.
    #[serde(rename = "errMsg")]
    pub err_msg: Option<String>,
    /// What the cashier tells the buyer.
    pub message: Option<String>,
    /// The order's state afterwards.
    pub trade_state: &'static str,
}

/// The cashier does not open, or shows an error dialog.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct PhoneRefusal {
    /// What `wx.requestPayment` reports.
    #[serde(rename = "errMsg")]
    pub err_msg: String,
    /// The text of the dialog and, for developers, why.
    pub reason: String,
}

#[cfg(test)]
mod tests;
