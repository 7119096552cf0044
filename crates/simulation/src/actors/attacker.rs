//! The attacker, who is competent: everything in a forgery is right but the one thing that cannot be had.

use serde_json::json;
use wechat_simulator::{Command, Flaw, Input, RefundState};
use wechatpay::time::{WechatTime, format_beijing};
use wechatpay::v3::notification::{self, Plain};
use wechatpay::v3::signature_headers;

use crate::check::Violation;
use crate::choice::{Fault, Lane};
use crate::network::{Letter, Origin};
use crate::ports::CheapKey;
use crate::world::{Event, World};

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
        let how = self.hub.lock().choice.on(Lane::Turn).upto(3);
        // To a clock that is off by minutes an old message is fresh: no server could tell.
        let clocks_are_right = self.swarm.weights.of(Fault::ClockSkew) == 0;
        match how {
            0 if clocks_are_right => self.wechat_forges(Flaw::Stale, Origin::Stale),
            1 => self.wechat_forges(Flaw::Signtest, Origin::Probe),
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

    /// Seals it as WeChat would and signs it with a key of the attacker's own.
    fn post_forgery(
        &mut self,
        mchid: &str,
        plain: &Plain<'_>,
        refund: Option<String>,
    ) -> Result<(), Violation> {
        let now = self.hub.now_ms();
        let broken = |what: &str| Violation::new("WORLD", format!("the forgery failed: {what}"));
        let mut parties = self.setup.parties.iter();
        let party = parties
            .find(|party| party.mchid.as_str() == mchid)
            .ok_or_else(|| broken("no merchant"))?;
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
        let resource = json!({
            "mchid": order.mchid,
            "appid": order.appid,
            "out_trade_no": order.out_trade_no,
            "transaction_id": "4200009999202601050000000001",
            "trade_type": "JSAPI",
            "trade_state": "SUCCESS",
            "success_time": format_beijing(now),
            "payer": { "openid": order.openid },
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
        self.hub.schedule(1, Event::Notification(letter));
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
