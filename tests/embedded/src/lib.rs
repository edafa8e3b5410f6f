//! Kinesis in this process, on 127.0.0.1: streams that really store, split and merge, and faults
//! on demand.

mod fault;
mod link;
mod read;
mod tls;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{BehaviorVersion, Config, Credentials, Region, SharedHttpClient};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use ferrokinesis::store::StoreOptions;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use fault::{Fault, Request};
pub use link::ThinLink;
pub use read::{ReadUserRecord, Reading, read_all, stored};
pub use tls::Authority;

use fault::Injector;
use tls::TlsListener;

/// producer/README.md, whose programs need AWS's configuration.
#[cfg(doctest)]
#[doc = include_str!("../../../producer/README.md")]
struct ProducerReadme;

/// An embedded Kinesis. It stops when it is dropped.
pub struct Kinesis {
    address: SocketAddr,
    scheme: &'static str,
    injector: Injector,
    server: JoinHandle<()>,
}

impl Kinesis {
    /// Starts one that is always ready at once, and has room for many shards.
    pub async fn start() -> Self {
        Self::start_with(StoreOptions::default()).await
    }

    /// Starts one with these options; delays and the shard limit are overridden.
    pub async fn start_with(options: StoreOptions) -> Self {
        Self::serve(options, None).await
    }

    /// Starts one behind TLS, with a certificate of this CA for this name.
    pub async fn start_tls(authority: &Authority, name: &str) -> Self {
        Self::serve(StoreOptions::default(), Some((authority, name))).await
    }

    async fn serve(options: StoreOptions, tls: Option<(&Authority, &str)>) -> Self {
        let (app, _) = ferrokinesis::create_app(StoreOptions {
            create_stream_ms: 0,
            delete_stream_ms: 0,
            update_stream_ms: 0,
            shard_limit: 1000,
            ..options
        });
        let injector: Injector = Arc::new(Mutex::new(None));
        let app: Router =
            app.layer(DefaultBodyLimit::max(64 << 20))
                .layer(axum::middleware::from_fn_with_state(
                    injector.clone(),
                    fault::inject,
                ));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let server = match tls {
            None => tokio::spawn(async move {
                axum::serve(listener, app).await.expect("a server");
            }),
            Some((authority, name)) => {
                let listener = TlsListener::new(listener, authority, name);
                tokio::spawn(async move {
                    axum::serve(listener, app).await.expect("a server");
                })
            }
        };
        Self {
            address,
            scheme,
            injector,
            server,
        }
    }

    /// For `endpoint_url`.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client without TLS, with made-up credentials.
    pub fn client(&self) -> Client {
        client(&self.url())
    }

    /// Asks `decide` about every request from now on.
    pub fn inject(&self, decide: impl FnMut(&Request) -> Fault + Send + 'static) {
        *self.injector.lock().expect("no panic") = Some(Box::new(decide));
    }

    /// No faults any more.
    pub fn heal(&self) {
        *self.injector.lock().expect("no panic") = None;
    }

    /// Creates a stream and waits until it is there.
    pub async fn create_stream(&self, name: &str, shards: i32) {
        let client = self.client();
        let create = client.create_stream().stream_name(name).shard_count(shards);
        create.send().await.expect("a stream");
        wait_until_active(&client, name).await;
    }
}

impl Drop for Kinesis {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A client of the Kinesis at `url`.
pub fn client(url: &str) -> Client {
    let http = aws_smithy_http_client::Builder::new().build_http();
    client_with(url, http)
}

/// A client of the Kinesis at `url`, through this HTTP client.
pub fn client_with(url: &str, http: SharedHttpClient) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::for_tests())
        .endpoint_url(url)
        .http_client(http);
    Client::from_conf(config.build())
}

/// Waits until the stream takes the next change.
pub async fn wait_until_active(client: &Client, stream: &str) {
    loop {
        let describe = client.describe_stream_summary().stream_name(stream);
        let answer = describe.send().await.expect("a description");
        let summary = answer.stream_description_summary.expect("a summary");
        if summary.stream_status.as_str() == "ACTIVE" {
            return;
        }
        tokio::task::yield_now().await;
    }
}
