use serde_json::{Value, json};

use crate::testing::*;
use crate::*;

fn get(shop: &mut Shop, target: &str) -> Value {
    let request = WireRequest {
        method: "GET".to_owned(),
        target: target.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        connection: Connection::Plain,
    };
    let answer = shop.raw(request).unwrap();
    assert_eq!(answer.status, 200, "errors are 200 at this host");
    serde_json::from_slice(&answer.body).unwrap()
}

fn exchange(shop: &mut Shop, appid: &str, secret: &str, code: &str) -> Value {
    let target = format!(
        "/sns/jscode2session?appid={appid}&secret={secret}&js_code={code}&grant_type=authorization_code"
    );
    get(shop, &target)
}

fn stable(shop: &mut Shop, body: &Value) -> Value {
    let request = WireRequest {
        method: "POST".to_owned(),
        target: "/cgi-bin/stable_token".to_owned(),
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
        connection: Connection::Plain,
    };
    serde_json::from_slice(&shop.raw(request).unwrap().body).unwrap()
}

fn token(shop: &mut Shop, force_refresh: bool) -> (String, i64) {
    let answer = stable(
        shop,
        &json!({
            "grant_type": "client_credential", "appid": APPID, "secret": SECRET,
            "force_refresh": force_refresh,
        }),
    );
    let token = answer["access_token"].as_str().unwrap().to_owned();
    (token, answer["expires_in"].as_i64().unwrap())
}

#[test]
fn a_code_is_good_for_one_exchange_within_five_minutes() {
    let mut shop = Shop::new();
    let (code, openid) = shop.login("anna");
    let answer = exchange(&mut shop, APPID, SECRET, &code);
    assert_eq!(answer["openid"], openid);
    assert_eq!(answer["session_key"].as_str().unwrap().len(), 24);
    assert_eq!(answer.get("errcode"), None);
    assert_eq!(exchange(&mut shop, APPID, SECRET, &code)["errcode"], 40163);

    let (code, _) = shop.login("anna");
    shop.pass(5 * 60_000);
    assert_eq!(exchange(&mut shop, APPID, SECRET, &code)["errcode"], 40029);
    assert_eq!(
        exchange(&mut shop, APPID, SECRET, "never")["errcode"],
        40029
    );
}

#[test]
fn wrong_parameters_have_their_own_codes() {
    let mut shop = Shop::new();
    let (code, _) = shop.login("anna");
    assert_eq!(
        exchange(&mut shop, "wx0000000000000000", SECRET, &code)["errcode"],
        40013
    );
    assert_eq!(exchange(&mut shop, APPID, "wrong", &code)["errcode"], 40125);
    assert_eq!(exchange(&mut shop, "", SECRET, &code)["errcode"], 41002);
    assert_eq!(exchange(&mut shop, APPID, "", &code)["errcode"], 41004);
    assert_eq!(exchange(&mut shop, APPID, SECRET, "")["errcode"], 41008);
    let no_type = format!("/sns/jscode2session?appid={APPID}&secret={SECRET}&js_code={code}");
    assert_eq!(get(&mut shop, &no_type)["errcode"], 40002);
    let errmsg = get(&mut shop, "/wxa/unknown")["errmsg"].clone();
    assert!(errmsg.as_str().unwrap().starts_with("invalid url rid: "));
    let good = exchange(&mut shop, APPID, SECRET, &code);
    assert!(
        good.get("openid").is_some(),
        "refusals do not use the code up"
    );
}

#[test]
fn a_code_of_another_app_is_invalid_and_unionids_are_shared() {
    let mut shop = Shop::new();
    let other = "wx5555666677778888";
    for appid in [APPID, other] {
        shop.control(Command::AddApp(App {
            appid: appid.to_owned(),
            secret: SECRET.to_owned(),
            platform: Some("tea".to_owned()),
        }));
    }
    let (code, openid) = shop.login("anna");
    assert_eq!(exchange(&mut shop, other, SECRET, &code)["errcode"], 40029);
    let here = exchange(&mut shop, APPID, SECRET, &code);
    let command = Command::LoginCode {
        appid: other.to_owned(),
        user: "anna".to_owned(),
    };
    let CommandAnswer::LoginCode { code, .. } = shop.control(command) else {
        panic!("no code")
    };
    let there = exchange(&mut shop, other, SECRET, &code);
    assert_eq!(here["unionid"], there["unionid"]);
    assert_ne!(there["openid"], openid);
}

#[test]
fn a_stable_token_stays_until_its_last_five_minutes() {
    let mut shop = Shop::new();
    let (first, life) = token(&mut shop, false);
    assert_eq!(life, 7200);
    shop.pass(6_899_000);
    assert_eq!(token(&mut shop, false), (first.clone(), 301));
    shop.pass(1_000);
    let (second, life) = token(&mut shop, false);
    assert_ne!(second, first);
    assert_eq!(life, 7200);
    assert!(
        shop.wechat.access_token_is_valid(APPID, &first),
        "both live"
    );
    shop.pass(300_000);
    assert!(!shop.wechat.access_token_is_valid(APPID, &first));
    assert!(shop.wechat.access_token_is_valid(APPID, &second));
}

#[test]
fn forcing_kills_the_old_token_at_most_every_half_minute_and_twenty_times_a_day() {
    let mut shop = Shop::new();
    let (first, _) = token(&mut shop, false);
    let (second, _) = token(&mut shop, true);
    assert_ne!(second, first);
    assert!(!shop.wechat.access_token_is_valid(APPID, &first));
    shop.pass(29_999);
    assert_eq!(token(&mut shop, true).0, second, "too close: not refreshed");
    for _ in 1..20 {
        shop.pass(30_000);
        token(&mut shop, true);
    }
    shop.pass(30_000);
    let body = json!({
        "grant_type": "client_credential", "appid": APPID, "secret": SECRET, "force_refresh": true,
    });
    assert_eq!(stable(&mut shop, &body)["errcode"], 45009);
}

#[test]
fn classic_tokens_replace_each_other_and_leave_stable_ones_alone() {
    let mut shop = Shop::new();
    let (stable_token, _) = token(&mut shop, false);
    let target =
        format!("/cgi-bin/token?grant_type=client_credential&appid={APPID}&secret={SECRET}");
    let first = get(&mut shop, &target)["access_token"].clone();
    let second = get(&mut shop, &target)["access_token"].clone();
    assert_ne!(first, second);
    let valid = |shop: &Shop, token: &Value| {
        shop.wechat
            .access_token_is_valid(APPID, token.as_str().unwrap())
    };
    assert!(valid(&shop, &first) && valid(&shop, &second));
    shop.pass(300_000);
    assert!(!valid(&shop, &first) && valid(&shop, &second));
    assert!(shop.wechat.access_token_is_valid(APPID, &stable_token));
}

#[test]
fn bodies_of_the_token_call_are_read() {
    let mut shop = Shop::new();
    assert_eq!(stable(&mut shop, &json!({}))["errcode"], 40002);
    let wrong_type = json!({
        "grant_type": "client_credential", "appid": APPID, "secret": SECRET, "force_refresh": "true",
    });
    assert_eq!(stable(&mut shop, &wrong_type)["errcode"], 47001);
}

#[test]
fn faults_of_this_host_are_errcodes() {
    let mut shop = Shop::new();
    let (code, _) = shop.login("anna");
    shop.fault(Fault::new(FaultKind::SystemError).at(Operation::Login));
    assert_eq!(exchange(&mut shop, APPID, SECRET, &code)["errcode"], -1);
    shop.fault(Fault::new(FaultKind::RateLimited).at(Operation::Login));
    assert_eq!(exchange(&mut shop, APPID, SECRET, &code)["errcode"], 45011);
    shop.fault(Fault::new(FaultKind::SystemErrorAfter).at(Operation::Login));
    assert_eq!(exchange(&mut shop, APPID, SECRET, &code)["errcode"], -1);
    assert_eq!(
        exchange(&mut shop, APPID, SECRET, &code)["errcode"],
        40163,
        "it was used"
    );
}

fn phone_number(shop: &mut Shop, token: &str, code: &str) -> Value {
    let request = WireRequest {
        method: "POST".to_owned(),
        target: format!("/wxa/business/getuserphonenumber?access_token={token}"),
        headers: Vec::new(),
        body: json!({ "code": code }).to_string().into_bytes(),
        connection: Connection::Plain,
    };
    let answer = shop.raw(request).unwrap();
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn a_token_that_another_server_replaced_is_refused_at_once() {
    let mut shop = Shop::new();
    let (old, _) = token(&mut shop, false);
    let CommandAnswer::PhoneCode(code) = shop.control(Command::PhoneCode {
        appid: APPID.to_owned(),
        user: "anna".to_owned(),
    }) else {
        panic!("no code");
    };
    shop.control(Command::ReplaceToken {
        appid: APPID.to_owned(),
    });
    assert_eq!(phone_number(&mut shop, &old, &code)["errcode"], 40001);
    let (new, _) = token(&mut shop, false);
    assert_ne!(new, old);
    let told = phone_number(&mut shop, &new, &code);
    let number = told["phone_info"]["purePhoneNumber"].as_str().unwrap();
    assert_eq!(number.len(), 11);
    assert_eq!(told["phone_info"]["watermark"]["appid"], APPID);
    let again = phone_number(&mut shop, &new, &code);
    assert_eq!(again["errcode"], 40029, "a code is good once");
}
