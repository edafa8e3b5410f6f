//! What this library writes, for others to read; and what others write, for it to read.

use std::collections::{HashMap, VecDeque};

use fastrand::Rng;
use kinesis_aggregation::{
    Aggregator, AggregatorBuilder, HashKey, HashKeyRange, KinesisRecord, OuterKey, Shard, ShardMap,
    ShardedAggregator, UserRecord,
};

use crate::keys::{good_hash_key, good_key};
use crate::peer::{Case, Item};
use crate::wire::frame;

/// A Kinesis record that we wrote, and what a reader on the predicted shard must find in it.
pub(crate) struct Written {
    pub(crate) case: Case,
    pub(crate) expected: Vec<Item>,
}

/// User records for a peer to write.
pub(crate) struct Put {
    pub(crate) user_records: Vec<Item>,
    /// Where the peer takes one.
    pub(crate) max_size: u32,
}

/// Which user records may share an aggregate, as the aggregator under test has it.
enum Lanes {
    Sharded(ShardedAggregator),
    PerHashKey(ShardedAggregator),
    One(Aggregator, Option<HashKeyRange>),
}

/// Pushes user records through an aggregator of some kind and gives what comes out.
pub(crate) fn round(rng: &mut Rng) -> Vec<Written> {
    let mut lanes = lanes(rng);
    let mut put: HashMap<u128, VecDeque<UserRecord>> = HashMap::new();
    let mut closed = Vec::new();
    let same_keys: Vec<_> = (0..rng.usize(1..5)).map(|_| put_key(rng)).collect();
    for _ in 0..rng.usize(1..60) {
        let record = user_record(rng, &same_keys);
        let lane = lanes.lane(record.hash_key().unwrap_or_default());
        let pushed = match &mut lanes {
            Lanes::Sharded(a) | Lanes::PerHashKey(a) => a.push(record.clone()),
            Lanes::One(a, _) => a.push(record.clone()),
        };
        let Ok(out) = pushed else {
            continue;
        };
        // What comes out was put before.
        closed.extend(out.map(|out| written(&lanes, &mut put, &out)));
        put.entry(lane).or_default().push_back(record);
    }
    let rest = match &mut lanes {
        Lanes::Sharded(a) | Lanes::PerHashKey(a) => a.flush(),
        Lanes::One(a, _) => a.flush().into_iter().collect(),
    };
    closed.extend(rest.iter().map(|out| written(&lanes, &mut put, out)));
    assert!(
        put.values().all(VecDeque::is_empty),
        "user records are missing"
    );
    closed
}

impl Lanes {
    fn lane(&self, hash_key: HashKey) -> u128 {
        match self {
            Self::Sharded(a) => {
                let map = a.shard_map().expect("made with one");
                map.predict(hash_key).hash_key_range().start().get()
            }
            Self::PerHashKey(_) => hash_key.get(),
            Self::One(..) => 0,
        }
    }

    /// The range of the shard that the Kinesis record goes to, as narrow as it can be.
    fn range(&self, hash_key: HashKey) -> Option<HashKeyRange> {
        match self {
            Self::Sharded(a) => Some(a.shard_map()?.predict(hash_key).hash_key_range()),
            Self::PerHashKey(_) => HashKeyRange::new(hash_key, hash_key).ok(),
            Self::One(_, range) => *range,
        }
    }
}

fn lanes(rng: &mut Rng) -> Lanes {
    let builder = builder(rng);
    let build = "settings that can be built";
    match rng.u8(0..5) {
        0 => Lanes::PerHashKey(ShardedAggregator::per_hash_key(builder).expect(build)),
        1 => Lanes::One(builder.mixing_shards().build().expect(build), None),
        2 => {
            let range = [rng.u128(..), rng.u128(..)];
            let [start, end] = [range[0].min(range[1]), range[0].max(range[1])];
            let range = HashKeyRange::new(HashKey::new(start), HashKey::new(end)).expect(build);
            let aggregator = builder.hash_key_range(range).build().expect(build);
            Lanes::One(aggregator, Some(range))
        }
        _ => {
            let map = shard_map(rng);
            Lanes::Sharded(ShardedAggregator::new(map, builder).expect(build))
        }
    }
}

fn builder(rng: &mut Rng) -> AggregatorBuilder {
    let outer_key = match rng.u8(0..3) {
        0 => OuterKey::Kpl,
        1 => OuterKey::First,
        _ => OuterKey::Fixed("outer".into()),
    };
    let max_size = [64, 300, 2000, 51_200][rng.usize(0..4)];
    let max_count = [1, 2, 10, 1000][rng.usize(0..4)];
    Aggregator::builder()
        .max_size(max_size)
        .max_count(max_count)
        .outer_key(outer_key)
}

fn shard_map(rng: &mut Rng) -> ShardMap {
    let mut starts: Vec<u128> = (0..rng.usize(0..6)).map(|_| rng.u128(1..)).collect();
    starts.push(0);
    starts.sort_unstable();
    starts.dedup();
    let shards = starts.iter().enumerate().map(|(n, start)| {
        let end = starts.get(n + 1).map_or(u128::MAX, |next| next - 1);
        let range = HashKeyRange::new(HashKey::new(*start), HashKey::new(end));
        Shard::open(format!("shard-{n}"), range.expect("in order"))
    });
    ShardMap::new(shards).expect("no gap")
}

fn put_key(rng: &mut Rng) -> String {
    let key = good_key(rng);
    if key.is_empty() { "k".to_owned() } else { key }
}

fn user_record(rng: &mut Rng, same_keys: &[String]) -> UserRecord {
    let key = match rng.u8(0..3) {
        0 => put_key(rng),
        _ => same_keys[rng.usize(0..same_keys.len())].clone(),
    };
    let data: Vec<u8> = match rng.u8(0..40) {
        0 => (0..rng.usize(0..3000)).map(|_| rng.u8(..)).collect(),
        // Looks like an aggregate: must come back as it is all the same.
        1 => frame(b"\x0a\x01a\x1a\x05\x08\x00\x1a\x01x"),
        2 => frame(b""),
        _ => (0..rng.usize(0..60)).map(|_| rng.u8(..)).collect(),
    };
    let record = UserRecord::new(key, data);
    match rng.u8(0..4) {
        0 => {
            let number = good_hash_key(rng).parse().expect("a good one");
            record.with_explicit_hash_key(number)
        }
        _ => record,
    }
}

/// Takes what is in `out` from what was put, and says how a reader must see it.
fn written(
    lanes: &Lanes,
    put: &mut HashMap<u128, VecDeque<UserRecord>>,
    out: &KinesisRecord,
) -> Written {
    let hash_key = out
        .explicit_hash_key()
        .expect("each one names its hash key");
    let lane = put.get_mut(&lanes.lane(hash_key)).expect("a lane in use");
    let members: Vec<_> = lane
        .drain(..out.user_record_count().expect("an aggregator made it"))
        .collect();
    assert_eq!(
        members[0].hash_key(),
        Some(hash_key),
        "not the first one's hash key"
    );
    let raw = members.len() == 1 && members[0].data() == out.data();
    let expected = members.iter().zip(0..).map(|(record, n)| {
        let explicit = record.explicit_hash_key().filter(|_| !raw);
        Item {
            partition_key: record.partition_key().map(|key| key.as_bytes().to_vec()),
            explicit_hash_key: explicit.map(|key| key.to_string().into_bytes()),
            sub_sequence_number: n,
            aggregated: !raw,
            data: record.data().to_vec(),
        }
    });
    Written {
        expected: expected.collect(),
        case: Case {
            partition_key: out.partition_key().map(str::to_owned),
            range: lanes.range(hash_key),
            data: out.data().to_vec(),
        },
    }
}

/// User records for a peer to write; at times one that just does not fit.
pub(crate) fn put(rng: &mut Rng) -> Put {
    let max_size = [0, 4000, 20_000][rng.usize(0..3)];
    let keys: Vec<_> = (0..rng.usize(1..6)).map(|_| put_key(rng)).collect();
    let user_records = (0..rng.usize(1..40)).map(|_| {
        let key = match rng.u8(0..4) {
            0 => put_key(rng),
            1 => rng.u32(..200).to_string(),
            _ => keys[rng.usize(0..keys.len())].clone(),
        };
        let len = match rng.u8(0..60) {
            0 if max_size > 0 => max_size as usize - rng.usize(8..60) - key.len().min(300),
            _ => rng.usize(0..200),
        };
        Item {
            partition_key: Some(key.into_bytes()),
            explicit_hash_key: (rng.u8(0..4) == 0).then(|| good_hash_key(rng).into_bytes()),
            sub_sequence_number: 0,
            aggregated: true,
            data: (0..len).map(|_| rng.u8(..)).collect(),
        }
    });
    Put {
        user_records: user_records.collect(),
        max_size,
    }
}
