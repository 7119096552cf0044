//! The scenarios that come with the program, and the catalogue of what can go wrong.

use std::sync::LazyLock;

use rust_embed::RustEmbed;
use serde::Deserialize;

use super::file::Scenario;
use super::variant::Wanted;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/scenarios"]
#[include = "*.toml"]
struct Files;

/// The file that is no scenario.
const CATALOGUE: &str = "CATALOGUE.toml";

/// One thing that can go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// What scenarios call it.
    pub(crate) name: String,
    pub(crate) en: String,
    pub(crate) zh: String,
    /// Why there is no scenario, if there is none.
    pub(crate) without: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    row: Vec<Row>,
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    // Checked by a test: what is compiled in can be read.
    text(CATALOGUE)
        .and_then(|text| toml::from_str::<Catalogue>(&text).ok())
        .map(|catalogue| catalogue.row)
        .unwrap_or_default()
});

fn text(file: &str) -> Option<String> {
    let file = Files::get(file)?;
    Some(String::from_utf8_lossy(&file.data).into_owned())
}

/// All rows of the catalogue, in its order.
pub(crate) fn rows() -> &'static [Row] {
    &ROWS
}

pub(crate) fn row(name: &str) -> Option<&'static Row> {
    rows().iter().find(|row| row.name == name)
}

/// The names of all scenarios, sorted.
pub(crate) fn names() -> Vec<String> {
    let mut names: Vec<String> = Files::iter()
        .filter(|file| file != CATALOGUE)
        .filter_map(|file| file.strip_suffix(".toml").map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// A scenario by its name.
///
/// # Errors
/// For people: there is none of this name, and which are like it.
pub(crate) fn find(name: &str) -> Result<Scenario, String> {
    let name = name.strip_suffix(".toml").unwrap_or(name);
    match text(&format!("{name}.toml")) {
        Some(text) if name != "CATALOGUE" => Scenario::read(name, &text),
        _ => {
            let near = near(name, &names());
            let hint = if near.is_empty() {
                "`shouyin simulator scenario` lists all".to_owned()
            } else {
                format!("did you mean {}?", near.join(", "))
            };
            Err(format!("there is no scenario {name:?}: {hint}"))
        }
    }
}

/// A scenario by its name, and which way of playing it, if the name says: `double-tap/v2`, `double-tap/v2/native`.
///
/// # Errors
/// As [`find`].
pub(crate) fn find_labelled(label: &str) -> Result<(Scenario, Wanted), String> {
    let mut parts = label.split('/');
    let name = parts.next().unwrap_or_default();
    match parts.try_fold(Wanted::default(), Wanted::with) {
        Some(wanted) => Ok((find(name)?, wanted)),
        None => Err(format!(
            "{label:?} names no way to play a scenario; a protocol, a product or both go behind the name: double-tap/v2/native"
        )),
    }
}

/// All scenarios, by row of the catalogue and then by name.
///
/// # Errors
/// When one cannot be read.
pub(crate) fn all() -> Result<Vec<Scenario>, String> {
    let mut all: Vec<Scenario> = names()
        .iter()
        .map(|name| find(name))
        .collect::<Result<_, _>>()?;
    let place = |scenario: &Scenario| {
        let place = rows().iter().position(|row| row.name == scenario.catalogue);
        (place.unwrap_or(usize::MAX), scenario.name.clone())
    };
    all.sort_by_key(place);
    Ok(all)
}

/// Up to three names that somebody may have meant: those that contain the words, then those with few other letters.
fn near(wanted: &str, names: &[String]) -> Vec<String> {
    let words: Vec<&str> = wanted
        .split(['-', '_', ' '])
        .filter(|w| w.len() > 2)
        .collect();
    let mut scored: Vec<(usize, &String)> = names
        .iter()
        .filter_map(|name| {
            let shared = words.iter().filter(|word| name.contains(*word)).count();
            let apart = distance(wanted, name);
            let close = apart <= 2.max(wanted.len() / 3);
            (shared > 0 || close).then(|| (apart.saturating_sub(shared * 8), name))
        })
        .collect();
    scored.sort();
    scored
        .into_iter()
        .take(3)
        .map(|(_, name)| name.clone())
        .collect()
}

/// How many letters have to be put in, taken out or replaced.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut before = i;
        let mut left = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or(0);
            let here = (before + usize::from(x != *y)).min(above + 1).min(left + 1);
            if let Some(slot) = row.get_mut(j) {
                *slot = left;
            }
            before = above;
            left = here;
        }
        if let Some(slot) = row.last_mut() {
            *slot = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_of_the_catalogue_has_a_scenario_and_every_scenario_a_row() {
        let catalogue: Catalogue = toml::from_str(&text(CATALOGUE).unwrap()).unwrap();
        let rows: BTreeSet<&str> = catalogue.row.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(rows.len(), catalogue.row.len(), "a row is there twice");
        let all = all().unwrap();
        let proven: BTreeSet<&str> = all.iter().map(|it| it.catalogue.as_str()).collect();
        for scenario in &all {
            let row = &scenario.catalogue;
            assert!(
                rows.contains(row.as_str()),
                "{}: no row {row}",
                scenario.name
            );
        }
        for row in &catalogue.row {
            assert_eq!(
                proven.contains(row.name.as_str()),
                row.without.is_none(),
                "row {}: it has a scenario, or it says why it has none",
                row.name
            );
            assert!(!row.en.is_empty() && !row.zh.is_empty());
        }
    }

    #[test]
    fn there_are_enough_scenarios_and_each_can_be_read() {
        let all = all().unwrap();
        assert!(all.len() >= 65, "{}", all.len());
        for scenario in &all {
            let name = &scenario.name;
            let plain = name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            assert!(plain, "{name}");
            for about in [&scenario.about, &scenario.about_zh] {
                assert!(!about.is_empty() && !about.contains('\n'), "{name}");
            }
            assert!(
                scenario.about_zh.chars().any(|c| c > '\u{2e80}'),
                "{name}: about_zh is no Chinese"
            );
            if let Some(why) = &scenario.why_only {
                let long = |text: &str| text.chars().count() > 80 || text.contains('\n');
                assert!(!long(&why.en) && !long(&why.zh), "{name}: why_only");
                assert!(why.zh.chars().any(|c| c > '\u{2e80}'), "{name}");
            }
            for variant in &scenario.variants {
                let checks = variant
                    .steps
                    .iter()
                    .filter(|step| super::super::words::is_check(step));
                assert!(checks.count() > 0, "{} expects nothing", variant.label);
            }
        }
    }

    #[test]
    fn wrong_names_are_answered_with_near_ones() {
        let names = ["answer-lost", "notification-lost", "double-tap"].map(str::to_owned);
        assert_eq!(near("anser-lost", &names)[0], "answer-lost");
        assert_eq!(near("tap", &names), ["double-tap"]);
        assert!(near("zzzzzzzz", &names).is_empty());
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        let (scenario, wanted) = find_labelled("double-tap/v2").unwrap();
        assert_eq!(scenario.name, "double-tap");
        assert_eq!(scenario.variant(wanted).unwrap().label, "double-tap/v2");
        assert!(
            find_labelled("double-tap/v4")
                .unwrap_err()
                .contains("names no way")
        );
        assert!(
            find("no-such-thing")
                .unwrap_err()
                .contains("there is no scenario")
        );
    }

    #[test]
    fn the_page_in_the_docs_is_the_list() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/scenarios.md");
        let written = std::fs::read_to_string(path).unwrap();
        assert!(
            written == super::super::list::markdown().unwrap(),
            "run: cargo run -- simulator scenario --markdown > docs/scenarios.md"
        );
    }
}
