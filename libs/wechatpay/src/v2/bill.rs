//! Bills as files. They are *not signed*: what they say has to be compared with our own books before anything follows from it. Read them with
//! [`crate::bill`], which finds those that were cut off.

use sha1_digest::is_sha1;

use super::client::Client;
use super::fields::Fields;
use super::key::SignType;
use super::operation::Path;
use crate::bill::{LARGEST_BILL, unpack};
use crate::text::Appid;
use crate::v3::{ApiError, ErrorSignature, Outcome, RawResponse, Unknown, UnknownReason};

mod sha1_digest;
#[cfg(test)]
mod tests;

pub use crate::bill::{Absence, BillDate, BillType, FundAccount};

const fn account_type(account: FundAccount) -> &'static str {
    match account {
        FundAccount::Basic => "Basic",
        FundAccount::Operation => "Operation",
        FundAccount::Fees => "Fees",
    }
}

impl Client {
    /// The trade bill of a day: `/pay/downloadbill`, as text. It is ready after 10:00 the next day and kept for three months.
    ///
    /// `No Bill Exist` and `Bill Creating` come as rejections that are not signed, see [`Absence::of`].
    pub async fn download_bill(
        &self,
        appid: &Appid,
        date: BillDate,
        bill_type: BillType,
    ) -> Outcome<Vec<u8>> {
        let fields = Fields::new()
            .with("appid", appid.as_str())
            .with("bill_date", date.compact())
            .with("bill_type", bill_type.as_str())
            .with("tar_type", "GZIP");
        let sign_type = self.account().sign_type;
        match self
            .fetch(
                Path::open("/pay/downloadbill"),
                fields,
                sign_type,
                LARGEST_BILL,
            )
            .await
        {
            Ok(response) => file(response),
            Err(unknown) => Outcome::Unknown(unknown),
        }
    }

    /// The fund flow of a day: `/pay/downloadfundflow`, as text, with the merchant's certificate. Its digest is checked when there is one.
    pub async fn download_fund_flow(
        &self,
        appid: &Appid,
        date: BillDate,
        account: FundAccount,
    ) -> Outcome<Vec<u8>> {
        let fields = Fields::new()
            .with("appid", appid.as_str())
            .with("bill_date", date.compact())
            .with("account_type", account_type(account));
        // Nothing else is accepted there (WeChat Pay v2 documentation, "download fund flow").
        let path = Path::with_certificate("/pay/downloadfundflow");
        match self
            .fetch(path, fields, SignType::HmacSha256, LARGEST_BILL)
            .await
        {
            Ok(response) if !is_sha1(&response) => {
                let reason = "the digest of the file is wrong".to_owned();
                Outcome::Unknown(Unknown::because(UnknownReason::Unparsable(reason)))
            }
            Ok(response) => file(response),
            Err(unknown) => Outcome::Unknown(unknown),
        }
    }
}

/// A file, or the XML of a failure: told apart by how it begins.
fn file(response: RawResponse) -> Outcome<Vec<u8>> {
    if response.status != 200 {
        return Outcome::Unknown(Unknown::because(UnknownReason::ServerError));
    }
    let text = response
        .body
        .strip_prefix("\u{feff}".as_bytes())
        .unwrap_or(&response.body)
        .trim_ascii_start();
    if !text.starts_with(b"<") {
        return match unpack(response.body, None, LARGEST_BILL) {
            Ok(text) => Outcome::Done(text),
            Err(why) => {
                Outcome::Unknown(Unknown::because(UnknownReason::Unparsable(why.to_string())))
            }
        };
    }
    match Fields::parse(&response.body) {
        Err(error) => Outcome::Unknown(Unknown::because(UnknownReason::Unparsable(
            error.to_string(),
        ))),
        Ok(fields) => {
            let code = fields.get("err_code").or(fields.get("error_code"));
            let message = fields.get("err_code_des").or(fields.get("return_msg"));
            Outcome::Rejected(ApiError {
                status: 200,
                code: code.unwrap_or_default().to_ascii_uppercase(),
                message: message.unwrap_or_default().to_owned(),
                detail: None,
                request_id: None,
                signature: ErrorSignature::Absent,
            })
        }
    }
}
