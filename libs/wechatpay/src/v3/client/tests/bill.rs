use std::io::Write as _;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::bill::{Absence, BillDate, BillType, FundAccount};
use crate::v3::ApiError;
use crate::v3::bill::{ApplyFundFlowBill, ApplyTradeBill, BillTicket};

const FILE: &str = "\u{feff}交易时间\r\n`2026-01-05 12:03:04\r\n";

fn apply(gzip: bool) -> ApplyTradeBill {
    ApplyTradeBill {
        date: BillDate::new(2026, 1, 5).unwrap(),
        bill_type: BillType::All,
        gzip,
    }
}

fn ticket(path: &str, text: &str) -> BillTicket {
    BillTicket {
        hash_type: "SHA1".to_owned(),
        hash_value: hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes())),
        download_url: format!("https://api.mch.weixin.qq.com{path}"),
    }
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn file(body: Vec<u8>) -> Scripted {
    Ok(RawResponse {
        status: 200,
        headers: vec![],
        body,
    })
}

#[tokio::test]
async fn a_bill_is_asked_for_and_fetched_from_exactly_the_address_given() {
    let path = "/v3/billdownload/file?token=a-b_c%2F1&tartype=gzip";
    let told = serde_json::to_string(&ticket(path, FILE)).unwrap();
    let desk = desk(vec![signed(200, &told), file(packed(FILE.as_bytes()))]);
    let ticket = desk.client.send(&apply(true)).await.done().unwrap();
    let text = desk.client.download_bill(&ticket).await.done().unwrap();
    assert_eq!(text, FILE.as_bytes());
    let asked = desk.script.asked();
    assert_eq!(
        asked[0].target,
        "/v3/bill/tradebill?bill_date=2026-01-05&bill_type=ALL&tar_type=GZIP"
    );
    assert_eq!(asked[1].target, path);
    assert!(
        asked[1]
            .headers
            .contains(&("Accept".to_owned(), "*/*".to_owned()))
    );
    let flow = ApplyFundFlowBill {
        date: apply(false).date,
        account: FundAccount::Fees,
        gzip: false,
    };
    assert_eq!(
        flow.request().target.as_str(),
        "/v3/bill/fundflowbill?bill_date=2026-01-05&account_type=FEES"
    );
}

#[tokio::test]
async fn a_ticket_without_a_signature_is_not_believed() {
    let told = serde_json::to_string(&ticket("/v3/billdownload/file?token=1", FILE)).unwrap();
    let desk = desk(vec![unsigned(200, &told)]);
    let why = reason(desk.client.send(&apply(true)).await);
    assert!(matches!(why, UnknownReason::Unverified(_)), "{why:?}");
}

#[tokio::test]
async fn not_ready_and_none_are_told_apart() {
    let cases = [
        (400, "STATEMENT_CREATING", Some(Absence::NotReady)),
        (400, "NO_STATEMENT_EXIST", Some(Absence::NoBill)),
        (404, "NO_STATEMENT_EXIST", Some(Absence::NoBill)),
        (400, "INVALID_REQUEST", None),
    ];
    for (status, code, absence) in cases {
        let body = format!(r#"{{"code":"{code}","message":"x"}}"#);
        let desk = desk(vec![signed(status, &body)]);
        let Outcome::Rejected(error) = desk.client.send(&apply(false)).await else {
            panic!("{code} is not a rejection");
        };
        assert_eq!(Absence::of(&error), absence, "{code}");
    }
    let v2 = |code: &str, message: &str| ApiError {
        status: 200,
        code: code.to_owned(),
        message: message.to_owned(),
        detail: None,
        request_id: None,
        signature: ErrorSignature::Absent,
    };
    assert_eq!(
        Absence::of(&v2("20002", "NO Bill Exist")),
        Some(Absence::NoBill)
    );
    assert_eq!(
        Absence::of(&v2("", "Bill Creating")),
        Some(Absence::NotReady)
    );
    assert_eq!(Absence::of(&v2("20001", "SIGN ERROR")), None);
}

#[tokio::test]
async fn another_file_than_announced_is_not_used() {
    let path = "/v3/billdownload/file?token=1";
    let right = ticket(path, FILE);
    let unknown_hash = BillTicket {
        hash_type: "MD5".to_owned(),
        ..right.clone()
    };
    let no_path = BillTicket {
        download_url: "file:///etc/passwd".to_owned(),
        ..right.clone()
    };
    let mut cut = packed(FILE.as_bytes());
    cut.truncate(cut.len() - 9);
    let cases = [
        (&right, Some(file(FILE.replace('5', "6").into_bytes()))),
        (&right, Some(file(cut))),
        (&right, Some(file(Vec::new()))),
        (&unknown_hash, None),
        (&no_path, None),
    ];
    for (ticket, answer) in cases {
        let desk = desk(answer.into_iter().collect());
        let why = reason(desk.client.download_bill(ticket).await);
        assert!(matches!(why, UnknownReason::Unparsable(_)), "{why:?}");
    }
    // An address that is not good any more is a plain refusal.
    let body = r#"{"code":"INVALID_REQUEST","message":"x"}"#;
    let desk = desk(vec![unsigned(400, body)]);
    assert!(matches!(
        desk.client.download_bill(&right).await,
        Outcome::Rejected(_)
    ));
}
