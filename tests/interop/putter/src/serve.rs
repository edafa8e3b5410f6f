//! A Kinesis that stores nothing: it reads of a PutRecords just what it needs to
//! answer, so that it takes little of the machine on which a producer is measured.

use std::borrow::Cow;
use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use kinesis_aggregation::HashKey;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::Result;

/// What it was asked.
struct Tally {
    shards: u128,
    requests: u64,
    kinesis_records: u64,
    bytes: u64,
    /// When the first PutRecords came, and the last.
    from_to: Option<(Instant, Instant)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecords<'a> {
    #[serde(borrow)]
    records: Vec<Entry<'a>>,
}

/// Its data are skipped.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    #[serde(borrow)]
    explicit_hash_key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    partition_key: Option<Cow<'a, str>>,
}

impl Entry<'_> {
    fn shard(&self, shards: u128) -> u128 {
        let explicit = self.explicit_hash_key.as_deref();
        let hash_key = explicit
            .and_then(|key| key.parse().ok())
            .unwrap_or_else(|| {
                HashKey::of_partition_key(self.partition_key.as_deref().unwrap_or_default())
            });
        hash_key.get() / (u128::MAX / shards + 1)
    }
}

/// On one thread, so that it leaves the others alone.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn serve(directory: &Path, shards: u128) -> Result<()> {
    let pem = directory.join("server.pem");
    let certificate = CertificateDer::from_pem_file(&pem)?;
    let key = PrivateKeyDer::from_pem_file(&pem)?;
    let tls = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("port {}", listener.local_addr()?.port());
    let tally = Arc::new(Mutex::new(Tally {
        shards,
        requests: 0,
        kinesis_records: 0,
        bytes: 0,
        from_to: None,
    }));
    let mut end = Vec::new();
    let mut input = tokio::io::stdin();
    tokio::select! {
        ended = input.read_to_end(&mut end) => drop(ended?),
        failed = accept(&listener, &acceptor, &tally) => failed?,
    }
    let tally = tally.lock().map_err(|_| "a connection broke")?;
    let report = json!({
        "requests": tally.requests,
        "kinesis_records": tally.kinesis_records,
        "bytes": tally.bytes,
        "seconds": tally.from_to.map(|(from, to)| (to - from).as_secs_f64()),
    });
    println!("{report}");
    // The thread that reads standard input may not end by itself.
    std::process::exit(0)
}

async fn accept(
    listener: &TcpListener,
    acceptor: &TlsAcceptor,
    tally: &Arc<Mutex<Tally>>,
) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream, acceptor.clone(), Arc::clone(tally)));
    }
}

/// A producer that hangs up in the middle is no news here.
async fn connection(stream: TcpStream, acceptor: TlsAcceptor, tally: Arc<Mutex<Tally>>) {
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let service = service_fn(|request| answer(request, &tally));
    let http = hyper::server::conn::http1::Builder::new();
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    tally: &Mutex<Tally>,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let target = parts.headers.get("x-amz-target");
    let operation = target.and_then(|target| target.to_str().ok()?.split('.').nth(1));
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    let answer = match operation {
        Some("PutRecords") => put_records(&body, tally),
        Some("ListShards") => tally.lock().ok().map(|tally| list_shards(tally.shards)),
        Some("DescribeStreamSummary") => tally.lock().ok().map(|tally| summary(tally.shards)),
        _ => None,
    };
    let (status, text) = match answer {
        Some(answer) => (200, answer.to_string()),
        None => (
            400,
            json!({"__type": "UnknownOperationException"}).to_string(),
        ),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    let json = hyper::header::HeaderValue::from_static("application/x-amz-json-1.1");
    response.headers_mut().insert("content-type", json);
    Ok(response)
}

fn shard_id(shard: u128) -> String {
    format!("shardId-{shard:012}")
}

fn put_records(body: &[u8], tally: &Mutex<Tally>) -> Option<Value> {
    let request: PutRecords = serde_json::from_slice(body).ok()?;
    let mut tally = tally.lock().ok()?;
    let now = Instant::now();
    tally.from_to = Some((tally.from_to.map_or(now, |(from, _)| from), now));
    tally.requests += 1;
    tally.bytes += body.len() as u64;
    let mut results = Vec::with_capacity(request.records.len());
    for entry in &request.records {
        tally.kinesis_records += 1;
        // As long as the service's.
        let number = format!("49{:054}", tally.kinesis_records);
        results.push(
            json!({"ShardId": shard_id(entry.shard(tally.shards)), "SequenceNumber": number}),
        );
    }
    Some(json!({"FailedRecordCount": 0, "Records": results}))
}

fn list_shards(shards: u128) -> Value {
    let width = u128::MAX / shards + 1;
    let shard = |n: u128| {
        let (start, end) = (n * width, n * width + (width - 1));
        json!({
            "ShardId": shard_id(n),
            "HashKeyRange": {"StartingHashKey": start.to_string(), "EndingHashKey": end.to_string()},
            "SequenceNumberRange": {"StartingSequenceNumber": "49000000000000000000000000000000000000000000000000000000"},
        })
    };
    json!({"Shards": (0..shards).map(shard).collect::<Vec<_>>()})
}

fn summary(shards: u128) -> Value {
    json!({"StreamDescriptionSummary": {
        "StreamName": "load",
        "StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/load",
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        "RetentionPeriodHours": 24,
        "StreamCreationTimestamp": 1_700_000_000,
        "EnhancedMonitoring": [],
        "OpenShardCount": shards,
        "MaxRecordSizeInKiB": 1024,
    }})
}
