//! The trade bill: one line per payment and refund.

use std::collections::BTreeMap;

use fen::Fen;

use super::fee::Fee;
use super::table::{BillError, Line, Table, decimal};
use crate::time::parse_compact;

const TIME: &[&str] = &["交易时间"];
const MERCHANT: &[&str] = &["商户号"];
const TRANSACTION: &[&str] = &["微信订单号"];
const ORDER: &[&str] = &["商户订单号"];
const STATE: &[&str] = &["交易状态"];
const SUB_MERCHANT: &[&str] = &["特约商户号", "子商户号"];
/// The legacy layout has one amount, under its own name.
const SETTLED: &[&str] = &["应结订单金额", "总金额"];
const TOTAL: &[&str] = &["订单金额", "总金额", "应结订单金额"];
const COUPON: &[&str] = &["代金券金额", "代金券或立减优惠金额", "企业红包金额"];
const FEE: &[&str] = &["手续费"];
const REFUND_ID: &[&str] = &["微信退款单号"];
const REFUND_NUMBER: &[&str] = &["商户退款单号"];
const REFUND_SETTLED: &[&str] = &["退款金额"];
const REFUND_TOTAL: &[&str] = &["申请退款金额", "退款金额"];
const REFUND_COUPON: &[&str] = &[
    "充值券退款金额",
    "代金券或立减优惠退款金额",
    "企业红包退款金额",
];
/// What merchants choose.
const FREE_TEXT: &[&str] = &["商品名称", "商户数据包"];
/// Columns with a place in [`TradeRow`], besides those above.
const PLAIN: &[&str] = &[
    "公众账号ID",
    "设备号",
    "用户标识",
    "交易类型",
    "付款银行",
    "货币种类",
    "退款类型",
    "退款状态",
    "商品名称",
    "商户数据包",
    "费率",
    "费率备注",
    "退款申请时间",
    "退款成功时间",
];

/// A trade bill whose lines add up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TradeBill {
    /// In the order of the file.
    pub rows: Vec<TradeRow>,
    /// Columns this crate does not know; their content is in [`TradeRow::other`].
    pub unknown_columns: Vec<String>,
}

/// A line of a trade bill.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TradeRow {
    /// The line in the file, from 1.
    pub line: usize,
    /// When it was paid, or when WeChat accepted the refund, Unix milliseconds.
    pub at_ms: i64,
    /// The app.
    pub appid: String,
    /// Who gets the money.
    pub mchid: String,
    /// The sub-merchant of a service provider.
    pub sub_mchid: Option<String>,
    /// The terminal.
    pub device_id: String,
    /// WeChat's number of the payment.
    pub transaction_id: String,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// Who paid. Personal data: not printed by `Debug` of what is built on it, not needed to compare.
    pub openid: String,
    /// `JSAPI`, `NATIVE`, `APP`, `MICROPAY`, `MWEB`, ...
    pub trade_type: String,
    /// What the line says happened.
    pub kind: TradeKind,
    /// Where the money came from.
    pub bank_type: String,
    /// `CNY`
    pub currency: String,
    /// Without coupons that the merchant pays; zero in lines of refunds.
    pub settled: Fen,
    /// Coupons used.
    pub coupon: Fen,
    /// The order's total; zero in lines of refunds.
    pub total: Fen,
    /// What the payer read.
    pub description: String,
    /// The merchant's own data.
    pub attach: String,
    /// WeChat's fee.
    pub fee: Fee,
    /// As written, for example `0.60%`.
    pub rate: String,
    /// What columns say that this crate does not know, by their names.
    pub other: BTreeMap<String, String>,
}

/// What a line says happened (`交易状态`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TradeKind {
    /// `SUCCESS`: it was paid.
    Paid,
    /// `REFUND`: WeChat accepted a refund. How it ended, only a query tells: the bill is a snapshot.
    Refunded(RefundPart),
    /// `REVOKED`: a payment by payment code that was taken back. No money moved in the end. (UNCONFIRMED that bills list it.)
    Revoked,
    /// A state no document names.
    Other(String),
}

/// What lines of refunds have besides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefundPart {
    /// WeChat's number.
    pub refund_id: String,
    /// The merchant's number.
    pub out_refund_no: String,
    /// What was asked to go back.
    pub amount: Fen,
    /// Without coupons that the merchant paid.
    pub settled: Fen,
    /// The part that goes back to coupons.
    pub coupon: Fen,
    /// `ORIGINAL`, ...
    pub refund_type: String,
    /// `SUCCESS`, `PROCESSING`, ... when the bill was made.
    pub status: String,
}

impl TradeBill {
    /// Reads the text of a bill of any `bill_type`, of either protocol.
    ///
    /// # Errors
    /// When anything about it is unclear, or its lines do not add up to its sums. No part of such a bill may be used.
    pub fn parse(text: &[u8]) -> Result<Self, BillError> {
        let table = Table::parse(text, FREE_TEXT)?;
        let columns = Columns::find(&table)?;
        let rows = table
            .lines()
            .map(|line| columns.row(line))
            .collect::<Result<Vec<_>, _>>()?;
        check_sums(&table, &rows)?;
        Ok(Self {
            unknown_columns: columns
                .unknown
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            rows,
        })
    }
}

/// Which names this bill uses.
struct Columns<'a> {
    sub_merchant: Option<&'static str>,
    settled: &'static str,
    total: &'static str,
    coupon: Option<&'static str>,
    fee: Option<&'static str>,
    refund: Option<RefundColumns>,
    unknown: Vec<&'a str>,
}

struct RefundColumns {
    id: &'static str,
    number: &'static str,
    settled: &'static str,
    total: &'static str,
    coupon: Option<&'static str>,
}

impl<'a> Columns<'a> {
    fn find(table: &Table<'a>) -> Result<Self, BillError> {
        for names in [TIME, MERCHANT, TRANSACTION, ORDER, STATE] {
            table.required(names)?;
        }
        let known = [
            TIME,
            MERCHANT,
            TRANSACTION,
            ORDER,
            STATE,
            SUB_MERCHANT,
            SETTLED,
            TOTAL,
            COUPON,
            FEE,
            REFUND_ID,
            REFUND_NUMBER,
            REFUND_SETTLED,
            REFUND_TOTAL,
            REFUND_COUPON,
            PLAIN,
        ]
        .concat();
        Ok(Self {
            sub_merchant: table.first_of(SUB_MERCHANT),
            settled: table.required(SETTLED)?,
            total: table.required(TOTAL)?,
            coupon: table.first_of(COUPON),
            fee: table.first_of(FEE),
            refund: match table.first_of(REFUND_ID) {
                Some(id) => Some(RefundColumns {
                    id,
                    number: table.required(REFUND_NUMBER)?,
                    settled: table.required(REFUND_SETTLED)?,
                    total: table.required(REFUND_TOTAL)?,
                    coupon: table.first_of(REFUND_COUPON),
                }),
                None => None,
            },
            unknown: table
                .columns()
                .iter()
                .copied()
                .filter(|name| !known.contains(name))
                .collect(),
        })
    }

    fn row(&self, line: Line<'_, 'a>) -> Result<TradeRow, BillError> {
        let own = |column: &str| line.text(column).to_owned();
        let sub_mchid = self
            .sub_merchant
            .map(|column| line.text(column))
            .filter(|text| !matches!(*text, "" | "0"));
        Ok(TradeRow {
            line: line.number,
            at_ms: parse_compact(line.must(TIME[0])?).ok_or_else(|| line.wrong(TIME[0]))?,
            appid: own("公众账号ID"),
            mchid: line.must(MERCHANT[0])?.to_owned(),
            sub_mchid: sub_mchid.map(str::to_owned),
            device_id: own("设备号"),
            transaction_id: line.must(TRANSACTION[0])?.to_owned(),
            out_trade_no: line.must(ORDER[0])?.to_owned(),
            openid: own("用户标识"),
            trade_type: own("交易类型"),
            kind: self.kind(line)?,
            bank_type: own("付款银行"),
            currency: own("货币种类"),
            settled: fen(line, self.settled)?,
            coupon: self
                .coupon
                .map_or(Ok(Fen::ZERO), |column| fen(line, column))?,
            total: fen(line, self.total)?,
            description: own("商品名称"),
            attach: own("商户数据包"),
            fee: self
                .fee
                .map_or(Ok(Fee::default()), |column| fee(line, column))?,
            rate: own("费率"),
            other: self
                .unknown
                .iter()
                .map(|name| ((*name).to_owned(), own(name)))
                .collect(),
        })
    }

    fn kind(&self, line: Line<'_, 'a>) -> Result<TradeKind, BillError> {
        Ok(match line.must(STATE[0])? {
            "SUCCESS" => TradeKind::Paid,
            "REVOKED" => TradeKind::Revoked,
            "REFUND" => {
                let columns = self
                    .refund
                    .as_ref()
                    .ok_or(BillError::NoColumn(REFUND_ID[0]))?;
                TradeKind::Refunded(RefundPart {
                    refund_id: number(line, columns.id)?,
                    out_refund_no: number(line, columns.number)?,
                    amount: fen(line, columns.total)?,
                    settled: fen(line, columns.settled)?,
                    coupon: columns
                        .coupon
                        .map_or(Ok(Fen::ZERO), |column| fen(line, column))?,
                    refund_type: line.text("退款类型").to_owned(),
                    status: line.text("退款状态").to_owned(),
                })
            }
            other => TradeKind::Other(other.to_owned()),
        })
    }
}

/// A number of a refund: `0` means none.
fn number(line: Line<'_, '_>, column: &str) -> Result<String, BillError> {
    match line.must(column)? {
        "0" => Err(line.wrong(column)),
        number => Ok(number.to_owned()),
    }
}

fn fen(line: Line<'_, '_>, column: &str) -> Result<Fen, BillError> {
    Fen::from_yuan(line.text(column)).map_err(|_| line.wrong(column))
}

fn fee(line: Line<'_, '_>, column: &str) -> Result<Fee, BillError> {
    Fee::from_yuan(line.text(column)).ok_or_else(|| line.wrong(column))
}

/// The names of a sum, and what each line adds to it.
type Sum = (&'static [&'static str], fn(&TradeRow) -> Fen);

const SUMS: &[Sum] = &[
    (&["应结订单总金额", "总交易额"], |row| {
        row.settled
    }),
    (&["订单总金额"], |row| row.total),
    (&["退款总金额", "总退款金额"], |row| {
        refund(row, |part| part.settled)
    }),
    (&["申请退款总金额"], |row| {
        refund(row, |part| part.amount)
    }),
    (
        &[
            "充值券退款总金额",
            "总代金券或立减优惠退款金额",
            "总企业红包退款金额",
        ],
        |row| refund(row, |part| part.coupon),
    ),
];

fn refund(row: &TradeRow, amount: fn(&RefundPart) -> Fen) -> Fen {
    match &row.kind {
        TradeKind::Refunded(part) => amount(part),
        TradeKind::Paid | TradeKind::Revoked | TradeKind::Other(_) => Fen::ZERO,
    }
}

/// No document says whether lines of revoked payments count: either all sums include them or none does.
fn check_sums(table: &Table<'_>, rows: &[TradeRow]) -> Result<(), BillError> {
    let all: Vec<&TradeRow> = rows.iter().collect();
    add_up(table, &all).or_else(|why| {
        let lasting: Vec<&TradeRow> = rows
            .iter()
            .filter(|row| row.kind != TradeKind::Revoked)
            .collect();
        if lasting.len() == rows.len() {
            return Err(why);
        }
        add_up(table, &lasting).map_err(|_| why)
    })
}

fn add_up(table: &Table<'_>, rows: &[&TradeRow]) -> Result<(), BillError> {
    let wrong = |(column, said): (&str, &str), found: String| BillError::Sum {
        column: column.to_owned(),
        said: said.chars().take(40).collect(),
        found,
    };
    let count = table.sum(&["总交易单数"]).ok_or_else(|| table.no_sum())?;
    if decimal(count.1, 0).and_then(|said| usize::try_from(said).ok()) != Some(rows.len()) {
        return Err(wrong(count, rows.len().to_string()));
    }
    for (names, amount) in SUMS {
        let Some(said) = table.sum(names) else {
            continue;
        };
        let found = Fen::checked_sum(rows.iter().map(|row| amount(row)));
        if found.is_none() || Fen::from_yuan(said.1).ok() != found {
            let found = found.map_or_else(|| "more than can be counted".to_owned(), Fen::to_yuan);
            return Err(wrong(said, found));
        }
    }
    // How fees are rounded in the sum is written nowhere: less than one fen apart is the same.
    if let Some(said) = table.sum(&["手续费总金额"]) {
        let found = rows
            .iter()
            .try_fold(Fee::default(), |sum, row| sum.checked_add(row.fee));
        let apart = found
            .zip(Fee::from_yuan(said.1))
            .map(|(found, said)| found.get().abs_diff(said.get()));
        if apart.is_none_or(|apart| apart >= 1000) {
            return Err(wrong(
                said,
                found.map(|fee| fee.to_string()).unwrap_or_default(),
            ));
        }
    }
    Ok(())
}
