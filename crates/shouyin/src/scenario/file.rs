//! A scenario file: what it shows, in two languages, by which protocols and for which products it is played, and its steps.

use serde::Deserialize;
use shouyin_core::product::Product;
use toml::Table;

use super::step::Step;
use super::variant::{Choosing, Protocol, Wanted, Way};

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
    /// Why it is played by one protocol only, if it is.
    pub(crate) why_only: Option<WhyOnly>,
    /// Each way it is played, the usual one first; at least one.
    pub(crate) variants: Vec<Variant>,
}

/// Why a scenario makes sense for one protocol only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WhyOnly {
    pub(crate) en: String,
    pub(crate) zh: String,
}

/// One way in which a scenario is played.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Variant {
    /// The scenario's name and the way: the name of a test.
    pub(crate) label: String,
    /// By which protocol the shop's orders go, and how it sells.
    pub(crate) way: Way,
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
    /// A second merchant, `other`, with a key and an address of its own.
    pub(crate) second_merchant: bool,
    /// Webhooks may go to this machine. Off, every receiver here counts as internal.
    pub(crate) internal_webhooks: Option<bool>,
    /// How long a call to WeChat may take; short, because it is waited for in real time.
    pub(crate) call_timeout: Option<super::span::Span>,
    /// What receivers of notifications must not do and the simulator found anyway; none if left out.
    pub(crate) findings: usize,
    /// Bills are compared, from the day before on. Off in scenarios that last for days and are about something else.
    pub(crate) bills: bool,
    /// At the end our books need not agree with WeChat's: the scenario ends before they can.
    pub(crate) books_stay_open: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    about: String,
    about_zh: String,
    catalogue: String,
    /// Both, if left out.
    protocols: Option<Vec<Protocol>>,
    /// Mini programs only, if left out.
    products: Option<Vec<Product>>,
    why_only: Option<String>,
    why_only_zh: Option<String>,
    #[serde(default)]
    setup: Table,
    steps: Vec<Table>,
}

impl Raw {
    /// By which protocols it is played, and why not by all.
    fn protocols(&self) -> Result<(Vec<Protocol>, Option<WhyOnly>), String> {
        let mut protocols = self.protocols.clone().unwrap_or(Protocol::ALL.to_vec());
        protocols.sort_unstable();
        protocols.dedup();
        let all = protocols.len() == Protocol::ALL.len();
        match (&self.why_only, &self.why_only_zh) {
            (None, None) if all => Ok((protocols, None)),
            (Some(en), Some(zh)) if protocols.len() == 1 => {
                let (en, zh) = (en.clone(), zh.clone());
                Ok((protocols, Some(WhyOnly { en, zh })))
            }
            _ if protocols.is_empty() => Err("protocols names none".to_owned()),
            _ if all => Err("why_only is for a scenario of one protocol".to_owned()),
            _ => Err("a scenario of one protocol says why: why_only and why_only_zh".to_owned()),
        }
    }

    /// How the shop sells.
    fn products(&self) -> Result<Vec<Product>, String> {
        let mut products = self.products.clone().unwrap_or(vec![Product::default()]);
        products.sort_unstable();
        products.dedup();
        if products.is_empty() {
            return Err("products names none".to_owned());
        }
        Ok(products)
    }

    fn variant(&self, name: &str, choosing: Choosing<'_>) -> Result<Variant, String> {
        let way = choosing.way;
        let label = format!("{name}/{way}");
        let setup = choosing
            .resolved(self.setup.clone())
            .and_then(|setup| setup.try_into().map_err(|why| why.to_string()))
            .map_err(|why| format!("{label}: setup: {why}"))?;
        let mut steps = Vec::with_capacity(self.steps.len());
        for (index, line) in self.steps.iter().enumerate() {
            let shown: Vec<&str> = line.keys().map(String::as_str).collect();
            let shown = shown.join(", ");
            let step = choosing
                .step(line.clone())
                .and_then(|line| line.map(Step::read).transpose())
                .map_err(|why| format!("{label}: step {} ({shown}): {why}", index + 1))?;
            steps.extend(step);
        }
        if steps.is_empty() {
            return Err(format!("{label}: a scenario needs steps"));
        }
        Ok(Variant {
            label,
            way,
            setup,
            steps,
        })
    }
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// For people: where it cannot be understood, and why.
    pub(crate) fn read(name: &str, text: &str) -> Result<Self, String> {
        let raw: Raw = toml::from_str(text).map_err(|why| format!("{name}: {why}"))?;
        let (protocols, why_only) = raw.protocols().map_err(|why| format!("{name}: {why}"))?;
        let products = raw.products().map_err(|why| format!("{name}: {why}"))?;
        let ways = protocols.iter().flat_map(|&protocol| {
            let way = move |&product| Way { protocol, product };
            products.iter().map(way)
        });
        let variants: Result<Vec<Variant>, String> = ways
            .map(|way| {
                let choosing = Choosing {
                    way,
                    protocols: &protocols,
                    products: &products,
                };
                raw.variant(name, choosing)
            })
            .collect();
        Ok(Self {
            name: name.to_owned(),
            variants: variants?,
            about: raw.about,
            about_zh: raw.about_zh,
            catalogue: raw.catalogue,
            why_only,
        })
    }

    /// The way it is played if this is wanted, the usual one if there are several.
    ///
    /// # Errors
    /// For people: it is not played in that way, and why.
    pub(crate) fn variant(&self, wanted: Wanted) -> Result<&Variant, String> {
        let fits = |variant: &&Variant| wanted.fits(variant.way);
        self.variants.iter().find(fits).ok_or_else(|| {
            let has = |protocol| {
                let mut variants = self.variants.iter();
                variants.any(|variant| variant.way.protocol == protocol)
            };
            let name = &self.name;
            if wanted.protocol.is_none_or(has) {
                let products: Vec<&str> =
                    self.products().into_iter().map(Product::as_str).collect();
                return format!("{name} is played for {} only", products.join(", "));
            }
            let why = self.why_only.as_ref().map_or("", |why| &why.en);
            format!("{name} is played by {} only: {why}", self.protocols())
        })
    }

    /// `v3, v2`
    pub(crate) fn protocols(&self) -> String {
        let mut all: Vec<Protocol> = self.variants.iter().map(|it| it.way.protocol).collect();
        all.dedup();
        let all: Vec<&str> = all.into_iter().map(Protocol::as_str).collect();
        all.join(", ")
    }

    /// How the shop sells, the usual way first.
    pub(crate) fn products(&self) -> Vec<Product> {
        let mut all: Vec<Product> = self.variants.iter().map(|it| it.way.product).collect();
        all.sort_unstable();
        all.dedup();
        all
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
        assert_eq!(scenario.protocols(), "v3, v2");
        for variant in &scenario.variants {
            assert_eq!(variant.steps.len(), 2);
            assert!(matches!(&variant.steps[0], Step::Create(create) if create.fen == 100));
        }
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_place() {
        let unknown = read("{ wait = \"5m\" }, { dance = 1 }").unwrap_err();
        assert!(unknown.contains("try/v3: step 2"), "{unknown}");
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

    #[test]
    fn a_scenario_of_one_protocol_says_why() {
        let head = |more: &str| {
            let text = format!(
                "about = \"a\"\nabout_zh = \"b\"\ncatalogue = \"c\"\n{more}\nsteps = [{{ wait = \"1s\" }}]"
            );
            Scenario::read("try", &text)
        };
        let why = "why_only = \"no such thing\"\nwhy_only_zh = \"没有\"";
        let one = head(&format!("protocols = [\"v2\"]\n{why}")).unwrap();
        assert_eq!(one.variant(Wanted::default()).unwrap().label, "try/v2");
        let v3 = Wanted {
            protocol: Some(Protocol::V3),
            ..Wanted::default()
        };
        let refused = one.variant(v3).unwrap_err();
        assert_eq!(refused, "try is played by v2 only: no such thing");
        for bad in [
            "protocols = [\"v2\"]",
            "protocols = []",
            why,
            "protocols = [\"v1\"]",
        ] {
            assert!(head(bad).is_err(), "{bad}");
        }
    }
    #[test]
    fn a_scenario_is_played_for_each_of_its_products_by_each_protocol() {
        let read = |products: &str| {
            let text = format!(
                "about = \"a\"\nabout_zh = \"b\"\ncatalogue = \"c\"\nproducts = {products}\n\
                 steps = [{{ wait = \"1s\", not_product = \"code\" }}, {{ wait = \"2s\" }}]"
            );
            Scenario::read("try", &text)
        };
        let scenario = read("[\"code\", \"mini_program\"]").unwrap();
        let labels: Vec<&str> = scenario
            .variants
            .iter()
            .map(|it| it.label.as_str())
            .collect();
        assert_eq!(
            labels,
            ["try/v3", "try/v3/code", "try/v2", "try/v2/code"],
            "the usual ones first"
        );
        assert_eq!(scenario.protocols(), "v3, v2");
        assert_eq!(scenario.products(), [Product::MiniProgram, Product::Code]);
        assert_eq!(scenario.variants[0].steps.len(), 2);
        assert_eq!(scenario.variants[1].steps.len(), 1);
        let wanted = |product| Wanted {
            product: Some(product),
            ..Wanted::default()
        };
        let code = scenario.variant(wanted(Product::Code)).unwrap();
        assert_eq!(code.label, "try/v3/code");
        let refused = scenario.variant(wanted(Product::H5)).unwrap_err();
        assert_eq!(refused, "try is played for mini_program, code only");
        for bad in ["[]", "[\"cash\"]", "[\"h5\"]"] {
            assert!(
                read(bad).is_err(),
                "{bad}: or words for a product it is not played for"
            );
        }
    }
}
