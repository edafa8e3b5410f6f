//! A small producer on the core alone, for kpl/split: no room, no limiter, no retries with
//! patience, but the rule that decides about loss: know the landed shard's range, then all or
//! nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use kinesis_aggregation::{
    Aggregator, HashKeyRange, KinesisRecord, Shard, ShardMap, ShardedAggregator, UserRecord,
    check_delivery, deaggregate,
};
use serde_json::{Value, json};

const BUFFERED: Duration = Duration::from_millis(100);
/// Requests that can be under way at once.
const CONNECTIONS: usize = 8;
const RECORDS: usize = 500;
/// Without any answer for so long, something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);

type Answer = (Vec<KinesisRecord>, Result<Vec<Option<String>>, String>);

struct Putter {
    connection: Connection,
    stream: String,
    aggregator: ShardedAggregator,
    ready: Vec<KinesisRecord>,
    workers: Vec<Sender<Vec<KinesisRecord>>>,
    next_worker: usize,
    under_way: usize,
    resolved: usize,
}

/// ADDRESS PORT STREAM COUNT RATE, as kpl/split gives them.
pub(crate) fn put(arguments: &[String]) -> Result<(), String> {
    let [address, port, stream, count, rate] = arguments else {
        return Err("usage: --put ADDRESS PORT STREAM COUNT RATE".to_owned());
    };
    let address = format!("{address}:{port}");
    let count: usize = count.parse().map_err(|_| "COUNT")?;
    let rate: f64 = rate.parse().map_err(|_| "RATE")?;
    let mut connection = Connection::open(&address)?;
    let map = list_shards(&mut connection, stream)?;
    let (sender, answers) = channel();
    let workers = (0..CONNECTIONS).map(|_| worker(&address, stream, sender.clone()));
    let mut putter = Putter {
        connection,
        stream: stream.clone(),
        aggregator: ShardedAggregator::new(map, Aggregator::builder())
            .map_err(|e| e.to_string())?,
        ready: Vec::new(),
        workers: workers.collect::<Result<_, _>>()?,
        next_worker: 0,
        under_way: 0,
        resolved: 0,
    };
    putter.run(count, rate, &answers)
}

impl Putter {
    fn run(&mut self, count: usize, rate: f64, answers: &Receiver<Answer>) -> Result<(), String> {
        let start = Instant::now();
        let mut flushed = start;
        let mut heard = start;
        let mut put = 0;
        while self.resolved < count {
            while put < count && start.elapsed().as_secs_f64() * rate >= put as f64 {
                let mut data = format!("{put} ").into_bytes();
                data.resize(200, b'x');
                self.push(UserRecord::new(format!("key-{}", put % 1000), data))?;
                put += 1;
            }
            if flushed.elapsed() >= BUFFERED || self.ready.len() >= RECORDS {
                flushed = Instant::now();
                let closed = self.aggregator.flush();
                self.ready.extend(closed);
                self.send()?;
            }
            if let Ok((records, answer)) = answers.recv_timeout(Duration::from_millis(1)) {
                heard = Instant::now();
                self.under_way -= 1;
                self.answered(records, answer)?;
            }
            if self.under_way > 0 && heard.elapsed() > PATIENCE {
                return Err("no answer".to_owned());
            }
        }
        Ok(())
    }

    fn push(&mut self, record: UserRecord) -> Result<(), String> {
        let closed = self.aggregator.push(record).map_err(|e| e.to_string())?;
        self.ready.extend(closed);
        Ok(())
    }

    fn send(&mut self) -> Result<(), String> {
        while !self.ready.is_empty() {
            let rest = self.ready.split_off(self.ready.len().min(RECORDS));
            let request = std::mem::replace(&mut self.ready, rest);
            let worker = self.next_worker % self.workers.len();
            self.workers[worker]
                .send(request)
                .map_err(|_| "a connection has ended")?;
            self.next_worker += 1;
            self.under_way += 1;
        }
        Ok(())
    }

    fn answered(
        &mut self,
        records: Vec<KinesisRecord>,
        answer: Result<Vec<Option<String>>, String>,
    ) -> Result<(), String> {
        let landed = match answer {
            Ok(landed) => landed,
            Err(why) => {
                eprintln!("PutRecords: {why}");
                records
                    .iter()
                    .for_each(|record| self.resolve("failed", record));
                return Ok(());
            }
        };
        for (record, landed) in records.into_iter().zip(landed) {
            match landed {
                // Throttled, or the service stumbled: this one again.
                None => self.ready.push(record),
                Some(shard) => self.judge(&record, &shard)?,
            }
        }
        Ok(())
    }

    /// First know the landed shard's range, then judge, all or nothing. A raw record is delivered
    /// wherever it lands.
    fn judge(&mut self, record: &KinesisRecord, shard: &str) -> Result<(), String> {
        let range = self.range_of(shard)?;
        if check_delivery(record.data(), range).is_ok() {
            self.resolve("ack", record);
            return Ok(());
        }
        let read = deaggregate(None, record.data());
        for member in read.user_records() {
            let member = member.map_err(|loss| loss.to_string())?;
            self.push(member.to_user_record())?;
        }
        Ok(())
    }

    /// Of a shard that need not be known yet.
    fn range_of(&mut self, shard: &str) -> Result<HashKeyRange, String> {
        let asked = Instant::now();
        loop {
            let map = self.aggregator.shard_map();
            if let Some(range) = map.and_then(|map| map.hash_key_range(shard)) {
                return Ok(range);
            }
            if asked.elapsed() > PATIENCE {
                return Err("a shard that ListShards does not know".to_owned());
            }
            // A map in the middle of a change may have a gap: ask again.
            if let Ok(map) = list_shards(&mut self.connection, &self.stream) {
                let closed = self.aggregator.set_shard_map(map);
                self.ready.extend(closed);
            }
        }
    }

    fn resolve(&mut self, word: &str, record: &KinesisRecord) {
        let read = deaggregate(None, record.data());
        for r in read.user_records().flatten() {
            let number = r.data().split(|byte| *byte == b' ').next();
            let number = String::from_utf8_lossy(number.unwrap_or_default());
            println!("{word} {number}");
            self.resolved += 1;
        }
    }
}

/// A connection of its own, which puts what it is sent.
fn worker(
    address: &str,
    stream: &str,
    answers: Sender<Answer>,
) -> Result<Sender<Vec<KinesisRecord>>, String> {
    let (sender, requests) = channel::<Vec<KinesisRecord>>();
    let address = address.to_owned();
    let mut connection = Connection::open(&address)?;
    let stream = stream.to_owned();
    thread::spawn(move || {
        for records in requests {
            let answer = put_records(&mut connection, &stream, &records);
            // An answer that comes after all must not be taken for the next one's.
            if answer.is_err()
                && let Ok(fresh) = Connection::open(&address)
            {
                connection = fresh;
            }
            if answers.send((records, answer)).is_err() {
                return;
            }
        }
    });
    Ok(sender)
}

/// The shard that each record landed on; none where it was refused.
fn put_records(
    connection: &mut Connection,
    stream: &str,
    records: &[KinesisRecord],
) -> Result<Vec<Option<String>>, String> {
    let entries = records.iter().map(|record| {
        let hash_key = record.explicit_hash_key().map(|key| key.to_string());
        let data = base64_simd::STANDARD.encode_to_string(record.data());
        json!({"Data": data, "PartitionKey": record.partition_key(), "ExplicitHashKey": hash_key})
    });
    let entries: Vec<_> = entries.collect();
    let answer = connection.call(
        "PutRecords",
        &json!({"StreamName": stream, "Records": entries}),
    )?;
    let landed = answer["Records"].as_array().ok_or("no Records")?;
    if landed.len() != records.len() {
        return Err("an answer of another length".to_owned());
    }
    let shard = |entry: &Value| entry["ShardId"].as_str().map(str::to_owned);
    Ok(landed.iter().map(shard).collect())
}

fn list_shards(connection: &mut Connection, stream: &str) -> Result<ShardMap, String> {
    let answer = connection.call("ListShards", &json!({"StreamName": stream}))?;
    let shards = answer["Shards"].as_array().ok_or("no Shards")?;
    let shard = |shard: &Value| {
        let id = shard["ShardId"].as_str()?;
        let end = |name: &str| shard["HashKeyRange"][name].as_str()?.parse().ok();
        let range = HashKeyRange::new(end("StartingHashKey")?, end("EndingHashKey")?).ok()?;
        let open = shard["SequenceNumberRange"]["EndingSequenceNumber"].is_null();
        Some(if open {
            Shard::open(id, range)
        } else {
            Shard::closed(id, range)
        })
    };
    let shards: Option<Vec<_>> = shards.iter().map(shard).collect();
    ShardMap::new(shards.ok_or("a shard that is none")?).map_err(|e| e.to_string())
}

/// Just enough HTTP for a server on this machine that checks no signature.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(address: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(address).map_err(|e| e.to_string())?;
        let limits = stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(Some(PATIENCE)));
        limits.map_err(|e| e.to_string())?;
        Ok(Self(BufReader::new(stream)))
    }

    fn call(&mut self, action: &str, body: &Value) -> Result<Value, String> {
        let (status, answer) = self
            .post(action, &body.to_string())
            .map_err(|e| e.to_string())?;
        let answer: Value = serde_json::from_slice(&answer).map_err(|e| e.to_string())?;
        if status.contains(" 200 ") {
            Ok(answer)
        } else {
            Err(answer["__type"].to_string())
        }
    }

    fn post(&mut self, action: &str, body: &str) -> std::io::Result<(String, Vec<u8>)> {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.1\r\n\
             X-Amz-Target: Kinesis_20131202.{action}\r\nX-Amz-Date: 20200101T000000Z\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=x/20200101/us-east-1/kinesis/aws4_request, \
             SignedHeaders=host, Signature=x\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let stream = self.0.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        let mut status = String::new();
        self.0.read_line(&mut status)?;
        let mut len = 0;
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end().split_once(": ") {
                None => break,
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    len = value.parse().unwrap_or(0);
                }
                Some(_) => {}
            }
        }
        let mut answer = vec![0; len];
        self.0.read_exact(&mut answer)?;
        Ok((status, answer))
    }
}
