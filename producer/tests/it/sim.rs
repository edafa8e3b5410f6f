//! The pipeline under a virtual clock, against a stream at its worst.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::Duration;

use kinesis_aggregation::{HashKey, KinesisRecord, Shard, UserRecord};
use kinesis_aggregation_producer::pipeline::{Action, Pipeline};
use kinesis_aggregation_producer::{ClientError, Outcome, RECORD_OVERHEAD, StreamDescription};

use super::model_kcl::id_of;
use super::model_stream::{Faults, ModelStream, PutAnswer};
use super::random::Random;
use super::script::{Event, Facts, Script};

/// What comes back to the producer, or reaches the stream, later.
#[derive(Debug)]
enum Message {
    Arrive {
        id: u64,
        records: Vec<KinesisRecord>,
        late: bool,
    },
    Answer {
        id: u64,
        answer: PutAnswer,
    },
    ListArrives,
    Listed(Result<Vec<Shard>, ClientError>),
    Describes,
    Described(Result<Option<StreamDescription>, ClientError>),
}

/// One user record that was put.
pub(super) struct Put {
    pub(super) record: UserRecord,
    pub(super) accepted: Duration,
    pub(super) resolved: Option<(Duration, Outcome)>,
}

/// All that a run shows.
pub(super) struct Run {
    pub(super) facts: Facts,
    pub(super) stream: ModelStream,
    pub(super) puts: Vec<Put>,
    pub(super) most_under_way: usize,
    /// No further request could start, at one time or another.
    pub(super) hindered: bool,
    pub(super) requests: usize,
    pub(super) broken: Vec<String>,
    pub(super) trace: u64,
    /// When there is nothing more to do for it.
    pub(super) left: Option<Pipeline<u64>>,
}

struct Sim {
    now: Duration,
    pipeline: Pipeline<u64>,
    random: Random,
    run: Run,
    messages: BinaryHeap<Reverse<(Duration, u64)>>,
    contents: BTreeMap<u64, Message>,
    next_message: u64,
    /// The user records of each request under way, by hash key where order is wanted.
    under_way: BTreeMap<u64, Vec<HashKey>>,
    flushes: BTreeMap<u64, usize>,
    resolved: usize,
    /// What is put and has no room yet.
    waiting: VecDeque<UserRecord>,
    /// What room is left: for how many, and for how many bytes.
    room: (usize, usize),
    /// When the link has taken all that was sent, where there is a thin one.
    link_free: Duration,
    /// In which second something was asked about the stream last, and how often since.
    asked: [(u64, u32); 2],
    /// No more is put, and the producer is to end.
    closes: bool,
    /// `SIM_DEBUG`: print what happens.
    debug: bool,
}

impl Sim {
    fn later(&mut self, delay: Duration, message: Message) {
        let number = self.next_message;
        self.next_message += 1;
        self.messages.push(Reverse((self.now + delay, number)));
        self.contents.insert(number, message);
    }

    fn latency(&mut self) -> Duration {
        let longest = self.run.stream.faults.latency;
        self.random.duration(100, longest)
    }

    fn broken(&mut self, law: String) {
        self.run.broken.push(law);
    }

    fn event(&mut self, event: Event) {
        if self.debug {
            println!("{:?} {event:?}", self.now);
        }
        match event {
            Event::Put(record) => {
                self.waiting.push_back(record);
                self.accept();
            }
            Event::Split => self.run.stream.split(self.now, &mut self.random),
            Event::Merge => self.run.stream.merge(self.now, &mut self.random),
            Event::Switch => self.run.stream.switch(),
            Event::Mislead => self.run.stream.mislead(),
            Event::Permit(may_describe) => self.run.stream.may_describe = may_describe,
            Event::PermitList(may_list) => self.run.stream.may_list = may_list,
            Event::Recreate(away, shards) => self.run.stream.recreate(self.now, away, shards),
            Event::Flush => {
                let before = self.run.puts.len();
                let id = self.next_message;
                self.next_message += 1;
                self.flushes.insert(id, before);
                self.pipeline.flush(self.now, id);
            }
            Event::Calm => {
                self.run.stream.faults = Faults {
                    latency: 2000,
                    ..Faults::default()
                };
            }
        }
    }

    /// Puts what there is room for, in order, as the handle does.
    fn accept(&mut self) {
        while let Some(record) = self.waiting.front() {
            if self.pipeline.is_over() {
                break;
            }
            let (records, bytes) = self.room;
            let Some(left) = bytes.checked_sub(room(record)).filter(|_| records > 0) else {
                break;
            };
            let Some(record) = self.waiting.pop_front() else {
                break;
            };
            self.room = (records - 1, left);
            let id = self.run.puts.len() as u64;
            let hash_key = record.hash_key();
            self.run.puts.push(Put {
                record: record.clone(),
                accepted: self.now,
                resolved: None,
            });
            self.pipeline.put(self.now, record, hash_key, id);
        }
    }

    /// What the pipeline holds is what is not resolved, and never more than there is room for.
    fn check_room(&mut self) {
        let held = self.pipeline.count_held();
        let most = self.run.facts.room;
        let (records, bytes) = (most.0 - self.room.0, most.1 - self.room.1);
        if held != (records, bytes) {
            let law = format!("{held:?} are held, {records} of {bytes} bytes are not resolved");
            self.broken(law);
        }
        if held.0 > most.0 || held.1 > most.1 {
            self.broken(format!("{held:?} are held, with room for {most:?}"));
        }
    }

    fn message(&mut self, message: Message) {
        if self.debug {
            println!("{:?} {message:?}", self.now);
        }
        match message {
            Message::Arrive { id, records, late } => {
                let answer = self.run.stream.put(self.now, records, &mut self.random);
                let back = self.latency();
                match answer {
                    Some(answer) if !late => self.later(back, Message::Answer { id, answer }),
                    _ => {}
                }
            }
            Message::Answer { id, answer } => {
                // The first of answer and timeout counts.
                if self.under_way.remove(&id).is_some() {
                    self.pipeline.answered(self.now, id, answer);
                }
            }
            Message::ListArrives => {
                let list = self.run.stream.list(self.now, &mut self.random);
                let back = self.latency();
                self.later(back, Message::Listed(list));
            }
            Message::Listed(list) => self.pipeline.listed(self.now, list),
            Message::Describes => {
                let description = self.run.stream.describe(self.now, &mut self.random);
                let back = self.latency();
                self.later(back, Message::Described(description));
            }
            Message::Described(description) => self.pipeline.described(self.now, description),
        }
    }

    fn action(&mut self, action: Action) {
        if self.debug {
            println!("{:?} {action:?}", self.now);
        }
        let mut there = self.latency();
        match action {
            Action::PutRecords { id, records } => {
                self.watch(id, &records);
                there += self.upload(&records);
                let timeout = self.run.facts.request_timeout;
                let answer = Err(ClientError::retry("Timeout", true));
                self.later(timeout, Message::Answer { id, answer });
                // A request may reach the stream after its sender has given up, though only
                // where the script has faults of that kind.
                let late = there >= timeout;
                if !late || self.run.facts.ambiguous {
                    self.later(there, Message::Arrive { id, records, late });
                } else {
                    let soon = Duration::from_millis(1);
                    self.later(soon, Message::Arrive { id, records, late });
                }
            }
            Action::ListShards | Action::Describe => self.ask(&action, there),
        }
    }

    /// How long it takes until the link has taken a request, after those before it.
    fn upload(&mut self, records: &[KinesisRecord]) -> Duration {
        let Some(bytes_per_second) = self.run.facts.link else {
            return Duration::ZERO;
        };
        // As JSON.
        let size: usize = records.iter().map(|record| record.size() * 4 / 3).sum();
        let takes = Duration::from_secs_f64(size as f64 / bytes_per_second as f64);
        self.link_free = self.link_free.max(self.now) + takes;
        self.link_free - self.now
    }

    /// Asks about the stream. The laws of that: an account has 20 descriptions a second, a stream
    /// 1000 lists, for all producers.
    fn ask(&mut self, action: &Action, there: Duration) {
        let lists = matches!(action, Action::ListShards);
        let (second, count) = &mut self.asked[usize::from(lists)];
        if *second != self.now.as_secs() {
            (*second, *count) = (self.now.as_secs(), 0);
        }
        *count += 1;
        let (most, count) = (if lists { 20 } else { 5 }, *count);
        if count > most {
            self.broken(format!("{count} times {action:?} in a second"));
        }
        match action {
            Action::ListShards if self.is_silent() => {
                let answer = Err(ClientError::retry("Timeout", false));
                self.later(self.run.facts.request_timeout, Message::Listed(answer));
            }
            Action::Describe if self.is_silent() => {
                let answer = Err(ClientError::retry("Timeout", false));
                self.later(self.run.facts.request_timeout, Message::Described(answer));
            }
            Action::ListShards => self.later(there, Message::ListArrives),
            _ => self.later(there, Message::Describes),
        }
    }

    fn is_silent(&mut self) -> bool {
        self.random.chance(self.run.stream.faults.silence)
    }

    /// The laws of a request.
    fn watch(&mut self, id: u64, records: &[KinesisRecord]) {
        self.run.requests += 1;
        let size: usize = records.iter().map(KinesisRecord::size).sum();
        self.run.trace =
            self.run.trace.wrapping_mul(31) ^ (size as u64) ^ self.now.as_nanos() as u64;
        let facts = self.run.facts.clone();
        if records.is_empty() || records.len() > facts.collection_max_count {
            self.broken(format!("{} records in a request", records.len()));
        }
        if size > facts.collection_max_size && records.len() > 1 {
            self.broken(format!("{size} bytes in a request"));
        }
        let mut hash_keys = Vec::new();
        for record in records {
            let read = kinesis_aggregation::deaggregate(record.partition_key(), record.data());
            for user_record in read.user_records().flatten() {
                let put = &self.run.puts[id_of(user_record.data()) as usize];
                if self.now >= put.accepted + facts.ttl {
                    let law = format!("sent {:?} after its acceptance", self.now - put.accepted);
                    self.broken(law);
                } else if put.resolved.is_some() {
                    self.broken("sent although resolved".to_owned());
                } else {
                    hash_keys.extend(put.record.hash_key());
                }
            }
        }
        if facts.ordered {
            let clash = self
                .under_way
                .values()
                .flatten()
                .any(|key| hash_keys.contains(key));
            if clash {
                self.broken("a hash key is under way twice".to_owned());
            }
        }
        self.under_way.insert(id, hash_keys);
        self.run.hindered |= self.under_way.len() >= self.pipeline.connections();
        self.run.most_under_way = self.run.most_under_way.max(self.under_way.len());
        if self.under_way.len() > facts.max_connections {
            self.broken(format!("{} requests under way", self.under_way.len()));
        }
    }

    fn act(&mut self) {
        for action in self.pipeline.take_actions() {
            self.action(action);
        }
    }

    fn drive(&mut self) {
        // As the task does, each time it looks.
        if self.closes {
            self.pipeline.hurry(self.now);
        }
        self.step();
        for hurry in [Pipeline::hurry_closed, Pipeline::hurry_first] {
            let lacks_room = !self.waiting.is_empty() && !self.pipeline.is_over();
            if lacks_room && self.under_way.is_empty() {
                hurry(&mut self.pipeline, self.now);
                self.step();
            }
        }
    }

    /// Does all that is due, and puts what there is room for then.
    fn step(&mut self) {
        loop {
            self.pipeline.drive(self.now);
            self.act();
            self.resolve();
            let before = self.waiting.len();
            self.accept();
            if self.waiting.len() == before {
                break;
            }
        }
    }

    /// Takes the outcomes. The laws of each moment.
    fn resolve(&mut self) {
        self.run.hindered |= self.under_way.len() >= self.pipeline.connections();
        self.run.hindered |= self.pipeline.is_paused();
        if self.pipeline.is_lane_forgotten() {
            self.broken("something may go, and nothing sends it".to_owned());
        }
        for (id, outcome) in self.pipeline.take_finished() {
            if self.run.puts[id as usize].resolved.is_some() {
                self.broken(format!("put {id} resolved twice"));
            }
            let kept = match &outcome {
                Ok(delivered) => delivered.attempts().count() - 1,
                Err(error) => error.attempts().count(),
            };
            if kept > KEPT_TRIES {
                self.broken(format!("{kept} tries that failed are kept"));
            }
            self.run.puts[id as usize].resolved = Some((self.now, outcome));
            self.resolved += 1;
            self.room.0 += 1;
        }
        self.room.1 += self.pipeline.take_freed_bytes();
        self.check_room();
        for id in self.pipeline.take_flushed() {
            let before = self
                .flushes
                .remove(&id)
                .expect("a flush that was asked for");
            let resolved = |put: &Put| put.resolved.is_some();
            if !self.run.puts[..before].iter().all(resolved) {
                self.broken("a flush ended before its records resolved".to_owned());
            }
        }
        if self.pipeline.pending() == 0 && !self.pipeline.is_unclaimed() {
            self.broken("hash keys are kept back for nothing".to_owned());
        }
        if self.run.puts.len() - self.resolved != self.pipeline.pending() {
            self.broken("another number of records is pending".to_owned());
        }
    }

    /// The next time at which something happens.
    fn next(&mut self) -> Option<Duration> {
        let wake = self.pipeline.wake();
        if wake.is_some_and(|wake| wake <= self.now) {
            self.broken(format!("it wakes at {wake:?}, not after {:?}", self.now));
            return None;
        }
        let message = self.messages.peek().map(|Reverse((time, _))| *time);
        [wake, message].into_iter().flatten().min()
    }
}

/// So many tries that failed are kept of a user record, so that a long outage does not fill the
/// memory.
const KEPT_TRIES: usize = 4;

/// Runs one script to its end.
pub(super) fn run(script: Script) -> Run {
    let config = script.builder.config().expect("settings that can work");
    let mut sim = Sim {
        now: Duration::ZERO,
        pipeline: Pipeline::new(config),
        random: script.random,
        waiting: VecDeque::new(),
        room: script.facts.room,
        run: Run {
            facts: script.facts,
            stream: script.stream,
            puts: Vec::new(),
            most_under_way: 0,
            hindered: false,
            requests: 0,
            broken: Vec::new(),
            trace: script.seed,
            left: None,
        },
        messages: BinaryHeap::new(),
        contents: BTreeMap::new(),
        next_message: 0,
        under_way: BTreeMap::new(),
        flushes: BTreeMap::new(),
        resolved: 0,
        link_free: Duration::ZERO,
        asked: [(0, 0); 2],
        closes: false,
        debug: std::env::var("SIM_DEBUG").is_ok(),
    };
    // The others wait for all that they put, and are not closed before.
    let is_closed_early = script.seed.is_multiple_of(2);
    let rounds = 200_000 + 10 * script.events.len();
    let mut events = script.events.into_iter().peekable();
    for _ in 0..rounds {
        while let Some((_, event)) = events.next_if(|(time, _)| *time <= sim.now) {
            sim.event(event);
        }
        sim.closes = is_closed_early && events.peek().is_none() && sim.waiting.is_empty();
        while let Some(Reverse((time, number))) = sim.messages.peek().copied() {
            if time > sim.now {
                break;
            }
            sim.messages.pop();
            if let Some(message) = sim.contents.remove(&number) {
                sim.message(message);
                // Every event is followed by a drive, as in the task.
                sim.drive();
            }
        }
        sim.drive();
        let event = events.peek().map(|(time, _)| *time);
        let done = event.is_none() && sim.waiting.is_empty() && sim.pipeline.pending() == 0;
        if done && sim.contents.values().all(|message| !matters(message)) {
            // As `close` does.
            sim.run.left = Some(sim.pipeline);
            return sim.run;
        }
        let Some(next) = sim.next().into_iter().chain(event).min() else {
            break;
        };
        sim.now = next;
    }
    sim.broken("it does not end".to_owned());
    sim.run
}

/// What a user record takes of the room.
fn room(record: &UserRecord) -> usize {
    record.data().len() + record.partition_key().map_or(0, str::len) + RECORD_OVERHEAD
}

/// Whether it can still change what the stream holds.
fn matters(message: &Message) -> bool {
    matches!(message, Message::Arrive { .. })
}
