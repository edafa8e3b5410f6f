//! The handle and its task, on tokio's paused clock.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use kinesis_aggregation::{HashKeyRange, KinesisRecord, Shard, UserRecord, deaggregate};
use kinesis_aggregation_producer::{
    ClientError, Delivery, FailureKind, Producer, ProducerBuilder, ProducerConfigError, PutError,
    PutErrorKind, RecordDistribution, RecordError, Stored, StreamClient, StreamDescription,
};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// What a request is answered with, if not that all is stored.
enum Answer {
    Never,
    Panic,
    /// When there is a permit.
    Gate,
}

#[derive(Default)]
struct State {
    stored: Vec<KinesisRecord>,
    answers: VecDeque<Answer>,
    service_managed: bool,
    /// How long it takes to list the shards and to describe the stream, each.
    slow: Duration,
}

/// A stream of one shard.
#[derive(Clone)]
struct Stream {
    state: Arc<Mutex<State>>,
    gate: Arc<Semaphore>,
}

impl Stream {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let state = State {
            answers: answers.into_iter().collect(),
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            gate: Arc::new(Semaphore::new(0)),
        }
    }

    fn service_managed() -> Self {
        let stream = Self::new([]);
        stream.state.lock().expect("no panic").service_managed = true;
        stream
    }

    async fn pause(&self) {
        let slow = self.state.lock().expect("no panic").slow;
        tokio::time::sleep(slow).await;
    }

    /// The data of all user records that it stores.
    fn read(&self) -> Vec<String> {
        let state = self.state.lock().expect("no panic");
        let mut all = Vec::new();
        for record in &state.stored {
            for read in &deaggregate(record.partition_key(), record.data()) {
                let read = read.expect("no loss");
                all.push(String::from_utf8_lossy(read.data()).into_owned());
            }
        }
        all
    }
}

impl StreamClient for Stream {
    async fn put_records(
        &self,
        records: Vec<KinesisRecord>,
    ) -> Result<Vec<Result<Stored, RecordError>>, ClientError> {
        let answer = self.state.lock().expect("no panic").answers.pop_front();
        match answer {
            Some(Answer::Never) => pending().await,
            Some(Answer::Panic) => panic!("this client breaks, as it should"),
            Some(Answer::Gate) => self.gate.acquire().await.expect("open").forget(),
            None => {}
        }
        let mut state = self.state.lock().expect("no panic");
        let mut results = Vec::new();
        for record in records {
            state.stored.push(record);
            let sequence_number = state.stored.len().to_string();
            results.push(Ok(Stored::new("shardId-000000000000", sequence_number)));
        }
        Ok(results)
    }

    async fn list_shards(&self) -> Result<Vec<Shard>, ClientError> {
        self.pause().await;
        Ok(vec![Shard::open(
            "shardId-000000000000",
            HashKeyRange::FULL,
        )])
    }

    async fn describe(&self) -> Result<Option<StreamDescription>, ClientError> {
        self.pause().await;
        let service_managed = self.state.lock().expect("no panic").service_managed;
        let distribution = if service_managed {
            RecordDistribution::ServiceManaged
        } else {
            RecordDistribution::ByKey
        };
        Ok(Some(StreamDescription::new(distribution)))
    }
}

fn record(data: &str) -> UserRecord {
    UserRecord::new("key", data.to_owned())
}

/// Room for one user record.
fn narrow() -> ProducerBuilder {
    Producer::builder().max_pending_records(1)
}

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

/// Puts the next user record in the very moment in which the Delivery resolves.
struct PutsWhenWoken(Producer, Mutex<Option<Result<Delivery, PutError>>>);

impl Wake for PutsWhenWoken {
    fn wake(self: Arc<Self>) {
        *self.1.lock().expect("no panic") = Some(self.0.try_put(record("two")));
    }
}

#[tokio::test(start_paused = true)]
async fn room_is_free_when_the_delivery_resolves() {
    let stream = Stream::new([]);
    let producer = narrow().build(stream.clone()).expect("a runtime");
    let mut one = Box::pin(producer.put(record("one")).await.expect("accepted"));
    let woken = Arc::new(PutsWhenWoken(producer.clone(), Mutex::default()));
    let waker = Waker::from(woken.clone());
    assert!(
        one.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    let two = woken.1.lock().expect("no panic").take().expect("woken");
    two.expect("room").await.expect("delivered");
    assert_eq!(stream.read(), ["one", "two"]);
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
    let start = Instant::now();
    let delivery = producer.put(record("one")).await.expect("accepted");
    producer.flush().await.expect("in time");
    assert!(start.elapsed() < Duration::from_millis(50));
    assert_eq!(stream.read(), ["one"]);
    delivery.await.expect("delivered");
}

#[tokio::test(start_paused = true)]
async fn a_put_that_is_dropped_while_it_waits_leaves_its_room_to_others() {
    let stream = Stream::new([]);
    let producer = narrow().build(stream.clone()).expect("a runtime");
    let one = producer.put(record("one")).await.expect("accepted");
    {
        let two = producer.put(record("two"));
        let soon = Duration::from_millis(10);
        tokio::time::timeout(soon, two).await.expect_err("no room");
    }
    let error = producer.try_put(record("three")).expect_err("no room");
    assert_eq!(error.kind(), PutErrorKind::NoRoom);
    let three = producer.put(error.into_record()).await.expect("accepted");
    one.await.expect("delivered");
    three.await.expect("delivered");
    producer.close().await.expect("in time");
    assert_eq!(stream.read(), ["one", "three"]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_longer_comes_first() {
    let stream = Stream::new([]);
    let producer = narrow().build(stream.clone()).expect("a runtime");
    let mut puts = tokio::task::JoinSet::new();
    for number in 0..20 {
        let producer = producer.clone();
        puts.spawn(async move { producer.put(record(&number.to_string())).await.map(drop) });
        tokio::task::yield_now().await;
    }
    while let Some(put) = puts.join_next().await {
        put.expect("no panic").expect("accepted");
    }
    producer.close().await.expect("in time");
    let expected: Vec<_> = (0..20).map(|number: i32| number.to_string()).collect();
    assert_eq!(stream.read(), expected);
}

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
    let (under_way, waiting) = runtime.block_on(async {
        let under_way = producer.put(record("one")).await.expect("accepted");
        let producer = producer.clone();
        let waiting = tokio::spawn(async move { producer.put(record("two")).await });
        tokio::task::yield_now().await;
        (under_way, waiting)
    });
    runtime.shutdown_background();
    let error = under_way.wait().expect_err("aborted");
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
    let delivery = producer.try_put(record("one")).expect("room");
    drop(runtime);
    let error = delivery.wait().expect_err("aborted");
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
async fn a_request_without_an_answer_is_sent_again() {
    let stream = Stream::new([Answer::Never, Answer::Panic]);
    let producer = Producer::builder().build(stream).expect("a runtime");
    let delivery = producer.put(record("one")).await.expect("accepted");
    let delivered = delivery.await.expect("delivered");
    let attempts: Vec<_> = delivered.attempts().collect();
    let errors: Vec<_> = attempts.iter().map(|attempt| attempt.error()).collect();
    assert_eq!(errors, [Some("Timeout"), Some("Panic"), None]);
    let took = attempts[0].ended() - attempts[0].started();
    assert!(took >= Duration::from_secs(6), "{took:?}");
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
    tokio::time::sleep(Duration::from_millis(10)).await;
    let error = ordered
        .put(record("one"))
        .await
        .expect_err("no order there");
    assert_eq!(error.kind(), PutErrorKind::NoOrder);
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
    assert_eq!(state.stored[0].partition_key(), None);
    assert_eq!(&state.stored[0].data()[..], b"raw");
}

#[test]
fn the_blocking_form_works_outside_a_runtime() {
    let stream = Stream::new([]);
    let builder = narrow().record_max_buffered_time(Duration::ZERO);
    let producer = builder.build_blocking(stream.clone()).expect("a thread");
    for number in 0..300 {
        drop(producer.put(record(&number.to_string())).expect("accepted"));
    }
    let last = producer.put(record("last")).expect("accepted");
    last.wait().expect("delivered");
    producer.close().expect("in time");
    assert_eq!(stream.read().len(), 301);
}

#[tokio::test]
async fn the_blocking_form_works_inside_a_runtime() {
    let stream = Stream::new([]);
    let builder = narrow().record_max_buffered_time(Duration::ZERO);
    let producer = builder.build_blocking(stream.clone()).expect("a thread");
    // More than a task's budget.
    for number in 0..300 {
        drop(producer.put(record(&number.to_string())).expect("accepted"));
    }
    producer.flush().expect("in time");
    producer.close().expect("in time");
    assert_eq!(stream.read().len(), 300);
}

#[tokio::test(start_paused = true)]
async fn what_can_never_be_stored_is_refused_at_once() {
    let producer = Producer::builder()
        .build(Stream::new([]))
        .expect("a runtime");
    let large = UserRecord::new("key", vec![0; 1024 * 1024]);
    let error = producer.put(large).await.expect_err("too large");
    assert!(matches!(error.kind(), PutErrorKind::Refused(_)));
    assert_eq!(error.into_record().data().len(), 1024 * 1024);
}
