//! What the phone and the cashier check, and what paying does.

use fen::Fen;

use super::{
    BuyerAction, Cashier, CashierAction, CashierResult, OpenCashier, PhoneAction, PhoneAnswer,
    PhoneRefusal,
};
use crate::book::{AppKind, OrderKey};
use crate::heart::Wechat;
use crate::log::{Checks, Entry};
use crate::order::{Coupon, Order, OrderState, PREPAY_LIFE_MS, Payment, TradeType};
use crate::v2;

const CANCEL: &str = "requestPayment:fail cancel";

impl Wechat {
    pub(crate) fn phone(&mut self, action: PhoneAction) -> Result<PhoneAnswer, PhoneRefusal> {
        let mut checks = Checks::new(self.log.is_on());
        let what = match &action {
            PhoneAction::Open(open) => format!(
                "{} calls wx.requestPayment with {}",
                open.user, open.package
            ),
            PhoneAction::Follow(follow) => format!("{} follows {}", follow.user, follow.url),
            PhoneAction::OpenFromApp(open) => {
                format!("{}: app {} opens {}", open.user, open.appid, open.prepayid)
            }
            PhoneAction::Act(act) => {
                format!("{}: {:?} for {}", act.user, act.action, act.prepay_id)
            }
        };
        let result = match action {
            PhoneAction::Open(open) => self
                .open_cashier(&open, &mut checks)
                .map(PhoneAnswer::Cashier)
                .map_err(|refusal| match self.book.kind(&open.appid) {
                    // The bridge of pages tells no reason.
                    AppKind::OfficialAccount => PhoneRefusal {
                        err_msg: "get_brand_wcpay_request:fail".to_owned(),
                        ..refusal
                    },
                    AppKind::MiniProgram | AppKind::MobileApp => refusal,
                }),
            PhoneAction::Follow(follow) => self.follow_link(&follow).map(PhoneAnswer::Cashier),
            PhoneAction::OpenFromApp(open) => self
                .open_from_app(&open, &mut checks)
                .map(PhoneAnswer::Cashier),
            PhoneAction::Act(act) => self.act(&act, &mut checks).map(PhoneAnswer::Result),
        };
        let outcome = match &result {
            Ok(PhoneAnswer::Cashier(_)) => "the cashier is open".to_owned(),
            Ok(PhoneAnswer::Result(result)) => {
                format!("{:?}, {}", result.err_msg, result.trade_state)
            }
            Err(refusal) => refusal.reason.clone(),
        };
        self.log.add(self.now_ms, || Entry {
            kind: "phone",
            checks: checks.into_list(),
            note: Some(format!("{what}: {outcome}")),
            ..Entry::default()
        });
        result
    }

    fn open_cashier(
        &mut self,
        open: &OpenCashier,
        checks: &mut Checks,
    ) -> Result<Cashier, PhoneRefusal> {
        let time_stamp = check_arguments(open)?;
        let Some(prepay_id) = open
            .package
            .strip_prefix("prepay_id=")
            .filter(|id| !id.is_empty())
        else {
            return Err(self.dialog("缺少参数 package", "package must be prepay_id=..."));
        };
        let key = self.check_pay_sign(open, time_stamp, prepay_id, checks)?;
        let trade_type = self.book.orders.get(&key).map(|order| order.trade_type);
        if trade_type.is_some_and(|it| it != TradeType::Jsapi) {
            let why = "the order is of another product than JSAPI";
            return Err(self.dialog("支付场景非法", why));
        }
        self.check_order(prepay_id, &key, &open.appid, &open.user)?;
        self.cashier(prepay_id, &key)
    }

    /// The pay parameters must be signed by the certificate that signed the order call.
    fn check_pay_sign(
        &self,
        open: &OpenCashier,
        time_stamp: &str,
        prepay_id: &str,
        checks: &mut Checks,
    ) -> Result<OrderKey, PhoneRefusal> {
        let Some(prepay) = self.book.prepays.get(prepay_id) else {
            return Err(self.dialog("缺少参数 total_fee", "WeChat never gave out this prepay_id"));
        };
        if let Some(sign_type) = prepay.protocol.sign_type() {
            let merchant = self.book.merchants.get(&prepay.order.0);
            let key = merchant.and_then(|merchant| merchant.api_key.as_ref());
            return match v2::check_pay_sign(open, time_stamp, sign_type, key, checks) {
                Ok(()) => Ok(prepay.order.clone()),
                Err(why) => Err(self.dialog("支付验证签名失败", &why)),
            };
        }
        let serial_no = &prepay.serial_no;
        let certificate = self.book.merchant_certificate(&prepay.order.0, serial_no);
        let text = format!(
            "{}\n{time_stamp}\n{}\n{}\n",
            open.appid, open.nonce_str, open.package
        );
        let genuine = open.sign_type == "RSA"
            && certificate
                .is_some_and(|certificate| certificate.key.verify(text.as_bytes(), &open.pay_sign));
        checks.note_text(
            "paySign",
            genuine,
            || {
                format!(
                    "signType {:?}, certificate {serial_no}, which signed the order call",
                    open.sign_type
                )
            },
            || Some(text.clone()),
        );
        if genuine {
            Ok(prepay.order.clone())
        } else {
            let why = format!(
                "paySign does not verify with the certificate {serial_no} over appid, timeStamp, nonceStr and package, \
                 each ended by a line feed (signType must be RSA): {text:?}"
            );
            Err(self.dialog("支付验证签名失败", &why))
        }
    }

    /// Whether this user can pay this order by this prepay id now.
    pub(super) fn check_order(
        &self,
        prepay_id: &str,
        key: &OrderKey,
        appid: &str,
        user: &str,
    ) -> Result<(), PhoneRefusal> {
        let (Some(prepay), Some(order)) =
            (self.book.prepays.get(prepay_id), self.book.orders.get(key))
        else {
            return Err(self.dialog("订单不存在", "WeChat never gave out this prepay_id"));
        };
        if order.appid != appid {
            let why = format!(
                "the order was made under {}, the mini program is {appid}",
                order.appid
            );
            return Err(self.dialog("缺少参数 appId", &why));
        }
        if prepay.dead || self.now_ms - prepay.made_ms >= PREPAY_LIFE_MS {
            let why = "the prepay_id is older than two hours or was replaced: repeat the order call for a fresh one";
            return Err(self.dialog("订单已过期，请重新下单", why));
        }
        if !order.openid.is_empty() && order.openid != crate::ids::openid(appid, user) {
            let why = format!("the order's payer is another user than {user:?}");
            return Err(self.dialog("支付者与下单者不一致，请本人支付", &why));
        }
        if order.had_null {
            return Err(self.dialog(
                "系统繁忙，请稍后再试",
                "the order call had members with the value null",
            ));
        }
        match &order.state {
            OrderState::Paid(_) => Err(self.dialog("该订单已支付", "the order is already paid")),
            OrderState::Closed { .. } => Err(self.dialog("该订单已关闭", "the order is closed")),
            OrderState::NotPaid if order.is_overdue(self.now_ms) => {
                Err(self.dialog("订单已超过支付截止时间", "time_expire has passed"))
            }
            OrderState::NotPaid => Ok(()),
        }
    }

    pub(super) fn cashier(&self, prepay_id: &str, key: &OrderKey) -> Result<Cashier, PhoneRefusal> {
        let (Some(order), Some(merchant)) =
            (self.book.orders.get(key), self.book.merchants.get(&key.0))
        else {
            return Err(self.dialog("订单不存在", "no such order"));
        };
        Ok(Cashier {
            prepay_id: prepay_id.to_owned(),
            description: order.description.clone(),
            amount_fen: order.total.get(),
            merchant_name: merchant.name.clone(),
            out_trade_no: order.out_trade_no.clone(),
        })
    }

    fn act(
        &mut self,
        act: &CashierAction,
        checks: &mut Checks,
    ) -> Result<CashierResult, PhoneRefusal> {
        let Some(key) = self
            .book
            .prepays
            .get(&act.prepay_id)
            .map(|prepay| prepay.order.clone())
        else {
            return Err(self.dialog("订单不存在", "WeChat never gave out this prepay_id"));
        };
        let result = |wechat: &Self, told: Option<Told>, message: Option<&str>| CashierResult {
            err_msg: told.and_then(|told| wechat.reported(&key, told)),
            message: message.map(str::to_owned),
            trade_state: wechat.book.orders.get(&key).map_or("", Order::trade_state),
        };
        match act.action {
            BuyerAction::Cancel => Ok(result(self, Some(Told::Cancel), None)),
            BuyerAction::WrongPassword => Ok(result(self, None, Some("支付密码错误，请重试"))),
            BuyerAction::NotEnoughMoney => {
                Ok(result(self, None, Some("零钱余额不足，请更换支付方式")))
            }
            BuyerAction::Pay | BuyerAction::PayAndVanish => {
                let appid = self.book.orders.get(&key).map(|order| order.appid.clone());
                self.check_order(&act.prepay_id, &key, &appid.unwrap_or_default(), &act.user)?;
                self.pay(&key, act);
                checks.note("payment", true, || format!("order {} is paid", key.1));
                let told = act.action == BuyerAction::Pay;
                Ok(result(
                    self,
                    told.then_some(Told::Ok),
                    told.then_some("支付成功"),
                ))
            }
        }
    }

    /// What whoever opened the cashier is told. QR codes and browsers are told nothing.
    fn reported(&self, key: &OrderKey, told: Told) -> Option<String> {
        let order = self.book.orders.get(key)?;
        let text = match (order.trade_type, self.book.kind(&order.appid), told) {
            (TradeType::Native | TradeType::Mweb | TradeType::Micropay, _, _) => return None,
            (TradeType::App, _, Told::Ok) => "errCode:0",
            (TradeType::App, _, Told::Cancel) => "errCode:-2",
            (TradeType::Jsapi, AppKind::OfficialAccount, Told::Ok) => "get_brand_wcpay_request:ok",
            (TradeType::Jsapi, AppKind::OfficialAccount, Told::Cancel) => {
                "get_brand_wcpay_request:cancel"
            }
            (TradeType::Jsapi, AppKind::MiniProgram | AppKind::MobileApp, Told::Ok) => {
                "requestPayment:ok"
            }
            (TradeType::Jsapi, AppKind::MiniProgram | AppKind::MobileApp, Told::Cancel) => CANCEL,
        };
        Some(text.to_owned())
    }

    pub(crate) fn pay(&mut self, key: &OrderKey, act: &CashierAction) {
        let transaction_id = self.ids.transaction_id(self.now_ms);
        let Some(order) = self.book.orders.get_mut(key) else {
            return;
        };
        if order.openid.is_empty() {
            order.openid = crate::ids::openid(&order.appid, &act.user);
        }
        let coupon = act
            .coupon_fen
            .map(|fen| Fen::new(fen.clamp(0, order.total.get())))
            .filter(|amount| amount.is_positive())
            .map(|amount| Coupon {
                coupon_id: format!("1{}", &transaction_id[18..]),
                amount,
                no_cash: act.coupon_no_cash,
            });
        let off = coupon.as_ref().map_or(Fen::ZERO, |coupon| coupon.amount);
        order.state = OrderState::Paid(Payment {
            transaction_id: transaction_id.clone(),
            at_ms: self.now_ms,
            payer_total: order.total.checked_sub(off).unwrap_or(Fen::ZERO),
            coupon,
            bank_type: act.bank_type.clone().unwrap_or_else(|| "OTHERS".to_owned()),
            refunded: false,
        });
        if let Some(timer) = order.expiry.take() {
            self.timers.cancel(timer);
        }
        self.book.transactions.insert(transaction_id, key.clone());
        self.notify_payment(key);
    }

    /// The cashier shows a dialog. Phones report a failure afterwards, or (seen in the field) a cancel.
    pub(super) fn dialog(&self, text: &str, why: &str) -> PhoneRefusal {
        PhoneRefusal {
            err_msg: if self.assumptions.cashier_error_reports_cancel {
                CANCEL.to_owned()
            } else {
                format!("requestPayment:fail ({text})")
            },
            reason: format!("{text}: {why}"),
        }
    }
}

/// What the payer did, as the page, program or app behind the cashier hears of it.
#[derive(Clone, Copy)]
enum Told {
    Ok,
    Cancel,
}

/// What the phone itself checks before anything reaches WeChat.
fn check_arguments(open: &OpenCashier) -> Result<&str, PhoneRefusal> {
    let fail = |err_msg: String| PhoneRefusal {
        reason: err_msg.clone(),
        err_msg,
    };
    let Some(time_stamp) = open.time_stamp.as_str() else {
        return Err(fail(if open.time_stamp.is_null() {
            "requestPayment:fail missing parameter timeStamp".to_owned()
        } else {
            "requestPayment:fail parameter error: parameter.timeStamp should be String instead of Number;".to_owned()
        }));
    };
    let missing = [
        ("timeStamp", time_stamp),
        ("nonceStr", &open.nonce_str),
        ("package", &open.package),
        ("paySign", &open.pay_sign),
    ]
    .into_iter()
    .find(|(_, value)| value.is_empty());
    if let Some((name, _)) = missing {
        return Err(fail(format!(
            "requestPayment:fail missing parameter {name}"
        )));
    }
    if time_stamp.len() != 10 || !time_stamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(fail(
            "requestPayment:fail parameter error: timeStamp must be Unix seconds".to_owned(),
        ));
    }
    if open.nonce_str.chars().count() > 32 {
        return Err(fail(
            "requestPayment:fail parameter error: nonceStr is longer than 32 characters".to_owned(),
        ));
    }
    Ok(time_stamp)
}
