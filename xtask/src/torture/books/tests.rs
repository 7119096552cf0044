//! A comparison that finds nothing is worth something only if it would find something.

use serde_json::json;

use super::*;

/// One payment of 1990 fen, paid, 500 of it refunded; told in one webhook each.
fn books() -> Books {
    let order = json!({
        "out_trade_no": "T1", "trade_state": "REFUND", "amount_fen": 1990, "transaction_id": "42",
    });
    let refund = json!({ "out_refund_no": "R1", "out_trade_no": "T1", "refund_fen": 500, "status": "SUCCESS" });
    let payment = json!({
        "id": "pay_1", "order_no": "o", "state": "paid", "refunded_fen": 500,
        "paid": { "out_trade_no": "T1", "transaction_id": "42" },
        "attempts": [{ "out_trade_no": "T1", "amount_fen": 1990, "state": "paid" }],
    });
    let ours = json!({ "id": "ref_1", "out_refund_no": "R1", "out_trade_no": "T1", "amount_fen": 500, "state": "succeeded" });
    let one = |name: &str, value: &Value| {
        BTreeMap::from([(value[name].as_str().unwrap().to_owned(), value.clone())])
    };
    Books {
        orders: one("out_trade_no", &order),
        wechat_refunds: one("out_refund_no", &refund),
        payments: one("id", &payment),
        refunds: one("out_refund_no", &ours),
        events: vec![json!({ "id": "evt_1", "type": "payment.paid", "payment_id": "pay_1" })],
        incidents: vec![],
        balance: json!({ "cash_fen": 1490, "reserved_fen": 0 }),
    }
}

fn seen() -> Seen {
    let bodies = BTreeMap::from([("evt_1".to_owned(), "{}".to_owned())]);
    Seen {
        bodies,
        arrived: 1,
        changed: vec![],
    }
}

fn promises() -> Promises {
    let mut promises = Promises::default();
    promises.payments.insert("pay_1".to_owned(), "o".to_owned());
    promises.paid.insert("pay_1".to_owned());
    promises.refunds.insert("ref_1".to_owned(), 500);
    promises
}

#[track_caller]
fn finds(books: &Books, what: &str) {
    let found = books.disagreements(&promises(), &seen());
    assert!(found.iter().any(|line| line.contains(what)), "{found:?}");
}

#[test]
fn books_that_agree_agree() {
    assert_eq!(
        books().disagreements(&promises(), &seen()),
        Vec::<String>::new()
    );
    assert_eq!(books().figures().paid, 1);
}

#[test]
fn money_at_one_side_only_is_found() {
    let mut one = books();
    one.payments.get_mut("pay_1").unwrap()["state"] = json!("open");
    one.payments.get_mut("pay_1").unwrap()["attempts"][0]["state"] = json!("open");
    finds(&one, "is \"REFUND\" at WeChat and \"open\" here");
    finds(&one, "was answered paid");
    let mut two = books();
    two.orders.get_mut("T1").unwrap()["trade_state"] = json!("NOTPAY");
    finds(&two, "paid here and not at WeChat");
    let mut again = books();
    let order = json!({ "out_trade_no": "T2", "trade_state": "NOTPAY", "amount_fen": 1990 });
    again.orders.insert("T2".to_owned(), order);
    let attempt = json!({ "out_trade_no": "T2", "amount_fen": 1990, "state": "open" });
    let payment = again.payments.get_mut("pay_1").unwrap();
    payment["attempts"].as_array_mut().unwrap().push(attempt);
    finds(&again, "is paid and can be paid again");
    let mut three = books();
    three.payments.clear();
    finds(&three, "is at WeChat and not in our books");
    finds(&three, "was answered and is gone");
    let mut four = books();
    four.balance["cash_fen"] = json!(1491);
    finds(&four, "the ledger holds 1491 fen, WeChat 1490");
    let mut five = books();
    five.balance["reserved_fen"] = json!(1);
    finds(&five, "still reserved");
}

#[test]
fn another_amount_transaction_or_state_is_found() {
    let mut one = books();
    one.payments.get_mut("pay_1").unwrap()["attempts"][0]["amount_fen"] = json!(1991);
    finds(&one, "is about 1990 at WeChat and 1991 here");
    let mut two = books();
    two.payments.get_mut("pay_1").unwrap()["paid"]["transaction_id"] = json!("43");
    finds(&two, "another transaction");
    let mut three = books();
    three.payments.get_mut("pay_1").unwrap()["state"] = json!("closed");
    finds(&three, "closed here and not at WeChat");
    let mut four = books();
    four.payments.get_mut("pay_1").unwrap()["state"] = json!("closing");
    finds(&four, "still being closed");
}

#[test]
fn refunds_are_compared_from_both_sides() {
    let mut one = books();
    one.refunds.clear();
    finds(&one, "refund R1 is at WeChat and not in our books");
    let mut two = books();
    two.wechat_refunds.clear();
    finds(&two, "here and not at WeChat");
    finds(&two, "500 fen went back here and 0 at WeChat");
    let mut three = books();
    three.refunds.get_mut("R1").unwrap()["state"] = json!("processing");
    finds(&three, "is \"SUCCESS\" at WeChat and \"processing\" here");
    let mut four = books();
    four.wechat_refunds.get_mut("R1").unwrap()["refund_fen"] = json!(1991);
    finds(&four, "more than was paid");
}

#[test]
fn webhooks_that_are_missing_made_up_or_told_twice_are_found() {
    let mut one = books();
    one.events
        .push(json!({ "id": "evt_2", "type": "payment.closed", "payment_id": "pay_2" }));
    finds(&one, "webhook evt_2 (\"payment.closed\") never arrived");
    let mut two = books();
    two.events[0]["id"] = json!("evt_3");
    finds(&two, "webhook evt_1 arrived and is no event");
    let mut three = books();
    three
        .events
        .push(json!({ "id": "evt_4", "type": "payment.paid", "payment_id": "pay_1" }));
    finds(&three, "is there twice");
    let mut four = books();
    four.events[0]["type"] = json!("payment.created");
    finds(&four, "was announced 0 times");
    let changed = Seen {
        changed: vec!["evt_1".to_owned()],
        ..seen()
    };
    let found = books().disagreements(&promises(), &changed);
    assert_eq!(found, ["webhook evt_1 came with two bodies"]);
}

#[test]
fn surplus_is_no_disagreement_when_all_of_it_is_back() {
    let mut one = books();
    one.incidents = vec![json!({ "kind": "surplus_paid", "out_trade_no": "T1" })];
    finds(&one, "an incident");
    for (refunds, name) in [
        (&mut one.wechat_refunds, "refund_fen"),
        (&mut one.refunds, "amount_fen"),
    ] {
        refunds.get_mut("R1").unwrap()[name] = json!(1990);
    }
    let found = one.disagreements(&promises(), &seen());
    assert!(
        !found.iter().any(|line| line.contains("an incident")),
        "{found:?}"
    );
}

#[test]
fn incidents_and_broken_promises_are_disagreements() {
    let mut one = books();
    one.incidents.push(json!({ "kind": "amount_mismatch" }));
    finds(&one, "an incident");
    let mut promises = promises();
    promises.broken.push("o was created twice".to_owned());
    promises.refunds.insert("ref_1".to_owned(), 501);
    let found = books().disagreements(&promises, &seen());
    assert_eq!(found.len(), 2, "{found:?}");
}
