use serde_json::{Value, json};
use wechatpay::v3::RawResponse;

use crate::testing::*;
use crate::*;

const PAGE: &str = "https%3A%2F%2Fshop.example.com%2Fpay%3Forder%3D7";

impl Shop {
    fn browse(&mut self, target: &str, user: Option<&str>) -> RawResponse {
        let cookie = user.map(|user| ("Cookie".to_owned(), format!("a=b; simulated_user={user}")));
        let request = WireRequest {
            method: "GET".to_owned(),
            target: target.to_owned(),
            headers: cookie.into_iter().collect(),
            body: Vec::new(),
            connection: Connection::Plain,
        };
        self.raw(request).expect("an answer")
    }

    fn authorize(&mut self, user: Option<&str>) -> String {
        let target = format!(
            "/connect/oauth2/authorize?appid={OFFICIAL}&redirect_uri={PAGE}&response_type=code&scope=snsapi_base&state=Ab12"
        );
        let answer = self.browse(&target, user);
        assert_eq!(answer.status, 302);
        let location = answer.header("Location").unwrap();
        let rest = location.strip_prefix("https://shop.example.com/pay?order=7&code=");
        let code = rest.unwrap().strip_suffix("&state=Ab12").unwrap();
        code.to_owned()
    }

    fn exchange(&mut self, appid: &str, secret: &str, code: &str) -> Value {
        let target = format!(
            "/sns/oauth2/access_token?appid={appid}&secret={secret}&code={code}&grant_type=authorization_code"
        );
        let answer = self.browse(&target, None);
        assert_eq!(answer.status, 200);
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// A user opens a page of the official account; the openid its server learns.
    pub(crate) fn look_at_page(&mut self, user: &str) -> String {
        let code = self.authorize(Some(user));
        let answer = self.exchange(OFFICIAL, SECRET, &code);
        answer["openid"].as_str().unwrap().to_owned()
    }
}

#[test]
fn a_browser_is_sent_back_with_a_code_that_tells_who_it_is() {
    let mut shop = Shop::new();
    let code = shop.authorize(Some("visi%20tor"));
    let answer = shop.exchange(OFFICIAL, SECRET, &code);
    assert_eq!(answer["openid"], openid(OFFICIAL, "visi tor").as_str());
    assert_eq!(
        (&answer["expires_in"], &answer["scope"]),
        (&json!(7200), &json!("snsapi_base"))
    );
    assert!(answer["access_token"].is_string() && answer["refresh_token"].is_string());
    let code = shop.authorize(None);
    let answer = shop.exchange(OFFICIAL, SECRET, &code);
    assert_eq!(answer["openid"], openid(OFFICIAL, "buyer").as_str());
}

#[test]
fn a_code_is_good_for_one_exchange_five_minutes_and_its_own_account() {
    let mut shop = Shop::new();
    let code = shop.authorize(None);
    assert_eq!(shop.exchange(APPID, SECRET, &code)["errcode"], 40029);
    assert_eq!(shop.exchange(OFFICIAL, "wrong", &code)["errcode"], 40125);
    assert!(shop.exchange(OFFICIAL, SECRET, &code)["openid"].is_string());
    assert_eq!(shop.exchange(OFFICIAL, SECRET, &code)["errcode"], 40163);
    assert_eq!(shop.exchange(OFFICIAL, SECRET, "0nobody")["errcode"], 40029);
    let (login_code, _) = shop.login("buyer");
    assert_eq!(
        shop.exchange(APPID, SECRET, &login_code)["errcode"],
        40029,
        "of wx.login"
    );
    let code = shop.authorize(None);
    let target = format!(
        "/sns/jscode2session?appid={OFFICIAL}&secret={SECRET}&js_code={code}&grant_type=authorization_code"
    );
    let answer: Value = serde_json::from_slice(&shop.browse(&target, None).body).unwrap();
    assert_eq!(answer["errcode"], 40029, "not of wx.login");
    shop.pass(5 * 60_000);
    assert_eq!(shop.exchange(OFFICIAL, SECRET, &code)["errcode"], 40029);
}

#[test]
fn what_the_page_refuses_sends_nobody_anywhere() {
    let mut shop = Shop::new();
    let mut shown = |query: &str| {
        let answer = shop.browse(&format!("/connect/oauth2/authorize?{query}"), None);
        assert_eq!(answer.header("Location"), None, "{query}");
        String::from_utf8(answer.body).unwrap()
    };
    let rest = format!("redirect_uri={PAGE}&response_type=code&scope=snsapi_base&state=1");
    for (query, number) in [
        (rest.clone(), "10012"),
        (format!("appid={APPID}&{rest}"), "10016"),
        (format!("appid={MOBILE}&{rest}"), "10016"),
        (format!("{rest}&appid={OFFICIAL}"), "10001"),
        (
            format!("appid={OFFICIAL}&response_type=code&scope=snsapi_base"),
            "10011",
        ),
        (
            format!("appid={OFFICIAL}&redirect_uri={PAGE}&response_type=code"),
            "10010",
        ),
        (
            format!("appid={OFFICIAL}&redirect_uri={PAGE}&response_type=code&scope=all"),
            "10005",
        ),
        (
            format!(
                "appid={OFFICIAL}&redirect_uri=javascript%3Aalert(1)&response_type=code&scope=snsapi_base"
            ),
            "10003",
        ),
        (
            format!(
                "appid={OFFICIAL}&redirect_uri=https%3A%2F%2Fa.example%0d%0aX%3Ay&response_type=code&scope=snsapi_base"
            ),
            "10003",
        ),
        (
            format!(
                "appid={OFFICIAL}&redirect_uri={PAGE}&response_type=code&scope=snsapi_base&state=a%26b"
            ),
            "10001",
        ),
        (
            format!("appid={OFFICIAL}&redirect_uri={PAGE}&response_type=token&scope=snsapi_base"),
            "10001",
        ),
    ] {
        let text = shown(&query);
        assert!(text.contains(number), "{query}: {text}");
    }
    shop.fault(Fault::new(FaultKind::RateLimited).at(Operation::Authorize));
    let target = format!("/connect/oauth2/authorize?appid={OFFICIAL}&{rest}");
    assert!(shop.browse(&target, None).header("Location").is_none());
    assert!(shop.browse(&target, None).header("Location").is_some());
}

#[test]
fn faults_reach_the_exchange() {
    let mut shop = Shop::new();
    let code = shop.authorize(None);
    shop.fault(Fault::new(FaultKind::SystemError).at(Operation::PageLogin));
    assert_eq!(shop.exchange(OFFICIAL, SECRET, &code)["errcode"], -1);
    shop.fault(Fault::new(FaultKind::SystemErrorAfter).at(Operation::PageLogin));
    assert_eq!(shop.exchange(OFFICIAL, SECRET, &code)["errcode"], -1);
    assert_eq!(
        shop.exchange(OFFICIAL, SECRET, &code)["errcode"],
        40163,
        "it was used up"
    );
}

#[test]
fn a_login_code_is_for_mini_programs() {
    let mut shop = Shop::new();
    let command = Command::LoginCode {
        appid: OFFICIAL.to_owned(),
        user: "buyer".to_owned(),
    };
    let Some(Output::Control(result)) = shop.step(Input::Control(command)) else {
        panic!("no answer");
    };
    assert!(matches!(result, Err(CommandError::Refused(_))));
}
