//! Every call of the Rust SDK against the simulator: order, query by both numbers, close, refund, abnormal refund,
//! certificates, and the notifications that follow. With a path as argument, everything that was said is written there, one JSON object a line.
//!
//! `cargo run -p wechat-simulator --example every_call -- messages.jsonl`

mod shared;

use std::sync::Arc;

use fen::Fen;
use serde_json::json;
use shared::{Control, Result, done, unix_now};
use wechat_simulator::{MerchantFiles, Simulator, SimulatorOptions};
use wechatpay::crypto::{ApiV3Key, PublicKey};
use wechatpay::text::{
    Appid, BankType, Description, Mchid, NotifyUrl, Openid, OutRefundNo, OutTradeNo, RefundId,
    TransactionId,
};
use wechatpay::v3::certificates::ListCertificates;
use wechatpay::v3::http::{HttpOptions, HttpTransport};
use wechatpay::v3::pay::{
    CloseOrder, Handle, Prepay, Product, QueryByOutTradeNo, QueryByTransactionId,
};
use wechatpay::v3::refund::{
    AbnormalRefundTo, ApplyAbnormalRefund, BankCard, CreateRefund, OrderNumber, QueryRefund,
};
use wechatpay::v3::{Account, Client, KeyRing, RsaSigner, random_nonce};

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
        let Handle::PrepayId(prepay_id) = done(self.client.send(&self.order(&number)?).await)?
        else {
            return Err("a JSAPI order has a prepay_id".into());
        };
        self.pay(prepay_id.as_str()).await?;
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

    fn order(&self, number: &OutTradeNo) -> Result<Prepay> {
        Ok(Prepay {
            appid: Appid::parse(&self.merchant.settings.appid)?,
            mchid: self.mchid()?,
            description: Description::parse("拿铁 Latte")?,
            out_trade_no: number.clone(),
            time_expire: None,
            attach: None,
            // Nobody listens there: WeChat tries, and its notification is in the log all the same.
            notify_url: NotifyUrl::parse_for_simulator("http://127.0.0.1:9/notify")?,
            total: TOTAL,
            product: Product::Jsapi {
                openid: Openid::parse(&self.merchant.settings.openid)?,
            },
        })
    }

    fn mchid(&self) -> Result<Mchid> {
        Ok(Mchid::parse(&self.merchant.settings.mchid)?)
    }

    /// The buyer: `wx.requestPayment`, and a thumb on "pay".
    async fn pay(&self, prepay_id: &str) -> Result<()> {
        let appid = &self.merchant.settings.appid;
        let mut open = serde_json::to_value(self.client.request_payment(appid, prepay_id))?;
        open["appid"] = json!(appid);
        self.control.post("cashier/open", open).await?;
        self.control.pay(prepay_id).await
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
