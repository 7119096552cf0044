use serde_json::{Value, json};
use wechatpay::crypto::{ApiV3Key, PrivateKey};
use wechatpay::v3::RsaSigner;

use crate::wechat::{MERCHANT_KEY, PUBLIC_KEY_ID, openid};
use crate::world::{Answer, MCHID, OTHER_MCHID, World};

struct Paid {
    world: World,
    id: String,
    number: String,
    said: Value,
}

/// The buyer has paid, and WeChat is about to say so.
async fn paid() -> Paid {
    let world = World::new().await;
    let id = world.order("A-1").await;
    let session = world.session("alice-1").await;
    world
        .phone(&session, &format!("/mp/v1/payments/{id}/pay"))
        .await
        .ok(200);
    let number = world.wechat.the_order();
    world.wechat.buyer_pays(&number);
    let said = world.wechat.transaction(&number);
    Paid {
        world,
        id,
        number,
        said,
    }
}

/// Refused, in the form WeChat asks for, and nothing changed.
#[track_caller]
fn refused(paid: &Paid, answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text);
    let body = answer.json();
    assert_eq!(body["code"], "FAIL");
    let message = body["message"].as_str().unwrap();
    assert!(
        !message.is_empty() && message.chars().count() <= 64,
        "{message}"
    );
    assert!(paid.world.store.all_notifications().is_empty());
    assert!(paid.world.store.all_incidents().is_empty());
    assert_eq!(paid.world.events("payment.paid"), 0);
}

#[tokio::test]
async fn a_genuine_notification_makes_the_payment_paid() {
    let paid = paid().await;
    let answer = paid
        .world
        .notify(paid.world.wechat.notification(&paid.said))
        .await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    let payment = paid.world.get(&format!("/v1/payments/{}", paid.id)).await;
    let body = payment.ok(200);
    assert_eq!(body["state"], "paid");
    assert_eq!(
        body["paid"],
        json!({"at": "2026-01-05T04:03:04.000Z", "transaction_id": paid.said["transaction_id"], "out_trade_no": paid.number, "payer_total_fen": 1990, "late": false})
    );
    assert!(!payment.text.contains(&openid("alice")));
    let events = paid.world.get("/v1/events").await;
    assert_eq!(events.ok(200)["data"][1]["type"], "payment.paid");
    assert!(!events.text.contains(&openid("alice")));
    let kept = paid.world.store.all_notifications();
    assert_eq!((kept.len(), kept[0].serial.as_str()), (1, PUBLIC_KEY_ID));
}

#[tokio::test]
async fn however_often_it_comes_there_is_one_event() {
    let paid = paid().await;
    let same = paid.world.wechat.notification(&paid.said);
    let (one, two) = tokio::join!(
        paid.world.notify(same.clone()),
        paid.world.notify(same.clone())
    );
    assert_eq!((one.status, two.status), (204, 204));
    paid.world.clock.advance_ms(60_000);
    // WeChat signs each copy afresh.
    let again = (paid.world.wechat.sign(&same.1), same.1);
    assert_eq!(paid.world.notify(again).await.status, 204);
    assert_eq!(paid.world.events("payment.paid"), 1);
}

#[tokio::test]
async fn forgeries_are_refused_with_nothing_changed() {
    let paid = paid().await;
    let (headers, body) = paid.world.wechat.notification(&paid.said);
    let send = |headers: Vec<(String, String)>, body: Vec<u8>| paid.world.notify((headers, body));

    refused(&paid, &send(vec![], body.clone()).await, 401);
    let stranger = RsaSigner::new(PUBLIC_KEY_ID, PrivateKey::from_pem(MERCHANT_KEY).unwrap());
    let now = 1_767_585_784;
    let forged = paid.world.wechat.sign_as(&stranger, now, &body);
    refused(&paid, &send(forged, body.clone()).await, 401);
    let unknown = RsaSigner::new("PUB_KEY_ID_9", PrivateKey::from_pem(MERCHANT_KEY).unwrap());
    let unknown = paid.world.wechat.sign_as(&unknown, now, &body);
    refused(&paid, &send(unknown, body.clone()).await, 401);
    let mut changed = body.clone();
    changed.push(b' ');
    refused(&paid, &send(headers.clone(), changed).await, 401);
    for (name, _) in &headers[..4] {
        let without: Vec<_> = headers.iter().filter(|(n, _)| n != name).cloned().collect();
        refused(&paid, &send(without, body.clone()).await, 401);
        let twice: Vec<_> = headers
            .iter()
            .chain(headers.iter().filter(|(n, _)| n == name))
            .cloned()
            .collect();
        refused(&paid, &send(twice, body.clone()).await, 401);
    }
}

#[tokio::test]
async fn wechats_signature_probe_is_refused() {
    let paid = paid().await;
    let (mut headers, body) = paid.world.wechat.notification(&paid.said);
    for (name, value) in &mut headers {
        if name == "Wechatpay-Signature" {
            *value = format!("WECHATPAY/SIGNTEST/{value}");
        }
    }
    refused(&paid, &paid.world.notify((headers, body)).await, 401);
}

#[tokio::test]
async fn stale_and_future_notifications_are_refused() {
    let paid = paid().await;
    let notification = paid.world.wechat.notification(&paid.said);
    paid.world.clock.advance_ms(300_000);
    refused(&paid, &paid.world.notify(notification.clone()).await, 401);
    paid.world.clock.advance_ms(-600_000);
    refused(&paid, &paid.world.notify(notification.clone()).await, 401);
    paid.world.clock.advance_ms(1_000);
    assert_eq!(paid.world.notify(notification).await.status, 204);
}

#[tokio::test]
async fn wrongly_addressed_notifications_are_refused() {
    let paid = paid().await;
    let (headers, body) = paid.world.wechat.notification(&paid.said);
    refused(
        &paid,
        &paid
            .world
            .notify_to("1999999999", &headers, body.clone())
            .await,
        404,
    );
    refused(
        &paid,
        &paid
            .world
            .notify_to("not-a-number", &headers, body.clone())
            .await,
        404,
    );
    // Another merchant of this server: genuine, but not about any order of that merchant.
    let answer = paid.world.notify_to(OTHER_MCHID, &headers, body).await;
    assert_eq!(answer.status, 422, "{}", answer.text);
    assert_eq!(paid.world.state(&paid.id).await, "open");
    assert_eq!(
        paid.world.store.all_incidents()[0].kind.as_str(),
        "unknown_order"
    );
}

#[tokio::test]
async fn genuine_but_unreadable_is_a_bad_request() {
    let paid = paid().await;
    let old_key = ApiV3Key::new("b7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb").unwrap();
    let sealed = paid.world.wechat.notification_sealed(&paid.said, &old_key);
    refused(&paid, &paid.world.notify(sealed).await, 400);
    let nonsense = b"not json".to_vec();
    let signed = (paid.world.wechat.sign(&nonsense), nonsense);
    refused(&paid, &paid.world.notify(signed).await, 400);
}

#[tokio::test]
async fn what_contradicts_our_record_is_an_incident_and_no_success() {
    for (pointer, value, kind) in [
        ("/amount/total", json!(1), "amount_mismatch"),
        ("/amount/currency", json!("USD"), "amount_mismatch"),
        ("/appid", json!("wx5555666677778888"), "owner_mismatch"),
        ("/payer/openid", json!(openid("mallory")), "payer_mismatch"),
        ("/trade_type", json!("NATIVE"), "product_mismatch"),
        ("/out_trade_no", json!("UNKNOWN0000001"), "unknown_order"),
    ] {
        let paid = paid().await;
        let mut said = paid.said.clone();
        *said.pointer_mut(pointer).unwrap() = value;
        let answer = paid
            .world
            .notify(paid.world.wechat.notification(&said))
            .await;
        assert_eq!(answer.status, 422, "{pointer}: {}", answer.text);
        assert!(!answer.text.contains(&openid("mallory")));
        assert_eq!(paid.world.state(&paid.id).await, "open", "{pointer}");
        let incidents = paid.world.store.all_incidents();
        assert_eq!(incidents[0].kind.as_str(), kind, "{pointer}");
        assert_eq!(incidents[0].mchid.as_str(), MCHID);
    }
}

#[tokio::test]
async fn not_stored_is_not_answered_with_success() {
    let paid = paid().await;
    let notification = paid.world.wechat.notification(&paid.said);
    paid.world.disk.set_full(true);
    let answer = paid.world.notify(notification.clone()).await;
    refused(&paid, &answer, 503);
    paid.world.disk.set_full(false);
    assert_eq!(paid.world.notify(notification).await.status, 204);
    assert_eq!(paid.world.state(&paid.id).await, "paid");
}

#[tokio::test]
async fn a_notification_may_overtake_our_own_answer() {
    let world = World::new().await;
    let id = world.order("A-1").await;
    let session = world.session("alice-1").await;
    world
        .wechat
        .trouble("prepay", crate::wechat::Trouble::AnswerLost);
    world
        .phone(&session, &format!("/mp/v1/payments/{id}/pay"))
        .await
        .problem(503, "wechat_unavailable");
    let number = world.wechat.the_order();
    world.wechat.buyer_pays(&number);
    let said = world.wechat.transaction(&number);
    assert_eq!(
        world.notify(world.wechat.notification(&said)).await.status,
        204
    );
    assert_eq!(world.state(&id).await, "paid");
}

#[tokio::test]
async fn kinds_we_do_not_act_on_are_kept_and_accepted() {
    let paid = paid().await;
    let other = json!({"mchid": MCHID, "something": "new"});
    let key = ApiV3Key::new(crate::wechat::API_V3_KEY).unwrap();
    let create_time = wechatpay::time::WechatTime::from_unix_ms(0);
    let plain = wechatpay::v3::notification::Plain {
        id: "EV-1",
        create_time: &create_time,
        event_type: "MCHTRANSFER.BILL.FINISHED",
        original_type: "mch_payment",
        summary: "",
        nonce: "Qm7Kx2Vb9TzL",
        associated_data: "",
        resource: &other.to_string(),
    };
    let body = wechatpay::v3::notification::seal(&key, &plain).unwrap();
    let answer = paid
        .world
        .notify((paid.world.wechat.sign(&body), body))
        .await;
    assert_eq!(answer.status, 204);
    assert_eq!(paid.world.store.all_notifications().len(), 1);
    assert_eq!(paid.world.state(&paid.id).await, "open");
}

#[tokio::test]
async fn more_than_a_mebibyte_is_no_notification() {
    let paid = paid().await;
    let body = vec![b' '; 1024 * 1024 + 1];
    let answer = paid
        .world
        .notify((paid.world.wechat.sign(&body), body))
        .await;
    refused(&paid, &answer, 413);
}
