//! Dependencies point down. The table below is the whole rule; `cargo metadata` tells what is.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process;
use crate::repository::Repository;

/// What a crate may use of ours, and which crates of others it must not use directly.
struct Layer {
    name: &'static str,
    /// Crates of this workspace that the program itself may use.
    below: &'static [&'static str],
    /// Crates of this workspace that only its tests may use.
    tests: &'static [&'static str],
    /// Crates of others that would break what this layer promises.
    without: &'static [&'static str],
}

/// Anything that reads a clock, draws chance, opens a socket or a database.
const THE_WORLD: &[&str] = &[
    "axum",
    "hyper",
    "rand",
    "reqwest",
    "rusqlite",
    "rustls",
    "tokio",
    "tower",
    "tower-http",
];
const SOCKETS: &[&str] = &["axum", "hyper", "hyper-util", "reqwest", "rustls"];
const SQL: &[&str] = &["refinery", "rusqlite"];

const LAYERS: &[Layer] = &[
    Layer {
        name: "fen",
        below: &[],
        tests: &[],
        without: THE_WORLD,
    },
    Layer {
        name: "wechatpay",
        below: &["fen"],
        tests: &[],
        without: SQL,
    },
    Layer {
        name: "wechat-miniprogram",
        below: &["fen"],
        tests: &[],
        without: SQL,
    },
    Layer {
        name: "shouyin-core",
        below: &["fen"],
        tests: &[],
        without: THE_WORLD,
    },
    Layer {
        name: "shouyin-store",
        below: &["shouyin-core", "fen"],
        tests: &[],
        without: SOCKETS,
    },
    Layer {
        name: "shouyin-wechat",
        below: &["shouyin-core", "wechatpay", "wechat-miniprogram", "fen"],
        tests: &["wechat-simulator"],
        without: SQL,
    },
    Layer {
        name: "shouyin-server",
        below: &[
            "shouyin-store",
            "shouyin-wechat",
            "shouyin-core",
            // It plugs the HTTP transports of the two libraries into the adapters.
            "wechatpay",
            "wechat-miniprogram",
            "fen",
        ],
        tests: &["wechat-simulator"],
        without: SQL,
    },
    Layer {
        name: "wechat-simulator",
        below: &["wechatpay", "wechat-miniprogram", "fen"],
        tests: &[],
        without: SQL,
    },
    Layer {
        name: "shouyin",
        below: &[
            "shouyin-server",
            "shouyin-store",
            "shouyin-wechat",
            "shouyin-core",
            "wechat-simulator",
            "wechatpay",
            "wechat-miniprogram",
            "fen",
        ],
        tests: &[],
        without: SQL,
    },
    Layer {
        name: "simulation",
        below: &[
            "shouyin-server",
            "shouyin-store",
            "shouyin-wechat",
            "shouyin-core",
            "wechat-simulator",
            "wechatpay",
            "wechat-miniprogram",
            "fen",
        ],
        tests: &[],
        without: SOCKETS,
    },
];

/// Not part of the product: may use anything.
const ANYTHING: &[&str] = &["bench", "foreign-bytes", "xtask"];

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `None` for what the program uses, or `dev` or `build`.
    kind: Option<String>,
}

/// Checks the manifests; returns one line that says what was looked at.
pub(crate) fn check(repository: &Repository) -> Result<String> {
    let mut cargo = repository.cargo();
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Metadata = serde_json::from_str(&process::capture(&mut cargo)?)
        .context("cannot read what `cargo metadata` printed")?;
    let problems = problems(&metadata);
    if !problems.is_empty() {
        bail!("dependencies must point down:\n  {}", problems.join("\n  "));
    }
    Ok(format!(
        "the dependencies of {} crates point down",
        metadata.packages.len()
    ))
}

fn problems(metadata: &Metadata) -> Vec<String> {
    let layers: BTreeMap<&str, &Layer> = LAYERS.iter().map(|layer| (layer.name, layer)).collect();
    let ours: BTreeSet<&str> = metadata
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let mut problems = Vec::new();
    for package in &metadata.packages {
        if ANYTHING.contains(&package.name.as_str()) {
            continue;
        }
        let Some(layer) = layers.get(package.name.as_str()) else {
            problems.push(format!(
                "{} is in no layer: give it one in xtask/src/layers.rs",
                package.name
            ));
            continue;
        };
        for dependency in &package.dependencies {
            problems.extend(problem(layer, dependency, &ours));
        }
    }
    problems
}

fn problem(layer: &Layer, dependency: &Dependency, ours: &BTreeSet<&str>) -> Option<String> {
    let name = dependency.name.as_str();
    let only_in_tests = dependency.kind.as_deref() == Some("dev");
    let allowed = if ours.contains(name) {
        layer.below.contains(&name) || (only_in_tests && layer.tests.contains(&name))
    } else {
        // Tests may talk to the world in order to check what the layer does.
        only_in_tests || !layer.without.contains(&name)
    };
    let kind = if only_in_tests { " (in tests)" } else { "" };
    (!allowed).then(|| format!("{} must not use {name}{kind}", layer.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Problems of a workspace that has all layers and these edges: (from, to, kind).
    fn check(edges: &[(&str, &str, Option<&str>)]) -> Vec<String> {
        let names = LAYERS
            .iter()
            .map(|layer| layer.name)
            .chain(ANYTHING.iter().copied());
        let packages = names
            .map(|name| Package {
                name: name.to_owned(),
                dependencies: edges
                    .iter()
                    .filter(|(from, _, _)| *from == name)
                    .map(|(_, to, kind)| Dependency {
                        name: (*to).to_owned(),
                        kind: kind.map(str::to_owned),
                    })
                    .collect(),
            })
            .collect();
        problems(&Metadata { packages })
    }

    #[test]
    fn edges_that_point_down_are_allowed() {
        let good = [
            ("shouyin", "shouyin-server", None),
            ("shouyin-server", "shouyin-core", None),
            ("shouyin-core", "fen", None),
            ("shouyin-core", "serde", None),
            ("bench", "shouyin-server", None),
        ];
        assert_eq!(check(&good), Vec::<String>::new());
    }

    #[test]
    fn an_edge_that_points_up_or_sideways_is_refused() {
        assert_eq!(
            check(&[("fen", "wechatpay", None)]),
            ["fen must not use wechatpay"]
        );
        assert_eq!(
            check(&[("wechat-simulator", "shouyin-core", None)]),
            ["wechat-simulator must not use shouyin-core"]
        );
        assert_eq!(
            check(&[("shouyin-store", "shouyin-wechat", Some("build"))]),
            ["shouyin-store must not use shouyin-wechat"]
        );
    }

    #[test]
    fn the_simulator_is_for_tests_of_the_server_only() {
        assert_eq!(
            check(&[("shouyin-server", "wechat-simulator", Some("dev"))]),
            Vec::<String>::new()
        );
        assert_eq!(
            check(&[("shouyin-server", "wechat-simulator", None)]),
            ["shouyin-server must not use wechat-simulator"]
        );
        assert_eq!(
            check(&[("wechatpay", "wechat-simulator", Some("dev"))]),
            ["wechatpay must not use wechat-simulator (in tests)"]
        );
    }

    #[test]
    fn core_knows_no_sockets_and_the_simulation_opens_none() {
        assert_eq!(
            check(&[("shouyin-core", "tokio", None)]),
            ["shouyin-core must not use tokio"]
        );
        assert_eq!(
            check(&[("simulation", "reqwest", None)]),
            ["simulation must not use reqwest"]
        );
        assert_eq!(
            check(&[("shouyin-server", "rusqlite", None)]),
            ["shouyin-server must not use rusqlite"]
        );
        assert_eq!(
            check(&[("shouyin-core", "tokio", Some("dev"))]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_crate_without_a_layer_is_refused() {
        let metadata = Metadata {
            packages: vec![Package {
                name: "newcomer".to_owned(),
                dependencies: vec![],
            }],
        };
        assert_eq!(
            problems(&metadata),
            ["newcomer is in no layer: give it one in xtask/src/layers.rs"]
        );
    }

    #[test]
    fn every_layer_names_only_layers_that_exist_and_none_uses_another_in_a_circle() {
        for (place, layer) in LAYERS.iter().enumerate() {
            for below in layer.below {
                let lower = LAYERS.iter().position(|other| other.name == *below);
                assert!(
                    lower.is_some_and(|lower| lower < place),
                    "{} uses {below}",
                    layer.name
                );
            }
        }
    }
}
