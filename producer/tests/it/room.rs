//! Room for user records: who gets it, and when it is free again.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use kinesis_aggregation::UserRecord;
use kinesis_aggregation_producer::test_util::MemoryStream;
use kinesis_aggregation_producer::{
    Delivery, Producer, ProducerBuilder, PutError, PutErrorKind, RecordError,
};
use tokio::time::Instant;

use super::stream::{Answer, Stream, narrow, record};

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
async fn a_put_that_is_dropped_while_it_waits_leaves_its_room_to_others() {
    let stream = Stream::new([Answer::Gate]);
    let producer = narrow().build(stream.clone()).expect("a runtime");
    let one = producer.put(record("one")).await.expect("accepted");
    {
        let two = producer.put(record("two"));
        let soon = Duration::from_millis(10);
        tokio::time::timeout(soon, two).await.expect_err("no room");
    }
    let error = producer.try_put(record("three")).expect_err("no room");
    assert_eq!(error.kind(), PutErrorKind::NoRoom);
    stream.gate.add_permits(1);
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

/// Whichever is polled first.
#[tokio::test(start_paused = true)]
async fn when_room_for_several_comes_free_at_once_those_who_wait_longer_go_first() {
    const COUNT: usize = 10;
    let stream = Stream::new([Answer::Gate]);
    let builder = Producer::builder().max_pending_records(COUNT);
    let producer = builder.build(stream.clone()).expect("a runtime");
    for _ in 0..COUNT {
        drop(producer.try_put(record("first")).expect("room"));
    }
    let put = |number: usize| producer.put(record(&number.to_string()));
    let mut puts: Vec<_> = (0..COUNT)
        .map(|number| Some(Box::pin(put(number))))
        .collect();
    let mut context = Context::from_waker(Waker::noop());
    for put in puts.iter_mut().flatten() {
        assert!(put.as_mut().poll(&mut context).is_pending());
    }
    stream.gate.add_permits(1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    while puts.iter().any(Option::is_some) {
        for slot in puts.iter_mut().rev() {
            let Some(put) = slot else { continue };
            if let Poll::Ready(delivery) = put.as_mut().poll(&mut context) {
                drop(delivery.expect("accepted"));
                *slot = None;
            }
        }
    }
    producer.close().await.expect("in time");
    let expected: Vec<_> = (0..COUNT).map(|number| number.to_string()).collect();
    assert_eq!(stream.read()[COUNT..], expected);
}

/// Puts them in turn, and one more, where nothing but want of room makes anything go.
async fn put_all(builder: ProducerBuilder, records: Vec<UserRecord>) {
    let builder = builder
        .record_ttl(Duration::from_secs(9000))
        .record_max_buffered_time(Duration::from_secs(3600));
    let producer = builder.build(Stream::new([])).expect("a runtime");
    let start = Instant::now();
    for record in records {
        drop(producer.put(record).await.expect("accepted"));
    }
    // The last one has company to wait for again.
    let last = producer.put(record("last")).await.expect("accepted");
    let took = start.elapsed();
    assert!(took < Duration::from_millis(100), "{took:?}");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(producer.pending(), 1);
    producer.close().await.expect("in time");
    last.await.expect("delivered");
}

#[tokio::test(start_paused = true)]
async fn a_put_that_waits_for_room_makes_what_is_held_go_at_once() {
    let records = (0..5).map(|number| record(&number.to_string()));
    put_all(narrow(), records.collect()).await;
    // Of bytes there are some left, but not enough.
    let builder = Producer::builder().max_pending_bytes(1024 * 1024 + 256);
    let small_and_large = [200, 900].repeat(5).into_iter();
    let records = small_and_large.map(|size| UserRecord::new("key", vec![0; size * 1024]));
    put_all(builder.rate_limit(None), records.collect()).await;
}

#[tokio::test(start_paused = true)]
async fn while_a_put_waits_for_room_none_is_taken_past_it() {
    let stream = Stream::new([Answer::Gate]);
    let builder = Producer::builder().max_pending_bytes(1024 * 1024 + 256);
    let producer = builder.build(stream.clone()).expect("a runtime");
    let half = || UserRecord::new("key", vec![0; 512 * 1024]);
    let one = producer.put(half()).await.expect("accepted");
    let mut large = Box::pin(producer.put(UserRecord::new("key", vec![0; 700 * 1024])));
    let mut context = Context::from_waker(Waker::noop());
    assert!(large.as_mut().poll(&mut context).is_pending());
    let error = producer
        .try_put(record("small"))
        .expect_err("another waits");
    assert_eq!(error.kind(), PutErrorKind::NoRoom);
    stream.gate.add_permits(1);
    one.await.expect("delivered");
    large.await.expect("accepted").await.expect("delivered");
    producer
        .try_put(record("small"))
        .expect("room")
        .await
        .expect("delivered");
}

#[tokio::test(start_paused = true)]
async fn producers_that_share_have_room_and_connections_together() {
    let stream = Stream::new([Answer::Gate, Answer::Gate]);
    let builder = Producer::builder()
        .max_connections(1)
        .max_pending_records(2);
    let one = builder.build(stream.clone()).expect("a runtime");
    // Its own settings do not matter.
    let two = Producer::builder().sharing(&one);
    let two = two.build(stream.clone()).expect("a runtime");
    let first = one.put(record("first")).await.expect("accepted");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let second = two.put(record("second")).await.expect("accepted");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let left = |stream: &Stream| stream.state.lock().expect("no panic").answers.len();
    assert_eq!(
        left(&stream),
        1,
        "the second request waits for the connection"
    );
    let error = two.try_put(record("third")).expect_err("no room");
    assert_eq!(error.kind(), PutErrorKind::NoRoom);
    stream.gate.add_permits(1);
    first.await.expect("delivered");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(left(&stream), 0, "the connection is free");
    let third = one.try_put(record("third")).expect("room");
    stream.gate.add_permits(1);
    second.await.expect("delivered");
    third.await.expect("delivered");
    // Closing one leaves the other its share.
    one.close().await.expect("in time");
    let fourth = two.put(record("fourth")).await.expect("accepted");
    fourth.await.expect("delivered");
}

/// A producer whose shard takes nothing, with more waiting for it than it can take in time, and
/// callers that put all the same.
async fn slow() -> (Producer, tokio::task::JoinSet<()>) {
    let throttled = || RecordError::new(RecordError::THROTTLED, "slow down");
    let stream = Stream::new((0..10_000).map(|_| Answer::Records(throttled())));
    let builder = Producer::builder().rate_limit(None);
    let producer = builder.build(stream).expect("a runtime");
    let large = || UserRecord::new("key", vec![0; 64 * 1024]);
    let mut puts = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let producer = producer.clone();
        puts.spawn(async move {
            while let Ok(accepted) = producer.put(large()).await {
                drop(accepted);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    let pending = producer.pending();
    assert!(pending < 100, "they wait: {pending}");
    (producer, puts)
}

#[tokio::test(start_paused = true)]
async fn a_slow_stream_holds_up_no_other_that_shares_its_room() {
    let (slow, _puts) = slow().await;
    let stream = Stream::new([]);
    let other = Producer::builder().sharing(&slow);
    let other = other.build(stream.clone()).expect("a runtime");
    for number in 0..100 {
        let put = other.put(record(&number.to_string()));
        let put = tokio::time::timeout(Duration::from_millis(1), put).await;
        let delivery = put.expect("at once").expect("accepted");
        delivery.await.expect("delivered");
    }
}

/// They wait for the stream, which many small aggregates would only slow.
#[tokio::test(start_paused = true)]
async fn puts_that_do_not_wait_for_room_make_nothing_go_sooner() {
    let (slow, _puts) = slow().await;
    let hour = Duration::from_secs(3600);
    let stream = Stream::new([]);
    let other = Producer::builder()
        .sharing(&slow)
        .record_max_buffered_time(hour)
        .record_ttl(hour * 2);
    let other = other.build(stream.clone()).expect("a runtime");
    let held = other.try_put(record("held")).expect("room");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(stream.read(), [""; 0], "it waits for company");
    drop(held);
}

/// A load that always wants room, from one caller or from many, and the Kinesis records that it makes.
async fn kinesis_records_of(callers: usize, shards: u32, builder: ProducerBuilder) -> usize {
    const EACH: usize = 20_000;
    let stream = MemoryStream::new(shards);
    let builder = builder.max_pending_records(1000 * shards as usize);
    let producer = builder.build(stream.clone()).expect("a runtime");
    let mut puts = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let producer = producer.clone();
        puts.spawn(async move {
            for number in 0..EACH / callers {
                let key = format!("{:03}", number % 1000);
                let put = producer.put(UserRecord::new(key, vec![0; 200]));
                drop(put.await.expect("accepted"));
            }
        });
    }
    while let Some(put) = puts.join_next().await {
        put.expect("no panic");
    }
    producer.close().await.expect("in time");
    stream.stored().len()
}

/// Full aggregates hold 242 of these user records.
#[tokio::test(start_paused = true)]
async fn room_that_an_answer_frees_is_not_lacking_so_open_aggregates_stay_open() {
    for callers in [1, 10, 100] {
        let count = kinesis_records_of(callers, 1, Producer::builder().rate_limit(None)).await;
        assert!(count <= 85, "{callers} callers: {count}");
    }
}

/// Nothing is under way most of the time, but an open aggregate would only wait behind those that the
/// limiter keeps.
#[tokio::test(start_paused = true)]
async fn while_the_limiter_keeps_closed_aggregates_open_ones_stay_open() {
    for (callers, shards) in [(1, 1), (10, 1), (100, 1), (1, 4), (100, 4)] {
        let builder = Producer::builder()
            .rate_limit(Some(100))
            .record_max_buffered_time(Duration::from_secs(60))
            .record_ttl(Duration::from_secs(3600));
        let count = kinesis_records_of(callers, shards, builder).await;
        assert!(count <= 90, "{callers} callers, {shards} shards: {count}");
    }
}
