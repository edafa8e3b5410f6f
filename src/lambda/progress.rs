//! The account of what is done of an event.

use std::collections::HashMap;

use super::record::EventRecord;
use super::response::{BatchResponse, Counts};
use super::resume::{Done, RecordKey, Resume};
use crate::error::{Loss, LossKind};
use crate::sequence::SequenceNumber;

/// Keeps the account of an event's Kinesis records. If it is dropped without an answer, as when the
/// processing is cancelled, it still tells the [`Resume`] what is done.
pub(super) struct Progress<'b, R: EventRecord> {
    records: &'b [R],
    /// Whether each is done.
    complete: Vec<bool>,
    counts: Counts,
    memory: Option<Memory<'b>>,
}

struct Memory<'b> {
    resume: &'b dyn Resume,
    /// `None` for a record without a sequence number, and for those that share a key: what was done
    /// of one would pass for done of the other.
    keys: Vec<Option<RecordKey<'b>>>,
    done: Vec<Done>,
    /// Whether something was remembered of each.
    known: Vec<bool>,
}

impl<'b> Memory<'b> {
    fn new<R: EventRecord>(resume: &'b dyn Resume, records: &'b [R]) -> Self {
        let mut times: HashMap<RecordKey<'_>, usize> = HashMap::new();
        for key in records.iter().filter_map(RecordKey::of) {
            let times = times.entry(key).or_default();
            *times = times.saturating_add(1);
        }
        let key = |record| RecordKey::of(record).filter(|key| times.get(key) == Some(&1));
        let keys: Vec<_> = records.iter().map(key).collect();
        let asked: Vec<_> = keys.iter().copied().flatten().collect();
        let mut answers = resume.load(&asked).into_iter();
        let mut answer = |key: &Option<RecordKey<'_>>| {
            let answer = key.and_then(|_| answers.next());
            answer.unwrap_or_default()
        };
        let done: Vec<_> = keys.iter().map(&mut answer).collect();
        let known = done.iter().map(|done| !done.is_empty()).collect();
        Self {
            resume,
            keys,
            done,
            known,
        }
    }

    /// Tells the store which Kinesis records will come again, and what is done of each; and which it
    /// can forget, because they are done and will not come again.
    ///
    /// | the Kinesis record | comes again | does not |
    /// |---|---|---|
    /// | is done | keep all of it | forget it, if something was known of it |
    /// | is not done | keep what is done of it | cannot be: what is not done comes again |
    fn save(self, complete: &[bool], comes_again: impl Fn(usize) -> bool) {
        let (mut kept, mut succeeded) = (Vec::new(), Vec::new());
        let entries = self.keys.iter().zip(self.done).zip(self.known);
        for (position, ((key, done), known)) in entries.enumerate() {
            let Some(key) = *key else { continue };
            let complete = complete.get(position).copied().unwrap_or_default();
            if complete && !comes_again(position) {
                if known {
                    succeeded.push(key);
                }
            } else if complete {
                kept.push((key, Done::everything()));
            } else if !done.is_empty() {
                kept.push((key, done));
            }
        }
        if !kept.is_empty() || !succeeded.is_empty() {
            self.resume.save(&kept, &succeeded);
        }
    }
}

impl<'b, R: EventRecord> Progress<'b, R> {
    pub(super) fn new(records: &'b [R], resume: Option<&'b dyn Resume>) -> Self {
        Self {
            records,
            complete: vec![false; records.len()],
            counts: Counts::default(),
            memory: resume.map(|resume| Memory::new(resume, records)),
        }
    }

    /// Whether a Kinesis record was done whole, before.
    pub(super) fn was_complete(&self, position: usize) -> bool {
        self.done(position)
            .is_some_and(|done| *done == Done::everything())
    }

    /// Whether a user record was done, before or now.
    pub(super) fn is_done(&self, position: usize, sub_sequence_number: u64) -> bool {
        let done = self.done(position);
        done.is_some_and(|done| done.contains(sub_sequence_number))
    }

    fn done(&self, position: usize) -> Option<&Done> {
        self.memory.as_ref()?.done.get(position)
    }

    /// A user record is done.
    pub(super) fn done_one(&mut self, position: usize, sub_sequence_number: u64) {
        self.counts.done = self.counts.done.saturating_add(1);
        self.remember(position, sub_sequence_number);
    }

    /// So many user records failed.
    pub(super) fn fail(&mut self, count: usize) {
        self.counts.failed = self.counts.failed.saturating_add(count);
    }

    /// So many user records were done before.
    pub(super) fn leave_out(&mut self, count: usize) {
        self.counts.left_out = self.counts.left_out.saturating_add(count);
    }

    /// A Kinesis record fails because it is cut.
    pub(super) fn cut(&mut self) {
        self.counts.cut = self.counts.cut.saturating_add(1);
    }

    /// Whether the callback was told of this cut before, and has said to go on.
    pub(super) fn was_told(&self, position: usize, loss: &Loss) -> bool {
        self.is_done(position, told(loss))
    }

    /// The callback was told of this cut, and has said to go on: no need to tell it again when the
    /// Kinesis record comes again.
    pub(super) fn tell(&mut self, position: usize, loss: &Loss) {
        self.remember(position, told(loss));
    }

    fn remember(&mut self, position: usize, sub_sequence_number: u64) {
        let memory = self.memory.as_mut();
        if let Some(done) = memory.and_then(|memory| memory.done.get_mut(position)) {
            done.insert(sub_sequence_number);
        }
    }

    /// A Kinesis record is done.
    pub(super) fn complete(&mut self, position: usize) {
        if let Some(complete) = self.complete.get_mut(position) {
            *complete = true;
        }
    }

    /// The answer: all that is not done has failed.
    pub(super) fn finish(mut self) -> BatchResponse {
        let lowest = Lowest::of(self.records, &self.complete);
        // Failing the invocation brings every Kinesis record back. Where the answer would not, the
        // memory is about to forget some.
        let nothing_done = self.counts.done == 0
            && !self.records.is_empty()
            && self.records.iter().all(|record| lowest.brings_back(record));
        if let Some(memory) = self.memory.take() {
            memory.save(&self.complete, |position| {
                let record = self.records.get(position);
                record.is_none_or(|record| lowest.brings_back(record))
            });
        }
        lowest.response().counted(self.counts, nothing_done)
    }
}

impl<R: EventRecord> Drop for Progress<'_, R> {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take() {
            // No answer: Lambda will send everything again.
            memory.save(&self.complete, |_| true);
        }
    }
}

/// The number under which a cut is remembered among the user records that are done.
///
/// For a bad user record that is lost, that is its own number. One that is salvaged has its own number
/// for its handler, and the callback's answer must not count as the handler's; nor may the one about a
/// wrong digest count as the one about the first user record. So these have bits of their own: an
/// aggregate has fewer than 2^31 user records.
fn told(loss: &Loss) -> u64 {
    const SALVAGED: u64 = 1 << 32;
    const DIGEST: u64 = 1 << 33;
    let kind = match loss.kind() {
        LossKind::DigestMismatch => DIGEST,
        _ if loss.lost().is_empty() => SALVAGED,
        _ => 0,
    };
    loss.sub_sequence_number() | kind
}

/// The lowest failed sequence number of each shard.
struct Lowest<'b> {
    shards: Vec<(Option<&'b str>, SequenceNumber, &'b str)>,
    /// A failed record has no sequence number: no answer can name it.
    unnamed: bool,
}

impl<'b> Lowest<'b> {
    fn of<R: EventRecord>(records: &'b [R], complete: &[bool]) -> Self {
        let mut lowest = Self {
            shards: Vec::new(),
            unnamed: false,
        };
        let failed = records
            .iter()
            .zip(complete)
            .filter(|(_, complete)| !**complete);
        for (record, _) in failed {
            match number(record) {
                None => lowest.unnamed = true,
                Some((number, text)) => lowest.add(record.shard_id(), number, text),
            }
        }
        lowest
    }

    fn add(&mut self, shard_id: Option<&'b str>, number: SequenceNumber, text: &'b str) {
        match self.shards.iter_mut().find(|shard| shard.0 == shard_id) {
            None => self.shards.push((shard_id, number, text)),
            Some(shard) if number < shard.1 => *shard = (shard_id, number, text),
            Some(_) => {}
        }
    }

    /// Whether Lambda will send `record` again.
    fn brings_back<R: EventRecord>(&self, record: &R) -> bool {
        if self.unnamed {
            return true;
        }
        let shard_id = record.shard_id();
        let shard = self.shards.iter().find(|shard| shard.0 == shard_id);
        shard.is_some_and(|shard| number(record).is_none_or(|(number, _)| number >= shard.1))
    }

    fn response(&self) -> BatchResponse {
        if self.unnamed {
            return BatchResponse::all_failed();
        }
        BatchResponse::of(self.shards.iter().map(|shard| shard.2.to_owned()))
    }
}

/// The sequence number, to compare and as the event has it.
fn number<R: EventRecord>(record: &R) -> Option<(SequenceNumber, &str)> {
    let text = record.sequence_number()?;
    Some((text.parse().ok()?, text))
}
