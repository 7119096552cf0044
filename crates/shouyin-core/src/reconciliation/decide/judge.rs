//! One line against our books.

use fen::Fen;

use crate::id::{Mchid, OutRefundNo, OutTradeNo};
use crate::payment::model::{AttemptState, Payment};
use crate::reconciliation::model::{BillRow, DifferenceKind, RowKind};
use crate::refund::model::RefundState;
use crate::task::Task;
use crate::time::Timestamp;
use crate::{payment, refund};

/// What a line means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Our books say the same.
    Matched,
    /// It is about no money.
    NoMoney,
    /// Our books do not have it. A file is not believed: WeChat is asked, and what it answers goes the ordinary way.
    Ask {
        /// Meanwhile.
        kind: DifferenceKind,
        /// What is to be asked.
        about: Question,
    },
    /// It contradicts our books, and asking would not help.
    Differs {
        /// What differs.
        kind: DifferenceKind,
        /// What our books say, in fen.
        in_books: Option<Fen>,
        /// For people.
        detail: String,
    },
}

/// What is to be asked of WeChat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// The state of an order.
    Order(OutTradeNo),
    /// The state of a refund.
    Refund(OutRefundNo),
}

impl Question {
    /// The task that asks it.
    pub fn task(&self, payment: &Payment, now: Timestamp) -> Task {
        match self {
            Self::Order(number) => payment::decide::query_task(payment, number, now),
            Self::Refund(number) => refund::decide::query_task(payment, number, now),
        }
    }
}

fn differs(kind: DifferenceKind, in_books: Option<Fen>, detail: String) -> Verdict {
    Verdict::Differs {
        kind,
        in_books,
        detail,
    }
}

/// Compares a line of a merchant's bill with the payment that owns its order, if there is one.
pub fn judge(row: &BillRow, mchid: &Mchid, payment: Option<&Payment>) -> Verdict {
    if row.mchid != mchid.as_str() {
        let detail = format!("a line of merchant {} in the bill of {mchid}", row.mchid);
        return differs(DifferenceKind::ForeignMerchant, None, detail);
    }
    match &row.kind {
        RowKind::Revoked => return Verdict::NoMoney,
        RowKind::Other(state) => {
            let detail =
                format!("a line with the state {state:?}, which this version does not know");
            return differs(DifferenceKind::UnknownState, None, detail);
        }
        RowKind::Paid { .. } | RowKind::Refunded { .. } => {}
    }
    let unknown = || {
        let detail = "this out_trade_no is not in our books".to_owned();
        differs(DifferenceKind::UnknownOrder, None, detail)
    };
    let (Some(payment), Some(numbers)) = (payment, row.numbers()) else {
        return unknown();
    };
    let Some(attempt) = payment.attempt(&numbers.out_trade_no) else {
        return unknown();
    };
    let order = || Question::Order(numbers.out_trade_no.clone());
    match (&row.kind, numbers.refund) {
        (RowKind::Paid { total }, _) if *total != attempt.amount => amounts(attempt.amount, *total),
        (RowKind::Paid { .. }, _) => match &attempt.state {
            AttemptState::Paid { transaction_id } if *transaction_id == numbers.transaction_id => {
                Verdict::Matched
            }
            AttemptState::Paid { transaction_id } => numbers_differ(
                attempt.amount,
                transaction_id.as_str(),
                numbers.transaction_id.as_str(),
            ),
            AttemptState::Recorded
            | AttemptState::Open
            | AttemptState::Closed
            | AttemptState::Rejected { .. } => Verdict::Ask {
                kind: DifferenceKind::NotPaidHere,
                about: order(),
            },
        },
        (RowKind::Refunded { amount, .. }, Some((number, wechat_id))) => {
            let is_paid = matches!(attempt.state, AttemptState::Paid { .. });
            let ask = || Verdict::Ask {
                kind: DifferenceKind::RefundNotHere,
                // A refund of an order that is not paid here: the payment comes first.
                about: if is_paid {
                    Question::Refund(number.clone())
                } else {
                    order()
                },
            };
            let Some(refund) = payment.refund(&number) else {
                return ask();
            };
            if refund.amount != *amount {
                return amounts(refund.amount, *amount);
            }
            if refund.out_trade_no != numbers.out_trade_no {
                return numbers_differ(
                    refund.amount,
                    refund.out_trade_no.as_str(),
                    numbers.out_trade_no.as_str(),
                );
            }
            match (&refund.state, &refund.wechat_id) {
                // WeChat has it; whoever believes otherwise asks.
                (RefundState::Recorded | RefundState::Rejected { .. }, _) => ask(),
                (
                    RefundState::Processing
                    | RefundState::Abnormal
                    | RefundState::Succeeded { .. }
                    | RefundState::Closed { .. },
                    Some(known),
                ) if *known != wechat_id => {
                    numbers_differ(refund.amount, known.as_str(), wechat_id.as_str())
                }
                (
                    RefundState::Processing
                    | RefundState::Abnormal
                    | RefundState::Succeeded { .. }
                    | RefundState::Closed { .. },
                    _,
                ) => Verdict::Matched,
            }
        }
        (RowKind::Refunded { .. } | RowKind::Revoked | RowKind::Other(_), _) => unknown(),
    }
}

fn amounts(in_books: Fen, in_bill: Fen) -> Verdict {
    let detail = format!(
        "our books say {} fen, the bill says {} fen",
        in_books.get(),
        in_bill.get()
    );
    differs(DifferenceKind::AmountDiffers, Some(in_books), detail)
}

fn numbers_differ(amount: Fen, in_books: &str, in_bill: &str) -> Verdict {
    let detail = format!("our books say {in_books}, the bill says {in_bill}");
    differs(DifferenceKind::NumberDiffers, Some(amount), detail)
}
