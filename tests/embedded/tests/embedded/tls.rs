//! The real SDK over TLS.

use std::error::Error;

use kinesis_aggregation::UserRecord;
use kinesis_aggregation_embedded::{Authority, Fault, Kinesis, client_with, read_all};
use kinesis_aggregation_producer::sdk::SdkStreamClient;
use kinesis_aggregation_producer::{ClientErrorKind, Producer, StreamClient};

use crate::client::{STREAM, records};

/// A server that is called so, and a client of it that trusts the CA.
async fn start(authority: &Authority, name: &str) -> (Kinesis, aws_sdk_kinesis::Client) {
    let kinesis = Kinesis::start_tls(authority, name).await;
    let client = client_with(&kinesis.url(), authority.http_client());
    (kinesis, client)
}

async fn create(client: &aws_sdk_kinesis::Client) {
    let create = client.create_stream().stream_name(STREAM).shard_count(2);
    create.send().await.expect("a stream");
    kinesis_aggregation_embedded::wait_until_active(client, STREAM).await;
}

#[tokio::test]
async fn what_is_put_over_tls_is_read_back() {
    let (_kinesis, client) = start(&Authority::new(), "127.0.0.1").await;
    create(&client).await;
    let producer = Producer::builder()
        .build(SdkStreamClient::new(client.clone(), STREAM))
        .expect("a runtime");
    let mut deliveries = Vec::new();
    for number in 0..2000 {
        let record = UserRecord::new(format!("key {number}"), vec![b'x'; 500]);
        deliveries.push(producer.put(record).await.expect("accepted"));
    }
    producer.close().await.expect("in time");
    for delivery in deliveries {
        delivery.await.expect("delivered");
    }
    let reading = read_all(&client, STREAM).await;
    assert_eq!(reading.user_records.len(), 2000);
    assert_eq!(reading.losses, [""; 0]);
}

/// Before the handshake is over nothing has left, so nothing can be stored; and it may succeed
/// another time, with another server behind the name.
#[tokio::test]
async fn without_trust_nothing_is_sent() {
    let authority = Authority::new();
    let (kinesis, _) = start(&authority, "127.0.0.1").await;
    let stranger = client_with(&kinesis.url(), Authority::new().http_client());
    let (other, other_client) = start(&authority, "other.example").await;
    for (_server, client) in [(&kinesis, stranger), (&other, other_client)] {
        let client = SdkStreamClient::new(client, STREAM);
        let error = client.put_records(records(3)).await.expect_err("no trust");
        let maybe_stored = false;
        assert_eq!(
            error.kind(),
            ClientErrorKind::Retry { maybe_stored },
            "{error:?}"
        );
        let why = error.source().expect("the SDK's").to_string();
        assert!(why.contains("certificate"), "{why}");
    }
}

#[tokio::test]
async fn a_connection_cut_in_mid_answer_leaves_it_open() {
    let (kinesis, client) = start(&Authority::new(), "127.0.0.1").await;
    create(&client).await;
    kinesis.inject(|_| Fault::CutAfter);
    let stream = SdkStreamClient::new(client.clone(), STREAM);
    let error = stream.put_records(records(3)).await.expect_err("no answer");
    let maybe_stored = true;
    assert_eq!(
        error.kind(),
        ClientErrorKind::Retry { maybe_stored },
        "{error:?}"
    );
    kinesis.heal();
    assert_eq!(read_all(&client, STREAM).await.user_records.len(), 3);
}
