//! One story in twelve cells: buy, pay, lose the news of it, give part of it back, close another one.

use serde_json::json;
use shouyin_core::product::Product;
use shouyin_core::time::{MINUTE_MS, SECOND_MS};
use wechat_simulator::{CodeStory, FaultKind, Operation, RefundEnd};

use super::{V2, at_the_cashier, desk, means, order, shown_code};
use crate::desk::Desk;
use crate::v2::Speaks;

/// Bought and paid, and the news of it lost on its way.
async fn pay_unheard(desk: &Desk, product: Product, id: &str) {
    if product == Product::Code {
        // There is no notification: what can be lost is the answer.
        desk.heart.fault(FaultKind::AnswerLost, Operation::Micropay);
        let auth_code = shown_code(desk, CodeStory::Pays);
        let body = json!({ "auth_code": auth_code, "store_id": "shop-7" });
        let told = means(desk, id, body).await.ok(200);
        assert_eq!(told["state"], "paying");
        return;
    }
    let prepay_id = at_the_cashier(desk, product, id).await;
    desk.heart
        .fault(FaultKind::NotificationLost, Operation::PaymentNotification);
    assert_eq!(desk.heart.pay("alice", &prepay_id), Ok("SUCCESS"));
    assert!(desk.deliver().await.is_empty());
}

/// Another payment that nobody pays, closed.
async fn close_unpaid(desk: &Desk, product: Product) {
    let id = order(desk, product, "A-2").await;
    if product == Product::Code {
        let auth_code = shown_code(desk, CodeStory::Hesitates);
        let told = means(desk, &id, json!({ "auth_code": auth_code })).await;
        assert_eq!(told.ok(200)["state"], "paying");
    } else {
        at_the_cashier(desk, product, &id).await;
    }
    let path = format!("/v1/payments/{id}/close");
    let closing = desk.world.post(&path, &json!({})).await.ok(200);
    assert_ne!(closing["state"], "open");
    // The older protocol closes no order that is younger than five minutes.
    desk.pass(7 * MINUTE_MS).await;
    assert_eq!(desk.world.state(&id).await, "closed");
    let number = desk.payment(&id).await["attempts"][0]["out_trade_no"].clone();
    let orders = desk.heart.orders();
    let (_, _, state) = orders.iter().find(|(n, ..)| number == n.as_str()).unwrap();
    let expected = if product == Product::Code {
        "REVOKED"
    } else {
        "CLOSED"
    };
    assert_eq!(*state, expected);
}

async fn story(product: Product, speaks: Speaks) {
    let desk = desk(product, speaks).await;
    let id = order(&desk, product, "A-1").await;
    pay_unheard(&desk, product, &id).await;
    assert_eq!(desk.world.state(&id).await, "open");
    desk.pass(6 * SECOND_MS).await;
    assert_eq!(desk.world.state(&id).await, "paid");
    // The notification comes after all where there is one, and nothing happens twice.
    desk.pass(MINUTE_MS).await;
    assert_eq!(desk.events("payment.paid").await, 1);
    assert_eq!(desk.balance().await, (1990, 0));

    let refund = desk.refund(&id, "R-1", Some(990)).await.ok(201);
    desk.pass(SECOND_MS).await;
    let number = refund["out_refund_no"].as_str().unwrap();
    desk.heart.finish_refund(number, RefundEnd::Success);
    desk.pass(MINUTE_MS).await;
    assert_eq!(desk.refund_state(&refund).await["state"], "succeeded");
    assert_eq!(desk.balance().await, (1000, 0));

    close_unpaid(&desk, product).await;
    assert_eq!(desk.balance().await, (1000, 0));
    let books = desk.heart.books();
    assert!(books.findings().is_empty(), "{:?}", books.findings());
}

macro_rules! cells {
    ($($name:ident: $product:ident, $speaks:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            story(Product::$product, $speaks).await;
        }
    )*};
}

cells! {
    mini_program_by_v3: MiniProgram, Speaks::V3;
    mini_program_by_v2: MiniProgram, V2;
    jsapi_by_v3: Jsapi, Speaks::V3;
    jsapi_by_v2: Jsapi, V2;
    native_by_v3: Native, Speaks::V3;
    native_by_v2: Native, V2;
    app_by_v3: App, Speaks::V3;
    app_by_v2: App, V2;
    h5_by_v3: H5, Speaks::V3;
    h5_by_v2: H5, V2;
    code_by_v3: Code, Speaks::V3;
    code_by_v2: Code, V2;
}
