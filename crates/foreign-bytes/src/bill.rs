//! Bills: files that are not signed, of either protocol, and what is packed in them.

use fen::Fen;
use wechatpay::bill::{
    BillHash, Direction, FlowBill, RefundPart, TradeBill, TradeKind, TradeRow, unpack,
};

/// More than any seed, less than what a bomb unpacks to.
const LIMIT: usize = 1 << 20;

pub(crate) fn check(bytes: &[u8]) {
    if let Ok(text) = unpack(bytes.to_vec(), None, LIMIT) {
        assert!(text.len() <= LIMIT, "{} bytes were unpacked", text.len());
        if text != bytes {
            read(&text);
        }
    }
    if let Ok(hash) = BillHash::new("SHA1", "a9993e364706816aba3e25717850c26c9cd0d89d") {
        // The hash of "abc", which is no bill: nothing else may pass for it.
        let same = unpack(bytes.to_vec(), Some(&hash), LIMIT);
        assert!(same.is_err() || same.as_deref() == Ok(b"abc"));
    }
    read(bytes);
}

fn read(text: &[u8]) {
    if let Ok(bill) = TradeBill::parse(text) {
        for row in &bill.rows {
            row_holds(row);
        }
        // A row is a line of the file, and the byte order mark means nothing.
        let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
        assert!(bill.rows.len() < lines, "more rows than lines");
        let mut with_mark = "\u{feff}".as_bytes().to_vec();
        with_mark.extend(text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text));
        assert_eq!(TradeBill::parse(&with_mark), Ok(bill));
    }
    if let Ok(bill) = FlowBill::parse(text) {
        for row in &bill.rows {
            assert!(!row.amount.is_negative());
            assert!(matches!(row.direction, Direction::In | Direction::Out));
        }
    }
}

fn row_holds(row: &TradeRow) {
    for text in [&row.mchid, &row.transaction_id, &row.out_trade_no] {
        assert!(!text.trim().is_empty());
    }
    for amount in [row.total, row.settled, row.coupon] {
        assert_eq!(Fen::from_yuan(&amount.to_yuan()), Ok(amount));
    }
    match &row.kind {
        TradeKind::Refunded(RefundPart {
            refund_id,
            out_refund_no,
            ..
        }) => assert!(refund_id != "0" && out_refund_no != "0"),
        TradeKind::Paid | TradeKind::Revoked => {}
        TradeKind::Other(state) => assert!(!matches!(
            state.as_str(),
            "" | "SUCCESS" | "REFUND" | "REVOKED"
        )),
    }
}
