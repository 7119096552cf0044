//! The fund-flow bill.

use fen::Fen;
use wechatpay::bill::BillDate;

use super::Missing;
use super::file::File;
use super::layout::{table, trimmed};
use crate::heart::Wechat;
use crate::v2::spaced_time;

const SUM_HEAD: &str = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额";

/// One movement.
struct Move {
    at_ms: i64,
    id: String,
    comes: bool,
    amount: i64,
    number: String,
}

impl Wechat {
    /// The fund flow of a day, faults included. Only the basic account has any; `full_width` chooses the parentheses in the names of columns.
    pub(crate) fn flow_bill(
        &mut self,
        mchid: &str,
        date: BillDate,
        basic: bool,
        full_width: bool,
    ) -> Result<File, Missing> {
        self.bill_is_there(date)?;
        let flaws = self.play_bill_faults(mchid, date);
        flaws.check()?;
        let moves = if basic {
            self.moves_of_day(mchid, date)
        } else {
            Vec::new()
        };
        if moves.is_empty() {
            return Err(Missing::NothingThatDay);
        }
        Ok(File::new(write(moves, full_width), flaws))
    }

    fn moves_of_day(&self, mchid: &str, date: BillDate) -> Vec<Move> {
        let mut moves = Vec::new();
        for order in self.orders_of(mchid) {
            if let Some(payment) = order.payment().or(order.reversed.as_ref()) {
                moves.push(Move {
                    at_ms: payment.at_ms,
                    id: payment.transaction_id.clone(),
                    comes: true,
                    amount: order.total.get(),
                    number: order.out_trade_no.clone(),
                });
            }
            moves.extend(self.book.refunds_of(order).map(|refund| Move {
                at_ms: refund.created_ms,
                id: refund.refund_id.clone(),
                comes: false,
                amount: refund.refund.get(),
                number: refund.out_refund_no.clone(),
            }));
        }
        moves.retain(|movement| BillDate::of_unix_ms(movement.at_ms) == Some(date));
        moves.sort_by_key(|movement| movement.at_ms);
        moves
    }
}

fn write(moves: Vec<Move>, full_width: bool) -> String {
    let (open, close) = if full_width {
        ("（", "）")
    } else {
        ("(", ")")
    };
    let head = format!(
        "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额{open}元{close},账户结余{open}元{close},资金变更提交申请人,备注,业务凭证号"
    );
    let sums = |comes: bool| {
        let of = moves.iter().filter(|movement| movement.comes == comes);
        let sum = of.clone().map(|movement| movement.amount).sum::<i64>();
        [
            format!("{}.0", of.count()),
            trimmed(&Fen::new(sum).to_yuan()),
        ]
    };
    let [came, came_fen] = sums(true);
    let [went, went_fen] = sums(false);
    let sums = [format!("{}.0", moves.len()), came, came_fen, went, went_fen];
    let mut balance = 0;
    let rows = moves.into_iter().map(|movement| {
        let (kind, direction) = if movement.comes {
            ("交易", "收入")
        } else {
            ("退款", "支出")
        };
        balance += if movement.comes {
            movement.amount
        } else {
            -movement.amount
        };
        vec![
            spaced_time(movement.at_ms),
            movement.id.clone(),
            movement.id,
            kind.to_owned(),
            kind.to_owned(),
            direction.to_owned(),
            Fen::new(movement.amount).to_yuan(),
            Fen::new(balance).to_yuan(),
            "system".to_owned(),
            String::new(),
            movement.number,
        ]
    });
    table(&head, rows, SUM_HEAD, &sums)
}
