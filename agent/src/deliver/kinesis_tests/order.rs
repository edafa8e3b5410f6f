//! Lines that are to stay in order, and a stream that keeps none.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kinesis_aggregation_producer::RecordDistribution;
use kinesis_aggregation_producer::test_util::MemoryStream;

use super::{Logged, MINUTE, ORDERED, Running, line, stored};

/// There is no order on a stream with service-managed distribution. Lines that were taken before
/// this showed, and lines that come after, wait until the stream goes by keys again.
#[tokio::test(start_paused = true)]
async fn lines_that_are_to_stay_in_order_wait_for_a_stream_that_goes_by_keys() {
    // Chance decides which half puts first once the stream goes by keys.
    for _ in 0..16 {
        wait_for_a_stream_that_goes_by_keys().await;
    }
}

async fn wait_for_a_stream_that_goes_by_keys() {
    let logged = Logged::default();
    let _logged = tracing::subscriber::set_default(logged.clone());
    let stream = MemoryStream::new(1);
    stream.set_distribution(RecordDistribution::ServiceManaged);
    let running = Running::start(ORDERED, &stream);
    for numbers in [0..3, 3..5, 5..6] {
        running.send(numbers.map(line)).await;
    }
    let told = running.ids.try_recv();
    assert!(told.is_err(), "acknowledged, but not sent");
    assert!(stored(&stream).is_empty());
    stream.set_distribution(RecordDistribution::ByKey);
    let traffic = Arc::clone(&running.traffic);
    assert_eq!(running.end().await, (true, vec![0, 1, 2, 3, 4, 5]));
    let lines: Vec<Bytes> = (0..6).map(|number| line(number).data).collect();
    assert_eq!(stored(&stream), lines);
    assert!(!traffic.has_losses());
    assert_eq!(logged.count(tracing::Level::ERROR), 1, "said once");
    assert_eq!(logged.count(tracing::Level::WARN), 0, "nor said otherwise");
}

#[tokio::test(start_paused = true)]
async fn a_flow_whose_lines_wait_for_order_ends_with_its_producer() {
    for was_taken_before in [false, true] {
        let stream = MemoryStream::new(1);
        let running = Running::start(ORDERED, &stream);
        if !was_taken_before {
            // The producer has learned what the stream is.
            running.send([line(9)]).await;
        }
        stream.set_distribution(RecordDistribution::ServiceManaged);
        if !was_taken_before {
            tokio::time::sleep(10 * MINUTE).await;
        }
        for numbers in [0..3, 3..5, 5..6] {
            running.send(numbers.map(line)).await;
        }
        running.close_producer().await;
        let (is_delivered, told) = running.end().await;
        assert!(!is_delivered, "{was_taken_before}");
        assert!(told.iter().all(|number| *number == 9), "{told:?}");
    }
}

/// They are put again in an hour. By then the stream goes by keys, and would take a new line at once.
#[tokio::test(start_paused = true)]
async fn a_new_line_does_not_overtake_those_that_wait_for_order() {
    const HOUR: &str =
        r#", "retryInitialBackoffMillis": 3600000, "retryMaxBackoffMillis": 3600000"#;
    let stream = MemoryStream::new(1);
    stream.set_distribution(RecordDistribution::ServiceManaged);
    let running = Running::start(&format!("{ORDERED}{HOUR}"), &stream);
    running.send((0..3).map(line)).await;
    stream.set_distribution(RecordDistribution::ByKey);
    tokio::time::sleep(20 * MINUTE).await;
    for numbers in [3..5, 5..6] {
        running.send(numbers.map(line)).await;
    }
    assert_eq!(running.end().await, (true, vec![0, 1, 2, 3, 4, 5]));
    let lines: Vec<Bytes> = (0..6).map(|number| line(number).data).collect();
    assert_eq!(stored(&stream), lines);
}

/// Some of the waiting lines are taken and then given back again, and others find no room.
#[tokio::test(start_paused = true)]
async fn lines_stay_in_order_however_often_the_distribution_changes() {
    const RARELY: &str = r#", "retryInitialBackoffMillis": 50000, "retryMaxBackoffMillis": 100000"#;
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let stream = MemoryStream::new(1);
        let running = Running::start(&format!("{ORDERED}{RARELY}"), &stream);
        let mut number = 0;
        for _ in 0..20 {
            let distribution = random.choice([
                RecordDistribution::ByKey,
                RecordDistribution::ServiceManaged,
            ]);
            stream.set_distribution(distribution.expect("one of two"));
            let many = random.u64(1..10);
            let lines = (number..number + many).map(|number| {
                let mut line = line(number);
                let mut data = vec![0; random.usize(1..300_000)];
                data[0] = u8::try_from(number).expect("few");
                line.data = data.into();
                line
            });
            number += many;
            running
                .sender
                .send(lines.collect())
                .await
                .expect("is taken");
            tokio::time::sleep(Duration::from_secs(random.u64(0..500))).await;
        }
        stream.set_distribution(RecordDistribution::ByKey);
        let (is_delivered, mut told) = running.end().await;
        told.sort_unstable();
        assert_eq!((is_delivered, told), (true, (0..number).collect()));
        let came: Vec<u64> = stored(&stream).iter().map(|data| data[0].into()).collect();
        assert_eq!(came, (0..number).collect::<Vec<_>>(), "seed {seed}");
    }
}
