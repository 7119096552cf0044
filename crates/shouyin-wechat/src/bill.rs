//! Bills.

use shouyin_core::id::Appid;
use shouyin_core::outcome::{Doubt, Outcome};
use shouyin_core::ports::Clock;
use shouyin_core::reconciliation::model::{Bill, BillAnswer, BillRow, RowKind};
use shouyin_core::time::BillDate;
use wechatpay::bill::{self, Absence, BillType, TradeBill, TradeKind, TradeRow};
use wechatpay::v3::bill::ApplyTradeBill;
use wechatpay::{text, v3};

use crate::account::Account;
use crate::limits::Call;
use crate::protocol::V2;

/// By APIv3: asked for, fetched, compared with the hash that WeChat signed.
pub(crate) async fn v3(
    account: &Account,
    client: &v3::Client,
    clock: Option<&dyn Clock>,
    date: BillDate,
) -> Outcome<BillAnswer> {
    let Some(date) = wechat_date(date) else {
        return no_such_day(date);
    };
    let asked = ApplyTradeBill {
        date,
        bill_type: BillType::All,
        gzip: true,
    };
    let applied = account.send(clock, Call::Bill, client.send(&asked), Ok);
    match applied.await {
        Outcome::Succeeded(ticket) => {
            let fetched = client.download_bill(&ticket);
            account.send(clock, Call::Bill, fetched, read).await
        }
        Outcome::Rejected(refusal) => match Absence::said(&refusal.code, &refusal.message) {
            Some(Absence::NotReady) => Outcome::Succeeded(BillAnswer::NotReady),
            // That there is none may be believed one day, so it must be WeChat who says so.
            Some(Absence::NoBill) if refusal.verified => Outcome::Succeeded(BillAnswer::None),
            Some(Absence::NoBill) | None => Outcome::Rejected(refusal),
        },
        Outcome::Blocked(refusal) => Outcome::Blocked(refusal),
        Outcome::Unknown(doubt) => Outcome::Unknown(doubt),
    }
}

/// By the older protocol: one answer, which nobody signs. `appid` is any app of the merchant's: the bill is of all of them.
pub(crate) async fn v2(
    account: &Account,
    client: &V2,
    clock: Option<&dyn Clock>,
    appid: &Appid,
    date: BillDate,
) -> Outcome<BillAnswer> {
    let (Some(day), Ok(appid)) = (wechat_date(date), text::Appid::parse(appid.as_str())) else {
        return no_such_day(date);
    };
    let fetched = client.client.download_bill(&appid, day, BillType::All);
    match account.send(clock, Call::Bill, fetched, read).await {
        Outcome::Rejected(refusal) => match Absence::said(&refusal.code, &refusal.message) {
            Some(Absence::NotReady) => Outcome::Succeeded(BillAnswer::NotReady),
            Some(Absence::NoBill) => Outcome::Succeeded(BillAnswer::None),
            None => Outcome::Rejected(refusal),
        },
        other @ (Outcome::Succeeded(_) | Outcome::Blocked(_) | Outcome::Unknown(_)) => other,
    }
}

fn wechat_date(date: BillDate) -> Option<bill::BillDate> {
    bill::BillDate::parse(&date.to_string())
}

fn no_such_day(date: BillDate) -> Outcome<BillAnswer> {
    Outcome::Unknown(Doubt {
        reason: format!("{date} cannot be asked for"),
        code: None,
        request_id: None,
        not_sent: true,
    })
}

fn read(text: Vec<u8>) -> Result<BillAnswer, String> {
    let bill = TradeBill::parse(&text).map_err(|why| why.to_string())?;
    let rows = bill.rows.into_iter().map(row).collect();
    Ok(BillAnswer::Bill(Bill { rows }))
}

fn row(row: TradeRow) -> BillRow {
    let foreign_money = !matches!(row.currency.as_str(), "CNY" | "");
    BillRow {
        kind: match row.kind {
            TradeKind::Revoked => RowKind::Revoked,
            TradeKind::Other(state) => RowKind::Other(state),
            TradeKind::Paid | TradeKind::Refunded(_) if foreign_money => {
                RowKind::Other(row.currency)
            }
            TradeKind::Paid => RowKind::Paid { total: row.total },
            TradeKind::Refunded(part) => RowKind::Refunded {
                out_refund_no: part.out_refund_no,
                refund_id: part.refund_id,
                amount: part.amount,
            },
        },
        fee: row.fee.get(),
        mchid: row.mchid,
        out_trade_no: row.out_trade_no,
        transaction_id: row.transaction_id,
    }
}

#[cfg(test)]
mod tests;
