//! What faults do to bills.

use std::collections::BTreeSet;

use wechatpay::bill::BillDate;

use super::Missing;
use super::line::{TradeLine, fee};
use crate::fault::{Fault, FaultKind};
use crate::heart::Wechat;

/// What is wrong with one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Flaws {
    pub(super) not_ready: bool,
    pub(super) none: bool,
    pub(super) wrong_digest: bool,
    pub(super) legacy_columns: bool,
    pub(super) extra_column: bool,
}

impl Flaws {
    pub(super) fn check(self) -> Result<(), Missing> {
        if self.not_ready {
            Err(Missing::NotYet)
        } else if self.none {
            Err(Missing::NothingThatDay)
        } else {
            Ok(())
        }
    }
}

/// What is wrong with a line, in every copy of the bill from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Edit {
    /// It stands in no bill.
    Missing,
    /// It stands in the bill of the next day.
    Late,
    /// It says one fen more.
    OtherAmount,
}

impl Edit {
    pub(super) fn apply(self, mut line: TradeLine) -> Option<TradeLine> {
        match self {
            Self::Missing => return None,
            Self::Late => line.date = line.date.map(BillDate::next),
            Self::OtherAmount => {
                if let Some(refund) = &mut line.refund {
                    refund.amount += 1;
                    refund.settled += 1;
                } else {
                    line.total += 1;
                    line.settled += 1;
                }
            }
        }
        Some(line)
    }
}

impl Wechat {
    /// Uses up the faults for this bill.
    pub(super) fn play_bill_faults(&mut self, mchid: &str, date: BillDate) -> Flaws {
        let mut flaws = Flaws::default();
        if self.faults.is_empty() {
            return flaws;
        }
        let lines = self.lines_of_day(mchid, date);
        let orders: BTreeSet<&str> = lines
            .iter()
            .map(|line| line.out_trade_no.as_str())
            .collect();
        for fault in self.faults.take_for_bill(&orders) {
            let line = lines.iter().rfind(|line| {
                fault
                    .out_trade_no
                    .as_ref()
                    .is_none_or(|number| *number == line.out_trade_no)
            });
            self.play_bill_fault(&mut flaws, &fault, line, mchid, date);
        }
        flaws
    }

    fn play_bill_fault(
        &mut self,
        flaws: &mut Flaws,
        fault: &Fault,
        line: Option<&TradeLine>,
        mchid: &str,
        date: BillDate,
    ) {
        let mut edit = |edit: Edit| {
            if let Some(line) = line {
                self.bills.edits.insert(line.id.clone(), edit);
            }
        };
        let kind = fault.fault;
        if kind == FaultKind::BillNotReady {
            flaws.not_ready = true;
        } else if kind == FaultKind::BillNone {
            flaws.none = true;
        } else if kind == FaultKind::BillWrongDigest {
            flaws.wrong_digest = true;
        } else if kind == FaultKind::BillLegacyColumns {
            flaws.legacy_columns = true;
        } else if kind == FaultKind::BillExtraColumn {
            flaws.extra_column = true;
        } else if kind == FaultKind::BillMissingLine {
            edit(Edit::Missing);
        } else if kind == FaultKind::BillLateLine {
            edit(Edit::Late);
        } else if kind == FaultKind::BillOtherAmount {
            edit(Edit::OtherAmount);
        } else if kind == FaultKind::BillExtraLine {
            let line = self.invented_line(mchid, date);
            self.bills.invented.push((mchid.to_owned(), line));
        } else if kind == FaultKind::BillForeignLine {
            let line = self.invented_line("1900009999", date);
            self.bills.invented.push((mchid.to_owned(), line));
        }
    }

    /// A payment of 5 yuan at noon, of an order nobody made.
    fn invented_line(&mut self, mchid: &str, date: BillDate) -> TradeLine {
        let at_ms = date.starts_at_ms() + 12 * 3_600_000;
        let transaction_id = self.ids.transaction_id(at_ms);
        TradeLine {
            id: transaction_id.clone(),
            date: Some(date),
            at_ms,
            appid: "wx9999888877776666".to_owned(),
            mchid: mchid.to_owned(),
            device_id: String::new(),
            out_trade_no: format!("NOBODY{}", &transaction_id[18..]),
            transaction_id,
            openid: crate::ids::openid("wx9999888877776666", "nobody"),
            trade_type: "JSAPI",
            state: "SUCCESS",
            bank_type: "OTHERS".to_owned(),
            settled: 500,
            coupon: 0,
            total: 500,
            refund: None,
            description: "没有人订的货".to_owned(),
            attach: String::new(),
            fee: fee(500),
        }
    }
}
