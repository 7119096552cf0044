//! The day after: WeChat's bill against our books. The last safety net.

use fen::Fen;
use serde_json::{Value, json};
use shouyin_core::id::Mchid;
use shouyin_core::reconciliation::service;
use shouyin_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use wechat_simulator::{Command, CommandAnswer, Fault, FaultKind, Operation};
use wechatpay::v2::SignType;

use crate::desk::Desk;
use crate::v2::Speaks;
use crate::world::{MCHID, Setup};

/// The day on which every world begins, at noon; its bill can be had from ten in the morning of the next one.
const TODAY: &str = "2026-01-05";
const TOMORROW: &str = "2026-01-06";

async fn desk(speaks: Speaks) -> Desk {
    let desk = Desk::build(Setup {
        speaks,
        ..Setup::default()
    })
    .await;
    // As the server does when it starts.
    start(&desk).await;
    desk
}

async fn start(desk: &Desk) {
    let mchid = Mchid::parse(MCHID).unwrap();
    service::start(&desk.world.ports, &mchid).await.unwrap();
}

async fn day(desk: &Desk, date: &str) -> Value {
    let path = format!("/v1/reconciliations/{date}");
    desk.world.get(&path).await.ok(200)
}

/// Kind and state of what differs.
fn items(day: &Value) -> Vec<(&str, &str)> {
    let items = day["items"].as_array().unwrap();
    let word = |item: &'_ Value, name: &str| -> String { item[name].as_str().unwrap().to_owned() };
    items
        .iter()
        .map(|item| {
            assert!(!word(item, "detail").is_empty());
            (
                item["kind"].as_str().unwrap(),
                item["state"].as_str().unwrap(),
            )
        })
        .collect()
}

async fn incidents(desk: &Desk) -> Vec<String> {
    let list = desk.world.get("/v1/incidents").await.ok(200);
    let all = list["data"].as_array().unwrap();
    let mut kinds: Vec<String> = all
        .iter()
        .map(|incident| incident["kind"].as_str().unwrap().to_owned())
        .collect();
    kinds.sort();
    kinds
}

fn fault(desk: &Desk, fault: Fault) {
    desk.heart.throw(Command::AddFault(fault));
}

/// Until noon of the next day.
async fn next_day(desk: &Desk) {
    desk.pass(DAY_MS).await;
}

#[tokio::test]
async fn yesterday_adds_up() {
    for speaks in [Speaks::default(), Speaks::V2(SignType::HmacSha256)] {
        let desk = desk(speaks).await;
        let sold = desk.sell("A-1").await;
        desk.sell("A-2").await;
        desk.refund(&sold.id, "R-1", Some(500)).await.ok(201);
        let waiting = day(&desk, "2026-01-04").await;
        assert_eq!(waiting["state"], "waiting");
        assert!(waiting.get("bill").is_none());
        next_day(&desk).await;
        // Yesterday nothing had happened, here and at WeChat.
        assert_eq!(day(&desk, "2026-01-04").await["state"], "empty");
        let today = day(&desk, TODAY).await;
        assert_eq!(today["state"], "completed");
        let expected = json!({
            "payments": 2, "paid_fen": 3980, "refunds": 1, "refunded_fen": 500, "revoked": 0, "fees_yuan": "0.20880",
        });
        assert_eq!(today["bill"], expected);
        assert_eq!(today["matched"], expected);
        assert_eq!(today["items"], json!([]));
        // Midnight between the two is that of Beijing.
        assert_eq!(today["fetched_at"], "2026-01-06T02:10:00.000Z");
        let list = desk.world.get("/v1/reconciliations?limit=2").await.ok(200);
        let dates: Vec<&str> = list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|day| day["date"].as_str().unwrap())
            .collect();
        assert_eq!(dates, [TOMORROW, TODAY]);
        assert_eq!(list["next"], TODAY);
        let rest = desk
            .world
            .get("/v1/reconciliations?after=2026-01-05")
            .await
            .ok(200);
        assert_eq!(rest["data"].as_array().unwrap().len(), 1);
        assert_eq!(rest["next"], Value::Null);
        assert_eq!(desk.events("reconciliation.completed").await, 2);
        assert_eq!(incidents(&desk).await, [""; 0]);
    }
}

#[tokio::test]
async fn a_merchant_with_both_protocols_has_one_bill() {
    let mut desk = desk(Speaks::V2(SignType::HmacSha256)).await;
    desk.sell("A-1").await;
    desk.world
        .restart_speaking(Speaks::V3AcceptingV2(SignType::HmacSha256));
    desk.sell("A-2").await;
    next_day(&desk).await;
    let today = day(&desk, TODAY).await;
    assert_eq!(
        (&today["state"], &today["bill"]["payments"]),
        (&json!("completed"), &json!(2))
    );
    assert_eq!(today["matched"], today["bill"]);
}

/// WeChat took the order, lost every answer, denied for twenty minutes that it exists, let the payer pay, and told nobody.
async fn denied_and_paid(desk: &Desk) -> String {
    let id = desk.world.order("A-1").await;
    let session = desk.session("alice").await;
    let pay = format!("/mp/v1/payments/{id}/pay");
    fault(
        desk,
        Fault::new(FaultKind::AnswerLost)
            .at(Operation::Prepay)
            .times(9),
    );
    for operation in [Operation::Query, Operation::Close] {
        let denied = Fault {
            status: Some(404),
            code: Some("ORDER_NOT_EXIST".into()),
            ..Fault::new(FaultKind::Error).at(operation).times(99)
        };
        fault(desk, denied);
    }
    desk.world
        .phone(&session, &pay)
        .await
        .problem(503, "wechat_unavailable");
    let close = format!("/v1/payments/{id}/close");
    desk.world.post(&close, &json!({})).await.ok(200);
    desk.pass(20 * MINUTE_MS).await;
    assert_eq!(desk.world.state(&id).await, "closed");
    desk.heart.throw(Command::ClearFaults);
    let lost = Fault::new(FaultKind::NotificationLost).at(Operation::PaymentNotification);
    fault(desk, lost.times(99));
    let (number, ..) = desk.heart.orders().remove(0);
    let prepay_id = {
        let books = desk.heart.books();
        books.prepays(MCHID, &number)[0].0.to_owned()
    };
    assert_eq!(desk.heart.pay("alice", &prepay_id), Ok("SUCCESS"));
    desk.pass(HOUR_MS).await;
    assert_eq!(desk.world.state(&id).await, "closed");
    id
}

#[tokio::test]
async fn late_money_that_wechat_denied_and_never_told_is_found_in_the_bill() {
    let desk = desk(Speaks::default()).await;
    let id = denied_and_paid(&desk).await;
    next_day(&desk).await;
    let payment = desk.payment(&id).await;
    assert_eq!(
        (&payment["state"], &payment["paid"]["late"]),
        (&json!("paid"), &json!(true))
    );
    let today = day(&desk, TODAY).await;
    assert_eq!(today["state"], "completed");
    assert_eq!(items(&today), [("not_paid_here", "resolved")]);
    assert_eq!(today["items"][0]["resolved_by"], "books");
    assert_eq!(today["items"][0]["payment_id"], id);
    assert_eq!(today["matched"]["paid_fen"], 1990);
    assert_eq!(desk.events("payment.paid_late").await, 1);
    assert_eq!(desk.events("reconciliation.difference_found").await, 0);
    // Learned on the next day, and not missed in that day's bill.
    next_day(&desk).await;
    assert_eq!(items(&day(&desk, TOMORROW).await), []);
}

/// Without an answer to the question the file is still not believed.
#[tokio::test]
async fn what_wechat_does_not_confirm_stays_open_and_is_asked_on() {
    let desk = desk(Speaks::default()).await;
    let id = denied_and_paid(&desk).await;
    fault(
        &desk,
        Fault::new(FaultKind::SystemError)
            .at(Operation::Query)
            .times(999),
    );
    next_day(&desk).await;
    desk.pass(3 * HOUR_MS).await;
    let today = day(&desk, TODAY).await;
    assert_eq!(today["state"], "completed");
    assert_eq!(items(&today), [("not_paid_here", "open")]);
    assert_eq!(desk.world.state(&id).await, "closed");
    assert_eq!(desk.events("reconciliation.difference_found").await, 1);
    assert_eq!(incidents(&desk).await, ["bill_differs"]);
    desk.heart.throw(Command::ClearFaults);
    next_day(&desk).await;
    assert_eq!(desk.world.state(&id).await, "paid");
    assert_eq!(
        items(&day(&desk, TODAY).await),
        [("not_paid_here", "resolved")]
    );
}

#[tokio::test]
async fn a_refund_by_hand_whose_notifications_were_all_lost_appears() {
    for speaks in [Speaks::default(), Speaks::V2(SignType::Md5)] {
        let desk = desk(speaks).await;
        let sold = desk.sell("A-1").await;
        let lost = Fault::new(FaultKind::NotificationLost).at(Operation::RefundNotification);
        fault(&desk, lost.times(99));
        let made = desk.heart.throw(Command::ConsoleRefund {
            order: (MCHID.to_owned(), sold.out_trade_no.clone()),
            amount: Fen::new(700),
            out_refund_no: None,
        });
        let CommandAnswer::Refund(number) = made else {
            panic!("{made:?}")
        };
        desk.pass(20 * HOUR_MS).await;
        assert_eq!(desk.balance().await, (1990, 0));
        desk.pass(4 * HOUR_MS).await;
        assert_eq!(desk.balance().await, (1290, 0));
        let refunds = desk.world.get("/v1/refunds").await.ok(200);
        let refund = &refunds["data"][0];
        assert_eq!(refund["out_refund_no"], number.as_str());
        assert_eq!(
            (&refund["origin"], &refund["state"]),
            (&json!("console"), &json!("succeeded"))
        );
        assert_eq!(
            items(&day(&desk, TODAY).await),
            [("refund_not_here", "resolved")]
        );
        assert_eq!(incidents(&desk).await, [""; 0]);
    }
}

#[tokio::test]
async fn what_contradicts_changes_nothing_and_is_told() {
    let desk = desk(Speaks::default()).await;
    let first = desk.sell("A-1").await;
    let second = desk.sell("A-2").await;
    desk.sell("A-3").await;
    // Past the day before, whose bill these would be played on.
    desk.pass(3 * HOUR_MS).await;
    for kind in [FaultKind::BillExtraLine, FaultKind::BillForeignLine] {
        fault(&desk, Fault::new(kind));
    }
    fault(
        &desk,
        Fault::new(FaultKind::BillMissingLine).of_order(&first.out_trade_no),
    );
    fault(
        &desk,
        Fault::new(FaultKind::BillOtherAmount).of_order(&second.out_trade_no),
    );
    next_day(&desk).await;
    let today = day(&desk, TODAY).await;
    assert_eq!(today["state"], "completed");
    let mut found = items(&today);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("amount_differs", "open"),
            ("foreign_merchant", "open"),
            ("missing_in_bill", "open"),
            ("unknown_order", "open"),
        ]
    );
    assert_eq!(
        today["differences"],
        json!({ "asked": 0, "open": 4, "resolved": 0 })
    );
    assert_eq!(today["matched"]["payments"], 1);
    assert_eq!(
        incidents(&desk).await,
        [
            "amount_mismatch",
            "missing_in_bill",
            "owner_mismatch",
            "unknown_order"
        ]
    );
    assert_eq!(desk.balance().await, (3 * 1990, 0));
    assert_eq!(desk.events("reconciliation.difference_found").await, 4);
    // Once more, and nothing is told twice.
    let run = format!("/v1/reconciliations/{TODAY}/run");
    let due = desk.world.post(&run, &json!({})).await.ok(200);
    assert_eq!(
        (&due["state"], &due["items"]),
        (&json!("waiting"), &today["items"])
    );
    desk.pass(SECOND_MS).await;
    let again = day(&desk, TODAY).await;
    assert_eq!(
        (&again["state"], &again["items"]),
        (&json!("completed"), &today["items"])
    );
    assert_eq!(desk.events("reconciliation.difference_found").await, 4);
    assert_eq!(incidents(&desk).await.len(), 4);
}

#[tokio::test]
async fn a_late_line_resolves_the_difference_of_the_day_before() {
    let desk = desk(Speaks::default()).await;
    let late = desk.sell("A-1").await;
    desk.sell("A-2").await;
    fault(
        &desk,
        Fault::new(FaultKind::BillLateLine).of_order(&late.out_trade_no),
    );
    next_day(&desk).await;
    assert_eq!(
        items(&day(&desk, TODAY).await),
        [("missing_in_bill", "open")]
    );
    assert_eq!(incidents(&desk).await, ["missing_in_bill"]);
    next_day(&desk).await;
    let today = day(&desk, TODAY).await;
    assert_eq!(items(&today), [("missing_in_bill", "resolved")]);
    assert_eq!(today["items"][0]["resolved_by"], "bill");
    let tomorrow = day(&desk, TOMORROW).await;
    assert_eq!(
        (&tomorrow["matched"]["payments"], &tomorrow["items"]),
        (&json!(1), &json!([]))
    );
}

#[tokio::test]
async fn a_bill_that_is_not_to_be_had_or_not_right_is_asked_for_again() {
    for speaks in [Speaks::default(), Speaks::V2(SignType::HmacSha256)] {
        let desk = desk(speaks).await;
        desk.sell("A-1").await;
        // Past the day before, which has no bill.
        desk.pass(3 * HOUR_MS).await;
        fault(&desk, Fault::new(FaultKind::BillNotReady));
        desk.pass(19 * HOUR_MS + 8 * MINUTE_MS).await;
        let today = day(&desk, TODAY).await;
        assert_eq!(today["state"], "waiting", "{today}");
        assert!(
            today["trouble"]
                .as_str()
                .unwrap()
                .contains("not made the bill yet"),
            "{today}"
        );
        fault(&desk, Fault::new(FaultKind::BillNone));
        desk.pass(10 * MINUTE_MS).await;
        let trouble = day(&desk, TODAY).await["trouble"].clone();
        assert!(
            trouble.as_str().unwrap().contains("there is no bill"),
            "{trouble}"
        );
        fault(&desk, Fault::new(FaultKind::BillWrongDigest));
        desk.pass(10 * MINUTE_MS).await;
        let today = day(&desk, TODAY).await;
        let trouble = today["trouble"].as_str().unwrap_or_default().to_owned();
        assert!(
            trouble.contains("SHA-1") || trouble.contains("its lines give"),
            "{today}"
        );
        assert_eq!(items(&today), []);
        for kind in [FaultKind::BillExtraColumn, FaultKind::BillLegacyColumns] {
            fault(&desk, Fault::new(kind));
        }
        desk.pass(20 * MINUTE_MS).await;
        let today = day(&desk, TODAY).await;
        assert_eq!(today["state"], "completed", "{today}");
        assert_eq!(
            (&today["matched"]["paid_fen"], &today["items"]),
            (&json!(1990), &json!([]))
        );
        assert_eq!(incidents(&desk).await, [""; 0]);
    }
}

#[tokio::test]
async fn a_person_is_told_at_noon_of_the_second_day_and_it_is_asked_on() {
    let desk = desk(Speaks::default()).await;
    desk.sell("A-1").await;
    desk.pass(3 * HOUR_MS).await;
    fault(&desk, Fault::new(FaultKind::BillNone).times(999));
    desk.pass(DAY_MS + 20 * HOUR_MS).await;
    assert_eq!(day(&desk, TODAY).await["state"], "waiting");
    assert_eq!(incidents(&desk).await, [""; 0]);
    desk.pass(6 * HOUR_MS).await;
    assert_eq!(incidents(&desk).await, ["no_bill"]);
    let list = desk.world.get("/v1/incidents").await.ok(200);
    assert_eq!(list["data"][0]["bill_date"], TODAY);
    desk.heart.throw(Command::ClearFaults);
    desk.pass(DAY_MS).await;
    assert_eq!(day(&desk, TODAY).await["state"], "completed");
    // The days after did not wait for it.
    assert_eq!(day(&desk, TOMORROW).await["state"], "empty");
    assert_eq!(incidents(&desk).await, ["no_bill"]);
}

#[tokio::test]
async fn a_process_that_dies_at_it_begins_again_where_it_was() {
    let mut desk = desk(Speaks::default()).await;
    let sold = desk.sell("A-1").await;
    fault(
        &desk,
        Fault::new(FaultKind::BillMissingLine).of_order(&sold.out_trade_no),
    );
    desk.sell("A-2").await;
    desk.pass(22 * HOUR_MS).await;
    // The file never comes, and the process is killed while it waits.
    desk.heart.be_silent();
    {
        let waits = desk.pass(10 * MINUTE_MS);
        tokio::select! {
            () = waits => panic!("an answer came"),
            () = desk.heart.fell_silent.notified() => {}
        }
    }
    desk.world.restart();
    // A second start owes nothing twice.
    start(&desk).await;
    desk.pass(30 * MINUTE_MS).await;
    let today = day(&desk, TODAY).await;
    assert_eq!(today["state"], "completed", "{today}");
    assert_eq!(items(&today), [("missing_in_bill", "open")]);
    assert_eq!(desk.events("reconciliation.completed").await, 2);
}

#[tokio::test]
async fn days_are_asked_for_by_date() {
    let desk = desk(Speaks::default()).await;
    let world = &desk.world;
    for path in [
        "/v1/reconciliations/2020-01-01",
        "/v1/reconciliations/yesterday",
        "/v1/reconciliations/2026-02-30",
    ] {
        world
            .get(path)
            .await
            .problem(404, "reconciliation_not_found");
    }
    world
        .get("/v1/reconciliations?after=x")
        .await
        .problem(400, "invalid_query");
    let run = async |date: &str| {
        let path = format!("/v1/reconciliations/{date}/run");
        world.post(&path, &json!({})).await
    };
    run(TODAY).await.problem(409, "day_not_over");
    run("2025-09-01").await.problem(409, "bill_too_old");
    run("x").await.problem(404, "reconciliation_not_found");
    assert_eq!(run("2025-12-24").await.ok(200)["state"], "waiting");
    desk.pass(MINUTE_MS).await;
    assert_eq!(day(&desk, "2025-12-24").await["state"], "empty");
    // Another merchant sees nothing of it.
    let theirs = world
        .get_as(&world.other_api_key, "/v1/reconciliations")
        .await;
    assert_eq!(theirs.ok(200)["data"], json!([]));
}
