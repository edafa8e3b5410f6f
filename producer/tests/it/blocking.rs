//! The blocking form, and waiting without async.

use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use kinesis_aggregation_producer::{
    BlockingProducer, Delivery, FailureKind, Producer, ProducerConfigError, PutErrorKind, WaitError,
};

use super::stream::{Answer, Stream, narrow, record};

#[test]
fn the_blocking_form_works_outside_a_runtime() {
    let stream = Stream::new([]);
    let builder = narrow().record_max_buffered_time(Duration::ZERO);
    let producer = builder.build_blocking(stream.clone()).expect("a thread");
    for number in 0..300 {
        drop(producer.put(record(&number.to_string())).expect("accepted"));
    }
    let mut last = producer.put(record("last")).expect("accepted");
    last.wait().expect("elsewhere").expect("delivered");
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

/// A record under way on a stream that does not answer, on this runtime.
fn stuck() -> (Producer, Delivery) {
    let builder = Producer::builder().record_max_buffered_time(Duration::ZERO);
    let producer = builder
        .build(Stream::new([Answer::Never]))
        .expect("a runtime");
    let delivery = producer.try_put(record("one")).expect("room");
    (producer, delivery)
}

#[tokio::test]
async fn waiting_on_the_producers_own_runtime_is_refused() {
    let (_producer, mut delivery) = stuck();
    let refused = Some(WaitError::OnItsRuntime);
    assert_eq!(delivery.wait().err(), refused);
    assert_eq!(delivery.wait_within(Duration::from_secs(9)).err(), refused);
    assert!(delivery.try_wait().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_on_a_worker_is_refused_but_not_on_a_thread_for_blocking() {
    let (_producer, mut delivery) = stuck();
    let on_worker = tokio::spawn(async move {
        let refused = delivery.wait().err();
        (refused, delivery)
    });
    let (refused, mut delivery) = on_worker.await.expect("no panic");
    assert_eq!(refused, Some(WaitError::OnItsRuntime));
    let soon = Duration::from_millis(20);
    let blocking = tokio::task::spawn_blocking(move || delivery.wait_within(soon).err());
    assert_eq!(blocking.await.expect("no panic"), Some(WaitError::TimedOut));
}

#[test]
fn waiting_has_limits() {
    let builder = narrow()
        .record_max_buffered_time(Duration::ZERO)
        .request_timeout(Duration::from_secs(3600));
    let stream = Stream::new([Answer::Gate]);
    let producer = builder.build_blocking(stream.clone()).expect("a thread");
    let soon = Duration::from_millis(20);
    let mut delivery = producer.put_within(record("one"), soon).expect("room");
    let error = producer
        .put_within(record("two"), soon)
        .expect_err("no room");
    assert_eq!(error.kind(), PutErrorKind::NoRoom);
    assert_eq!(error.into_record(), record("two"));
    assert_eq!(producer.flush_within(soon), Err(WaitError::TimedOut));
    assert_eq!(delivery.wait_within(soon).err(), Some(WaitError::TimedOut));
    assert!(delivery.try_wait().is_none());
    assert_eq!(producer.pending(), 1);
    stream.gate.add_permits(1);
    assert_eq!(producer.flush_within(Duration::from_secs(60)), Ok(()));
    delivery.try_wait().expect("resolved").expect("delivered");
}

#[test]
fn closing_without_async_gives_back_what_is_not_resolved() {
    let builder = narrow().record_max_buffered_time(Duration::ZERO);
    let producer = builder
        .build_blocking(Stream::new([Answer::Never]))
        .expect("a thread");
    drop(producer.put(record("one")).expect("room"));
    let given_up = producer
        .close_within(Duration::from_millis(20))
        .expect("alive");
    assert_eq!(given_up.len(), 1);
    assert_eq!(*given_up[0].kind(), FailureKind::GivenUp);
    producer.close().expect("it is closed");
}

/// What is called on the producer's own thread may not wait there.
#[test]
fn the_hook_of_a_blocking_producer_cannot_make_it_wait_for_itself() {
    let handle: Arc<OnceLock<BlockingProducer>> = Arc::default();
    let (sender, heard) = mpsc::channel();
    let inside = Arc::clone(&handle);
    let builder = narrow().on_outcome(move |_| {
        let producer = inside.get().expect("built");
        sender.send(producer.flush()).expect("heard");
    });
    let producer = builder.build_blocking(Stream::new([])).expect("a thread");
    handle.set(producer.clone()).expect("once");
    drop(producer.put(record("one")).expect("accepted"));
    let heard = heard
        .recv_timeout(Duration::from_secs(60))
        .expect("in time");
    assert_eq!(heard, Err(WaitError::OnItsRuntime));
    producer.close().expect("in time");
}

/// In a process of its own, which is then left no memory for a thread's stack.
#[cfg(target_os = "linux")]
#[test]
fn a_thread_that_cannot_be_had_is_an_error_and_no_panic() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const INSIDE: &str = "KINESIS_PRODUCER_NO_THREADS";
    if std::env::var_os(INSIDE).is_none() {
        let name = "blocking::a_thread_that_cannot_be_had_is_an_error_and_no_panic";
        let inside = std::process::Command::new(std::env::current_exe().expect("this"))
            .args(["--exact", name, "--nocapture"])
            .env(INSIDE, "1")
            .output()
            .expect("a process");
        let told = String::from_utf8_lossy(&inside.stderr);
        assert!(inside.status.success(), "{told}");
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = pages
        .split(' ')
        .next()
        .expect("a size")
        .parse()
        .expect("a number");
    let used = pages * 4096;
    runtime.block_on(async {
        let builder = narrow();
        let stream = Stream::new([]);
        let limit = Rlimit {
            current: Some(used + 1_500_000),
            maximum: getrlimit(Resource::As).maximum,
        };
        setrlimit(Resource::As, limit).expect("lower");
        let built = builder.build_blocking(stream);
        assert_eq!(built.err(), Some(ProducerConfigError::NoRuntime));
    });
}
