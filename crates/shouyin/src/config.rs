//! `shouyin config`: what the settings mean.

use std::path::PathBuf;

use clap::Subcommand;
use shouyin_server::config::{Config, DEFAULT};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read everything, say what is wrong, print the result without secrets
    Check {
        /// The settings file
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Print the defaults with their explanation: a start for a file of your own
    Defaults,
}

/// Settings from a file and the environment.
pub(crate) fn load(file: Option<&std::path::Path>) -> anyhow::Result<Config> {
    Ok(Config::load(file, |name| std::env::var(name).ok())?)
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    match &options.command {
        Command::Check { config } => println!("{}", load(config.as_deref())?),
        Command::Defaults => print!("{DEFAULT}"),
    }
    Ok(())
}
