//! The server dies; the payment does not.

use serde_json::{Value, json};

use crate::desk::Desk;

async fn order(desk: &Desk, api_key: &str) -> (String, String, Value) {
    let session = desk.login().await;
    let new = json!({"order_no": "coffee-1", "amount_fen": 1990, "description": "latte"});
    let payment = desk.post("/v1/payments", api_key, new).await;
    let id = payment["id"].as_str().unwrap().to_owned();
    let ready = desk
        .post(&format!("/mp/v1/payments/{id}/pay"), &session, json!({}))
        .await;
    assert_eq!(ready["state"], "ready", "{ready}");
    (id, session, ready["request_payment"].clone())
}

#[tokio::test]
async fn killed_between_the_payment_and_the_notification_it_is_paid_after_the_restart() {
    let desk = Desk::new();
    let api_key = desk.api_key();
    let server = desk.serve();
    let (id, _, parameters) = order(&desk, &api_key).await;
    desk.control(
        "faults",
        json!({"fault": "notification_lost", "times": 100}),
    )
    .await;

    server.kill_9();
    desk.pay_at_cashier(&parameters).await;

    let _restarted = desk.serve();
    let paid = desk.wait_until_paid(&id, &api_key).await;
    assert_eq!(paid["paid"]["late"], false);
    assert_eq!(paid["attempts"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn killed_before_the_order_was_answered_it_goes_on_under_the_same_number() {
    let desk = Desk::new();
    let api_key = desk.api_key();
    let server = desk.serve();
    desk.control(
        "faults",
        json!({"fault": "answer_lost", "operation": "prepay"}),
    )
    .await;
    let session = desk.login().await;
    let new = json!({"order_no": "coffee-2", "amount_fen": 1990, "description": "latte"});
    let payment = desk.post("/v1/payments", &api_key, new).await;
    let id = payment["id"].as_str().unwrap().to_owned();
    let path = format!("/mp/v1/payments/{id}/pay");
    // WeChat took the order, but its answer never comes: the tap fails, and then the process dies.
    let (status, problem) = desk.try_post(&path, &session, json!({})).await;
    assert_eq!(status, 503, "{problem}");
    server.kill_9();

    let _restarted = desk.serve();
    let ready = desk.post(&path, &session, json!({})).await;
    assert_eq!(ready["state"], "ready", "{ready}");
    desk.pay_at_cashier(&ready["request_payment"]).await;
    let paid = desk.wait_until_paid(&id, &api_key).await;
    assert_eq!(
        paid["attempts"].as_array().unwrap().len(),
        1,
        "one order at WeChat, whatever was lost: {paid}"
    );
}
