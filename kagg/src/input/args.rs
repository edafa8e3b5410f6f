//! The input of a subcommand, in batches.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use kinesis_aggregation_inspect::{FindError, Finder, Found, FoundRecord, Shape, unwrap};

use super::read_ahead::pieces;
use crate::exit::{Failure, Result, Status};
use crate::output::complain;
use crate::source::{name, open, open_raw};

/// Where the input comes from, and its shape: for every subcommand that reads Kinesis records.
#[derive(clap::Args)]
pub(crate) struct InputArgs {
    /// The input; `-` or nothing is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What the input is, where its content does not tell
    #[arg(long, value_name = "SHAPE", default_value = "auto")]
    input: InputShape,
    /// Open what was wrapped around aggregates: base64 twice, UTF-8 of Latin-1, several
    /// aggregates in one record
    #[arg(long)]
    unwrap: bool,
}

/// The names of the shapes on the command line.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputShape {
    /// By the content: one of those below, or output of the AWS CLI as text or YAML, a log with
    /// events in it, a hex dump, a list of numbers, a byte literal
    Auto,
    /// A Lambda event of a Kinesis stream, with a tumbling window or without
    Lambda,
    /// What `aws kinesis get-records` prints as JSON
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
        Some(match self {
            Self::Auto => return None,
            Self::Lambda => Shape::Lambda,
            Self::Pipes => Shape::Pipes,
            Self::Firehose => Shape::Firehose,
            Self::Kinesis => Shape::Kinesis,
            Self::Raw => Shape::Raw,
            Self::Hex => Shape::Hex,
            Self::Base64 => Shape::Base64,
        })
    }
}

/// Takes the records of a batch.
pub(crate) trait TakeBatch: FnMut(&[FoundRecord]) -> Result<()> {}

impl<F: FnMut(&[FoundRecord]) -> Result<()>> TakeBatch for F {}

/// A batch ends at this many bytes or records, or when the input pauses.
const BATCH_BYTES: usize = 4 << 20;
const BATCH_RECORDS: usize = 500;

impl InputArgs {
    /// These files, or standard input if there is none, in this shape.
    pub(crate) fn new(files: Vec<PathBuf>, input: InputShape) -> Self {
        Self {
            files,
            input,
            unwrap: false,
        }
    }

    /// Reads all files and hands on their records, batch by batch, in order: large batches while
    /// the input is fast, and what there is whenever it pauses, so that no record waits for what
    /// comes after it. Memory stays bounded. Records that cannot be read are reported.
    pub(crate) fn each_batch(&self, status: &Status, take: &mut impl TakeBatch) -> Result<()> {
        self.each_batch_from(&mut 0, status, take)
    }

    /// The same, with records counted from `first` on, which is then that of the next one.
    pub(crate) fn each_batch_from(
        &self,
        first: &mut usize,
        status: &Status,
        take: &mut impl TakeBatch,
    ) -> Result<()> {
        if self.files.is_empty() {
            self.read(None, first, status, take)?;
        }
        for file in &self.files {
            self.read(Some(file), first, status, take)?;
        }
        Ok(())
    }

    fn read(
        &self,
        file: Option<&Path>,
        first: &mut usize,
        status: &Status,
        take: &mut impl TakeBatch,
    ) -> Result<()> {
        let mut finder = Finder::new().first_index(*first);
        if let Some(shape) = self.input.shape() {
            finder = finder.shape(shape);
        }
        let mut reader = Reader {
            finder,
            name: name(file).into_owned(),
            batch: Vec::new(),
            batch_bytes: 0,
            unwrap: self.unwrap,
            status,
            take,
        };
        let source = match self.input {
            InputShape::Raw => open_raw(file)?,
            _ => open(file)?,
        };
        let pieces = pieces(source)?;
        let mut next = pieces.recv().ok();
        while let Some(piece) = next {
            let read = match piece {
                Ok(piece) => {
                    reader.finder.push(&piece);
                    reader.drain()
                }
                Err(error) => Err(reader.failure(&error)),
            };
            // What was found before a failure comes out.
            let waiting = pieces.try_recv().ok().filter(|_| read.is_ok());
            if waiting.is_none() {
                reader.hand_on()?;
            }
            read?;
            next = waiting.or_else(|| pieces.recv().ok());
        }
        reader.finder.end();
        let last = reader.drain();
        reader.hand_on()?;
        *first = reader.finder.next_index();
        last
    }
}

/// The records of the batch at hand.
struct Reader<'a, T> {
    finder: Finder,
    name: String,
    batch: Vec<FoundRecord>,
    batch_bytes: usize,
    unwrap: bool,
    status: &'a Status,
    take: &'a mut T,
}

impl<T: TakeBatch> Reader<'_, T> {
    /// Takes all that is found.
    fn drain(&mut self) -> Result<()> {
        loop {
            let found = self.finder.next().map_err(|error| match error {
                FindError::UnknownShape => {
                    self.failure(&"cannot tell what this is: if it is Kinesis records, name its shape with --input")
                }
                error => self.failure(&error),
            })?;
            match found {
                None => return Ok(()),
                Some(Found::Record(record)) => {
                    self.batch_bytes += record.data().len();
                    match self.unwrap.then(|| unwrap(&record)).flatten() {
                        Some(inside) => self.batch.extend(inside),
                        None => self.batch.push(record),
                    }
                    if self.batch.len() >= BATCH_RECORDS || self.batch_bytes >= BATCH_BYTES {
                        self.hand_on()?;
                    }
                }
                Some(Found::Refused(refused)) => {
                    self.hand_on()?;
                    self.status.lose();
                    let (index, place) = (refused.index(), refused.place());
                    let (name, why) = (&self.name, refused.why());
                    complain(format_args!(
                        "record {index} ({name}, {place}): refused: {why}"
                    ));
                }
                Some(Found::Warning(warning)) => {
                    self.hand_on()?;
                    complain(format_args!("{}: warning: {warning}", self.name));
                }
            }
        }
    }

    fn hand_on(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        (self.take)(&self.batch)?;
        self.batch.clear();
        self.batch_bytes = 0;
        Ok(())
    }

    fn failure(&self, error: &dyn std::fmt::Display) -> Failure {
        Failure::new(format_args!("{}: {error}", self.name))
    }
}
