//! What is wrong with a bill.

use wechatpay::bill::{BillError, TradeBill, TradeRow};

use super::*;

/// Two paid orders, noon of the next day, and this switch thrown.
fn next_day_with(fault: Fault) -> V2 {
    let mut v2 = V2::new(SignType::Md5);
    v2.paid(NUMBER);
    v2.paid("ORDER-000002");
    v2.shop.pass(86_400_000);
    v2.shop.fault(fault);
    v2
}

fn with(kind: FaultKind) -> V2 {
    next_day_with(Fault::new(kind))
}

fn downloaded(v2: &mut V2, date: &str) -> Vec<u8> {
    let asked = Fields::new().with("bill_date", date);
    let signed = v2.signed(asked);
    v2.post("/pay/downloadbill", signed.to_xml()).unwrap().body
}

fn file(v2: &mut V2) -> Vec<u8> {
    downloaded(v2, "20260105")
}

fn rows(v2: &mut V2) -> Vec<TradeRow> {
    TradeBill::parse(&file(v2)).unwrap().rows
}

fn refusal(v2: &mut V2) -> String {
    let answer = Fields::parse(&file(v2)).unwrap();
    answer.get("return_msg").unwrap().to_owned()
}

#[test]
pub(super) fn bill_not_ready() {
    let mut v2 = with(FaultKind::BillNotReady);
    assert_eq!(refusal(&mut v2), "Bill Creating");
    assert_eq!(rows(&mut v2).len(), 2);
}

#[test]
pub(super) fn bill_none() {
    let mut v2 = with(FaultKind::BillNone);
    assert_eq!(refusal(&mut v2), "No Bill Exist");
    assert_eq!(rows(&mut v2).len(), 2);
}

#[test]
pub(super) fn bill_wrong_digest() {
    let mut v2 = with(FaultKind::BillWrongDigest);
    let why = TradeBill::parse(&file(&mut v2)).unwrap_err();
    assert!(matches!(why, BillError::Sum { .. }), "{why}");
    assert_eq!(rows(&mut v2).len(), 2);
}

#[test]
pub(super) fn bill_legacy_columns() {
    let mut v2 = with(FaultKind::BillLegacyColumns);
    let text = String::from_utf8(file(&mut v2)).unwrap();
    assert_eq!(text.lines().next().unwrap().split(',').count(), 24);
    let bill = TradeBill::parse(text.as_bytes()).unwrap();
    assert_eq!(bill.rows[0].total, fen(1990));
}

#[test]
pub(super) fn bill_extra_column() {
    let mut v2 = with(FaultKind::BillExtraColumn);
    let bill = TradeBill::parse(&file(&mut v2)).unwrap();
    assert_eq!(bill.unknown_columns.len(), 1);
    assert_eq!(bill.rows[0].total, fen(1990));
}

#[test]
pub(super) fn bill_missing_line() {
    let mut v2 = next_day_with(Fault::new(FaultKind::BillMissingLine).of_order(NUMBER));
    for _ in 0..2 {
        let rows = rows(&mut v2);
        assert_eq!(
            (rows.len(), rows[0].out_trade_no.as_str()),
            (1, "ORDER-000002")
        );
    }
}

#[test]
pub(super) fn bill_late_line() {
    let mut v2 = next_day_with(Fault::new(FaultKind::BillLateLine).of_order(NUMBER));
    assert_eq!(rows(&mut v2).len(), 1);
    v2.shop.pass(86_400_000);
    let late = TradeBill::parse(&downloaded(&mut v2, "20260106")).unwrap();
    assert_eq!(late.rows[0].out_trade_no, NUMBER);
}

#[test]
pub(super) fn bill_other_amount() {
    let mut v2 = next_day_with(Fault::new(FaultKind::BillOtherAmount).of_order(NUMBER));
    assert_eq!(rows(&mut v2)[0].total, fen(1991));
}

#[test]
pub(super) fn bill_extra_line() {
    let mut v2 = with(FaultKind::BillExtraLine);
    let rows = rows(&mut v2);
    assert_eq!((rows.len(), rows[2].mchid.as_str()), (3, MCHID));
    assert!(v2.shop.wechat.order(MCHID, &rows[2].out_trade_no).is_none());
}

#[test]
pub(super) fn bill_foreign_line() {
    let mut v2 = with(FaultKind::BillForeignLine);
    let foreign = |row: &TradeRow| row.mchid != MCHID;
    assert_eq!(rows(&mut v2).iter().filter(|row| foreign(row)).count(), 1);
}
