//! A shop moves from the older protocol to APIv3 while a thousand orders are under way, and nobody notices.

use std::collections::BTreeMap;

use serde_json::json;
use shouyin_core::payment::model::AttemptState;
use shouyin_core::time::MINUTE_MS;
use shouyin_server::config::Limits;
use wechat_simulator::{DeliveryState, Protocol};
use wechatpay::v2::SignType;

use super::Speaks;
use crate::desk::Desk;
use crate::world::Setup;

const SIGN_TYPE: SignType = SignType::HmacSha256;

async fn desk(speaks: Speaks) -> Desk {
    Desk::build(Setup {
        speaks,
        // The clock stands still while the shop works.
        limits: Limits {
            requests_per_second: 0,
            ..Limits::default()
        },
        ..Setup::default()
    })
    .await
}

/// Every order and refund at WeChat that is not the same here, and the other way round.
fn mismatches(desk: &Desk) -> Vec<String> {
    let mut found = Vec::new();
    let books = desk.heart.books();
    let payments = desk.world.store.all_payments();
    let attempts: BTreeMap<&str, _> = payments
        .iter()
        .flat_map(|payment| &payment.attempts)
        .map(|attempt| (attempt.out_trade_no.as_str(), attempt))
        .collect();
    let mut theirs = 0;
    for order in books.orders() {
        theirs += 1;
        let number = &order.out_trade_no;
        let Some(attempt) = attempts.get(number.as_str()) else {
            found.push(format!("{number} is not here"));
            continue;
        };
        let expected = match &attempt.state {
            AttemptState::Paid { transaction_id } => {
                let known = order
                    .payment()
                    .map(|payment| payment.transaction_id.as_str());
                if known != Some(transaction_id.as_str()) {
                    found.push(format!("{number}: {transaction_id} here, {known:?} there"));
                }
                let any = order.refunds.is_empty();
                if any { "SUCCESS" } else { "REFUND" }
            }
            AttemptState::Closed => "CLOSED",
            AttemptState::Open => "NOTPAY",
            AttemptState::Recorded | AttemptState::Rejected { .. } => "",
        };
        let route = match order.protocol {
            Protocol::V3 => "v3",
            Protocol::V2Md5 | Protocol::V2HmacSha256 => "v2",
        };
        let here = (expected, attempt.amount, attempt.route.as_str());
        let there = (order.trade_state(), order.total, route);
        if here != there {
            found.push(format!("{number}: {here:?} here, {there:?} there"));
        }
    }
    if theirs != attempts.len() {
        found.push(format!("{} attempts, {theirs} orders", attempts.len()));
    }
    let refunds: BTreeMap<&str, _> = payments
        .iter()
        .flat_map(|payment| &payment.refunds)
        .map(|refund| (refund.out_refund_no.as_str(), refund))
        .collect();
    let mut theirs = 0;
    for refund in books.refunds() {
        theirs += 1;
        let number = &refund.out_refund_no;
        let Some(known) = refunds.get(number.as_str()) else {
            found.push(format!("refund {number} is not here"));
            continue;
        };
        let here = (known.state.as_str(), known.amount);
        let state = match refund.status() {
            "SUCCESS" => "succeeded",
            "PROCESSING" => "processing",
            other => other,
        };
        if here != (state, refund.refund) {
            found.push(format!("refund {number}: {here:?} here, {state:?} there"));
        }
        let order = books.order(&refund.mchid, &refund.out_trade_no).unwrap();
        if order.protocol != refund.protocol {
            found.push(format!("refund {number} went another way than its order"));
        }
    }
    if theirs != refunds.len() {
        found.push(format!("{} refunds, {theirs} there", refunds.len()));
    }
    found
}

/// What becomes of an order, by its place in a group of five.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Paid before the move, known before it, and half of it is on its way back.
    RefundUnderWay,
    /// Paid before the move; WeChat's message comes after it.
    NewsUnderWay,
    /// At the cashier during the move; paid after it.
    AtTheCashier,
    /// At the cashier during the move; the shop closes it after it.
    Abandoned,
    /// Ordered before the move; the payer comes after it.
    NotBegun,
}

const FATES: [Fate; 5] = [
    Fate::RefundUnderWay,
    Fate::NewsUnderWay,
    Fate::AtTheCashier,
    Fate::Abandoned,
    Fate::NotBegun,
];

struct Running {
    fate: Fate,
    id: String,
    prepay_id: String,
}

/// The orders that are under way when the shop moves.
async fn run(desk: &Desk, session: &str, count: usize) -> Vec<Running> {
    let (mut running, mut news) = (Vec::new(), Vec::new());
    for (n, fate) in (0..count).zip(FATES.into_iter().cycle()) {
        // Ten milliseconds each: WeChat's own limits are kept.
        desk.world.clock.advance_ms(10);
        let id = desk.world.order(&format!("A-{n}")).await;
        let mut order = Running {
            fate,
            id,
            prepay_id: String::new(),
        };
        if fate != Fate::NotBegun {
            order.prepay_id = desk.cashier("alice", session, &order.id).await;
        }
        if fate == Fate::RefundUnderWay {
            assert_eq!(desk.heart.pay("alice", &order.prepay_id), Ok("SUCCESS"));
            desk.deliver().await;
            let refund = desk.refund(&order.id, "R-1", Some(700)).await.ok(201);
            assert_eq!(refund["state"], "processing", "{refund}");
        }
        if fate == Fate::NewsUnderWay {
            desk.deliver().await;
            assert_eq!(desk.heart.pay("alice", &order.prepay_id), Ok("SUCCESS"));
            news.extend(desk.heart.outbox.lock().unwrap().drain(..));
        }
        running.push(order);
    }
    desk.heart.outbox.lock().unwrap().extend(news);
    running
}

/// Everybody goes on where they stopped. Gives how many notifications were accepted, in the older form and in the new.
async fn go_on(desk: &Desk, session: &str, running: &[Running]) -> (usize, usize) {
    let mut statuses = desk.deliver().await;
    // WeChat refunds one order at most once a minute.
    desk.world.clock.advance_ms(MINUTE_MS);
    for order in running {
        desk.world.clock.advance_ms(10);
        let id = &order.id;
        match order.fate {
            Fate::RefundUnderWay => {
                desk.refund(id, "R-2", Some(1290)).await.ok(201);
            }
            Fate::NewsUnderWay => {
                desk.refund(id, "R-1", None).await.ok(201);
            }
            Fate::AtTheCashier => {
                assert_eq!(desk.heart.pay("alice", &order.prepay_id), Ok("SUCCESS"));
                statuses.extend(desk.deliver().await);
                desk.refund(id, "R-1", Some(500)).await.ok(201);
            }
            Fate::Abandoned => {
                let path = format!("/v1/payments/{id}/close");
                let answer = desk.world.post(&path, &json!({})).await;
                assert!(matches!(answer.status, 200 | 202), "{}", answer.text);
            }
            Fate::NotBegun => {
                let prepay_id = desk.cashier("alice", session, id).await;
                assert_eq!(desk.heart.pay("alice", &prepay_id), Ok("SUCCESS"));
                statuses.extend(desk.deliver().await);
            }
        }
    }
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!(count(200) + count(204), statuses.len(), "{statuses:?}");
    (count(200), count(204))
}

fn orders_by(desk: &Desk, protocol: Protocol) -> usize {
    let books = desk.heart.books();
    let orders = books.orders();
    orders.filter(|order| order.protocol == protocol).count()
}

fn refunds_by(desk: &Desk, protocol: Protocol) -> usize {
    let books = desk.heart.books();
    let refunds = books.refunds();
    refunds.filter(|refund| refund.protocol == protocol).count()
}

#[tokio::test]
async fn a_thousand_orders_do_not_notice_the_move() {
    let mut desk = desk(Speaks::V2(SIGN_TYPE)).await;
    let session = desk.session("alice").await;
    let running = run(&desk, &session, 1_000).await;
    assert_eq!(orders_by(&desk, SIGN_TYPE.into()), 800, "200 are not begun");
    let refunds_before = refunds_by(&desk, SIGN_TYPE.into());

    desk.world
        .restart_speaking(Speaks::V3AcceptingV2(SIGN_TYPE));
    let (older, newer) = go_on(&desk, &session, &running).await;
    desk.pass(20 * MINUTE_MS).await;

    let found = mismatches(&desk);
    let moved = orders_by(&desk, Protocol::V3);
    println!(
        "{} orders: {} placed by v2 before the move, {moved} by v3 after it; {refunds_before} refunds by v2 before the move, {} of old orders after it; notifications accepted while the payers went on: {older} v2, {newer} v3; {} calls; {} mismatches",
        running.len(),
        orders_by(&desk, SIGN_TYPE.into()),
        refunds_by(&desk, SIGN_TYPE.into()) - refunds_before,
        desk.heart.calls(),
        found.len(),
    );
    assert_eq!(found, Vec::<String>::new());
    assert_eq!((moved, refunds_by(&desk, Protocol::V3)), (200, 0));
    assert_eq!(
        (refunds_before, refunds_by(&desk, SIGN_TYPE.into())),
        (200, 800)
    );
    assert!(desk.world.store.all_incidents().is_empty());
    // 800 were paid; 400 went back whole, and 500 fen of 200 more.
    let cash = 800 * 1990 - 400 * 1990 - 200 * 500;
    assert_eq!(desk.balance().await, (cash, 0));
    assert_eq!(desk.heart.refunded().0, 400 * 1990 + 200 * 500);
    for (name, times) in [
        ("payment.paid", 800),
        ("payment.closed", 200),
        ("refund.succeeded", 800),
    ] {
        assert_eq!(desk.world.events(name), times, "{name}");
    }
    let books = desk.heart.books();
    let waiting = books
        .deliveries()
        .filter(|delivery| delivery.state != DeliveryState::Delivered);
    assert_eq!(waiting.count(), 0, "WeChat has nothing left to say");
}

#[tokio::test]
async fn the_way_back_loses_nothing_either() {
    let mut desk = desk(Speaks::V3AcceptingV2(SIGN_TYPE)).await;
    let session = desk.session("alice").await;
    let running = run(&desk, &session, 20).await;
    assert_eq!(orders_by(&desk, Protocol::V3), 16);
    desk.world
        .restart_speaking(Speaks::V2AcceptingV3(SIGN_TYPE));
    let _ = go_on(&desk, &session, &running).await;
    desk.pass(20 * MINUTE_MS).await;
    assert_eq!(mismatches(&desk), Vec::<String>::new());
    assert_eq!(orders_by(&desk, SIGN_TYPE.into()), 4);
    assert_eq!(refunds_by(&desk, Protocol::V3), 16);
    assert!(desk.world.store.all_incidents().is_empty());
}

/// Somebody skips the step between: nothing is lost, but old orders wait until the setting is right.
#[tokio::test]
async fn who_takes_the_old_key_away_too_early_can_give_it_back() {
    let mut desk = desk(Speaks::V2(SIGN_TYPE)).await;
    let session = desk.session("alice").await;
    let running = run(&desk, &session, 5).await;
    desk.world.restart_speaking(Speaks::V3);
    assert_eq!(desk.deliver().await, [401], "WeChat will come again");
    let refund = desk.refund(&running[0].id, "R-2", Some(500)).await.ok(201);
    desk.pass(5 * MINUTE_MS).await;
    assert_eq!(desk.refund_state(&refund).await["state"], "recorded");
    assert_eq!(desk.world.state(&running[1].id).await, "open");
    desk.world
        .restart_speaking(Speaks::V3AcceptingV2(SIGN_TYPE));
    desk.pass(60 * MINUTE_MS).await;
    assert_eq!(desk.refund_state(&refund).await["state"], "succeeded");
    assert_eq!(desk.world.state(&running[1].id).await, "paid");
    assert_eq!(mismatches(&desk), Vec::<String>::new());
}
