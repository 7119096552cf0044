//! `shouyin key`: API keys for merchants' backends.

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use shouyin_core::id::Mchid;
use shouyin_core::ports::{Clock, Store};
use shouyin_server::{SystemClock, SystemIds, new_api_key, open_store};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key and print it. It is shown once: only its hash is stored. The server must not be running on the same data.
    Create {
        /// The settings file
        #[arg(long)]
        config: Option<PathBuf>,
        /// For which merchant number
        #[arg(long)]
        mchid: String,
        /// A name for people
        #[arg(long, default_value = "backend")]
        name: String,
    },
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let Command::Create {
        config,
        mchid,
        name,
    } = options.command;
    let config = crate::config::load(config.as_deref())?;
    let mchid = Mchid::parse(mchid)?;
    let known = config
        .merchants
        .iter()
        .find(|merchant| merchant.mchid == mchid);
    known.with_context(|| {
        format!("merchant {mchid} is not in the settings; add it under [[merchants]]")
    })?;
    let store = open_store(&config.data_dir)?;
    let (key, record) = new_api_key(
        mchid,
        &name,
        &SystemIds::new(),
        SystemClock::default().now(),
    );
    store.put_api_key(record).await?;
    store.close()?;
    println!("{key}");
    Ok(())
}
