//! A stream that does what a stream may do, at its worst.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use kinesis_aggregation::{HashKey, HashKeyRange, KinesisRecord, Shard};
use kinesis_aggregation_producer::{
    ClientError, RecordDistribution, RecordError, Stored, StreamDescription,
};

use super::random::Random;

/// How often what goes wrong, of a thousand.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    /// A record is throttled by chance.
    pub(super) throttle: u64,
    /// A record fails otherwise.
    pub(super) internal: u64,
    /// A request fails, and nothing is stored.
    pub(super) request: u64,
    /// A request fails, and what was stored is left open.
    pub(super) ambiguous: u64,
    /// No answer comes, and nothing is stored.
    pub(super) lost: u64,
    /// No answer comes, and all is stored: at once, or late.
    pub(super) stored_silently: u64,
    /// The answer has another number of results.
    pub(super) mismatch: u64,
    /// Asking again is no use.
    pub(super) fatal: u64,
    pub(super) list: u64,
    pub(super) stale_list: u64,
    pub(super) describe: u64,
    /// A list lacks a shard, as if it were read while the shards change.
    pub(super) torn_list: u64,
    /// What is asked about the stream is not answered.
    pub(super) silence: u64,
    /// A description is older than the last switch.
    pub(super) stale_describe: u64,
    /// The longest latency of each way, in microseconds.
    pub(super) latency: u64,
}

impl Faults {
    /// Whether the stream may hold what was reported failed.
    pub(super) fn are_ambiguous(&self) -> bool {
        self.ambiguous + self.lost + self.stored_silently + self.mismatch > 0
    }
}

#[derive(Clone)]
struct ModelShard {
    id: String,
    life: usize,
    range: HashKeyRange,
    closed: bool,
    /// What is left of this second's records.
    second: u64,
    taken: u32,
}

/// What a shard holds.
pub(super) struct StoredRecord {
    pub(super) shard: usize,
    pub(super) sequence_number: String,
    pub(super) record: KinesisRecord,
}

pub(super) type PutAnswer = Result<Vec<Result<Stored, RecordError>>, ClientError>;

pub(super) struct ModelStream {
    /// Of all lives, those of the last one at the end.
    shards: Vec<ModelShard>,
    /// How often it was made anew.
    life: usize,
    created: Duration,
    /// Deleted: until when it does not exist, and how many shards it has then.
    gone: Option<(Duration, u64)>,
    /// A request with a larger record is invalid.
    pub(super) max_record_size: Option<usize>,
    /// The limit that descriptions report, if they report one.
    pub(super) told_size: Option<usize>,
    /// The lists of shards of this life that were right once, by the time from which on.
    lists: BTreeMap<Duration, Vec<Shard>>,
    pub(super) distribution: RecordDistribution,
    /// Before the last switch.
    before: RecordDistribution,
    pub(super) may_describe: bool,
    /// Listing the shards is permitted.
    pub(super) may_list: bool,
    /// The next description tells the opposite of what is true.
    misleads: bool,
    /// How many questions about the stream are answered in each second.
    pub(super) quota: Option<u32>,
    /// The current second, and how many were asked in it.
    asked: (u64, u32),
    shard_limit: Option<u32>,
    pub(super) faults: Faults,
    /// In the order in which they were stored: a parent's always before its children's.
    pub(super) stored: Vec<StoredRecord>,
}

fn opposite(distribution: RecordDistribution) -> RecordDistribution {
    match distribution {
        RecordDistribution::ByKey => RecordDistribution::ServiceManaged,
        _ => RecordDistribution::ByKey,
    }
}

impl ModelStream {
    pub(super) fn new(
        shards: u64,
        distribution: RecordDistribution,
        may_describe: bool,
        shard_limit: Option<u32>,
        faults: Faults,
    ) -> Self {
        let mut stream = Self {
            shards: Vec::new(),
            life: 0,
            created: Duration::ZERO,
            gone: None,
            max_record_size: None,
            told_size: None,
            lists: BTreeMap::new(),
            distribution,
            before: distribution,
            may_describe,
            may_list: true,
            misleads: false,
            quota: None,
            asked: (0, 0),
            shard_limit,
            faults,
            stored: Vec::new(),
        };
        stream.create(Duration::ZERO, shards);
        stream
    }

    fn create(&mut self, now: Duration, shards: u64) {
        self.created = now;
        self.before = self.distribution;
        self.lists.clear();
        self.add(HashKeyRange::FULL);
        // So many shards always have the same ranges.
        let mut random = Random::new(shards);
        for _ in 1..shards {
            self.split(now, &mut random);
        }
        // Those that were split for it were never seen.
        let life = self.life;
        self.shards
            .retain(|shard| shard.life < life || !shard.closed);
        let first = self.first();
        self.shards[first..].sort_by_key(|shard| shard.range.start());
        for (at, shard) in self.shards[first..].iter_mut().enumerate() {
            shard.id = format!("shardId-{at:012}");
        }
        self.lists.clear();
        self.remember(now);
    }

    /// Deletes the stream; it is created again under its name after this time.
    pub(super) fn recreate(&mut self, now: Duration, away: Duration, shards: u64) {
        self.gone = Some((now + away, shards));
    }

    /// Whether it exists now.
    fn exists(&mut self, now: Duration) -> bool {
        match self.gone {
            Some((until, _)) if now < until => return false,
            Some((until, shards)) => {
                self.gone = None;
                self.life += 1;
                self.create(until, shards);
            }
            None => {}
        }
        true
    }

    /// The first shard of this life.
    fn first(&self) -> usize {
        self.shards.partition_point(|shard| shard.life < self.life)
    }

    /// Whether a shard is of the last life of the stream: what others held is gone.
    pub(super) fn is_alive(&self, shard: usize) -> bool {
        self.gone.is_none() && self.shards[shard].life == self.life
    }

    pub(super) fn ranges(&self) -> Vec<HashKeyRange> {
        self.shards.iter().map(|shard| shard.range).collect()
    }

    fn add(&mut self, range: HashKeyRange) {
        self.shards.push(ModelShard {
            id: format!("shardId-{:012}", self.shards.len() - self.first()),
            life: self.life,
            range,
            closed: false,
            second: 0,
            taken: 0,
        });
    }

    fn open(&self) -> Vec<usize> {
        let mut open: Vec<_> = (self.first()..self.shards.len())
            .filter(|&at| !self.shards[at].closed)
            .collect();
        open.sort_by_key(|&at| self.shards[at].range.start());
        open
    }

    fn remember(&mut self, now: Duration) {
        let first = self.shards[self.first()..].iter().enumerate();
        let list = first.map(|(at, shard)| {
            let listed = match shard.closed {
                true => Shard::closed(shard.id.as_str(), shard.range),
                false => Shard::open(shard.id.as_str(), shard.range),
            };
            let number = (self.life + 1) * 10_000 + at;
            let number = number.to_string().parse().expect("a number");
            listed.with_starting_sequence_number(number)
        });
        self.lists.insert(now, list.collect());
    }

    /// Goes by keys if it did not, and the other way round.
    pub(super) fn switch(&mut self) {
        self.before = self.distribution;
        self.distribution = opposite(self.distribution);
    }

    /// The next description tells the opposite of what is true.
    pub(super) fn mislead(&mut self) {
        self.misleads = true;
    }

    /// Whether no more questions are answered in this second.
    fn is_over_quota(&mut self, now: Duration) -> bool {
        if self.asked.0 != now.as_secs() {
            self.asked = (now.as_secs(), 0);
        }
        self.asked.1 += 1;
        self.quota.is_some_and(|quota| self.asked.1 > quota)
    }

    /// Splits a shard, in the middle or anywhere.
    pub(super) fn split(&mut self, now: Duration, random: &mut Random) {
        let open = self.open();
        let at = open[random.index(open.len())];
        let (start, end) = (self.shards[at].range.start(), self.shards[at].range.end());
        let width = end.get() - start.get();
        if width < 2 {
            return;
        }
        let offset = if random.chance(500) {
            width / 2
        } else {
            random.wide() % width
        };
        let middle = start.get() + offset;
        self.shards[at].closed = true;
        self.add(HashKeyRange::new(start, HashKey::new(middle)).expect("in order"));
        self.add(HashKeyRange::new(HashKey::new(middle + 1), end).expect("in order"));
        self.remember(now);
    }

    /// Merges two neighbours.
    pub(super) fn merge(&mut self, now: Duration, random: &mut Random) {
        let open = self.open();
        if open.len() < 2 {
            return;
        }
        let left = random.index(open.len() - 1);
        let (left, right) = (open[left], open[left + 1]);
        let range = HashKeyRange::new(
            self.shards[left].range.start(),
            self.shards[right].range.end(),
        );
        self.shards[left].closed = true;
        self.shards[right].closed = true;
        self.add(range.expect("in order"));
        self.remember(now);
    }

    pub(super) fn list(
        &mut self,
        now: Duration,
        random: &mut Random,
    ) -> Result<Vec<Shard>, ClientError> {
        if !self.exists(now) {
            return Err(ClientError::no_stream("ResourceNotFoundException"));
        }
        if !self.may_list {
            return Err(ClientError::fatal("AccessDeniedException"));
        }
        if random.chance(self.faults.list) || self.is_over_quota(now) {
            return Err(ClientError::retry("LimitExceededException", false));
        }
        let mut as_of = now;
        if random.chance(self.faults.stale_list) {
            as_of = now.saturating_sub(random.duration(0, 3_000_000));
            as_of = as_of.max(self.created);
        }
        let (_, list) = self.lists.range(..=as_of).next_back().expect("the first");
        let mut list = list.clone();
        match random.below(3) {
            // Those that have no records any more are not listed.
            0 => list.retain(|shard| !shard.is_closed()),
            1 => list.reverse(),
            _ => {}
        }
        if random.chance(self.faults.torn_list) && list.len() > 1 {
            list.remove(random.index(list.len()));
        }
        Ok(list)
    }

    pub(super) fn describe(
        &mut self,
        now: Duration,
        random: &mut Random,
    ) -> Result<Option<StreamDescription>, ClientError> {
        if !self.exists(now) {
            return Err(ClientError::no_stream("ResourceNotFoundException"));
        }
        if random.chance(self.faults.describe) || self.is_over_quota(now) {
            return Err(ClientError::retry("LimitExceededException", false));
        }
        let stale = random.chance(self.faults.stale_describe);
        let mut distribution = if stale {
            self.before
        } else {
            self.distribution
        };
        if self.may_describe && std::mem::take(&mut self.misleads) {
            distribution = opposite(self.distribution);
        }
        let created = SystemTime::UNIX_EPOCH + self.created;
        let description = StreamDescription::new(distribution).with_creation_time(created);
        let description = match self.told_size {
            Some(size) => description.with_max_record_size(size),
            None => description,
        };
        Ok(self.may_describe.then_some(description))
    }

    /// Stores records and answers; an answer that does not come is none.
    pub(super) fn put(
        &mut self,
        now: Duration,
        records: Vec<KinesisRecord>,
        random: &mut Random,
    ) -> Option<PutAnswer> {
        let faults = self.faults.clone();
        if !self.exists(now) {
            return Some(Err(ClientError::no_stream("ResourceNotFoundException")));
        }
        let is_too_large =
            |record: &KinesisRecord| self.max_record_size.is_some_and(|max| record.size() > max);
        if records.iter().any(is_too_large) {
            return Some(Err(ClientError::invalid("ValidationException")));
        }
        if random.chance(faults.fatal) {
            return Some(Err(ClientError::fatal("AccessDeniedException")));
        }
        let by_key = self.distribution == RecordDistribution::ByKey;
        if by_key
            && records
                .iter()
                .any(|record| record.partition_key().is_none())
        {
            return Some(Err(ClientError::invalid("ValidationException")));
        }
        if random.chance(faults.request) {
            return Some(Err(ClientError::throttled("ThrottlingException")));
        }
        if random.chance(faults.lost) {
            return None;
        }
        let silent = random.chance(faults.stored_silently);
        let ambiguous = random.chance(faults.ambiguous);
        if ambiguous && random.chance(500) {
            return Some(Err(ClientError::retry("InternalFailure", true)));
        }
        let mut results: Vec<_> = records
            .into_iter()
            .map(|record| self.store(now, record, random))
            .collect();
        if silent {
            return None;
        }
        if ambiguous {
            return Some(Err(ClientError::retry("ConnectionReset", true)));
        }
        if random.chance(faults.mismatch) {
            results.pop();
        }
        Some(Ok(results))
    }

    fn store(
        &mut self,
        now: Duration,
        record: KinesisRecord,
        random: &mut Random,
    ) -> Result<Stored, RecordError> {
        let open = self.open();
        let shard = match self.distribution {
            RecordDistribution::ByKey => {
                let hash_key = record.explicit_hash_key().unwrap_or_else(|| {
                    HashKey::of_partition_key(record.partition_key().expect("it was checked"))
                });
                let owns = |at: &usize| self.shards[*at].range.contains(hash_key);
                open.into_iter().find(owns).expect("one owns it")
            }
            _ => open[random.index(open.len())],
        };
        if random.chance(self.faults.throttle) || self.is_over_limit(shard, now) {
            return Err(RecordError::new(RecordError::THROTTLED, "slow down"));
        }
        if random.chance(self.faults.internal) {
            return Err(RecordError::new("InternalFailure", "try again"));
        }
        let sequence_number = (1000 + self.stored.len()).to_string();
        self.stored.push(StoredRecord {
            shard,
            sequence_number: sequence_number.clone(),
            record,
        });
        Ok(Stored::new(self.shards[shard].id.as_str(), sequence_number))
    }

    fn is_over_limit(&mut self, shard: usize, now: Duration) -> bool {
        let Some(limit) = self.shard_limit else {
            return false;
        };
        let shard = &mut self.shards[shard];
        if shard.second != now.as_secs() {
            shard.second = now.as_secs();
            shard.taken = 0;
        }
        shard.taken += 1;
        shard.taken > limit
    }

    pub(super) fn shard_id(&self, shard: usize) -> &str {
        &self.shards[shard].id
    }
}
