//! The attacker, who is competent: everything in a forgery is right but the one thing that cannot be had.

use serde_json::json;
use wechat_simulator::{Command, Flaw, Input, Order, Protocol, Refund, RefundState, TradeType};
use wechatpay::time::{WechatTime, format_beijing};
use wechatpay::v2::Fields;
use wechatpay::v2::notification::seal;
use wechatpay::v3::notification::{self, Plain};
use wechatpay::v3::signature_headers;

use crate::check::Violation;
use crate::choice::{Fault, Lane};
use crate::network::{Letter, Origin};
use crate::ports::CheapKey;
use crate::setup::Party;
use crate::speaks;
use crate::tamper::payer;
use crate::world::World;

/// How many genuine notifications are remembered for replays.
const REMEMBERED: usize = 6;

impl World {
    /// Somebody on the way keeps a copy of every genuine notification.
    pub(crate) fn overheard(&mut self, letter: &Letter) {
        if self.overheard.len() >= REMEMBERED {
            self.overheard.remove(0);
        }
        self.overheard.push(letter.clone());
    }

    /// A notification that must be refused.
    pub(super) fn forge(&mut self) -> Result<(), Violation> {
        let how = self.hub.lock().choice.on(Lane::Turn).upto(4);
        // To a clock that is off by minutes an old message is fresh: no server could tell.
        let clocks_are_right = self.swarm.weights.of(Fault::ClockSkew) == 0;
        match how {
            0 if clocks_are_right => self.wechat_forges(Flaw::Stale, Origin::Stale),
            1 => self.wechat_forges(Flaw::Signtest, Origin::Probe),
            // Signed with the right key in the way that the merchant does not use: the weaker one, perhaps.
            4 => self.wechat_forges(Flaw::OtherSignType, Origin::Forged),
            2 => {
                self.foreign();
                Ok(())
            }
            _ => {
                let forged = self.forge_refund()?;
                if forged { Ok(()) } else { self.forge_by_hand() }
            }
        }
    }

    /// A notification that a refund has succeeded, or was closed, which has not. False if there is no such refund.
    fn forge_refund(&mut self) -> Result<bool, Violation> {
        let open: Vec<_> = self
            .setup
            .wechat
            .refunds()
            .filter(|refund| refund.state == RefundState::Processing)
            .cloned()
            .collect();
        let (index, how) = {
            let mut inner = self.hub.lock();
            (
                inner.choice.on(Lane::Turn).index(open.len()),
                inner.choice.on(Lane::Turn).upto(1),
            )
        };
        let Some(refund) = open.get(index) else {
            return Ok(false);
        };
        if refund.protocol != Protocol::V3 {
            return self.forge_refund_of_v2(refund, how == 0);
        }
        let now = self.hub.now_ms();
        let (status, event_type) = if how == 0 {
            ("SUCCESS", "REFUND.SUCCESS")
        } else {
            ("CLOSED", "REFUND.CLOSED")
        };
        let resource = json!({
            "mchid": refund.mchid,
            "transaction_id": refund.transaction_id,
            "out_trade_no": refund.out_trade_no,
            "refund_id": refund.refund_id,
            "out_refund_no": refund.out_refund_no,
            "refund_status": status,
            "success_time": format_beijing(now),
            "user_received_account": "支付用户零钱",
            "amount": {
                "total": refund.total,
                "refund": refund.refund,
                "payer_total": refund.payer_total,
                "payer_refund": refund.payer_refund,
            },
        });
        let plain = Plain {
            id: "EV-20260105120304000002",
            create_time: &WechatTime::from_unix_ms(now),
            event_type,
            original_type: "refund",
            summary: "退款",
            nonce: "abcdefghijkl",
            associated_data: "refund",
            resource: &resource.to_string(),
        };
        let number = refund.out_refund_no.clone();
        self.hub.say(format_args!(
            "attacker forges a notification of refund {number}"
        ));
        self.post_forgery(&refund.mchid, &plain, Some(number))?;
        Ok(true)
    }

    /// The same in the older protocol, which does not sign news of refunds. Sealed with a key of the attacker's own; or put together
    /// from blocks of genuine news, which the encryption does not prevent: then it opens, and says what the attacker wants.
    fn forge_refund_of_v2(&mut self, refund: &Refund, is_spliced: bool) -> Result<bool, Violation> {
        let broken = |what: &str| Violation::new("WORLD", format!("the forgery failed: {what}"));
        let party = self.party(&refund.mchid);
        let party = party.ok_or_else(|| broken("no merchant"))?;
        let (mchid, number) = (&refund.mchid, &refund.out_trade_no);
        let order = self.setup.wechat.order(mchid, number);
        let appid = order.map_or("", |order| order.appid.as_str());
        let key = if is_spliced {
            party.api_key.clone()
        } else {
            speaks::thief().ok_or_else(|| broken("no key"))?
        };
        let content = Fields::new()
            .with("transaction_id", refund.transaction_id.as_str())
            .with("out_trade_no", refund.out_trade_no.as_str())
            .with("refund_id", refund.refund_id.as_str())
            .with("out_refund_no", refund.out_refund_no.as_str())
            .with("total_fee", refund.total.get().to_string())
            .with("refund_fee", refund.refund.get().to_string())
            .with("settlement_refund_fee", refund.refund.get().to_string())
            .with("refund_status", "SUCCESS")
            .with("success_time", "2026-01-05 12:05:00")
            .with("refund_recv_accout", "支付用户零钱")
            .with("refund_account", "REFUND_SOURCE_RECHARGE_FUNDS")
            .with("refund_request_source", "API")
            .to_xml()
            .replacen("<xml>", "<root>", 1)
            .replacen("</xml>", "</root>", 1);
        let sealed = seal(&key, &content).ok_or_else(|| broken("no seal"))?;
        let body = Fields::new()
            .with("return_code", "SUCCESS")
            .with("appid", appid)
            .with("mch_id", refund.mchid.as_str())
            .with("nonce_str", "nonce")
            .with("req_info", sealed)
            .to_xml();
        let origin = if is_spliced {
            Origin::Spliced
        } else {
            Origin::Forged
        };
        let number = refund.out_refund_no.clone();
        self.hub.say(format_args!(
            "attacker forges a notification of refund {number} ({origin:?})"
        ));
        self.post_xml(&refund.mchid, body, origin, Some(number))?;
        Ok(true)
    }

    fn party(&self, mchid: &str) -> Option<&Party> {
        let mut parties = self.setup.parties.iter();
        parties.find(|party| party.mchid.as_str() == mchid)
    }

    fn post_xml(
        &mut self,
        mchid: &str,
        body: String,
        origin: Origin,
        refund: Option<String>,
    ) -> Result<(), Violation> {
        let party = self.party(mchid).map(|party| party.mchid.clone());
        let mchid = party.ok_or_else(|| Violation::new("WORLD", "a forgery for nobody"))?;
        let content_type = ("Content-Type".to_owned(), "text/xml".to_owned());
        self.post(Letter {
            origin,
            delivery: None,
            mchid,
            refund,
            headers: vec![content_type],
            body: body.into_bytes(),
        });
        Ok(())
    }

    /// Seals it as WeChat would and signs it with a key of the attacker's own.
    fn post_forgery(
        &mut self,
        mchid: &str,
        plain: &Plain<'_>,
        refund: Option<String>,
    ) -> Result<(), Violation> {
        let now = self.hub.now_ms();
        let broken = |what: &str| Violation::new("WORLD", format!("the forgery failed: {what}"));
        let party = self.party(mchid).ok_or_else(|| broken("no merchant"))?;
        let body =
            notification::seal(&party.api_v3_key, plain).map_err(|e| broken(&e.to_string()))?;
        let serial = party.platform.last().map_or("", |key| key.serial_no());
        let thief = CheapKey::new(serial, 666);
        let headers = signature_headers(&thief, now.div_euclid(1000), "nonce", &body);
        let mchid = party.mchid.clone();
        self.post(Letter {
            origin: Origin::Forged,
            delivery: None,
            mchid,
            refund,
            headers,
            body,
        });
        Ok(())
    }

    /// Right order, right amount, right payer, right serial, right encryption; the signature is the attacker's own.
    fn forge_by_hand(&mut self) -> Result<(), Violation> {
        let Some(key) = self.some_order() else {
            return Ok(());
        };
        let now = self.hub.now_ms();
        let broken = |what: &str| Violation::new("WORLD", format!("the forgery failed: {what}"));
        let order = self
            .setup
            .wechat
            .order(&key.0, &key.1)
            .ok_or_else(|| broken("no order"))?;
        if let Some(sign_type) = order.protocol.sign_type() {
            let claim = claim_of_v2(order, now);
            let thief = speaks::thief().ok_or_else(|| broken("no key"))?;
            let body = claim.signed(sign_type, &thief).to_xml();
            self.hub
                .say(format_args!("attacker forges a notification of {}", key.1));
            return self.post_xml(&key.0, body, Origin::Forged, None);
        }
        let resource = json!({
            "mchid": order.mchid,
            "appid": order.appid,
            "out_trade_no": order.out_trade_no,
            "transaction_id": "4200009999202601050000000001",
            "trade_type": order.trade_type.name(),
            "trade_state": "SUCCESS",
            "success_time": format_beijing(now),
            "payer": { "openid": payer(order) },
            "amount": { "total": order.total, "payer_total": order.total, "currency": "CNY" },
        });
        let plain = Plain {
            id: "EV-20260105120304000001",
            create_time: &WechatTime::from_unix_ms(now),
            event_type: "TRANSACTION.SUCCESS",
            original_type: "transaction",
            summary: "支付成功",
            nonce: "abcdefghijkl",
            associated_data: "transaction",
            resource: &resource.to_string(),
        };
        self.hub
            .say(format_args!("attacker forges a notification of {}", key.1));
        self.post_forgery(&key.0, &plain, None)
    }

    /// Lets WeChat's own machinery send something that must be refused.
    fn wechat_forges(&mut self, flaw: Flaw, origin: Origin) -> Result<(), Violation> {
        let Some(order) = self.some_order() else {
            return Ok(());
        };
        let found = self.setup.wechat.order(&order.0, &order.1);
        let is_v2 = found.is_some_and(|order| order.protocol != Protocol::V3);
        // WeChat itself never tells of payments by code: only somebody else does.
        if found.is_some_and(|order| order.trade_type == TradeType::Micropay) {
            return self.forge_by_hand();
        }
        // The older protocol has no times and no probes, and APIv3 no sign types.
        let (flaw, origin) = match (flaw, is_v2) {
            (Flaw::Stale, true) => (Flaw::Unsigned, Origin::Forged),
            (Flaw::OtherSignType, false) => (Flaw::WrongSignature, Origin::Forged),
            (flaw, _) => (flaw, origin),
        };
        let now = self.hub.now_ms();
        // Whatever else is due is sent first, under its own name.
        self.wechat_step(Input::Tick)?;
        self.next_origin = origin;
        self.hub
            .say(format_args!("{origin:?} notification of {}", order.1));
        self.wechat_step(Input::Control(Command::Forge { order, flaw }))?;
        self.next_origin = Origin::Genuine;
        debug_assert_eq!(now, self.hub.now_ms());
        Ok(())
    }

    /// A genuine notification of one merchant, sent to the address of the other.
    fn foreign(&mut self) {
        let Some(letter) = self.some_overheard() else {
            return;
        };
        let other = self
            .setup
            .parties
            .iter()
            .find(|party| party.mchid != letter.mchid);
        let Some(mchid) = other.map(|party| party.mchid.clone()) else {
            return;
        };
        self.hub.say(format_args!(
            "attacker sends a notification of another merchant to {mchid}"
        ));
        self.post(Letter {
            origin: Origin::Foreign,
            delivery: None,
            mchid,
            ..letter
        });
    }

    /// An old genuine notification once more, byte for byte.
    pub(super) fn replay(&mut self) {
        if let Some(letter) = self.some_overheard() {
            self.hub
                .say(format_args!("attacker replays a notification"));
            self.post(Letter {
                origin: Origin::Replayed,
                delivery: None,
                ..letter
            });
        }
    }

    fn post(&mut self, letter: Letter) {
        self.deliver_letter(1, letter);
    }

    fn some_overheard(&mut self) -> Option<Letter> {
        let index = self
            .hub
            .lock()
            .choice
            .on(Lane::Turn)
            .index(self.overheard.len());
        self.overheard.get(index).cloned()
    }

    /// One of the orders at WeChat, rather a new one.
    fn some_order(&mut self) -> Option<(String, String)> {
        let sale = self.some_sale()?;
        let payment = self.sales.get(sale)?.payment.clone()?;
        let key = shouyin_core::ports::PaymentKey::AnyId(payment);
        let payment = self.rows.payment(key).ok().flatten()?;
        let number = payment.attempts.last()?.out_trade_no.as_str().to_owned();
        let mchid = payment.mchid.as_str().to_owned();
        self.setup.wechat.order(&mchid, &number)?;
        Some((mchid, number))
    }
}

/// What the notification of an order's payment says in the older protocol, whether it is paid or not.
fn claim_of_v2(order: &Order, now_ms: i64) -> Fields {
    let digits = format_beijing(now_ms);
    let digits: String = digits
        .chars()
        .filter(char::is_ascii_digit)
        .take(14)
        .collect();
    speaks::head(&order.appid, &order.mchid)
        .with("openid", payer(order))
        .with("is_subscribe", "N")
        .with("trade_type", order.trade_type.name())
        .with("bank_type", "OTHERS")
        .with("total_fee", order.total.get().to_string())
        .with("fee_type", "CNY")
        .with("cash_fee", order.total.get().to_string())
        .with("transaction_id", "4200009999202601050000000001")
        .with("out_trade_no", order.out_trade_no.as_str())
        .with("time_end", digits)
}
