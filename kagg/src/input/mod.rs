//! Kinesis records from a file or standard input, in any of the shapes they travel in.

mod json;
mod lines;
mod shape;

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::ValueEnum;
use kinesis_aggregation::{StoredRecord, lambda};

use crate::exit::{Failure, Result};
use shape::Shape;

/// Where the input comes from, and its shape: for every subcommand that reads Kinesis records.
#[derive(clap::Args)]
pub(crate) struct InputArgs {
    /// The input; `-` or nothing is standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The shape of the input
    #[arg(long, value_name = "SHAPE", default_value = "auto")]
    input: InputShape,
}

/// The names of the shapes on the command line.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum InputShape {
    /// One of those below, by the input's content
    Auto,
    /// A Lambda event of a Kinesis stream, with a tumbling window or without
    Lambda,
    /// What `aws kinesis get-records` prints
    Kinesis,
    /// The event of an EventBridge pipe with a Kinesis source
    Pipes,
    /// The event of a Firehose transformation
    Firehose,
    /// The bytes of one Kinesis record
    Raw,
    /// One Kinesis record a line, in hexadecimal; an empty line is a record without data
    Hex,
    /// One Kinesis record a line, in base64; an empty line is a record without data
    Base64,
}

impl InputShape {
    fn shape(self) -> Option<Shape> {
        let event = |shape| Some(Shape::Json(Some(json::Document::Event(shape))));
        match self {
            Self::Auto => None,
            Self::Lambda => event(lambda::Shape::Kinesis),
            Self::Pipes => event(lambda::Shape::Pipes),
            Self::Firehose => event(lambda::Shape::Firehose),
            Self::Kinesis => Some(Shape::Json(Some(json::Document::Kinesis))),
            Self::Raw => Some(Shape::Raw),
            Self::Hex => Some(Shape::Lines(lines::Encoding::Hex)),
            Self::Base64 => Some(Shape::Lines(lines::Encoding::Base64)),
        }
    }
}

/// A Kinesis record, and what the input knows about it.
#[derive(Default)]
pub(crate) struct Stored<'a> {
    pub(crate) partition_key: Option<Cow<'a, str>>,
    pub(crate) sequence_number: Option<Cow<'a, str>>,
    /// The shard it was read from.
    pub(crate) shard_id: Option<Cow<'a, str>>,
    /// As it stands in the input.
    pub(crate) approximate_arrival_timestamp: Option<&'a str>,
    pub(crate) data: Bytes,
}

impl StoredRecord for Stored<'_> {
    fn partition_key(&self) -> Option<&str> {
        self.partition_key.as_deref()
    }

    fn data(&self) -> &[u8] {
        &self.data
    }

    fn sequence_number(&self) -> Option<&str> {
        self.sequence_number.as_deref()
    }
}

/// Takes the records of a batch, and the position of the first one in the whole input.
pub(crate) trait TakeBatch: FnMut(usize, &[Stored<'_>]) -> Result<()> {}

impl<F: FnMut(usize, &[Stored<'_>]) -> Result<()>> TakeBatch for F {}

impl InputArgs {
    /// Reads the input and hands it on, batch by batch, in order: lines as they come, so that
    /// memory stays bounded, and everything else when it has been read to its end.
    pub(crate) fn each_batch(&self, take: &mut impl TakeBatch) -> Result<()> {
        let mut source = open(self.file.as_deref())?;
        let mut head = Vec::new();
        let shape = match self.input.shape() {
            Some(shape) => shape,
            None => {
                shape::detect(&mut source, &mut head).map_err(|error| self.unreadable(error))?
            }
        };
        match shape {
            Shape::Lines(encoding) => lines::each_batch(head, source, encoding, take),
            Shape::Raw => {
                let data = self.read_to_end(head, source)?;
                let stored = Stored {
                    data: data.into(),
                    ..Stored::default()
                };
                take(0, &[stored])
            }
            Shape::Json(document) => {
                let text = self.read_to_end(head, source)?;
                json::each_batch(&text, document, take)
            }
        }
    }

    fn read_to_end(&self, mut head: Vec<u8>, mut source: Source) -> Result<Vec<u8>> {
        let read = source.read_to_end(&mut head);
        read.map_err(|error| self.unreadable(error))?;
        Ok(head)
    }

    fn unreadable(&self, error: impl std::fmt::Display) -> Failure {
        Failure::new(format_args!("{}: {error}", name(self.file.as_deref())))
    }
}

pub(crate) type Source = Box<dyn Read + Send>;

/// Opens `file`, or standard input.
pub(crate) fn open(file: Option<&Path>) -> Result<Source> {
    match file {
        None => Ok(Box::new(io::stdin())),
        Some(path) if path == Path::new("-") => Ok(Box::new(io::stdin())),
        Some(path) => match File::open(path) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => Err(Failure::of_file("open", path, &error)),
        },
    }
}

/// What messages call the input.
pub(crate) fn name(file: Option<&Path>) -> Cow<'_, str> {
    match file {
        Some(path) if path != Path::new("-") => path.to_string_lossy(),
        _ => Cow::Borrowed("standard input"),
    }
}

/// `text` without a byte order mark, which some editors and shells put before JSON.
pub(crate) fn without_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text)
}
