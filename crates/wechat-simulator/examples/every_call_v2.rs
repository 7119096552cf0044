//! Every call of the Rust SDK in the older protocol against the simulator, over TLS with the merchant's certificate and in both ways of signing: orders of all
//! four kinds, query, close, refund, payment codes, reversal, bills, and the notifications that follow. With a path as argument, everything that was said is
//! written there, one JSON object a line.
//!
//! `cargo run -p wechat-simulator --example every_call_v2 -- messages.jsonl`

mod shared;

use std::sync::Arc;

use fen::Fen;
use serde_json::json;
use shared::{Control, Result, done, unix_now};
use wechat_simulator::{MerchantFiles, Simulator, SimulatorOptions};
use wechatpay::text::{Appid, Attach, CodeUrl, H5Url, NotifyUrl, OutTradeNo, StoreId};
use wechatpay::time::format_compact;
use wechatpay::v2::bill::{BillDate, BillType, FundAccount};
use wechatpay::v2::code::{AuthCode, AuthCodeToOpenid, Micropay, Reverse};
use wechatpay::v2::pay::{Body, CloseOrder, Placed, Product, QueryOrder, UnifiedOrder};
use wechatpay::v2::refund::{CreateRefund, QueryRefund};
use wechatpay::v2::{Account, ApiKey, Client, Operation, SignType};
use wechatpay::v3::http::{ClientIdentity, HttpOptions, HttpTransport};
use wechatpay::v3::{Outcome, random_nonce};

const TOTAL: Fen = Fen::new(1990);
const MINUTE_MS: i64 = 60_000;
/// The bill of a day is there at ten o'clock on the next.
const BILL_MS: i64 = 34 * 60 * MINUTE_MS;

#[tokio::main]
async fn main() -> Result<()> {
    let simulator = Simulator::start(SimulatorOptions {
        tls_listen: Some(([127, 0, 0, 1], 0).into()),
        ..SimulatorOptions::default()
    })
    .await?;
    let merchant = simulator.merchant.clone();
    let plain = HttpTransport::new(HttpOptions::at(&merchant.settings.pay_base_url))?;
    let control = Control(Arc::new(plain));
    let day = stay_in_one_day(&control).await?;
    for (name, sign_type) in [("md5", SignType::Md5), ("hmac", SignType::HmacSha256)] {
        let desk = Desk {
            name,
            client: client(&merchant, sign_type)?,
            appid: merchant.settings.appid.parse()?,
            mobile_appid: mobile_app(&merchant)?.parse()?,
            merchant: &merchant,
            control: &control,
        };
        desk.sell().await?;
        desk.close_unpaid().await?;
        desk.charge_codes().await?;
        println!("every call but bills, signed with {}", sign_type.as_str());
    }
    control
        .post("clock", json!({ "advance_ms": BILL_MS }))
        .await?;
    for sign_type in [SignType::Md5, SignType::HmacSha256] {
        download(&client(&merchant, sign_type)?, &merchant, &day).await?;
    }
    if let Some(path) = std::env::args().nth(1) {
        control.write_messages(&path).await?;
    }
    simulator.shutdown().await;
    Ok(())
}

/// All trades must be in one bill, whenever this runs: the clock leaves the last half hour of a day in Beijing. Returns the day.
async fn stay_in_one_day(control: &Control) -> Result<String> {
    let day = |at_ms| format_compact(at_ms).chars().take(8).collect::<String>();
    let now_ms = unix_now() * 1000;
    let later_ms = now_ms + 30 * MINUTE_MS;
    if day(now_ms) != day(later_ms) {
        let advance = json!({ "advance_ms": 30 * MINUTE_MS });
        control.post("clock", advance).await?;
    }
    Ok(day(later_ms))
}

struct Desk<'a> {
    /// Begins all numbers, which the two ways of signing must not share.
    name: &'static str,
    client: Client,
    appid: Appid,
    /// Orders for mobile apps take no other kind of app.
    mobile_appid: Appid,
    merchant: &'a MerchantFiles,
    control: &'a Control,
}

impl Desk<'_> {
    /// One order of each kind, paid; the first one is refunded in part.
    async fn sell(&self) -> Result<()> {
        let openid = self.merchant.settings.openid.parse()?;
        let placed = self.place("jsapi", Product::Jsapi { openid }).await?;
        let appid = self.appid.as_str();
        let prepay_id = placed.prepay_id.as_str();
        let signed = self.client.request_payment(appid, prepay_id, unix_now());
        let mut open = serde_json::to_value(&signed)?;
        open["appid"] = json!(appid);
        self.control.post("cashier/open", open).await?;
        self.pay("jsapi", &placed).await?;

        let placed = self.place("app", Product::App).await?;
        let prepay_id = placed.prepay_id.as_str();
        let appid = self.mobile_appid.as_str();
        let signed = self.client.app_payment(appid, prepay_id, unix_now());
        let open = serde_json::to_value(&signed)?;
        self.control.post("cashier/app", open).await?;
        self.pay("app", &placed).await?;

        let product_id = "latte".to_owned();
        let placed = self.place("native", Product::Native { product_id }).await?;
        let scan = json!({ "url": placed.code_url.as_ref().map(CodeUrl::as_str) });
        self.control.post("cashier/follow", scan).await?;
        self.pay("native", &placed).await?;

        let browser = Product::H5 {
            wap_url: "https://shop.example.com".to_owned(),
            wap_name: "茶馆".to_owned(),
        };
        let placed = self.place("mweb", browser).await?;
        let follow = json!({ "url": placed.mweb_url.as_ref().map(H5Url::as_str) });
        self.control.post("cashier/follow", follow).await?;
        self.pay("mweb", &placed).await?;
        self.refund("jsapi").await
    }

    fn number(&self, what: &str) -> Result<OutTradeNo> {
        Ok(format!("every-call-{}-{what}", self.name).parse()?)
    }

    fn app_of(&self, what: &str) -> &Appid {
        match what {
            "app" | "closed" => &self.mobile_appid,
            _ => &self.appid,
        }
    }

    fn notify_url(&self) -> Result<NotifyUrl> {
        // Nobody listens there: WeChat tries, and its notification is in the log all the same.
        Ok(NotifyUrl::parse_for_simulator("http://127.0.0.1:9/notify")?)
    }

    async fn send<O: Operation>(&self, operation: O) -> Result<O::Answer> {
        done(self.client.send(&operation).await)
    }

    async fn place(&self, what: &str, product: Product) -> Result<Placed> {
        let order = UnifiedOrder {
            appid: self.app_of(what).clone(),
            product,
            body: Body::parse("茶馆-拿铁")?,
            attach: Some(Attach::parse("table=7 & <杯>")?),
            out_trade_no: self.number(what)?,
            total_fee: TOTAL,
            spbill_create_ip: [203, 0, 113, 9].into(),
            time_expire_ms: Some((unix_now() + 7200) * 1000),
            notify_url: self.notify_url()?,
        };
        let placed = self.send(order).await?;
        self.query(what).await?;
        Ok(placed)
    }

    async fn query(&self, what: &str) -> Result<()> {
        let query = QueryOrder {
            appid: self.app_of(what).clone(),
            out_trade_no: self.number(what)?,
        };
        let order = self.send(query).await?;
        println!("{} {what} is {}", self.name, order.trade_state.as_str());
        Ok(())
    }

    async fn pay(&self, what: &str, placed: &Placed) -> Result<()> {
        self.control.pay(placed.prepay_id.as_str()).await?;
        self.query(what).await
    }

    async fn refund(&self, what: &str) -> Result<()> {
        let number = format!("every-call-{}-refund", self.name);
        let refund = CreateRefund {
            appid: self.appid.clone(),
            out_trade_no: self.number(what)?,
            out_refund_no: number.parse()?,
            total_fee: TOTAL,
            refund_fee: Fen::new(990),
            refund_desc: None,
            notify_url: Some(self.notify_url()?),
        };
        self.send(refund).await?;
        self.advance(5_000).await?;
        let query = QueryRefund {
            appid: self.appid.clone(),
            out_refund_no: number.parse()?,
        };
        let refund = self.send(query).await?;
        println!("{} refund is {}", self.name, refund.status.as_str());
        self.query(what).await
    }

    async fn advance(&self, milliseconds: i64) -> Result<()> {
        let advance = json!({ "advance_ms": milliseconds });
        self.control.post("clock", advance).await?;
        Ok(())
    }

    async fn close_unpaid(&self) -> Result<()> {
        self.place("closed", Product::App).await?;
        let close = || -> Result<_> {
            Ok(CloseOrder {
                appid: self.app_of("closed").clone(),
                out_trade_no: self.number("closed")?,
            })
        };
        // WeChat wants orders to be five minutes old.
        refused(self.client.send(&close()?).await, "closing at once")?;
        self.advance(5 * MINUTE_MS).await?;
        self.send(close()?).await?;
        self.query("closed").await
    }

    async fn show_code(&self, story: &str) -> Result<AuthCode> {
        let shown = json!({ "story": story });
        let shown = self.control.post("payment-codes", shown).await?;
        let code = shown["auth_code"].as_str().ok_or("a phone shows a code")?;
        Ok(AuthCode::parse(code)?)
    }

    /// One code that pays, after asking whose it is, and one whose owner hesitates; both are taken back.
    async fn charge_codes(&self) -> Result<()> {
        let code = self.show_code("pays").await?;
        let ask = AuthCodeToOpenid {
            appid: self.appid.clone(),
            auth_code: code.clone(),
        };
        self.send(ask.clone()).await?;
        self.send(self.charge("till", code)?).await?;
        refused(self.client.send(&ask).await, "asking whose a used code is")?;
        self.reverse("till").await?;

        let slow = self.charge("slow", self.show_code("hesitates").await?)?;
        refused(self.client.send(&slow).await, "a payer who hesitates")?;
        self.query("slow").await?;
        self.advance(20_000).await?;
        self.reverse("slow").await
    }

    fn charge(&self, what: &str, auth_code: AuthCode) -> Result<Micropay> {
        Ok(Micropay {
            store: Some(StoreId::parse("tea-house-7")?),
            appid: self.appid.clone(),
            body: Body::parse("茶馆-拿铁")?,
            attach: None,
            out_trade_no: self.number(what)?,
            total_fee: TOTAL,
            spbill_create_ip: [192, 0, 2, 8].into(),
            auth_code,
        })
    }

    async fn reverse(&self, what: &str) -> Result<()> {
        let reverse = Reverse {
            appid: self.appid.clone(),
            out_trade_no: self.number(what)?,
        };
        self.send(reverse).await?;
        self.query(what).await
    }
}

/// Both bills of the day, and that there is none of a day long ago.
async fn download(client: &Client, merchant: &MerchantFiles, day: &str) -> Result<()> {
    let appid: Appid = merchant.settings.appid.parse()?;
    let part = |range: std::ops::Range<usize>| day.get(range).ok_or("a day has eight digits");
    let (year, month) = (part(0..4)?.parse()?, part(4..6)?.parse()?);
    let date = BillDate::new(year, month, part(6..8)?.parse()?).ok_or("there is this day")?;
    let bill = client.download_bill(&appid, date, BillType::All).await;
    println!("the bill has {} bytes", done(bill)?.len());
    let flow = client
        .download_fund_flow(&appid, date, FundAccount::Basic)
        .await;
    println!("the fund flow has {} bytes", done(flow)?.len());
    let ago = BillDate::new(2020, 1, 1).ok_or("there was this day")?;
    let none = client.download_bill(&appid, ago, BillType::All).await;
    refused(none, "a bill of long ago")?;
    let none = client
        .download_fund_flow(&appid, ago, FundAccount::Basic)
        .await;
    refused(none, "a fund flow of long ago")
}

fn mobile_app(merchant: &MerchantFiles) -> Result<&str> {
    let app = merchant.settings.mobile_app.as_ref();
    Ok(&app.ok_or("a merchant has a mobile app")?.appid)
}

fn client(merchant: &MerchantFiles, sign_type: SignType) -> Result<Client> {
    let settings = &merchant.settings;
    let tls_url = settings.pay_tls_url.as_deref();
    let tls_url = tls_url.ok_or("the simulator speaks TLS")?;
    let transport = |identity: Option<ClientIdentity>| {
        HttpTransport::new(HttpOptions {
            extra_roots: merchant.authority_pem.clone().into_iter().collect(),
            identity,
            ..HttpOptions::at(tls_url)
        })
        .map(Arc::new)
    };
    let credentials = &merchant.credentials;
    let identity = ClientIdentity::from_pem(
        &credentials.merchant_certificate_pem,
        &credentials.merchant_key_pem,
    )?;
    let account = Account {
        mchid: settings.mchid.parse()?,
        key: ApiKey::parse(&settings.api_key)?,
        sign_type,
    };
    Ok(Client::new(
        account,
        transport(None)?,
        Some(transport(Some(identity))?),
        Arc::new(random_nonce),
    ))
}

/// A call that WeChat must refuse.
fn refused<T>(outcome: Outcome<T>, what: &str) -> Result<()> {
    match outcome {
        Outcome::Rejected(error) => {
            println!("{what}: {error}");
            Ok(())
        }
        // The order is there, and what becomes of it is open: no error, but no success either.
        Outcome::Unknown(unknown) => {
            println!("{what}: {unknown}");
            Ok(())
        }
        Outcome::Done(_) => Err(format!("{what} was not refused").into()),
    }
}
