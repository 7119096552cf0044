//! Bills of APIv3: asked for by a signed call, fetched from the address in its answer.
//!
//! The file itself is not signed. [`Client::download_bill`] compares it with the hash in the signed answer, so what it gives is proven all the same.

use serde::{Deserialize, Serialize};

use super::client::Client;
use super::error::judge;
use super::operation::json as read;
use super::outcome::{Outcome, Unknown, UnknownReason};
use super::request::{Request, Target};
use super::verify::Verified;
use super::{Operation, ParseError};
use crate::bill::{BillDate, BillHash, BillType, FundAccount, LARGEST_BILL, unpack};

/// Asks for the trade bill of a day: `GET /v3/bill/tradebill`.
///
/// It is made from 09:00 of the next day (Beijing) and can be had from 10:00, for three months. Why there is none: [`crate::bill::Absence::of`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApplyTradeBill {
    /// Which day.
    pub date: BillDate,
    /// Which lines.
    pub bill_type: BillType,
    /// Compressed on the way.
    pub gzip: bool,
}

impl Operation for ApplyTradeBill {
    type Answer = BillTicket;

    fn request(&self) -> Request {
        let target = Target::path(&["v3", "bill", "tradebill"])
            .with_query("bill_date", &self.date.dashed())
            .with_query("bill_type", self.bill_type.as_str());
        Request::get(packed(target, self.gzip))
    }

    fn parse(&self, status: u16, verified: &Verified) -> Result<BillTicket, ParseError> {
        read(status, verified)
    }
}

/// Asks for the fund-flow bill of a day: `GET /v3/bill/fundflowbill`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApplyFundFlowBill {
    /// Which day.
    pub date: BillDate,
    /// Which account.
    pub account: FundAccount,
    /// Compressed on the way.
    pub gzip: bool,
}

impl Operation for ApplyFundFlowBill {
    type Answer = BillTicket;

    fn request(&self) -> Request {
        let account = match self.account {
            FundAccount::Basic => "BASIC",
            FundAccount::Operation => "OPERATION",
            FundAccount::Fees => "FEES",
        };
        let target = Target::path(&["v3", "bill", "fundflowbill"])
            .with_query("bill_date", &self.date.dashed())
            .with_query("account_type", account);
        Request::get(packed(target, self.gzip))
    }

    fn parse(&self, status: u16, verified: &Verified) -> Result<BillTicket, ParseError> {
        read(status, verified)
    }
}

fn packed(target: Target, gzip: bool) -> Target {
    if gzip {
        target.with_query("tar_type", "GZIP")
    } else {
        target
    }
}

/// Where a bill can be fetched, and how to know it. To be used at once: the address is good for some minutes (older pages say 30 seconds).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BillTicket {
    /// `SHA1`
    pub hash_type: String,
    /// 40 hexadecimal digits, of the text before it is compressed.
    pub hash_value: String,
    /// The address, with a token in it.
    pub download_url: String,
}

impl BillTicket {
    /// Path and query of the address, exactly as given: they are signed. The host is ours to choose; a second host or a simulator serves the same.
    fn target(&self) -> Option<Target> {
        let (scheme, rest) = self.download_url.split_once("://")?;
        let slash = rest.find('/')?;
        matches!(scheme, "https" | "http")
            .then(|| Target::parse(&rest[slash..]).ok())
            .flatten()
    }
}

impl Client {
    /// Fetches the text of a bill, unpacked, and compares it with the hash that WeChat signed. Read it with [`crate::bill`].
    ///
    /// A file that is damaged, too large or another one is [`UnknownReason::Unparsable`]: ask for a new ticket.
    pub async fn download_bill(&self, ticket: &BillTicket) -> Outcome<Vec<u8>> {
        let hash = match BillHash::new(&ticket.hash_type, &ticket.hash_value) {
            Ok(hash) => hash,
            Err(why) => return unusable(why.to_string(), None),
        };
        let Some(target) = ticket.target() else {
            let why = "the address of the file is not https://host/path".to_owned();
            return unusable(why, None);
        };
        let mut request = self.sign(&Request::get(target));
        for (name, value) in &mut request.headers {
            if name == "Accept" {
                "*/*".clone_into(value);
            }
        }
        let response = match self.transport().fetch(&request, LARGEST_BILL).await {
            Ok(response) => response,
            Err(error) => return Outcome::Unknown(error.into()),
        };
        if response.status != 200 {
            let verification = self.verify(&response);
            return judge(&response, verification);
        }
        let request_id = response.request_id();
        match unpack(response.body, Some(&hash), LARGEST_BILL) {
            Ok(text) => Outcome::Done(text),
            Err(why) => unusable(why.to_string(), request_id),
        }
    }
}

fn unusable<T>(why: String, request_id: Option<String>) -> Outcome<T> {
    Outcome::Unknown(Unknown {
        reason: UnknownReason::Unparsable(why),
        error: None,
        request_id,
    })
}
