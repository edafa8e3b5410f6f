//! What `SdkStreamClient` makes of everything that goes wrong.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use kinesis_aggregation_embedded::{Fault, Kinesis, client, read_all};
use kinesis_aggregation_producer::sdk::SdkStreamClient;
use kinesis_aggregation_producer::{ClientErrorKind, StreamClient};

use crate::client::{STREAM, kinesis, put_error, records, tell};

const NOT_STORED: ClientErrorKind = ClientErrorKind::Retry {
    maybe_stored: false,
};
const MAYBE_STORED: ClientErrorKind = ClientErrorKind::Retry { maybe_stored: true };

#[tokio::test]
async fn what_the_service_refuses_for_good_is_fatal() {
    let (kinesis, client) = kinesis(1).await;
    for code in [
        "AccessDeniedException",
        "InvalidArgumentException",
        "KMSAccessDeniedException",
        "KMSDisabledException",
        "KMSInvalidStateException",
        "KMSNotFoundException",
        "KMSOptInRequired",
        "ResourceNotFoundException",
        "UnrecognizedClientException",
        "ValidationException",
    ] {
        kinesis.inject(move |_| Fault::Error(400, code, "why"));
        let error = put_error(&client).await;
        assert_eq!((error.kind(), error.code()), (ClientErrorKind::Fatal, code));
    }
}

#[tokio::test]
async fn what_may_pass_is_put_again_and_was_not_stored() {
    let (kinesis, client) = kinesis(1).await;
    for (status, code) in [
        (400, "ProvisionedThroughputExceededException"),
        (400, "ThrottlingException"),
        (400, "KMSThrottlingException"),
        (400, "LimitExceededException"),
        (400, "ResourceInUseException"),
        (400, "ExpiredTokenException"),
        (429, "Whatever"),
    ] {
        kinesis.inject(move |_| Fault::Error(status, code, "why"));
        let error = put_error(&client).await;
        assert_eq!((error.kind(), error.code()), (NOT_STORED, code));
    }
}

#[tokio::test]
async fn a_server_error_may_have_stored() {
    let (kinesis, client) = kinesis(1).await;
    for (status, code) in [(500, "InternalFailure"), (503, "ServiceUnavailable")] {
        let mut requests = 0;
        kinesis.inject(move |_| {
            requests += 1;
            assert_eq!(requests, 1, "the SDK must not put again by itself");
            Fault::Error(status, code, "why")
        });
        let error = put_error(&client).await;
        assert_eq!((error.kind(), error.code()), (MAYBE_STORED, code));
    }
}

#[tokio::test]
async fn a_cut_connection_may_have_stored() {
    let (kinesis, client) = kinesis(1).await;
    for stores in [false, true] {
        kinesis.inject(move |_| {
            if stores {
                Fault::CutAfter
            } else {
                Fault::CutBefore
            }
        });
        let error = put_error(&client).await;
        assert_eq!(
            (error.kind(), error.code()),
            (MAYBE_STORED, "ConnectionLost")
        );
    }
    kinesis.heal();
    assert_eq!(
        read_all(&kinesis.client(), STREAM).await.user_records.len(),
        3
    );
}

#[tokio::test]
async fn nobody_there_stored_nothing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = SdkStreamClient::new(client(&url), STREAM);
    let error = put_error(&client).await;
    assert_eq!(
        (error.kind(), error.code()),
        (NOT_STORED, "ConnectionRefused")
    );
}

#[tokio::test]
async fn a_timeout_may_have_stored() {
    let kinesis = Kinesis::start().await;
    kinesis.create_stream(STREAM, 1).await;
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_millis(100))
        .build();
    let config = kinesis
        .client()
        .config()
        .to_builder()
        .timeout_config(timeouts);
    let client = SdkStreamClient::new(Client::from_conf(config.build()), STREAM);
    kinesis.inject(|_| Fault::DelayAnswer(Duration::from_secs(60)));
    let error = put_error(&client).await;
    assert_eq!((error.kind(), error.code()), (MAYBE_STORED, "Timeout"));
}

#[tokio::test]
async fn an_answer_that_tells_nothing_may_have_stored() {
    let (kinesis, client) = kinesis(1).await;
    for garbled in ["", "{", "nothing", "[]", r#"{"Records":[{}]}"#] {
        kinesis.inject(move |_| Fault::Garble(garbled.into()));
        match client.put_records(records(3)).await {
            // A count that does not match: the producer's to judge.
            Ok(results) => assert_eq!(results.len(), 0, "{garbled:?}"),
            Err(error) => assert_eq!(error.kind(), MAYBE_STORED, "{garbled:?} {error:?}"),
        }
    }
}

#[tokio::test]
async fn no_error_shows_a_key() {
    let (kinesis, client) = kinesis(1).await;
    let message = "Value 'key 1' at 'records.2.member.partitionKey' failed to satisfy constraint";
    for code in [
        "ValidationException",
        "InvalidArgumentException",
        "SerializationException",
    ] {
        kinesis.inject(move |_| Fault::Error(400, code, message));
        assert!(!tell(&put_error(&client).await).contains("key 1"));
    }
    for fault in [|| Fault::CutBefore, || Fault::Garble(b"key 1".into())] {
        kinesis.inject(move |_| fault());
        let told = tell(&put_error(&client).await);
        assert!(
            !told.contains("key 1") && !told.contains("data 1"),
            "{told}"
        );
    }
    // What is wrong with the request is told where nothing of it can be in it.
    let message = "User: arn:… is not authorized to perform: kinesis:PutRecords";
    kinesis.inject(move |_| Fault::Error(400, "AccessDeniedException", message));
    assert!(tell(&put_error(&client).await).contains(message));
}
