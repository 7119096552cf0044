//! `shouyin simulator scenario`: what can go wrong, played by the real server against the simulated WeChat.

mod app;
mod expect;
mod file;
mod library;
mod list;
mod notice_answer;
mod play;
mod span;
mod step;
mod timeline;
mod variant;
mod words;
mod world;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use shouyin_core::product::Product;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::file::{Scenario, Variant};
use self::variant::{Protocol, Wanted};
use self::words::Lang;

/// How many are played at once: they mostly wait for each other's messages.
const JOBS: usize = 4;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Which, perhaps with the protocol and the product behind it (`double-tap/v2/native`); without a name, all are listed
    names: Vec<String>,
    /// List all with one line each
    #[arg(long, conflicts_with_all = ["names", "all", "file"])]
    list: bool,
    /// Play all, by each protocol and for each product
    #[arg(long, conflicts_with_all = ["names", "file"])]
    all: bool,
    /// Play a file of your own
    #[arg(long, conflicts_with = "names")]
    file: Option<PathBuf>,
    /// By which protocol of WeChat Pay the shop's orders go; v3, unless the scenario is for v2 only
    #[arg(long, value_enum, conflicts_with = "list")]
    protocol: Option<Protocol>,
    /// How the shop sells: mini_program, jsapi, native, app, h5 or code; mini_program, unless the scenario is for others only
    #[arg(long, value_parser = product, conflicts_with = "list")]
    product: Option<Product>,
    /// The language of what is printed
    #[arg(long, value_enum, default_value = "en")]
    lang: Lang,
    /// How many are played at once, if there are several
    #[arg(long, default_value_t = JOBS)]
    jobs: usize,
    /// Keep the keys of the simulated merchants in this folder and use those found there: making them takes longest
    #[arg(long)]
    keys: Option<PathBuf>,
    /// Print the page docs/scenarios.md
    #[arg(long, hide = true)]
    markdown: bool,
    /// Print the names alone
    #[arg(long, hide = true)]
    only_names: bool,
}

fn product(text: &str) -> Result<Product, String> {
    Product::parse(text).ok_or_else(|| {
        let names = Product::ALL.map(Product::as_str).join(", ");
        format!("one of {names}")
    })
}

impl Options {
    const fn wanted(&self) -> Wanted {
        Wanted {
            protocol: self.protocol,
            product: self.product,
        }
    }
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    if options.markdown {
        print!("{}", list::markdown()?);
        return Ok(());
    }
    if options.only_names {
        for (_, variant) in all(Wanted::default())? {
            println!("{}", variant.label);
        }
        return Ok(());
    }
    if let Some(folder) = &options.keys {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot use {}", folder.display()))?;
        world::keep_keys_in(folder.clone());
    }
    let chosen = chosen(&options)?;
    match chosen.as_slice() {
        [] => {
            print!("{}", list::terminal(options.lang)?);
            Ok(())
        }
        [(scenario, variant)] => {
            let report = play::play(scenario, variant, options.lang, true).await;
            match report.failure {
                None => Ok(()),
                Some(_) => bail!("scenario {} failed", variant.label),
            }
        }
        _ => several(chosen, &options).await,
    }
}

type Chosen = (Scenario, Variant);

/// What is to be played; nothing, if all are to be listed.
fn chosen(options: &Options) -> anyhow::Result<Vec<Chosen>> {
    let one = |scenario: Scenario, wanted: Wanted| {
        let variant = scenario.variant(wanted).cloned();
        variant
            .map(|variant| (scenario, variant))
            .map_err(|why| anyhow!(why))
    };
    if let Some(path) = &options.file {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let scenario = Scenario::read(&name, &text).map_err(|why| anyhow!(why))?;
        return Ok(vec![one(scenario, options.wanted())?]);
    }
    if options.all {
        return all(options.wanted());
    }
    let found = options.names.iter().map(|name| {
        let (scenario, named) = library::find_labelled(name).map_err(|why| anyhow!(why))?;
        one(scenario, named.or(options.wanted()))
    });
    found.collect()
}

/// All scenarios in all their ways, or in those that are wanted.
fn all(wanted: Wanted) -> anyhow::Result<Vec<Chosen>> {
    let scenarios = library::all().map_err(|why| anyhow!(why))?;
    let variants = scenarios.into_iter().flat_map(|scenario| {
        let variants = scenario.variants.clone();
        variants
            .into_iter()
            .map(move |variant| (scenario.clone(), variant))
    });
    Ok(variants
        .filter(|(_, variant)| wanted.fits(variant.way))
        .collect())
}

/// One line for each as it ends; the timelines of those that failed at the end.
async fn several(chosen: Vec<Chosen>, options: &Options) -> anyhow::Result<()> {
    let (count, lang) = (chosen.len(), options.lang);
    let slots = Arc::new(Semaphore::new(options.jobs.max(1)));
    let mut running = JoinSet::new();
    for (scenario, variant) in chosen {
        let slots = Arc::clone(&slots);
        running.spawn(async move {
            let _slot = slots.acquire_owned().await?;
            let report = play::play(&scenario, &variant, lang, false).await;
            anyhow::Ok((variant.label, report))
        });
    }
    let mut failed = Vec::new();
    while let Some(ended) = running.join_next().await {
        let (name, report) = ended??;
        match &report.failure {
            None => println!("ok      {name}"),
            Some(why) => {
                println!("FAILED  {name}: {}", why.replace('\n', " "));
                failed.push((name, report));
            }
        }
    }
    for (_, report) in &failed {
        println!("\n{}", report.lines.join("\n"));
    }
    if failed.is_empty() {
        println!("\n{count} scenarios passed");
        return Ok(());
    }
    let names: Vec<&str> = failed.iter().map(|(name, _)| name.as_str()).collect();
    bail!(
        "{} of {count} scenarios failed: {}",
        failed.len(),
        names.join(", ")
    )
}
