//! How a producer ends.

use std::time::Duration;

use kinesis_aggregation_producer::{FailureKind, Producer, ProducerConfigError, PutErrorKind};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::stream::{Answer, Stream, narrow, record};

#[tokio::test(start_paused = true)]
async fn closing_gives_those_who_wait_their_records_back() {
    let stream = Stream::new([Answer::Gate]);
    let producer = narrow().build(stream.clone()).expect("a runtime");
    let one = producer.put(record("one")).await.expect("accepted");
    let waiting = {
        let producer = producer.clone();
        tokio::spawn(async move { producer.put(record("two")).await })
    };
    tokio::task::yield_now().await;
    let closing = {
        let producer = producer.clone();
        tokio::spawn(async move { producer.close().await })
    };
    let error = waiting.await.expect("no panic").expect_err("closed");
    assert_eq!(error.kind(), PutErrorKind::Closed);
    assert_eq!(error.into_record(), record("two"));
    assert!(!closing.is_finished());
    stream.gate.add_permits(1);
    closing.await.expect("no panic").expect("in time");
    one.await.expect("delivered");
    let error = producer.put(record("three")).await.expect_err("closed");
    assert_eq!(error.kind(), PutErrorKind::Closed);
    producer.close().await.expect("again is no error");
    producer.flush().await.expect("nothing is left");
}

/// Where the stream keeps no order, a caller that waits until it does would wait for ever.
#[tokio::test(start_paused = true)]
async fn once_it_is_closed_it_says_that_and_not_what_else_is_wrong_with_a_record() {
    let builder = Producer::builder().ordered(true);
    let stream = Stream::service_managed();
    let producer = builder.build(stream).expect("a runtime");
    let one = producer.put(record("one")).await.expect("accepted");
    let error = one.await.expect_err("no order there");
    assert_eq!(*error.kind(), FailureKind::NoOrder);
    producer.close().await.expect("in time");
    let error = producer.put(record("two")).await.expect_err("closed");
    assert_eq!(error.kind(), PutErrorKind::Closed);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_drains() {
    let stream = Stream::new([]);
    let producer = Producer::builder()
        .build(stream.clone())
        .expect("a runtime");
    let other = producer.clone();
    let delivery = producer.put(record("one")).await.expect("accepted");
    drop(other.put(record("two")).await.expect("accepted"));
    drop((producer, other));
    delivery.await.expect("delivered");
    assert_eq!(stream.read(), ["one", "two"]);
}

#[test]
fn without_its_runtime_all_resolve_as_aborted() {
    let stream = Stream::new([Answer::Never]);
    let runtime = Runtime::new().expect("a runtime");
    let guard = runtime.enter();
    let builder = narrow().record_max_buffered_time(Duration::ZERO);
    let producer = builder.build(stream).expect("a runtime");
    drop(guard);
    let (mut under_way, waiting) = runtime.block_on(async {
        let under_way = producer.put(record("one")).await.expect("accepted");
        let producer = producer.clone();
        let waiting = tokio::spawn(async move { producer.put(record("two")).await });
        tokio::task::yield_now().await;
        (under_way, waiting)
    });
    runtime.shutdown_background();
    let error = under_way.wait().expect("no runtime").expect_err("aborted");
    assert_eq!(*error.kind(), FailureKind::Aborted);
    assert_eq!(error.into_record(), Some(record("one")));
    drop(waiting);
    let other = Runtime::new().expect("a runtime");
    other.block_on(async {
        let error = producer.put(record("three")).await.expect_err("aborted");
        assert_eq!(error.kind(), PutErrorKind::Aborted);
        producer.flush().await.expect_err("aborted");
        producer.close().await.expect_err("aborted");
    });
}

#[test]
fn what_was_put_into_a_runtime_that_never_ran_comes_back_as_aborted() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let guard = runtime.enter();
    let producer = narrow().build(Stream::new([])).expect("a runtime");
    drop(guard);
    let mut delivery = producer.try_put(record("one")).expect("room");
    drop(runtime);
    let error = delivery.wait().expect("no runtime").expect_err("aborted");
    assert_eq!(*error.kind(), FailureKind::Aborted);
    assert!(!error.is_maybe_stored());
    assert_eq!(error.into_record(), Some(record("one")));
}

#[test]
fn building_outside_a_runtime_is_an_error() {
    let error = Producer::builder()
        .build(Stream::new([]))
        .expect_err("none");
    assert_eq!(error, ProducerConfigError::NoRuntime);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_resolved_within_the_limit_comes_back() {
    let stream = Stream::new([Answer::Never]);
    let builder = Producer::builder().max_connections(1);
    let producer = builder.build(stream).expect("a runtime");
    let under_way = producer.put(record("one")).await.expect("accepted");
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(producer.put(record("two")).await.expect("accepted"));
    let flushing = producer.clone();
    let flushing = tokio::spawn(async move { flushing.flush().await });
    tokio::task::yield_now().await;
    let start = Instant::now();
    let limit = Duration::from_secs(2);
    let given_up = producer.close_within(limit).await.expect("alive");
    flushing.await.expect("no panic").expect("all is resolved");
    assert_eq!(start.elapsed().as_secs(), 2);
    let told: Vec<_> = given_up
        .iter()
        .map(|error| {
            (
                error.kind().clone(),
                error.record(),
                error.is_maybe_stored(),
            )
        })
        .collect();
    let (one, two) = (record("one"), record("two"));
    assert_eq!(
        told,
        [
            (FailureKind::GivenUp, Some(&one), true),
            (FailureKind::GivenUp, Some(&two), false)
        ]
    );
    let error = under_way.await.expect_err("given up");
    assert_eq!(*error.kind(), FailureKind::GivenUp);
    assert_eq!(error.into_record(), Some(one));
    assert_eq!(producer.pending(), 0);
    producer.close().await.expect("it is closed");
    let again = producer.close_within(limit).await.expect("it is closed");
    assert!(again.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_resolved_within_the_limit_does_not_come_back() {
    let stream = Stream::new([]);
    let producer = Producer::builder()
        .build(stream.clone())
        .expect("a runtime");
    let delivery = producer.put(record("one")).await.expect("accepted");
    let given_up = producer.close_within(Duration::from_secs(5)).await;
    assert!(given_up.expect("alive").is_empty());
    delivery.await.expect("delivered");
    assert_eq!(stream.read(), ["one"]);
}
