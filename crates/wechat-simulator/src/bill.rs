//! Bills: what a day was, as files. Both protocols give out the same lines.
//!
//! Rules: WeChat Pay documentation, "download trade bill", "download fund flow", "bill format" of both protocols. A day ends at midnight in Beijing; its
//! bill can be had from ten in the morning of the next day, for three months.

mod edit;
mod file;
mod flow;
mod gzip;
mod layout;
mod line;
#[cfg(test)]
mod tests;
mod v3;

use std::collections::BTreeMap;

use wechatpay::bill::BillDate;

use edit::Edit;
pub(crate) use file::File;
pub(crate) use layout::Kind;
use line::TradeLine;
use v3::Ticket;

use crate::heart::Wechat;
use crate::order::Order;

const READY_MS: i64 = 10 * 3_600_000;
const DAY_MS: i64 = 86_400_000;
const KEPT_MS: i64 = 92 * DAY_MS;

/// Why there is no file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Missing {
    /// Nothing happened that day.
    NothingThatDay,
    /// Its bill is not made yet.
    NotYet,
    /// The day is not over.
    NotOver,
    /// Longer ago than bills are kept.
    TooOld,
}

/// What is remembered about bills: a bill that was made never changes, mistakes included.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bills {
    /// Files waiting to be fetched, by their token.
    tickets: BTreeMap<String, Ticket>,
    /// What is wrong with a line, by WeChat's number of the payment or refund.
    edits: BTreeMap<String, Edit>,
    /// Lines without an order, by the merchant in whose bill they are.
    invented: Vec<(String, TradeLine)>,
}

/// A line of a trade bill, as far as it is about money. For whoever compares books.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BillLine {
    /// Who got the money.
    pub mchid: String,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// The merchant's number of the refund, if it is one.
    pub out_refund_no: Option<String>,
    /// What was paid, or is to go back, in fen.
    pub amount: i64,
    /// A payment by payment code that was taken back: no money.
    pub revoked: bool,
}

impl Wechat {
    /// The lines of a merchant's trade bill of one day as they would be given out now, mistakes of bills given out before included.
    pub fn bill_lines(&self, mchid: &str, date: BillDate) -> Vec<BillLine> {
        let lines = self.lines_of_day(mchid, date).into_iter();
        lines.map(TradeLine::money).collect()
    }

    /// Whether the bill of a day can be had now.
    pub(crate) fn bill_is_there(&self, date: BillDate) -> Result<(), Missing> {
        let age_ms = self.now_ms - date.starts_at_ms();
        if age_ms < DAY_MS {
            Err(Missing::NotOver)
        } else if age_ms < DAY_MS + READY_MS {
            Err(Missing::NotYet)
        } else if age_ms > KEPT_MS {
            Err(Missing::TooOld)
        } else {
            Ok(())
        }
    }

    /// The trade bill of a day, faults included.
    pub(crate) fn trade_bill(
        &mut self,
        mchid: &str,
        date: BillDate,
        kind: Kind,
    ) -> Result<File, Missing> {
        self.bill_is_there(date)?;
        let flaws = self.play_bill_faults(mchid, date);
        flaws.check()?;
        let lines: Vec<TradeLine> = self
            .lines_of_day(mchid, date)
            .into_iter()
            .filter(|line| kind.lists(line))
            .collect();
        if lines.is_empty() {
            return Err(Missing::NothingThatDay);
        }
        Ok(File::new(layout::write(kind, &lines, flaws), flaws))
    }

    /// The lines of a day in the order of their times.
    fn lines_of_day(&self, mchid: &str, date: BillDate) -> Vec<TradeLine> {
        let mut lines = Vec::new();
        for order in self.orders_of(mchid) {
            if let Some(payment) = order.payment().or(order.reversed.as_ref()) {
                lines.push(TradeLine::paid(order, payment));
            }
            let refunds = self.book.refunds_of(order);
            lines.extend(refunds.map(|refund| TradeLine::refunded(order, refund)));
        }
        let mut lines: Vec<TradeLine> = lines
            .into_iter()
            .filter_map(|line| match self.bills.edits.get(&line.id) {
                Some(edit) => edit.apply(line),
                None => Some(line),
            })
            .chain(
                self.bills
                    .invented
                    .iter()
                    .filter(|(bill_of, _)| bill_of == mchid)
                    .map(|(_, line)| line.clone()),
            )
            .filter(|line| line.date == Some(date))
            .collect();
        lines.sort_by_key(|line| line.at_ms);
        lines
    }

    fn orders_of(&self, mchid: &str) -> impl Iterator<Item = &Order> {
        let mchid = mchid.to_owned();
        let orders = self.book.orders.values();
        orders.filter(move |order| order.mchid == mchid)
    }
}
