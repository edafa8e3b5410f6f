//! What the benches read and write, and the way prost's users do it.
#![allow(dead_code, reason = "each bench takes its part")]

#[cfg(feature = "lambda")]
pub(crate) mod lambda_way;
pub(crate) mod plot;
pub(crate) mod prost_way;
pub(crate) mod report;
pub(crate) mod rounds;

use kinesis_aggregation::md5::Level;
use kinesis_aggregation::wire::{self, RecordIndices};
use kinesis_aggregation::{Aggregator, HashKey, KinesisRecord, UserRecord};

/// The keys of user records.
#[derive(Clone, Copy)]
pub(crate) enum Keys {
    /// So many different partition keys in turn.
    Partition(usize),
    /// Ten partition keys and as many explicit hash keys in turn.
    ExplicitHash,
}

/// How the lengths of user records' data vary around [`Traffic::data_len`].
#[derive(Clone, Copy)]
pub(crate) enum Lengths {
    /// Not at all.
    Same,
    /// From half of it to all of it.
    Varied,
    /// As those of real events: log-normal with this median, from 20 to 2000 bytes.
    Real,
}

/// A kind of traffic.
#[derive(Clone, Copy)]
pub(crate) struct Traffic {
    /// The bytes of a user record's data.
    pub(crate) data_len: usize,
    /// How they vary.
    pub(crate) lengths: Lengths,
    /// Its keys.
    pub(crate) keys: Keys,
    /// The most bytes of an aggregate.
    pub(crate) aggregate_len: usize,
}

impl Traffic {
    /// The one that the numbers are for: 200 bytes, 10 keys, the KPL's 50 KB.
    pub(crate) const USUAL: Self = Self {
        data_len: 200,
        lengths: Lengths::Same,
        keys: Keys::Partition(10),
        aggregate_len: 51_200,
    };

    /// So many user records, each with data of its own.
    pub(crate) fn user_records(self, count: usize) -> Vec<UserRecord> {
        let mut noise = Noise(0x6B70_6C00);
        (0..count)
            .map(|at| {
                let data_len = self.length(&mut noise);
                let data: Vec<u8> = std::iter::repeat_with(|| noise.next().to_le_bytes())
                    .flatten()
                    .take(data_len)
                    .collect();
                let key = |of: usize| format!("partition-key-{:06}", at % of);
                match self.keys {
                    Keys::Partition(of) => UserRecord::new(key(of), data),
                    Keys::ExplicitHash => {
                        let hash_key = u128::MAX / 11 * (at % 10 + 1) as u128;
                        UserRecord::new(key(10), data)
                            .with_explicit_hash_key(HashKey::new(hash_key))
                    }
                }
            })
            .collect()
    }

    /// The length of the next user record's data.
    fn length(self, noise: &mut Noise) -> usize {
        match self.lengths {
            Lengths::Same => self.data_len,
            Lengths::Varied => self.data_len - noise.next() as usize % (self.data_len / 2),
            Lengths::Real => {
                let length = self.data_len as f64 * noise.normal().exp();
                length.clamp(20.0, 2000.0) as usize
            }
        }
    }

    /// How many user records fill an aggregate, at most.
    fn per_aggregate(self) -> usize {
        let least = match self.lengths {
            Lengths::Same => self.data_len,
            Lengths::Varied | Lengths::Real => self.data_len / 2,
        };
        self.aggregate_len / (least + 3) + 2
    }

    /// So many full aggregates.
    pub(crate) fn aggregates(self, count: usize) -> Vec<KinesisRecord> {
        let mut aggregator = self.aggregator();
        let mut full = Vec::new();
        for record in self.user_records(self.per_aggregate() * (count + 1)) {
            full.extend(
                aggregator
                    .push(record)
                    .expect("a user record of legal size"),
            );
            if full.len() == count {
                break;
            }
        }
        assert_eq!(full.len(), count);
        full
    }

    /// What writes it, for one shard.
    pub(crate) fn aggregator(self) -> Aggregator {
        Aggregator::builder()
            .mixing_shards()
            .max_size(self.aggregate_len)
            .max_record_size(10 * 1024 * 1024)
            .build()
            .expect("legal sizes")
    }
}

/// One aggregate of exactly so many user records.
pub(crate) fn aggregate_of(user_records: usize, traffic: Traffic) -> KinesisRecord {
    if user_records == 1 {
        return framed(&traffic.user_records(1)[0]);
    }
    let traffic = Traffic {
        aggregate_len: 10 * 1024 * 1024 - 4096,
        ..traffic
    };
    let mut aggregator = traffic.aggregator();
    for record in traffic.user_records(user_records) {
        let closed = aggregator
            .push(record)
            .expect("a user record of legal size");
        assert!(closed.is_none(), "it all fits one aggregate");
    }
    aggregator.flush().expect("a user record")
}

/// A single one would travel raw.
fn framed(record: &UserRecord) -> KinesisRecord {
    let indices = RecordIndices {
        partition_key: 0,
        explicit_hash_key: None,
    };
    let records = [(indices, record.data().as_ref())];
    let frame = wire::encode(record.partition_key(), [""; 0], records);
    KinesisRecord::new("a", frame)
}

/// The same numbers every time (SplitMix64).
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    /// The next one.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// The next one of a standard normal distribution (Box and Muller).
    fn normal(&mut self) -> f64 {
        let [a, b] = [(); 2].map(|()| (self.next() >> 11) as f64 / (1_u64 << 53) as f64);
        (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }
}

/// The level that `--level NAME` asks for, or the best one.
///
/// # Panics
///
/// If this machine or this build lacks it.
pub(crate) fn level() -> Level {
    let Some(name) = option("--level") else {
        return Level::best();
    };
    let plain = |name: String| name.to_lowercase().replace(['-', ' '], "");
    let name = plain(name);
    Level::available()
        .into_iter()
        .find(|level| plain(level.to_string()) == name)
        .unwrap_or_else(|| panic!("not a level of this machine: {:?}", Level::available()))
}

/// Starts this bench anew so that glibc's allocator keeps what is freed, as it does in a process
/// that has run for a while. Otherwise it gives megabytes back to the kernel after each round, and
/// fetching them again takes longer than reading or writing.
pub(crate) fn settle() {
    const NAME: &str = "GLIBC_TUNABLES";
    if std::env::var_os(NAME).is_some() {
        return;
    }
    let keep = "glibc.malloc.trim_threshold=1000000000:glibc.malloc.mmap_threshold=1000000000";
    let status = std::env::current_exe().and_then(|this| {
        std::process::Command::new(this)
            .args(std::env::args_os().skip(1))
            .env(NAME, keep)
            .status()
    });
    let status = status.expect("this bench can be started");
    std::process::exit(status.code().unwrap_or(1));
}

/// Returns the argument after `name` on the command line.
pub(crate) fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|arg| arg != name).nth(1)
}

/// Whether `--quick` asks for a rough look.
pub(crate) fn quick() -> bool {
    std::env::args().any(|arg| arg == "--quick")
}
