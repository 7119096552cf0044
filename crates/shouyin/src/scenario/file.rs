//! A scenario file: what it shows, in two languages, and its steps.

use serde::Deserialize;

use super::step::Step;

/// A scenario, read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scenario {
    /// Its file's name without `.toml`.
    pub(crate) name: String,
    /// What it shows, one line in English.
    pub(crate) about: String,
    /// The same in Chinese.
    pub(crate) about_zh: String,
    /// The row of the catalogue it proves.
    pub(crate) catalogue: String,
    /// How the shop and its server are set up.
    pub(crate) setup: Setup,
    /// What happens.
    pub(crate) steps: Vec<Step>,
}

/// How the shop and its server are set up. What is left out is as in a fresh installation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Setup {
    /// Money that comes after closing: `keep` or `refund`.
    pub(crate) late: Option<String>,
    /// Money beyond what was asked for: `keep` or `refund`.
    pub(crate) surplus: Option<String>,
    /// The server fetches platform certificates, beside the public key.
    pub(crate) platform_certificates: bool,
    /// The server has no public key at all: platform certificates alone.
    pub(crate) without_public_key: bool,
    /// The merchant uses the older protocol.
    pub(crate) v2: bool,
    /// A second merchant, `other`, with a key and an address of its own.
    pub(crate) second_merchant: bool,
    /// Webhooks may go to this machine. Off, every receiver here counts as internal.
    pub(crate) internal_webhooks: Option<bool>,
    /// How long a call to WeChat may take; short, because it is waited for in real time.
    pub(crate) call_timeout: Option<super::span::Span>,
    /// What receivers of notifications must not do and the simulator found anyway; none if left out.
    pub(crate) findings: usize,
    /// At the end our books need not agree with WeChat's: the scenario ends before they can.
    pub(crate) books_stay_open: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    about: String,
    about_zh: String,
    catalogue: String,
    #[serde(default)]
    setup: Setup,
    steps: Vec<toml::Table>,
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// For people: where it cannot be understood, and why.
    pub(crate) fn read(name: &str, text: &str) -> Result<Self, String> {
        let raw: Raw = toml::from_str(text).map_err(|why| format!("{name}: {why}"))?;
        let mut steps = Vec::with_capacity(raw.steps.len());
        for (index, line) in raw.steps.into_iter().enumerate() {
            let shown: Vec<&str> = line.keys().map(String::as_str).collect();
            let shown = shown.join(", ");
            let step = Step::read(line)
                .map_err(|why| format!("{name}: step {} ({shown}): {why}", index + 1))?;
            steps.push(step);
        }
        if steps.is_empty() {
            return Err(format!("{name}: a scenario needs steps"));
        }
        Ok(Self {
            name: name.to_owned(),
            about: raw.about,
            about_zh: raw.about_zh,
            catalogue: raw.catalogue,
            setup: raw.setup,
            steps,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(steps: &str) -> Result<Scenario, String> {
        let head = "about = \"a\"\nabout_zh = \"b\"\ncatalogue = \"c\"\n";
        Scenario::read("try", &format!("{head}steps = [{steps}]"))
    }

    #[test]
    fn a_line_is_a_step() {
        let scenario = read("{ create = \"coffee\", fen = 100 }, { wait = \"5m\" }").unwrap();
        assert_eq!(scenario.steps.len(), 2);
        assert!(matches!(&scenario.steps[0], Step::Create(create) if create.fen == 100));
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_place() {
        let unknown = read("{ wait = \"5m\" }, { dance = 1 }").unwrap_err();
        assert!(unknown.contains("step 2"), "{unknown}");
        assert!(
            unknown.contains("dance") && unknown.contains("create, "),
            "{unknown}"
        );
        let member = read("{ tap = \"coffee\", who = \"bob\" }").unwrap_err();
        assert!(
            member.contains("step 1") && member.contains("`who`"),
            "{member}"
        );
        let span = read("{ wait = \"soon\" }").unwrap_err();
        assert!(span.contains("\"10s\""), "{span}");
        assert!(read("").unwrap_err().contains("needs steps"));
    }
}
