//! The files that all read. Each is a count, then so many parts, each with its length in front;
//! numbers have four bytes, big-endian.

use std::fs;
use std::path::Path;

use kinesis_aggregation::UserRecord;

use crate::shared::Traffic;

/// User records of 200 bytes with 10 keys.
pub(crate) const SMALL: Traffic = Traffic::USUAL;
/// The same in aggregates of 1 MiB.
pub(crate) const LARGE: Traffic = Traffic {
    aggregate_len: 1024 * 1024 - 1024,
    ..Traffic::USUAL
};

/// Kinesis records in a page: as many user records either way, about.
const SMALL_PAGE: usize = 100;
const LARGE_PAGE: usize = 5;

/// To be written: as many as a page holds.
const USER_RECORDS: usize = 24_400;

/// Writes them all.
pub(crate) fn write(folder: &Path) {
    fs::create_dir_all(folder).expect("target is writable");
    for (name, traffic, page) in [("small", SMALL, SMALL_PAGE), ("large", LARGE, LARGE_PAGE)] {
        let page = traffic.aggregates(page);
        let parts = page.iter().map(|record| record.data().as_ref());
        put(&folder.join(format!("{name}.records")), parts.collect());
    }
    let user_records = SMALL.user_records(USER_RECORDS);
    let parts = user_records.iter().flat_map(|record| {
        let key = record.partition_key().expect("a key");
        [key.as_bytes(), record.data().as_ref()]
    });
    put(&folder.join("user-records"), parts.collect());
}

fn put(path: &Path, parts: Vec<&[u8]>) {
    let number = |len: usize| u32::try_from(len).expect("not so long").to_be_bytes();
    let mut file = number(parts.len()).to_vec();
    for part in parts {
        file.extend(number(part.len()));
        file.extend(part);
    }
    fs::write(path, file).expect("target is writable");
}

/// The parts of a file.
pub(crate) fn parts(path: &Path) -> Vec<Vec<u8>> {
    let file = fs::read(path).expect("the file was written");
    let (_, mut rest) = number(&file);
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (len, behind) = number(rest);
        let (part, behind) = behind.split_at(len);
        parts.push(part.to_vec());
        rest = behind;
    }
    parts
}

fn number(bytes: &[u8]) -> (usize, &[u8]) {
    let (number, rest) = bytes.split_first_chunk().expect("four bytes");
    (u32::from_be_bytes(*number) as usize, rest)
}

/// The user records to be written.
pub(crate) fn user_records(folder: &Path) -> Vec<UserRecord> {
    let parts = parts(&folder.join("user-records"));
    let pairs = parts.chunks_exact(2).map(|pair| {
        let key = String::from_utf8(pair[0].clone()).expect("a key");
        UserRecord::new(key, pair[1].clone())
    });
    pairs.collect()
}
