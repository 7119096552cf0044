use super::{DeliveryState, RETRY_LADDER_MS};
use crate::testing::*;
use crate::*;

fn state(shop: &Shop, delivery: u64) -> DeliveryState {
    shop.wechat
        .deliveries()
        .find(|found| found.delivery == delivery)
        .unwrap()
        .state
}

#[test]
fn a_payment_is_told_once_when_it_is_answered_well() {
    let mut shop = Shop::new();
    let id = shop.paid("ORDER-000001");
    let first = shop.sent[0].clone();
    assert_eq!(first.url, NOTIFY_URL);
    let (envelope, resource) = shop.open(&first).unwrap();
    assert_eq!(envelope["event_type"], "TRANSACTION.SUCCESS");
    assert_eq!(envelope["resource"]["associated_data"], "transaction");
    assert_eq!(envelope["summary"], "支付成功");
    assert_eq!(resource["transaction_id"], id);
    assert_eq!(resource["amount"]["total"], 1990);
    shop.answer(&first, 204);
    assert_eq!(state(&shop, first.delivery), DeliveryState::Delivered);
    shop.pass(86_400_000);
    assert_eq!(shop.sent.len(), 1);
    assert!(shop.wechat.findings().is_empty());
}

#[test]
fn failures_are_retried_on_the_ladder_with_fresh_signatures_and_the_same_id() {
    let mut shop = Shop::new();
    shop.paid("ORDER-000001");
    let (envelope, _) = shop.open(&shop.sent[0]).unwrap();
    for (index, wait) in RETRY_LADDER_MS.iter().enumerate() {
        let last = shop.sent.last().unwrap().clone();
        shop.answer(&last, 500);
        shop.pass(wait - 1);
        assert_eq!(shop.sent.len(), index + 1, "not before its time");
        shop.pass(1);
        let (again, _) = shop
            .open(shop.sent.last().unwrap())
            .expect("fresh and genuine");
        assert_eq!(again["id"], envelope["id"]);
    }
    let last = shop.sent.last().unwrap().clone();
    assert_eq!(last.attempt, 16);
    shop.answer(&last, 500);
    assert_eq!(state(&shop, last.delivery), DeliveryState::GaveUp);
    shop.pass(86_400_000 * 8);
    assert_eq!(shop.sent.len(), 16);
    assert_eq!(RETRY_LADDER_MS.iter().sum::<i64>(), (24 * 60 + 4) * 60_000);
}

#[test]
fn silence_counts_as_failure_after_five_seconds_and_late_answers_do_not_count() {
    let mut shop = Shop::new();
    shop.paid("ORDER-000001");
    let first = shop.sent[0].clone();
    shop.pass(5_000);
    shop.answer(&first, 200);
    assert_eq!(state(&shop, first.delivery), DeliveryState::Waiting);
    shop.pass(15_000);
    assert_eq!(shop.sent.len(), 2);
}

#[test]
fn redirects_and_odd_successes_are_failures_and_findings() {
    let mut shop = Shop::new();
    shop.paid("ORDER-000001");
    let first = shop.sent[0].clone();
    shop.answer(&first, 302);
    shop.pass(15_000);
    let second = shop.sent[1].clone();
    shop.answer(&second, 201);
    assert_eq!(shop.wechat.findings().len(), 2);
    assert_eq!(state(&shop, first.delivery), DeliveryState::Waiting);
}

#[test]
fn flawed_attempts_must_be_refused_and_the_genuine_one_follows() {
    for kind in [
        FaultKind::NotificationSigntest,
        FaultKind::NotificationUnknownSerial,
        FaultKind::NotificationStale,
        FaultKind::NotificationTampered,
    ] {
        let mut shop = Shop::new();
        shop.fault(Fault::new(kind));
        shop.paid("ORDER-000001");
        let probe = shop.sent[0].clone();
        assert!(shop.open(&probe).is_none(), "{kind:?} must not verify");
        shop.answer(&probe, 200);
        assert_eq!(shop.wechat.findings().len(), 1, "{kind:?} was accepted");
        shop.pass(15_000);
        assert!(shop.open(&shop.sent[1]).is_some());
    }
}

#[test]
fn a_forgery_has_the_right_amount_and_the_wrong_signature() {
    let mut shop = Shop::new();
    shop.fault(Fault::new(FaultKind::NotificationForged).of_order("ORDER-000001"));
    shop.paid("ORDER-000001");
    assert_eq!(shop.sent.len(), 2);
    assert!(shop.open(&shop.sent[0]).is_none());
    assert!(shop.open(&shop.sent[1]).is_some());
    shop.pass(86_400_000);
    let forged = shop.sent[0].delivery;
    let again = shop
        .sent
        .iter()
        .filter(|sent| sent.delivery == forged)
        .count();
    assert_eq!(again, 1, "an attacker does not climb WeChat's ladder");
}

#[test]
fn an_unpaid_order_can_be_claimed_paid_by_an_attacker() {
    let mut shop = Shop::new();
    shop.prepay("ORDER-000001");
    shop.control(Command::Forge {
        order: (MCHID.to_owned(), "ORDER-000001".to_owned()),
        flaw: Flaw::WrongSignature,
    });
    let sent = shop.sent[0].clone();
    assert!(shop.open(&sent).is_none());
    let forged = shop.wechat.deliveries().next().unwrap();
    assert!(!forged.genuine);
    assert_eq!(forged.resource["trade_state"], "SUCCESS");
    assert_eq!(forged.resource["amount"]["total"], 1990);
    assert_eq!(shop.query("ORDER-000001").1["trade_state"], "NOTPAY");
}

#[test]
fn lost_delayed_and_doubled_notifications_are_what_they_say() {
    let mut shop = Shop::new();
    shop.fault(Fault::new(FaultKind::NotificationLost));
    shop.paid("ORDER-000001");
    assert!(shop.sent.is_empty());
    shop.pass(20_000);
    assert_eq!(shop.sent.len(), 1, "after five seconds and the first rung");

    let mut shop = Shop::new();
    shop.fault(Fault::new(FaultKind::NotificationDelayed).delay_ms(60_000));
    shop.paid("ORDER-000001");
    shop.pass(59_999);
    assert!(shop.sent.is_empty());
    shop.pass(1);
    assert_eq!((shop.sent.len(), shop.sent[0].attempt), (1, 1));

    let mut shop = Shop::new();
    shop.fault(Fault::new(FaultKind::NotificationDuplicated));
    shop.paid("ORDER-000001");
    let ids: Vec<_> = shop
        .sent
        .iter()
        .map(|sent| shop.open(sent).unwrap().0["id"].clone())
        .collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn a_refund_notice_can_overtake_the_payment_notice() {
    let mut shop = Shop::new();
    shop.fault(Fault::new(FaultKind::NotificationReordered));
    shop.paid("ORDER-000001");
    assert!(shop.sent.is_empty());
    let body = serde_json::json!({
        "out_trade_no": "ORDER-000001", "out_refund_no": "R-1", "notify_url": NOTIFY_URL,
        "amount": { "refund": 1, "total": 1990, "currency": "CNY" },
    });
    shop.call("POST", "/v3/refund/domestic/refunds", &body);
    shop.pass(3_000);
    let kinds: Vec<_> = shop
        .sent
        .iter()
        .map(|sent| shop.open(sent).unwrap().0["event_type"].clone())
        .collect();
    assert_eq!(kinds, ["REFUND.SUCCESS", "TRANSACTION.SUCCESS"]);
}

#[test]
fn without_an_api_v3_key_nothing_is_sent() {
    let mut shop = Shop::new();
    shop.control(Command::SetApiV3Key {
        mchid: MCHID.to_owned(),
        key: None,
    });
    shop.paid("ORDER-000001");
    shop.pass(86_400_000);
    assert!(shop.sent.is_empty());
}

#[test]
fn the_open_points_of_the_envelope_can_be_switched() {
    let mut shop = Shop::with(Assumptions {
        notification_id_stable: false,
        notification_associated_data: AssociatedData::Absent,
        notification_extra_members: true,
        ..Assumptions::default()
    });
    shop.paid("ORDER-000001");
    let first = shop.sent[0].clone();
    shop.answer(&first, 500);
    shop.pass(15_000);
    let (one, resource) = shop.open(&first).unwrap_or_else(|| panic!("opens"));
    let (two, _) = shop.open(&shop.sent[1]).unwrap();
    assert_ne!(one["id"], two["id"]);
    assert_eq!(one["resource"].get("associated_data"), None);
    assert!(resource.get("member_of_next_year").is_some());
}

fn findings(shop: &Shop) -> usize {
    shop.wechat.findings().len()
}

#[test]
fn a_replay_is_the_same_bytes_and_after_five_minutes_must_be_refused() {
    let mut shop = Shop::new();
    shop.paid("ORDER-000001");
    let first = shop.sent[0].clone();
    shop.answer(&first, 204);
    let replay = Command::Replay {
        delivery: first.delivery,
        url: None,
    };
    shop.control(replay.clone());
    let copy = shop.sent[1].clone();
    assert_eq!((&copy.headers, &copy.body), (&first.headers, &first.body));
    shop.answer(&copy, 204);
    assert_eq!(findings(&shop), 0, "the same message twice is nothing new");
    shop.pass(301_000);
    shop.control(replay);
    let old = shop.sent[2].clone();
    assert_eq!(old.body, first.body);
    assert!(shop.open(&old).is_none(), "too old");
    shop.answer(&old, 204);
    assert_eq!(findings(&shop), 1);
    shop.pass(86_400_000);
    assert_eq!(shop.sent.len(), 3, "nobody climbs the ladder for a copy");
}

#[test]
fn a_genuine_notification_at_another_address_must_be_refused() {
    let mut shop = Shop::new();
    shop.paid("ORDER-000001");
    shop.control(Command::Replay {
        delivery: 1,
        url: Some("https://elsewhere.example.com/notify".to_owned()),
    });
    let copy = shop.sent[1].clone();
    assert_eq!(copy.url, "https://elsewhere.example.com/notify");
    assert_eq!(copy.body, shop.sent[0].body);
    shop.answer(&copy, 200);
    assert_eq!(findings(&shop), 1);
}

#[test]
fn wechat_may_contradict_the_order_under_its_own_key() {
    let mut shop = Shop::new();
    shop.prepay("ORDER-000001");
    shop.control(Command::Misreport {
        order: (MCHID.to_owned(), "ORDER-000001".to_owned()),
        out_refund_no: None,
        changes: serde_json::json!({ "amount": { "total": 1 }, "bank_type": null }),
    });
    let (_, resource) = shop.open(&shop.sent[0]).expect("genuine");
    assert_eq!(resource["amount"]["total"], 1);
    assert_eq!(resource["amount"]["currency"], "CNY");
    assert_eq!(resource.get("bank_type"), None);
    assert_eq!(shop.query("ORDER-000001").1["trade_state"], "NOTPAY");
    let sent = shop.sent[0].clone();
    shop.answer(&sent, 200);
    assert_eq!(findings(&shop), 1);
}
