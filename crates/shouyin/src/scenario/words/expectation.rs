//! What must be, in both languages.

use super::{list, map, members, shown, shown_list};
use crate::scenario::step::Step;

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a step without words is found by the test below"
)]
pub(super) fn words(step: &Step) -> (String, String) {
    use Step as S;
    let (about, what) = match step {
        S::Expect(it) => (
            it.expect.clone(),
            members([
                ("state", it.state.clone()),
                ("late", shown(it.late.as_ref())),
                ("attempts", shown_list(it.attempts.as_ref())),
                ("refunds", shown_list(it.refunds.as_ref())),
                ("refunded_fen", shown(it.refunded_fen.as_ref())),
                ("refunding_fen", shown(it.refunding_fen.as_ref())),
                ("at WeChat", shown_list(it.at_wechat.as_ref())),
                ("known", shown(it.known.as_ref())),
            ]),
        ),
        S::ExpectRefund(it) => (
            it.expect_refund.clone(),
            members([
                ("state", it.state.clone()),
                ("fen", shown(it.fen.as_ref())),
                ("origin", it.origin.clone()),
                ("action_needed", shown(it.action_needed.as_ref())),
                ("trouble", it.trouble.clone()),
            ]),
        ),
        S::ExpectEvents(it) => {
            let of = it.of.as_ref().map(|of| format!(" {of}"));
            (
                format!("events{}", of.unwrap_or_default()),
                list(&it.expect_events),
            )
        }
        S::ExpectIncidents(it) => ("incidents".to_owned(), list(&it.expect_incidents)),
        S::ExpectCalls(it) => ("requests to WeChat".to_owned(), map(&it.expect_calls)),
        S::ExpectAtMost(it) => (
            "requests to WeChat, at most".to_owned(),
            map(&it.expect_calls_at_most),
        ),
        S::ExpectOrders(it) => (
            "orders at WeChat".to_owned(),
            it.expect_orders_at_wechat.to_string(),
        ),
        S::ExpectRefundsAtWechat(it) => (
            "refunds at WeChat".to_owned(),
            list(&it.expect_refunds_at_wechat),
        ),
        S::ExpectNotifications(it) => (
            "answers to notifications".to_owned(),
            list(&it.expect_notifications),
        ),
        S::ExpectBalance(it) => ("balance".to_owned(), map(&it.expect_balance)),
        S::ExpectWebhooks(it) => (
            format!("webhooks at {}", it.expect_webhooks),
            members([
                ("got", shown_list(it.got.as_ref())),
                ("messages", shown(it.messages.as_ref())),
                ("at least", shown(it.at_least.as_ref())),
                ("signatures", shown(it.signatures.as_ref())),
            ]),
        ),
        S::ExpectEndpoint(it) => (
            format!("endpoint {}", it.expect_endpoint),
            members([
                ("state", it.state.clone()),
                ("pending", shown(it.pending.as_ref())),
                ("delivered", shown(it.delivered.as_ref())),
                ("failed", shown(it.failed.as_ref())),
            ]),
        ),
        S::ExpectDay(it) => (
            it.expect_day.clone(),
            members([
                ("state", it.state.clone()),
                ("payments", shown(it.payments.as_ref())),
                ("paid_fen", shown(it.paid_fen.as_ref())),
                ("refunds", shown(it.refunds.as_ref())),
                ("matched_fen", shown(it.matched_fen.as_ref())),
                ("differences", shown_list(it.differences.as_ref())),
                ("trouble", it.trouble.clone()),
            ]),
        ),
        S::ExpectQr(it) => (
            it.expect_qr.clone(),
            members([("QR code drawn", Some(it.drawn.to_string()))]),
        ),
        S::ExpectReady(it) => ("ready".to_owned(), it.expect_ready.to_string()),
        _ => (String::new(), String::new()),
    };
    (
        format!("{about}: {what}"),
        format!("应当如此 {about}：{what}"),
    )
}
