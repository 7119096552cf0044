//! Every call of the Rust SDK against the simulator: orders of every product, query by both numbers, close, refund, abnormal refund,
//! payment codes, reversal, certificates, and the notifications that follow. With a path as argument, everything that was said is written there, one JSON object a line.
//!
//! `cargo run -p wechat-simulator --example every_call -- messages.jsonl`

mod shared;

use std::sync::Arc;

use fen::Fen;
use serde_json::json;
use shared::{Control, Result, done, unix_now};
use wechat_simulator::{AppKeys, MerchantFiles, Simulator, SimulatorOptions};
use wechatpay::crypto::{ApiV3Key, PublicKey};
use wechatpay::text::{
    AppName, AppPackage, Appid, Attach, AuthCode, BankType, Description, DeviceId, Mchid,
    NotifyUrl, Openid, OutRefundNo, OutTradeNo, RefundId, StoreId, TransactionId,
};
use wechatpay::v3::certificates::ListCertificates;
use wechatpay::v3::http::{HttpOptions, HttpTransport};
use wechatpay::v3::pay::{
    CloseOrder, CodePay, H5App, H5Kind, H5Scene, Handle, Prepay, Product, QueryByOutTradeNo,
    QueryByTransactionId, ReverseOrder, Store,
};
use wechatpay::v3::refund::{
    AbnormalRefundTo, ApplyAbnormalRefund, BankCard, CreateRefund, OrderNumber, QueryRefund,
};
use wechatpay::v3::{
    Account, Client, KeyRing, Method, Outcome, RawResponse, RsaSigner, SignedRequest, Transport,
    random_nonce,
};

const TOTAL: Fen = Fen::new(1990);

#[tokio::main]
async fn main() -> Result<()> {
    let simulator = Simulator::start(SimulatorOptions::default()).await?;
    let merchant = simulator.merchant.clone();
    let transport = Arc::new(HttpTransport::new(HttpOptions::at(
        &merchant.settings.pay_base_url,
    ))?);
    let desk = Desk {
        client: client(&merchant, transport.clone())?,
        merchant,
        control: Control(transport),
    };
    // So that there are certificates to list; answers and notifications are signed by the public key all the same.
    desk.control
        .post(
            "keys/switch",
            json!({"to": "switching", "notifications_per_mille": 1000}),
        )
        .await?;
    done(desk.client.send(&ListCertificates).await)?;
    println!("certificates listed");
    desk.buy_and_refund().await?;
    desk.close_unpaid().await?;
    desk.sell_every_way().await?;
    desk.charge_codes().await?;
    if let Some(path) = std::env::args().nth(1) {
        desk.control.write_messages(&path).await?;
    }
    simulator.shutdown().await;
    Ok(())
}

struct Desk {
    client: Client,
    merchant: MerchantFiles,
    control: Control,
}

impl Desk {
    async fn buy_and_refund(&self) -> Result<()> {
        let number = OutTradeNo::parse("every-call-paid")?;
        let handle = done(self.client.send(&self.order(&number)?).await)?;
        self.pay(&self.merchant.settings.appid, &handle).await?;
        let query = QueryByOutTradeNo {
            mchid: self.mchid()?,
            out_trade_no: number.clone(),
        };
        let paid = done(self.client.send(&query).await)?;
        let transaction_id = TransactionId::parse(
            &paid
                .transaction_id
                .ok_or("a paid order has a transaction_id")?,
        )?;
        println!("paid as {transaction_id:?}");
        let query = QueryByTransactionId {
            mchid: self.mchid()?,
            transaction_id,
        };
        done(self.client.send(&query).await)?;

        let out_refund_no = OutRefundNo::parse("every-call-refund")?;
        let refund = CreateRefund {
            order: OrderNumber::OutTradeNo(number),
            out_refund_no: out_refund_no.clone(),
            reason: None,
            notify_url: None,
            refund: Fen::new(990),
            total: TOTAL,
        };
        done(self.client.send(&refund).await)?;
        let query = QueryRefund { out_refund_no };
        let refund = done(self.client.send(&query).await)?;
        println!("refund is {}", refund.status.as_str());
        self.rescue(&refund.refund_id, query.out_refund_no).await
    }

    /// The payer's account turns out to be closed: the money goes to a bank card instead.
    async fn rescue(&self, refund_id: &str, out_refund_no: OutRefundNo) -> Result<()> {
        let finish = format!("refunds/{out_refund_no}/finish");
        self.control
            .post(&finish, json!({"to": "ABNORMAL"}))
            .await?;
        let card = BankCard::encrypt(
            &self.client.encryptor()?,
            BankType::parse("ICBC_DEBIT")?,
            "6222020200112233445",
            "张三",
        )?;
        let rescue = ApplyAbnormalRefund {
            refund_id: RefundId::parse(refund_id)?,
            out_refund_no,
            to: AbnormalRefundTo::UserBankCard(card),
        };
        let refund = done(self.client.send(&rescue).await)?;
        println!("abnormal refund is {} again", refund.status.as_str());
        Ok(())
    }

    async fn close_unpaid(&self) -> Result<()> {
        let number = OutTradeNo::parse("every-call-closed")?;
        done(self.client.send(&self.order(&number)?).await)?;
        let query = QueryByOutTradeNo {
            mchid: self.mchid()?,
            out_trade_no: number.clone(),
        };
        done(self.client.send(&query).await)?;
        done(
            self.client
                .send(&CloseOrder {
                    mchid: self.mchid()?,
                    out_trade_no: number.clone(),
                })
                .await,
        )?;
        let closed = done(self.client.send(&query).await)?;
        println!("closed: {}", closed.trade_state.as_str());
        Ok(())
    }

    /// An order of a mini program.
    fn order(&self, number: &OutTradeNo) -> Result<Prepay> {
        let openid = Openid::parse(&self.merchant.settings.openid)?;
        let appid = &self.merchant.settings.appid;
        self.order_of(number, appid, Product::Jsapi { openid })
    }

    fn order_of(&self, number: &OutTradeNo, appid: &str, product: Product) -> Result<Prepay> {
        Ok(Prepay {
            appid: Appid::parse(appid)?,
            mchid: self.mchid()?,
            description: Description::parse("拿铁 Latte")?,
            out_trade_no: number.clone(),
            time_expire: None,
            attach: Some(Attach::parse("table=7")?),
            // Nobody listens there: WeChat tries, and its notification is in the log all the same.
            notify_url: NotifyUrl::parse_for_simulator("http://127.0.0.1:9/notify")?,
            total: TOTAL,
            product,
        })
    }

    fn mchid(&self) -> Result<Mchid> {
        Ok(Mchid::parse(&self.merchant.settings.mchid)?)
    }

    /// One order of each product but those of the mini program, paid; browsers of every kind.
    async fn sell_every_way(&self) -> Result<()> {
        let settings = &self.merchant.settings;
        let page_keys = settings.official_account.as_ref();
        let page_keys = page_keys.ok_or("a merchant has an official account")?;
        let page = &page_keys.appid;
        let mobile = settings.mobile_app.as_ref();
        let mobile = &mobile.ok_or("a merchant has a mobile app")?.appid;
        let openid = self.page_openid(page_keys).await?;
        let site = H5App {
            name: Some(AppName::parse("茶馆")?),
            ..H5App::default()
        };
        let on_ios = H5App {
            bundle_id: Some(AppPackage::parse("com.example.tea")?),
            ..site.clone()
        };
        let on_android = H5App {
            package_name: Some(AppPackage::parse("com.example.tea")?),
            ..H5App::default()
        };
        let browser = |kind, app| {
            Product::H5(H5Scene {
                payer_client_ip: [203, 0, 113, 9].into(),
                kind,
                app,
            })
        };
        let orders = [
            ("page", page, Product::Jsapi { openid }),
            ("native", page, Product::Native),
            ("app", mobile, Product::App),
            ("wap", page, browser(H5Kind::Wap, site)),
            ("ios", mobile, browser(H5Kind::Ios, on_ios)),
            ("android", mobile, browser(H5Kind::Android, on_android)),
        ];
        for (what, appid, product) in orders {
            let number = OutTradeNo::parse(&format!("every-call-{what}"))?;
            let order = self.order_of(&number, appid, product)?;
            let handle = done(self.client.send(&order).await)?;
            self.pay(appid, &handle).await?;
            self.query(&number, what).await?;
        }
        Ok(())
    }

    /// The buyer comes to a page of the official account, which sends them to WeChat and back, and exchanges the code they bring.
    async fn page_openid(&self, page: &AppKeys) -> Result<Openid> {
        let AppKeys { appid, app_secret } = page;
        let visit = format!(
            "/connect/oauth2/authorize?appid={appid}&redirect_uri=https%3A%2F%2Fshop.example.com&response_type=code&scope=snsapi_base"
        );
        let sent_back = self.browse(visit).await?;
        let location = sent_back.headers.iter().find_map(|(name, value)| {
            name.eq_ignore_ascii_case("location")
                .then(|| value.split_once("?code="))?
        });
        let (_, code) = location.ok_or("the browser is sent back with a code")?;
        let code = code.split('&').next().unwrap_or_default();
        let exchange = format!(
            "/sns/oauth2/access_token?appid={appid}&secret={app_secret}&code={code}&grant_type=authorization_code"
        );
        let user: serde_json::Value = serde_json::from_slice(&self.browse(exchange).await?.body)?;
        let openid = user["openid"].as_str().ok_or("a user has an openid")?;
        Ok(Openid::parse(openid)?)
    }

    async fn browse(&self, target: String) -> Result<RawResponse> {
        let request = SignedRequest {
            method: Method::Get,
            target,
            headers: Vec::new(),
            body: Vec::new(),
        };
        Ok(self.control.0.send(&request).await?)
    }

    async fn query(&self, number: &OutTradeNo, what: &str) -> Result<()> {
        let query = QueryByOutTradeNo {
            mchid: self.mchid()?,
            out_trade_no: number.clone(),
        };
        let order = done(self.client.send(&query).await)?;
        println!("{what} is {}", order.trade_state.as_str());
        Ok(())
    }

    /// The buyer: opens the cashier the way the handle asks for, and puts a thumb on "pay".
    async fn pay(&self, appid: &str, handle: &Handle) -> Result<()> {
        let settings = &self.merchant.settings;
        let is_mobile = |app: &AppKeys| app.appid == appid;
        let cashier = match handle {
            Handle::PrepayId(id) if settings.mobile_app.as_ref().is_some_and(is_mobile) => {
                let signed = self.client.app_payment(appid, id.as_str());
                let open = serde_json::to_value(signed)?;
                self.control.post("cashier/app", open).await?
            }
            Handle::PrepayId(id) => {
                let signed = self.client.bridge_payment(appid, id.as_str());
                let open = serde_json::to_value(signed)?;
                self.control.post("cashier/open", open).await?
            }
            Handle::CodeUrl(url) => self.follow(url.as_str()).await?,
            Handle::H5Url(url) => self.follow(url.as_str()).await?,
        };
        let prepay_id = cashier["prepay_id"].as_str();
        self.control
            .pay(prepay_id.ok_or("a cashier has a prepay_id")?)
            .await
    }

    async fn follow(&self, url: &str) -> Result<serde_json::Value> {
        let follow = json!({ "url": url });
        self.control.post("cashier/follow", follow).await
    }

    /// One code that pays, and one whose owner hesitates; both are taken back.
    async fn charge_codes(&self) -> Result<()> {
        let number = OutTradeNo::parse("every-call-till")?;
        done(self.client.send(&self.charge(&number, "pays").await?).await)?;
        self.query(&number, "till").await?;
        done(self.client.send(&self.reversal(&number)?).await)?;
        self.query(&number, "till").await?;

        let number = OutTradeNo::parse("every-call-slow")?;
        let charge = self.charge(&number, "hesitates").await?;
        undecided(self.client.send(&charge).await, "a payer who hesitates")?;
        self.query(&number, "slow").await?;
        let reversal = self.reversal(&number)?;
        undecided(self.client.send(&reversal).await, "a reversal at once")?;
        self.control
            .post("clock", json!({ "advance_ms": 20_000 }))
            .await?;
        done(self.client.send(&reversal).await)?;
        self.query(&number, "slow").await
    }

    async fn charge(&self, number: &OutTradeNo, story: &str) -> Result<CodePay> {
        let shown = json!({ "story": story });
        let shown = self.control.post("payment-codes", shown).await?;
        let code = shown["auth_code"].as_str().ok_or("a phone shows a code")?;
        Ok(CodePay {
            appid: Appid::parse(&self.merchant.settings.appid)?,
            mchid: self.mchid()?,
            description: Description::parse("拿铁 Latte")?,
            out_trade_no: number.clone(),
            attach: Some(Attach::parse("till=2")?),
            total: TOTAL,
            auth_code: AuthCode::parse(code)?,
            store: Store::Own(StoreId::parse("tea-house-7")?),
            device_id: Some(DeviceId::parse("till-2")?),
            device_ip: Some([192, 0, 2, 8].into()),
        })
    }

    fn reversal(&self, number: &OutTradeNo) -> Result<ReverseOrder> {
        Ok(ReverseOrder {
            appid: Appid::parse(&self.merchant.settings.appid)?,
            mchid: self.mchid()?,
            out_trade_no: number.clone(),
        })
    }
}

/// A call whose outcome must be open: it is neither done nor refused.
fn undecided<T>(outcome: Outcome<T>, what: &str) -> Result<()> {
    match outcome {
        Outcome::Unknown(unknown) => {
            println!("{what}: {unknown}");
            Ok(())
        }
        Outcome::Done(_) => Err(format!("{what} was taken as done").into()),
        Outcome::Rejected(error) => Err(format!("{what} was taken as refused: {error}").into()),
    }
}

fn client(merchant: &MerchantFiles, transport: Arc<HttpTransport>) -> Result<Client> {
    let settings = &merchant.settings;
    let keys = KeyRing::new();
    let public_key = PublicKey::from_pem(&merchant.credentials.public_key_pem()?)?;
    keys.insert_public_key(&settings.public_key_id, public_key);
    let account = Account {
        mchid: Mchid::parse(&settings.mchid)?,
        signer: Arc::new(RsaSigner::new(
            settings.serial_no.clone(),
            merchant.credentials.merchant_key()?,
        )),
        keys: Arc::new(keys),
        api_v3_key: Some(ApiV3Key::new(&settings.apiv3_key)?),
        request_serial: Some(settings.public_key_id.clone()),
    };
    Ok(Client::new(
        account,
        transport,
        Arc::new(unix_now),
        Arc::new(random_nonce),
    ))
}
