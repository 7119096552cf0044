//! Bills through the heart's public door, read as a merchant's program reads them.

use fen::Fen;
use serde_json::{Value, json};
use wechatpay::bill::{
    BillError, BillHash, Direction, FlowBill, LARGEST_BILL, TradeBill, TradeKind, unpack,
};
use wechatpay::v3::RawResponse;

use crate::testing::*;
use crate::*;

const DAY_MS: i64 = 86_400_000;
/// The day on which [`NOON`] is.
const TODAY: &str = "2026-01-05";
const TOMORROW: &str = "2026-01-06";

impl Shop {
    fn ask(&mut self, query: &str) -> (u16, Value) {
        self.call("GET", &format!("/v3/bill/{query}"), &Value::Null)
    }

    fn fetch(&mut self, told: &Value) -> RawResponse {
        let url = told["download_url"].as_str().unwrap();
        let target = url.strip_prefix("https://api.mch.weixin.qq.com").unwrap();
        let request = self.signed("GET", target, "");
        self.raw(request).unwrap()
    }

    /// The checked text of a trade bill.
    fn text(&mut self, date: &str) -> Vec<u8> {
        let (status, told) = self.ask(&format!("tradebill?bill_date={date}&tar_type=GZIP"));
        assert_eq!(status, 200, "{told}");
        let hash = BillHash::new("SHA1", told["hash_value"].as_str().unwrap()).unwrap();
        let file = self.fetch(&told);
        assert_eq!(
            (file.status, file.header("Wechatpay-Signature")),
            (200, None)
        );
        unpack(file.body, Some(&hash), LARGEST_BILL).unwrap()
    }

    fn bill(&mut self, date: &str) -> TradeBill {
        TradeBill::parse(&self.text(date)).unwrap()
    }

    fn orders(&mut self, date: &str) -> Vec<String> {
        let rows = self.bill(date).rows;
        rows.into_iter().map(|row| row.out_trade_no).collect()
    }

    fn code(&mut self, query: &str) -> (u16, String) {
        let (status, answer) = self.ask(query);
        (
            status,
            answer["code"].as_str().unwrap_or_default().to_owned(),
        )
    }
}

/// Two payments and a refund today, one payment tomorrow; then it is noon of the day after tomorrow.
fn busy() -> Shop {
    let mut shop = Shop::new();
    let transaction_id = shop.paid("ORDER-000001");
    shop.pass(60_000);
    shop.paid("ORDER-000002");
    shop.pass(60_000);
    let refund = json!({
        "transaction_id": transaction_id,
        "out_refund_no": "R-1",
        "amount": { "refund": 990, "total": 1990, "currency": "CNY" },
    });
    let (status, answer) = shop.call("POST", "/v3/refund/domestic/refunds", &refund);
    assert_eq!(status, 200, "{answer}");
    shop.pass(DAY_MS);
    shop.paid("ORDER-000003");
    shop.pass(DAY_MS);
    shop
}

#[test]
fn a_day_lists_what_happened_and_adds_up() {
    let mut shop = busy();
    let bill = shop.bill(TODAY);
    let [first, second, refund] = bill.rows.as_slice() else {
        panic!("{bill:?}")
    };
    assert_eq!(
        (first.out_trade_no.as_str(), first.total),
        ("ORDER-000001", Fen::new(1990))
    );
    assert_eq!((first.kind.clone(), first.at_ms), (TradeKind::Paid, NOON));
    assert_eq!(
        (second.trade_type.as_str(), second.fee.get()),
        ("JSAPI", 11_940)
    );
    let TradeKind::Refunded(part) = &refund.kind else {
        panic!("{refund:?}")
    };
    assert_eq!(
        (part.out_refund_no.as_str(), part.amount),
        ("R-1", Fen::new(990))
    );
    assert_eq!(part.status, "SUCCESS");
    assert_eq!(shop.orders(TOMORROW), ["ORDER-000003"]);
    for (kind, columns, rows) in [("ALL", 27, 3), ("SUCCESS", 20, 2), ("REFUND", 29, 1)] {
        let (_, told) = shop.ask(&format!("tradebill?bill_date={TODAY}&bill_type={kind}"));
        let text = shop.fetch(&told).body;
        assert_eq!(TradeBill::parse(&text).unwrap().rows.len(), rows, "{kind}");
        let text = String::from_utf8(text).unwrap();
        let head = text.lines().next().unwrap();
        assert_eq!(head.split(',').count(), columns, "{kind}");
    }
    let (_, told) = shop.ask(&format!(
        "fundflowbill?bill_date={TODAY}&account_type=BASIC"
    ));
    let flow = FlowBill::parse(&shop.fetch(&told).body).unwrap();
    assert_eq!(
        flow.rows
            .iter()
            .filter(|row| row.direction == Direction::In)
            .count(),
        2
    );
    assert_eq!(flow.rows[2].balance, Fen::new(1990 + 1990 - 990));
}

#[test]
fn a_bill_is_made_at_ten_of_the_next_day_and_kept_for_three_months() {
    let mut shop = Shop::new();
    shop.paid("ORDER-000001");
    let query = format!("tradebill?bill_date={TODAY}");
    assert_eq!(shop.code(&query), (400, "INVALID_REQUEST".to_owned()));
    // 09:59:59.999
    shop.pass(DAY_MS - 2 * 3_600_000 - 1);
    assert_eq!(shop.code(&query), (400, "STATEMENT_CREATING".to_owned()));
    shop.pass(1);
    assert_eq!(shop.orders(TODAY), ["ORDER-000001"]);
    let empty = "tradebill?bill_date=2026-01-04";
    assert_eq!(shop.code(empty), (400, "NO_STATEMENT_EXIST".to_owned()));
    let fees = format!("fundflowbill?bill_date={TODAY}&account_type=FEES");
    assert_eq!(shop.code(&fees), (400, "NO_STATEMENT_EXIST".to_owned()));
    shop.pass(92 * DAY_MS);
    assert_eq!(shop.code(&query), (400, "INVALID_REQUEST".to_owned()));
    for bad in [
        "tradebill?bill_date=20260105",
        "tradebill",
        "tradebill?bill_date=2026-01-05&bill_type=SOME",
        "tradebill?bill_date=2026-01-05&tar_type=ZIP",
        "fundflowbill?bill_date=2026-01-05&account_type=basic",
    ] {
        assert_eq!(shop.code(bad).0, 400, "{bad}");
    }
}

#[test]
fn an_address_is_good_for_five_minutes_and_exactly_as_given() {
    let mut shop = busy();
    let query = format!("tradebill?bill_date={TODAY}&tar_type=GZIP");
    let (_, told) = shop.ask(&query);
    let mut cut = told.clone();
    cut["download_url"] = json!(
        told["download_url"]
            .as_str()
            .unwrap()
            .trim_end_matches("&tartype=gzip")
    );
    assert_eq!(shop.fetch(&cut).status, 400);
    shop.pass(5 * 60_000 - 1);
    assert_eq!(shop.fetch(&told).status, 200);
    shop.pass(1);
    assert_eq!(shop.fetch(&told).status, 400);
    let mut unsigned = shop.signed("GET", "/v3/billdownload/file?token=1", "");
    unsigned.headers.clear();
    assert_eq!(shop.raw(unsigned).unwrap().status, 401);
}

#[test]
fn the_address_leads_back_to_where_the_caller_came() {
    let mut shop = busy();
    let mut request = shop.signed("GET", &format!("/v3/bill/tradebill?bill_date={TODAY}"), "");
    request
        .headers
        .push(("host".to_owned(), "127.0.0.1:8791".to_owned()));
    let answer: Value = serde_json::from_slice(&shop.raw(request).unwrap().body).unwrap();
    let url = answer["download_url"].as_str().unwrap();
    assert!(
        url.starts_with("http://127.0.0.1:8791/v3/billdownload/file?token="),
        "{url}"
    );
}

#[test]
fn faults_of_the_whole_file_are_played_once() {
    let mut shop = busy();
    let query = format!("tradebill?bill_date={TODAY}");
    shop.fault(Fault::new(FaultKind::BillNotReady));
    assert_eq!(shop.code(&query).1, "STATEMENT_CREATING");
    shop.fault(Fault::new(FaultKind::BillNone));
    assert_eq!(shop.code(&query).1, "NO_STATEMENT_EXIST");
    shop.fault(Fault::new(FaultKind::BillWrongDigest));
    let (_, told) = shop.ask(&query);
    let hash = BillHash::new("SHA1", told["hash_value"].as_str().unwrap()).unwrap();
    let damaged = shop.fetch(&told).body;
    assert!(unpack(damaged.clone(), Some(&hash), LARGEST_BILL).is_err());
    assert!(matches!(
        TradeBill::parse(&damaged),
        Err(BillError::Sum { .. })
    ));
    let right = shop.bill(TODAY);
    for fault in [FaultKind::BillLegacyColumns, FaultKind::BillExtraColumn] {
        shop.fault(Fault::new(fault));
        let other = shop.bill(TODAY);
        let amounts = |bill: &TradeBill| {
            bill.rows
                .iter()
                .map(|row| (row.total, row.settled))
                .collect::<Vec<_>>()
        };
        assert_eq!(amounts(&other), amounts(&right), "{fault:?}");
        assert_eq!(
            other.unknown_columns.len(),
            usize::from(fault == FaultKind::BillExtraColumn)
        );
    }
    shop.fault(Fault::new(FaultKind::BillExtraColumn));
    shop.fault(Fault::new(FaultKind::BillLegacyColumns));
    let text = String::from_utf8(shop.text(TODAY)).unwrap();
    assert_eq!(text.lines().next().unwrap().split(',').count(), 25);
    shop.fault(Fault::new(FaultKind::TruncatedBody).at(Operation::BillFile));
    let (_, told) = shop.ask(&query);
    assert!(TradeBill::parse(&shop.fetch(&told).body).is_err());
    assert_eq!(shop.bill(TODAY), right);
}

#[test]
fn faults_of_a_line_change_the_bill_for_good() {
    let mut shop = busy();
    shop.fault(Fault::new(FaultKind::BillMissingLine).of_order("ORDER-000002"));
    for _ in 0..2 {
        assert_eq!(shop.orders(TODAY), ["ORDER-000001", "ORDER-000001"]);
    }
    shop.fault(Fault::new(FaultKind::BillLateLine));
    assert_eq!(shop.orders(TODAY), ["ORDER-000001"]);
    let late = shop.bill(TOMORROW);
    assert_eq!(late.rows.len(), 2);
    assert!(matches!(late.rows[0].kind, TradeKind::Refunded(_)));
    assert!(late.rows[0].at_ms < NOON + DAY_MS / 2, "its own time");
    shop.fault(Fault::new(FaultKind::BillOtherAmount).of_order("ORDER-000001"));
    assert_eq!(shop.bill(TODAY).rows[0].total, Fen::new(1991));
    shop.fault(Fault::new(FaultKind::BillExtraLine));
    shop.fault(Fault::new(FaultKind::BillForeignLine));
    let rows = shop.bill(TODAY).rows;
    assert_eq!(rows.len(), 3);
    assert!(
        rows[1..]
            .iter()
            .all(|row| row.out_trade_no.starts_with("NOBODY"))
    );
    assert_eq!(rows.iter().filter(|row| row.mchid != MCHID).count(), 1);
    assert!(shop.wechat.faults().is_empty());
}

/// A fault about a line waits for a bill that has one.
#[test]
fn a_fault_of_an_order_waits_for_its_bill() {
    let mut shop = busy();
    shop.fault(Fault::new(FaultKind::BillMissingLine).of_order("ORDER-000003"));
    assert_eq!(shop.orders(TODAY).len(), 3);
    assert_eq!(
        shop.code(&format!("tradebill?bill_date={TOMORROW}")).1,
        "NO_STATEMENT_EXIST"
    );
}
