//! Why no records are found, or not all.

use std::fmt;

use serde::Serialize;

use crate::record::Place;

/// Why reading stops. The records before this point were found; nothing after it is read.
///
/// No error shows data or keys. The list may grow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// There is nothing in it.
    #[error("the input is empty")]
    Empty,
    /// It is not one of the known forms.
    #[error("cannot tell what the input is: name its shape")]
    UnknownShape,
    /// JSON that breaks off, or is damaged.
    #[error("the JSON breaks at line {}, byte {} of the input: {what}", place.line, place.offset)]
    Json {
        /// The problem.
        what: &'static str,
        /// Where.
        place: Place,
    },
    /// JSON without a Kinesis record.
    #[error("no Kinesis record in this JSON")]
    NoRecords,
    /// A record of another shape than the named one.
    #[error("a record at {place} is not of the named shape")]
    OtherShape {
        /// Where it starts.
        place: Place,
    },
    /// An event of another service.
    #[error("the events are from {name}, not from a Kinesis stream: {advice}")]
    OtherSource {
        /// Its event source, such as `aws:kafka`.
        name: &'static str,
        /// A way to go on.
        advice: &'static str,
    },
    /// Lambda's message to an on-failure destination that does not get the records.
    #[error("{0}")]
    BatchWithoutRecords(Box<FailedBatch>),
    /// The shards of a stream.
    #[error("this is a list of shards, without records")]
    Shards,
    /// Compressed input.
    #[error("the input is compressed with {0}: decompress it first")]
    Compressed(&'static str),
    /// The first line starts like an aggregate, but neither it nor the lines together are whole.
    #[error(
        "line {line} starts an aggregate, but its digest is wrong, alone and joined with the lines \
         after it. If text was lost, get it again; if each line is a record, name the shape"
    )]
    BrokenText {
        /// Counted from 1.
        line: u64,
    },
    /// A line that is longer than any record.
    #[error("{place} is longer than any Kinesis record")]
    TooLong {
        /// Where it starts.
        place: Place,
    },
}

/// A batch of Kinesis records that Lambda gave up, named but not included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FailedBatch {
    /// The stream's ARN.
    pub stream_arn: Option<String>,
    /// The shard.
    pub shard_id: Option<String>,
    /// The first record's.
    pub start_sequence_number: Option<String>,
    /// The last record's.
    pub end_sequence_number: Option<String>,
    /// How many records.
    pub batch_size: Option<u64>,
}

/// The batch, and the command that fetches its records.
impl fmt::Display for FailedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |text: &Option<String>| {
            let text = text.as_deref().unwrap_or("?");
            text.escape_debug().to_string()
        };
        let (arn, shard) = (text(&self.stream_arn), text(&self.shard_id));
        let (first, last) = (
            text(&self.start_sequence_number),
            text(&self.end_sequence_number),
        );
        write!(
            f,
            "this names a batch that Lambda gave up, but holds no records"
        )?;
        if let Some(size) = self.batch_size {
            write!(f, " ({size} of them)")?;
        }
        write!(
            f,
            ": stream {arn}, {shard}, sequence numbers {first} to {last}. To fetch them while the \
             stream still has them:\n  aws kinesis get-records --stream-arn {arn} --shard-iterator \
             \"$(aws kinesis get-shard-iterator --stream-arn {arn} --shard-id {shard} \
             --shard-iterator-type AT_SEQUENCE_NUMBER --starting-sequence-number {first} --query \
             ShardIterator --output text)\"\nor, with this message in FILE:\n  kagg tail {arn} --batch FILE"
        )
    }
}

/// A record that cannot be read. Reading goes on after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub(crate) index: usize,
    pub(crate) place: Place,
    pub(crate) why: String,
}

impl Refused {
    /// Its number in the input, counted from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Where it is in the input.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The problem, without data.
    pub fn why(&self) -> &str {
        &self.why
    }
}

/// `record 3 (line 4): …`.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, place, why } = self;
        write!(f, "record {index} ({place}): {why}")
    }
}

/// Something that looks wrong in the input, although records come out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// Text that seems to be one record, wrapped.
    #[error(
        "all lines but the last have {width} characters: if this is one record in wrapped text, \
         join the lines"
    )]
    LooksWrapped {
        /// Of a line.
        width: usize,
    },
    /// A JSON document without a Kinesis record, among others with some.
    #[error("the JSON document at {place} holds no Kinesis record")]
    NothingInDocument {
        /// Where it ends.
        place: Place,
    },
}
