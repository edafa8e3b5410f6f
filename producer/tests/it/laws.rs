//! What must be true of every run.

use std::collections::BTreeMap;
use std::time::Duration;

use kinesis_aggregation::wire::is_framed;
use kinesis_aggregation::{DEFAULT_MAX_RECORD_SIZE, HashKey};
use kinesis_aggregation_producer::{Attempt, FailureKind, Outcome};

use super::model_kcl::{self, Read};
use super::sim::{Put, Run};

/// From the end of a record's time to live, and of what was under way then, to its resolution:
/// the pipeline looks for what has expired a hundred times a second at most.
const TICK: Duration = Duration::from_millis(10);

/// The tries after which a KCL may deliver a record although they failed.
const AMBIGUOUS: [&str; 4] = [
    "Timeout",
    "ConnectionReset",
    "ResultCountMismatch",
    "UnknownShard",
];

fn ambiguous(attempts: impl Iterator<Item = Attempt>) -> usize {
    attempts
        .filter(|attempt| match attempt.error().map(|error| error.code()) {
            Some(code) => AMBIGUOUS.contains(&code),
            None => false,
        })
        .count()
}

pub(super) fn check(run: &mut Run) {
    let reads = model_kcl::read(&run.stream, run.facts.filters);
    let mut by_id: BTreeMap<u64, Vec<&Read>> = BTreeMap::new();
    for read in &reads {
        by_id.entry(read.id).or_default().push(read);
    }
    let mut held: BTreeMap<u64, usize> = BTreeMap::new();
    for read in model_kcl::read(&run.stream, false) {
        *held.entry(read.id).or_default() += 1;
    }
    let mut broken = Vec::new();
    for (id, put) in run.puts.iter().enumerate() {
        let reads = by_id.get(&(id as u64)).map_or(&[][..], Vec::as_slice);
        let held = held.contains_key(&(id as u64));
        let laws = [
            doubt(put, held),
            balance(run, put, reads, held),
            times(run, put),
            company(run, put),
        ];
        broken.extend(
            laws.into_iter()
                .flatten()
                .map(|law| format!("put {id}: {law}")),
        );
    }
    if run.facts.ordered {
        broken.extend(order(run, &reads));
    }
    if run.facts.fail_later_in_order {
        broken.extend(later(run));
    }
    run.broken.extend(broken);
}

/// Nothing is lost silently, nothing comes twice without cause.
fn balance(run: &Run, put: &Put, reads: &[&Read], held: bool) -> Option<String> {
    let Some((_, outcome)) = &put.resolved else {
        return Some("never resolved".to_owned());
    };
    let key = put.record.partition_key();
    for read in reads {
        if read.data_len != put.record.data().len() {
            return Some("its data came out changed".to_owned());
        }
        if key.is_some() && key != read.partition_key.as_deref() {
            return Some("its key came out changed".to_owned());
        }
    }
    let doubtful = match outcome {
        Ok(delivered) => {
            let named = reads.iter().any(|read| {
                read.shard_id == delivered.shard_id()
                    && read.sequence_number == delivered.sequence_number()
                    && read.sub_sequence_number == delivered.sub_sequence_number()
            });
            let lone = key.is_some() && !is_framed(put.record.data());
            if !(named || (run.facts.drops_unseen && !lone && held)) {
                return Some(format!("reported delivered, read {} times", reads.len()));
            }
            // Of those that are not kept, any may have been ambiguous.
            let left_out = delivered.tries() - delivered.attempts().count();
            1 + ambiguous(delivered.attempts()) + left_out
        }
        Err(error) if !error.is_maybe_stored() => 0,
        Err(error) => {
            let left_out = error.tries() - error.attempts().count();
            ambiguous(error.attempts()) + left_out
        }
    };
    // For readers that do not filter, what is sent again comes twice.
    let reads = reads.iter().filter(|read| !read.is_gone).count();
    if reads > doubtful && run.facts.filters {
        return Some(format!("read {reads} times, not {doubtful}: {outcome:?}"));
    }
    None
}

/// A request that is invalid for one of its records fails no other.
fn company(run: &Run, put: &Put) -> Option<String> {
    let max = run.stream.max_record_size?;
    let (_, Err(error)) = put.resolved.as_ref()? else {
        return None;
    };
    let FailureKind::Request { code } = error.kind() else {
        return None;
    };
    let key_len = put.record.partition_key()?.len();
    let fine = put.record.data().len() + key_len <= max;
    (fine && code == "ValidationException").then(|| format!("failed for another: {error:?}"))
}

/// What is certainly not stored is nowhere in the stream, for readers that do not filter too.
fn doubt(put: &Put, held: bool) -> Option<String> {
    match &put.resolved {
        Some((_, Err(error))) if held && !error.is_maybe_stored() => {
            Some(format!("it is in the stream: {error:?}"))
        }
        _ => None,
    }
}

/// Every deadline is met.
fn times(run: &Run, put: &Put) -> Option<String> {
    let (resolved, outcome) = put.resolved.as_ref()?;
    // Only what was under way when its time was over may come later, and no later than its answer.
    let last_end = match outcome {
        Ok(delivered) => delivered.attempts().last(),
        Err(error) => error.attempts().last(),
    };
    let last_end = last_end.map_or(Duration::ZERO, |attempt| attempt.ended());
    let latest = put.accepted + run.facts.ttl.max(last_end) + TICK;
    if *resolved > latest {
        return Some(format!(
            "resolved {:?} too late: {outcome:?}",
            *resolved - latest
        ));
    }
    // A large one may have to wait to learn what the stream takes.
    let is_large = put.record.data().len() > DEFAULT_MAX_RECORD_SIZE;
    let unhindered = !(run.facts.limited || run.hindered || is_large);
    let first = first_start(outcome)?;
    // In ordered mode, it may have to wait for what is under way.
    if unhindered && !run.facts.ordered && first > run.facts.buffered {
        return Some(format!(
            "first sent after {first:?}: accepted at {:?}, {outcome:?}, {:?}",
            put.accepted, run.facts
        ));
    }
    None
}

fn first_start(outcome: &Outcome) -> Option<Duration> {
    match outcome {
        Ok(delivered) => delivered.attempts().next(),
        Err(error) => error.attempts().next(),
    }
    .map(|attempt| attempt.started())
}

/// Of one hash key, what was put first arrives first.
fn order(run: &Run, reads: &[Read]) -> Vec<String> {
    let mut last: BTreeMap<HashKey, u64> = BTreeMap::new();
    let mut seen = vec![false; run.puts.len()];
    let mut broken = Vec::new();
    for read in reads.iter().filter(|read| !read.is_gone) {
        let put = &run.puts[read.id as usize];
        let delivered = matches!(put.resolved, Some((_, Ok(_))));
        let Some(hash_key) = put.record.hash_key().filter(|_| delivered) else {
            continue;
        };
        // A duplicate may come late.
        if std::mem::replace(&mut seen[read.id as usize], true) {
            continue;
        }
        let last = last.entry(hash_key).or_insert(read.id);
        if read.id < *last {
            let (_, earlier) = put.resolved.as_ref().expect("it is delivered");
            let later = &run.puts[*last as usize];
            broken.push(format!(
                "{} came after {last}: {} {} {:#?} at {:?}, {:#?} at {:?}",
                read.id,
                read.shard_id,
                read.sequence_number,
                earlier
                    .as_ref()
                    .map(|one| one.attempts().collect::<Vec<_>>()),
                put.accepted,
                later
                    .resolved
                    .as_ref()
                    .map(|(_, one)| one.as_ref().map(|one| (
                        one.shard_id().to_owned(),
                        one.attempts().collect::<Vec<_>>()
                    ))),
                later.accepted,
            ));
        }
        *last = read.id;
    }
    broken
}

/// Once a user record has failed, none of its hash key goes any more that was put before that.
fn later(run: &Run) -> Vec<String> {
    let mut failed: BTreeMap<HashKey, Vec<Duration>> = BTreeMap::new();
    let mut broken = Vec::new();
    for (id, put) in run.puts.iter().enumerate() {
        let (Some(hash_key), Some((resolved, outcome))) = (put.record.hash_key(), &put.resolved)
        else {
            continue;
        };
        let earlier = failed.entry(hash_key).or_default();
        if let Some(last) = last_start(outcome) {
            let sent = put.accepted + last;
            // What is put in the moment of the failure may come before or after it.
            let is_too_late = |failed: &&Duration| put.accepted < **failed && **failed <= sent;
            if let Some(failed) = earlier.iter().find(is_too_late) {
                broken.push(format!(
                    "{id} was sent at {sent:?}, an earlier one failed at {failed:?}"
                ));
            }
        }
        if outcome.is_err() {
            earlier.push(*resolved);
        }
    }
    broken
}

fn last_start(outcome: &Outcome) -> Option<Duration> {
    match outcome {
        Ok(delivered) => delivered.attempts().last(),
        Err(error) => error.attempts().last(),
    }
    .map(|attempt| attempt.started())
}
