//! The input of a subcommand, in batches.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use kinesis_aggregation_inspect::{FindError, Finder, Found, FoundRecord, Shape, unwrap};

use super::found::{Message, Unreadable, found};
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
    /// The shape of the input
    ///
    /// Needed only if its content does not tell.
    #[arg(long, value_name = "SHAPE", default_value = "auto")]
    input: InputShape,
    /// Open what was wrapped around aggregates
    ///
    /// That is base64 twice, UTF-8 of Latin-1, or several aggregates in one record.
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
            name: name(file).into_owned(),
            batch: Vec::new(),
            unwrap: self.unwrap,
            status,
            take,
        };
        let source = match self.input {
            InputShape::Raw => open_raw(file)?,
            _ => open(file)?,
        };
        for message in found(finder, pieces(source)?)? {
            match message {
                Message::Found(all) => reader.batch(all)?,
                Message::End(next, unreadable) => {
                    *first = next;
                    return unreadable.map_or(Ok(()), |why| Err(reader.unreadable(&why)));
                }
            }
        }
        Err(Failure::new("the thread that reads the input is gone"))
    }
}

/// The records of the batch at hand.
struct Reader<'a, T> {
    name: String,
    batch: Vec<FoundRecord>,
    unwrap: bool,
    status: &'a Status,
    take: &'a mut T,
}

impl<T: TakeBatch> Reader<'_, T> {
    fn batch(&mut self, all: Vec<Found>) -> Result<()> {
        for found in all {
            match found {
                Found::Record(record) => match self.unwrap.then(|| unwrap(&record)).flatten() {
                    Some(inside) => self.batch.extend(inside),
                    None => self.batch.push(record),
                },
                Found::Refused(refused) => {
                    self.hand_on()?;
                    self.status.lose();
                    let (index, place) = (refused.index(), refused.place());
                    let (name, why) = (&self.name, refused.why());
                    complain(format_args!(
                        "record {index} ({name}, {place}): refused: {why}"
                    ));
                }
                Found::Warning(warning) => {
                    self.hand_on()?;
                    complain(format_args!("{}: warning: {warning}", self.name));
                }
            }
        }
        self.hand_on()
    }

    fn hand_on(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        (self.take)(&self.batch)?;
        self.batch.clear();
        Ok(())
    }

    fn unreadable(&self, why: &Unreadable) -> Failure {
        let name = &self.name;
        match why {
            Unreadable::Input(error) => Failure::new(format_args!("{name}: {error}")),
            Unreadable::Form(FindError::UnknownShape) => Failure::new(format_args!(
                "{name}: cannot tell what this is: if it is Kinesis records, name its shape with \
                 --input"
            )),
            Unreadable::Form(error) => Failure::new(format_args!("{name}: {error}")),
        }
    }
}
