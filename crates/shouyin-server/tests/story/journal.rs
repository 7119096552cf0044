use std::sync::Arc;

use futures_util::StreamExt;
use serde_json::Value;
use wechatpay::v3::RsaSigner;

use crate::wechat::{API_V3_KEY, APP_SECRET, MERCHANT_KEY, PUBLIC_KEY_ID, SESSION_KEY, openid};
use crate::world::World;

fn entries(world: &World) -> Vec<Value> {
    let journal = world.journal.as_ref().unwrap();
    journal
        .after(0)
        .iter()
        .map(|e| serde_json::to_value(e.as_ref()).unwrap())
        .collect()
}

fn kinds(entries: &[Value]) -> Vec<String> {
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    entries
        .iter()
        .map(|e| {
            format!(
                "{} {}>{}",
                text(&e["kind"]),
                text(&e["from"]),
                text(&e["to"])
            )
        })
        .collect()
}

/// One purchase; the session token and everything the journal has.
async fn purchase(world: &World) -> (String, String) {
    let session = world.session("alice-1").await;
    let id = world.order("A-1").await;
    world
        .phone(&session, &format!("/mp/v1/payments/{id}/pay"))
        .await
        .ok(200);
    let number = world.wechat.the_order();
    world.wechat.buyer_pays(&number);
    let said = world.wechat.transaction(&number);
    assert_eq!(
        world.notify(world.wechat.notification(&said)).await.status,
        204
    );
    world
        .phone(&session, &format!("/mp/v1/payments/{id}/confirm"))
        .await
        .ok(200);
    (session, id)
}

#[tokio::test]
async fn a_purchase_reads_in_the_order_it_happened() {
    let world = World::with_journal().await;
    let (_, id) = purchase(&world).await;
    let entries = entries(&world);
    assert_eq!(
        kinds(&entries),
        [
            "login phone>shouyin",
            "code2session shouyin>wechat",
            "order shop>shouyin",
            "pay phone>shouyin",
            "prepay shouyin>wechat",
            "notification wechat>shouyin",
            "commit shouyin>shouyin",
            "event shouyin>shop",
            "confirm phone>shouyin",
        ]
    );
    for (n, entry) in entries.iter().enumerate() {
        assert_eq!(entry["seq"], n + 1);
        assert_eq!(entry["ok"], true, "{entry}");
        assert!(
            !entry["explained"].as_array().unwrap().is_empty(),
            "{entry}"
        );
        assert!(!entry["title"]["zh"].as_str().unwrap().is_ascii());
        for line in entry["explained"].as_array().unwrap() {
            assert_eq!(line["ok"], true, "{line}");
        }
    }
    for entry in &entries[2..] {
        assert_eq!(entry["payment_id"], id, "{entry}");
        if entry["kind"] != "order" && entry["kind"] != "event" {
            assert_eq!(entry["out_trade_no"], world.wechat.the_order(), "{entry}");
        }
    }
}

#[tokio::test]
async fn the_evidence_is_the_real_thing() {
    let world = World::with_journal().await;
    purchase(&world).await;
    let entries = entries(&world);
    let text = |v: &Value| v.as_str().unwrap_or_else(|| panic!("{v}")).to_owned();
    let prepay = &entries[4];
    assert_eq!(prepay["request"]["target"], "/v3/pay/transactions/jsapi");
    let signed = text(&prepay["explained"][0]["detail"]);
    assert!(
        signed.starts_with("POST\n/v3/pay/transactions/jsapi\n1767585784\n")
            && signed.ends_with("}\n"),
        "{signed}"
    );
    assert!(text(&prepay["explained"][1]["en"]).contains(PUBLIC_KEY_ID));
    assert!(text(&prepay["response"]["body"]).contains("prepay_id"));
    let pay = text(&entries[3]["explained"][0]["detail"]);
    assert!(
        pay.starts_with("wx1111222233334444\n1767585784\n") && pay.contains("\nprepay_id=wx"),
        "{pay}"
    );
    let notification = &entries[5];
    assert_eq!(notification["response"]["status"], 204);
    assert!(text(&notification["decrypted"]).contains("\"trade_state\":\"SUCCESS\""));
    let lines: Vec<String> = notification["explained"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| text(&l["en"]))
        .collect();
    for part in [
        PUBLIC_KEY_ID,
        "three lines",
        "signed 0 s ago",
        "APIv3 key",
        "1990 fen CNY",
        "payer is the user",
        "answered 204",
    ] {
        assert!(
            lines.iter().any(|line| line.contains(part)),
            "{part}: {lines:?}"
        );
    }
}

#[tokio::test]
async fn no_secret_gets_into_the_journal() {
    let world = World::with_journal().await;
    let (session, _) = purchase(&world).await;
    let all = Value::from(entries(&world)).to_string();
    assert!(all.contains("***"), "something was masked");
    for secret in [
        session.as_str(),
        &world.api_key,
        &openid("alice"),
        APP_SECRET,
        SESSION_KEY,
        API_V3_KEY,
        "PRIVATE KEY",
    ] {
        assert!(!all.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn refused_notifications_are_shown_with_the_reason() {
    let world = World::with_journal().await;
    let session = world.session("alice-1").await;
    let id = world.order("A-1").await;
    world
        .phone(&session, &format!("/mp/v1/payments/{id}/pay"))
        .await
        .ok(200);
    let number = world.wechat.the_order();
    let said = world.wechat.transaction(&number);
    let (headers, body) = world.wechat.notification(&said);
    let stranger = RsaSigner::new(
        PUBLIC_KEY_ID,
        wechatpay::crypto::PrivateKey::from_pem(MERCHANT_KEY).unwrap(),
    );
    let forged = world.wechat.sign_as(&stranger, 1_767_585_784, &body);
    let mut probe = headers.clone();
    probe[2].1 = format!("WECHATPAY/SIGNTEST/{}", probe[2].1);
    let mut wrong = said.clone();
    wrong["amount"]["total"] = serde_json::json!(1);
    for (notification, kind, says) in [
        (
            (forged, body.clone()),
            "notification_refused",
            "signature is wrong",
        ),
        ((probe, body.clone()), "notification_refused", "SIGNTEST"),
        (
            world.wechat.notification(&wrong),
            "notification",
            "ordered were 1990",
        ),
    ] {
        world.notify(notification).await;
        let entry = entries(&world).pop().unwrap();
        assert_eq!(
            (entry["kind"].as_str(), entry["ok"].as_bool()),
            (Some(kind), Some(false)),
            "{entry}"
        );
        let bad = entry["explained"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|l| l["ok"] == false);
        let lines: Vec<&str> = bad.map(|l| l["en"].as_str().unwrap()).collect();
        assert!(
            lines.iter().any(|line| line.contains(says)),
            "{says}: {lines:?}"
        );
    }
}

#[tokio::test]
async fn a_follower_misses_nothing_and_ends_with_the_server() {
    let world = World::with_journal().await;
    let journal = Arc::clone(world.journal.as_ref().unwrap());
    world.session("alice-1").await;
    let follower = tokio::spawn(journal.stream(1).map(|e| e.seq).collect::<Vec<u64>>());
    world.order("A-1").await;
    world.order("A-2").await;
    tokio::task::yield_now().await;
    journal.close();
    assert_eq!(follower.await.unwrap(), [2, 3, 4]);
}

#[tokio::test]
async fn only_the_newest_entries_are_kept() {
    let world = World::with_journal().await;
    for n in 0..205 {
        world.order(&format!("A-{n}")).await;
    }
    let kept = world.journal.as_ref().unwrap().after(0);
    assert_eq!((kept.len(), kept[0].seq, kept[199].seq), (200, 6, 205));
    assert_eq!(world.journal.as_ref().unwrap().after(203).len(), 2);
}
