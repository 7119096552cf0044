//! The fund-flow bill: what moved on one account, fees, withdrawals and shares included.

use fen::Fen;

use super::table::{BillError, Line, Table, decimal};
use crate::time::parse_compact;

const TIME: &str = "记账时间";
const BUSINESS: &str = "微信支付业务单号";
const FLOW: &str = "资金流水单号";
const DIRECTION: &str = "收支类型";
/// Both kinds of parentheses are in use.
const AMOUNT: &[&str] = &["收支金额(元)", "收支金额（元）"];
const BALANCE: &[&str] = &["账户结余(元)", "账户结余（元）"];
const FREE_TEXT: &[&str] = &["备注"];

/// A fund-flow bill whose lines add up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FlowBill {
    /// In the order of the file.
    pub rows: Vec<FlowRow>,
}

/// A line of a fund-flow bill.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FlowRow {
    /// The line in the file, from 1.
    pub line: usize,
    /// When it was booked, Unix milliseconds.
    pub at_ms: i64,
    /// WeChat's number of the payment, the refund, the withdrawal...
    pub business_no: String,
    /// WeChat's number of this movement; several can share a business number.
    pub flow_no: String,
    /// `交易`, `退款`, `充值/提现`, ...
    pub business_name: String,
    /// `交易`, `扣除交易手续费`, `退款`, ...
    pub business_type: String,
    /// Which way.
    pub direction: Direction,
    /// Never negative.
    pub amount: Fen,
    /// On the account afterwards.
    pub balance: Fen,
    /// `system`, or who asked for it.
    pub operator: String,
    /// As written.
    pub remark: String,
    /// For example the merchant's number of a refund.
    pub voucher_no: String,
}

/// Which way money moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// `收入`
    In,
    /// `支出`
    Out,
}

impl FlowBill {
    /// Reads the text of a bill of either protocol.
    ///
    /// # Errors
    /// When anything about it is unclear, or its lines do not add up to its sums.
    pub fn parse(text: &[u8]) -> Result<Self, BillError> {
        let table = Table::parse(text, FREE_TEXT)?;
        for name in [TIME, BUSINESS, FLOW, DIRECTION] {
            table.position(name).ok_or(BillError::NoColumn(name))?;
        }
        let (amount, balance) = (table.required(AMOUNT)?, table.required(BALANCE)?);
        let rows = table
            .lines()
            .map(|line| row(line, amount, balance))
            .collect::<Result<Vec<_>, _>>()?;
        add_up(&table, &rows)?;
        Ok(Self { rows })
    }
}

fn row(line: Line<'_, '_>, amount: &str, balance: &str) -> Result<FlowRow, BillError> {
    let own = |column: &str| line.text(column).to_owned();
    let fen = |column: &str| Fen::from_yuan(line.text(column)).map_err(|_| line.wrong(column));
    Ok(FlowRow {
        line: line.number,
        at_ms: parse_compact(line.must(TIME)?).ok_or_else(|| line.wrong(TIME))?,
        business_no: own(BUSINESS),
        flow_no: own(FLOW),
        business_name: own("业务名称"),
        business_type: own("业务类型"),
        direction: match line.must(DIRECTION)? {
            "收入" => Direction::In,
            "支出" => Direction::Out,
            _ => return Err(line.wrong(DIRECTION)),
        },
        amount: fen(amount).and_then(|fen| {
            if fen.is_negative() {
                Err(line.wrong(amount))
            } else {
                Ok(fen)
            }
        })?,
        balance: fen(balance)?,
        operator: own("资金变更提交申请人"),
        remark: own("备注"),
        voucher_no: own("业务凭证号"),
    })
}

fn add_up(table: &Table<'_>, rows: &[FlowRow]) -> Result<(), BillError> {
    let wrong = |(column, said): (&str, &str), found: String| BillError::Sum {
        column: column.to_owned(),
        said: said.chars().take(40).collect(),
        found,
    };
    let of = |direction| rows.iter().filter(move |row| row.direction == direction);
    let counts = [
        ("资金流水总笔数", rows.len()),
        ("收入笔数", of(Direction::In).count()),
        ("支出笔数", of(Direction::Out).count()),
    ];
    table.sum(&[counts[0].0]).ok_or_else(|| table.no_sum())?;
    for (name, found) in counts {
        if let Some(said) = table.sum(&[name])
            && decimal(said.1, 0).and_then(|said| usize::try_from(said).ok()) != Some(found)
        {
            return Err(wrong(said, found.to_string()));
        }
    }
    for (name, direction) in [("收入金额", Direction::In), ("支出金额", Direction::Out)] {
        let found = Fen::checked_sum(of(direction).map(|row| row.amount));
        if let Some(said) = table.sum(&[name])
            && (found.is_none() || Fen::from_yuan(said.1).ok() != found)
        {
            return Err(wrong(said, found.map(Fen::to_yuan).unwrap_or_default()));
        }
    }
    Ok(())
}
