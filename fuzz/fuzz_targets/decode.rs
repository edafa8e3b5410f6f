//! Any bytes, read as one Kinesis record.
#![no_main]

libfuzzer_sys::fuzz_target!(|_data: &[u8]| {});
