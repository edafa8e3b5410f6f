//! A link that takes less than is put.

use kinesis_aggregation_producer::{ClientError, Producer, ProducerBuilder};

use super::bugs::{Bench, at};

const LARGE: &str = match str::from_utf8(&[b'x'; 100_000]) {
    Ok(data) => data,
    Err(_) => "",
};

/// Nothing but the link slows it.
fn builder() -> ProducerBuilder {
    Producer::builder()
        .aggregation_enabled(false)
        .record_max_buffered_time(at(0))
        .rate_limit(None)
}

#[test]
fn requests_that_are_not_answered_in_time_are_made_smaller() {
    let mut bench = Bench::ready(builder().max_connections(1));
    for _ in 0..20 {
        bench.put(0, LARGE);
    }
    let mut counts = Vec::new();
    for now in (0..20_000).step_by(10) {
        for (id, records) in bench.drive(now) {
            counts.push(records.len());
            let lost = Err(ClientError::retry("Timeout", true));
            bench.pipeline.answered(at(now), id, lost);
        }
    }
    // 256 KiB for one shard, until the fifth half of 5 MiB is less.
    assert_eq!(counts[..6], [3, 3, 3, 3, 3, 1]);
}

#[test]
fn what_waits_for_the_link_is_too_much_though_others_were_delivered() {
    let mut bench = Bench::ready(builder());
    bench.put(0, "small");
    let [(small, _)] = bench.drive(0)[..] else {
        panic!("one request")
    };
    for _ in 0..3 {
        bench.put(1, LARGE);
    }
    let [(large, _)] = bench.drive(1)[..] else {
        panic!("one request")
    };
    bench.stored(10, small, "0");
    let lost = Err(ClientError::retry("Timeout", true));
    bench.pipeline.answered(at(6001), large, lost);
    bench.drive(6001);
    assert!(bench.pipeline.is_over());
    bench.pipeline.limit_connections(0);
    bench.drive(30_001);
    assert!(bench.pipeline.pending() == 0 && !bench.pipeline.is_over());
}
