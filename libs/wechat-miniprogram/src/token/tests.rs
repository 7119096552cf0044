use futures_util::future::join_all;
use serde_json::json as value;

use super::*;
use crate::CallError;
use crate::fake::*;

fn token(text: &str, expires_in: i64) -> Result<crate::Response, TransportError> {
    json(&format!(
        r#"{{"access_token":"{text}","expires_in":{expires_in}}}"#
    ))
}

async fn held(client: &Client) -> String {
    client.access_token().await.unwrap().expose().to_owned()
}

#[tokio::test]
async fn a_token_is_fetched_once_and_never_forced() {
    let (client, script) = desk(vec![token("T1", 7200)]);
    for _ in 0..3 {
        assert_eq!(held(&client).await, "T1");
    }
    let asked = script.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].0, "/cgi-bin/stable_token");
    let body: Value = serde_json::from_str(&asked[0].1).unwrap();
    assert_eq!(
        body,
        value!({"grant_type": "client_credential", "appid": "wx1111222233334444", "secret": SECRET, "force_refresh": false})
    );
}

#[tokio::test]
async fn concurrent_callers_share_one_request() {
    let (client, script) = desk(vec![token("T1", 7200)]);
    let tokens = join_all((0..16).map(|_| held(&client))).await;
    assert!(tokens.iter().all(|token| token == "T1"));
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test]
async fn concurrent_callers_share_one_failure() {
    let (client, script) = desk(vec![failing(45009), token("T1", 7200)]);
    let results = join_all((0..16).map(|_| client.access_token())).await;
    for result in results {
        assert!(matches!(result, Err(TokenError::RateLimited(_))));
    }
    assert_eq!(script.asked().len(), 1);
    script.advance(PAUSE_AFTER_FAILURE);
    assert_eq!(held(&client).await, "T1");
}

#[tokio::test]
async fn it_is_renewed_before_it_ends() {
    let (client, script) = desk(vec![token("T1", 7200), token("T2", 7200)]);
    assert_eq!(held(&client).await, "T1");
    script.advance(7200 - MARGIN - 1);
    assert_eq!(held(&client).await, "T1");
    script.advance(1);
    assert_eq!(held(&client).await, "T2");
}

#[tokio::test]
async fn a_failed_renewal_is_no_failure_while_the_old_one_lives() {
    let (client, script) = desk(vec![token("T1", 7200), failing(40164), failing(40164)]);
    assert_eq!(held(&client).await, "T1");
    script.advance(7200 - MARGIN);
    assert_eq!(held(&client).await, "T1");
    assert_eq!(held(&client).await, "T1", "without asking again at once");
    assert_eq!(script.asked().len(), 2);
    script.advance(MARGIN);
    assert!(matches!(
        client.access_token().await,
        Err(TokenError::Configuration(_))
    ));
}

#[tokio::test]
async fn busy_is_tried_once_more() {
    let (client, script) = desk(vec![failing(-1), token("T1", 7200)]);
    assert_eq!(held(&client).await, "T1");
    assert_eq!(script.asked().len(), 2);
    let (client, _) = desk(vec![failing(-1), failing(-1)]);
    assert!(matches!(
        client.access_token().await,
        Err(TokenError::Busy(_))
    ));
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_the_call_repeated_once() {
    for errcode in [40001, 40014, 42001] {
        let (client, script) = desk(vec![
            token("T1", 7200),
            failing(errcode),
            token("T2", 7200),
            json(r#"{"errcode":0,"phone_info":{}}"#),
        ]);
        let answer = client.post("/wxa/x", &value!({"code": "c"})).await.unwrap();
        assert_eq!(answer["phone_info"], value!({}));
        let targets: Vec<_> = script
            .asked()
            .into_iter()
            .map(|(target, _)| target)
            .collect();
        assert_eq!(
            targets,
            [
                "/cgi-bin/stable_token",
                "/wxa/x?access_token=T1",
                "/cgi-bin/stable_token",
                "/wxa/x?access_token=T2"
            ]
        );
        assert!(script.asked()[2].1.contains("\"force_refresh\":false"));
    }
    let (client, script) = desk(vec![
        token("T1", 7200),
        failing(40001),
        token("T1", 7000),
        failing(40001),
    ]);
    let refused = client.post("/wxa/x", &value!({})).await.unwrap_err();
    assert!(matches!(refused, CallError::Refused(error) if error.errcode == 40001));
    assert_eq!(script.asked().len(), 4);
}

#[tokio::test]
async fn other_errors_of_a_call_are_not_repeated() {
    let (client, script) = desk(vec![token("T1", 7200), failing(40029)]);
    let refused = client.post("/wxa/x", &value!({})).await.unwrap_err();
    assert!(matches!(refused, CallError::Refused(error) if error.errcode == 40029));
    assert_eq!(script.asked().len(), 2);
    let (client, _) = desk(vec![failing(40013)]);
    let refused = client.post("/wxa/x", &value!({})).await.unwrap_err();
    assert!(matches!(
        refused,
        CallError::Token(TokenError::Configuration(_))
    ));
}

#[tokio::test]
async fn one_who_was_refused_takes_the_token_another_has_fetched() {
    let (client, script) = desk(vec![token("T1", 7200), token("T2", 7200)]);
    let refused = client.access_token().await.unwrap();
    let replaced = join_all((0..8).map(|_| client.replace_token(&refused))).await;
    assert!(
        replaced
            .into_iter()
            .all(|token| token.unwrap().expose() == "T2")
    );
    assert_eq!(script.asked().len(), 2);
}

#[tokio::test]
async fn answers_that_are_none_give_no_token() {
    for body in [
        "",
        "{}",
        r#"{"access_token":"","expires_in":7200}"#,
        r#"{"access_token":"T"}"#,
        r#"{"access_token":"T","expires_in":0}"#,
    ] {
        let (client, _) = desk(vec![json(body)]);
        assert!(
            matches!(client.access_token().await, Err(TokenError::Unreadable(_))),
            "{body}"
        );
    }
}

#[tokio::test]
async fn tokens_are_not_printed() {
    let (client, _) = desk(vec![
        token("TOKEN1", 7200),
        json(r#"{"errcode":40097,"errmsg":"bad TOKEN1"}"#),
    ]);
    let held = client.access_token().await.unwrap();
    let error = client.post("/wxa/x", &value!({})).await.unwrap_err();
    let shown = format!("{held:?} {error} {error:?} {client:?}");
    assert!(!shown.contains("TOKEN1"), "{shown}");
}
