//! The other ways into the cashier: scanning a QR code, following a link in a browser, and a mobile app.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wechatpay::v2::{AppPayment, Fields};

use super::{Cashier, PhoneRefusal, buyer};
use crate::heart::Wechat;
use crate::log::Checks;
use crate::order::TradeType;

/// A link into the browser is good for five minutes.
pub const MWEB_URL_LIFE_MS: i64 = 5 * 60_000;

/// Somebody scans a `code_url`, or follows an `mweb_url`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, ToSchema)]
pub struct FollowLink {
    /// `code_url` or `mweb_url`; what is appended to the latter (`&redirect_url=`) may be there.
    pub url: String,
    /// Who holds the phone. Default `buyer`.
    #[serde(default = "buyer")]
    pub user: String,
}

/// A mobile app hands its parameters to WeChat's SDK.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, ToSchema)]
pub struct OpenFromApp {
    /// Who holds the phone. Default `buyer`.
    #[serde(default = "buyer")]
    pub user: String,
    /// What the merchant's server signed.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub payment: AppPayment,
}

impl Wechat {
    pub(super) fn follow_link(&mut self, follow: &FollowLink) -> Result<Cashier, PhoneRefusal> {
        let found = self.book.prepays.iter().find(|(_, prepay)| {
            prepay
                .link
                .as_ref()
                .is_some_and(|link| follow.url.starts_with(link.as_str()))
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
                "the mweb_url is older than five minutes: repeat the order call for a fresh one";
            return Err(self.dialog("支付请求已失效，请重新发起支付", why));
        }
        self.enter(&id, &key, &follow.user)
    }

    pub(super) fn open_from_app(
        &mut self,
        open: &OpenFromApp,
        checks: &mut Checks,
    ) -> Result<Cashier, PhoneRefusal> {
        let payment = &open.payment;
        let Some(prepay) = self.book.prepays.get(&payment.prepay_id) else {
            return Err(self.dialog("订单不存在", "WeChat never gave out this prepayid"));
        };
        let key = prepay.order.clone();
        let fields = Fields::new()
            .with("appid", payment.appid.as_str())
            .with("partnerid", payment.partner_id.as_str())
            .with("prepayid", payment.prepay_id.as_str())
            .with("package", payment.package.as_str())
            .with("noncestr", payment.nonce_str.as_str())
            .with("timestamp", payment.timestamp.as_str());
        let merchant = self.book.merchants.get(&payment.partner_id);
        let api_key = merchant.and_then(|merchant| merchant.api_key.as_ref());
        let expected = prepay
            .protocol
            .sign_type()
            .zip(api_key)
            .map(|(sign_type, key)| fields.signature(sign_type, key));
        let genuine = payment.package == "Sign=WXPay"
            && payment.partner_id == key.0
            && expected.is_some_and(|expected| expected == payment.sign);
        checks.note("sign", genuine, || {
            format!(
                "over the six names in lower case, for an order of {:?}",
                prepay.protocol
            )
        });
        if !genuine {
            let why = "sign must be made with the API key and the sign type of the order call";
            return Err(self.dialog("支付验证签名失败", why));
        }
        let trade_type = self.book.orders.get(&key).map(|order| order.trade_type);
        if trade_type != Some(TradeType::App) {
            let why = "the order was not made with trade_type APP";
            return Err(self.dialog("支付场景非法", why));
        }
        self.enter(&payment.prepay_id, &key, &open.user)
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
