//! Really signed by WeChat, really sealed with the merchant's key, and not what was ordered: money that must not be booked.

use serde_json::{Value, json};

use crate::case::{CONTRADICTION, Expect, Group};
use crate::desk::{APPID, MCHID, OTHER_APPID, OTHER_MCHID};
use crate::forge::{Notice, changed, unsigned};
use crate::shop::{Payment, Shop};

pub(crate) fn payments(shop: &Shop) -> Group {
    let mut group = Group::new("genuine payment notifications that contradict the order");
    let orders: [(&str, &Payment, i64); 2] =
        [("open", &shop.open, 2990), ("paid", &shop.paid, 1990)];
    for (which, payment, total) in orders {
        let mut add = |name: &str, changes: Value| {
            let resource = changed(&payment.success, &changes);
            group.add(
                format!("{which}: {name}"),
                &shop.genuine(&Notice::payment(resource)),
                CONTRADICTION,
            );
        };
        for amount in [
            total - 1,
            total + 1,
            0,
            -total,
            1,
            total * 100,
            i64::MAX,
            i64::MIN,
        ] {
            add(
                &format!("total {amount}"),
                json!({"amount": {"total": amount}}),
            );
        }
        for currency in ["USD", "HKD", "cny", "CNH", "RMB", "CNY "] {
            add(
                &format!("currency {currency:?}"),
                json!({"amount": {"currency": currency}}),
            );
        }
        for mchid in [OTHER_MCHID, "", "0", "1900000001x"] {
            add(&format!("mchid {mchid:?}"), json!({"mchid": mchid}));
        }
        add("mchid absent", json!({"mchid": null}));
        for appid in [OTHER_APPID, "", "wx0000000000000000"] {
            add(&format!("appid {appid:?}"), json!({"appid": appid}));
        }
        add("appid absent", json!({"appid": null}));
        add(
            "a partner's order",
            json!({"mchid": null, "appid": null, "sp_mchid": MCHID, "sp_appid": APPID, "sub_mchid": OTHER_MCHID}),
        );
        for product in ["NATIVE", "APP", "MWEB", "MICROPAY", "FACEPAY", "jsapi"] {
            add(
                &format!("product {product}"),
                json!({"trade_type": product}),
            );
        }
        add(
            "another payer",
            json!({"payer": {"openid": "oAnotherAnotherAnotherAnothr0"}}),
        );
        add(
            "another order of ours that is unknown",
            json!({"out_trade_no": "T20260105000001"}),
        );
        let others = &shop.others.success["out_trade_no"];
        add(
            "the number of another merchant's order",
            json!({"out_trade_no": others}),
        );
    }
    let mut add = |name: &str, payment: &Payment, changes: Value| {
        let resource = changed(&payment.success, &changes);
        group.add(
            name,
            &shop.genuine(&Notice::payment(resource)),
            CONTRADICTION,
        );
    };
    add(
        "paid again as another transaction",
        &shop.paid,
        json!({"transaction_id": "4200009999202601051234567899"}),
    );
    add(
        "the paid transaction under the open number",
        &shop.open,
        json!({"transaction_id": shop.paid.success["transaction_id"], "amount": {"total": 1990}}),
    );
    add("another merchant's whole order", &shop.others, json!({}));
    add(
        "another merchant's order in our name",
        &shop.others,
        json!({"mchid": MCHID, "appid": APPID}),
    );
    group
}

/// What WeChat really sent to the other merchant, byte for byte.
pub(crate) async fn of_others(shop: &Shop) -> Group {
    let mut group = Group::new("genuine notifications of one merchant at the door of another");
    for (number, (headers, body)) in shop.desk.sent_to(OTHER_MCHID).await.into_iter().enumerate() {
        let request = unsigned(MCHID, body).headers(&headers);
        group.add(
            format!("the other merchant's number {number}, at ours"),
            &request,
            Expect::Refused,
        );
    }
    for (number, (headers, body)) in shop.desk.sent_to(MCHID).await.into_iter().enumerate() {
        let request = unsigned(OTHER_MCHID, body).headers(&headers);
        group.add(
            format!("our number {number}, at the other merchant's"),
            &request,
            Expect::Refused,
        );
    }
    assert!(group.cases.len() >= 3, "WeChat sent too little to replay");
    group
}

pub(crate) fn refunds(shop: &Shop) -> Group {
    let mut group = Group::new("genuine refund notifications that contradict the refund");
    let good = &shop.refund_success;
    let mut add = |name: &str, changes: Value| {
        let resource = changed(good, &changes);
        group.add(
            name,
            &shop.genuine(&Notice::refund(resource)),
            CONTRADICTION,
        );
    };
    for refund in [499, 501, 0, -500, 1990, 1991, i64::MAX, i64::MIN] {
        add(
            &format!("refund of {refund} fen"),
            json!({"amount": {"refund": refund}}),
        );
    }
    for total in [1989, 1991, 500, 0, -1990, i64::MAX] {
        add(
            &format!("of a total of {total} fen"),
            json!({"amount": {"total": total}}),
        );
    }
    add(
        "another transaction",
        json!({"transaction_id": "4200009999202601051234567899"}),
    );
    add("another merchant", json!({"mchid": OTHER_MCHID}));
    add(
        "another refund id of WeChat",
        json!({"refund_id": "50300000012026010500000000009"}),
    );
    add(
        "an order that is unknown",
        json!({"out_trade_no": "T20260105000001"}),
    );
    add(
        "an unknown refund of an unknown order",
        json!({"out_trade_no": "T20260105000001", "out_refund_no": "unknown-1"}),
    );
    add(
        "the order of another merchant",
        json!({"out_trade_no": shop.others.success["out_trade_no"], "transaction_id": shop.others.success["transaction_id"]}),
    );
    add(
        "an unknown refund of more than is left",
        json!({"out_refund_no": "unknown-2", "amount": {"refund": 1991}}),
    );
    add(
        "an unknown refund of nothing",
        json!({"out_refund_no": "unknown-3", "amount": {"refund": 0}}),
    );
    add(
        "an unknown refund of less than nothing",
        json!({"out_refund_no": "unknown-4", "amount": {"refund": -1}}),
    );
    add(
        "an unknown refund of another transaction",
        json!({"out_refund_no": "unknown-5", "transaction_id": "4200009999202601051234567899"}),
    );
    for (name, changes) in [
        ("refund as text", json!({"amount": {"refund": "500"}})),
        ("refund as a fraction", json!({"amount": {"refund": 500.5}})),
        ("no amount", json!({"amount": null})),
        ("no out_refund_no", json!({"out_refund_no": null})),
        ("no refund_status", json!({"refund_status": null})),
        (
            "out_refund_no with a blank",
            json!({"out_refund_no": "a b"}),
        ),
        (
            "out_refund_no of 65 characters",
            json!({"out_refund_no": "R".repeat(65)}),
        ),
        (
            "refund_id of 33 characters",
            json!({"refund_id": "5".repeat(33)}),
        ),
        (
            "success without its time, unknown refund",
            json!({"out_refund_no": "unknown-6", "success_time": null, "amount": {"refund": 1}}),
        ),
        ("success_time is no time", json!({"success_time": "soon"})),
    ] {
        add(name, changes);
    }
    group
}
