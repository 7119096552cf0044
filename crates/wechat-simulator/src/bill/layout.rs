//! How lines become a file: which columns it has, and its sums.

use fen::Fen;

use super::edit::Flaws;
use super::line::{TradeLine, fee_text};

/// Which lines and columns a trade bill has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    All,
    Success,
    Refund,
}

const START: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类";
const REFUND: &str = "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态";
const GOODS: &str = "商品名称,商户数据包,手续费,费率";
/// UNCONFIRMED: the exact header of the layout for merchants without coupons of their own. This is one of those that were seen.
const LEGACY: &str = "总金额,代金券或立减优惠金额,微信退款单号,商户退款单号,退款金额,代金券或立减优惠退款金额,退款类型,退款状态";
/// A column no document mentions.
const NEW_COLUMN: &str = "明年的列";

impl Kind {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "ALL" => Some(Self::All),
            "SUCCESS" => Some(Self::Success),
            "REFUND" => Some(Self::Refund),
            _ => None,
        }
    }

    pub(super) fn lists(self, line: &TradeLine) -> bool {
        match self {
            Self::All => true,
            Self::Success => line.refund.is_none(),
            Self::Refund => line.refund.is_some(),
        }
    }

    fn columns(self, flaws: Flaws) -> Vec<String> {
        let amounts = "应结订单金额,代金券金额";
        let all = match self {
            _ if flaws.legacy_columns => format!("{START},{LEGACY},{GOODS}"),
            Self::All => {
                format!("{START},{amounts},{REFUND},{GOODS},订单金额,申请退款金额,费率备注")
            }
            Self::Success => format!("{START},{amounts},{GOODS},订单金额,费率备注"),
            Self::Refund => format!(
                "{START},{amounts},退款申请时间,退款成功时间,{REFUND},{GOODS},订单金额,申请退款金额,费率备注"
            ),
        };
        let mut columns: Vec<String> = all.split(',').map(str::to_owned).collect();
        if flaws.extra_column {
            // In the middle: a reader who counts is off by one from here on.
            columns.insert(12, NEW_COLUMN.to_owned());
        }
        columns
    }

    fn sums(self, lines: &[TradeLine], flaws: Flaws) -> Vec<(&'static str, String)> {
        let sum = |amount: &dyn Fn(&TradeLine) -> i64| {
            trimmed(&Fen::new(lines.iter().map(amount).sum::<i64>()).to_yuan())
        };
        let count = ("总交易单数", format!("{}.0", lines.len()));
        let settled = sum(&|line| line.settled);
        let refunded = sum(&|line| line.refund.as_ref().map_or(0, |refund| refund.settled));
        let asked = sum(&|line| line.refund.as_ref().map_or(0, |refund| refund.amount));
        let fees = trimmed(&fee_text(lines.iter().map(|line| line.fee).sum()));
        let none = "0.0".to_owned();
        let total = sum(&|line| line.total);
        match self {
            _ if flaws.legacy_columns => vec![
                count,
                ("总交易额", settled),
                ("总退款金额", refunded),
                ("总代金券或立减优惠退款金额", none),
                ("手续费总金额", fees),
            ],
            Self::All | Self::Refund => vec![
                count,
                ("应结订单总金额", settled),
                ("退款总金额", refunded),
                ("充值券退款总金额", none),
                ("手续费总金额", fees),
                ("订单总金额", total),
                ("申请退款总金额", asked),
            ],
            Self::Success => vec![
                count,
                ("应结订单总金额", settled),
                ("手续费总金额", fees),
                ("订单总金额", total),
            ],
        }
    }
}

pub(super) fn write(kind: Kind, lines: &[TradeLine], flaws: Flaws) -> String {
    let columns = kind.columns(flaws);
    let rows = lines
        .iter()
        .map(|line| columns.iter().map(|column| line.field(column)).collect());
    let (names, sums): (Vec<&str>, Vec<String>) = kind.sums(lines, flaws).into_iter().unzip();
    table(&columns.join(","), rows, &names.join(","), &sums)
}

/// With the byte order mark and the line ends of real files; every value begins with a backtick.
pub(super) fn table(
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

/// Sums end at their last digit that is not zero, as in the published sample: `19.9`, `0.0`.
pub(super) fn trimmed(decimal: &str) -> String {
    let short = decimal.trim_end_matches('0');
    if short.ends_with('.') {
        format!("{short}0")
    } else {
        short.to_owned()
    }
}
