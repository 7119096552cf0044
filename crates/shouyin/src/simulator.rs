//! `shouyin simulator`: WeChat on a desk.

use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where to listen, for both of WeChat's hosts, the control API and the buyer's phone; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:8791")]
    listen: SocketAddr,
    /// Write the files WeChat hands a merchant into this folder (merchant.json appears last); keys found there are used again
    #[arg(long)]
    out: Option<PathBuf>,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
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
