//! Calls that are held back, and calls that are not.

use shouyin_core::id::Openid;

use super::*;

const OPEN_ORDER: &str =
    r#"{"mchid":"1900000001","out_trade_no":"T20260105000001","trade_state":"NOTPAY"}"#;
const REFUSED: &str = r#"{"code":"INVALID_REQUEST","message":"不能退款"}"#;

fn prepay_order(mchid: Mchid) -> PrepayOrder {
    PrepayOrder {
        route: Route::parse("v3").unwrap(),
        mchid,
        appid: Appid::parse("wx1111222233334444").unwrap(),
        out_trade_no: trade_no(),
        amount: Fen::new(1990),
        description: "Tea".into(),
        attach: None,
        product: Product::MiniProgram,
        payer: Some(Openid::parse("oAbCdEfGhIjKlMnOpQrStUvWxYz0").unwrap()),
        scene: None,
        time_expire: Timestamp::from_millis(NOW_MS + 600_000),
    }
}

fn local_limit<T: std::fmt::Debug>(outcome: Outcome<T>) -> String {
    let Outcome::Blocked(refusal) = outcome else {
        panic!("not blocked: {outcome:?}")
    };
    assert_eq!(refusal.code, "LOCAL_LIMIT");
    assert_eq!(refusal.kind, RefusalKind::RateLimited);
    assert!(refusal.verified);
    refusal.message
}

#[tokio::test]
async fn calls_over_the_limit_are_not_sent_and_bother_nobody_else() {
    let desk = Desk::new();
    let limits = Limits {
        query_per_second: 2,
        ..Limits::default()
    };
    let acquirer = desk.acquirer().with_limits(&mchid(MCHID), limits);
    desk.script.says(signed(200, OPEN_ORDER));
    for _ in 0..2 {
        let outcome = acquirer.query(&order_at(mchid(MCHID), trade_no())).await;
        assert!(matches!(outcome, Outcome::Succeeded(_)));
    }
    let message = local_limit(acquirer.query(&order_at(mchid(MCHID), trade_no())).await);
    assert!(message.contains("query_per_second is 2"), "{message}");
    assert_eq!(desk.script.count(), 2);
    // Another kind of call, and another merchant. (The answers fit neither, but they were asked for.)
    let _ = acquirer.close(&order_at(mchid(MCHID), trade_no())).await;
    let _ = acquirer.query(&order_at(mchid(OTHER), trade_no())).await;
    assert_eq!(desk.script.count(), 4);
    desk.clock.advance(1000);
    let outcome = acquirer.query(&order_at(mchid(MCHID), trade_no())).await;
    assert!(matches!(outcome, Outcome::Succeeded(_)));
}

#[tokio::test]
async fn the_seventh_refund_is_held_back_when_six_were_refused() {
    let desk = Desk::new();
    let acquirer = desk.acquirer();
    desk.script.says(signed(400, REFUSED));
    for _ in 0..6 {
        let outcome = acquirer.refund(&order(mchid(MCHID))).await;
        assert!(matches!(outcome, Outcome::Rejected(_)));
    }
    let message = local_limit(acquirer.refund(&order(mchid(MCHID))).await);
    assert!(
        message.contains("failing_refunds_per_second is 6"),
        "{message}"
    );
    assert_eq!(desk.script.count(), 6);
    desk.script.says(signed(200, ANSWER));
    let theirs = acquirer.refund(&order(mchid(OTHER))).await;
    assert!(matches!(theirs, Outcome::Succeeded(_)));
    desk.clock.advance(1000);
    let ours = acquirer.refund(&order(mchid(MCHID))).await;
    assert!(matches!(ours, Outcome::Succeeded(_)));
}

fn held_back<T: std::fmt::Debug>(outcome: &Outcome<T>) -> Option<&str> {
    match outcome {
        Outcome::Unknown(doubt) if doubt.not_sent => Some(&doubt.reason),
        Outcome::Unknown(_)
        | Outcome::Succeeded(_)
        | Outcome::Blocked(_)
        | Outcome::Rejected(_) => None,
    }
}

fn status(acquirer: &WechatAcquirer) -> Vec<BreakerStatus> {
    acquirer.status().map(|(_, status)| status).collect()
}

#[tokio::test]
async fn after_eight_silent_calls_nothing_is_sent_until_a_probe_is_answered() {
    let desk = Desk::new();
    let acquirer = desk.acquirer();
    desk.script.says(no_answer());
    for call in 0..8 {
        let ask = prepay_order(mchid(MCHID));
        let outcome = acquirer.prepay(&ask).await;
        assert_eq!(held_back(&outcome), None, "call {call}");
    }
    let outcome = acquirer.refund(&order(mchid(MCHID))).await;
    assert_eq!(
        held_back(&outcome),
        Some("WeChat did not answer 8 calls in a row; next try in about 1 s")
    );
    assert_eq!(desk.script.count(), 8);
    let open = BreakerStatus::Open {
        since: Timestamp::from_millis(NOW_MS),
        next_try: Timestamp::from_millis(NOW_MS + 1000),
    };
    assert_eq!(status(&acquirer), [open, BreakerStatus::Closed]);
    // The other merchant's calls go on.
    let theirs = acquirer.prepay(&prepay_order(mchid(OTHER))).await;
    assert_eq!(held_back(&theirs), None);
    assert_eq!(desk.script.count(), 9);
    // A refusal is an answer.
    desk.clock.advance(1000);
    desk.script.says(signed(400, REFUSED));
    let probe = acquirer.refund(&order(mchid(MCHID))).await;
    assert!(matches!(probe, Outcome::Rejected(_)));
    assert_eq!(
        status(&acquirer),
        [BreakerStatus::Closed, BreakerStatus::Closed]
    );
}

#[tokio::test]
async fn callers_who_go_away_leave_nothing_behind() {
    let desk = Desk::new();
    let settings = BreakerSettings {
        failures: 1,
        ..BreakerSettings::default()
    };
    let (mchid, trade_no) = (mchid(MCHID), trade_no());
    let acquirer = desk.acquirer().with_breaker(&mchid, settings);
    desk.script.says(no_answer());
    let _ = acquirer
        .query(&order_at(mchid.clone(), trade_no.clone()))
        .await;
    desk.clock.advance(1000);
    // The probe is not answered, and its caller does not wait.
    desk.script.falls_silent();
    let order = order_at(mchid.clone(), trade_no.clone());
    let mut probe = acquirer.query(&order);
    assert!(futures_now(&mut probe).is_none());
    let meanwhile = futures_now(&mut acquirer.query(&order_at(mchid.clone(), trade_no.clone())));
    assert!(meanwhile.is_some_and(|outcome| held_back(&outcome).is_some()));
    drop(probe);
    desk.script.says(signed(200, OPEN_ORDER));
    let next = acquirer
        .query(&order_at(mchid.clone(), trade_no.clone()))
        .await;
    assert!(matches!(next, Outcome::Succeeded(_)));
}

/// One step of a future: its value, if it has one already.
fn futures_now<T>(future: &mut BoxFuture<'_, T>) -> Option<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test]
async fn a_probe_over_the_limit_is_left_for_the_next_call() {
    let desk = Desk::new();
    let settings = BreakerSettings {
        failures: 1,
        ..BreakerSettings::default()
    };
    let limits = Limits {
        close_per_second: 0,
        ..Limits::default()
    };
    let acquirer = desk
        .acquirer()
        .with_breaker(&mchid(MCHID), settings)
        .with_limits(&mchid(MCHID), limits);
    desk.script.says(no_answer());
    let _ = acquirer.query(&order_at(mchid(MCHID), trade_no())).await;
    desk.clock.advance(1000);
    local_limit(acquirer.close(&order_at(mchid(MCHID), trade_no())).await);
    desk.script.says(signed(200, OPEN_ORDER));
    let next = acquirer.query(&order_at(mchid(MCHID), trade_no())).await;
    assert!(matches!(next, Outcome::Succeeded(_)));
}

#[tokio::test]
async fn without_a_clock_nothing_is_held_back() {
    let desk = Desk::new();
    let acquirer = WechatAcquirer::new([desk.account(MCHID)]);
    desk.script.says(no_answer());
    for _ in 0..20 {
        let outcome = acquirer.query(&order_at(mchid(MCHID), trade_no())).await;
        assert_eq!(held_back(&outcome), None);
    }
    assert_eq!(desk.script.count(), 20);
}
