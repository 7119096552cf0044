//! The files of the older protocol: the same lines as APIv3's, in the answer itself.

use wechatpay::bill::BillDate;

use super::read::Read;
use super::refusal::No;
use super::request::{Sender, Yes};
use crate::bill::{Kind, Missing};
use crate::heart::Wechat;

impl Wechat {
    /// `POST /pay/downloadbill`
    pub(super) fn download_bill(&mut self, sender: &Sender, read: Read<'_>) -> Result<Yes, No> {
        let kind = read.one_of("bill_type", &["ALL", "SUCCESS", "REFUND"])?;
        let kind = kind.and_then(Kind::parse).unwrap_or(Kind::All);
        let (date, packed) = (date(read)?, packed(read)?);
        let file = self.trade_bill(&sender.mch_id, date, kind);
        let file = file.map_err(|missing| match missing {
            Missing::NothingThatDay | Missing::TooOld => No::business("20002", "No Bill Exist"),
            Missing::NotYet | Missing::NotOver => No::business("20003", "Bill Creating"),
        })?;
        Ok(Yes::File {
            body: file.body(packed),
            digest: None,
        })
    }

    /// `POST /pay/downloadfundflow`
    pub(super) fn download_fund_flow(
        &mut self,
        sender: &Sender,
        read: Read<'_>,
    ) -> Result<Yes, No> {
        let account = read.one_of("account_type", &["Basic", "Operation", "Fees"])?;
        let account = account.ok_or_else(|| No::missing("account_type"))?;
        let (date, packed) = (date(read)?, packed(read)?);
        let file = self.flow_bill(&sender.mch_id, date, account == "Basic", true);
        let file = file.map_err(|missing| match missing {
            Missing::NothingThatDay | Missing::TooOld => {
                No::business("NO_BILL_EXIST", "账单不存在")
            }
            Missing::NotYet | Missing::NotOver => No::business("BILL_CREATING", "账单未生成"),
        })?;
        Ok(Yes::File {
            digest: Some(format!("SHA={}", file.sha1)),
            body: file.body(packed),
        })
    }
}

fn date(read: Read<'_>) -> Result<BillDate, No> {
    let text = read
        .fields
        .get("bill_date")
        .ok_or_else(|| No::missing("bill_date"))?;
    let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| BillDate::parse(&format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..])))
        .flatten()
        .ok_or_else(|| No::parameter("bill_date参数格式错误，应为yyyyMMdd"))
}

fn packed(read: Read<'_>) -> Result<bool, No> {
    Ok(read.one_of("tar_type", &["GZIP"])?.is_some())
}
