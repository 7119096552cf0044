//! Sending the money of an abnormal refund another way.

use super::{RefundEnd, RefundState};
use crate::authorization::Authenticated;
use crate::heart::{Reply, Wechat};
use crate::log::Checks;
use crate::message::WireRequest;
use crate::refusal::{Refusal, number};
use crate::strict::{self, Object, Text};

const BANKS: [&str; 15] = [
    "CMB", "COMM", "ABC", "CCB", "ICBC", "BOC", "PAB", "SPDB", "CITIC", "CEB", "CMBC", "CIB",
    "GDB", "PSBC", "NBCB",
];

impl Wechat {
    /// `POST /v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund`
    pub(crate) fn abnormal_refund(
        &mut self,
        sender: &Authenticated,
        refund_id: &str,
        request: &WireRequest,
        checks: &mut Checks,
    ) -> Result<Reply, Refusal> {
        let value = strict::parse(&request.body, &self.assumptions)?;
        let mut body = Object::body(&value, &self.assumptions)?;
        let out_refund_no =
            body.required_text("out_refund_no", "商户退款单号", strict::OUT_REFUND_NO)?;
        let kind = body.required_text("type", "异常退款处理方式", Text::up_to(32))?;
        let bank_type = body.text("bank_type", "开户银行", Text::up_to(16))?;
        let account = body.text("bank_account", "收款银行卡号", Text::up_to(1024))?;
        let name = body.text("real_name", "收款用户姓名", Text::up_to(1024))?;
        let to_user = match kind {
            "USER_BANK_CARD" => true,
            "MERCHANT_BANK_CARD" => false,
            _ => {
                return Err(body.refuse(
                    "type",
                    "处理方式只能为 USER_BANK_CARD 或 MERCHANT_BANK_CARD",
                ));
            }
        };
        if to_user {
            let bank = bank_type.ok_or_else(|| body.missing("bank_type", "开户银行"))?;
            if !bank
                .strip_suffix("_DEBIT")
                .is_some_and(|bank| BANKS.contains(&bank))
            {
                return Err(body.refuse("bank_type", "不支持的开户银行"));
            }
            let account = account.ok_or_else(|| body.missing("bank_account", "收款银行卡号"))?;
            self.check_encrypted(sender, request, &body, "bank_account", account, checks)?;
            let name = name.ok_or_else(|| body.missing("real_name", "收款用户姓名"))?;
            self.check_encrypted(sender, request, &body, "real_name", name, checks)?;
        }
        body.finish()?;
        let key = (sender.mchid.clone(), out_refund_no.to_owned());
        self.start_abnormal(&key, refund_id, to_user)
    }

    /// A sensitive field must be encrypted for the key that `Wechatpay-Serial` names.
    fn check_encrypted(
        &self,
        sender: &Authenticated,
        request: &WireRequest,
        body: &Object<'_>,
        name: &'static str,
        text: &str,
        checks: &mut Checks,
    ) -> Result<(), Refusal> {
        let serial = request.header("Wechatpay-Serial").unwrap_or_default();
        let key = self
            .book
            .merchants
            .get(&sender.mchid)
            .and_then(|merchant| merchant.platform.find(serial));
        checks.note("wechatpay_serial", key.is_some(), || {
            format!("sensitive fields are encrypted for {serial:?}, as the request header says")
        });
        let Some(key) = key else {
            let message = "请求头Wechatpay-Serial缺失或有误，无法解密敏感信息";
            return Err(Refusal::query_parameter("Wechatpay-Serial", message));
        };
        let readable = match &key.opener {
            Some(opener) => opener.open(text).is_some_and(|plain| !plain.is_empty()),
            None => true,
        };
        checks.note(name, readable, || {
            if readable {
                "it decrypts with RSA-OAEP (SHA-1)".to_owned()
            } else {
                format!("it does not decrypt with RSA-OAEP (SHA-1) and the key {serial}")
            }
        });
        if readable {
            Ok(())
        } else {
            Err(body.refuse(name, "敏感信息解密失败，请使用微信支付公钥或平台证书加密"))
        }
    }

    fn start_abnormal(
        &mut self,
        key: &(String, String),
        refund_id: &str,
        to_user: bool,
    ) -> Result<Reply, Refusal> {
        let refund = self
            .book
            .refunds
            .get_mut(key)
            .filter(|refund| refund.refund_id == refund_id)
            .ok_or_else(|| {
                Refusal::new(404, "RESOURCE_NOT_EXISTS", number::OTHER, "退款单不存在")
            })?;
        let again = refund.state == RefundState::Processing && refund.channel != "ORIGINAL";
        if refund.state == RefundState::Abnormal {
            refund.state = RefundState::Processing;
            refund.ends_in = RefundEnd::Success;
            (refund.channel, refund.received_by) = if to_user {
                ("OTHER_BANKCARD", "用户银行卡")
            } else {
                ("OTHER_BANKCARD", "商户结算银行账户")
            };
            let delay_ms = self.timing.refund_ms;
            self.schedule_refund(key, delay_ms);
        } else if !(again && self.assumptions.abnormal_refund_reentrant) {
            return Err(Refusal::invalid_request(
                number::OTHER,
                "退款单状态不是异常，不能发起异常退款",
            ));
        }
        match self.book.refunds.get(key) {
            Some(refund) => Ok(Reply::json(200, &refund.view())),
            None => Err(Refusal::system_error()),
        }
    }
}
