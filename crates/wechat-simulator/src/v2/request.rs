//! A request of the older protocol: read it, prove who sent it, do the work, sign the answer as the request was signed.

mod answer;

use wechatpay::v2::{ApiKey, Fields, SignType};
use wechatpay::v3::RawResponse;

use answer::{cut, error_instead, file, xml};

use super::Call;
use super::document::Document;
use super::read::Read;
use super::refusal::No;
use crate::assumptions::ClientCertificate;
use crate::fault::{Fault, FaultKind};
use crate::heart::Wechat;
use crate::log::Checks;
use crate::message::{Connection, WireRequest};
use crate::seal::Flaw;

/// Who sent a request, proven by its signature.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) mch_id: String,
    pub(crate) appid: String,
    pub(crate) sign_type: SignType,
    key: ApiKey,
    device_info: Option<String>,
}

/// What a call that worked answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Yes {
    /// Fields, to be signed.
    Fields(Document),
    /// Fields that are never signed.
    Unsigned(Document),
    /// A file.
    File {
        body: Vec<u8>,
        digest: Option<String>,
    },
}

impl Wechat {
    pub(crate) fn v2(
        &mut self,
        call: Call,
        request: &WireRequest,
        fault: Option<&Fault>,
        checks: &mut Checks,
    ) -> RawResponse {
        let kind = fault.map(|fault| fault.fault);
        let (sender, fields) = match self.v2_prove(call, request, checks) {
            Ok(proven) => proven,
            Err(no) => return self.v2_refuse(call, None, no, Flaw::None),
        };
        let result = match fault.and_then(error_instead) {
            Some(no) => Err(no),
            None => self.v2_perform(call, &sender, &fields, checks),
        };
        let result = match kind {
            Some(FaultKind::SystemErrorAfter) => Err(No::system_error()),
            _ => result,
        };
        if kind == Some(FaultKind::KeySwitch) {
            self.switch_to_other_key(&sender.mch_id);
        }
        let flaw = kind.map_or(Flaw::None, Flaw::of);
        let mut response = match result {
            Ok(Yes::Fields(document)) => {
                let document = self
                    .v2_head(&sender)
                    .with("result_code", "SUCCESS")
                    .extend(document);
                checks.note("answer_signature", flaw == Flaw::None, || {
                    format!(
                        "the answer is signed as the request was, {}; flaw: {flaw:?}",
                        sender.sign_type.as_str()
                    )
                });
                self.v2_signed(&sender, document, flaw)
            }
            Ok(Yes::Unsigned(document)) => {
                let body = document.to_xml("xml", self.assumptions.v2_cdata);
                xml(cut(body.into_bytes(), flaw))
            }
            Ok(Yes::File { body, digest }) => file(cut(body, flaw), digest),
            Err(no) => self.v2_refuse(call, Some(&sender), no, flaw),
        };
        if kind == Some(FaultKind::Error)
            && let Some(status) = fault.and_then(|fault| fault.status)
        {
            response.status = status;
        }
        response
    }

    /// Everything WeChat wants to know before it looks at what is asked.
    fn v2_prove(
        &mut self,
        call: Call,
        request: &WireRequest,
        checks: &mut Checks,
    ) -> Result<(Sender, Fields), No> {
        if request.method != "POST" {
            return Err(No::unsigned("请使用post方法"));
        }
        if request.body.is_empty() {
            return Err(No::unsigned("post数据为空"));
        }
        let Ok(text) = std::str::from_utf8(&request.body) else {
            return Err(No::unsigned("未使用指定编码格式UTF-8"));
        };
        let fields = Fields::parse(&request.body);
        checks.note("xml", fields.is_ok(), || match &fields {
            Ok(_) => "the body is one flat document".to_owned(),
            Err(why) => why.to_string(),
        });
        let fields = fields.map_err(|_| No::unsigned("XML格式错误"))?;
        if text.chars().any(|c| c.len_utf8() > 3) {
            return Err(No::unsigned("输入参数含有4字节的UTF-8字符"));
        }
        for name in ["appid", "mch_id", "nonce_str", "sign"] {
            if fields.get(name).is_none() {
                return Err(No::unsigned(format!("缺少参数 {name}")));
            }
        }
        let sender = self.v2_signature(call, &fields, checks)?;
        self.v2_certificate(call, &sender, &request.connection, checks)?;
        Ok((sender, fields))
    }

    fn v2_signature(&self, call: Call, fields: &Fields, checks: &mut Checks) -> Result<Sender, No> {
        let own = |name| fields.get(name).unwrap_or_default().to_owned();
        let mch_id = own("mch_id");
        let sign_type = match fields.get("sign_type") {
            None | Some("MD5") => SignType::Md5,
            Some("HMAC-SHA256") => SignType::HmacSha256,
            Some(_) => return Err(No::unsigned("sign_type参数错误")),
        };
        if call.only_sign_type().is_some_and(|only| only != sign_type) {
            return Err(No::unsigned("签名类型不支持"));
        }
        let merchant = self.book.merchants.get(&mch_id);
        let key = merchant.and_then(|merchant| merchant.api_key.as_ref());
        checks.note("mch_id", key.is_some(), || match merchant {
            None => format!("there is no merchant {mch_id}"),
            Some(_) if key.is_none() => format!("merchant {mch_id} has not set an API key"),
            Some(_) => format!("merchant {mch_id} has an API key"),
        });
        let Some(key) = key else {
            return Err(No::unsigned("商户号mch_id不存在，或未设置API密钥"));
        };
        let genuine = fields.is_signed(sign_type, key);
        checks.note_text(
            "signature",
            genuine,
            || {
                format!(
                    "{} over all fields but sign and the empty ones, with the API key of {mch_id}",
                    sign_type.as_str()
                )
            },
            || Some(signed_text(fields)),
        );
        if !genuine {
            return Err(No::unsigned("签名错误，请检查后再试"));
        }
        if own("nonce_str").chars().count() > 32 {
            return Err(No::unsigned("nonce_str参数长度有误"));
        }
        Ok(Sender {
            key: key.clone(),
            appid: own("appid"),
            device_info: fields.get("device_info").map(str::to_owned),
            mch_id,
            sign_type,
        })
    }

    /// Whether the connection presented the certificate that money going out needs.
    fn v2_certificate(
        &self,
        call: Call,
        sender: &Sender,
        connection: &Connection,
        checks: &mut Checks,
    ) -> Result<(), No> {
        if !call.needs_certificate() {
            return Ok(());
        }
        let needed = match self.assumptions.v2_client_certificate {
            ClientCertificate::Always => true,
            ClientCertificate::Never => false,
            ClientCertificate::OverTls => *connection != Connection::Plain,
        };
        let serial_no = match connection {
            Connection::Tls {
                certificate: Some(serial_no),
            } => Some(serial_no),
            Connection::Plain | Connection::Tls { certificate: None } => None,
        };
        let genuine = serial_no.is_some_and(|serial_no| {
            self.book
                .merchant_certificate(&sender.mch_id, serial_no)
                .is_some_and(|certificate| !certificate.replaced)
        });
        checks.note("client_certificate", genuine || !needed, || {
            match serial_no {
                Some(serial_no) => format!(
                    "the connection presented {serial_no}; an API certificate of {} in use: {genuine}",
                    sender.mch_id
                ),
                None => format!("the connection presented no certificate; needed: {needed}"),
            }
        });
        if genuine || !needed {
            Ok(())
        } else if serial_no.is_some() {
            // UNCONFIRMED: the exact texts of both.
            Err(No::unsigned("证书验证失败，请使用商户号对应的API证书"))
        } else {
            Err(No::unsigned("请求未携带API证书"))
        }
    }

    fn v2_perform(
        &mut self,
        call: Call,
        sender: &Sender,
        fields: &Fields,
        checks: &mut Checks,
    ) -> Result<Yes, No> {
        self.v2_app(sender, checks)?;
        // The rules are read while the books change.
        let assumptions = self.assumptions.clone();
        let read = Read {
            fields,
            assumptions: &assumptions,
        };
        match call {
            Call::UnifiedOrder => self.unified_order(sender, read, checks).map(Yes::Fields),
            Call::OrderQuery => self.order_query(sender, read, checks).map(Yes::Fields),
            Call::CloseOrder => self.close_order(sender, read, checks).map(Yes::Fields),
            Call::Refund => self.v2_refund(sender, read, checks).map(Yes::Fields),
            Call::RefundQuery => self.v2_refund_query(sender, read, checks).map(Yes::Fields),
            Call::Micropay => self.micropay(sender, read, checks).map(Yes::Fields),
            Call::Reverse => self.v2_reverse(sender, read, checks).map(Yes::Fields),
            Call::AuthCodeToOpenid => self
                .auth_code_to_openid(sender, read, checks)
                .map(Yes::Fields),
            Call::DownloadBill => self.download_bill(sender, read),
            Call::DownloadFundFlow => self.download_fund_flow(sender, read),
            Call::Report => Ok(Yes::Unsigned(
                Document::new()
                    .with("return_code", "SUCCESS")
                    .with("return_msg", "OK")
                    .with("result_code", "SUCCESS"),
            )),
        }
    }

    /// The app must exist and be bound to the merchant.
    fn v2_app(&self, sender: &Sender, checks: &mut Checks) -> Result<(), No> {
        let Sender { appid, mch_id, .. } = sender;
        let exists = self.book.apps.contains_key(appid);
        let bound = self
            .book
            .merchants
            .get(mch_id)
            .is_some_and(|merchant| merchant.apps.contains(appid));
        checks.note("appid", bound, || {
            let relation = if bound { "is bound" } else { "is not bound" };
            format!("app {appid} {relation} to merchant {mch_id}")
        });
        if bound {
            Ok(())
        } else if exists {
            let message = "appid和mch_id不匹配，请检查绑定关系";
            Err(No::business("APPID_MCHID_NOT_MATCH", message))
        } else {
            Err(No::business(
                "APPID_NOT_EXIST",
                "参数中缺少APPID，或APPID不存在",
            ))
        }
    }
}

/// What was signed, but for the key at its end.
fn signed_text(fields: &Fields) -> String {
    let pairs = fields
        .iter()
        .filter(|(name, value)| *name != "sign" && !value.is_empty())
        .map(|(name, value)| format!("{name}={value}&"));
    pairs.chain(["key=***".to_owned()]).collect()
}
