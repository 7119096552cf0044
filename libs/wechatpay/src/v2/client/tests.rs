//! The client against a WeChat that answers what the test says, signed with the same key.

use std::sync::Mutex;

use super::*;
use crate::BoxFuture;
use crate::text::*;
use crate::v2::answer::Verified;
use crate::v2::code::{AuthCodeToOpenid, Micropay, Reverse, Reversed};
use crate::v2::pay::{Body, Product, QueryOrder, UnifiedOrder};
use crate::v2::refund::{CreateRefund, QueryRefund};
use crate::v3::pay::{Handle, TradeState};
use crate::v3::refund::RefundStatus;
use crate::v3::{ParseError, TransportError};
use crate::wire::Wire;
use fen::Fen;

pub(crate) const MCH_ID: &str = "1900000109";
pub(crate) const APPID: &str = "wx1234567890abcdef";

pub(crate) fn key() -> ApiKey {
    ApiKey::parse("0123456789abcdef0123456789ABCDEF").unwrap()
}

/// Checks the request as WeChat does, and answers with these fields, signed.
struct Desk {
    answer: Vec<(&'static str, String)>,
    sign_type: SignType,
    seen: Mutex<Vec<(String, Fields)>>,
}

impl Transport for Desk {
    fn send<'a>(
        &'a self,
        request: &'a SignedRequest,
    ) -> BoxFuture<'a, Result<RawResponse, TransportError>> {
        Box::pin(async move {
            let asked = Fields::parse(&request.body).unwrap();
            assert!(asked.is_signed(self.sign_type, &key()), "{asked:?}");
            assert_eq!(asked.get("mch_id"), Some(MCH_ID));
            assert!(asked.get("nonce_str").is_some());
            self.seen
                .lock()
                .unwrap()
                .push((request.target.clone(), asked));
            let head = Fields::new()
                .with("return_code", "SUCCESS")
                .with("result_code", "SUCCESS")
                .with("appid", APPID)
                .with("mch_id", MCH_ID)
                .with("nonce_str", "n");
            let answer = self.answer.iter().fold(head, |fields, (name, value)| {
                fields.with(name, value.as_str())
            });
            Ok(RawResponse {
                status: 200,
                headers: vec![],
                body: answer.signed(self.sign_type, &key()).to_xml().into_bytes(),
            })
        })
    }
}

struct World {
    client: Client,
    open: Arc<Desk>,
    certified: Arc<Desk>,
}

fn world(sign_type: SignType, answer: &[(&'static str, &str)]) -> World {
    let desk = || {
        Arc::new(Desk {
            answer: answer
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
            sign_type,
            seen: Mutex::default(),
        })
    };
    let (open, certified) = (desk(), desk());
    let account = Account {
        mchid: Mchid::parse(MCH_ID).unwrap(),
        key: key(),
        sign_type,
    };
    let client = Client::new(
        account,
        open.clone(),
        Some(certified.clone()),
        Arc::new(|| "Zt8bqW3kLx0Vn5Yc".to_owned()),
    );
    World {
        client,
        open,
        certified,
    }
}

fn appid() -> Appid {
    Appid::parse(APPID).unwrap()
}

fn number() -> OutTradeNo {
    OutTradeNo::parse("SIM-20240102_0001").unwrap()
}

fn order(product: Product) -> UnifiedOrder {
    UnifiedOrder {
        appid: appid(),
        product,
        body: Body::parse("测试商店-茶 & <杯>").unwrap(),
        attach: None,
        out_trade_no: number(),
        total_fee: Fen::new(101),
        spbill_create_ip: "127.0.0.1".parse().unwrap(),
        time_expire_ms: Some(1_528_425_296_000),
        notify_url: NotifyUrl::parse("https://pay.example.com/wx/v2/notify").unwrap(),
    }
}

#[tokio::test]
async fn every_product_is_placed_with_what_belongs_to_it() {
    let openid = Openid::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap();
    for (product, trade_type, extra) in [
        (Product::Jsapi { openid }, "JSAPI", "openid"),
        (
            Product::Native {
                product_id: "7".into(),
            },
            "NATIVE",
            "product_id",
        ),
        (Product::App, "APP", "body"),
        (
            Product::H5 {
                wap_url: "https://shop.example.com".into(),
                wap_name: "shop".into(),
            },
            "MWEB",
            "scene_info",
        ),
    ] {
        for sign_type in [SignType::Md5, SignType::HmacSha256] {
            let world = world(
                sign_type,
                &[
                    ("trade_type", trade_type),
                    ("prepay_id", "wx0212"),
                    ("code_url", "weixin://wxpay/bizpayurl?pr=1"),
                    ("mweb_url", "https://wx.tenpay.com/x"),
                ],
            );
            let placed = world
                .client
                .send(&order(product.clone()))
                .await
                .done()
                .unwrap();
            assert_eq!(placed.prepay_id.as_str(), "wx0212");
            let handle = match placed.into_handle() {
                Handle::PrepayId(prepay_id) => prepay_id.to_string(),
                Handle::CodeUrl(code_url) => code_url.to_string(),
                Handle::H5Url(h5_url) => h5_url.to_string(),
            };
            let expected = match trade_type {
                "NATIVE" => "weixin://wxpay/bizpayurl?pr=1",
                "MWEB" => "https://wx.tenpay.com/x",
                _ => "wx0212",
            };
            assert_eq!(handle, expected);
            let seen = world.open.seen.lock().unwrap();
            let (target, fields) = &seen[0];
            assert_eq!(target, "/pay/unifiedorder");
            assert!(fields.get(extra).is_some());
            assert_eq!(fields.get("time_expire"), Some("20180608103456"));
        }
    }
}

#[tokio::test]
async fn an_answer_about_something_else_proves_nothing() {
    let other_product = world(
        SignType::Md5,
        &[("trade_type", "APP"), ("prepay_id", "wx1")],
    );
    let asked = order(Product::Native {
        product_id: "7".into(),
    });
    assert!(matches!(
        other_product.client.send(&asked).await,
        Outcome::Unknown(_)
    ));
    let query = QueryOrder {
        appid: appid(),
        out_trade_no: number(),
    };
    let other_order = world(
        SignType::Md5,
        &[
            ("out_trade_no", "SIM-20240102_0002"),
            ("trade_state", "SUCCESS"),
        ],
    );
    assert!(matches!(
        other_order.client.send(&query).await,
        Outcome::Unknown(_)
    ));
}

fn micropay(store: Option<StoreId>) -> Micropay {
    Micropay {
        appid: appid(),
        body: Body::parse("tea").unwrap(),
        attach: None,
        out_trade_no: number(),
        total_fee: Fen::new(101),
        spbill_create_ip: "192.0.2.9".parse().unwrap(),
        store,
        auth_code: AuthCode::parse("134567890123456789").unwrap(),
    }
}

const CHARGED: [(&str, &str); 5] = [
    ("trade_type", "MICROPAY"),
    ("out_trade_no", "SIM-20240102_0001"),
    ("transaction_id", "4200000015202401020000000001"),
    ("total_fee", "101"),
    ("cash_fee", "101"),
];

#[tokio::test]
async fn a_charge_is_money_only_in_the_documented_form() {
    let store = StoreId::parse("shop \"7\"").unwrap();
    let paid = world(SignType::HmacSha256, &CHARGED);
    let order = paid.client.send(&micropay(Some(store))).await;
    let order = order.done().unwrap();
    assert_eq!(order.trade_state, Wire::Known(TradeState::Success));
    let (target, fields) = paid.open.seen.lock().unwrap().remove(0);
    assert_eq!(target, "/pay/micropay");
    assert_eq!(fields.get("auth_code"), Some("134567890123456789"));
    let scene: serde_json::Value = serde_json::from_str(fields.get("scene_info").unwrap()).unwrap();
    assert_eq!(
        scene,
        serde_json::json!({"store_info": {"id": "shop \"7\""}})
    );
    assert!(fields.get("notify_url").is_none());

    for (name, value) in [
        ("trade_type", "JSAPI"),
        ("trade_type", ""),
        ("out_trade_no", "SIM-20240102_0002"),
        ("transaction_id", ""),
        ("total_fee", ""),
        ("total_fee", "1.01"),
    ] {
        let changed = CHARGED.map(|(is, old)| (is, if is == name { value } else { old }));
        let world = world(SignType::Md5, &changed);
        let outcome = world.client.send(&micropay(None)).await;
        assert!(matches!(outcome, Outcome::Unknown(_)), "{name}={value}");
    }
}

#[tokio::test]
async fn undecided_is_neither_success_nor_refusal() {
    let fail = |code, recall| {
        [
            ("result_code", "FAIL"),
            ("err_code", code),
            ("recall", recall),
        ]
    };
    let typing = world(SignType::Md5, &fail("USERPAYING", ""));
    for code in ["USERPAYING", "SYSTEMERROR", "BANKERROR", "NEW_CODE"] {
        let world = world(SignType::Md5, &fail(code, ""));
        let Outcome::Unknown(unknown) = world.client.send(&micropay(None)).await else {
            panic!("{code} decides");
        };
        assert_eq!(unknown.error.unwrap().code, code);
    }
    let Outcome::Unknown(unknown) = typing.client.send(&micropay(None)).await else {
        panic!("decided");
    };
    let undecided = UnknownReason::Unparsable("not decided yet: USERPAYING".to_owned());
    assert_eq!(unknown.reason, undecided);
    let reverse = Reverse {
        appid: appid(),
        out_trade_no: number(),
    };
    for (code, recall, refused) in [
        ("USERPAYING", "N", false),
        ("TRADE_ERROR", "Y", false),
        ("REVERSE_EXPIRE", "Y", false),
        ("REVERSE_EXPIRE", "N", true),
        ("REVERSE_EXPIRE", "", true),
    ] {
        let world = world(SignType::Md5, &fail(code, recall));
        let outcome = world.client.send(&reverse).await;
        let is_refused = matches!(outcome, Outcome::Rejected(_));
        assert!(outcome.done().is_none());
        assert_eq!(is_refused, refused, "{code} {recall}");
    }
}

#[test]
fn a_page_inside_wechat_gets_the_app_and_the_same_five() {
    let world = world(SignType::HmacSha256, &[]);
    let bridge = world.client.bridge_payment(APPID, "wx1", 1_704_168_000);
    let json = serde_json::to_value(&bridge).unwrap();
    assert_eq!(json["appId"], APPID);
    assert_eq!(json["signType"], "HMAC-SHA256");
    assert_eq!(json.as_object().unwrap().len(), 6);
}

#[tokio::test]
async fn an_unpaid_order_has_hardly_any_fields() {
    let query = QueryOrder {
        appid: appid(),
        out_trade_no: number(),
    };
    let unpaid = world(
        SignType::HmacSha256,
        &[
            ("out_trade_no", "SIM-20240102_0001"),
            ("trade_state", "NOTPAY"),
        ],
    );
    let order = unpaid.client.send(&query).await.done().unwrap();
    assert_eq!(order.trade_state.as_str(), "NOTPAY");
    assert_eq!((order.total_fee, order.transaction_id), (None, None));
    let paid = world(
        SignType::HmacSha256,
        &[
            ("out_trade_no", "SIM-20240102_0001"),
            ("trade_state", "SUCCESS"),
            ("transaction_id", "4200000015202401020000000001"),
            ("total_fee", "101"),
            ("cash_fee", "91"),
            ("coupon_fee_0", "10"),
            ("time_end", "20240102120005"),
        ],
    );
    let order = paid.client.send(&query).await.done().unwrap();
    assert_eq!(order.total_fee, Some(Fen::new(101)));
    assert_eq!(order.time_end_ms, Some(1_704_168_005_000));
    for (name, value) in [("total_fee", "1.01"), ("time_end", "yesterday")] {
        let broken = world(
            SignType::Md5,
            &[
                ("out_trade_no", "SIM-20240102_0001"),
                ("trade_state", "SUCCESS"),
                (name, value),
            ],
        );
        assert!(
            matches!(broken.client.send(&query).await, Outcome::Unknown(_)),
            "{name}"
        );
    }
}

#[tokio::test]
async fn refunds_and_reversals_go_over_the_certified_way() {
    let refund = CreateRefund {
        appid: appid(),
        out_trade_no: number(),
        out_refund_no: OutRefundNo::parse("R1").unwrap(),
        total_fee: Fen::new(101),
        refund_fee: Fen::new(1),
        refund_desc: None,
        notify_url: None,
    };
    let accepted = [
        ("out_trade_no", "SIM-20240102_0001"),
        ("out_refund_no", "R1"),
        ("transaction_id", "4200000015202401020000000001"),
        ("refund_id", "50000404922017112502468056157"),
        ("refund_fee", "1"),
        ("total_fee", "101"),
    ];
    let world = world(SignType::Md5, &accepted);
    assert!(world.client.send(&refund).await.done().is_some());
    assert_eq!(world.open.seen.lock().unwrap().len(), 0);
    assert_eq!(
        world.certified.seen.lock().unwrap()[0].0,
        "/secapi/pay/refund"
    );
    let without = Client::new(
        world.client.account().clone(),
        world.open.clone(),
        None,
        Arc::new(|| "n".to_owned()),
    );
    let Outcome::Unknown(unknown) = without.send(&refund).await else {
        panic!("sent without certificate")
    };
    assert!(matches!(unknown.reason, UnknownReason::NotSent(_)));
    let reverse = Reverse {
        appid: appid(),
        out_trade_no: number(),
    };
    for (recall, expected) in [
        ("N", Some(Reversed::Finished)),
        ("Y", Some(Reversed::CallAgain)),
        ("?", None),
    ] {
        let world = super::tests::world(SignType::Md5, &[("recall", recall)]);
        assert_eq!(world.client.send(&reverse).await.done(), expected);
    }
}

#[tokio::test]
async fn a_refund_is_found_among_its_neighbours() {
    let query = |number: &str| QueryRefund {
        appid: appid(),
        out_refund_no: OutRefundNo::parse(number).unwrap(),
    };
    let world = world(
        SignType::HmacSha256,
        &[
            ("out_trade_no", "SIM-20240102_0001"),
            ("transaction_id", "4200000015202401020000000001"),
            ("total_fee", "101"),
            ("refund_count", "2"),
            ("out_refund_no_0", "R1"),
            ("refund_id_0", "50-1"),
            ("refund_fee_0", "1"),
            ("refund_status_0", "CHANGE"),
            ("coupon_refund_fee_0", "3"),
            ("coupon_refund_fee_0_0", "3"),
            ("out_refund_no_1", "R2"),
            ("refund_id_1", "50-2"),
            ("refund_fee_1", "2"),
            ("refund_status_1", "SUCCESS"),
            ("refund_recv_accout_1", "支付用户零钱"),
            ("refund_success_time_1", "2018-06-08 10:34:56"),
        ],
    );
    let first = world.client.send(&query("R1")).await.done().unwrap();
    assert_eq!(first.status, Wire::Known(RefundStatus::Abnormal));
    let second = world.client.send(&query("R2")).await.done().unwrap();
    assert_eq!(second.refund_fee, Fen::new(2));
    assert_eq!(second.success_at_ms, Some(1_528_425_296_000));
    assert_eq!(second.received_account.as_deref(), Some("支付用户零钱"));
    assert!(matches!(
        world.client.send(&query("R3")).await,
        Outcome::Unknown(_)
    ));
}

#[tokio::test]
async fn the_owner_of_a_code_is_asked_with_md5_whatever_the_account_signs_with() {
    let mut world = world(SignType::Md5, &[("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")]);
    world.client.account.sign_type = SignType::HmacSha256;
    let ask = AuthCodeToOpenid {
        appid: appid(),
        auth_code: AuthCode::parse("134567890123456789").unwrap(),
    };
    assert!(world.client.send(&ask).await.done().is_some());
    assert!(AuthCode::parse("994567890123456789").is_err());
    assert_eq!(format!("{:?}", ask.auth_code), "AuthCode(***)");
}

/// An operation whose answer cannot be read.
struct Unreadable;

impl Operation for Unreadable {
    type Answer = ();
    const PATH: Path = Path::open("/pay/unreadable");

    fn fields(&self) -> Fields {
        Fields::new()
    }

    fn parse(&self, _: &Verified) -> Result<(), ParseError> {
        Err(ParseError::Malformed("no".into()))
    }
}

#[tokio::test]
async fn what_cannot_be_read_proves_nothing() {
    let world = world(SignType::Md5, &[]);
    assert!(matches!(
        world.client.send(&Unreadable).await,
        Outcome::Unknown(_)
    ));
}
