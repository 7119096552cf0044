//! The simulation on the command line. See `simulation help`.

mod command;

use std::process::ExitCode;

use command::{plan::Plan, search, show};
use simulation::{Case, Part, Story, Tier};

/// A run is mostly small rows being copied.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
usage:
  simulation run [--tier TIER] [--seconds N | --seeds N] [--first SEED] [--size BYTES] [--jobs N]
                 [--marks] [--floors] [--stop]
  simulation replay CASE [TIER]       one run with its trace
  simulation shrink CASE              the smallest size that still fails without anybody it can do without, with its trace
  simulation matrix [STORY]           a crash at every commit and every pair of commits
  simulation story STORY              the variants of one story, without a crash, with their traces
  simulation canary                   a product that believes every signature must be found out
--marks lists which rare things happened; --floors makes too few seeds a minute a failure; --stop ends at the
first failure.
CASE is SEED:SIZE, or SEED:SIZE!NAME,NAME without those who are named";

fn main() -> ExitCode {
    // A panic inside a run is one of its possible results and is reported with the others.
    std::panic::set_hook(Box::new(|_| {}));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["run", options @ ..] => Plan::parse(options).map_or_else(usage, |plan| search::run(&plan)),
        ["replay", case] => {
            Case::parse(case).map_or_else(usage, |case| show::replay(&case, Tier::Memory))
        }
        ["replay", case, tier] => match (Case::parse(case), Tier::parse(tier)) {
            (Some(case), Some(tier)) => show::replay(&case, tier),
            _ => usage(),
        },
        ["shrink", case] => Case::parse(case).map_or_else(usage, |case| show::shrink_one(&case)),
        ["story", name] if Story::NAMES.contains(name) => show::tell_story(name),
        ["matrix"] => show::run_matrix(&Story::NAMES),
        ["matrix", story] if Story::NAMES.contains(story) => show::run_matrix(&[*story]),
        ["canary"] => show::canary(),
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    let tiers: Vec<&str> = Tier::ALL.iter().map(|tier| tier.as_str()).collect();
    eprintln!("{USAGE}");
    eprintln!("tiers: {}", tiers.join(", "));
    eprintln!("stories: {}", Story::NAMES.join(", "));
    let parts: Vec<String> = Part::all().into_iter().map(Part::name).collect();
    eprintln!("names: {}", parts.join(", "));
    ExitCode::from(2)
}
