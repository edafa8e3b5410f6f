//! Reading one shard, page by page.

use std::time::{Duration, SystemTime};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::SdkError;
use aws_sdk_kinesis::operation::get_records::{GetRecordsError, GetRecordsOutput};
use aws_sdk_kinesis::operation::get_shard_iterator::GetShardIteratorError;
use aws_sdk_kinesis::operation::get_shard_iterator::builders::GetShardIteratorFluentBuilder;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::ShardIteratorType;

use super::lineage::ListedShard;
use super::shard::is_arn;
use crate::deaggregate::Deaggregator;
use crate::sequence::ExtendedSequenceNumber;
use crate::shard::Shard;

/// A shard may be read five times a second, by all of its readers together.
const PAUSE: Duration = Duration::from_millis(200);
/// After a page with nothing in it.
const IDLE_PAUSE: Duration = Duration::from_secs(1);

/// Where to start in a shard.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Start {
    /// With what is put from now on.
    Latest,
    /// With the oldest record that the stream keeps.
    TrimHorizon,
    /// With what was put at this time or later.
    Timestamp(DateTime),
    /// After this user record, even in the middle of an aggregate: where a checkpoint is.
    After(ExtendedSequenceNumber),
}

impl Start {
    /// Sets the type of a `GetShardIterator` request, and what belongs to it.
    ///
    /// For [`After`](Self::After), the iterator starts **at** the sequence number, and
    /// [`Deaggregator::after`] leaves out what was read of the aggregate there. An iterator
    /// *after* the sequence number would lose the rest of it.
    pub fn apply_to(
        &self,
        request: GetShardIteratorFluentBuilder,
    ) -> GetShardIteratorFluentBuilder {
        match self {
            Self::Latest => request.shard_iterator_type(ShardIteratorType::Latest),
            Self::TrimHorizon => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
            Self::Timestamp(time) => request
                .shard_iterator_type(ShardIteratorType::AtTimestamp)
                .timestamp(*time),
            Self::After(position) => request
                .shard_iterator_type(ShardIteratorType::AtSequenceNumber)
                .starting_sequence_number(position.sequence_number().as_str()),
        }
    }
}

/// Reads one shard: `GetShardIterator`, then `GetRecords` page by page.
///
/// It leaves pace and order to the caller: wait for [`pause`](Self::pause) between two pages, and
/// ask a [`Lineage`](super::Lineage) which shards to read. The [module](super) has a whole
/// consumer.
#[derive(Clone, Debug)]
pub struct ShardReader {
    client: Client,
    stream: String,
    shard: Shard,
    start: Start,
    place: Place,
    /// When the first iterator was asked for.
    started: Option<SystemTime>,
    /// The sequence number of the last Kinesis record handed out.
    last: Option<String>,
    children: Vec<ListedShard>,
    pause: Duration,
}

#[derive(Clone, Debug)]
enum Place {
    /// There is no iterator, or none that is valid any more.
    NoIterator,
    /// The iterator of the next page.
    Iterator(String),
    /// The shard is closed and read to its end.
    End,
}

impl ShardReader {
    /// A reader of `shard`, of the stream with this name or ARN. It asks for nothing yet.
    pub fn new(client: Client, stream: impl Into<String>, shard: Shard, start: Start) -> Self {
        Self {
            client,
            stream: stream.into(),
            shard,
            start,
            place: Place::NoIterator,
            started: None,
            last: None,
            children: Vec::new(),
            pause: PAUSE,
        }
    }

    /// Returns the shard.
    pub fn shard(&self) -> &Shard {
        &self.shard
    }

    /// Returns the deaggregator for its pages: it judges by the shard's hash key range, as the
    /// KCL does, and leaves out what is before a [`Start::After`].
    ///
    /// On a stream with service-managed distribution ranges say nothing: take
    /// [`Deaggregator::new`] there.
    pub fn deaggregator(&self) -> Deaggregator {
        let deaggregator = Deaggregator::new().hash_key_range(self.shard.hash_key_range());
        match &self.start {
            Start::After(position) => deaggregator.after(position.clone()),
            _ => deaggregator,
        }
    }

    /// Returns the next page, which may be empty; `None` after the last page of a closed shard.
    ///
    /// Iterators that have expired are replaced by new ones, which go on after the last page.
    ///
    /// # Errors
    ///
    /// Every [`ReadShardError`]. The next call tries again at the same place.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses nothing: the next call asks for the same page.
    pub async fn next_page(&mut self) -> Result<Option<GetRecordsOutput>, ReadShardError> {
        let mut is_fresh = false;
        loop {
            let iterator = match &self.place {
                Place::End => return Ok(None),
                Place::Iterator(iterator) => iterator.clone(),
                Place::NoIterator => {
                    is_fresh = true;
                    match self.new_iterator().await? {
                        Some(iterator) => iterator,
                        None => {
                            self.place = Place::End;
                            return Ok(None);
                        }
                    }
                }
            };
            let stream_arn = is_arn(&self.stream).then(|| self.stream.clone());
            let get = self.client.get_records().shard_iterator(&iterator);
            match get.set_stream_arn(stream_arn).send().await {
                Ok(page) => return Ok(Some(self.take_in(page))),
                // One that expires at once would expire for ever.
                Err(error) if is_expired(&error) && !is_fresh => self.place = Place::NoIterator,
                Err(error) => return Err(ReadShardError::Records(Box::new(error))),
            }
        }
    }

    fn take_in(&mut self, page: GetRecordsOutput) -> GetRecordsOutput {
        self.pause = match page.records().is_empty() {
            true => IDLE_PAUSE,
            false => PAUSE,
        };
        if let Some(record) = page.records().last() {
            self.last = Some(record.sequence_number().to_owned());
        }
        match page.next_shard_iterator() {
            Some(iterator) => self.place = Place::Iterator(iterator.to_owned()),
            None => {
                self.place = Place::End;
                let children = page.child_shards().iter();
                // One without a range cannot be read; `list_shards` tells what is wrong with it.
                self.children = children.flat_map(ListedShard::try_from).collect();
            }
        }
        page
    }

    async fn new_iterator(&mut self) -> Result<Option<String>, ReadShardError> {
        let is_arn = is_arn(&self.stream);
        let request = self
            .client
            .get_shard_iterator()
            .set_stream_name((!is_arn).then(|| self.stream.clone()))
            .set_stream_arn(is_arn.then(|| self.stream.clone()))
            .shard_id(self.shard.id());
        let request = match (&self.last, &self.start, self.started) {
            // The whole page of that record was handed out: there is no rest of an aggregate.
            (Some(last), ..) => request
                .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                .starting_sequence_number(last),
            // `Latest` again would skip what was put since.
            (None, Start::Latest, Some(started)) => {
                Start::Timestamp(started.into()).apply_to(request)
            }
            (None, start, _) => start.apply_to(request),
        };
        let asked = SystemTime::now();
        match request.send().await {
            Ok(answer) => {
                self.started.get_or_insert(asked);
                Ok(answer.shard_iterator)
            }
            Err(error) => Err(ReadShardError::Iterator(Box::new(error))),
        }
    }

    /// Returns how long to wait before the next page: a shard may be read five times a second, by
    /// all of its readers together, and after an empty page there is no hurry.
    pub fn pause(&self) -> Duration {
        self.pause
    }

    /// Returns the shards that took this one's place, once it is read to its end. Not every server
    /// tells them: if there are none, ask [`list_shards`](super::list_shards).
    pub fn children(&self) -> &[ListedShard] {
        &self.children
    }
}

/// Why a page cannot be fetched.
#[derive(Debug, thiserror::Error)]
pub enum ReadShardError {
    /// The shard iterator cannot be fetched.
    #[error("cannot get a shard iterator")]
    Iterator(#[source] Box<SdkError<GetShardIteratorError>>),
    /// The records cannot be fetched.
    #[error("cannot get the records")]
    Records(#[source] Box<SdkError<GetRecordsError>>),
}

fn is_expired(error: &SdkError<GetRecordsError>) -> bool {
    error
        .as_service_error()
        .is_some_and(GetRecordsError::is_expired_iterator_exception)
}
