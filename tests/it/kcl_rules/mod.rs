//! What the KCL does with every kind of Kinesis record, one test a rule.

mod frame;
mod judging;
mod protobuf;
mod ways;

use kinesis_aggregation::{Outcome, PlainReason};

use crate::support::{field, frame, read, read_body, record, unhex};

const MAGIC_HEX: &str = "f3899ac2";

/// Three user records under the keys `a`, `b`, `a` whose data are `0`, `1`, `2`.
fn three() -> Vec<u8> {
    [
        field(1, b"a"),
        field(1, b"b"),
        record(0, None, b"0"),
        record(1, None, b"1"),
        record(0, None, b"2"),
    ]
    .concat()
}

fn assert_plain(data: &[u8], reason: PlainReason) {
    let read = read(data);
    assert_eq!(read.outcome, Outcome::Plain(reason));
    let as_it_is = (Some("outer".to_owned()), None, data.to_vec(), 0);
    assert_eq!(read.user_records, [as_it_is]);
    assert!(read.losses.is_empty());
}

/// The body reads as a plain record, malformed at `offset` of the body.
#[track_caller]
fn assert_malformed(body: &str, offset: usize) {
    let data = frame(&unhex(body));
    assert_plain(&data, PlainReason::Malformed { offset: offset + 4 });
}

#[track_caller]
fn assert_reads_as(body: &str, same: &str) {
    let same = read_body(&unhex(same));
    assert_eq!(same.outcome, Outcome::Aggregated);
    assert_eq!(read_body(&unhex(body)), same);
}
