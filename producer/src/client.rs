//! The door to the stream: the trait that a transport implements.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use bytestring::ByteString;

use kinesis_aggregation::{KinesisRecord, Shard};

/// One stream, as the producer talks to it.
///
/// The feature `sdk` brings one over `aws_sdk_kinesis::Client`. Implement it for any other
/// transport, or to stand in for a stream in tests; plain `async fn` will do:
///
/// ```
/// use kinesis_aggregation_producer::{
///     ClientError, RecordError, Stored, StreamClient, StreamDescription,
/// };
/// use kinesis_aggregation::{KinesisRecord, Shard, HashKeyRange};
///
/// struct OneShard;
///
/// impl StreamClient for OneShard {
///     async fn put_records(
///         &self,
///         records: Vec<KinesisRecord>,
///     ) -> Result<Vec<Result<Stored, RecordError>>, ClientError> {
///         let stored = |_| Ok(Stored::new("shardId-000000000000", "1"));
///         Ok(records.iter().map(stored).collect())
///     }
///
///     async fn list_shards(&self) -> Result<Vec<Shard>, ClientError> {
///         Ok(vec![Shard::open("shardId-000000000000", HashKeyRange::FULL)])
///     }
///
///     async fn describe(&self) -> Result<Option<StreamDescription>, ClientError> {
///         Ok(None)
///     }
/// }
/// ```
///
/// The futures of `put_records` and `describe` are dropped when their time is up
/// (`request_timeout`); for `put_records` the producer then takes it that the stream may have stored
/// any of the records.
///
/// A call that panics counts as one whose answer was lost, under the code `Panic`: the producer goes
/// on, and makes the call again, for `put_records` until `record_ttl` is over. (A program built with
/// `panic = "abort"` ends, as for any panic.)
pub trait StreamClient: Send + Sync + 'static {
    /// Puts Kinesis records with one `PutRecords` request, without retries of its own.
    ///
    /// A record's partition key may be missing (only ever on a stream with service-managed
    /// distribution), and so may its explicit hash key. The answer has one result for each
    /// record, in their order; any other number is treated as an answer that was lost.
    ///
    /// # Errors
    ///
    /// Any [`ClientError`], for the request as a whole.
    fn put_records(
        &self,
        records: Vec<KinesisRecord>,
    ) -> impl Future<Output = Result<Vec<Result<Stored, RecordError>>, ClientError>> + Send;

    /// Lists all shards of the stream with `ListShards`, every page of it: open ones and closed
    /// ones, told apart by whether they have an ending sequence number. Closed ones may be left
    /// out.
    ///
    /// A list may have any number of pages, so the producer waits as long as this takes: an
    /// implementation gives each page a limit of its own.
    ///
    /// # Errors
    ///
    /// Any [`ClientError`]; the producer tries again later.
    fn list_shards(&self) -> impl Future<Output = Result<Vec<Shard>, ClientError>> + Send;

    /// Describes the stream with `DescribeStreamSummary`; `None` if that is not permitted.
    ///
    /// # Errors
    ///
    /// Any [`ClientError`]; the producer tries again later.
    fn describe(
        &self,
    ) -> impl Future<Output = Result<Option<StreamDescription>, ClientError>> + Send;

    /// Returns the stream's name, for metrics and traces.
    fn stream_name(&self) -> Option<&str> {
        None
    }
}

/// One client for several owners.
impl<C: StreamClient> StreamClient for Arc<C> {
    async fn put_records(
        &self,
        records: Vec<KinesisRecord>,
    ) -> Result<Vec<Result<Stored, RecordError>>, ClientError> {
        (**self).put_records(records).await
    }

    async fn list_shards(&self) -> Result<Vec<Shard>, ClientError> {
        (**self).list_shards().await
    }

    async fn describe(&self) -> Result<Option<StreamDescription>, ClientError> {
        (**self).describe().await
    }

    fn stream_name(&self) -> Option<&str> {
        (**self).stream_name()
    }
}

/// The place where the stream stored a Kinesis record: its shard and sequence number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    shard_id: ByteString,
    sequence_number: ByteString,
}

impl Stored {
    /// In this shard, under this sequence number.
    pub fn new(shard_id: impl Into<ByteString>, sequence_number: impl Into<ByteString>) -> Self {
        Self {
            shard_id: shard_id.into(),
            sequence_number: sequence_number.into(),
        }
    }

    /// Returns the shard's id.
    pub fn shard_id(&self) -> &str {
        &self.shard_id
    }

    /// Returns the Kinesis record's sequence number.
    pub fn sequence_number(&self) -> &str {
        &self.sequence_number
    }
}

/// Why the stream did not store one record of a request that it answered.
///
/// The producer puts such a record again until its `record_ttl` is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record was refused: {code}")]
pub struct RecordError {
    pub(super) code: ByteString,
    message: ByteString,
}

impl RecordError {
    /// The code with which a shard refuses more than it takes.
    pub const THROTTLED: &str = "ProvisionedThroughputExceededException";

    /// With the service's code and message. Users get to see both, so neither may tell anything
    /// of the record's data or keys; an empty message counts as no message.
    pub fn new(code: impl Into<ByteString>, message: impl Into<ByteString>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }

    /// Returns the service's code, such as [`THROTTLED`](Self::THROTTLED) or `InternalFailure`.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Returns the service's message, which names stream and shard.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The message, if there is one.
    pub(super) fn reason(&self) -> Option<String> {
        (!self.message.is_empty()).then(|| self.message.to_string())
    }

    /// Returns whether the shard takes no more for now.
    pub fn is_throttled(&self) -> bool {
        self.code() == Self::THROTTLED
    }
}

/// Why a request failed as a whole.
#[derive(Debug, thiserror::Error)]
#[error("the request failed: {code}")]
pub struct ClientError {
    kind: ClientErrorKind,
    pub(super) code: ByteString,
    pub(super) source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kind of a [`ClientError`]: whether asking again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientErrorKind {
    /// Asking again may help.
    Retry {
        /// Whether the stream may have stored the records: the request may have reached it, and
        /// no answer tells.
        maybe_stored: bool,
    },
    /// The service takes no more for now, and nothing was stored. Asking again later helps.
    Throttled,
    /// The service calls the request invalid, and nothing was stored. One record may be the reason,
    /// or all records without a partition key.
    Invalid,
    /// There is no such stream now, and nothing was stored.
    NoStream,
    /// Asking again is no use, and nothing was stored: access is denied, there are no credentials,
    /// a KMS key is disabled.
    Fatal,
}

impl ClientError {
    fn new(kind: ClientErrorKind, code: impl Into<ByteString>) -> Self {
        Self {
            kind,
            code: code.into(),
            source: None,
        }
    }

    /// Asking again may help. `code` is the service's (`InternalFailure`), or a name for what
    /// happened (`Timeout`); it must tell nothing of a record's data or keys.
    pub fn retry(code: impl Into<ByteString>, maybe_stored: bool) -> Self {
        Self::new(ClientErrorKind::Retry { maybe_stored }, code)
    }

    /// The service takes no more for now, and nothing was stored. `code` as for
    /// [`retry`](Self::retry).
    pub fn throttled(code: impl Into<ByteString>) -> Self {
        Self::new(ClientErrorKind::Throttled, code)
    }

    /// The service calls the request invalid, and nothing was stored. `code` as for
    /// [`retry`](Self::retry).
    pub fn invalid(code: impl Into<ByteString>) -> Self {
        Self::new(ClientErrorKind::Invalid, code)
    }

    /// There is no such stream now, and nothing was stored. `code` as for [`retry`](Self::retry).
    pub fn no_stream(code: impl Into<ByteString>) -> Self {
        Self::new(ClientErrorKind::NoStream, code)
    }

    /// Asking again is no use, and nothing was stored. `code` as for [`retry`](Self::retry).
    pub fn fatal(code: impl Into<ByteString>) -> Self {
        Self::new(ClientErrorKind::Fatal, code)
    }

    /// With the service's message or the transport's own error, which users get to see
    /// ([`AttemptError`](super::AttemptError)). Neither it nor what caused it may tell anything of
    /// a record's data or keys.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns what it means for the request.
    pub fn kind(&self) -> ClientErrorKind {
        self.kind
    }

    /// Returns the service's code, or a name for what happened.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The service's message or the chain of causes.
    pub(super) fn reason(&self) -> Option<String> {
        self.source.as_deref().map(|source| chain(source))
    }
}

/// The error and its causes in one line, without what a text before has already said.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |&error| error.source()) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text += ": ";
            text += &cause;
        }
    }
    text
}

/// The way in which a stream chooses the shard of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordDistribution {
    /// By the explicit hash key, or the partition key's hash.
    #[default]
    ByKey,
    /// The service picks a shard and ignores the keys: `RecordDistributionStrategy` `AUTO`.
    ServiceManaged,
}

/// A description of a stream, as far as the producer needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamDescription {
    distribution: RecordDistribution,
    max_record_size: Option<usize>,
    creation_time: Option<SystemTime>,
}

impl StreamDescription {
    /// A stream that distributes records like this, all else unknown.
    pub const fn new(distribution: RecordDistribution) -> Self {
        Self {
            distribution,
            max_record_size: None,
            creation_time: None,
        }
    }

    /// With its `MaxRecordSizeInKiB`, in bytes.
    #[must_use]
    pub const fn with_max_record_size(mut self, bytes: usize) -> Self {
        self.max_record_size = Some(bytes);
        self
    }

    /// With its `StreamCreationTimestamp`, which tells a stream that was deleted and created again
    /// under its name from the one before.
    #[must_use]
    pub const fn with_creation_time(mut self, time: SystemTime) -> Self {
        self.creation_time = Some(time);
        self
    }

    /// Returns how it chooses the shard of a record.
    pub const fn distribution(&self) -> RecordDistribution {
        self.distribution
    }

    /// Returns the most bytes that a record may have, data and partition key together, if known.
    pub const fn max_record_size(&self) -> Option<usize> {
        self.max_record_size
    }

    /// Returns when it was created, if known.
    pub const fn creation_time(&self) -> Option<SystemTime> {
        self.creation_time
    }
}
