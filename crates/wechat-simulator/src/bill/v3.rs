//! The calls of APIv3: `/v3/bill/tradebill`, `/v3/bill/fundflowbill`, and the address they give.

use serde_json::json;
use wechatpay::bill::BillDate;

use super::file::File;
use super::{Kind, Missing};
use crate::authorization::Authenticated;
use crate::heart::{Reply, Wechat};
use crate::log::Checks;
use crate::message::{Connection, WireRequest};
use crate::refusal::{Refusal, number};
use crate::route::query_parameter;

/// How long an address is good.
const TICKET_LIFE_MS: i64 = 5 * 60_000;

/// A file waiting to be fetched.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    mchid: String,
    until_ms: i64,
    packed: bool,
    body: Vec<u8>,
}

impl Wechat {
    /// `GET /v3/bill/tradebill`
    pub(crate) fn apply_trade_bill(
        &mut self,
        sender: &Authenticated,
        request: &WireRequest,
    ) -> Result<Reply, Refusal> {
        let kind =
            query_parameter(&request.target, "bill_type").unwrap_or_else(|| "ALL".to_owned());
        let Some(kind) = Kind::parse(&kind) else {
            return Err(Refusal::query_parameter(
                "bill_type",
                "账单类型只能为 ALL、SUCCESS 或 REFUND",
            ));
        };
        let (date, packed) = (date(request)?, packed(request)?);
        let file = self
            .trade_bill(&sender.mchid, date, kind)
            .map_err(refusal)?;
        Ok(self.ticket(sender, request, file, packed))
    }

    /// `GET /v3/bill/fundflowbill`
    pub(crate) fn apply_fund_flow_bill(
        &mut self,
        sender: &Authenticated,
        request: &WireRequest,
    ) -> Result<Reply, Refusal> {
        let account =
            query_parameter(&request.target, "account_type").unwrap_or_else(|| "BASIC".to_owned());
        if !matches!(account.as_str(), "BASIC" | "OPERATION" | "FEES") {
            return Err(Refusal::query_parameter(
                "account_type",
                "资金账户类型只能为 BASIC、OPERATION 或 FEES",
            ));
        }
        let (date, packed) = (date(request)?, packed(request)?);
        let file = self
            .flow_bill(&sender.mchid, date, account == "BASIC", false)
            .map_err(refusal)?;
        Ok(self.ticket(sender, request, file, packed))
    }

    fn ticket(
        &mut self,
        sender: &Authenticated,
        request: &WireRequest,
        file: File,
        packed: bool,
    ) -> Reply {
        let now_ms = self.now_ms;
        self.bills
            .tickets
            .retain(|_, ticket| ticket.until_ms > now_ms);
        let token = self.ids.nonce();
        let sha1 = file.sha1.clone();
        let ticket = Ticket {
            mchid: sender.mchid.clone(),
            until_ms: now_ms + TICKET_LIFE_MS,
            packed,
            body: file.body(packed),
        };
        self.bills.tickets.insert(token.clone(), ticket);
        let tar_type = if packed { "&tartype=gzip" } else { "" };
        let url = format!(
            "{}/v3/billdownload/file?token={token}{tar_type}",
            origin(request)
        );
        Reply::json(
            200,
            &json!({ "hash_type": "SHA1", "hash_value": sha1, "download_url": url }),
        )
    }

    /// `GET /v3/billdownload/file`
    pub(crate) fn download_bill_file(
        &self,
        sender: &Authenticated,
        request: &WireRequest,
        checks: &mut Checks,
    ) -> Result<Reply, Refusal> {
        let token = query_parameter(&request.target, "token").unwrap_or_default();
        let ticket = self.bills.tickets.get(&token);
        let fresh = ticket.filter(|ticket| ticket.until_ms > self.now_ms);
        checks.note("token", fresh.is_some(), || match (ticket, fresh) {
            (None, _) => "no address with this token was given out, or long ago".to_owned(),
            (Some(_), None) => "the address was good for five minutes".to_owned(),
            (Some(_), Some(_)) => "the address is good".to_owned(),
        });
        let Some(ticket) = fresh else {
            return Err(Refusal::invalid_request(
                number::OTHER,
                "账单下载地址已失效，请重新申请账单",
            ));
        };
        // Older pages of the documentation: the extension of a compressed file belongs to the address.
        let as_given = query_parameter(&request.target, "tartype").is_some() == ticket.packed;
        checks.note("download_url", as_given, || {
            "the address must be used exactly as it was given".to_owned()
        });
        if !as_given {
            return Err(Refusal::invalid_request(number::OTHER, "账单下载地址有误"));
        }
        if ticket.mchid != sender.mchid {
            return Err(Refusal::new(
                403,
                "NO_AUTH",
                number::OTHER,
                "无权下载其他商户的账单",
            ));
        }
        Ok(Reply {
            status: 200,
            body: ticket.body.clone(),
            number: number::OK,
            content_type: if ticket.packed {
                "application/octet-stream"
            } else {
                "text/plain"
            },
        })
    }
}

fn date(request: &WireRequest) -> Result<BillDate, Refusal> {
    let Some(text) = query_parameter(&request.target, "bill_date") else {
        return Err(Refusal::query_parameter("bill_date", "缺少参数 bill_date"));
    };
    BillDate::parse(&text)
        .ok_or_else(|| Refusal::invalid_request(number::OTHER, "bill_date格式错误，应为yyyy-MM-dd"))
}

fn packed(request: &WireRequest) -> Result<bool, Refusal> {
    match query_parameter(&request.target, "tar_type").as_deref() {
        None => Ok(false),
        Some("GZIP") => Ok(true),
        Some(_) => Err(Refusal::query_parameter("tar_type", "压缩类型只能为 GZIP")),
    }
}

fn refusal(missing: Missing) -> Refusal {
    match missing {
        Missing::NotYet => Refusal::new(
            400,
            "STATEMENT_CREATING",
            number::OTHER,
            "账单生成中，请稍后再试",
        ),
        Missing::NothingThatDay => {
            Refusal::new(400, "NO_STATEMENT_EXIST", number::OTHER, "账单文件不存在")
        }
        Missing::NotOver => {
            Refusal::invalid_request(number::OTHER, "账单日期不能为当日或未来的日期")
        }
        Missing::TooOld => Refusal::invalid_request(number::OTHER, "仅支持三个月内的账单下载申请"),
    }
}

/// Where the caller reached us; the documented host if it did not say.
fn origin(request: &WireRequest) -> String {
    match request.header("Host") {
        Some(host) => match request.connection {
            Connection::Plain => format!("http://{host}"),
            Connection::Tls { .. } => format!("https://{host}"),
        },
        None => "https://api.mch.weixin.qq.com".to_owned(),
    }
}
