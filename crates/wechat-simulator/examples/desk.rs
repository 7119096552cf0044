//! WeChat on a desk: starts a simulator, writes the merchant's files into `./wechat-merchant`, and waits for Ctrl-C.

use std::net::SocketAddr;
use std::path::Path;

#[tokio::main]
async fn main() -> Result<(), wechat_simulator::SimulatorError> {
    let listen = SocketAddr::from(([127, 0, 0, 1], 8791));
    let folder = Path::new("wechat-merchant");
    let started = |handle: &wechat_simulator::Handle| {
        println!("WeChat listens on {}", handle.base_url);
        println!("the buyer's phone is at {}/_phone/", handle.base_url);
    };
    let stop = async {
        if let Err(why) = tokio::signal::ctrl_c().await {
            eprintln!("cannot wait for Ctrl-C: {why}");
        }
    };
    wechat_simulator::run(listen, Some(folder), started, stop).await
}
