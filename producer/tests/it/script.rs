//! What happens in one simulated run: all of it from one seed.

use std::time::Duration;

use kinesis_aggregation::wire::is_framed;
use kinesis_aggregation::{Aggregator, DEFAULT_MAX_RECORD_SIZE, HashKey, OuterKey, UserRecord};
use kinesis_aggregation_producer::{Producer, ProducerBuilder, RecordDistribution};

use super::model_stream::{Faults, ModelStream};
use super::random::Random;

/// Something that happens to the producer or to the stream.
#[derive(Debug)]
pub(super) enum Event {
    Put(UserRecord),
    Split,
    Merge,
    Switch,
    /// The next description says the opposite of what is true.
    Mislead,
    /// From now on describing the stream is permitted, or no more.
    Permit(bool),
    /// From now on listing its shards is permitted, or no more.
    PermitList(bool),
    /// The stream is deleted, and created again after this time, with so many shards.
    Recreate(Duration, u64),
    Flush,
    /// From now on nothing goes wrong any more.
    Calm,
}

pub(super) struct Script {
    pub(super) seed: u64,
    pub(super) builder: ProducerBuilder,
    pub(super) stream: ModelStream,
    pub(super) events: Vec<(Duration, Event)>,
    pub(super) random: Random,
    pub(super) facts: Facts,
}

/// What the laws need to know of a script.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) ordered: bool,
    pub(super) fail_later_in_order: bool,
    /// Whether the consumers filter by hash key range.
    pub(super) filters: bool,
    pub(super) buffered: Duration,
    pub(super) ttl: Duration,
    pub(super) request_timeout: Duration,
    pub(super) max_connections: usize,
    pub(super) limited: bool,
    pub(super) ambiguous: bool,
    pub(super) collection_max_count: usize,
    pub(super) collection_max_size: usize,
    pub(super) switches: bool,
    /// Nobody may list the shards of a stream that does not go by keys all the time. Until that is
    /// known, a KCL may drop what has a frame: what has no keys, or looks like an aggregate.
    pub(super) drops_unseen: bool,
    /// The room for user records under way: how many, and their bytes.
    pub(super) room: (usize, usize),
    /// The bytes that a thin link takes in a second, of all requests together.
    pub(super) link: Option<u64>,
}

fn faults(random: &mut Random) -> Faults {
    let latency = [2_000, 20_000, 200_000, 2_000_000][random.index(4)];
    let calm = Faults {
        latency,
        ..Faults::default()
    };
    match random.below(4) {
        0 => calm,
        1 => Faults {
            throttle: random.below(400),
            internal: random.below(100),
            request: random.below(200),
            list: random.below(500),
            stale_list: random.below(700),
            describe: random.below(500),
            torn_list: random.below(300),
            stale_describe: random.below(300),
            ..calm
        },
        2 => Faults {
            stale_list: random.below(900),
            list: random.below(800),
            torn_list: random.below(300),
            silence: random.below(500),
            fatal: if random.chance(100) { 50 } else { 0 },
            ..calm
        },
        _ => Faults {
            throttle: random.below(300),
            internal: random.below(100),
            request: random.below(100),
            ambiguous: random.below(100),
            lost: random.below(100),
            stored_silently: random.below(100),
            mismatch: random.below(50),
            list: random.below(300),
            stale_list: random.below(500),
            describe: random.below(300),
            silence: random.below(200),
            stale_describe: random.below(200),
            ..calm
        },
    }
}

/// A link so thin that requests may time out in it. None of the other numbers depend on it.
fn link(seed: u64) -> Option<u64> {
    let mut random = Random::new(seed ^ 0x0011_17e5);
    let rates = [20_000, 100_000, 1_000_000];
    random.chance(150).then(|| rates[random.index(3)])
}

/// None of the other numbers depend on it.
fn room(seed: u64) -> (usize, usize) {
    let mut random = Random::new(!seed);
    let records = [1, 10, usize::MAX, usize::MAX][random.index(4)];
    // The largest record, that looks like an aggregate, takes a little less than the least.
    let bytes = [130_000, 200_000, usize::MAX, usize::MAX][random.index(4)];
    (records, bytes)
}

fn milliseconds(random: &mut Random, choices: &[u64]) -> Duration {
    Duration::from_millis(choices[random.index(choices.len())])
}

impl Script {
    pub(super) fn new(seed: u64) -> Self {
        Self::of(seed, Random::new(seed))
    }

    pub(super) fn of(seed: u64, mut random: Random) -> Self {
        let faults = faults(&mut random);
        let ordered = random.chance(330);
        let aggregates_anywhere = random.chance(150);
        let mut facts = Facts {
            ordered,
            fail_later_in_order: ordered && random.chance(300),
            filters: !aggregates_anywhere,
            buffered: milliseconds(&mut random, &[0, 10, 100, 100, 1000]),
            ttl: milliseconds(&mut random, &[1500, 5000, 30_000, 30_000]),
            request_timeout: milliseconds(&mut random, &[500, 1000, 6000]),
            max_connections: [1, 2, 24, 1000, 1000][random.index(5)],
            limited: random.chance(300),
            // What times out on its way may arrive all the same.
            ambiguous: faults.are_ambiguous() || link(seed).is_some(),
            collection_max_count: [1, 3, 500, 500][random.index(4)],
            collection_max_size: [3000, 5_242_880][random.index(2)],
            switches: random.chance(250),
            drops_unseen: false,
            room: room(seed),
            link: link(seed),
        };
        let builder = Self::builder(seed, &facts, &mut random);
        let distribution = if random.chance(150) {
            RecordDistribution::ServiceManaged
        } else {
            RecordDistribution::ByKey
        };
        let shard_limit = random.chance(150).then(|| random.between(5, 100) as u32);
        let shards = random.between(1, 6);
        let may_describe = random.chance(600);
        let mut stream = ModelStream::new(shards, distribution, may_describe, shard_limit, faults);
        let mut events = Self::events(&facts, &mut random);
        if random.chance(200) {
            Self::recreate(&mut events, &mut random);
        }
        if random.chance(100) {
            stream.max_record_size = Some(52_000);
        }
        Self::enlarge(seed, &facts, &mut events, &mut stream);
        stream.quota = random.chance(150).then(|| random.below(4) as u32);
        let goes_by_keys = distribution == RecordDistribution::ByKey && !facts.switches;
        stream.may_list = !random.chance(100);
        facts.drops_unseen = !(stream.may_list || goes_by_keys);
        if random.chance(200) {
            Self::mislead(&mut events, goes_by_keys, &mut random);
        }
        Self {
            seed,
            builder,
            stream,
            events,
            random,
            facts,
        }
    }

    /// Makes a few records larger than streams take by default, and perhaps lets the stream tell that it takes
    /// them. None of the other numbers depend on it.
    fn enlarge(
        seed: u64,
        facts: &Facts,
        events: &mut [(Duration, Event)],
        stream: &mut ModelStream,
    ) {
        let mut random = Random::new(seed ^ 0x1a26e);
        let is_likely = facts.room.1 == usize::MAX && facts.link.is_none();
        if !(is_likely && random.chance(30)) {
            return;
        }
        stream.told_size = random.chance(700).then_some(2 * DEFAULT_MAX_RECORD_SIZE);
        for _ in 0..random.between(1, 3) {
            let at = random.index(events.len());
            if let Some((_, Event::Put(record))) = events.get_mut(at)
                && !is_framed(record.data())
                && let Some(key) = record.partition_key()
            {
                let more = "x".repeat(DEFAULT_MAX_RECORD_SIZE + random.index(1000));
                let data = [record.data(), more.as_bytes()].concat();
                let large = UserRecord::new(key.to_owned(), data);
                *record = match record.explicit_hash_key() {
                    Some(hash_key) => large.with_explicit_hash_key(hash_key),
                    None => large,
                };
            }
        }
    }

    /// Deletes the stream, once or twice, with traffic in the gap or without.
    fn recreate(events: &mut Vec<(Duration, Event)>, random: &mut Random) {
        let last = events.last().map_or(Duration::ZERO, |(time, _)| *time);
        let mut start = random.duration(0, last.as_micros() as u64);
        for _ in 0..random.between(1, 2) {
            let away = random.duration(2_100_000, 9_000_000);
            let shards = random.between(1, 6);
            if random.chance(500) {
                // Nothing is put in the gap.
                for (time, _) in events.iter_mut().filter(|(time, _)| *time >= start) {
                    *time += away;
                }
            }
            events.push((start, Event::Recreate(away, shards)));
            start += away + random.duration(0, 5_000_000);
        }
        events.sort_by_key(|(time, _)| *time);
    }

    /// Makes the producer believe what is not so, and keeps from it what would tell.
    fn mislead(events: &mut Vec<(Duration, Event)>, goes_by_keys: bool, random: &mut Random) {
        let last = events.last().map_or(Duration::ZERO, |(time, _)| *time);
        let last = last.as_micros() as u64;
        for _ in 0..random.between(1, 3) {
            let event = match random.below(4) {
                0 => Event::Permit(random.chance(500)),
                // Else what is under way then may be dropped, with keys or without.
                1 if goes_by_keys => Event::PermitList(random.chance(500)),
                _ => Event::Mislead,
            };
            events.push((random.duration(0, last), event));
        }
        events.sort_by_key(|(time, _)| *time);
    }

    fn builder(seed: u64, facts: &Facts, random: &mut Random) -> ProducerBuilder {
        let outer_key = match random.below(3) {
            0 => OuterKey::First,
            1 => OuterKey::Fixed("outer".into()),
            _ => OuterKey::Kpl,
        };
        Producer::builder()
            .seed(seed)
            .ordered(facts.ordered)
            .fail_later_in_order(facts.fail_later_in_order)
            .aggregate_on_service_managed_streams(!facts.filters)
            .aggregation_enabled(random.chance(850))
            .aggregation_max_size([200, 1000, 5000, 51_200][random.index(4)])
            .aggregation_max_count([3, 20, 4_294_967_295][random.index(3)])
            .outer_key(outer_key)
            .collection_max_count(facts.collection_max_count)
            .collection_max_size(facts.collection_max_size)
            .record_max_buffered_time(facts.buffered)
            .record_ttl(facts.ttl)
            .request_timeout(facts.request_timeout)
            .max_connections(facts.max_connections)
            .fail_if_throttled(random.chance(100))
            .rate_limit(facts.limited.then(|| random.between(1, 150) as u32))
    }

    fn events(facts: &Facts, random: &mut Random) -> Vec<(Duration, Event)> {
        let length = [500, 3000, 20_000][random.index(3)];
        let at = |random: &mut Random| Duration::from_micros(random.below(length * 1000));
        let mut events = Vec::new();
        let keys = random.between(1, 12);
        let kinds = Kinds {
            keyless: [0, 0, 200, 900][random.index(4)],
            explicit: [0, 200][random.index(2)],
            lookalike: [0, 0, 30][random.index(3)],
            large: random.below(30),
        };
        let burst = random.chance(300);
        let puts = random.between(5, 120);
        let mut times: Vec<_> = (0..puts).map(|_| at(random)).collect();
        times.sort();
        for (id, time) in (0..).zip(times) {
            let time = if burst { Duration::ZERO } else { time };
            events.push((time, Event::Put(kinds.record(id, keys, random))));
        }
        for _ in 0..random.below(5) {
            let event = if random.chance(600) {
                Event::Split
            } else {
                Event::Merge
            };
            events.push((at(random), event));
        }
        if random.chance(100) {
            // Many changes in a short time.
            let start = random.below(length);
            for _ in 0..random.between(5, 15) {
                let time = Duration::from_millis(start + random.below(300));
                let event = match random.below(4) {
                    0 | 1 => Event::Split,
                    2 => Event::Merge,
                    _ if facts.switches => Event::Switch,
                    _ => Event::Flush,
                };
                events.push((time, event));
            }
        }
        if facts.switches {
            for _ in 0..random.between(1, 3) {
                events.push((at(random), Event::Switch));
            }
        }
        for _ in 0..random.below(3) {
            events.push((at(random), Event::Flush));
        }
        if random.chance(500) {
            events.push((at(random), Event::Calm));
        }
        events.sort_by_key(|(time, _)| *time);
        events
    }
}

struct Kinds {
    keyless: u64,
    explicit: u64,
    lookalike: u64,
    large: u64,
}

impl Kinds {
    fn record(&self, id: u64, keys: u64, random: &mut Random) -> UserRecord {
        let len = if random.chance(self.large) {
            // A few are larger than some streams take.
            let longest = if random.chance(100) { 60_000 } else { 8000 };
            random.index(longest)
        } else {
            random.index(120)
        };
        let mut data = format!("#<{id}>{}", "x".repeat(len)).into_bytes();
        if random.chance(self.lookalike) {
            data = lookalike(&data);
        }
        if random.chance(self.keyless) {
            return UserRecord::without_partition_key(data);
        }
        let key = random.below(keys);
        let record = UserRecord::new(format!("key{key}"), data);
        if random.chance(self.explicit) {
            // A key always has the same hash key: that is what has an order.
            let spread = Random::new(key).wide();
            return record.with_explicit_hash_key(HashKey::new(spread));
        }
        record
    }
}

/// One user record that a consumer would take for an aggregate.
fn lookalike(data: &[u8]) -> Vec<u8> {
    let mut aggregator = Aggregator::builder().build().expect("the defaults");
    for part in [data.to_vec(), data.to_vec()] {
        aggregator
            .push(UserRecord::new("inner", part))
            .expect("small");
    }
    let record = aggregator.flush().expect("two user records");
    record.data().to_vec()
}
