//! Every product through real sockets: the SDK orders, the control API and the phone's page pay.

use fen::Fen;
use reqwest::Method as HttpMethod;
use serde_json::{Value, json};
use wechatpay::text::{AuthCode, StoreId};
use wechatpay::v3::Outcome;
use wechatpay::v3::pay::{
    CodePay, H5App, H5Kind, H5Scene, Handle, Prepay, Product, QueryByOutTradeNo, ReverseOrder,
    Store, TradeState, TradeType,
};

use super::desk::Desk;
use crate::clock::real_ms;
use crate::credentials::AppKeys;

impl Desk {
    fn official_account(&self) -> AppKeys {
        let settings = &self.simulator.merchant.settings;
        settings.official_account.clone().unwrap()
    }

    fn mobile_app(&self) -> AppKeys {
        self.simulator.merchant.settings.mobile_app.clone().unwrap()
    }

    async fn place(&self, number: &str, appid: &str, product: Product) -> String {
        let prepay = Prepay {
            appid: appid.parse().unwrap(),
            mchid: self.simulator.merchant.settings.mchid.parse().unwrap(),
            description: "龙井茶".parse().unwrap(),
            out_trade_no: number.parse().unwrap(),
            time_expire: None,
            attach: None,
            notify_url: self.receiver.url.parse().unwrap(),
            total: Fen::new(1990),
            product,
        };
        match self.client.send(&prepay).await.done().unwrap() {
            Handle::PrepayId(prepay_id) => prepay_id.to_string(),
            Handle::CodeUrl(code_url) => code_url.to_string(),
            Handle::H5Url(h5_url) => h5_url.to_string(),
        }
    }

    /// What the newest notification says about the order.
    async fn told(&self, count: usize) -> Value {
        self.receiver.wait(count).await;
        let (headers, body) = self.receiver.got.lock().unwrap()[count - 1].clone();
        let notice = self
            .client
            .open_notification(&headers, &body, real_ms() / 1000);
        serde_json::from_str(&notice.unwrap().plaintext).unwrap()
    }

    fn till(&self, number: &str, code: &Value) -> CodePay {
        let settings = &self.simulator.merchant.settings;
        CodePay {
            appid: settings.appid.parse().unwrap(),
            mchid: settings.mchid.parse().unwrap(),
            description: "面包".parse().unwrap(),
            out_trade_no: number.parse().unwrap(),
            attach: None,
            total: Fen::new(880),
            auth_code: AuthCode::parse(code.as_str().unwrap()).unwrap(),
            store: Store::Own(StoreId::parse("shop-7").unwrap()),
            device_id: None,
            device_ip: None,
        }
    }

    async fn page(&self, path: &str) -> reqwest::Response {
        let url = format!("{}{path}", self.simulator.base_url);
        self.control.get(url).send().await.unwrap()
    }
}

fn location(response: &reqwest::Response) -> String {
    let location = response.headers().get("location").unwrap();
    location.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn codes_links_and_apps_are_ordered_paid_and_told() {
    let desk = Desk::start().await;
    let appid = desk.simulator.merchant.settings.appid.clone();
    let code_url = desk.place("NATIVE-00001", &appid, Product::Native).await;
    let pay = json!({ "url": code_url, "user": "passer-by" });
    let paid = desk.post("/cashier/pay-link", pay).await;
    assert_eq!(paid["trade_state"], "SUCCESS");
    assert_eq!(desk.told(1).await["trade_type"], "NATIVE");

    let scene = H5Scene {
        payer_client_ip: [203, 0, 113, 7].into(),
        kind: H5Kind::Wap,
        app: H5App::default(),
    };
    let h5_url = desk.place("MWEB-000001", &appid, Product::H5(scene)).await;
    assert!(h5_url.starts_with(&desk.simulator.base_url), "{h5_url}");
    let tail = &h5_url[desk.simulator.base_url.len()..];
    let browser = desk.page(tail).await;
    assert_eq!(browser.status(), 303);
    assert!(location(&browser).starts_with("/_phone/?link=%2Fcgi%2Dbin%2F"));
    // The page follows what it was told, under whatever name it was reached.
    let elsewhere = format!("http://another.name{tail}&redirect_url=https%3A%2F%2Fa.example");
    let pay = json!({ "url": elsewhere, "action": "wrong_password" });
    let tried = desk.post("/cashier/pay-link", pay).await;
    assert_eq!(tried["trade_state"], "NOTPAY");
    let paid = desk
        .post("/cashier/pay-link", json!({ "url": h5_url }))
        .await;
    assert_eq!(paid["trade_state"], "SUCCESS");
    assert_eq!(desk.told(2).await["trade_type"], "MWEB");
    let (status, refused) = desk
        .control(
            HttpMethod::POST,
            "/cashier/pay-link",
            &json!({ "url": "https://nowhere" }),
        )
        .await;
    assert_eq!(status, 422, "{refused}");

    let mobile = desk.mobile_app().appid;
    let prepay_id = desk.place("APP-0000001", &mobile, Product::App).await;
    let open = serde_json::to_value(desk.client.app_payment(&mobile, &prepay_id)).unwrap();
    desk.post("/cashier/app", open).await;
    let pay = json!({ "prepay_id": prepay_id, "action": "pay" });
    assert_eq!(desk.post("/cashier/pay", pay).await["errMsg"], "errCode:0");
    assert_eq!(desk.told(3).await["trade_type"], "APP");
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn a_payment_code_asks_its_owner_and_a_reversal_gives_the_money_back() {
    let desk = Desk::start().await;
    let shown = desk
        .post("/payment-codes", json!({ "story": "hesitates" }))
        .await;
    let path = format!("/payment-codes/{}", shown["auth_code"].as_str().unwrap());
    let view = desk.get(&path).await;
    assert_eq!(
        (&view["order"], &view["user"]),
        (&Value::Null, &json!("buyer"))
    );
    assert!(view["expires_in_ms"].as_i64().unwrap() > 0);
    let till = desk.till("TILL-000001", &shown["auth_code"]);
    let Outcome::Unknown(unknown) = desk.client.send(&till).await else {
        panic!("decided")
    };
    assert_eq!(unknown.error.unwrap().code, "USERPAYING");
    assert_eq!(desk.get(&path).await["order"]["trade_state"], "USERPAYING");
    let decide = format!("{path}/decide");
    desk.post(&decide, json!({ "pays": true })).await;
    let query = QueryByOutTradeNo {
        mchid: till.mchid.clone(),
        out_trade_no: till.out_trade_no.clone(),
    };
    let paid = desk.client.send(&query).await.done().unwrap();
    assert_eq!(paid.trade_state.known(), Some(TradeState::Success));
    assert_eq!(paid.trade_type.unwrap().known(), Some(TradeType::Micropay));
    let (status, _) = desk
        .control(HttpMethod::POST, &decide, &json!({ "pays": true }))
        .await;
    assert_eq!(status, 400, "nobody asks any more");
    let (status, _) = desk
        .control(
            HttpMethod::GET,
            "/payment-codes/130000000000000000",
            &Value::Null,
        )
        .await;
    assert_eq!(status, 404);
    let reverse = ReverseOrder {
        appid: till.appid.clone(),
        mchid: till.mchid.clone(),
        out_trade_no: till.out_trade_no.clone(),
    };
    desk.client.send(&reverse).await.done().unwrap();
    let reversed = desk.client.send(&query).await.done().unwrap();
    assert_eq!(reversed.trade_state.known(), Some(TradeState::Revoked));
    assert!(desk.receiver.got.lock().unwrap().is_empty());
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn a_page_inside_wechat_learns_who_looks_at_it() {
    let desk = Desk::start().await;
    let AppKeys { appid, app_secret } = desk.official_account();
    let page = format!(
        "/connect/oauth2/authorize?appid={appid}&redirect_uri=http%3A%2F%2F127.0.0.1%2Fpay&response_type=code&scope=snsapi_base&state=7"
    );
    let back = desk.page(&page).await;
    assert_eq!(back.status(), 302);
    let back = location(&back);
    let code = back.strip_prefix("http://127.0.0.1/pay?code=").unwrap();
    let code = code.strip_suffix("&state=7").unwrap();
    let exchange = format!(
        "/sns/oauth2/access_token?appid={appid}&secret={app_secret}&code={code}&grant_type=authorization_code"
    );
    let answer = desk.page(&exchange).await.bytes().await.unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["openid"], crate::openid(&appid, "buyer").as_str());
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn apps_have_kinds_and_owners() {
    let desk = Desk::start().await;
    let mchid = desk.simulator.merchant.settings.mchid.clone();
    let kinds = |apps: &Value| {
        let mut kinds: Vec<String> = apps
            .as_array()
            .unwrap()
            .iter()
            .map(|app| app["kind"].as_str().unwrap().to_owned())
            .collect();
        kinds.sort();
        kinds
    };
    let apps = desk.get("/apps").await;
    assert_eq!(
        kinds(&apps),
        ["mini_program", "mobile_app", "official_account"]
    );
    assert_eq!(apps[0]["mchids"], json!([mchid]));
    let app = json!({ "appid": "wx0000111122223333", "secret": "s", "kind": "mobile_app" });
    desk.post("/apps", app).await;
    assert_eq!(
        kinds(&desk.get("/apps").await)[1..3],
        ["mobile_app", "mobile_app"]
    );
    // A login code without an app is for the one mini program.
    assert!(desk.post("/login-codes", json!({})).await["code"].is_string());
    let login = json!({ "appid": "wx0000111122223333" });
    let (status, _) = desk.control(HttpMethod::POST, "/login-codes", &login).await;
    assert_eq!(status, 400);
    desk.simulator.shutdown().await;
}

#[tokio::test]
async fn the_page_and_all_its_parts_are_served() {
    let desk = Desk::start().await;
    let page = desk.page("/_phone/").await.text().await.unwrap();
    let mut wanted = vec!["phone.css".to_owned(), "phone.js".to_owned()];
    assert!(
        wanted
            .iter()
            .all(|name| page.contains(&format!("\"{name}\"")))
    );
    let mut served = 0;
    while let Some(name) = wanted.get(served).cloned() {
        let response = desk.page(&format!("/_phone/{name}")).await;
        assert_eq!(response.status(), 200, "{name}");
        let kind = response.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(kind.contains(if name.ends_with("css") {
            "css"
        } else {
            "javascript"
        }));
        let text = response.text().await.unwrap();
        for import in text.split("from './").skip(1) {
            let import = import.split('\'').next().unwrap().to_owned();
            if !wanted.contains(&import) {
                wanted.push(import);
            }
        }
        served += 1;
    }
    assert_eq!(served, 8, "{wanted:?}");
    assert_eq!(desk.page("/_phone/nothing.js").await.status(), 404);
    desk.simulator.shutdown().await;
}
