//! Through real sockets, with the SDK's own client.

mod desk;
mod products;
mod switches;
mod v2;

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use wechatpay::v3::{Method, Outcome, Request, Target, UnknownReason};

use desk::Desk;

use crate::clock::real_ms;
use crate::*;

#[tokio::test]
async fn a_purchase_from_order_to_notification() {
    let desk = Desk::start().await;
    let result = desk.buy("ORDER-000001").await;
    assert_eq!(
        result,
        json!({ "errMsg": "requestPayment:ok", "message": "支付成功", "trade_state": "SUCCESS" })
    );
    desk.receiver.wait(1).await;
    let (headers, body) = desk.receiver.got.lock().unwrap()[0].clone();
    let notice = desk
        .client
        .open_notification(&headers, &body, real_ms() / 1000)
        .unwrap();
    assert_eq!(notice.event_type, "TRANSACTION.SUCCESS");
    assert_eq!(
        desk.query("ORDER-000001").await.done().unwrap()["trade_state"],
        "SUCCESS"
    );
    let order = desk.get("/orders/ORDER-000001").await;
    assert_eq!(
        (&order["trade_state"], &order["user"]),
        (&json!("SUCCESS"), &json!("buyer"))
    );
    assert_eq!(desk.get("/findings").await, json!([]));
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn lost_answers_and_resets_end_connections_and_nothing_else() {
    let desk = Desk::start().await;
    for (fault, effect) in [
        ("connection_reset", false),
        ("request_lost", false),
        ("answer_lost", true),
        ("connection_reset_after", true),
    ] {
        let number = format!("ORDER-{fault}");
        desk.post("/faults", json!({ "fault": fault, "operation": "prepay" }))
            .await;
        let outcome = desk.prepay(&number).await;
        let Outcome::Unknown(unknown) = &outcome else {
            panic!("{fault}: {outcome:?}")
        };
        assert!(
            matches!(unknown.reason, UnknownReason::NoAnswer(_)),
            "{fault}: {unknown:?}"
        );
        let state = desk.query(&number).await;
        assert_eq!(
            matches!(state, Outcome::Done(_)),
            effect,
            "{fault}: {state:?}"
        );
        assert!(
            desk.prepay(&number).await.done().is_some(),
            "{fault}: the number can be used again"
        );
    }
    assert_eq!(desk.get("/faults").await, json!([]));
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn a_reset_is_a_reset_on_the_wire() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let desk = Desk::start().await;
    desk.post(
        "/faults",
        json!({ "fault": "connection_reset", "operation": "login", "times": 1 }),
    )
    .await;
    let mut raw = tokio::net::TcpStream::connect(desk.simulator.address)
        .await
        .unwrap();
    raw.write_all(b"GET /sns/jscode2session HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let why = raw.read(&mut [0; 64]).await.unwrap_err();
    assert_eq!(why.kind(), std::io::ErrorKind::ConnectionReset);
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn flawed_answers_do_not_pass_the_sdk() {
    let desk = Desk::start().await;
    desk.prepay("ORDER-000001").await.done().unwrap();
    for fault in [
        "wrong_response_signature",
        "unsigned_response",
        "signtest_response",
        "unknown_serial_response",
        "stale_response",
        "truncated_body",
    ] {
        desk.post("/faults", json!({ "fault": fault, "operation": "query" }))
            .await;
        let outcome = desk.query("ORDER-000001").await;
        let Outcome::Unknown(unknown) = &outcome else {
            panic!("{fault}: {outcome:?}")
        };
        assert!(
            matches!(unknown.reason, UnknownReason::Unverified(_)),
            "{fault}: {unknown:?}"
        );
    }
    desk.post("/faults", json!({ "fault": "rate_limited" }))
        .await;
    let Outcome::Unknown(limited) = desk.query("ORDER-000001").await else {
        panic!("429")
    };
    assert_eq!(limited.reason, UnknownReason::RateLimited);
    desk.post(
        "/faults",
        json!({ "fault": "error", "status": 403, "code": "NO_AUTH", "message": "无权限" }),
    )
    .await;
    let Outcome::Rejected(error) = desk.query("ORDER-000001").await else {
        panic!("403")
    };
    assert!(error.is("NO_AUTH"));
    assert!(desk.query("ORDER-000001").await.done().is_some());
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn a_jump_of_the_clock_climbs_the_whole_ladder() {
    let desk = Desk::start().await;
    desk.receiver.status.store(500, Ordering::SeqCst);
    desk.buy("ORDER-000001").await;
    desk.receiver.wait(1).await;
    let before = desk.get("/clock").await["now"].as_i64().unwrap();
    let clock = desk
        .post("/clock", json!({ "advance_ms": 86_400_000 + 300_000 }))
        .await;
    assert!(clock["now"].as_i64().unwrap() >= before + 86_400_000);
    assert_eq!(desk.receiver.got.lock().unwrap().len(), 16);
    let notices = desk.get("/notifications").await;
    assert_eq!(notices[0]["state"], "gave_up");
    // Signatures still carry the real time, so an ordinary client goes on working.
    assert_eq!(
        desk.query("ORDER-000001").await.done().unwrap()["trade_state"],
        "SUCCESS"
    );
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn a_mini_program_logs_in_once_per_code() {
    let desk = Desk::start().await;
    let settings = desk.simulator.merchant.settings.clone();
    let given = desk
        .post(
            "/login-codes",
            json!({ "appid": settings.appid, "user": "anna" }),
        )
        .await;
    let url = format!(
        "{}/sns/jscode2session?appid={}&secret={}&js_code={}&grant_type=authorization_code",
        settings.api_base_url,
        settings.appid,
        settings.app_secret,
        given["code"].as_str().unwrap()
    );
    let answer = desk.control.get(&url).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain");
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["openid"], given["openid"]);
    let again: Value = desk
        .control
        .get(&url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(again["errcode"], 40163);
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn certificates_are_made_listed_and_rotated_while_running() {
    let desk = Desk::start().await;
    desk.prepay("ORDER-000001").await.done().unwrap();
    assert!(
        matches!(
            desk.client.refresh_certificates().await,
            Outcome::Rejected(_)
        ),
        "public key mode has none"
    );
    let keys = desk
        .post("/keys/switch", json!({ "to": "certificate" }))
        .await;
    let old = keys["current_certificate"].as_str().unwrap().to_owned();
    assert!(
        matches!(desk.query("ORDER-000001").await, Outcome::Unknown(_)),
        "the key is not known yet"
    );
    assert_eq!(desk.client.refresh_certificates().await.done(), Some(1));
    assert!(desk.query("ORDER-000001").await.done().is_some());
    desk.post("/keys/rotate", json!({ "step": "announce" }))
        .await;
    assert_eq!(desk.client.refresh_certificates().await.done(), Some(2));
    desk.post("/keys/rotate", json!({ "step": "activate" }))
        .await;
    let keys = desk
        .post("/keys/rotate", json!({ "step": "withdraw" }))
        .await;
    assert_ne!(keys["current_certificate"], json!(old));
    assert!(desk.query("ORDER-000001").await.done().is_some());
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn a_key_switch_fault_makes_the_certificate_it_switches_to() {
    let desk = Desk::start().await;
    desk.post(
        "/faults",
        json!({ "fault": "key_switch", "operation": "query" }),
    )
    .await;
    desk.prepay("ORDER-000001").await.done().unwrap();
    // The SDK meets a serial it does not know, fetches the certificates once, and goes on.
    assert!(desk.query("ORDER-000001").await.done().is_some());
    let keys = desk.get("/keys").await;
    let serial = keys[0]["current_certificate"].as_str().unwrap().to_owned();
    assert_eq!(keys[0]["mode"], json!({ "mode": "certificate" }));
    assert!(desk.client.account().keys.serials().contains(&serial));
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn a_replaced_merchant_certificate_is_refused_with_its_own_words() {
    let desk = Desk::start().await;
    desk.post("/keys/replace-merchant-certificate", json!({}))
        .await;
    let Outcome::Rejected(error) = desk.query("ORDER-000001").await else {
        panic!("401")
    };
    assert_eq!(
        (error.status, error.message.contains("已更换")),
        (401, true)
    );
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn the_log_tells_why() {
    let desk = Desk::start().await;
    let signed = desk
        .client
        .sign(&Request::get(Target::parse("/v3/certificates").unwrap()));
    assert_eq!(signed.method, Method::Get);
    let mut request = desk
        .control
        .get(format!("{}/v3/certificates?x=1", desk.simulator.base_url));
    for (name, value) in &signed.headers {
        request = request.header(name, value);
    }
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let information = &answer["detail"]["sign_information"];
    assert_eq!(information["url"], "/v3/certificates?x=1");
    let log = desk.get("/log?after=0").await;
    let entry = &log["entries"][0];
    let last = entry["checks"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last["check"], &last["passed"]),
        (&json!("signature"), &json!(false))
    );
    assert!(
        last["signed_text"]
            .as_str()
            .unwrap()
            .starts_with("GET\n/v3/certificates?x=1\n")
    );
    assert_eq!(
        desk.get(&format!("/log?after={}", log["next"])).await["entries"],
        json!([])
    );
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn the_log_can_be_followed() {
    let desk = Desk::start().await;
    let url = format!(
        "{}/log/stream",
        desk.simulator.merchant.settings.control_url
    );
    let mut stream = desk.control.get(url).send().await.unwrap();
    desk.post("/login-codes", json!({})).await;
    let event = String::from_utf8(stream.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(
        event.contains("id: 1") && event.contains("LoginCode"),
        "{event}"
    );
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn the_control_api_is_described_and_open_to_other_origins() {
    let desk = Desk::start().await;
    let document = desk.get("/openapi.json").await;
    for path in [
        "/login-codes",
        "/cashier/pay",
        "/clock",
        "/faults",
        "/log/stream",
        "/orders/{out_trade_no}",
    ] {
        assert!(document["paths"].get(path).is_some(), "{path}");
    }
    let page = format!("{}/_phone/", desk.simulator.base_url);
    let page = desk
        .control
        .get(page)
        .header("Origin", "http://elsewhere")
        .send()
        .await
        .unwrap();
    assert_eq!(page.headers()["access-control-allow-origin"], "*");
    assert!(page.text().await.unwrap().contains("phone.js"));
    let (status, answer) = desk
        .control(reqwest::Method::GET, "/orders/none", &Value::Null)
        .await;
    assert_eq!(
        (status, answer),
        (404, json!({ "error": "there is no order none" }))
    );
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn assumptions_change_one_by_one() {
    let desk = Desk::start().await;
    let change = json!({ "used_number": "invalid_request" });
    let (status, answer) = desk
        .control(reqwest::Method::PATCH, "/assumptions", &change)
        .await;
    assert_eq!(
        (status, &answer["used_number"], &answer["errors_are_signed"]),
        (200, &json!("invalid_request"), &json!(true))
    );
    let wrong = desk
        .control(
            reqwest::Method::PATCH,
            "/assumptions",
            &json!({ "colour": 1 }),
        )
        .await;
    assert_eq!(wrong.0, 400);
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn a_second_merchant_shares_the_app() {
    let desk = Desk::start().await;
    let appid = desk.simulator.merchant.settings.appid.clone();
    let files = desk
        .post(
            "/merchants",
            json!({ "mchid": "1900000002", "appid": appid }),
        )
        .await;
    assert_eq!(
        files["openid"],
        json!(desk.simulator.merchant.settings.openid)
    );
    assert_eq!(
        files["app_secret"],
        json!(desk.simulator.merchant.settings.app_secret)
    );
    assert_eq!(desk.get("/merchants/1900000002/files").await, files);
    assert_eq!(desk.get("/merchants").await.as_array().unwrap().len(), 2);
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn a_folder_keeps_the_merchant_across_runs() {
    let folder = tempfile::tempdir().unwrap();
    let read = || std::fs::read_to_string(folder.path().join("apiclient_key.pem")).unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    run(listen, Some(folder.path()), |_| {}, async {})
        .await
        .unwrap();
    let first = read();
    run(listen, Some(folder.path()), |_| {}, async {})
        .await
        .unwrap();
    assert_eq!(read(), first);
}

#[tokio::test]
async fn the_fields_of_an_abnormal_refund_must_be_encrypted_for_wechat() {
    let desk = Desk::start().await;
    desk.buy("ORDER-000001").await;
    desk.post("/faults", json!({ "fault": "refund_abnormal" }))
        .await;
    let refund = json!({
        "out_trade_no": "ORDER-000001", "out_refund_no": "R-1",
        "amount": { "refund": 1, "total": 1990, "currency": "CNY" },
    });
    let target = Target::parse("/v3/refund/domestic/refunds").unwrap();
    let made = desk.client.call(Request::post_json(target, &refund)).await;
    let id = made.done().unwrap()["refund_id"].clone();
    desk.post("/refunds/R-1/finish", json!({})).await;
    assert_eq!(desk.get("/refunds").await[0]["status"], "ABNORMAL");

    let account = desk.client.account();
    let serial = account.request_serial.as_deref().unwrap();
    let key = account.keys.encryption_key(serial).unwrap();
    let path = format!(
        "/v3/refund/domestic/refunds/{}/apply-abnormal-refund",
        id.as_str().unwrap()
    );
    let apply = async |bank_account: String| {
        let body = json!({
            "out_refund_no": "R-1", "type": "USER_BANK_CARD", "bank_type": "CMB_DEBIT",
            "bank_account": bank_account, "real_name": key.encrypt_oaep("张三".as_bytes()).unwrap(),
        });
        let request = Request::post_json(Target::parse(&path).unwrap(), &body);
        desk.client.call(request).await
    };
    let Outcome::Rejected(plain) = apply("6225760000000000".to_owned()).await else {
        panic!("plain text was taken")
    };
    assert_eq!(plain.detail.unwrap()["field"], "/bank_account");
    let sealed = key.encrypt_oaep(b"6225760000000000").unwrap();
    let answer = apply(sealed).await.done().unwrap();
    assert_eq!(
        (&answer["status"], &answer["channel"]),
        (&json!("PROCESSING"), &json!("OTHER_BANKCARD"))
    );
    desk.simulator.shutdown().await;
}
