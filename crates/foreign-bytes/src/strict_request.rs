//! Requests to the simulator with a genuine signature and foreign content: refused without a trace, or carried out as written.

use serde_json::Value;
use wechat_simulator::Wechat;

use crate::http_text::Message;
use crate::keys::{CheapKey, NOW, SERIAL, ring};
use crate::simulator::{MCHID, send, signed, with_paid_order};

/// The first line is `METHOD target`.
pub(crate) fn check(bytes: &[u8]) {
    let message = Message::read(bytes);
    let (method, target) = message.words();
    let mut wechat = with_paid_order();
    let before = books(&wechat);
    let answer = send(
        &mut wechat,
        signed(method, target, message.body, &message.headers),
    );
    if target.starts_with("/connect/oauth2/authorize") && answer.status < 400 {
        // A page for browsers: they are shown a text, or sent back to an address, in one line.
        let location = answer.header("Location").unwrap_or("http://");
        assert!(location.starts_with("http://") || location.starts_with("https://"));
        assert!(
            location.bytes().all(|byte| byte.is_ascii_graphic()),
            "{location:?}"
        );
        assert_eq!(before, books(&wechat));
        return;
    }
    assert!(
        matches!(answer.status, 200 | 204 | 400..=499),
        "status {} for {method} {target}",
        answer.status
    );
    let said: Value = if answer.body.is_empty() {
        Value::Null
    } else {
        match serde_json::from_slice(&answer.body) {
            Ok(said) => said,
            Err(why) => panic!("the answer is not JSON: {why}"),
        }
    };
    if answer.status >= 400 {
        assert_eq!(before, books(&wechat), "a refused request left a trace");
        assert!(
            said["code"].as_str().is_some_and(|code| !code.is_empty()),
            "{said}"
        );
        return;
    }
    if target.starts_with("/v3/") {
        let keys = ring(std::sync::Arc::new(CheapKey(SERIAL)));
        let verified = keys.verify(&answer.headers, &answer.body, NOW);
        assert!(verified.is_ok(), "{:?}", verified.err());
    }
    let asked: Value = serde_json::from_slice(message.body).unwrap_or_default();
    // A handle means that the order in the books is the one that was asked for.
    let handles = ["prepay_id", "code_url", "h5_url"];
    if handles.iter().any(|name| said.get(name).is_some()) {
        let number = asked["out_trade_no"].as_str().unwrap_or_default();
        match wechat.order(MCHID, number) {
            Some(order) => {
                assert_eq!(asked["amount"]["total"].as_i64(), Some(order.total.get()));
                assert!(order.total.is_positive());
                let payer = asked["payer"]["openid"].as_str().unwrap_or_default();
                assert_eq!(payer, order.openid);
            }
            None => panic!("a prepay id for an order that is not in the books"),
        }
    }
    let total: i64 = wechat.refunds().map(|refund| refund.refund.get()).sum();
    assert!((0..=1990).contains(&total), "{total} fen of 1990 go back");
    assert!(wechat.refunds().all(|refund| refund.refund.is_positive()));
}

fn books(wechat: &Wechat) -> String {
    let orders: Vec<_> = wechat.orders().collect();
    let refunds: Vec<_> = wechat.refunds().collect();
    format!("{orders:?} {refunds:?}")
}
