//! Keeps track of what is done of an event.

use std::collections::HashMap;

use super::error::{AfterCut, FailureReason};
use super::record::EventRecord;
use super::response::{BatchResponse, Counts};
use super::resume::{Done, RecordKey, Resume};
use super::user_records::{EventUserRecord, EventUserRecords};
use crate::deaggregate::Deaggregated;
use crate::error::{Loss, LossKind};
use crate::sequence::SequenceNumber;

/// What is done of an event's Kinesis records. If it is dropped before [`finish`](Self::finish), as
/// when the processing is cancelled, it still tells the [`Resume`] what is done.
pub(super) struct Progress<'b, R: EventRecord> {
    event: &'b EventUserRecords<'b, R>,
    /// Whether each is done.
    complete: Vec<bool>,
    counts: Counts,
    memory: Option<Memory<'b>>,
}

struct Memory<'b> {
    resume: &'b dyn Resume,
    records: Vec<Remembered<'b>>,
}

struct Remembered<'b> {
    /// `None` for a record without a sequence number, and for records that share a key: they could
    /// not be told apart.
    key: Option<RecordKey<'b>>,
    done: Done,
    /// Whether some of it was done before this invocation.
    known: bool,
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
        let records = keys.into_iter().map(|key| {
            let done = key.and_then(|_| answers.next()).unwrap_or_default();
            let known = !done.is_empty();
            Remembered { key, done, known }
        });
        let records = records.collect();
        Self { resume, records }
    }

    /// Tells the [`Resume`] which Kinesis records will come again, and what is done of each; and which
    /// ones it can forget, because they are done and will not come again.
    ///
    /// | the Kinesis record | comes again | does not |
    /// |---|---|---|
    /// | is done | save all of it as done | forget it, if some of it was known |
    /// | is not done | save what is done of it | impossible: what is not done comes again |
    fn save(self, complete: &[bool], comes_again: impl Fn(usize) -> bool) {
        let (mut kept, mut succeeded) = (Vec::new(), Vec::new());
        let records = self.records.into_iter().zip(complete);
        for (position, (Remembered { key, done, known }, complete)) in records.enumerate() {
            let Some(key) = key else { continue };
            match (complete, comes_again(position)) {
                (true, true) => kept.push((key, Done::everything())),
                (true, false) if known => succeeded.push(key),
                (false, _) if !done.is_empty() => kept.push((key, done)),
                _ => {}
            }
        }
        if !kept.is_empty() || !succeeded.is_empty() {
            self.resume.save(&kept, &succeeded);
        }
    }
}

impl<'b, R: EventRecord> Progress<'b, R> {
    pub(super) fn new(event: &'b EventUserRecords<'b, R>, resume: Option<&'b dyn Resume>) -> Self {
        let records = event.records();
        Self {
            event,
            complete: vec![false; records.len()],
            counts: Counts::default(),
            memory: resume.map(|resume| Memory::new(resume, records)),
        }
    }

    /// Returns whether all of a Kinesis record was done before; if so, counts it.
    pub(super) fn leaves_out(&mut self, position: usize, record: &Deaggregated<&R>) -> bool {
        let was_complete = self.done(position).is_some_and(Done::is_everything);
        if was_complete {
            self.leave_out(record.user_records().flatten().count());
            self.complete(position);
        }
        was_complete
    }

    /// Returns whether a user record was done before; if so, counts it.
    pub(super) fn leaves_out_one(&mut self, user_record: &EventUserRecord<'_, R>) -> bool {
        let was_done = self.is_done(user_record.place());
        self.leave_out(usize::from(was_done));
        was_done
    }

    fn leave_out(&mut self, count: usize) {
        self.counts.left_out = self.counts.left_out.saturating_add(count);
    }

    fn is_done(&self, (position, number): (usize, u64)) -> bool {
        self.done(position)
            .is_some_and(|done| done.contains(number))
    }

    fn done(&self, position: usize) -> Option<&Done> {
        Some(&self.memory.as_ref()?.records.get(position)?.done)
    }

    /// A user record is done.
    pub(super) fn done_one(&mut self, user_record: &EventUserRecord<'_, R>) {
        self.counts.done = self.counts.done.saturating_add(1);
        self.remember(user_record.place());
    }

    /// Counts user records that failed.
    pub(super) fn fail(&mut self, count: usize) {
        self.counts.failed = self.counts.failed.saturating_add(count);
    }

    fn remember(&mut self, (position, number): (usize, u64)) {
        let memory = self.memory.as_mut();
        if let Some(record) = memory.and_then(|memory| memory.records.get_mut(position)) {
            record.done.insert(number);
        }
    }

    /// Whether to ask the callback about this loss: it is a cut, and the callback did not say before
    /// to go on. For a drop, calls the callback for drops.
    pub(super) fn asks_about(&self, loss: &Loss) -> bool {
        !self.is_done(told(loss)) && !self.event.is_dropped(loss)
    }

    /// Takes the callback's answer. After `GoOn` it is not asked again when the Kinesis record comes
    /// again. After `Fail` the Kinesis record fails with this loss, or with an earlier `cut`.
    pub(super) fn settle_cut(&mut self, loss: &Loss, after: AfterCut, cut: &mut Option<Loss>) {
        match after {
            AfterCut::GoOn => self.remember(told(loss)),
            AfterCut::Fail if cut.is_none() => *cut = Some(loss.clone()),
            AfterCut::Fail => {}
        }
    }

    /// All readable user records of a Kinesis record are done. Returns whether the Kinesis record is
    /// done too: it fails if there is a `cut`.
    pub(super) fn close(&mut self, position: usize, cut: Option<Loss>) -> bool {
        let Some(loss) = cut else {
            self.complete(position);
            return true;
        };
        self.event.fail(position, FailureReason::Cut(&loss));
        self.counts.cut = self.counts.cut.saturating_add(1);
        false
    }

    fn complete(&mut self, position: usize) {
        if let Some(complete) = self.complete.get_mut(position) {
            *complete = true;
        }
    }

    /// Returns the answer: everything that is not done has failed.
    pub(super) fn finish(mut self) -> BatchResponse {
        let records = self.event.records();
        let lowest = Lowest::of(records, &self.complete);
        // Failing the invocation brings every Kinesis record back. Where the answer would not, the
        // memory is about to forget some.
        let nothing_done = self.counts.done == 0
            && !records.is_empty()
            && records.iter().all(|record| lowest.brings_back(record));
        if let Some(memory) = self.memory.take() {
            memory.save(&self.complete, |position| {
                let record = records.get(position);
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

/// The place under which a cut that went on is remembered, among the user records that are done.
///
/// A lost user record's number is free, because no handler gets it. A salvaged one's number is for its
/// handler, and the first one's is not for a wrong digest, so these two have an extra bit each: an
/// aggregate has fewer than 2^31 user records.
fn told(loss: &Loss) -> (usize, u64) {
    const SALVAGED: u64 = 1 << 32;
    const DIGEST: u64 = 1 << 33;
    let kind = match loss.kind() {
        LossKind::DigestMismatch => DIGEST,
        _ if loss.lost().is_empty() => SALVAGED,
        _ => 0,
    };
    (loss.record_index(), loss.sub_sequence_number() | kind)
}

/// Where to start again: for each shard with a failed record, the lowest failed sequence number, as a
/// number and as the event writes it. `None` if a failed record has no sequence number, so that no
/// answer can name it.
struct Lowest<'b>(Option<Vec<(Option<&'b str>, Numbered<'b>)>>);

type Numbered<'b> = (SequenceNumber, &'b str);

impl<'b> Lowest<'b> {
    fn of<R: EventRecord>(records: &'b [R], complete: &[bool]) -> Self {
        let failed = records.iter().zip(complete);
        let mut failed = failed.filter(|(_, complete)| !**complete);
        let shards = failed.try_fold(Vec::new(), |mut shards, (record, _)| {
            let (shard_id, number) = (record.shard_id(), number(record)?);
            match shards.iter_mut().find(|(shard, _)| *shard == shard_id) {
                None => shards.push((shard_id, number)),
                Some((_, lowest)) if number.0 < lowest.0 => *lowest = number,
                Some(_) => {}
            }
            Some(shards)
        });
        Self(shards)
    }

    /// Whether Lambda will send `record` again.
    fn brings_back<R: EventRecord>(&self, record: &R) -> bool {
        let Some(shards) = &self.0 else { return true };
        let shard = shards.iter().find(|(id, _)| *id == record.shard_id());
        shard.is_some_and(|(_, lowest)| number(record).is_none_or(|number| number.0 >= lowest.0))
    }

    fn response(&self) -> BatchResponse {
        let Some(shards) = &self.0 else {
            return BatchResponse::all_failed();
        };
        BatchResponse::of(shards.iter().map(|(_, (_, text))| (*text).to_owned()))
    }
}

fn number<R: EventRecord>(record: &R) -> Option<Numbered<'_>> {
    let text = record.sequence_number()?;
    Some((text.parse().ok()?, text))
}
