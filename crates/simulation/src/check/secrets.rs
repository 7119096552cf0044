//! S12: no secret, no openid and no payment code in anything that people or other programs get to read.

use std::fmt::Write;

use super::{Checker, Violation};
use crate::rows::Rows;
use crate::setup::{API_KEYS, API_V3_KEYS, APP_SECRET};

/// Finds the first of these texts, if any is there.
fn find<'a>(text: &str, secrets: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    secrets
        .filter(|secret| !secret.is_empty())
        .find(|secret| text.contains(secret))
}

impl Checker {
    /// Looks through the log, the events, and everything a log line could be made of.
    /// `keys` are those that let merchants and phones in.
    pub(super) fn no_secret_told(
        &self,
        rows: &Rows,
        log: &str,
        keys: &[String],
    ) -> Result<(), Violation> {
        let mut text = log.to_owned();
        let mut add = |what: &dyn std::fmt::Debug| {
            // Writing into a String cannot fail.
            let written = writeln!(text, "{what:?}");
            debug_assert!(written.is_ok());
        };
        for payment in rows.all_payments()? {
            add(&payment);
        }
        for incident in rows.all_incidents()? {
            add(&incident);
        }
        let mut webhooks = Vec::new();
        for endpoint in self.endpoints() {
            add(endpoint);
            webhooks.extend(endpoint.secrets.iter().map(|secret| secret.text.as_str()));
        }
        for event in self.webhooks.all_events() {
            // Nothing else in it is of anybody's making; and written as it is, it is found as fast as it can be.
            text.push_str(&event.data);
            text.push('\n');
        }
        let secrets = self.openids.iter().map(String::as_str);
        let secrets = secrets
            .chain(API_V3_KEYS)
            .chain(API_KEYS)
            .chain([APP_SECRET, "whsec_"])
            .chain(webhooks)
            .chain(self.codes.scanned.iter().map(String::as_str))
            .chain(keys.iter().map(String::as_str));
        match find(&text, secrets) {
            None => Ok(()),
            Some(secret) => {
                let line = text.lines().find(|line| line.contains(secret));
                let line = line.unwrap_or_default().replace(secret, "(secret)");
                Err(Violation::new("S12", line))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_inside_a_line() {
        let secrets = || ["", "oUpF8uMu", "whsec_"].into_iter();
        assert_eq!(find("payer oUpF8uMu pays", secrets()), Some("oUpF8uMu"));
        assert_eq!(find("payer ***8uMu pays", secrets()), None);
    }
}
