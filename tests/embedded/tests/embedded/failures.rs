//! What `SdkStreamClient` makes of everything that goes wrong.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_sdk_kinesis::config::{
    BehaviorVersion, Builder, Credentials, ProvideCredentials, Region, SharedCredentialsProvider,
};
use kinesis_aggregation_embedded::{Fault, Kinesis, client, read_all};
use kinesis_aggregation_producer::sdk::SdkStreamClient;
use kinesis_aggregation_producer::{ClientErrorKind, StreamClient};
use serde_json::json;

use crate::client::{STREAM, kinesis, put_error, records, tell};

const NOT_STORED: ClientErrorKind = ClientErrorKind::Retry {
    maybe_stored: false,
};
const MAYBE_STORED: ClientErrorKind = ClientErrorKind::Retry { maybe_stored: true };

/// What each of these codes means.
async fn assert_kinds(kind: ClientErrorKind, status: u16, codes: &[&'static str]) {
    let (kinesis, client) = kinesis(1).await;
    for &code in codes {
        kinesis.inject(move |_| Fault::Error(status, code, "why"));
        let error = put_error(&client).await;
        assert_eq!((error.kind(), error.code()), (kind, code));
    }
}

#[tokio::test]
async fn what_the_service_refuses_for_good_is_fatal() {
    let codes = [
        "AccessDeniedException",
        "KMSAccessDeniedException",
        "KMSDisabledException",
        "KMSInvalidStateException",
        "KMSNotFoundException",
        "KMSOptInRequired",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "IncompleteSignatureException",
    ];
    assert_kinds(ClientErrorKind::Fatal, 400, &codes).await;
}

/// No record is the reason for those, so none may be judged by them.
#[tokio::test]
async fn an_invalid_request_and_a_missing_stream_are_told_apart_from_a_denial() {
    let codes = [
        "InvalidArgumentException",
        "ValidationException",
        "SerializationException",
    ];
    assert_kinds(ClientErrorKind::Invalid, 400, &codes).await;
    assert_kinds(
        ClientErrorKind::Invalid,
        413,
        &["RequestEntityTooLargeException"],
    )
    .await;
    assert_kinds(
        ClientErrorKind::NoStream,
        400,
        &["ResourceNotFoundException"],
    )
    .await;
}

#[tokio::test]
async fn what_may_pass_is_put_again_and_was_not_stored() {
    assert_kinds(
        NOT_STORED,
        400,
        &["ResourceInUseException", "ExpiredTokenException"],
    )
    .await;
    let throttled = [
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "KMSThrottlingException",
        "LimitExceededException",
    ];
    assert_kinds(ClientErrorKind::Throttled, 400, &throttled).await;
    assert_kinds(ClientErrorKind::Throttled, 429, &["Whatever"]).await;
}

#[tokio::test]
async fn a_clock_that_differs_is_no_wrong_secret() {
    let (kinesis, client) = kinesis(1).await;
    for (kind, message) in [
        (
            NOT_STORED,
            "Signature expired: 20261125T101500Z is now earlier than 20261125T102000Z \
             (20261125T102500Z - 5 min.)",
        ),
        (
            NOT_STORED,
            "Signature not yet current: 20261125T104500Z is still later than 20261125T102500Z \
             (20261125T102000Z + 5 min.)",
        ),
        (
            ClientErrorKind::Fatal,
            "The request signature we calculated does not match the signature you provided.",
        ),
    ] {
        kinesis.inject(move |_| Fault::Error(400, "InvalidSignatureException", message));
        let error = put_error(&client).await;
        assert_eq!(error.kind(), kind, "{message}");
        assert!(tell(&error).contains(message));
    }
}

/// A client without one of the things that it needs.
fn lacking(change: impl FnOnce(&mut aws_sdk_kinesis::config::Builder)) -> SdkStreamClient {
    let mut config = client("http://127.0.0.1:9").config().to_builder();
    change(&mut config);
    SdkStreamClient::new(Client::from_conf(config.build()), STREAM)
}

/// Credentials that cannot be loaded.
#[derive(Debug)]
struct NoCredentials;

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("no profile \"x\"")))
    }
}

#[tokio::test]
async fn a_client_that_can_never_send_is_known_at_once() {
    let no_endpoint = |config: &mut Builder| {
        config.set_endpoint_url(None);
        config.set_region(None);
    };
    let bad_endpoint = |url: &'static str| {
        lacking(move |config| {
            config.set_endpoint_url(Some(url.to_owned()));
        })
    };
    let no_provider = || {
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url("http://127.0.0.1:9");
        SdkStreamClient::new(Client::from_conf(config.build()), STREAM)
    };
    let no_credentials = |provider| {
        lacking(move |config| {
            config.set_credentials_provider(Some(provider));
        })
    };
    let cannot_load = SharedCredentialsProvider::new(NoCredentials);
    for (lack, client, code) in [
        ("region", lacking(no_endpoint), "InvalidConfiguration"),
        ("", no_provider(), "NoCredentials"),
        (
            "no profile \"x\"",
            no_credentials(cannot_load),
            "NoCredentials",
        ),
        (
            "not a url",
            bad_endpoint("not a url"),
            "InvalidConfiguration",
        ),
        (
            "",
            bad_endpoint("kinesis.example.com"),
            "InvalidConfiguration",
        ),
    ] {
        let started = Instant::now();
        let error = put_error(&client).await;
        assert!(started.elapsed() < Duration::from_secs(1));
        println!("{lack}: {}", tell(&error));
        assert_eq!(
            (error.kind(), error.code()),
            (ClientErrorKind::Fatal, code),
            "{lack}"
        );
        assert!(
            tell(&error).to_lowercase().contains(lack),
            "{lack}: {}",
            tell(&error)
        );
        let listing = client.list_shards().await.expect_err("it lacks something");
        assert_eq!(listing.kind(), ClientErrorKind::Fatal, "{lack}");
        let describing = client.describe().await.expect_err("it lacks something");
        assert_eq!(describing.kind(), ClientErrorKind::Fatal, "{lack}");
    }
}

/// Gives credentials once.
#[derive(Debug, Default)]
struct Once(AtomicBool);

impl ProvideCredentials for Once {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(match self.0.swap(true, Ordering::Relaxed) {
            false => {
                let soon = SystemTime::now() - Duration::from_secs(1);
                Ok(Credentials::new("id", "secret", None, Some(soon), "once"))
            }
            true => Err(CredentialsError::provider_error("503 from STS")),
        })
    }
}

#[tokio::test]
async fn credentials_that_were_there_before_are_waited_for() {
    let (kinesis, _) = kinesis(1).await;
    let config = kinesis.client().config().to_builder();
    let config = config.credentials_provider(Once::default());
    let client = SdkStreamClient::new(Client::from_conf(config.build()), STREAM);
    client.put_records(records(1)).await.expect("stored");
    let error = put_error(&client).await;
    assert_eq!((error.kind(), error.code()), (NOT_STORED, "NoCredentials"));
    assert!(tell(&error).contains("503 from STS"), "{}", tell(&error));
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
    let told = tell(&error);
    assert!(told.contains(&url) && told.contains("refused"), "{told}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_stored_nothing_and_is_told() {
    let client = SdkStreamClient::new(client("http://kinesis.invalid:4567"), STREAM);
    let error = put_error(&client).await;
    assert_eq!((error.kind(), error.code()), (NOT_STORED, "NotConnected"));
    let told = tell(&error);
    assert!(
        told.contains("http://kinesis.invalid:4567: ") && told.contains("dns"),
        "{told}"
    );
}

#[tokio::test]
async fn a_list_of_shards_may_take_longer_than_a_page() {
    let (kinesis, _) = kinesis(5).await;
    let limit = Duration::from_millis(500);
    let timeouts = TimeoutConfig::builder().operation_timeout(limit).build();
    let config = kinesis
        .client()
        .config()
        .to_builder()
        .timeout_config(timeouts);
    let client = SdkStreamClient::new(Client::from_conf(config.build()), STREAM);
    let mut page = 0;
    kinesis.inject(move |_| {
        page += 1;
        let shard = json!({
            "ShardId": format!("shardId-{page:012}"),
            "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "9"},
            "SequenceNumberRange": {"StartingSequenceNumber": "1"},
        });
        let answer = json!({"Shards": [shard], "NextToken": (page < 6).then(|| page.to_string())});
        Fault::DelayedGarble(Duration::from_millis(120), answer.to_string().into_bytes())
    });
    assert_eq!(client.list_shards().await.expect("six pages").len(), 6);
    kinesis.inject(|_| Fault::Delay(Duration::from_secs(60)));
    let error = client.list_shards().await.expect_err("a page that hangs");
    assert_eq!(error.code(), "Timeout");
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
    // The place and the rule are told.
    kinesis.inject(move |_| Fault::Error(400, "ValidationException", message));
    assert!(tell(&put_error(&client).await).contains("records.2.member.partitionKey' failed"));
    // What is wrong with the request is told where nothing of it can be in it.
    let message = "User: arn:… is not authorized to perform: kinesis:PutRecords";
    kinesis.inject(move |_| Fault::Error(400, "AccessDeniedException", message));
    assert!(tell(&put_error(&client).await).contains(message));
}
