//! Payment codes: passwords, refusals, lost answers, and what is taken back.

use serde_json::{Value, json};
use shouyin_core::product::Product;
use shouyin_core::time::{MINUTE_MS, SECOND_MS};
use wechat_simulator::{CodeStory, FaultKind, Operation};

use super::{V2, desk, means, order, shown_code};
use crate::desk::Desk;
use crate::v2::Speaks;

const BOTH: [Speaks; 2] = [Speaks::V3, V2];

async fn scan(desk: &Desk, id: &str, story: CodeStory) -> Value {
    let auth_code = shown_code(desk, story);
    means(desk, id, json!({ "auth_code": auth_code }))
        .await
        .ok(200)
}

/// What WeChat holds of all orders, in fen: paid and not given back by a reversal.
fn held(desk: &Desk) -> Vec<&'static str> {
    desk.heart
        .orders()
        .iter()
        .map(|(.., state)| *state)
        .collect()
}

#[tokio::test]
async fn a_code_without_a_password_is_paid_at_once() {
    for speaks in BOTH {
        let desk = desk(Product::Code, speaks).await;
        let id = order(&desk, Product::Code, "A-1").await;
        assert_eq!(scan(&desk, &id, CodeStory::Pays).await["state"], "paid");
        assert_eq!(desk.balance().await, (1990, 0));
    }
}

#[tokio::test]
async fn a_password_typed_a_little_later_is_noticed_without_a_notification() {
    for speaks in BOTH {
        let desk = desk(Product::Code, speaks).await;
        let id = order(&desk, Product::Code, "A-1").await;
        let told = scan(&desk, &id, CodeStory::PaysLater).await;
        assert_eq!(told["state"], "paying");
        desk.pass(12 * SECOND_MS).await;
        assert_eq!(desk.world.state(&id).await, "paid");
        assert_eq!(desk.events("payment.code_failed").await, 0);
    }
}

#[tokio::test]
async fn a_payer_who_never_finishes_is_taken_back_and_may_show_another_code() {
    for speaks in BOTH {
        let desk = desk(Product::Code, speaks).await;
        let id = order(&desk, Product::Code, "A-1").await;
        scan(&desk, &id, CodeStory::Hesitates).await;
        desk.pass(40 * SECOND_MS).await;
        assert_eq!(desk.events("payment.code_failed").await, 0);
        // A second code meanwhile is not charged: the first may still be paid.
        let again = scan(&desk, &id, CodeStory::Pays).await;
        assert_eq!(again["state"], "paying");
        desk.pass(20 * SECOND_MS).await;
        assert_eq!(desk.events("payment.code_failed").await, 1);
        assert_eq!(held(&desk), ["REVOKED"]);
        assert_eq!(scan(&desk, &id, CodeStory::Pays).await["state"], "paid");
        assert_eq!(desk.balance().await, (1990, 0));
    }
}

#[tokio::test]
async fn a_password_typed_while_it_is_taken_back_is_no_payment() {
    for speaks in BOTH {
        let desk = desk(Product::Code, speaks).await;
        let id = order(&desk, Product::Code, "A-1").await;
        scan(&desk, &id, CodeStory::PaysAtReverse).await;
        desk.pass(2 * MINUTE_MS).await;
        assert_eq!(desk.world.state(&id).await, "open");
        assert_eq!(desk.events("payment.code_failed").await, 1);
        assert_eq!(desk.events("payment.paid").await, 0);
        assert_eq!(held(&desk), ["REVOKED"]);
        assert_eq!(desk.balance().await, (0, 0));
    }
}

#[tokio::test]
async fn money_that_comes_after_a_bank_error_is_found_by_asking() {
    for speaks in BOTH {
        let desk = desk(Product::Code, speaks).await;
        let id = order(&desk, Product::Code, "A-1").await;
        let told = scan(&desk, &id, CodeStory::BankError).await;
        assert_eq!(told["state"], "paying");
        desk.pass(40 * SECOND_MS).await;
        assert_eq!(desk.world.state(&id).await, "paid");
    }
}

#[tokio::test]
async fn a_refused_code_is_told_in_wechats_words_and_another_may_be_scanned_at_once() {
    for speaks in BOTH {
        let desk = desk(Product::Code, speaks).await;
        let id = order(&desk, Product::Code, "A-1").await;
        let auth_code = shown_code(&desk, CodeStory::NotEnoughMoney);
        let refused = means(&desk, &id, json!({ "auth_code": auth_code })).await;
        let problem = refused.problem(422, "code_refused");
        assert!(problem["wechat"]["code"].as_str().unwrap().contains("NOT"));
        assert_eq!(desk.events("payment.code_failed").await, 1);
        assert_eq!(scan(&desk, &id, CodeStory::Pays).await["state"], "paid");
    }
}

#[tokio::test]
async fn an_expired_code_is_a_clear_error() {
    for speaks in BOTH {
        let desk = desk(Product::Code, speaks).await;
        let id = order(&desk, Product::Code, "A-1").await;
        let auth_code = shown_code(&desk, CodeStory::Pays);
        desk.pass(MINUTE_MS).await;
        let refused = means(&desk, &id, json!({ "auth_code": auth_code })).await;
        refused.problem(422, "code_refused");
        assert_eq!(desk.balance().await, (0, 0));
    }
}

#[tokio::test]
async fn a_reversal_whose_answer_is_lost_is_repeated_until_it_is_known() {
    for speaks in BOTH {
        let desk = desk(Product::Code, speaks).await;
        let id = order(&desk, Product::Code, "A-1").await;
        scan(&desk, &id, CodeStory::Hesitates).await;
        desk.heart.fault(FaultKind::AnswerLost, Operation::Reverse);
        desk.pass(2 * MINUTE_MS).await;
        assert_eq!(held(&desk), ["REVOKED"]);
        assert_eq!(desk.events("payment.code_failed").await, 1);
        assert_eq!(desk.world.state(&id).await, "open");
    }
}

#[tokio::test]
async fn a_process_that_dies_while_a_payer_hesitates_comes_back_and_takes_it_back() {
    for speaks in BOTH {
        let mut desk = desk(Product::Code, speaks).await;
        let id = order(&desk, Product::Code, "A-1").await;
        scan(&desk, &id, CodeStory::Hesitates).await;
        desk.pass(17 * SECOND_MS).await;
        desk.world.restart();
        desk.pass(2 * MINUTE_MS).await;
        assert_eq!(held(&desk), ["REVOKED"]);
        assert_eq!(desk.events("payment.code_failed").await, 1);
        assert_eq!(desk.world.state(&id).await, "open");
    }
}

#[tokio::test]
async fn a_request_that_never_reached_wechat_charges_nobody_under_any_number() {
    for speaks in BOTH {
        let desk = desk(Product::Code, speaks).await;
        let id = order(&desk, Product::Code, "A-1").await;
        desk.heart
            .fault(FaultKind::RequestLost, Operation::Micropay);
        let told = scan(&desk, &id, CodeStory::Pays).await;
        assert_eq!(told["state"], "paying", "it may still be on its way");
        desk.pass(20 * MINUTE_MS).await;
        assert_eq!(desk.events("payment.code_failed").await, 1);
        assert!(held(&desk).is_empty());
        let told = scan(&desk, &id, CodeStory::Pays).await;
        // Half an hour has not passed, so the payment is still open for another code.
        assert_eq!(told["state"], "paid");
    }
}
