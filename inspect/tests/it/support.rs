//! Aggregates, among them the two that the cases hold, and what is found in an input.

use kinesis_aggregation::md5;
use kinesis_aggregation::wire::{MAGIC, RecordIndices, encode};
use kinesis_aggregation_inspect::doctor::Mapping;
use kinesis_aggregation_inspect::{Everything, FindError, Finder, Found, find};

pub(crate) fn case(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/cases/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Three user records.
pub(crate) fn a() -> Vec<u8> {
    case("concatenated.bin")[..143].to_vec()
}

/// Two user records.
pub(crate) fn b() -> Vec<u8> {
    case("concatenated.bin")[143..].to_vec()
}

/// `(partition key, explicit hash key, data)`
pub(crate) type Record<'a> = (&'a str, Option<&'a str>, &'a str);

/// An aggregate, whatever its keys are.
pub(crate) fn aggregate(user_records: &[Record<'_>]) -> Vec<u8> {
    let keys = user_records.iter().map(|(key, ..)| *key);
    let hash_keys = user_records.iter().map(|(_, key, _)| key.unwrap_or("0"));
    let records = (0..).zip(user_records).map(|(number, (_, key, data))| {
        let indices = RecordIndices {
            partition_key: number,
            explicit_hash_key: key.map(|_| number),
        };
        (indices, data.as_bytes())
    });
    encode(keys, hash_keys, records.collect::<Vec<_>>())
}

/// A frame with the right digest around a message in hexadecimal.
pub(crate) fn framed(message: &str) -> Vec<u8> {
    let message = hex::decode(message).unwrap();
    [&MAGIC[..], &message, &md5::digest(&message)].concat()
}

/// The settings of a function that does all that aggregates need.
pub(crate) fn careful() -> Mapping {
    Mapping {
        function: "orders".to_owned(),
        enabled: true,
        parallelization_factor: 1,
        reports_failures: true,
        maximum_retries: Some(3),
        has_failure_destination: true,
        ..Mapping::default()
    }
}

pub(crate) fn base64(data: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(data)
}

/// `text` in lines of this width.
pub(crate) fn wrapped(text: &str, width: usize, before: &str, after: &str) -> String {
    let lines = text.as_bytes().chunks(width);
    lines
        .map(|line| format!("{before}{}{after}\n", str::from_utf8(line).unwrap()))
        .collect()
}

/// Finds everything, at once and byte by byte, which must not differ.
#[track_caller]
pub(crate) fn found(input: impl AsRef<[u8]>) -> Everything {
    let input = input.as_ref();
    let all =
        find(input).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(input)));
    let pieces = by_pieces(input, 1).unwrap();
    let records: Vec<_> = pieces
        .into_iter()
        .filter_map(|found| match found {
            Found::Record(record) => Some(record),
            _ => None,
        })
        .collect();
    assert_eq!(records, all.records(), "byte by byte");
    all
}

pub(crate) fn by_pieces(input: &[u8], len: usize) -> Result<Vec<Found>, FindError> {
    let mut finder = Finder::new();
    let mut all = Vec::new();
    for piece in input.chunks(len) {
        finder.push(piece);
        while let Some(found) = finder.next()? {
            all.push(found);
        }
    }
    finder.end();
    while let Some(found) = finder.next()? {
        all.push(found);
    }
    Ok(all)
}

/// Checks that nothing but these data are found, in this order.
#[track_caller]
pub(crate) fn assert_finds(what: &str, input: impl AsRef<[u8]>, data: &[Vec<u8>]) -> Everything {
    let all = found(input);
    let found: Vec<_> = all
        .records()
        .iter()
        .map(|record| record.data().to_vec())
        .collect();
    assert_eq!(found, data, "{what}");
    assert!(all.refused().is_empty(), "{what}: {:?}", all.refused());
    assert!(all.warnings().is_empty(), "{what}: {:?}", all.warnings());
    all
}

#[track_caller]
pub(crate) fn refusal(input: impl AsRef<[u8]>) -> FindError {
    let input = input.as_ref();
    let error = match find(input) {
        Err(error) => error,
        Ok(all) => panic!("{all:?}: {}", String::from_utf8_lossy(input)),
    };
    assert_eq!(by_pieces(input, 1).unwrap_err(), error, "byte by byte");
    error
}

/// The records and refusals in an input: their numbers, and the data or why there is none.
#[track_caller]
fn told(input: &str) -> Vec<(usize, String)> {
    let all = found(input);
    let records = all.records().iter();
    let records = records.map(|record| {
        let data = String::from_utf8_lossy(record.data()).into_owned();
        (record.index(), data)
    });
    let refused = all.refused().iter();
    let refused = refused.map(|refused| (refused.index(), format!("! {}", refused.why())));
    let mut told: Vec<_> = records.chain(refused).collect();
    told.sort();
    told
}

/// Checks that these records are found, and these refusals, which have an exclamation mark.
#[track_caller]
pub(crate) fn assert_told(input: &str, expected: &[&str]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|text| (*text).to_owned())
        .enumerate()
        .collect();
    assert_eq!(told(input), expected, "{input}");
}
