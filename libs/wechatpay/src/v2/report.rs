//! Telemetry that WeChat would like to have: how long calls took. Optional, and never a reason to delay or fail a payment.

use super::client::Client;
use super::fields::Fields;
use super::operation::Path;
use crate::text::{Appid, OutTradeNo};

/// How one call went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallReport {
    /// The app it was made for.
    pub appid: Appid,
    /// The whole address of the call.
    pub interface_url: String,
    /// How long it took, in milliseconds.
    pub took_ms: u32,
    /// What it answered as `return_code`.
    pub return_code: String,
    /// What it answered as `result_code`.
    pub result_code: String,
    /// The order it was about.
    pub out_trade_no: Option<OutTradeNo>,
    /// Our address.
    pub user_ip: std::net::IpAddr,
}

impl CallReport {
    fn fields(&self) -> Fields {
        Fields::new()
            .with("appid", self.appid.as_str())
            .with("interface_url", self.interface_url.as_str())
            // The underscore at the end is part of the name.
            .with("execute_time_", self.took_ms.to_string())
            .with("return_code", self.return_code.as_str())
            .with("result_code", self.result_code.as_str())
            .with_some(
                "out_trade_no",
                self.out_trade_no.as_ref().map(OutTradeNo::as_str),
            )
            .with("user_ip", self.user_ip.to_string())
    }
}

impl Client {
    /// Sends a report: `/payitil/report`. Whether it arrived; the answer is not signed and says nothing about money.
    pub async fn report(&self, report: &CallReport) -> bool {
        let path = Path::open("/payitil/report");
        let sign_type = self.account().sign_type;
        match self.exchange(path, report.fields(), sign_type).await {
            Ok(response) => Fields::parse(&response.body)
                .is_ok_and(|fields| fields.get("return_code") == Some("SUCCESS")),
            Err(_) => false,
        }
    }
}
