//! The small WeChat gives money back: at once, and without any rules. The simulator has the rules.

use serde_json::{Value, json};
use shouyin_core::ports::Clock;
use wechatpay::time::WechatTime;

use super::{Wechat, refusal};

/// What a call about refunds is, and the number it is about.
pub(super) fn call(path: &str, body: &[u8]) -> Option<(&'static str, String)> {
    let rest = path.strip_prefix("/v3/refund/domestic/refunds")?;
    match rest.strip_prefix('/') {
        Some(number) => Some(("ask_refund", number.to_owned())),
        None => {
            let body: Value = serde_json::from_slice(body).unwrap();
            let number = body["out_refund_no"].as_str().unwrap();
            Some(("refund", number.to_owned()))
        }
    }
}

impl Wechat {
    pub(super) fn refund(&self, number: &str, body: &[u8]) -> (u16, String) {
        let mut body: Value = serde_json::from_slice(body).unwrap();
        let now = WechatTime::from_unix_ms(self.clock.now().as_millis());
        let paid = self.transaction(body["out_trade_no"].as_str().unwrap());
        // An order that was closed before it was paid late has none here.
        let known = paid.get("transaction_id").and_then(Value::as_str);
        body["transaction_id"] = json!(known.unwrap_or("4200000001202601051234567890"));
        body["refund_id"] = json!(format!("5000{number:.24}"));
        body["status"] = json!("SUCCESS");
        body["channel"] = json!("ORIGINAL");
        body["create_time"] = json!(now.as_str());
        body["success_time"] = json!(now.as_str());
        body["user_received_account"] = json!("支付用户零钱");
        body["amount"]["payer_total"] = body["amount"]["total"].clone();
        body["amount"]["payer_refund"] = body["amount"]["refund"].clone();
        body["amount"]["settlement_total"] = body["amount"]["total"].clone();
        body["amount"]["settlement_refund"] = body["amount"]["refund"].clone();
        body["amount"]["discount_refund"] = json!(0);
        let mut state = self.state.lock().unwrap();
        let known = state.refunds.entry(number.to_owned()).or_insert(body);
        (200, known.to_string())
    }

    pub(super) fn ask_refund(&self, number: &str) -> (u16, String) {
        match self.state.lock().unwrap().refunds.get(number) {
            Some(known) => (200, known.to_string()),
            None => (404, refusal("RESOURCE_NOT_EXISTS")),
        }
    }

    /// What went back, in fen, refund by refund.
    pub(crate) fn refunded(&self) -> Vec<i64> {
        let state = self.state.lock().unwrap();
        let amounts = state
            .refunds
            .values()
            .map(|known| &known["amount"]["refund"]);
        amounts.map(|fen| fen.as_i64().unwrap()).collect()
    }
}
