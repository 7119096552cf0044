//! The ways in which one scenario is played: by which protocol, and how the shop sells. A file is written once; what differs
//! between the ways is said at the place where it differs.

use std::fmt;

use serde::Deserialize;
use shouyin_core::product::Product;
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

/// One way to play a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Way {
    /// By which protocol the shop's orders go.
    pub(crate) protocol: Protocol,
    /// How the shop sells.
    pub(crate) product: Product,
}

impl fmt::Display for Way {
    /// `v3`, or `v3/native`: shops sell in mini programs unless something else is said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.product == Product::default() {
            return write!(f, "{}", self.protocol);
        }
        write!(f, "{}/{}", self.protocol, self.product.as_str())
    }
}

/// Some of the ways: those somebody asked for. What is not said is left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    pub(crate) protocol: Option<Protocol>,
    pub(crate) product: Option<Product>,
}

impl Wanted {
    pub(crate) fn fits(self, way: Way) -> bool {
        self.protocol.is_none_or(|wanted| wanted == way.protocol)
            && self.product.is_none_or(|wanted| wanted == way.product)
    }

    /// What this one leaves open is as the other one says.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            protocol: self.protocol.or(other.protocol),
            product: self.product.or(other.product),
        }
    }

    /// The same, and what this part of a label says; none if it says nothing, or something else than is wanted already.
    pub(crate) fn with(self, part: &str) -> Option<Self> {
        match (Protocol::find(part), Product::parse(part)) {
            (Some(protocol), _) if self.protocol.is_none() => Some(Self {
                protocol: Some(protocol),
                ..self
            }),
            (_, Some(product)) if self.product.is_none() => Some(Self {
                product: Some(product),
                ..self
            }),
            _ => None,
        }
    }
}

/// The ways a scenario is played, all combinations of these; and which of them is meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choosing<'a> {
    pub(crate) way: Way,
    pub(crate) protocols: &'a [Protocol],
    pub(crate) products: &'a [Product],
}

/// The member of a step that says by which protocol alone it is taken.
const PROTOCOL: &str = "protocol";
/// The members of a step that say for which products alone it is taken, and for which it is not: one name or several.
const PRODUCT: &str = "product";
const NOT_PRODUCT: &str = "not_product";
/// In a choice: for all that have no value of their own.
const OTHERWISE: &str = "otherwise";

/// What a word of a choice stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Protocol(Protocol),
    Product(Product),
}

impl Word {
    fn find(name: &str) -> Option<Self> {
        let protocol = Protocol::find(name).map(Self::Protocol);
        protocol.or_else(|| Product::parse(name).map(Self::Product))
    }
}

impl Choosing<'_> {
    /// A step as it is in this way; none if it is for others.
    ///
    /// # Errors
    /// For people: what names a way in which the scenario is not played.
    pub(crate) fn step(self, mut line: Table) -> Result<Option<Table>, String> {
        let mut taken = true;
        if let Some(only) = line.remove(PROTOCOL) {
            let named = only.as_str().and_then(Protocol::find);
            let named = named.ok_or_else(|| format!("{PROTOCOL} is v3 or v2, not {only:?}"))?;
            self.is_played(Word::Protocol(named), named.as_str())?;
            taken &= named == self.way.protocol;
        }
        for (member, is_for) in [(PRODUCT, true), (NOT_PRODUCT, false)] {
            if let Some(named) = line.remove(member) {
                taken &= self.names(member, &named)? == is_for;
            }
        }
        if taken {
            self.resolved(line).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Whether this way's product is among those named.
    fn names(self, member: &str, named: &Value) -> Result<bool, String> {
        let all = named
            .as_array()
            .map_or(std::slice::from_ref(named), Vec::as_slice);
        let mut found = false;
        for one in all {
            let product = one.as_str().and_then(Product::parse);
            let product = product.ok_or_else(|| {
                let names = Product::ALL.map(Product::as_str).join(", ");
                format!("{member} is one or several of {names}, not {one:?}")
            })?;
            self.is_played(Word::Product(product), product.as_str())?;
            found |= product == self.way.product;
        }
        Ok(found)
    }

    /// The table with `{ v3 = a, v2 = b }` and `{ code = a, otherwise = b }` replaced by the value for this way, at any depth. What
    /// has no value for it is left out.
    ///
    /// # Errors
    /// As [`Choosing::step`].
    pub(crate) fn resolved(self, table: Table) -> Result<Table, String> {
        let mut done = Table::new();
        for (name, value) in table {
            if let Some(value) = self.chosen(value)? {
                done.insert(name, value);
            }
        }
        Ok(done)
    }

    fn chosen(self, value: Value) -> Result<Option<Value>, String> {
        let value = match value {
            Value::Table(mut table) if is_choice(&table) => {
                let mut by_protocol = false;
                let mut by_product = false;
                for name in table.keys() {
                    if let Some(word) = Word::find(name) {
                        self.is_played(word, name)?;
                        by_protocol |= matches!(word, Word::Protocol(_));
                        by_product |= matches!(word, Word::Product(_));
                    }
                }
                let mine = match (by_protocol, by_product) {
                    (true, true) => {
                        return Err(
                            "a choice is by protocol or by product; put one into the other"
                                .to_owned(),
                        );
                    }
                    (_, false) => self.way.protocol.as_str(),
                    (false, true) => self.way.product.as_str(),
                };
                let found = table.remove(mine).or_else(|| table.remove(OTHERWISE));
                return found.map_or(Ok(None), |found| self.chosen(found));
            }
            Value::Table(table) => Value::Table(self.resolved(table)?),
            Value::Array(all) => {
                let mut kept = Vec::with_capacity(all.len());
                for one in all {
                    kept.extend(self.chosen(one)?);
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

    fn is_played(self, word: Word, name: &str) -> Result<(), String> {
        let played = match word {
            Word::Protocol(named) => self.protocols.contains(&named),
            Word::Product(named) => self.products.contains(&named),
        };
        if played {
            Ok(())
        } else {
            Err(format!(
                "something is said for {name}, by which the scenario is not played"
            ))
        }
    }
}

/// Nothing but ways for names.
fn is_choice(table: &Table) -> bool {
    let known = |name: &String| Word::find(name).is_some();
    table.keys().any(known) && table.keys().all(|name| known(name) || name == OTHERWISE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOLD: [Product; 3] = [Product::MiniProgram, Product::Native, Product::Code];

    fn read_as(line: &str, protocol: Protocol, product: Product) -> Result<Option<Table>, String> {
        let choosing = Choosing {
            way: Way { protocol, product },
            protocols: &Protocol::ALL,
            products: &SOLD,
        };
        choosing.step(toml::from_str(line).unwrap())
    }

    fn read(line: &str, protocol: Protocol) -> Result<Option<Table>, String> {
        read_as(line, protocol, Product::MiniProgram)
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
    fn a_value_is_chosen_by_product_one_choice_inside_the_other() {
        let line = "state = { code = { v3 = \"a\", v2 = \"b\" }, otherwise = \"c\" }\n\
                    calls = { micropay = { code = 1 }, prepay = { code = 0, native = 2, mini_program = 3 } }";
        for (protocol, product, wanted) in [
            (
                Protocol::V3,
                Product::Code,
                "state = \"a\"\ncalls = { micropay = 1, prepay = 0 }",
            ),
            (
                Protocol::V2,
                Product::Code,
                "state = \"b\"\ncalls = { micropay = 1, prepay = 0 }",
            ),
            (
                Protocol::V2,
                Product::Native,
                "state = \"c\"\ncalls = { prepay = 2 }",
            ),
        ] {
            let got = read_as(line, protocol, product).unwrap().unwrap();
            assert_eq!(got, toml::from_str::<Table>(wanted).unwrap());
        }
        let mixed = read("state = { v3 = 1, code = 2 }", Protocol::V3).unwrap_err();
        assert!(mixed.contains("put one into the other"), "{mixed}");
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
    fn a_step_can_be_for_some_products_or_for_all_but_some() {
        for (line, wanted) in [
            ("product = \"code\"", [false, false, true]),
            ("product = [\"native\", \"code\"]", [false, true, true]),
            ("not_product = \"code\"", [true, true, false]),
            (
                "not_product = [\"mini_program\", \"code\"]",
                [false, true, false],
            ),
        ] {
            let taken = SOLD.map(|product| {
                let line = format!("wait = \"1s\"\n{line}");
                read_as(&line, Protocol::V3, product).unwrap().is_some()
            });
            assert_eq!(taken, wanted, "{line}");
        }
        let why = read("wait = \"1s\"\nproduct = \"cash\"", Protocol::V3).unwrap_err();
        assert!(
            why.contains("cash") && why.contains("mini_program, "),
            "{why}"
        );
    }

    #[test]
    fn words_for_a_way_that_is_never_played_are_found() {
        let choosing = Choosing {
            way: Way {
                protocol: Protocol::V3,
                product: Product::MiniProgram,
            },
            protocols: &[Protocol::V3],
            products: &[Product::MiniProgram],
        };
        for (line, way) in [
            ("fen = { v2 = 1 }", "v2"),
            ("protocol = \"v2\"", "v2"),
            ("fen = { native = 1, otherwise = 2 }", "native"),
            ("product = \"native\"", "native"),
            ("not_product = \"native\"", "native"),
        ] {
            let why = choosing.step(toml::from_str(line).unwrap()).unwrap_err();
            assert!(why.contains(way), "{why}");
        }
    }

    #[test]
    fn ways_are_written_short_and_read_again() {
        let way = |product| Way {
            protocol: Protocol::V2,
            product,
        };
        for (product, text) in [(Product::MiniProgram, "v2"), (Product::H5, "v2/h5")] {
            assert_eq!(way(product).to_string(), text);
            let read = text.split('/').try_fold(Wanted::default(), Wanted::with);
            assert!(read.unwrap().fits(way(product)));
        }
        for bad in ["v3/v2", "h5/native", "v4", ""] {
            let read = bad.split('/').try_fold(Wanted::default(), Wanted::with);
            assert_eq!(read, None, "{bad}");
        }
    }
}
