//! The older protocol behind the same port: which client is asked, and what its answers prove.

use shouyin_core::id::Openid;
use wechatpay::text;
use wechatpay::v2::{self, ApiKey, Fields, SignType};
use wechatpay::v3::{RawResponse, TransportError};

use super::*;
use crate::protocol::Protocols;

const APPID: &str = "wx1111222233334444";

fn key() -> ApiKey {
    ApiKey::parse("0123456789abcdef0123456789ABCDEF").unwrap()
}

/// The older protocol on wires of its own: one for everything, one with the certificate.
fn older(desk: &Desk, number: &str, certified: &Arc<Script>) -> V2 {
    let account = v2::Account {
        mchid: text::Mchid::parse(number).unwrap(),
        key: key(),
        sign_type: SignType::HmacSha256,
    };
    let open: Arc<dyn v3::Transport> = desk.script.clone();
    let certified: Arc<dyn v3::Transport> = certified.clone();
    let nonces = Arc::new(|| "n".to_owned());
    V2 {
        client: v2::Client::new(account, open, Some(certified), nonces),
        clock: Arc::new(|| NOW_MS / 1000),
    }
}

struct World {
    desk: Desk,
    certified: Arc<Script>,
    acquirer: WechatAcquirer,
}

fn world(protocols: impl FnOnce(Protocols, V2) -> Protocols) -> World {
    let desk = Desk::new();
    let certified = Arc::<Script>::default();
    let v2 = older(&desk, MCHID, &certified);
    let (number, mut account) = desk.account(MCHID);
    account.protocols = protocols(account.protocols, v2);
    let acquirer = WechatAcquirer::new([(number, account)]).with_clock(desk.clock.clone());
    World {
        desk,
        certified,
        acquirer,
    }
}

fn only_v2() -> World {
    world(|_, v2| Protocols::v2(v2))
}

fn head() -> Fields {
    Fields::new()
        .with("return_code", "SUCCESS")
        .with("result_code", "SUCCESS")
        .with("appid", APPID)
        .with("mch_id", MCHID)
        .with("nonce_str", "n")
}

fn document(fields: Fields) -> Scripted {
    let body = fields.signed(SignType::HmacSha256, &key()).to_xml();
    plain(&body)
}

fn plain(body: &str) -> Scripted {
    Ok(RawResponse {
        status: 200,
        headers: vec![],
        body: body.as_bytes().to_vec(),
    })
}

fn failed(code: &str) -> Scripted {
    document(head().with("result_code", "FAIL").with("err_code", code))
}

fn route() -> Route {
    Protocol::V2.route()
}

fn by_v2() -> OrderAt {
    OrderAt {
        route: route(),
        ..order_at(mchid(MCHID), trade_no())
    }
}

fn refund_by_v2() -> RefundOrder {
    RefundOrder {
        route: route(),
        ..order(mchid(MCHID))
    }
}

fn prepay_order() -> PrepayOrder {
    PrepayOrder {
        mchid: mchid(MCHID),
        appid: Appid::parse(APPID).unwrap(),
        route: route(),
        out_trade_no: trade_no(),
        amount: Fen::new(1990),
        description: "拿铁".into(),
        attach: None,
        product: Product::MiniProgram,
        payer: Some(Openid::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap()),
        scene: None,
        time_expire: Timestamp::from_millis(NOW_MS + 60_000),
    }
}

fn sent(script: &Script) -> (String, Fields) {
    let request = script.asked().pop().unwrap();
    (request.target, Fields::parse(&request.body).unwrap())
}

#[tokio::test]
async fn an_order_is_placed_and_paid_with_the_same_key() {
    let world = only_v2();
    let id = "wx05120305123456789012345678901234";
    world.desk.script.says(document(
        head().with("trade_type", "JSAPI").with("prepay_id", id),
    ));
    let outcome = world.acquirer.prepay(&prepay_order()).await;
    let Outcome::Succeeded(Handle::PrepayId(prepay_id)) = outcome else {
        panic!("{outcome:?}")
    };
    let (target, first) = sent(&world.desk.script);
    assert_eq!(target, "/pay/unifiedorder");
    world.desk.clock.advance(50_000);
    let _again = world.acquirer.prepay(&prepay_order()).await;
    assert_eq!(
        sent(&world.desk.script).1,
        first,
        "WeChat wants to see the same fields"
    );
    let (mchid, appid) = (mchid(MCHID), Appid::parse(APPID).unwrap());
    let ready = world
        .acquirer
        .invoke(&mchid, &appid, Product::MiniProgram, &route(), &prepay_id)
        .unwrap();
    let Invocation::RequestPayment(ready) = ready else {
        panic!("{ready:?}")
    };
    assert_eq!(ready.sign_type, "HMAC-SHA256");
    assert_eq!(ready.package, format!("prepay_id={id}"));
    let expected = Fields::new()
        .with("appId", APPID)
        .with("timeStamp", ready.time_stamp.as_str())
        .with("nonceStr", ready.nonce_str.as_str())
        .with("package", ready.package.as_str())
        .with("signType", "HMAC-SHA256");
    assert_eq!(
        ready.pay_sign,
        expected.signature(SignType::HmacSha256, &key())
    );
}

#[tokio::test]
async fn answers_nobody_signed_prove_nothing() {
    let world = only_v2();
    let paid = head()
        .with("out_trade_no", trade_no().as_str())
        .with("trade_state", "SUCCESS");
    for unsigned in [
        plain(&paid.to_xml()),
        plain(&paid.clone().signed(SignType::Md5, &key()).to_xml()),
        plain("<html>busy</html>"),
    ] {
        world.desk.script.says(unsigned);
        let outcome = world.acquirer.query(&by_v2()).await;
        assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    }
    // A no that nobody signed is shown, and marked as such.
    let fail = Fields::new()
        .with("return_code", "FAIL")
        .with("return_msg", "签名错误");
    world.desk.script.says(plain(&fail.to_xml()));
    let outcome = world.acquirer.close(&by_v2()).await;
    let Outcome::Rejected(refusal) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(!refusal.verified);
    assert_eq!(refusal.message, "签名错误");
}

#[tokio::test]
async fn an_order_that_may_be_too_young_to_be_closed_is_told_as_such() {
    let world = only_v2();
    for (code, kind) in [
        ("TRADE_STATE_ERROR", RefusalKind::NotYet),
        ("ORDERPAID", RefusalKind::OrderPaid),
    ] {
        world.desk.script.says(failed(code));
        let outcome = world.acquirer.close(&by_v2()).await;
        let Outcome::Rejected(refusal) = outcome else {
            panic!("{code}: {outcome:?}")
        };
        assert_eq!((refusal.kind, refusal.code.as_str()), (kind, code));
    }
    // Nobody signed it: shown, and no reason to wait.
    world
        .desk
        .script
        .says(plain("<xml><return_code>FAIL</return_code></xml>"));
    let outcome = world.acquirer.close(&by_v2()).await;
    assert!(
        matches!(&outcome, Outcome::Rejected(refusal) if refusal.kind == RefusalKind::Other),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn codes_of_this_protocol_are_understood() {
    let world = only_v2();
    for (code, kind) in [
        ("ORDERPAID", RefusalKind::OrderPaid),
        ("ORDERCLOSED", RefusalKind::OrderClosed),
        ("ORDERNOTEXIST", RefusalKind::OrderNotExist),
        ("REFUNDNOTEXIST", RefusalKind::OrderNotExist),
        ("OUT_TRADE_NO_USED", RefusalKind::NumberUsed),
        ("NOTENOUGH", RefusalKind::NotEnough),
        ("TRADE_STATE_ERROR", RefusalKind::Other),
        ("REFUND_FEE_INVALID", RefusalKind::Other),
    ] {
        world.desk.script.says(failed(code));
        let outcome = world.acquirer.query(&by_v2()).await;
        let Outcome::Rejected(refusal) = outcome else {
            panic!("{code}: {outcome:?}")
        };
        assert_eq!((refusal.kind, refusal.verified), (kind, true), "{code}");
    }
    for code in [
        "SYSTEMERROR",
        "BANKERROR",
        "BIZERR_NEED_RETRY",
        "ERROR",
        "NEW_CODE",
    ] {
        world.desk.script.says(failed(code));
        let outcome = world.acquirer.close(&by_v2()).await;
        assert!(
            matches!(outcome, Outcome::Unknown(_)),
            "{code}: {outcome:?}"
        );
        world.desk.clock.advance(60_000);
    }
    for code in ["FREQUENCY_LIMITED", "INVALID_REQ_TOO_MUCH"] {
        world.desk.script.says(failed(code));
        let outcome = world.acquirer.close(&by_v2()).await;
        let Outcome::Blocked(refusal) = outcome else {
            panic!("{code}: {outcome:?}")
        };
        assert_eq!(refusal.kind, RefusalKind::RateLimited);
    }
}

#[tokio::test]
async fn refunds_go_over_the_certified_wire_and_are_only_accepted() {
    let world = only_v2();
    let accepted = head()
        .with("out_trade_no", trade_no().as_str())
        .with("out_refund_no", refund_no().as_str())
        .with("transaction_id", "4200000001202601051234567890")
        .with("refund_id", "50300000012026010500000000001")
        .with("refund_fee", "990")
        .with("total_fee", "1990");
    world.certified.says(document(accepted));
    let outcome = world.acquirer.refund(&refund_by_v2()).await;
    let Outcome::Succeeded(fact) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(fact.status, RefundStatus::Processing);
    assert_eq!(sent(&world.certified).0, "/secapi/pay/refund");
    assert_eq!(world.desk.script.count(), 0);
    world
        .certified
        .says(Err(TransportError::NoAnswer("timed out".into())));
    let outcome = world.acquirer.refund(&refund_by_v2()).await;
    assert!(matches!(outcome, Outcome::Unknown(_)));

    let found = head()
        .with("out_trade_no", trade_no().as_str())
        .with("transaction_id", "4200000001202601051234567890")
        .with("total_fee", "1990")
        .with("refund_count", "1")
        .with("out_refund_no_0", refund_no().as_str())
        .with("refund_id_0", "50300000012026010500000000001")
        .with("refund_fee_0", "990")
        .with("refund_status_0", "SUCCESS")
        .with("refund_success_time_0", "2026-01-05 14:00:09");
    world.desk.script.says(document(found));
    let asked = RefundAt {
        route: route(),
        ..refund_at(mchid(MCHID), refund_no())
    };
    let outcome = world.acquirer.query_refund(&asked).await;
    let Outcome::Succeeded(fact) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(fact.status, RefundStatus::Success);
    assert_eq!(
        fact.success_at,
        Some(Timestamp::from_millis(1_767_592_809_000))
    );
}

#[tokio::test]
async fn while_moving_every_order_goes_the_way_it_was_placed() {
    for (new_orders, expected) in [(Protocol::V3, "v3"), (Protocol::V2, "v2")] {
        let world = world(|v3, v2| {
            let Some(client) = v3.into_v3() else {
                panic!("no APIv3")
            };
            Protocols::both(client, v2, new_orders)
        });
        assert_eq!(
            world
                .acquirer
                .route(&mchid(MCHID), Product::MiniProgram)
                .as_str(),
            expected
        );
        world.desk.script.says(no_answer());
        let _ = world.acquirer.query(&by_v2()).await;
        let _ = world
            .acquirer
            .query(&order_at(mchid(MCHID), trade_no()))
            .await;
        let targets: Vec<_> = world
            .desk
            .script
            .asked()
            .into_iter()
            .map(|r| r.target)
            .collect();
        assert_eq!(
            targets,
            [
                "/pay/orderquery".to_owned(),
                format!(
                    "/v3/pay/transactions/out-trade-no/{}?mchid={MCHID}",
                    trade_no()
                ),
            ]
        );
    }
}

#[tokio::test]
async fn an_order_whose_protocol_was_taken_away_is_not_given_up() {
    let desk = Desk::new();
    let acquirer = desk.acquirer();
    let refund = acquirer.refund(&refund_by_v2()).await;
    let Outcome::Unknown(doubt) = refund else {
        panic!("{refund:?}")
    };
    assert!(doubt.not_sent && doubt.reason.contains("v2"), "{doubt:?}");
    let query = acquirer.query(&by_v2()).await;
    let Outcome::Rejected(refusal) = query else {
        panic!("{query:?}")
    };
    assert_eq!(
        (refusal.code.as_str(), refusal.kind),
        ("NOT_CONFIGURED", RefusalKind::Other)
    );
    let unsigned = acquirer.invoke(
        &mchid(MCHID),
        &Appid::parse(APPID).unwrap(),
        Product::MiniProgram,
        &route(),
        &PrepayId::parse("wx1").unwrap(),
    );
    assert!(unsigned.is_err());
    assert_eq!(desk.script.count(), 0);
}

#[tokio::test]
async fn what_the_older_protocol_cannot_do_is_said() {
    let world = only_v2();
    let (mchid, id, number) = (mchid(MCHID), wechat_refund_id(), refund_no());
    let remedy = Remedy::MerchantBankCard;
    let outcome = world
        .acquirer
        .remedy_refund(&mchid, &id, &number, &remedy)
        .await;
    let Outcome::Rejected(refusal) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(refusal.code, "NOT_SUPPORTED");
}

#[test]
fn a_notification_in_a_protocol_that_is_not_used_is_refused() {
    let now = Timestamp::from_millis(NOW_MS);
    let (headers, body) = notification("REFUND.SUCCESS", "refund", NOTICE);
    let xml = head()
        .with("out_trade_no", trade_no().as_str())
        .signed(SignType::HmacSha256, &key())
        .to_xml();
    let refused = |acquirer: &WechatAcquirer, headers: &[(String, String)], body: &[u8]| {
        let opened = acquirer.open_notification(&mchid(MCHID), headers, body, now);
        assert!(
            matches!(opened, Err(NoticeRefused::NotVerified(_))),
            "{opened:?}"
        );
    };
    refused(&only_v2().acquirer, &headers, &body);
    refused(&Desk::new().acquirer(), &[], xml.as_bytes());
    // Not even with headers that were signed for something else.
    refused(&only_v2().acquirer, &headers, b"<xml></xml>");
}

/// Both protocols are one merchant to WeChat: they share limits and circuit breaker.
#[tokio::test]
async fn silence_opens_the_circuit_for_both_protocols() {
    let world = world(|v3, v2| {
        let Some(client) = v3.into_v3() else {
            panic!("no APIv3")
        };
        Protocols::both(client, v2, Protocol::V3)
    });
    world.desk.script.says(no_answer());
    for _ in 0..8 {
        let _ = world.acquirer.query(&by_v2()).await;
    }
    let outcome = world
        .acquirer
        .query(&order_at(mchid(MCHID), trade_no()))
        .await;
    assert!(
        matches!(outcome, Outcome::Unknown(Doubt { not_sent: true, .. })),
        "{outcome:?}"
    );
    assert_eq!(world.desk.script.count(), 8);
}
