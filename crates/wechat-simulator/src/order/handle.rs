//! What an order call hands out: a prepay id, and for QR codes and browsers an address that leads to it.

use super::{PREPAY_LIFE_MS, Prepay, TradeType};
use crate::assumptions::RepeatedPrepay;
use crate::book::OrderKey;
use crate::heart::Wechat;
use crate::phone::MWEB_URL_LIFE_MS;
use crate::protocol::Protocol;

/// What one order call hands out.
pub(crate) struct GivenOut {
    pub(crate) prepay_id: String,
    /// `code_url`, `h5_url` or `mweb_url`, for the products that have one.
    pub(crate) link: Option<String>,
}

impl Wechat {
    /// What this call hands out: something new, or what is still valid.
    pub(crate) fn handle(
        &mut self,
        key: &OrderKey,
        trade_type: TradeType,
        protocol: Protocol,
        serial_no: &str,
    ) -> GivenOut {
        if trade_type == TradeType::Native {
            // "A later call makes the earlier code_url invalid."
            let ids = self.book.prepays_of.get(key).into_iter().flatten();
            for id in ids {
                if let Some(prepay) = self.book.prepays.get_mut(id) {
                    prepay.dead = true;
                }
            }
        }
        let life_ms = if trade_type == TradeType::Mweb {
            MWEB_URL_LIFE_MS
        } else {
            PREPAY_LIFE_MS
        };
        let prepay_id = self.prepay_id(key, protocol, serial_no, life_ms);
        let link = self.link(&prepay_id, trade_type);
        GivenOut { prepay_id, link }
    }

    /// The prepay id this call returns: a new one, or the one that is still valid.
    fn prepay_id(
        &mut self,
        key: &OrderKey,
        protocol: Protocol,
        serial_no: &str,
        life_ms: i64,
    ) -> String {
        let oldest = self.now_ms - life_ms;
        let policy = self.assumptions.repeated_prepay;
        let ids = self.book.prepays_of.entry(key.clone()).or_default();
        for id in ids.iter().rev() {
            let Some(prepay) = self.book.prepays.get_mut(id) else {
                continue;
            };
            match policy {
                RepeatedPrepay::SameWhileValid
                    if prepay.made_ms > oldest
                        && !prepay.dead
                        && prepay.protocol == protocol
                        && prepay.serial_no == serial_no =>
                {
                    return id.clone();
                }
                RepeatedPrepay::FreshInvalidatesOld => prepay.dead = true,
                RepeatedPrepay::SameWhileValid | RepeatedPrepay::Fresh => break,
            }
        }
        let id = self.ids.prepay_id(self.now_ms);
        ids.push(id.clone());
        let prepay = Prepay {
            order: key.clone(),
            made_ms: self.now_ms,
            protocol,
            serial_no: serial_no.to_owned(),
            link: None,
            dead: false,
        };
        self.book.prepays.insert(id.clone(), prepay);
        id
    }

    /// What the payer scans or follows, kept with the prepay id.
    fn link(&mut self, prepay_id: &str, trade_type: TradeType) -> Option<String> {
        let known = self.book.prepays.get(prepay_id)?.link.clone();
        let link = known.or_else(|| match trade_type {
            TradeType::Native => Some(format!("weixin://wxpay/bizpayurl?pr={}", self.ids.link())),
            TradeType::Mweb => Some(format!(
                "{}/cgi-bin/mmpayweb-bin/checkmweb?prepay_id={prepay_id}&package={}",
                self.browser_host,
                self.ids.package()
            )),
            TradeType::Jsapi | TradeType::App | TradeType::Micropay => None,
        });
        self.book.prepays.get_mut(prepay_id)?.link.clone_from(&link);
        link
    }
}
