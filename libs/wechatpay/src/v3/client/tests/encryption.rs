use super::*;
use crate::text::{BankType, OutRefundNo, RefundId};
use crate::v3::EncryptionError;
use crate::v3::refund::{AbnormalRefundTo, ApplyAbnormalRefund, BankCard};

#[tokio::test]
async fn encrypted_fields_name_their_key() {
    let desk = desk(vec![signed(200, "{}")]);
    let key = desk
        .client
        .account()
        .keys
        .encryption_key(PUBLIC_KEY)
        .unwrap();
    let body = serde_json::json!({"user_name": key.encrypt_oaep("张三".as_bytes()).unwrap()});
    let request = Request {
        encryption_serial: Some("PUB_KEY_ID_7".to_owned()),
        ..Request::post_json(Target::path(&["v3", "fund-app"]), &body)
    };
    assert!(desk.client.call(request).await.done().is_some());
    let headers = desk.script.asked().remove(0).headers;
    let serials: Vec<_> = headers
        .iter()
        .filter(|(name, _)| name == "Wechatpay-Serial")
        .collect();
    assert_eq!(serials.len(), 1);
    assert_eq!(serials[0].1, "PUB_KEY_ID_7");
}

#[tokio::test]
async fn an_abnormal_refund_names_the_key_of_its_fields() {
    let answer = crate::vectors::REFUND_ANSWER;
    let desk = desk(vec![signed(200, answer)]);
    let card = BankCard::encrypt(
        &desk.client.encryptor().unwrap(),
        BankType::parse("ICBC_DEBIT").unwrap(),
        "6222020200112233445",
        "张三",
    );
    let operation = ApplyAbnormalRefund {
        refund_id: RefundId::parse("50300000012026010500000000001").unwrap(),
        out_refund_no: OutRefundNo::parse("R20260105000001-1").unwrap(),
        to: AbnormalRefundTo::UserBankCard(card.unwrap()),
    };
    assert!(desk.client.send(&operation).await.done().is_some());
    let sent = desk.script.asked().remove(0);
    assert_eq!(
        crate::v3::request::header(&sent.headers, "Wechatpay-Serial"),
        Some(PUBLIC_KEY)
    );
}

#[test]
fn sensitive_fields_are_encrypted_with_the_best_key_there_is() {
    let certificate = || Certificate::from_pem(C_CERTIFICATE).unwrap();
    let serial = |desk: &Desk| desk.client.encryptor().map(|it| it.serial_no().to_owned());
    // Nothing in the ring, or only verifiers that cannot encrypt.
    let mut desk = desk_with(KeyRing::new(), vec![]);
    assert_eq!(serial(&desk), Err(EncryptionError::NoKey));
    desk.client
        .account()
        .keys
        .insert("F00D", Arc::new(a_public()));
    assert_eq!(serial(&desk), Err(EncryptionError::NoKey));
    // A certificate, as long as it is valid.
    let keys = desk.client.account().keys.clone();
    keys.insert_certificate(&certificate());
    assert_eq!(serial(&desk).as_deref(), Ok(C_SERIAL));
    desk.clock.advance(certificate().not_after() - NOW + 1);
    assert_eq!(serial(&desk), Err(EncryptionError::NoKey));
    desk.clock.advance(NOW - certificate().not_after() - 1);
    // A public key comes first, and the one that requests name comes before any other.
    keys.insert_public_key("PUB_KEY_ID_9", a_public());
    assert_eq!(serial(&desk).as_deref(), Ok("PUB_KEY_ID_9"));
    desk.client.account.request_serial = Some(C_SERIAL.to_ascii_lowercase());
    assert_eq!(serial(&desk).as_deref(), Ok(C_SERIAL));
}
