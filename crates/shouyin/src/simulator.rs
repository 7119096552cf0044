//! `shouyin simulator`: WeChat on a desk, and what can go wrong with it.

use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    /// Where to listen, for both of WeChat's hosts, the control API and the buyer's phone; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:8791")]
    listen: SocketAddr,
    /// Write the files WeChat hands a merchant into this folder (merchant.json appears last); keys found there are used again
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Play what can go wrong: the real server against the simulated WeChat, on a clock moved by hand
    Scenario(crate::scenario::Options),
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    if let Some(Command::Scenario(scenario)) = options.command {
        return crate::scenario::run(scenario).await;
    }
    let folder = options.out.as_deref();
    let started = |handle: &wechat_simulator::Handle| {
        println!("WeChat's simulator listens on {}", handle.base_url);
        println!("  buyer's phone  {}/_phone/", handle.base_url);
        println!("  control API    {}/_control/openapi.json", handle.base_url);
        if let Some(folder) = folder {
            println!("  merchant files {}", folder.display());
        }
    };
    wechat_simulator::run(options.listen, folder, started, crate::shutdown::signal()).await?;
    Ok(())
}
