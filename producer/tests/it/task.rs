//! The handle and its task, on tokio's paused clock.

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use kinesis_aggregation::{DEFAULT_MAX_RECORD_SIZE, UserRecord};
use kinesis_aggregation_producer::{
    Attempt, AttemptError, ClientError, Delivered, FailureKind, Producer, PutErrorKind, RecordError,
};
use tokio::time::Instant;

use super::stream::{Answer, Stream, record};

#[tokio::test(start_paused = true)]
async fn user_records_share_a_kinesis_record_within_the_buffered_time() {
    let stream = Stream::new([]);
    let producer = Producer::builder()
        .build(stream.clone())
        .expect("a runtime");
    let start = Instant::now();
    let one = producer.put(record("one")).await.expect("accepted");
    let two = producer.put(record("two")).await.expect("accepted");
    let (one, two) = (one.await.expect("delivered"), two.await.expect("delivered"));
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(99), "{took:?}");
    assert!(took <= Duration::from_millis(103), "{took:?}");
    assert_eq!(one.sequence_number(), two.sequence_number());
    assert_eq!(
        (one.sub_sequence_number(), two.sub_sequence_number()),
        (0, 1)
    );
    assert_eq!(stream.read(), ["one", "two"]);
    producer.close().await.expect("in time");
    let metrics = producer.metrics();
    let counters: Vec<_> = metrics.counters().collect();
    assert!(counters.contains(&("UserRecordsPut", 2)), "{counters:?}");
    assert!(counters.contains(&("KinesisRecordsPut", 1)), "{counters:?}");
    let data_len = stream.state.lock().expect("no panic").stored[0]
        .data()
        .len() as u64;
    assert!(
        counters.contains(&("KinesisRecordsDataPut", data_len)),
        "{counters:?}"
    );
    assert_eq!(metrics.user_records_pending(), 0);
}

/// With a stream that tells of itself in time, and with one that takes too long: then it goes raw.
#[tokio::test(start_paused = true)]
async fn the_first_is_delivered_a_buffered_time_after_the_start() {
    for slow in [0, 90, 2000] {
        let stream = Stream::new([]);
        stream.state.lock().expect("no panic").slow = Duration::from_millis(slow);
        let start = Instant::now();
        let producer = Producer::builder()
            .build(stream.clone())
            .expect("a runtime");
        let put = |data| producer.put(record(data));
        let (one, two) = (put("one").await, put("two").await);
        one.expect("accepted").await.expect("delivered");
        two.expect("accepted").await.expect("delivered");
        let took = start.elapsed();
        assert!(took <= Duration::from_millis(110), "{slow}: {took:?}");
        let kinesis_records = stream.state.lock().expect("no panic").stored.len();
        assert_eq!(kinesis_records, if slow < 100 { 1 } else { 2 }, "{slow}");
    }
}

/// Data that counts when its memory is freed.
struct Counted(&'static [u8], Arc<AtomicUsize>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

/// The frame has the data: what the user records came with is freed before the answer.
#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_in_memory_once() {
    let stream = Stream::new([Answer::Gate]);
    let producer = Producer::builder()
        .build(stream.clone())
        .expect("a runtime");
    let freed = Arc::new(AtomicUsize::new(0));
    let mut deliveries = Vec::new();
    for data in [&b"one"[..], b"", b"three"] {
        let data = Bytes::from_owner(Counted(data, freed.clone()));
        let put = producer.put(UserRecord::new("key", data)).await;
        deliveries.push(put.expect("accepted"));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stream.read(), [""; 0], "it is under way");
    assert_eq!(freed.load(Ordering::Relaxed), 3);
    stream.gate.add_permits(1);
    for delivery in deliveries {
        delivery.await.expect("delivered");
    }
    assert_eq!(stream.read(), ["one", "", "three"]);
}

#[tokio::test(start_paused = true)]
async fn a_huge_buffered_time_does_not_panic() {
    let builder = Producer::builder()
        .record_ttl(Duration::MAX)
        .record_max_buffered_time(Duration::from_secs(u64::MAX));
    let producer = builder.build(Stream::new([])).expect("a runtime");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let delivery = producer.put(record("one")).await.expect("accepted");
    producer.flush().await.expect("in time");
    delivery.await.expect("delivered");
}

#[tokio::test(start_paused = true)]
async fn a_flush_does_not_wait_for_company() {
    let stream = Stream::new([]);
    let builder = Producer::builder()
        .record_ttl(Duration::from_secs(9000))
        .record_max_buffered_time(Duration::from_secs(3600));
    let producer = builder.build(stream.clone()).expect("a runtime");
    for (before, expected) in [(0, vec!["one"]), (1000, vec!["one", "one"])] {
        let delivery = producer.put(record("one")).await.expect("accepted");
        // Its aggregate is open by then, or it is not taken in yet.
        tokio::time::sleep(Duration::from_millis(before)).await;
        let start = Instant::now();
        producer.flush().await.expect("in time");
        assert!(start.elapsed() < Duration::from_millis(50));
        assert_eq!(stream.read(), expected);
        delivery.await.expect("delivered");
    }
}

/// How each try ended.
fn codes(delivered: &Delivered) -> Vec<String> {
    let attempts = delivered.attempts();
    let code = |attempt: Attempt| {
        attempt
            .error()
            .map_or("stored", AttemptError::code)
            .to_owned()
    };
    attempts.map(code).collect()
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_is_sent_again() {
    let stream = Stream::new([Answer::Never, Answer::Panic]);
    let producer = Producer::builder().build(stream).expect("a runtime");
    let delivery = producer.put(record("one")).await.expect("accepted");
    let delivered = delivery.await.expect("delivered");
    assert_eq!(codes(&delivered), ["Timeout", "Panic", "stored"]);
    let attempts: Vec<_> = delivered.attempts().collect();
    let took = attempts[0].ended() - attempts[0].started();
    assert!(took >= Duration::from_secs(6), "{took:?}");
}

/// The calls that list the shards and describe the stream are made again, too.
#[tokio::test(start_paused = true)]
async fn a_client_that_panics_is_asked_again() {
    let stream = Stream::new([Answer::Panic, Answer::Panic]);
    stream.state.lock().expect("no panic").panics = 3;
    let producer = Producer::builder().build(stream).expect("a runtime");
    let delivery = producer.put(record("one")).await.expect("accepted");
    let delivered = delivery.await.expect("delivered");
    assert_eq!(codes(&delivered), ["Panic", "Panic", "stored"]);
}

/// Before the producer has looked at anything.
#[tokio::test(start_paused = true)]
async fn the_very_first_record_may_be_large_and_waits_for_the_limit() {
    let producer = Producer::builder().build(Stream::new([]));
    let producer = producer.expect("a runtime");
    let large = UserRecord::new("key", vec![0; DEFAULT_MAX_RECORD_SIZE]);
    let large = producer.try_put(large).expect("the stream may take it");
    let error = large.await.expect_err("the stream told no larger limit");
    assert!(matches!(error.kind(), FailureKind::TooLarge { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_expires_says_that_it_may_be_stored() {
    let stream = Stream::new((0..10).map(|_| Answer::Never));
    let producer = Producer::builder().build(stream).expect("a runtime");
    let delivery = producer.put(record("one")).await.expect("accepted");
    let error = delivery.await.expect_err("no answer ever came");
    assert_eq!(*error.kind(), FailureKind::Expired);
    assert!(error.is_maybe_stored());
    assert_eq!(error.record(), Some(&record("one")));
    assert!(!format!("{error:?} {error}").contains("one"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn on_a_service_managed_stream_what_cannot_be_kept_is_refused() {
    let stream = Stream::service_managed();
    let producer = Producer::builder()
        .build(stream.clone())
        .expect("a runtime");
    let ordered = Producer::builder().ordered(true);
    let ordered = ordered.build(stream.clone()).expect("a runtime");
    // The first record of each makes it look.
    let first = ordered.put(record("first")).await.expect("accepted");
    let error = first.await.expect_err("no order there");
    assert_eq!(*error.kind(), FailureKind::NoOrder);
    let error = ordered
        .put(record("one"))
        .await
        .expect_err("no order there");
    assert_eq!(error.kind(), PutErrorKind::NoOrder);
    let first = UserRecord::without_partition_key("first");
    let first = producer.put(first).await.expect("accepted");
    first.await.expect("delivered");
    tokio::time::sleep(Duration::from_secs(25)).await;
    let second = UserRecord::without_partition_key("second");
    let second = producer.put(second).await.expect("accepted");
    second.await.expect("delivered");
    let mut aggregator = kinesis_aggregation::Aggregator::builder()
        .build()
        .expect("the defaults");
    aggregator.push(record("one")).expect("small");
    aggregator.push(record("two")).expect("small");
    let aggregate = aggregator.flush().expect("two").data().clone();
    let error = producer
        .put(UserRecord::without_partition_key(aggregate))
        .await
        .expect_err("it looks like an aggregate");
    assert_eq!(error.kind(), PutErrorKind::LooksLikeAggregate);
    let keyless = UserRecord::without_partition_key("raw");
    let delivery = producer.put(keyless).await.expect("accepted");
    delivery.await.expect("delivered");
    let state = stream.state.lock().expect("no panic");
    let last = state.stored.last().expect("some");
    assert_eq!(last.partition_key(), None);
    assert_eq!(&last.data()[..], b"raw");
}

#[tokio::test(start_paused = true)]
async fn what_can_never_be_stored_is_refused_at_once() {
    let producer = Producer::builder()
        .build(Stream::new([]))
        .expect("a runtime");
    let large = UserRecord::new("key", vec![0; 10 * 1024 * 1024]);
    let error = producer.put(large).await.expect_err("no stream takes it");
    assert!(matches!(error.kind(), PutErrorKind::Refused(_)));
    assert_eq!(error.into_record().data().len(), 10 * 1024 * 1024);
}

fn denied() -> ClientError {
    let message = "User: x is not authorized to perform: kinesis:PutRecords";
    ClientError::fatal("AccessDeniedException").with_source(message)
}

#[tokio::test(start_paused = true)]
async fn why_a_request_failed_is_in_the_error_and_its_source() {
    let producer = Producer::builder()
        .build(Stream::new([Answer::Error(denied())]))
        .expect("a runtime");
    let delivery = producer.put(record("one")).await.expect("accepted");
    let error = delivery.await.expect_err("denied");
    assert_eq!(
        error.to_string(),
        "the user record was not delivered: the request failed: AccessDeniedException: \
         User: x is not authorized to perform: kinesis:PutRecords"
    );
    let source = error.source().expect("the last try's");
    let source = source.downcast_ref::<AttemptError>().expect("its type");
    assert_eq!(source.code(), "AccessDeniedException");
}

#[tokio::test(start_paused = true)]
async fn an_expired_record_names_its_last_failure() {
    let refused = || {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        Answer::Error(ClientError::retry("ConnectionRefused", false).with_source(refused))
    };
    let producer = Producer::builder()
        .build(Stream::new((0..100).map(|_| refused())))
        .expect("a runtime");
    let delivery = producer.put(record("one")).await.expect("accepted");
    let error = delivery.await.expect_err("nobody was there");
    assert_eq!(*error.kind(), FailureKind::Expired);
    assert!(!error.is_maybe_stored());
    let told = error.to_string();
    let end = "tries failed, the last with ConnectionRefused: connection refused)";
    assert!(told.ends_with(end), "{told}");
    let io = error.source().and_then(Error::source).expect("the cause");
    assert!(io.downcast_ref::<io::Error>().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_records_failure_is_named_too() {
    let slow = RecordError::new(RecordError::THROTTLED, "Rate exceeded for shard 7");
    let producer = Producer::builder()
        .fail_if_throttled(true)
        .build(Stream::new([Answer::Records(slow)]))
        .expect("a runtime");
    let delivery = producer.put(record("one")).await.expect("accepted");
    let error = delivery.await.expect_err("throttled");
    assert_eq!(*error.kind(), FailureKind::Throttled);
    assert!(
        error.to_string().contains("Rate exceeded for shard 7"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_throttled_as_a_whole_fails_if_that_is_wanted() {
    let throttled = || Answer::Error(ClientError::throttled("ThrottlingException"));
    for (fails, tries) in [(true, 1), (false, 2)] {
        let producer = Producer::builder()
            .fail_if_throttled(fails)
            .build(Stream::new([throttled()]))
            .expect("a runtime");
        let delivery = producer.put(record("one")).await.expect("accepted");
        let attempts = match delivery.await {
            Ok(delivered) if !fails => delivered.attempts().count(),
            Err(error) if fails => {
                assert_eq!(*error.kind(), FailureKind::Throttled);
                assert!(!error.is_maybe_stored());
                error.attempts().count()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(attempts, tries);
    }
}

/// Nor do missing credentials.
#[tokio::test(start_paused = true)]
async fn a_denial_says_nothing_about_the_streams_strategy() {
    for error in [denied(), ClientError::fatal("NoCredentials")] {
        let stream = Stream::service_managed();
        let code = error.code().to_owned();
        let producer = Producer::builder()
            .build(stream.clone())
            .expect("a runtime");
        let put = || producer.put(UserRecord::without_partition_key("raw"));
        put().await.expect("accepted").await.expect("delivered");
        stream.answer(Answer::Error(error));
        let failed = put().await.expect("accepted").await.expect_err("denied");
        assert_eq!(*failed.kind(), FailureKind::Request { code: code.into() });
        put().await.expect("accepted").await.expect("delivered");
        let state = stream.state.lock().expect("no panic");
        let keys = state.stored.iter().map(|record| record.partition_key());
        assert_eq!(keys.collect::<Vec<_>>(), [None, None]);
    }
}

/// In the moment after it, and later.
#[tokio::test(start_paused = true)]
async fn a_flush_with_nothing_to_send_leaves_the_next_record_its_company() {
    for wait in [false, true] {
        let stream = Stream::new([]);
        let producer = Producer::builder()
            .aggregation_enabled(false)
            .build(stream.clone())
            .expect("a runtime");
        producer
            .put(record("zero"))
            .await
            .expect("accepted")
            .await
            .expect("delivered");
        let mut flush = Box::pin(producer.flush());
        if wait {
            flush.as_mut().await.expect("in time");
        } else {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(flush.as_mut().poll(&mut context).is_pending());
        }
        let one = producer.try_put(record("one")).expect("room");
        tokio::time::sleep(Duration::from_millis(50)).await;
        let two = producer.try_put(record("two")).expect("room");
        one.await.expect("delivered");
        two.await.expect("delivered");
        let requests = stream.state.lock().expect("no panic").requests;
        assert_eq!(requests, 2, "waited: {wait}");
    }
}

#[tokio::test(start_paused = true)]
async fn pending_and_metrics_are_current() {
    let stream = Stream::new([Answer::Gate]);
    let producer = Producer::builder()
        .build(stream.clone())
        .expect("a runtime");
    let counted = |name: &str| {
        let metrics = producer.metrics();
        let mut counters = metrics.counters();
        counters.find(|(known, _)| *known == name).expect("known").1
    };
    let mut deliveries = Vec::new();
    for number in 1..=3 {
        deliveries.push(producer.try_put(record("one")).expect("room"));
        assert_eq!(producer.pending(), number);
        assert_eq!(counted("UserRecordsReceived"), number);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        (
            producer.pending(),
            producer.metrics().user_records_pending()
        ),
        (3, 3)
    );
    stream.gate.add_permits(1);
    deliveries.remove(0).await.expect("delivered");
    assert_eq!(
        (
            producer.pending(),
            producer.metrics().user_records_pending()
        ),
        (0, 0)
    );
    assert_eq!(counted("UserRecordsPut"), 3);
}

#[tokio::test(start_paused = true)]
async fn the_hook_hears_every_outcome_before_the_delivery_and_may_panic() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&heard);
    let hook = move |outcome: &kinesis_aggregation_producer::Outcome| {
        noted.lock().expect("no poison").push(outcome.is_ok());
        if outcome.is_err() {
            std::panic::resume_unwind(Box::new("quietly"));
        }
    };
    let producer = Producer::builder()
        .on_outcome(hook)
        .build(Stream::new([Answer::Error(denied())]))
        .expect("a runtime");
    let delivery = producer.put(record("one")).await.expect("accepted");
    delivery.await.expect_err("denied");
    assert_eq!(*heard.lock().expect("no poison"), [false]);
    drop(producer.put(record("two")).await.expect("accepted"));
    producer.flush().await.expect("in time");
    assert_eq!(*heard.lock().expect("no poison"), [false, true]);
}
