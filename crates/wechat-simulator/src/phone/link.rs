//! The other ways into the cashier: scanning a QR code, following a link in a browser, and a mobile app.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wechatpay::v2::{Fields, SignType};
use wechatpay::v3::AppPayment;

use super::{Cashier, PhoneRefusal, buyer};
use crate::heart::Wechat;
use crate::log::Checks;
use crate::order::TradeType;

/// A link into the browser is good for five minutes.
pub const MWEB_URL_LIFE_MS: i64 = 5 * 60_000;

/// Somebody scans a `code_url`, or follows an `h5_url` (API v2: `mweb_url`).
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, ToSchema)]
pub struct FollowLink {
    /// `code_url` or `h5_url` (API v2: `mweb_url`); what is appended to the latter (`&redirect_url=`) may be there.
    pub url: String,
    /// Who holds the phone. Default `buyer`.
    #[serde(default = "buyer")]
    pub user: String,
}

/// A mobile app hands the parameters its server signed to WeChat's SDK.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, ToSchema)]
pub struct OpenFromApp {
    /// Who holds the phone. Default `buyer`.
    #[serde(default = "buyer")]
    pub user: String,
    /// The mobile app.
    pub appid: String,
    /// The merchant number.
    pub partnerid: String,
    /// The handle of the order.
    pub prepayid: String,
    /// `Sign=WXPay`
    pub package: String,
    /// At most 32 characters.
    pub noncestr: String,
    /// Unix seconds as text.
    pub timestamp: String,
    /// Base64; for orders of API v2 upper-case hexadecimal.
    pub sign: String,
}

/// What matters of an address for browsers: a simulator may be reached under several names.
fn path(url: &str) -> &str {
    url.find("/cgi-bin/").map_or(url, |start| &url[start..])
}

impl Wechat {
    pub(super) fn follow_link(&mut self, follow: &FollowLink) -> Result<Cashier, PhoneRefusal> {
        let found = self.book.prepays.iter().find(|(_, prepay)| {
            let link = prepay.link.as_deref();
            link.is_some_and(|link| path(&follow.url).starts_with(path(link)))
        });
        let Some((id, prepay)) = found else {
            return Err(self.dialog("二维码已失效", "WeChat never gave out this address"));
        };
        let (id, key, age_ms) = (
            id.clone(),
            prepay.order.clone(),
            self.now_ms - prepay.made_ms,
        );
        let Some(order) = self.book.orders.get(&key) else {
            return Err(self.dialog("订单不存在", "no such order"));
        };
        if order.trade_type == TradeType::Mweb && age_ms >= MWEB_URL_LIFE_MS {
            let why =
                "the address is older than five minutes: repeat the order call for a fresh one";
            return Err(self.dialog("支付请求已失效，请重新发起支付", why));
        }
        self.enter(&id, &key, &follow.user)
    }

    pub(super) fn open_from_app(
        &mut self,
        open: &OpenFromApp,
        checks: &mut Checks,
    ) -> Result<Cashier, PhoneRefusal> {
        let Some(prepay) = self.book.prepays.get(&open.prepayid) else {
            return Err(self.dialog("订单不存在", "WeChat never gave out this prepayid"));
        };
        let key = prepay.order.clone();
        let signed = match prepay.protocol.sign_type() {
            Some(sign_type) => self.is_signed_by_key(open, sign_type),
            None => {
                let text = AppPayment::text_to_sign(
                    &open.appid,
                    &open.timestamp,
                    &open.noncestr,
                    &open.prepayid,
                );
                self.book
                    .merchant_certificate(&key.0, &prepay.serial_no)
                    .is_some_and(|certificate| certificate.key.verify(&text, &open.sign))
            }
        };
        let genuine = signed && open.package == "Sign=WXPay" && open.partnerid == key.0;
        let protocol = prepay.protocol;
        checks.note("sign", genuine, || {
            format!("for an order of {protocol:?} of merchant {}", key.0)
        });
        if !genuine {
            let why = match protocol.sign_type() {
                Some(_) => {
                    "sign must be made with the API key and the sign type of the order call, over the six names in lower case"
                }
                None => {
                    "sign must verify with the certificate that signed the order call, over appid, timestamp, noncestr and \
                     the bare prepayid, each ended by a line feed; package must be Sign=WXPay and partnerid the merchant"
                }
            };
            return Err(self.dialog("支付验证签名失败", why));
        }
        let trade_type = self.book.orders.get(&key).map(|order| order.trade_type);
        if trade_type != Some(TradeType::App) {
            let why = "the order was not made with trade_type APP";
            return Err(self.dialog("支付场景非法", why));
        }
        let appid = self.book.orders.get(&key).map(|order| order.appid.clone());
        if appid.as_ref() != Some(&open.appid) {
            let why = "the order was made under another app";
            return Err(self.dialog("商户号与应用不匹配", why));
        }
        self.enter(&open.prepayid, &key, &open.user)
    }

    fn is_signed_by_key(&self, open: &OpenFromApp, sign_type: SignType) -> bool {
        let fields = Fields::new()
            .with("appid", open.appid.as_str())
            .with("partnerid", open.partnerid.as_str())
            .with("prepayid", open.prepayid.as_str())
            .with("package", open.package.as_str())
            .with("noncestr", open.noncestr.as_str())
            .with("timestamp", open.timestamp.as_str());
        let merchant = self.book.merchants.get(&open.partnerid);
        merchant
            .and_then(|merchant| merchant.api_key.as_ref())
            .is_some_and(|key| fields.signature(sign_type, key) == open.sign)
    }

    /// Opens the cashier; from then on the order is this payer's.
    fn enter(
        &mut self,
        prepay_id: &str,
        key: &crate::book::OrderKey,
        user: &str,
    ) -> Result<Cashier, PhoneRefusal> {
        let order = self.book.orders.get(key);
        let appid = order.map(|order| order.appid.clone()).unwrap_or_default();
        self.check_order(prepay_id, key, &appid, user)?;
        let openid = self.openid(&appid, user);
        if let Some(order) = self.book.orders.get_mut(key) {
            order.openid = openid;
        }
        self.cashier(prepay_id, key)
    }
}
