#![doc = include_str!("../README.md")]

mod config;
mod demo;
mod http;
mod key;
mod random;
mod scenario;
mod serve;
mod shutdown;
mod simulator;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Shouyin (收银): take WeChat payments in a mini program.
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = false)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Server, WeChat simulator and a page in one process: buy a coffee and watch every message
    Demo(demo::Options),
    /// The server, with your merchant's keys
    Serve(serve::Options),
    /// WeChat on a desk: point any WeChat Pay SDK at it
    Simulator(simulator::Options),
    /// API keys for merchants' backends
    Key(key::Options),
    /// The settings
    Config(config::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo(options) => demo::run(options).await,
        Command::Serve(options) => serve::run(&options).await,
        Command::Simulator(options) => simulator::run(options).await,
        Command::Key(options) => key::run(options).await,
        Command::Config(options) => config::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shouyin: {error:#}");
            ExitCode::FAILURE
        }
    }
}
