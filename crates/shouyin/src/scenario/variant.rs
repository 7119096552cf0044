//! The ways in which one scenario is played: for now, by which protocol. A file is written once; what differs between the ways
//! is said at the place where it differs.

use std::fmt;

use serde::Deserialize;
use toml::{Table, Value};

/// A protocol of WeChat Pay that the merchant's orders go by.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocol {
    /// APIv3: JSON, signed with certificates
    #[default]
    V3,
    /// The older one: XML, signed with a key of 32 characters
    V2,
}

impl Protocol {
    /// All, the usual one first.
    pub(crate) const ALL: [Self; 2] = [Self::V3, Self::V2];

    /// The name in files, on the command line and in the names of tests.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::V3 => "v3",
            Self::V2 => "v2",
        }
    }

    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|protocol| protocol.as_str() == name)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The member of a step that says by which protocol alone it is taken.
const ONLY: &str = "protocol";

/// A step as it is for this protocol; none if it is for the other one.
///
/// # Errors
/// For people: what names a protocol that the scenario is not played by.
pub(crate) fn step(
    mut line: Table,
    protocol: Protocol,
    played: &[Protocol],
) -> Result<Option<Table>, String> {
    if let Some(only) = line.remove(ONLY) {
        let named = only.as_str().and_then(Protocol::find);
        let named = named.ok_or_else(|| format!("{ONLY} is v3 or v2, not {only:?}"))?;
        is_played(named, played)?;
        if named != protocol {
            return Ok(None);
        }
    }
    resolved(line, protocol, played).map(Some)
}

/// The table with `{ v3 = a, v2 = b }` replaced by the value for this protocol, at any depth. What has no value for it is
/// left out.
///
/// # Errors
/// As [`step`].
pub(crate) fn resolved(
    table: Table,
    protocol: Protocol,
    played: &[Protocol],
) -> Result<Table, String> {
    let mut done = Table::new();
    for (name, value) in table {
        if let Some(value) = chosen(value, protocol, played)? {
            done.insert(name, value);
        }
    }
    Ok(done)
}

fn chosen(value: Value, protocol: Protocol, played: &[Protocol]) -> Result<Option<Value>, String> {
    let value = match value {
        Value::Table(mut table) if is_choice(&table) => {
            for name in table.keys() {
                if let Some(named) = Protocol::find(name) {
                    is_played(named, played)?;
                }
            }
            let found = table.remove(protocol.as_str());
            return found.map_or(Ok(None), |found| chosen(found, protocol, played));
        }
        Value::Table(table) => Value::Table(resolved(table, protocol, played)?),
        Value::Array(all) => {
            let mut kept = Vec::with_capacity(all.len());
            for one in all {
                kept.extend(chosen(one, protocol, played)?);
            }
            Value::Array(kept)
        }
        plain @ (Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)) => plain,
    };
    Ok(Some(value))
}

/// Nothing but protocols for names.
fn is_choice(table: &Table) -> bool {
    !table.is_empty() && table.keys().all(|name| Protocol::find(name).is_some())
}

fn is_played(named: Protocol, played: &[Protocol]) -> Result<(), String> {
    if played.contains(&named) {
        Ok(())
    } else {
        Err(format!(
            "something is said for {named}, by which the scenario is not played"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Protocol; 2] = Protocol::ALL;

    fn read(line: &str, protocol: Protocol) -> Result<Option<Table>, String> {
        step(toml::from_str(line).unwrap(), protocol, &BOTH)
    }

    #[test]
    fn a_value_is_chosen_where_it_differs_and_left_out_where_there_is_none() {
        let line = "answers = { v3 = \"no\", v2 = \"yes\" }\nstatus = { v3 = 404 }\n\
                    says = { amount = { total = { v3 = 1, v2 = \"1\" } } }\nlist = [1, { v2 = 2 }]";
        let v3 = "answers = \"no\"\nstatus = 404\nsays = { amount = { total = 1 } }\nlist = [1]";
        let v2 = "answers = \"yes\"\nsays = { amount = { total = \"1\" } }\nlist = [1, 2]";
        for (protocol, wanted) in [(Protocol::V3, v3), (Protocol::V2, v2)] {
            let got = read(line, protocol).unwrap().unwrap();
            assert_eq!(got, toml::from_str::<Table>(wanted).unwrap());
        }
    }

    #[test]
    fn a_step_can_be_for_one_protocol() {
        let line = "wait = \"1s\"\nprotocol = \"v2\"";
        assert_eq!(read(line, Protocol::V3).unwrap(), None);
        let taken = read(line, Protocol::V2).unwrap().unwrap();
        assert_eq!(taken.keys().collect::<Vec<_>>(), ["wait"]);
        assert!(read("wait = \"1s\"\nprotocol = \"v4\"", Protocol::V2).is_err());
    }

    #[test]
    fn words_for_a_protocol_that_is_never_played_are_found() {
        for line in ["fen = { v2 = 1 }", "protocol = \"v2\""] {
            let line = toml::from_str(line).unwrap();
            let why = step(line, Protocol::V3, &[Protocol::V3]).unwrap_err();
            assert!(why.contains("v2"), "{why}");
        }
    }
}
