//! Every way to pay, by both protocols.

mod code;
mod means;
mod record;
mod table;

use serde_json::{Value, json};
use shouyin_core::product::Product;
use shouyin_wechat::AppKind;
use wechat_simulator::{
    CodeStory, Command, CommandAnswer, FollowLink, OpenFromApp, PhoneAction, PhoneAnswer,
};
use wechatpay::v2::SignType;

use crate::desk::Desk;
use crate::v2::Speaks;
use crate::world::{APPID, Answer, Setup};

pub(crate) const V2: Speaks = Speaks::V2(SignType::HmacSha256);

/// A shop that sells in this way.
async fn desk(product: Product, speaks: Speaks) -> Desk {
    Desk::build(Setup {
        speaks,
        app_kind: match product {
            Product::Jsapi => AppKind::OfficialAccount,
            Product::App => AppKind::MobileApp,
            Product::MiniProgram | Product::Native | Product::H5 | Product::Code => {
                AppKind::MiniProgram
            }
        },
        v3_codes: true,
        ..Setup::default()
    })
    .await
}

async fn order(desk: &Desk, product: Product, order_no: &str) -> String {
    let body = json!({
        "order_no": order_no, "amount_fen": 1990, "description": "拿铁 Latte", "product": product.as_str(),
    });
    let payment = desk.world.post("/v1/payments", &body).await.ok(201);
    assert_eq!(payment["product"], product.as_str());
    payment["id"].as_str().unwrap().to_owned()
}

/// The merchant's backend asks for the means to pay.
async fn means(desk: &Desk, id: &str, body: Value) -> Answer {
    let path = format!("/v1/payments/{id}/pay");
    desk.world.post(&path, &body).await
}

fn cashier(answer: PhoneAnswer) -> String {
    match answer {
        PhoneAnswer::Cashier(cashier) => cashier.prepay_id,
        PhoneAnswer::Result(result) => panic!("{result:?}"),
    }
}

fn follow(desk: &Desk, url: &Value, user: &str) -> String {
    cashier(desk.heart.phone(PhoneAction::Follow(FollowLink {
        url: url.as_str().unwrap().to_owned(),
        user: user.to_owned(),
    })))
}

/// A user of a page inside WeChat says who they are.
async fn page_session(desk: &Desk, user: &str) -> String {
    let path = format!(
        "/mp/v1/authorize?appid={APPID}&redirect_uri=https%3A%2F%2Fshop.example.com%2Fpay&state=s1"
    );
    let sent = desk.world.send("GET", &path, &[], "").await;
    assert_eq!(sent.status, 302, "{}", sent.text);
    let address = sent.headers["location"].to_str().unwrap();
    let target = address
        .strip_prefix("https://open.weixin.qq.com")
        .unwrap()
        .trim_end_matches("#wechat_redirect");
    let back = desk.heart.browse(target, user);
    let code = back
        .strip_prefix("https://shop.example.com/pay?code=")
        .unwrap()
        .strip_suffix("&state=s1")
        .unwrap();
    desk.world.session(code).await
}

/// What a payer's phone shows at the till.
fn shown_code(desk: &Desk, story: CodeStory) -> String {
    let shown = desk.heart.throw(Command::PaymentCode {
        user: "alice".to_owned(),
        story,
        after_ms: None,
    });
    match shown {
        CommandAnswer::PaymentCode(code) => code,
        other @ (CommandAnswer::Done
        | CommandAnswer::LoginCode { .. }
        | CommandAnswer::PhoneCode(_)
        | CommandAnswer::Refund(_)) => panic!("{other:?}"),
    }
}

/// The signed parameters with which Alice's mini program, page or app opens the cashier.
async fn parameters(desk: &Desk, product: Product, id: &str) -> Value {
    if product == Product::App {
        return means(desk, id, json!({})).await.ok(200)["app"].clone();
    }
    let session = if product == Product::Jsapi {
        page_session(desk, "alice").await
    } else {
        desk.session("alice").await
    };
    let path = format!("/mp/v1/payments/{id}/pay");
    let ready = desk.world.phone(&session, &path).await.ok(200);
    ready["request_payment"].clone()
}

/// Alice comes to the cashier of a payment, in the way of its product; her handle there.
async fn at_the_cashier(desk: &Desk, product: Product, id: &str) -> String {
    match product {
        Product::MiniProgram | Product::Jsapi => {
            let parameters = parameters(desk, product, id).await;
            let named = (product == Product::Jsapi).then_some(APPID);
            assert_eq!(parameters["appId"].as_str(), named);
            desk.heart.open("alice", &parameters)
        }
        Product::Native => {
            let ready = means(desk, id, json!({})).await.ok(200);
            follow(desk, &ready["code_url"], "alice")
        }
        Product::H5 => {
            let asked = json!({
                "payer_ip": "203.0.113.7", "redirect_url": "https://shop.example.com/back",
            });
            let ready = means(desk, id, asked).await.ok(200);
            follow(desk, &ready["h5_url"], "alice")
        }
        Product::App => {
            let parameters = parameters(desk, product, id).await;
            let open: OpenFromApp = serde_json::from_value(parameters).unwrap();
            let open = OpenFromApp {
                user: "alice".to_owned(),
                ..open
            };
            cashier(desk.heart.phone(PhoneAction::OpenFromApp(open)))
        }
        Product::Code => panic!("a till has no cashier"),
    }
}
