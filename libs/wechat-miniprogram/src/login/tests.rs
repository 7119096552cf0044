use super::*;
use crate::fake::*;

const GOOD: &str = r#"{"openid":"oAbC","session_key":"tiihtNczf5v6AKRyjwEUhQ==","unionid":"u1"}"#;

async fn refused(errcode: i64) -> LoginError {
    let (client, _) = desk(vec![failing(errcode)]);
    client.code2session("c").await.unwrap_err()
}

#[tokio::test]
async fn a_code_becomes_an_openid() {
    let (client, script) = desk(vec![json(GOOD)]);
    let login = client.code2session("0a1&b c/茶").await.unwrap();
    assert_eq!(
        (login.openid.as_str(), login.unionid.as_deref()),
        ("oAbC", Some("u1"))
    );
    assert_eq!(login.session_key.expose(), "tiihtNczf5v6AKRyjwEUhQ==");
    let (target, body) = script.asked().remove(0);
    assert_eq!(
        target,
        format!(
            "/sns/jscode2session?appid=wx1111222233334444&secret={SECRET}&js_code=0a1%26b%20c%2F%E8%8C%B6&grant_type=authorization_code"
        )
    );
    assert_eq!(body, "");
    let (client, _) = desk(vec![json(
        r#"{"openid":"o","session_key":"k","unionid":"","errcode":0}"#,
    )]);
    assert_eq!(client.code2session("c").await.unwrap().unionid, None);
}

#[tokio::test]
async fn errors_are_told_apart_by_what_to_do() {
    assert!(matches!(refused(40163).await, LoginError::CodeUsed(_)));
    assert!(matches!(refused(40029).await, LoginError::CodeInvalid(_)));
    assert!(matches!(refused(40226).await, LoginError::UserBlocked(_)));
    for code in [45011, 45009] {
        assert!(matches!(refused(code).await, LoginError::RateLimited(_)));
    }
    for code in [40001, 40013, 40125, 40164, 41002, 41004, 41008, 48001] {
        assert!(
            matches!(refused(code).await, LoginError::Configuration(_)),
            "{code}"
        );
    }
    let LoginError::Unexpected(error) = refused(12345).await else {
        panic!("12345 is not documented");
    };
    assert_eq!(
        (error.errcode, error.rid.as_deref()),
        (12345, Some("1a-2b"))
    );
}

#[tokio::test]
async fn busy_is_tried_once_more_with_the_same_code() {
    let (client, script) = desk(vec![failing(-1), json(GOOD)]);
    assert!(client.code2session("c").await.is_ok());
    let asked = script.asked();
    assert_eq!((asked.len(), &asked[0]), (2, &asked[1]));
    let (client, script) = desk(vec![failing(-1), failing(-1)]);
    assert!(matches!(
        client.code2session("c").await,
        Err(LoginError::Busy(_))
    ));
    assert_eq!(script.asked().len(), 2);
    let (client, _) = desk(vec![failing(-1), failing(40163)]);
    assert!(matches!(
        client.code2session("c").await,
        Err(LoginError::CodeUsed(_))
    ));
}

#[tokio::test]
async fn answers_that_are_none_are_not_logins() {
    for body in [
        "",
        "<html>",
        "{}",
        r#"{"openid":"o"}"#,
        r#"{"openid":"","session_key":"k"}"#,
        r#"{"openid":5,"session_key":"k"}"#,
    ] {
        let (client, _) = desk(vec![json(body)]);
        assert!(
            matches!(
                client.code2session("c").await,
                Err(LoginError::Unreadable(_))
            ),
            "{body}"
        );
    }
    let lost = TransportError::NoAnswer("timed out".to_owned());
    let (client, _) = desk(vec![Err(lost.clone())]);
    assert_eq!(
        client.code2session("c").await.unwrap_err(),
        LoginError::Unreachable(lost)
    );
}

#[tokio::test]
async fn neither_secret_nor_code_nor_person_is_printed() {
    let echo = format!(r#"{{"errcode":40029,"errmsg":"invalid code THECODE for {SECRET}"}}"#);
    let (client, _) = desk(vec![json(&echo), json(GOOD)]);
    let error = client.code2session("THECODE").await.unwrap_err();
    let login = client.code2session("THECODE").await.unwrap();
    let shown = format!(
        "{error} {error:?} {client:?} {login:?} {:?}",
        login.session_key
    );
    for hidden in [SECRET, "THECODE", "oAbC", "tiiht"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
    let request = Request {
        method: Method::Get,
        target: Zeroizing::new(format!("/sns/jscode2session?secret={SECRET}")),
        body: Zeroizing::new(SECRET.as_bytes().to_vec()),
    };
    assert_eq!(format!("{request:?}"), "Request(Get /sns/jscode2session)");
}
