//! Bills as files: the trades of a day, and what they moved.

mod row;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use fen::Fen;
use wechatpay::time::format_compact;

use row::{TradeRow, fee_text};

use super::gzip::gzip;
use super::read::Read;
use super::refusal::No;
use super::request::{Sender, Yes};
use super::spaced_time;
use crate::heart::Wechat;
use crate::order::Order;

const TRADE_HEAD: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
const TRADE_SUM_HEAD: &str =
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";
const FLOW_HEAD: &str = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,账户结余（元）,资金变更提交申请人,备注,业务凭证号";
const FLOW_SUM_HEAD: &str = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额";

/// Bills of yesterday are ready at ten in the morning.
const READY_MS: i64 = 10 * 3_600_000;
const DAY_MS: i64 = 86_400_000;
/// Bills are kept for three months.
const KEPT_MS: i64 = 92 * DAY_MS;

/// Why there is no file.
#[derive(Clone, Copy)]
enum Missing {
    NothingThatDay,
    NotYet,
}

impl Wechat {
    /// `POST /pay/downloadbill`
    pub(super) fn download_bill(&self, sender: &Sender, read: Read<'_>) -> Result<Yes, No> {
        let kind = read
            .one_of("bill_type", &["ALL", "SUCCESS", "REFUND"])?
            .unwrap_or("ALL");
        let missing = |why| match why {
            Missing::NothingThatDay => No::business("20002", "No Bill Exist"),
            Missing::NotYet => No::business("20003", "Bill Creating"),
        };
        let day = self.bill_day(read, missing)?;
        let mut rows = Vec::new();
        for order in self.orders_of(sender) {
            let paid = order.payment().or(order.reversed.as_ref());
            if let Some(payment) = paid.filter(|payment| day.has(payment.at_ms) && kind != "REFUND")
            {
                rows.push((payment.at_ms, TradeRow::paid(order, payment)));
            }
            for refund in self.book.refunds_of(order) {
                if day.has(refund.created_ms) && kind != "SUCCESS" {
                    rows.push((refund.created_ms, TradeRow::refunded(order, refund)));
                }
            }
        }
        if rows.is_empty() {
            return Err(missing(Missing::NothingThatDay));
        }
        rows.sort_by_key(|(at_ms, _)| *at_ms);
        let sum = |amount: fn(&TradeRow) -> i64| {
            Fen::new(rows.iter().map(|(_, row)| amount(row)).sum::<i64>()).to_yuan()
        };
        let fees: i64 = rows.iter().map(|(_, row)| row.fee).sum();
        let sums = [
            format!("{}.0", rows.len()),
            sum(|row| row.settled),
            sum(|row| row.refunded),
            "0.00".to_owned(),
            fee_text(fees),
            sum(|row| row.total),
            sum(|row| row.refunded),
        ];
        let rows = rows.iter().map(|(_, row)| row.fields.clone());
        let text = table(TRADE_HEAD, rows, TRADE_SUM_HEAD, &sums);
        Ok(Yes::File {
            body: packed(read, text)?,
            digest: None,
        })
    }

    /// `POST /pay/downloadfundflow`
    pub(super) fn download_fund_flow(&self, sender: &Sender, read: Read<'_>) -> Result<Yes, No> {
        let account = read.one_of("account_type", &["Basic", "Operation", "Fees"])?;
        let account = account.ok_or_else(|| No::missing("account_type"))?;
        let missing = |why| match why {
            Missing::NothingThatDay => No::business("NO_BILL_EXIST", "账单不存在"),
            Missing::NotYet => No::business("BILL_CREATING", "账单未生成"),
        };
        let day = self.bill_day(read, missing)?;
        let mut moves = Vec::new();
        for order in self.orders_of(sender).filter(|_| account == "Basic") {
            let paid = order.payment().or(order.reversed.as_ref());
            if let Some(payment) = paid.filter(|payment| day.has(payment.at_ms)) {
                moves.push((
                    payment.at_ms,
                    payment.transaction_id.clone(),
                    "交易",
                    order.total,
                    order.out_trade_no.clone(),
                ));
            }
            for refund in self
                .book
                .refunds_of(order)
                .filter(|refund| day.has(refund.created_ms))
            {
                moves.push((
                    refund.created_ms,
                    refund.refund_id.clone(),
                    "退款",
                    refund.refund,
                    refund.out_refund_no.clone(),
                ));
            }
        }
        if moves.is_empty() {
            return Err(missing(Missing::NothingThatDay));
        }
        moves.sort_by_key(|(at_ms, ..)| *at_ms);
        let (mut balance, mut came, mut went) = (0, Vec::new(), Vec::new());
        let mut rows = Vec::new();
        for (at_ms, id, kind, amount, number) in moves {
            let amount = amount.get();
            let comes = kind == "交易";
            let list = if comes { &mut came } else { &mut went };
            list.push(amount);
            balance += if comes { amount } else { -amount };
            rows.push(vec![
                spaced_time(at_ms),
                id.clone(),
                id,
                kind.to_owned(),
                kind.to_owned(),
                if comes { "收入" } else { "支出" }.to_owned(),
                Fen::new(amount).to_yuan(),
                Fen::new(balance).to_yuan(),
                "system".to_owned(),
                String::new(),
                number,
            ]);
        }
        let yuan = |amounts: &[i64]| Fen::new(amounts.iter().sum()).to_yuan();
        let sums = [
            format!("{}.0", rows.len()),
            format!("{}.0", came.len()),
            yuan(&came),
            format!("{}.0", went.len()),
            yuan(&went),
        ];
        let body = packed(
            read,
            table(FLOW_HEAD, rows.into_iter(), FLOW_SUM_HEAD, &sums),
        )?;
        let sha1 = hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &body));
        Ok(Yes::File {
            digest: Some(format!("SHA={sha1}")),
            body,
        })
    }

    fn orders_of(&self, sender: &Sender) -> impl Iterator<Item = &Order> {
        let mch_id = sender.mch_id.clone();
        let orders = self.book.orders.values();
        orders.filter(move |order| order.mchid == mch_id)
    }

    /// The day a bill is asked for, once its bill exists.
    fn bill_day(&self, read: Read<'_>, missing: impl Fn(Missing) -> No) -> Result<Day, No> {
        let text = read
            .fields
            .get("bill_date")
            .ok_or_else(|| No::missing("bill_date"))?;
        let start = wechatpay::time::parse_compact(&format!("{text}000000"));
        let Some(start_ms) = start.filter(|_| text.len() == 8) else {
            return Err(No::parameter("bill_date参数格式错误，应为yyyyMMdd"));
        };
        let age_ms = self.now_ms - start_ms;
        if age_ms < DAY_MS + READY_MS {
            Err(missing(Missing::NotYet))
        } else if age_ms > KEPT_MS {
            Err(missing(Missing::NothingThatDay))
        } else {
            Ok(Day(format_compact(start_ms)[..8].to_owned()))
        }
    }
}

/// A day in Beijing, `yyyyMMdd`.
struct Day(String);

impl Day {
    fn has(&self, at_ms: i64) -> bool {
        format_compact(at_ms).starts_with(&self.0)
    }
}

/// With the byte order mark and the line ends of real files; every value begins with a backtick.
fn table(
    head: &str,
    rows: impl Iterator<Item = Vec<String>>,
    sum_head: &str,
    sums: &[String],
) -> String {
    let line = |fields: &[String]| format!("`{}\r\n", fields.join(",`"));
    let mut text = format!("\u{feff}{head}\r\n");
    for row in rows {
        text.push_str(&line(&row));
    }
    text.push_str(&format!("{sum_head}\r\n{}", line(sums)));
    text
}

fn packed(read: Read<'_>, text: String) -> Result<Vec<u8>, No> {
    Ok(match read.one_of("tar_type", &["GZIP"])? {
        Some(_) => gzip(text.as_bytes()),
        None => text.into_bytes(),
    })
}
