use fen::Fen;
use shouyin_core::id::OutTradeNo;
use shouyin_core::notification::NoticeContent;
use shouyin_core::outcome::{Doubt, RefusalKind};
use shouyin_core::ports::RefundStatus;

use super::*;
use crate::testing::*;

mod polite;
mod products;
mod v2;

const ANSWER: &str = include_str!("../refund/tests/answer.json");
const NOTICE: &str = include_str!("../refund/tests/notice.json");

fn order(mchid: Mchid) -> RefundOrder {
    RefundOrder {
        appid: Appid::parse("wx1111222233334444").unwrap(),
        route: Route::parse("v3").unwrap(),
        mchid,
        out_refund_no: refund_no(),
        out_trade_no: trade_no(),
        amount: Fen::new(990),
        total: Fen::new(1990),
        reason: None,
    }
}

fn refund_no() -> OutRefundNo {
    OutRefundNo::parse("R20260105000001-1").unwrap()
}

fn order_at(mchid: Mchid, out_trade_no: OutTradeNo) -> OrderAt {
    OrderAt {
        mchid,
        appid: Appid::parse("wx1111222233334444").unwrap(),
        product: Product::MiniProgram,
        route: Route::parse("v3").unwrap(),
        out_trade_no,
    }
}

fn refund_at(mchid: Mchid, out_refund_no: OutRefundNo) -> RefundAt {
    RefundAt {
        mchid,
        appid: Appid::parse("wx1111222233334444").unwrap(),
        route: Route::parse("v3").unwrap(),
        out_refund_no,
    }
}

fn trade_no() -> OutTradeNo {
    OutTradeNo::parse("T20260105000001").unwrap()
}

#[tokio::test]
async fn a_refund_is_asked_for_and_asked_about() {
    let desk = Desk::new();
    let acquirer = desk.acquirer();
    desk.script.says(signed(200, ANSWER));
    let Outcome::Succeeded(fact) = acquirer.refund(&order(mchid(MCHID))).await else {
        panic!("refused")
    };
    assert_eq!(fact.status, RefundStatus::Processing);
    assert_eq!(fact.out_refund_no, refund_no());
    let Outcome::Succeeded(again) = acquirer
        .query_refund(&refund_at(mchid(MCHID), refund_no()))
        .await
    else {
        panic!("refused")
    };
    assert_eq!(again, fact);
    let asked = desk.script.asked();
    assert_eq!(asked[0].target, "/v3/refund/domestic/refunds");
    let body: serde_json::Value = serde_json::from_slice(&asked[0].body).unwrap();
    assert_eq!(body["out_trade_no"], "T20260105000001");
    assert_eq!(body["notify_url"], "https://pay.example.com/wechat/notify");
    assert_eq!(
        asked[1].target,
        "/v3/refund/domestic/refunds/R20260105000001-1"
    );
}

#[tokio::test]
async fn too_little_money_is_told_apart() {
    let desk = Desk::new();
    let body = r#"{"code":"NOT_ENOUGH","message":"基本账户余额不足"}"#;
    desk.script.says(signed(403, body));
    let outcome = desk.acquirer().refund(&order(mchid(MCHID))).await;
    let Outcome::Rejected(refusal) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(refusal.kind, RefusalKind::NotEnough);
    assert!(refusal.verified);
}

#[tokio::test]
async fn a_refund_of_an_unknown_merchant_is_not_given_up() {
    let outcome = Desk::new().acquirer().refund(&order(mchid("7"))).await;
    assert!(
        matches!(outcome, Outcome::Unknown(Doubt { not_sent: true, .. })),
        "{outcome:?}"
    );
}

fn wechat_refund_id() -> WechatRefundId {
    WechatRefundId::parse("50300000012026010500000000001").unwrap()
}

#[tokio::test]
async fn an_abnormal_refund_can_go_to_the_merchant() {
    let desk = Desk::new();
    desk.script.says(signed(200, ANSWER));
    let acquirer = desk.acquirer();
    let (mchid, id, number) = (mchid(MCHID), wechat_refund_id(), refund_no());
    let call = acquirer.remedy_refund(&mchid, &id, &number, &Remedy::MerchantBankCard);
    assert!(matches!(call.await, Outcome::Succeeded(_)));
    let asked = desk.script.asked().remove(0);
    assert_eq!(
        asked.target,
        "/v3/refund/domestic/refunds/50300000012026010500000000001/apply-abnormal-refund"
    );
    let body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(body["type"], "MERCHANT_BANK_CARD");
}

#[tokio::test]
async fn a_card_is_sent_encrypted_or_not_at_all() {
    let desk = Desk::new();
    desk.script.says(signed(200, ANSWER));
    let acquirer = desk.acquirer();
    let remedy = |bank: &str| Remedy::UserBankCard {
        bank_type: bank.to_owned(),
        account: "6222020200112233445".into(),
        name: "张三".into(),
    };
    let (mchid, id, number) = (mchid(MCHID), wechat_refund_id(), refund_no());
    let code = |outcome: Outcome<RefundFact>| {
        let Outcome::Rejected(refusal) = outcome else {
            panic!("{outcome:?}")
        };
        (refusal.code, refusal.message)
    };
    let without_key = acquirer
        .remedy_refund(&mchid, &id, &number, &remedy("ICBC_DEBIT"))
        .await;
    let (name, message) = code(without_key);
    assert_eq!(name, "NO_ENCRYPTION_KEY");
    assert!(message.contains("public key"), "{message}");

    let key = wechatpay::crypto::PublicKey::from_pem(include_str!("tests/public_key.pem")).unwrap();
    desk.keys.insert_public_key("PUB_KEY_ID_1", key);
    let no_bank = acquirer
        .remedy_refund(&mchid, &id, &number, &remedy("my bank"))
        .await;
    assert_eq!(code(no_bank).0, "PARAM_ERROR");
    assert_eq!(desk.script.count(), 0);

    let remedy = remedy("ICBC_DEBIT");
    let call = acquirer.remedy_refund(&mchid, &id, &number, &remedy);
    assert!(matches!(call.await, Outcome::Succeeded(_)));
    let asked = desk.script.asked().remove(0);
    let serial = ("Wechatpay-Serial".to_owned(), "PUB_KEY_ID_1".to_owned());
    assert!(asked.headers.contains(&serial));
    let body = String::from_utf8(asked.body).unwrap();
    assert!(!body.contains("6222020200112233445") && !body.contains("张三"));
}

#[test]
fn refund_notifications_are_opened() {
    let desk = Desk::new();
    let now = Timestamp::from_millis(NOW_MS);
    let open = |resource: &str| {
        let (headers, body) = notification("REFUND.SUCCESS", "refund", resource);
        desk.acquirer()
            .open_notification(&mchid(MCHID), &headers, &body, now)
    };
    let notice = open(NOTICE).unwrap();
    assert_eq!(notice.event_type, "REFUND.SUCCESS");
    let NoticeContent::Refund(fact) = notice.content else {
        panic!("{notice:?}")
    };
    assert_eq!(fact.mchid.as_deref(), Some(MCHID));
    assert_eq!(fact.status, RefundStatus::Success);
    let broken = NOTICE.replace("R20260105000001-1", "");
    assert!(matches!(open(&broken), Err(NoticeRefused::Unreadable(_))));
    let (headers, body) = notification("OTHER.THING", "other", "{}");
    let other = desk
        .acquirer()
        .open_notification(&mchid(MCHID), &headers, &body, now);
    assert_eq!(other.unwrap().content, NoticeContent::Other);
}
