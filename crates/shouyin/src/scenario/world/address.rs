//! Addresses on this machine that stay ours, whether somebody listens there or not.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// A port of this machine. While nobody listens, connections are refused, and nobody else gets the port.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) socket: SocketAddr,
    reserved: Option<TcpSocket>,
}

impl Address {
    /// A free port, with nobody listening.
    pub(crate) fn reserve() -> io::Result<Self> {
        let reserved = reusable()?;
        reserved.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        Ok(Self {
            socket: reserved.local_addr()?,
            reserved: Some(reserved),
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.socket)
    }

    /// Begins to listen.
    pub(crate) async fn open(&mut self) -> io::Result<TcpListener> {
        if self.reserved.is_none() {
            self.close().await?;
        }
        match self.reserved.take() {
            Some(socket) => socket.listen(256),
            None => Err(io::Error::other("the port is in use")),
        }
    }

    /// Nobody listens any more; whoever did has dropped the listener, or is about to.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        let mut tries = 0;
        loop {
            let socket = reusable()?;
            match socket.bind(self.socket) {
                Ok(()) => {
                    self.reserved = Some(socket);
                    return Ok(());
                }
                Err(why) if tries >= 200 => return Err(why),
                Err(_) => {
                    tries += 1;
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
            }
        }
    }
}

/// Connections that have just ended hold their port for a while, except against sockets that all said so.
fn reusable() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    Ok(socket)
}

/// A domain of WeChat's that can go down: passes bytes on while it is up.
#[derive(Debug)]
pub(crate) struct Domain {
    address: Address,
    scheme: &'static str,
    behind: SocketAddr,
    passing: Option<JoinHandle<()>>,
}

impl Domain {
    /// One that stands in front of this address.
    pub(crate) async fn up(url: &str) -> anyhow::Result<Self> {
        let (scheme, behind) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(behind), _) => ("https", behind),
            (None, Some(behind)) => ("http", behind),
            (None, None) => anyhow::bail!("{url} is no address of a simulator"),
        };
        let mut domain = Self {
            address: Address::reserve()?,
            scheme,
            behind: behind.parse()?,
            passing: None,
        };
        domain.set_up(true).await?;
        Ok(domain)
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address.socket)
    }

    pub(crate) async fn set_up(&mut self, up: bool) -> io::Result<()> {
        match (up, self.passing.take()) {
            (true, None) => {
                let listener = self.address.open().await?;
                self.passing = Some(tokio::spawn(pass(listener, self.behind)));
            }
            (false, Some(passing)) => {
                passing.abort();
                // An abort is no success of the task, and the only way it ends.
                drop(passing.await);
                self.address.close().await?;
            }
            (_, unchanged) => self.passing = unchanged,
        }
        Ok(())
    }
}

impl Drop for Domain {
    fn drop(&mut self) {
        if let Some(passing) = &self.passing {
            passing.abort();
        }
    }
}

async fn pass(listener: TcpListener, behind: SocketAddr) {
    // Ends with this task, and so do its connections.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((mut here, _)) = accepted else { continue };
                connections.spawn(async move {
                    let mut there = TcpStream::connect(behind).await?;
                    tokio::io::copy_bidirectional(&mut here, &mut there).await
                });
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}
