//! `shouyin serve`: the server.

use std::net::SocketAddr;
use std::path::PathBuf;

use shouyin_server::{Server, bind, init_logging};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The settings file; `shouyin config defaults` prints one to start from
    #[arg(long)]
    config: Option<PathBuf>,
    /// Where to listen, instead of the setting; port 0 picks a free one
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Where the database lives, instead of the setting
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let mut config = crate::config::load(options.config.as_deref())?;
    config.listen = options.listen.unwrap_or(config.listen);
    if let Some(data_dir) = &options.data_dir {
        config.data_dir.clone_from(data_dir);
    }
    init_logging(config.log_format);
    let server = Server::from_config(&config)?;
    let listener = bind(config.listen).await?;
    println!(
        "Shouyin listens on http://{}/ (reference: /docs)",
        listener.local_addr()?
    );
    server.serve(listener, crate::shutdown::signal()).await;
    Ok(())
}
