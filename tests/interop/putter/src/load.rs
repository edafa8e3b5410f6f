//! Our producer under load: the very loop of `Kpl.java`'s `load`.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bytestring::ByteString;
use kinesis_aggregation::UserRecord;
use kinesis_aggregation_producer::sdk::SdkStreamClient;
use kinesis_aggregation_producer::{Delivery, Producer};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

use crate::{Result, client};

/// At most so many user records are under way.
const UNDER_WAY: usize = 20_000;
const KEYS: usize = 10;
const RECORD_SIZE: usize = 200;

/// Of all threads of this process.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// In KiB.
fn peak_memory() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(peak.ok_or("no VmHWM")?.parse()?)
}

fn record(keys: &[ByteString], number: usize) -> UserRecord {
    UserRecord::new(keys[number % KEYS].clone(), vec![b'x'; RECORD_SIZE])
}

/// `threads`: of the runtime; `current` for that of `main` alone, else tokio's default.
pub(crate) fn put(directory: &Path, port: &str, count: usize, threads: &str) -> Result<()> {
    let mut builder = match threads {
        "current" => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.enable_all().build()?;
    runtime.block_on(load(directory, port, count))
}

async fn load(directory: &Path, port: &str, count: usize) -> Result<()> {
    let keys: Vec<ByteString> = (0..KEYS).map(|n| format!("key-{n}").into()).collect();
    let start = Instant::now();
    let client = client::client(directory, "127.0.0.1", port)?;
    let client = SdkStreamClient::new(client, "load");
    let producer = Producer::builder().rate_limit(None).build(client)?;
    producer.put(record(&keys, 0)).await?.await?;
    let first = start.elapsed();

    let (start, before) = (Instant::now(), cpu());
    let mut under_way: VecDeque<Delivery> = VecDeque::with_capacity(UNDER_WAY);
    let mut acknowledged = 0;
    for number in 0..count {
        if under_way.len() == UNDER_WAY
            && let Some(oldest) = under_way.pop_front()
        {
            acknowledged += usize::from(oldest.await.is_ok());
        }
        under_way.push_back(producer.put(record(&keys, number)).await?);
    }
    for delivery in under_way {
        acknowledged += usize::from(delivery.await.is_ok());
    }
    let (took, used) = (start.elapsed(), cpu() - before);
    let report = json!({
        "acknowledged": acknowledged,
        "seconds": took.as_secs_f64(),
        "cpu": {"process": used.as_secs_f64()},
        "memory": {"process": peak_memory()?},
        "first": first.as_secs_f64(),
    });
    println!("{report}");
    Ok(())
}
