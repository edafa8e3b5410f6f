//! A thin link: what goes through it shares so many bits a second.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// So much goes at a time, as in a packet or a few.
const CHUNK: usize = 8 * 1024;

/// A TCP proxy before a server on 127.0.0.1. It stops when it is dropped.
pub struct ThinLink {
    address: SocketAddr,
    proxy: JoinHandle<()>,
}

/// One direction, for all connections together.
struct Direction {
    bits_per_second: u64,
    /// When the last chunk is through.
    free: Mutex<Instant>,
}

impl Direction {
    fn new(bits_per_second: u64) -> Arc<Self> {
        Arc::new(Self {
            bits_per_second,
            free: Mutex::new(Instant::now()),
        })
    }

    /// Waits until so many bytes are through.
    async fn pass(&self, bytes: usize) {
        let bits = bytes as u64 * 8;
        let time = Duration::from_nanos(bits * 1_000_000_000 / self.bits_per_second);
        let through = {
            let mut free = self.free.lock().await;
            *free = (*free).max(Instant::now()) + time;
            *free
        };
        sleep_until(through).await;
    }

    async fn copy(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let mut chunk = vec![0; CHUNK];
        while let Ok(count @ 1..) = from.read(&mut chunk).await {
            self.pass(count).await;
            if to.write_all(&chunk[..count]).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    }
}

impl ThinLink {
    /// Starts one to this server, of so many bits a second in each direction.
    pub async fn start(server: SocketAddr, bits_per_second: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (up, down) = (
            Direction::new(bits_per_second),
            Direction::new(bits_per_second),
        );
        let proxy = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (up, down) = (Arc::clone(&up), Arc::clone(&down));
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(server).await else {
                        return;
                    };
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::join!(
                        up.copy(from_client, to_server),
                        down.copy(from_server, to_client),
                    );
                });
            }
        });
        Self { address, proxy }
    }

    /// For `endpoint_url`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for ThinLink {
    fn drop(&mut self) {
        self.proxy.abort();
    }
}
