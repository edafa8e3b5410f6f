//! The exporter over the real SDK, whose HTTP client is a stub.

use std::sync::{Arc, Mutex};

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::{BehaviorVersion, Config, Credentials, Region};
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_types::body::SdkBody;
use kinesis_aggregation::UserRecord;
use kinesis_aggregation_embedded::Kinesis;
use kinesis_aggregation_producer::cloudwatch::CloudWatch;
use kinesis_aggregation_producer::{MetricsRecorder, Producer};

use crate::client::{STREAM, kinesis};

/// A client that notes each request's body, and gets the given statuses, then 200.
fn client(statuses: &[u16]) -> (Client, Arc<Mutex<Vec<String>>>) {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&bodies);
    let statuses = Mutex::new(statuses.to_vec());
    let http = infallible_client_fn(move |request: axum::http::Request<SdkBody>| {
        let body = request.body().bytes().expect("in memory");
        let text = String::from_utf8_lossy(body).into_owned();
        noted.lock().expect("no panic").push(text);
        let mut statuses = statuses.lock().expect("no panic");
        let status = if statuses.is_empty() {
            200
        } else {
            statuses.remove(0)
        };
        let answer = axum::http::Response::builder().status(status);
        answer.body(SdkBody::empty()).expect("an answer")
    });
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::for_tests())
        .disable_request_compression(true)
        .retry_config(aws_sdk_cloudwatch::config::retry::RetryConfig::disabled())
        .http_client(http);
    (Client::from_conf(config.build()), bodies)
}

/// Puts a hundred user records.
async fn put(recorder: &MetricsRecorder) -> Kinesis {
    let (kinesis, stream) = kinesis(2).await;
    let builder = Producer::builder().stream_name(STREAM).recorder(recorder);
    let producer = builder.build(stream).expect("a runtime");
    for number in 0..100 {
        let record = UserRecord::new(format!("secret {number}"), "secret");
        drop(producer.put(record).await.expect("accepted"));
    }
    producer.close().await.expect("in time");
    kinesis
}

#[tokio::test]
async fn the_last_interval_is_uploaded_when_it_is_closed() {
    let (client, bodies) = client(&[]);
    let recorder = MetricsRecorder::new();
    let upload = CloudWatch::new(client).start(&recorder).expect("a runtime");
    let _kinesis = put(&recorder).await;
    let uploads = upload.close().await;
    assert!(uploads.uploaded() > 20, "{uploads:?}");
    assert_eq!((uploads.failed_requests(), uploads.dropped()), (0, 0));
    let bodies = bodies.lock().expect("no panic");
    assert_eq!(bodies.len(), 1);
    let texts = [
        "KinesisProducerLibrary",
        "UserRecordsPut",
        "BufferingTime",
        "Milliseconds",
        "StreamName",
        "ShardId",
        "shardId-000000000001",
        "StatisticValues",
    ];
    for text in texts {
        assert!(bodies[0].contains(text), "{text}: {}", bodies[0]);
    }
    assert!(!bodies[0].contains("secret"));
}

#[tokio::test]
async fn a_refused_upload_is_counted_and_costs_no_put() {
    let (client, bodies) = client(&[500, 500]);
    let recorder = MetricsRecorder::new();
    let upload = CloudWatch::new(client).start(&recorder).expect("a runtime");
    let _kinesis = put(&recorder).await;
    let uploads = upload.close().await;
    assert_eq!((uploads.uploaded(), uploads.failed_requests()), (0, 1));
    assert!(uploads.dropped() > 20, "{uploads:?}");
    assert_eq!(bodies.lock().expect("no panic").len(), 1);
}
