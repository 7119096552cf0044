use super::*;
use crate::fake::*;
use crate::transport::TransportError;

/// Shaped as in WeChat's documentation of `snsAccessToken`.
const GOOD: &str = r#"{"access_token":"ACCESS","expires_in":7200,"refresh_token":"REFRESH","openid":"oAbC","scope":"snsapi_base"}"#;

async fn refused(errcode: i64) -> LoginError {
    let (client, _) = desk(vec![failing(errcode)]);
    client.identify("c").await.unwrap_err()
}

#[test]
fn the_address_has_its_parameters_in_the_documented_order() {
    let url = authorize_url(
        AUTHORIZE_URL,
        "wx520c15f417810387",
        "https://shop.example.com/pay?order=7&x=茶"
            .replace('茶', "%E8%8C%B6")
            .as_str(),
        "Ab12",
    );
    assert_eq!(
        url.unwrap(),
        "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx520c15f417810387&redirect_uri=https%3A%2F%2Fshop.example.com%2Fpay%3Forder%3D7%26x%3D%25E8%258C%25B6&response_type=code&scope=snsapi_base&state=Ab12#wechat_redirect"
    );
    let simulator = authorize_url(
        "http://127.0.0.1:9/connect/oauth2/authorize",
        "wx1",
        "http://127.0.0.1:8/page",
        "",
    );
    assert_eq!(
        simulator.unwrap(),
        "http://127.0.0.1:9/connect/oauth2/authorize?appid=wx1&redirect_uri=http%3A%2F%2F127.0.0.1%3A8%2Fpage&response_type=code&scope=snsapi_base&state=#wechat_redirect"
    );
}

#[test]
fn what_wechat_would_refuse_makes_no_address() {
    let url = |redirect_uri, state| authorize_url(AUTHORIZE_URL, "wx1", redirect_uri, state);
    for bad in [
        "",
        "shop.example.com",
        "//shop.example.com",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "https://?x",
        "https://@evil.example.com",
        "https://a b",
        "https://a#b",
        "https://a\\b",
        "https://茶.example.com",
        "ftp://shop.example.com",
    ] {
        assert_eq!(url(bad, "1"), Err(AuthorizeError::RedirectUri), "{bad}");
    }
    let long = "a".repeat(129);
    for bad in ["a-b", "a b", "茶", "a&b=c", "#", long.as_str()] {
        let refused = url("https://shop.example.com/", bad);
        assert_eq!(refused, Err(AuthorizeError::State), "{bad}");
    }
    assert!(url("https://shop.example.com/", &long[..128]).is_ok());
}

#[tokio::test]
async fn a_code_becomes_an_openid_and_the_tokens_are_dropped() {
    let (client, script) = desk(vec![json(GOOD)]);
    let visitor = client.identify("0a1&b c").await.unwrap();
    let expected = Visitor {
        openid: "oAbC".to_owned(),
        unionid: None,
        is_made_up: false,
    };
    assert_eq!(visitor, expected);
    let (target, body) = script.asked().remove(0);
    assert_eq!(
        target,
        format!(
            "/sns/oauth2/access_token?appid=wx1111222233334444&secret={SECRET}&code=0a1%26b%20c&grant_type=authorization_code"
        )
    );
    assert_eq!(body, "");
}

#[tokio::test]
async fn a_made_up_user_of_a_preview_is_told_apart() {
    for (member, made_up) in [
        (r#""is_snapshotuser":1"#, true),
        (r#""is_snapshotuser":"1""#, true),
        (r#""is_snapshotuser":true"#, true),
        (r#""is_snapshotuser":0"#, false),
        (r#""is_snapshotuser":null"#, false),
        (r#""unionid":"u1""#, false),
    ] {
        let answer = format!(r#"{{"openid":"oAbC",{member}}}"#);
        let (client, _) = desk(vec![json(&answer)]);
        let visitor = client.identify("c").await.unwrap();
        assert_eq!(visitor.is_made_up, made_up, "{member}");
    }
}

#[tokio::test]
async fn errors_are_told_apart_by_what_to_do() {
    assert!(matches!(refused(40163).await, LoginError::CodeUsed(_)));
    for code in [40029, 42003] {
        let is_invalid = matches!(refused(code).await, LoginError::CodeInvalid(_));
        assert!(is_invalid, "{code}");
    }
    for code in [40001, 40013, 40125, 41008, 48001] {
        let is_configuration = matches!(refused(code).await, LoginError::Configuration(_));
        assert!(is_configuration, "{code}");
    }
    assert!(matches!(refused(45011).await, LoginError::RateLimited(_)));
    assert!(matches!(refused(12345).await, LoginError::Unexpected(_)));
    let (client, script) = desk(vec![failing(-1), json(GOOD)]);
    assert!(client.identify("c").await.is_ok());
    assert_eq!(script.asked()[0], script.asked()[1]);
    let lost = TransportError::NoAnswer("timed out".to_owned());
    let (client, _) = desk(vec![Err(lost.clone())]);
    let error = client.identify("c").await.unwrap_err();
    assert_eq!(error, LoginError::Unreachable(lost));
}

#[tokio::test]
async fn answers_that_are_none_identify_nobody() {
    for body in ["", "<html>", "{}", r#"{"openid":""}"#, r#"{"openid":5}"#] {
        let (client, _) = desk(vec![json(body)]);
        let error = client.identify("c").await.unwrap_err();
        assert!(matches!(error, LoginError::Unreadable(_)), "{body}");
    }
}

#[tokio::test]
async fn neither_secret_nor_code_nor_token_nor_person_is_printed() {
    let echo = format!(r#"{{"errcode":40029,"errmsg":"invalid code THECODE for {SECRET}"}}"#);
    let (client, _) = desk(vec![json(&echo), json(GOOD)]);
    let error = client.identify("THECODE").await.unwrap_err();
    let visitor = client.identify("THECODE").await.unwrap();
    let shown = format!("{error} {error:?} {client:?} {visitor:?}");
    for hidden in [SECRET, "THECODE", "oAbC", "ACCESS", "REFRESH"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}
