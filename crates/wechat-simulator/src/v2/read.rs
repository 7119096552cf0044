//! Reading the fields of a request: lengths, characters, numbers. Fields without a meaning here are signed and kept, but not looked at.

use std::net::IpAddr;

use wechatpay::time::parse_compact;
use wechatpay::v2::Fields;

use super::refusal::No;
use crate::assumptions::{Assumptions, LengthUnit};
use crate::notify_url;
use crate::strict::Text;

/// The fields of one request under the rules of today.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read<'a> {
    pub(super) fields: &'a Fields,
    pub(super) assumptions: &'a Assumptions,
}

impl<'a> Read<'a> {
    /// An optional text.
    pub(super) fn text(self, name: &str, rule: Text) -> Result<Option<&'a str>, No> {
        let Some(text) = self.fields.get(name) else {
            return Ok(None);
        };
        let length = match self.assumptions.length_unit {
            LengthUnit::Characters if !rule.bytes => text.chars().count(),
            LengthUnit::Characters | LengthUnit::Bytes => text.len(),
        };
        if !(rule.shortest..=rule.longest).contains(&length) {
            return Err(No::parameter(format!("{name}参数长度有误")));
        }
        if !text.chars().all(rule.allowed) {
            return Err(No::parameter(format!("{name}参数格式错误")));
        }
        Ok(Some(text))
    }

    /// A text that must be there.
    pub(super) fn required(self, name: &str, rule: Text) -> Result<&'a str, No> {
        self.text(name, rule)?.ok_or_else(|| No::missing(name))
    }

    /// An optional whole number of digits only.
    pub(super) fn number(self, name: &str, least: i64) -> Result<Option<i64>, No> {
        let Some(text) = self.fields.get(name) else {
            return Ok(None);
        };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse::<i64>().ok().filter(|_| digits);
        match number.filter(|number| *number >= least) {
            Some(number) => Ok(Some(number)),
            None => Err(No::parameter(format!("{name}参数格式错误"))),
        }
    }

    /// An amount in fen that must be there, at least 1.
    pub(super) fn fen(self, name: &str) -> Result<fen::Fen, No> {
        let number = self.number(name, 1)?.ok_or_else(|| No::missing(name))?;
        Ok(fen::Fen::new(number))
    }

    /// Whether an optional text is one of these.
    pub(super) fn one_of(self, name: &str, allowed: &[&str]) -> Result<Option<&'a str>, No> {
        match self.fields.get(name) {
            Some(text) if !allowed.contains(&text) => {
                Err(No::parameter(format!("{name}参数格式错误")))
            }
            found => Ok(found),
        }
    }

    /// An optional time, Unix milliseconds.
    pub(super) fn time(self, name: &str) -> Result<Option<i64>, No> {
        let Some(text) = self.fields.get(name) else {
            return Ok(None);
        };
        let time = parse_compact(text).filter(|_| text.len() == 14);
        match time {
            Some(time) => Ok(Some(time)),
            None => Err(No::parameter(format!(
                "{name}参数格式错误，应为yyyyMMddHHmmss"
            ))),
        }
    }

    /// An address of the internet that must be there.
    pub(super) fn ip(self, name: &str) -> Result<IpAddr, No> {
        let text = self.required(name, Text::up_to(64))?;
        text.parse()
            .map_err(|_| No::parameter(format!("{name}参数格式错误")))
    }

    /// An optional address for notifications.
    pub(super) fn notify_url(self) -> Result<Option<&'a str>, No> {
        let url = self.text("notify_url", Text::up_to(256))?;
        if let Some(url) = url
            && let Err(why) = notify_url::check(url, self.assumptions)
        {
            return Err(No::parameter(why));
        }
        Ok(url)
    }

    /// An optional text that must be a JSON object.
    pub(super) fn json(self, name: &str, longest: usize) -> Result<Option<serde_json::Value>, No> {
        let Some(text) = self.text(name, Text::up_to(longest))? else {
            return Ok(None);
        };
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(value) if value.is_object() => Ok(Some(value)),
            Ok(_) | Err(_) => Err(No::parameter(format!("{name}参数格式错误，应为JSON"))),
        }
    }
}

/// What makes two calls the same: every field but those that differ in every call anyway.
pub(super) fn parameters(fields: &Fields) -> serde_json::Value {
    let compared = fields
        .iter()
        .filter(|(name, value)| {
            !value.is_empty() && !matches!(*name, "nonce_str" | "sign" | "sign_type")
        })
        .map(|(name, value)| (name.to_owned(), serde_json::Value::from(value)));
    serde_json::Value::Object(compared.collect())
}
