//! A model of Lambda's stream poller, driven against handlers that fail at random.
//!
//! The model is of one shard: batches, retries from the lowest sequence number, bisecting,
//! maximum attempts, the on-failure list, and the state of a window. Where AWS's documentation
//! leaves the poller's behaviour open, both ways are tried: see [`Mapping`].

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use kinesis_aggregation::lambda::{AfterCut, MemoryResume, Processor};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::function::{Behaviour, Flaw, Form, Function, Id, Shard};
use super::support::{Stored, event_json};

/// The settings of an event source mapping.
#[derive(Clone, Debug)]
struct Mapping {
    batch_size: usize,
    bisect: bool,
    max_retries: u32,
    /// Whether a batch that came some way starts its retries anew.
    progress_resets_retries: bool,
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    let failures = prop_oneof![12 => Just(0_u32), 3 => 1_u32..4, 1 => Just(u32::MAX)];
    (0_u8..4, failures, any::<bool>(), 0_u8..3).prop_map(|(key, failures, panics, yields)| {
        Behaviour {
            key,
            failures,
            panics,
            yields,
        }
    })
}

fn shard() -> impl Strategy<Value = Shard> {
    let flaw = prop_oneof![
        15 => Just(Flaw::None),
        1 => Just(Flaw::Cut),
        1 => Just(Flaw::BadHashKey),
        1 => Just(Flaw::Damaged),
    ];
    let record = (prop::collection::vec(behaviour(), 1..5), flaw);
    let breaks = prop::collection::hash_map(0_usize..12, 0_u8..9, 0..4);
    (prop::collection::vec(record, 1..14), breaks)
        .prop_map(|(records, breaks)| Shard { records, breaks })
}

fn mapping() -> impl Strategy<Value = Mapping> {
    (1_usize..8, any::<bool>(), 0_u32..4, any::<bool>()).prop_map(
        |(batch_size, bisect, max_retries, progress_resets_retries)| Mapping {
            batch_size,
            bisect,
            max_retries,
            progress_resets_retries,
        },
    )
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![
        Just(Form::Process),
        Just(Form::ProcessAsync),
        (1_usize..5).prop_map(Form::Concurrently),
        Just(Form::BatchFirst),
        Just(Form::BatchAllBut),
        Just(Form::Window),
    ]
}

/// Sequence numbers that change their length on the way.
fn sequence_number(record: usize) -> String {
    (95 + record).to_string()
}

fn stored(record: usize, (user_records, flaw): &(Vec<Behaviour>, Flaw)) -> Stored {
    let texts: Vec<_> = user_records
        .iter()
        .enumerate()
        .map(|(place, one)| (format!("key-{}", one.key), format!("{record}.{place}")))
        .collect();
    let pairs: Vec<_> = texts
        .iter()
        .map(|(key, data)| (&key[..], &data[..]))
        .collect();
    match (&pairs[..], flaw) {
        (_, Flaw::Cut) => Stored::cut(&sequence_number(record), &pairs),
        (_, Flaw::BadHashKey) => Stored::with_bad_hash_key(&sequence_number(record), &pairs),
        (_, Flaw::Damaged) => Stored::damaged(&sequence_number(record), &pairs),
        // Some travel as plain records, as one alone does with the KPL.
        (&[(key, data)], Flaw::None) if record.is_multiple_of(2) => {
            Stored::plain(&sequence_number(record), key, data)
        }
        _ => Stored::aggregate(&sequence_number(record), &pairs),
    }
}

/// What is left when the poller is through.
struct Outcome {
    /// Kinesis records that ended on the failure list.
    given_up: HashSet<usize>,
    state: Value,
}

/// Lambda.
fn poll(mapping: &Mapping, function: &Function<'_>) -> Outcome {
    let shard = function.shard;
    let stream: Vec<_> = shard
        .records
        .iter()
        .enumerate()
        .map(|(i, r)| stored(i, r))
        .collect();
    let mut batches: VecDeque<(Range<usize>, u32)> = (0..stream.len())
        .step_by(mapping.batch_size)
        .map(|start| (start..stream.len().min(start + mapping.batch_size), 0))
        .collect();
    let mut outcome = Outcome {
        given_up: HashSet::new(),
        state: json!({}),
    };
    let mut invocations = 0;
    while let Some((batch, retries)) = batches.pop_front() {
        let mut event = event_json(&stream[batch.clone()]);
        event["state"] = outcome.state.clone();
        let break_off = shard.breaks.get(&invocations).copied();
        invocations += 1;
        let answer = function.invoke(&event, break_off);
        let again = |start: usize, retries: u32| {
            let exhausted = retries > mapping.max_retries;
            (start..batch.end, retries, exhausted)
        };
        let (rest, retries, exhausted) = match &answer {
            // A function error: bisecting does not count as a retry.
            None if mapping.bisect && batch.len() > 1 => {
                let middle = batch.start + batch.len() / 2;
                batches.push_front((middle..batch.end, retries));
                batches.push_front((batch.start..middle, retries));
                continue;
            }
            None => again(batch.start, retries + 1),
            Some(answer) => {
                if let Some(state) = answer.get("state") {
                    outcome.state = state.clone();
                }
                let Some(start) = restart(answer, &batch) else {
                    continue;
                };
                let came_some_way = start > batch.start && mapping.progress_resets_retries;
                again(start, if came_some_way { 0 } else { retries + 1 })
            }
        };
        if exhausted {
            outcome.given_up.extend(rest);
        } else {
            batches.push_front((rest, retries));
        }
    }
    outcome
}

/// Where an answer says to start again.
fn restart(answer: &Value, batch: &Range<usize>) -> Option<usize> {
    let failures = answer["batchItemFailures"].as_array().unwrap();
    let records = failures.iter().map(|failure| {
        let identifier = failure["itemIdentifier"].as_str().unwrap();
        let record = batch
            .clone()
            .find(|&record| sequence_number(record) == identifier);
        record.expect("the identifier of a record of this batch")
    });
    records.min()
}

/// How the function answers.
#[derive(Clone, Copy, Debug)]
struct Answers {
    fails_whole: bool,
    /// What it says of a cut aggregate.
    after_cut: AfterCut,
}

fn answers() -> impl Strategy<Value = Answers> {
    (any::<bool>(), any::<bool>()).prop_map(|(fails_whole, goes_on)| Answers {
        fails_whole,
        after_cut: if goes_on {
            AfterCut::GoOn
        } else {
            AfterCut::Fail
        },
    })
}

fn check(
    shard: &Shard,
    mapping: &Mapping,
    form: Form,
    answers: Answers,
    resume: bool,
) -> Result<(), TestCaseError> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let cuts = Arc::clone(&told);
    let processor = Processor::new().salvage(true).salvage_damaged(true);
    let mut processor = processor.on_cut(move |lost| {
        let sequence_number = lost.sequence_number().unwrap().to_owned();
        cuts.lock().unwrap().push(sequence_number);
        answers.after_cut
    });
    if resume {
        processor = processor.resume(MemoryResume::new());
    }
    let goes_on = answers.after_cut == AfterCut::GoOn;
    let function = Function {
        shard,
        form,
        processor,
        fails_whole: answers.fails_whole,
        answers_get_lost: !resume,
        attempts: RefCell::default(),
        succeeded: RefCell::default(),
    };
    let outcome = poll(mapping, &function);
    let succeeded = function.succeeded.into_inner();

    let mut first = HashMap::new();
    for (order, id) in succeeded.iter().enumerate() {
        first.entry(*id).or_insert(order);
    }
    let mut in_order: Vec<(Id, usize)> = first.iter().map(|(id, order)| (*id, *order)).collect();
    in_order.sort_unstable();

    // Every user record is processed, or its Kinesis record is on the failure list; and a cut
    // aggregate is on it, too, unless the callback has said to go on.
    let told = told.lock().unwrap();
    for (record, (user_records, flaw)) in shard.records.iter().enumerate() {
        let given_up = outcome.given_up.contains(&record);
        let sequence_number = sequence_number(record);
        let times = told.iter().filter(|told| **told == sequence_number).count();
        let passes = *flaw == Flaw::None || (goes_on && times > 0);
        prop_assert!(given_up || passes, "cut {record} passed");
        // Having said so once is enough, where there is a memory.
        let remembers = resume && goes_on && form != Form::Window;
        prop_assert!(!remembers || times <= 1, "{record} was told {times} times");
        for place in 0..user_records.len() {
            let processed = first.contains_key(&(record, place));
            prop_assert!(processed || given_up, "{record}.{place} was skipped");
        }
    }
    // First successes keep the order: of the shard, or of each key where that is all that is
    // promised.
    for key in 0..4 {
        let by_key = matches!(form, Form::Concurrently(_));
        let of_lane = |id: Id| !by_key || shard.records[id.0].0[id.1].key == key;
        let lane: Vec<_> = in_order.iter().filter(|(id, _)| of_lane(*id)).collect();
        let ordered = lane.windows(2).all(|pair| pair[0].1 < pair[1].1);
        prop_assert!(ordered || form == Form::BatchAllBut, "{lane:?}");
    }
    // A warm function with a memory does nothing twice.
    let twice = succeeded.len() - first.len();
    prop_assert!(
        !resume || form == Form::Window || twice == 0,
        "{succeeded:?}"
    );
    // The window's state has what was not given up, once and in order.
    if form == Form::Window {
        let state: Vec<Id> = serde_json::from_value(outcome.state).unwrap_or_default();
        let kept: Vec<Id> = in_order.iter().map(|(id, _)| *id).collect();
        let kept = kept
            .into_iter()
            .filter(|id| !outcome.given_up.contains(&id.0));
        prop_assert_eq!(state, kept.collect::<Vec<_>>());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_is_skipped(
        shard in shard(), mapping in mapping(), form in form(), answers in answers(),
    ) {
        check(&shard, &mapping, form, answers, false)?;
    }

    #[test]
    fn with_a_memory_nothing_is_done_twice(
        shard in shard(), mapping in mapping(), form in form(), answers in answers(),
    ) {
        check(&shard, &mapping, form, answers, true)?;
    }
}
