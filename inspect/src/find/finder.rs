//! Input, piece by piece, into records.

use super::detect::{Form, detect};
use super::error::{FindError, Refused, Warning};
use super::lines::TextReader;
use super::shape::Shape;
use super::sink::{Found, Sink};
use super::utf16::Utf16;
use crate::fields::Fields;
use crate::json::Walker;
use crate::record::{FoundRecord, Place};
use crate::text::Encoding;

/// Takes an input piece by piece, and gives what is found in it.
///
/// It holds no more than the record at hand, however long the input is. An aggregate in wrapped
/// text is held until its digest is right.
///
/// ```
/// use kinesis_aggregation_inspect::{Finder, Found};
///
/// let mut finder = Finder::new();
/// let mut records = 0;
/// for piece in [&br#"{"Records": [{"PartitionKey": "k", "Da"#[..], br#"ta": "aGk="}]}"#] {
///     finder.push(piece);
///     while let Some(found) = finder.next()? {
///         match found {
///             Found::Record(record) => records += record.data().len() / 2,
///             Found::Refused(refused) => eprintln!("{refused}"),
///             Found::Warning(warning) => eprintln!("warning: {warning}"),
///         }
///     }
/// }
/// finder.end();
/// assert!(finder.next()?.is_none());
/// assert_eq!(records, 1);
/// # Ok::<(), kinesis_aggregation_inspect::FindError>(())
/// ```
#[derive(Default)]
pub struct Finder {
    shape: Option<Shape>,
    state: State,
    utf16: Utf16,
    sink: Sink,
    ended: bool,
    /// Comes out after what was found before it.
    failed: Option<FindError>,
}

enum State {
    Undecided { head: Vec<u8>, looked_at: usize },
    Json(Walker),
    Text(TextReader),
    Raw(Vec<u8>),
    Done,
}

impl Default for State {
    fn default() -> Self {
        Self::Undecided {
            head: Vec::new(),
            looked_at: 0,
        }
    }
}

impl Finder {
    /// For input whose content tells what it is.
    pub fn new() -> Self {
        Self::default()
    }

    /// For input of this shape, whatever its content looks like.
    #[must_use]
    pub fn shape(mut self, shape: Shape) -> Self {
        self.shape = Some(shape);
        self.sink.set_shape(shape);
        self.state = match shape {
            Shape::Raw => State::Raw(Vec::new()),
            Shape::Hex => State::Text(TextReader::named(Encoding::Hex)),
            Shape::Base64 => State::Text(TextReader::named(Encoding::Base64)),
            _ => State::Json(Walker::default()),
        };
        self
    }

    /// Counts the records from `index`, as in the second of several files.
    #[must_use]
    pub fn first_index(mut self, index: usize) -> Self {
        self.sink.set_first(index);
        self
    }

    /// Returns how many records have been found or refused, including those before
    /// [`first_index`](Self::first_index).
    pub fn next_index(&self) -> usize {
        self.sink.next_index()
    }

    /// Takes the next piece of the input.
    pub fn push(&mut self, piece: &[u8]) {
        if matches!(self.state, State::Raw(_)) || self.utf16.is_through() {
            return self.state.push(piece);
        }
        let mut text = Vec::new();
        self.utf16.push(piece, &mut text);
        self.state.push(&text);
    }

    /// There are no more pieces.
    pub fn end(&mut self) {
        let mut text = Vec::new();
        self.utf16.end(&mut text);
        self.state.push(&text);
        self.ended = true;
        match &mut self.state {
            State::Json(walker) => walker.end(),
            State::Text(reader) => reader.end(),
            _ => {}
        }
    }

    /// Returns the next thing found. `None` until the next piece, or for good after
    /// [`end`](Self::end).
    ///
    /// # Errors
    ///
    /// [`FindError`], once: nothing is found after it.
    #[expect(clippy::should_implement_trait, reason = "it can go on after None")]
    pub fn next(&mut self) -> Result<Option<Found>, FindError> {
        loop {
            if let Some(found) = self.sink.pop() {
                return Ok(Some(found));
            }
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            match self.step() {
                Ok(true) => {}
                Ok(false) => return Ok(self.sink.pop()),
                Err(error) => {
                    self.state = State::Done;
                    self.failed = Some(error);
                }
            }
        }
    }

    /// Goes one step. False if there is nothing to do.
    fn step(&mut self) -> Result<bool, FindError> {
        match &mut self.state {
            State::Done => Ok(false),
            State::Undecided { .. } => self.decide(),
            State::Raw(data) => {
                if self.ended {
                    let data = std::mem::take(data).into();
                    self.state = State::Done;
                    self.sink
                        .found(Fields::default(), Ok(data), Place::default());
                    return Ok(true);
                }
                Ok(false)
            }
            State::Json(walker) => {
                if walker.step(&mut self.sink)? {
                    return Ok(true);
                }
                if self.ended {
                    walker.check_end()?;
                    self.state = State::Done;
                    self.sink.check_documents()?;
                }
                Ok(false)
            }
            State::Text(reader) => {
                let goes_on = reader.step(&mut self.sink)?;
                if !goes_on && self.ended {
                    self.state = State::Done;
                }
                Ok(goes_on)
            }
        }
    }

    fn decide(&mut self) -> Result<bool, FindError> {
        let State::Undecided { head, looked_at } = &mut self.state else {
            return Ok(false);
        };
        if !self.ended && head.len() == *looked_at {
            return Ok(false);
        }
        *looked_at = head.len();
        let Some(form) = detect(head, self.ended)? else {
            return Ok(false);
        };
        let head = std::mem::take(head);
        self.state = match form {
            Form::Raw => State::Raw(Vec::new()),
            Form::Json => State::Json(Walker::default()),
            Form::Text => State::Text(TextReader::default()),
        };
        self.state.push(&head);
        if self.ended {
            self.end();
        }
        Ok(true)
    }
}

impl State {
    fn push(&mut self, piece: &[u8]) {
        match self {
            Self::Undecided { head, .. } => head.extend_from_slice(piece),
            Self::Json(walker) => walker.push(piece),
            Self::Text(reader) => reader.push(piece),
            Self::Raw(data) => data.extend_from_slice(piece),
            Self::Done => {}
        }
    }
}

/// Lengths only.
impl std::fmt::Debug for Finder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Finder")
            .field("shape", &self.shape)
            .field("found", &self.sink.count())
            .finish_non_exhaustive()
    }
}

/// All that is in an input: see [`find`].
#[derive(Clone, Debug, Default)]
pub struct Everything {
    records: Vec<FoundRecord>,
    refused: Vec<Refused>,
    warnings: Vec<Warning>,
}

impl Everything {
    /// The records, in the input's order.
    pub fn records(&self) -> &[FoundRecord] {
        &self.records
    }

    /// The records that cannot be read, and why.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// The warnings: what looks wrong in the input, although records come out.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

/// Finds all records of an input that is in memory. For long ones there is [`Finder`].
///
/// ```
/// use kinesis_aggregation_inspect::find;
///
/// // As PostgreSQL prints it.
/// let found = find(br"\x68656c6c6f")?;
/// assert_eq!(found.records()[0].data(), "hello");
/// # Ok::<(), kinesis_aggregation_inspect::FindError>(())
/// ```
///
/// # Errors
///
/// [`FindError`] if it is not one of the known forms, holds no records, or breaks off.
pub fn find(input: &[u8]) -> Result<Everything, FindError> {
    let mut finder = Finder::new();
    finder.push(input);
    finder.end();
    let mut all = Everything::default();
    while let Some(found) = finder.next()? {
        match found {
            Found::Record(record) => all.records.push(record),
            Found::Refused(refused) => all.refused.push(refused),
            Found::Warning(warning) => all.warnings.push(warning),
        }
    }
    Ok(all)
}
