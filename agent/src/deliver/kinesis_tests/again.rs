//! Records that are refused: left out or put again, until the producer ends.

use std::sync::Arc;
use std::time::Duration;

use kinesis_aggregation::wire;
use kinesis_aggregation_producer::test_util::{Fault, MemoryStream};
use kinesis_aggregation_producer::{ClientError, RecordDistribution};

use super::{Logged, MINUTE, ORDERED, Outgoing, Running, ended, line, stored};

#[tokio::test(start_paused = true)]
async fn a_record_that_no_stream_takes_is_left_out_and_holds_up_no_other() {
    let stream = MemoryStream::new(1);
    let running = Running::start(ORDERED, &stream);
    let mut lines = [0, 1, 2].map(line);
    lines[1].key = Some("k".repeat(257).into());
    running.send(lines).await;
    let traffic = Arc::clone(&running.traffic);
    let (is_delivered, mut told) = running.end().await;
    told.sort_unstable();
    assert_eq!((is_delivered, told), (true, vec![0, 1, 2]));
    assert_eq!(stored(&stream), [line(0).data, line(2).data]);
    assert!(traffic.has_losses());
}

/// On a stream with service-managed distribution a consumer would take it apart.
#[tokio::test(start_paused = true)]
async fn a_record_that_the_stream_takes_no_longer_is_left_out_and_holds_up_no_other() {
    let stream = MemoryStream::new(1);
    stream.set_distribution(RecordDistribution::ServiceManaged);
    let running = Running::start("", &stream);
    let indices = wire::RecordIndices {
        partition_key: 0,
        explicit_hash_key: None,
    };
    let aggregate = wire::encode(["k"], [""; 0], [(indices, &b"data"[..])]);
    let mut lines = [0, 1].map(line);
    lines[0].data = aggregate.into();
    // Taken before it shows how the stream distributes records.
    running.send(lines).await;
    let traffic = Arc::clone(&running.traffic);
    assert_eq!(running.end().await, (true, vec![0, 1]));
    assert_eq!(stored(&stream), [line(1).data]);
    assert!(traffic.has_losses());
}

#[tokio::test(start_paused = true)]
async fn what_was_not_delivered_is_said_and_put_again() {
    let logged = Logged::default();
    let _logged = tracing::subscriber::set_default(logged.clone());
    let stream = MemoryStream::new(1);
    stream.next(Fault::Fail(ClientError::fatal("AccessDeniedException")));
    let running = Running::start(ORDERED, &stream);
    running.send([0, 1, 2].map(line)).await;
    let traffic = Arc::clone(&running.traffic);
    // What was refused comes after what was read since.
    assert_eq!(running.end().await, (true, vec![1, 2, 0]));
    assert_eq!(stored(&stream), [1, 2, 0].map(|number| line(number).data));
    assert!(!traffic.has_losses());
    assert_eq!(logged.count(tracing::Level::WARN), 1, "said once");
}

/// The next process has to send them.
#[tokio::test(start_paused = true)]
async fn lines_that_an_ended_producer_does_not_take_are_not_told_to_be_delivered() {
    for was_put_before in [false, true] {
        let stream = MemoryStream::new(1);
        let running = Running::start("", &stream);
        if was_put_before {
            stream.delete();
            running.send([0, 1].map(line)).await;
        }
        running.close_producer().await;
        if !was_put_before {
            running.send([0, 1].map(line)).await;
        }
        let traffic = Arc::clone(&running.traffic);
        assert_eq!(running.end().await, (false, vec![]), "{was_put_before}");
        assert!(!traffic.has_losses());
    }
}

/// It must not take another line to notice that the producer has ended.
#[tokio::test(start_paused = true)]
async fn a_quiet_flow_ends_with_its_producer_if_a_line_is_left() {
    let stream = MemoryStream::new(1);
    let running = Running::start("", &stream);
    stream.delete();
    running.send([0, 1].map(line)).await;
    running.close_producer().await;
    let ended = ended(running.delivery, &running.ids).await;
    assert_eq!(ended, (false, vec![]));
}

#[tokio::test(start_paused = true)]
async fn each_failure_after_a_pause_is_said_and_has_a_pause_of_its_own() {
    const TEN_SECONDS: &str = r#", "retryInitialBackoffMillis": 10000, "maxBufferAgeMillis": 1000"#;
    let logged = Logged::default();
    let _logged = tracing::subscriber::set_default(logged.clone());
    let stream = MemoryStream::new(1);
    let running = Running::start(TEN_SECONDS, &stream);
    for _ in 0..4 {
        stream.next(Fault::Fail(ClientError::fatal("AccessDeniedException")));
    }
    let started = tokio::time::Instant::now();
    for number in 0..3 {
        let lines = vec![line(number)];
        running.sender.send(lines).await.expect("is taken");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(stream.requests(), 3, "the pause is not over");
    assert_eq!(logged.count(tracing::Level::WARN), 1, "they share it");
    assert_eq!(running.end().await, (true, vec![0, 1, 2]));
    assert_eq!(stream.requests(), 5);
    assert_eq!(logged.count(tracing::Level::WARN), 2);
    let seconds = started.elapsed().as_secs();
    assert!((20..25).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn at_the_end_what_failed_does_not_wait_for_company() {
    let stream = MemoryStream::new(1);
    let running = Running::start("", &stream);
    stream.next(Fault::Fail(ClientError::fatal("AccessDeniedException")));
    let started = tokio::time::Instant::now();
    let lines = vec![line(0)];
    running.sender.send(lines).await.expect("is taken");
    assert_eq!(running.end().await, (true, vec![0]));
    let elapsed = started.elapsed();
    assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_put_again_while_another_line_is_under_way() {
    const SECONDS: &str = r#", "retryInitialBackoffMillis": 3000, "maxBufferAgeMillis": 1000"#;
    let stream = MemoryStream::new(1);
    let running = Running::start(SECONDS, &stream);
    stream.next(Fault::Fail(ClientError::fatal("AccessDeniedException")));
    stream.next(Fault::Delay(Duration::from_secs(5)));
    for number in 0..2 {
        let lines = vec![line(number)];
        running.sender.send(lines).await.expect("is taken");
        tokio::time::sleep(Duration::from_millis(1500)).await;
    }
    tokio::time::sleep(MINUTE).await;
    assert_eq!(stored(&stream), [0, 1].map(|number| line(number).data));
    assert_eq!(running.end().await, (true, vec![1, 0]));
}

/// If the agent is killed then, the next one must not send them again.
#[tokio::test(start_paused = true)]
async fn what_is_delivered_is_reported_while_what_failed_waits_for_room() {
    const SECONDS: &str = r#", "retryInitialBackoffMillis": 2000"#;
    let stream = MemoryStream::new(1);
    let running = Running::start(SECONDS, &stream);
    for fault in [
        Fault::Fail(ClientError::fatal("AccessDeniedException")),
        Fault::Fail(ClientError::fatal("AccessDeniedException")),
        Fault::Delay(Duration::from_secs(3)),
        Fault::Delay(Duration::from_secs(5)),
        Fault::Delay(Duration::from_secs(5)),
    ] {
        stream.next(fault);
    }
    // There is room for two of them.
    let large = |number| Outgoing {
        data: vec![b'x'; 400 << 10].into(),
        ..line(number)
    };
    for numbers in [[0, 1], [2, 3]] {
        let lines = numbers.map(large).into();
        running.sender.send(lines).await.expect("is taken");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // One of the first two has taken the room of the third, and the other waits for that of the fourth.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let told: Vec<_> = running.ids.try_iter().flatten().collect();
    assert_eq!(told, [line(2).id]);
    let (is_delivered, mut told) = running.end().await;
    told.sort_unstable();
    assert_eq!((is_delivered, told), (true, vec![0, 1, 3]));
}
