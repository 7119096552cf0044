use wechatpay::v2::notification::{ACCEPTED, Merchant as Receiver, Notification, open, refused};
use wechatpay::v2::pay::Order as Told;

use super::*;

pub(super) fn opened(sign_type: SignType, dispatch: &Dispatch) -> Option<Notification> {
    let key = key();
    let merchant = Receiver {
        mch_id: MCHID,
        sign_type,
        key: &key,
    };
    open(merchant, &dispatch.body).ok()
}

pub(super) fn answer(v2: &mut V2, dispatch: &Dispatch, status: u16, body: &str) {
    v2.shop.step(Input::NotificationAnswered {
        delivery: dispatch.delivery,
        attempt: dispatch.attempt,
        status: Some(status),
        body: body.as_bytes().to_vec(),
    });
}

fn state(v2: &V2, dispatch: &Dispatch) -> DeliveryState {
    let mut all = v2.shop.wechat.deliveries();
    all.find(|found| found.delivery == dispatch.delivery)
        .unwrap()
        .state
}

#[test]
fn a_payment_is_told_in_the_orders_protocol_and_sign_type() {
    for sign_type in BOTH {
        let mut v2 = V2::new(sign_type);
        let id = v2.paid("ORDER-000001");
        let dispatch = v2.shop.sent[0].clone();
        assert_eq!(dispatch.url, NOTIFY_URL);
        let Some(Notification::Payment(verified)) = opened(sign_type, &dispatch) else {
            panic!("not opened")
        };
        let told = Told::from_notification(&verified).unwrap();
        assert_eq!(told.out_trade_no, "ORDER-000001");
        assert_eq!(told.transaction_id.unwrap().as_str(), id);
        assert_eq!(told.total_fee, Some(fen(1990)));
        assert_eq!(told.time_end_ms, Some(NOON));
        assert_eq!(told.attach.as_deref(), Some("shop=7"));
        let [md5, hmac] = BOTH;
        let other = if sign_type == md5 { hmac } else { md5 };
        assert!(opened(other, &dispatch).is_none());
        answer(&mut v2, &dispatch, 200, ACCEPTED);
        assert_eq!(state(&v2, &dispatch), DeliveryState::Delivered);
    }
}

#[test]
fn the_notification_speaks_the_protocol_of_the_order_not_of_the_merchant() {
    let mut v2 = V2::new(SignType::Md5);
    v2.shop.paid("ORDER-V3-001");
    let dispatch = v2.shop.sent[0].clone();
    assert!(v2.shop.open(&dispatch).is_some());
    assert!(opened(SignType::Md5, &dispatch).is_none());
}

#[test]
fn only_the_accepting_document_ends_the_ladder() {
    let mut v2 = V2::new(SignType::Md5);
    v2.paid("ORDER-000001");
    let spaced = ACCEPTED.replace("><return", ">\n<return");
    let nearly = format!("{ACCEPTED}\n");
    let no = refused("busy");
    let answers = [
        (200, "success", false),
        (200, "", false),
        (204, "", true),
        (200, no.as_str(), false),
        (500, ACCEPTED, false),
        (200, nearly.as_str(), false),
        (200, spaced.as_str(), false),
    ];
    for (index, (status, body, _)) in answers.into_iter().enumerate() {
        let last = v2.shop.sent.last().unwrap().clone();
        answer(&mut v2, &last, status, body);
        assert_eq!(state(&v2, &last), DeliveryState::Waiting, "{status} {body}");
        v2.shop.pass(RETRY_LADDER_MS[index]);
        assert_eq!(v2.shop.sent.len(), index + 2);
        assert!(opened(SignType::Md5, v2.shop.sent.last().unwrap()).is_some());
    }
    assert_eq!(
        v2.shop.wechat.findings().len(),
        5,
        "a plain FAIL and a 500 are no mistakes"
    );
    v2.shop
        .control(Command::SetAssumptions(Box::new(Assumptions {
            v2_exact_answers: false,
            ..Assumptions::default()
        })));
    let last = v2.shop.sent.last().unwrap().clone();
    answer(&mut v2, &last, 200, &spaced);
    assert_eq!(state(&v2, &last), DeliveryState::Delivered);
}

#[test]
fn silence_runs_the_whole_ladder() {
    let mut v2 = V2::new(SignType::HmacSha256);
    v2.paid("ORDER-000001");
    v2.shop.pass(3 * 86_400_000);
    assert_eq!(v2.shop.sent.len(), 16);
    assert!(
        v2.shop
            .sent
            .iter()
            .all(|dispatch| opened(SignType::HmacSha256, dispatch).is_some())
    );
}

#[test]
fn a_refund_is_told_encrypted_and_unsigned() {
    let mut v2 = V2::new(SignType::Md5);
    v2.paid("ORDER-000001");
    let url = "https://pay.example.com/wx/refund";
    let refund = v2
        .refund("ORDER-000001", "R-1", 990)
        .with("notify_url", url);
    v2.call("/secapi/pay/refund", refund);
    v2.shop.pass(3_000);
    let dispatch = v2.shop.sent.last().unwrap().clone();
    assert_eq!(dispatch.url, url);
    let envelope = Fields::parse(&dispatch.body).unwrap();
    for absent in ["sign", "result_code"] {
        assert_eq!(envelope.get(absent), None);
    }
    assert_eq!(envelope.get("appid"), Some(APPID));
    let Some(Notification::RefundHint(hint)) = opened(SignType::Md5, &dispatch) else {
        panic!("not opened")
    };
    for (name, value) in [
        ("out_trade_no", "ORDER-000001"),
        ("out_refund_no", "R-1"),
        ("refund_fee", "990"),
        ("total_fee", "1990"),
        ("settlement_refund_fee", "990"),
        ("refund_status", "SUCCESS"),
        ("success_time", "2026-01-05 12:00:03"),
        ("refund_recv_accout", "支付用户零钱"),
        ("refund_request_source", "API"),
    ] {
        assert_eq!(hint.get(name), Some(value), "{name}");
    }
    answer(&mut v2, &dispatch, 200, ACCEPTED);
    assert_eq!(state(&v2, &dispatch), DeliveryState::Delivered);
}

#[test]
fn each_end_of_a_refund_has_its_name_and_hands_are_named_too() {
    for (end, name) in [
        (RefundEnd::Closed, "REFUNDCLOSE"),
        (RefundEnd::Abnormal, "CHANGE"),
    ] {
        let mut v2 = V2::new(SignType::Md5);
        v2.paid("ORDER-000001");
        let command = Command::SetRefundNotifyUrl {
            mchid: MCHID.to_owned(),
            url: Some(NOTIFY_URL.to_owned()),
        };
        v2.shop.control(command);
        let order = (MCHID.to_owned(), "ORDER-000001".to_owned());
        v2.shop.control(Command::ConsoleRefund {
            order,
            amount: fen(5),
            out_refund_no: Some("HAND-1".to_owned()),
        });
        v2.shop.control(Command::FinishRefund {
            refund: (MCHID.to_owned(), "HAND-1".to_owned()),
            end: Some(end),
        });
        let dispatch = v2.shop.sent.last().unwrap().clone();
        let Some(Notification::RefundHint(hint)) = opened(SignType::Md5, &dispatch) else {
            panic!("not opened")
        };
        assert_eq!(hint.get("refund_status"), Some(name));
        assert_eq!(hint.get("success_time"), None);
        assert_eq!(hint.get("refund_request_source"), Some("VENDOR_PLATFORM"));
    }
}

#[test]
fn whoever_accepts_a_forgery_is_found_out() {
    for flaw in [
        Flaw::WrongSignature,
        Flaw::Unsigned,
        Flaw::OtherSignType,
        Flaw::Tampered,
        Flaw::Doctype,
        Flaw::Truncated,
        Flaw::Signtest,
    ] {
        let mut v2 = V2::new(SignType::HmacSha256);
        v2.prepay("ORDER-000001");
        let order = (MCHID.to_owned(), "ORDER-000001".to_owned());
        v2.shop.control(Command::Forge { order, flaw });
        let dispatch = v2.shop.sent[0].clone();
        assert!(
            opened(SignType::HmacSha256, &dispatch).is_none(),
            "{flaw:?}"
        );
        answer(&mut v2, &dispatch, 200, ACCEPTED);
        assert_eq!(v2.shop.wechat.findings().len(), 1, "{flaw:?}");
        assert_eq!(state(&v2, &dispatch), DeliveryState::GaveUp, "sent once");
    }
}

#[test]
fn wechat_can_be_wrong_in_its_own_name() {
    let mut v2 = V2::new(SignType::Md5);
    v2.prepay("ORDER-000001");
    v2.shop.control(Command::Misreport {
        order: (MCHID.to_owned(), "ORDER-000001".to_owned()),
        out_refund_no: None,
        changes: json!({ "total_fee": 1, "cash_fee": "1" }),
    });
    let Some(Notification::Payment(verified)) = opened(SignType::Md5, &v2.shop.sent[0]) else {
        panic!("not opened")
    };
    assert_eq!(verified.get("total_fee"), Some("1"));
    assert_eq!(verified.get("out_trade_no"), Some("ORDER-000001"));
    v2.paid("ORDER-000001");
    let refund = v2.refund("ORDER-000001", "R-1", 10);
    v2.call("/secapi/pay/refund", refund);
    v2.shop.control(Command::Misreport {
        order: (MCHID.to_owned(), "ORDER-000001".to_owned()),
        out_refund_no: Some("R-1".to_owned()),
        changes: json!({ "refund_fee": 1990 }),
    });
    let Some(Notification::RefundHint(hint)) = opened(SignType::Md5, v2.shop.sent.last().unwrap())
    else {
        panic!("not opened")
    };
    assert_eq!(hint.get("refund_fee"), Some("1990"));
    assert_eq!(hint.get("refund_status"), Some("SUCCESS"));
}

#[test]
fn what_only_makes_a_receiver_ask_may_be_wrong() {
    let mut v2 = V2::new(SignType::Md5);
    v2.paid("ORDER-000001");
    let refund = v2.refund("ORDER-000001", "R-1", 10);
    v2.call("/secapi/pay/refund", refund);
    for (out_refund_no, findings) in [(Some("R-1".to_owned()), 0), (None, 1)] {
        v2.shop.control(Command::Misreport {
            order: (MCHID.to_owned(), "ORDER-000001".to_owned()),
            out_refund_no,
            changes: json!({ "refund_fee": 1990, "total_fee": 1 }),
        });
        let dispatch = v2.shop.sent.last().unwrap().clone();
        answer(&mut v2, &dispatch, 200, ACCEPTED);
        assert_eq!(v2.shop.wechat.findings().len(), findings);
    }
}

#[test]
fn a_new_key_counts_at_once() {
    let mut v2 = V2::new(SignType::Md5);
    let prepay_id = v2.prepay("ORDER-000001");
    let new = ApiKey::parse(&"n".repeat(32)).unwrap();
    v2.shop.control(Command::SetApiKey {
        mchid: MCHID.to_owned(),
        key: Some(new.clone()),
    });
    let order = Fields::new().with("out_trade_no", "ORDER-000001");
    v2.unbelieved("/pay/orderquery", order);
    v2.shop.act(&prepay_id, BuyerAction::Pay).unwrap();
    let dispatch = v2.shop.sent[0].clone();
    assert!(opened(SignType::Md5, &dispatch).is_none());
    let told = Fields::parse(&dispatch.body).unwrap();
    assert!(told.is_signed(SignType::Md5, &new));
}
