//! How fast Shouyin records orders and notifications, as ratios to the floor of the same run.
//!
//! The server runs in a process of its own on SQLite with full durability, once for each of WeChat's protocols; its CPU time is read from the
//! system. WeChat costs nothing: it gives an answer that was signed before. Load generator and server share the machine.

mod floor;
mod load;
mod measure;
mod message;
mod server;
mod upstream;

use std::path::PathBuf;

use clap::Parser;

/// The product's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(
    about = "Orders and notifications per second, and the server's CPU time for each, next to the floor of the same run"
)]
struct Options {
    /// How many notifications to commit (each needs its own signed message, made before the measurement).
    #[arg(long, default_value_t = 40_000)]
    notifications: u32,
    /// How long to create orders, in seconds. After three seconds the server begins to ask about orders that nobody pays.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// How many connections send notifications.
    #[arg(long, default_value_t = 256)]
    connections: usize,
    /// How many connections create orders.
    #[arg(long, default_value_t = 64)]
    order_connections: usize,
    /// Internal: be the measured server.
    #[arg(long, hide = true, num_args = 4, value_names = ["DIR", "UPSTREAM", "WAITING", "PROTOCOL"])]
    serve: Option<Vec<String>>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    match options.serve.as_deref() {
        Some([directory, upstream, waiting, protocol]) => {
            let protocol = server::protocol(protocol)?;
            server::serve(
                &PathBuf::from(directory),
                upstream,
                waiting.parse()?,
                protocol,
            )
            .await
        }
        Some(_) => anyhow::bail!("--serve takes four values"),
        None => measure::run(&options).await,
    }
}
