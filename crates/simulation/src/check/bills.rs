//! L6 and S14: what WeChat's bills say and our books do not, is asked about; what differs all the same is written down, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use shouyin_core::Timestamp;
use shouyin_core::id::Mchid;
use shouyin_core::incident::{Incident, IncidentKind};
use shouyin_core::ledger::PostingKind;
use shouyin_core::reconciliation::model::{DayState, Difference, DifferenceKind};
use shouyin_core::time::{BillDate, MINUTE_MS};
use wechat_simulator::{BillLine, Wechat};

use super::{Checker, Violation, sent};
use crate::hub::BEGIN_MS;
use crate::rows::Rows;
use crate::setup::MCHIDS;

/// Near midnight our clock and WeChat's may name different days, milliseconds.
const MIDNIGHT_MS: i64 = 15 * MINUTE_MS;

/// What a difference is about: which kind, order and refund.
type About = (DifferenceKind, String, Option<String>);
/// An order or one of its refunds, as bills name it.
type Number = (String, Option<String>);

fn days(now_ms: i64) -> impl Iterator<Item = BillDate> {
    // A server that starts owes the bill of the day before.
    let first = BillDate::of(Timestamp::from_millis(BEGIN_MS)).previous();
    let last = BillDate::of(Timestamp::from_millis(now_ms));
    std::iter::successors(Some(first), |day| Some(day.next())).take_while(move |day| *day <= last)
}

fn lines(wechat: &Wechat, mchid: &Mchid, date: BillDate) -> Vec<BillLine> {
    let date = wechatpay::bill::BillDate::parse(&date.to_string());
    date.map_or_else(Vec::new, |date| wechat.bill_lines(mchid.as_str(), date))
}

fn mchids() -> Result<Vec<Mchid>, Violation> {
    let parsed = MCHIDS.iter().map(|name| Mchid::parse(*name));
    let parsed: Result<_, _> = parsed.collect();
    parsed.map_err(|error| Violation::new("WORLD", error.to_string()))
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    /// WeChat was to say, once, that there is no bill where there is one.
    denied: bool,
}

impl Checker {
    /// From now on days are compared with bills.
    pub(crate) fn bills_are_compared(&mut self) {
        self.nets.bills = true;
    }

    /// WeChat will say, once, that there is no bill where there is one.
    pub(crate) fn a_bill_is_denied(&mut self) {
        self.bills.denied = true;
    }

    /// A day on which something happened and which is still to be compared with its bill, or a line that is to be in our books.
    pub(crate) fn owed_bill(
        &self,
        rows: &Rows,
        wechat: &Wechat,
        now_ms: i64,
    ) -> Result<Option<String>, Violation> {
        if !self.nets.bills {
            return Ok(None);
        }
        for mchid in mchids()? {
            // What was asked about and came late is looked at again with the next bill.
            let is_asked = |it: &Difference| {
                !it.state.is_resolved()
                    && matches!(
                        it.kind,
                        DifferenceKind::NotPaidHere | DifferenceKind::RefundNotHere
                    )
            };
            let asked = rows.differences(&mchid)?.into_iter().find(is_asked);
            if let Some(asked) = asked.filter(|_| self.nets.queries) {
                let what = format!("the question about {:?} of {mchid}", asked.key());
                return Ok(Some(what));
            }
            for date in days(now_ms) {
                if lines(wechat, &mchid, date).is_empty() {
                    continue;
                }
                let day = rows.reconciliation(&mchid, date)?;
                let is_over = |state| match state {
                    DayState::Waiting | DayState::Checking => false,
                    DayState::Completed | DayState::Empty | DayState::Unavailable => true,
                };
                if !day.is_some_and(|day| is_over(day.state)) {
                    return Ok(Some(format!("the bill of {mchid} of {date}")));
                }
            }
        }
        Ok(None)
    }

    /// At the end.
    pub(super) fn bills_agree(&self, rows: &Rows, wechat: &Wechat) -> Result<(), Violation> {
        let incidents = rows.all_incidents()?;
        for mchid in mchids()? {
            let differences = rows.differences(&mchid)?;
            each_was_found(&mchid, &incidents, &differences)?;
            if !self.nets.bills {
                continue;
            }
            let compared = self.compared(rows, wechat, &mchid)?;
            let mut expected = self.wrong_lines(rows, wechat, &mchid, &compared)?;
            let missing = self.missing_lines(rows, &mchid, &compared)?;
            expected.extend(missing);
            self.differences_are(&mchid, &expected, &differences)?;
        }
        Ok(())
    }

    /// L6: every day with lines was compared, line by line. The lines.
    fn compared(
        &self,
        rows: &Rows,
        wechat: &Wechat,
        mchid: &Mchid,
    ) -> Result<Vec<BillLine>, Violation> {
        let mut compared = Vec::new();
        for date in days(wechat.now_ms()) {
            let lines = lines(wechat, mchid, date);
            if lines.is_empty() {
                continue;
            }
            let Some(day) = rows.reconciliation(mchid, date)? else {
                if self.nets.queries {
                    let detail = format!("nobody asks for the bill of {mchid} of {date}");
                    return Err(Violation::new("L6", detail));
                }
                continue;
            };
            // Long after bills are made WeChat is believed when it says that there is none; where it does so and has one, nobody could know.
            if day.state == DayState::Empty && self.bills.denied {
                continue;
            }
            if day.state != DayState::Completed {
                if self.nets.queries {
                    let state = day.state.as_str();
                    let detail = format!("the bill of {mchid} of {date} is {state}");
                    return Err(Violation::new("L6", detail));
                }
                continue;
            }
            let said = day.bill.unwrap_or_default();
            let sum = |wanted: &dyn Fn(&&BillLine) -> bool| {
                let wanted = lines.iter().filter(wanted);
                wanted.fold((0_u64, 0_i64), |(count, sum), line| {
                    (count + 1, sum + line.amount)
                })
            };
            let paid = sum(&|line| line.out_refund_no.is_none() && !line.revoked);
            let refunded = sum(&|line| line.out_refund_no.is_some());
            let read = [
                (said.payments, said.paid.get()),
                (said.refunds, said.refunded.get()),
            ];
            if read != [paid, refunded] {
                let detail =
                    format!("the bill of {mchid} of {date} was read as {said:?}: {lines:?}");
                return Err(Violation::new("L6", detail));
            }
            compared.extend(lines);
        }
        Ok(compared)
    }

    /// Lines that are not true, or not about us.
    fn wrong_lines(
        &self,
        rows: &Rows,
        wechat: &Wechat,
        mchid: &Mchid,
        compared: &[BillLine],
    ) -> Result<BTreeSet<About>, Violation> {
        let mut wrong = BTreeSet::new();
        for line in compared {
            let (number, refund) = (&line.out_trade_no, &line.out_refund_no);
            let kind = if line.mchid != mchid.as_str() {
                DifferenceKind::ForeignMerchant
            } else if line.revoked {
                continue;
            } else if sent::owner(rows, mchid, number)?.is_none() {
                DifferenceKind::UnknownOrder
            } else if !has_true_amount(line, wechat, mchid) {
                DifferenceKind::AmountDiffers
            } else {
                continue;
            };
            wrong.insert((kind, number.clone(), refund.clone()));
        }
        Ok(wrong)
    }

    /// Money of ours that no bill has, although its day is compared.
    fn missing_lines(
        &self,
        rows: &Rows,
        mchid: &Mchid,
        compared: &[BillLine],
    ) -> Result<BTreeSet<About>, Violation> {
        let there: BTreeSet<Number> = compared
            .iter()
            .map(|line| (line.out_trade_no.clone(), line.out_refund_no.clone()))
            .collect();
        let mut missing = BTreeSet::new();
        for payment in self.payments().filter(|payment| payment.mchid == *mchid) {
            for posting in rows.postings(mchid, &payment.id)? {
                if !matches!(posting.kind, PostingKind::Paid | PostingKind::Refunded) {
                    continue;
                }
                let refund = posting.out_refund_no.as_ref().map(ToString::to_string);
                let number = (posting.out_trade_no.to_string(), refund);
                // Learned of shortly before midnight: to be in the next day's.
                let date = BillDate::of(posting.at.plus_ms(MIDNIGHT_MS));
                if is_compared(rows, mchid, date)? && !there.contains(&number) {
                    missing.insert((DifferenceKind::MissingInBill, number.0, number.1));
                }
            }
        }
        Ok(missing)
    }

    /// S14: what is written down as a difference is exactly what differs.
    fn differences_are(
        &self,
        mchid: &Mchid,
        expected: &BTreeSet<About>,
        differences: &[Difference],
    ) -> Result<(), Violation> {
        let open: BTreeSet<About> = differences
            .iter()
            .filter(|difference| !difference.state.is_resolved())
            .map(|it| (it.kind, it.out_trade_no.clone(), it.out_refund_no.clone()))
            .collect();
        // Where nobody answers questions, what only the bill has stays a question.
        let may_be_open = |(kind, ..): &About| {
            matches!(
                kind,
                DifferenceKind::NotPaidHere | DifferenceKind::RefundNotHere
            ) && !self.nets.queries
        };
        let invented = open
            .iter()
            .find(|about| !expected.contains(*about) && !may_be_open(about));
        if let Some(about) = invented {
            let detail = format!("{mchid}: {about:?} is a difference here and none at WeChat");
            return Err(Violation::new("S14", detail));
        }
        // And what is not here yet has no amount to compare.
        let is_written = |about: &About| {
            let mut others = open.iter().filter(|it| may_be_open(it));
            open.contains(about) || others.any(|it| (&it.1, &it.2) == (&about.1, &about.2))
        };
        match expected.iter().find(|about| !is_written(about)) {
            Some(about) => {
                let detail = format!("{mchid}: {about:?} differs, and nobody wrote it down");
                Err(Violation::new("S14", detail))
            }
            None => Ok(()),
        }
    }

    /// Whether WeChat's bills have told of this payment, or of this refund of it.
    pub(super) fn bill_told(
        &self,
        rows: &Rows,
        wechat: &Wechat,
        mchid: &Mchid,
        number: &str,
        refund: Option<&str>,
    ) -> Result<bool, Violation> {
        if !self.nets.bills || !self.nets.queries {
            return Ok(false);
        }
        let lines = self.compared(rows, wechat, mchid)?;
        // A line with another amount says something else.
        Ok(lines.iter().any(|line| {
            line.out_trade_no == number
                && line.out_refund_no.as_deref() == refund
                && has_true_amount(line, wechat, mchid)
        }))
    }
}

fn is_compared(rows: &Rows, mchid: &Mchid, date: BillDate) -> Result<bool, Violation> {
    let day = rows.reconciliation(mchid, date)?;
    Ok(day.is_some_and(|day| day.state == DayState::Completed))
}

/// Whether a line says what WeChat's books say.
fn has_true_amount(line: &BillLine, wechat: &Wechat, mchid: &Mchid) -> bool {
    let mchid = mchid.as_str();
    let truth = match &line.out_refund_no {
        None => wechat
            .order(mchid, &line.out_trade_no)
            .map(|order| order.total),
        Some(number) => wechat.refund(mchid, number).map(|refund| refund.refund),
    };
    truth.is_some_and(|amount| amount.get() == line.amount)
}

/// Every incident about a bill has its difference; that there was no bill is one of its own.
fn each_was_found(
    mchid: &Mchid,
    incidents: &[Incident],
    differences: &[Difference],
) -> Result<(), Violation> {
    let mut found: BTreeMap<BillDate, BTreeSet<&str>> = BTreeMap::new();
    for difference in differences {
        let numbers = found.entry(difference.date).or_default();
        numbers.insert(&difference.out_trade_no);
    }
    for incident in incidents.iter().filter(|it| it.mchid == *mchid) {
        let Some(date) = incident.bill_date else {
            continue;
        };
        if incident.kind == IncidentKind::NoBill {
            continue;
        }
        let number = incident.out_trade_no.as_ref();
        let is_found = found
            .get(&date)
            .is_some_and(|numbers| number.is_none_or(|number| numbers.contains(number.as_str())));
        if !is_found {
            let detail = format!("{mchid}: {incident:?} is about no difference");
            return Err(Violation::new("S14", detail));
        }
    }
    Ok(())
}
