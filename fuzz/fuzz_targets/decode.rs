//! Any bytes, read as one Kinesis record: no panic, and what is plain comes out as it is.
#![no_main]

use kinesis_aggregation::{Outcome, deaggregate};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let read = deaggregate("outer", data);
    let user_records = read.user_records().count();
    if let Outcome::Plain(_) = read.outcome() {
        assert_eq!(user_records, 1);
        assert_eq!(read.user_records().next().unwrap().unwrap().data(), data);
    }
});
