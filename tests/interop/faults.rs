//! The known faults of AWS's Node and Python readers, by name: each predicts what the reader
//! answers, or says for which messages it goes its own way.

use kinesis_aggregation::{Outcome, PlainReason};

use crate::compare::Verdict;
use crate::facts::{Facts, Record};
use crate::ours::Read;
use crate::peer::{Answer, Case, Item, Status};

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    Node,
    Python,
}

const NO_RANGE: &str = "knows no hash key range, no bad explicit hash key";
const FIRST_HASH_KEY: &str =
    "gives a user record without explicit hash key the first one of the table";
const NODE_INDEX: &str = "delivers a user record whose index is out of range, without that key";
const NODE_DIGEST: &str =
    "throws at a wrong digest or a frame too short, where the KCL takes it for plain";
const NODE_THROWS: &str = "throws at malformed protobuf, where the KCL takes it for plain";
const NODE_PROTOBUF: &str = "its protobuf reader is lenient: reads what the KCL takes for plain";
const NODE_WIRE: &str = "its protobuf reader goes by field number, not by wire type";
const NODE_UTF8: &str = "decodes a surrogate's bytes to three replacement characters, not one";
const PYTHON_INDEX: &str = "prints or raises at an index out of range, and loses the rest";
const PYTHON_REQUIRED: &str = "takes a missing required field for 0 or nothing";
const PYTHON_WIRE: &str = "refuses tags and lengths beyond five bytes or 32 bits";
const PYTHON_DEPTH: &str = "counts the depth of groups otherwise";
const PYTHON_PROTOBUF: &str = "its protobuf reader is lenient: reads what the KCL takes for plain";
const PYTHON_BYTES: &str = "hands out a key that is not UTF-8 as bytes";

pub(crate) fn compare(reader: Reader, case: &Case, ours: &Read, theirs: &Answer) -> Verdict {
    let returned = theirs.status == Status::Returned;
    if returned && theirs.items == ours.items && ours.losses.is_empty() {
        return Verdict::Same;
    }
    // Node has no word for "plain" other than leaving the sub-sequence number out.
    match (ours.outcome, reader) {
        (Outcome::Plain(PlainReason::DigestMismatch | PlainReason::TooShort), Reader::Node)
            if theirs.items.is_empty() =>
        {
            return Verdict::Explained(NODE_DIGEST);
        }
        (Outcome::Plain(PlainReason::Malformed { .. }), reader) => {
            return malformed(reader, case, theirs);
        }
        (Outcome::Plain(_), _) => {
            return Verdict::Unexplained("a plain record comes out otherwise".to_owned());
        }
        _ => {}
    }
    let Some(facts) = Facts::of(&case.data) else {
        return Verdict::Unexplained("no frame that the runner can read".to_owned());
    };
    let predicted = predict(reader, &facts);
    if theirs.items == predicted.items && returned != predicted.fails {
        return Verdict::Explained(name(reader, ours, &facts, &predicted));
    }
    // Messages that its protobuf reader is known to read otherwise.
    let own_way = match reader {
        Reader::Node => (facts.other_type || facts.long_number).then_some(NODE_WIRE),
        Reader::Python if facts.long_number => Some(PYTHON_WIRE),
        Reader::Python => facts.deep.then_some(PYTHON_DEPTH),
    };
    match own_way {
        Some(name) => Verdict::Explained(name),
        None => Verdict::Unexplained("none of its known faults predicts this".to_owned()),
    }
}

/// A message that protobuf-java refuses.
fn malformed(reader: Reader, case: &Case, theirs: &Answer) -> Verdict {
    match reader {
        Reader::Node if theirs.status == Status::Threw => Verdict::Explained(NODE_THROWS),
        Reader::Node => Verdict::Explained(NODE_PROTOBUF),
        Reader::Python => match Facts::of(&case.data) {
            Some(facts) if facts.incomplete => {
                if theirs.items == predict(reader, &facts).items {
                    Verdict::Explained(PYTHON_REQUIRED)
                } else {
                    Verdict::Explained(PYTHON_PROTOBUF)
                }
            }
            _ => Verdict::Explained(PYTHON_PROTOBUF),
        },
    }
}

struct Predicted {
    items: Vec<Item>,
    fails: bool,
    first_hash_key: bool,
    no_key: bool,
}

fn predict(reader: Reader, facts: &Facts<'_>) -> Predicted {
    let mut predicted = Predicted {
        items: Vec::new(),
        fails: false,
        first_hash_key: false,
        no_key: false,
    };
    for (n, record) in facts.records.iter().enumerate() {
        let Record {
            key,
            hash_key,
            data,
        } = record;
        let partition_key = entry(&facts.keys, key.unwrap_or(0));
        // Both take an index that is not there for 0.
        let explicit_hash_key = entry(&facts.hash_keys, hash_key.unwrap_or(0));
        predicted.first_hash_key |= hash_key.is_none() && explicit_hash_key.is_some();
        let missing =
            partition_key.is_none() || (hash_key.is_some() && explicit_hash_key.is_none());
        predicted.no_key |= missing;
        // Python looks into the table of explicit hash keys only if there is one.
        let python_fails =
            partition_key.is_none() || (explicit_hash_key.is_none() && !facts.hash_keys.is_empty());
        if reader == Reader::Python && python_fails {
            predicted.fails = true;
            break;
        }
        predicted.items.push(Item {
            partition_key: partition_key.map(|key| decoded(reader, key)),
            explicit_hash_key: explicit_hash_key.map(|key| decoded(reader, key)),
            sub_sequence_number: u64::try_from(n).unwrap(),
            aggregated: true,
            data: data.unwrap_or_default().to_vec(),
        });
    }
    predicted
}

fn entry<'a>(table: &[&'a [u8]], index: u64) -> Option<&'a [u8]> {
    table.get(usize::try_from(index).ok()?).copied()
}

fn decoded(reader: Reader, key: &[u8]) -> Vec<u8> {
    match reader {
        Reader::Node => String::from_utf8_lossy(key).into_owned().into_bytes(),
        Reader::Python => key.to_vec(),
    }
}

/// The fault that says most about a difference that was predicted.
fn name(reader: Reader, ours: &Read, facts: &Facts<'_>, predicted: &Predicted) -> &'static str {
    if predicted.no_key && reader == Reader::Node {
        NODE_INDEX
    } else if predicted.no_key {
        PYTHON_INDEX
    } else if predicted.first_hash_key {
        FIRST_HASH_KEY
    } else if !ours.losses.is_empty() {
        NO_RANGE
    } else if facts
        .keys
        .iter()
        .chain(&facts.hash_keys)
        .any(|key| str::from_utf8(key).is_err())
    {
        match reader {
            Reader::Node => NODE_UTF8,
            Reader::Python => PYTHON_BYTES,
        }
    } else {
        NO_RANGE
    }
}
