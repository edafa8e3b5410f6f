//! Finding records on a thread of its own, a batch ahead: the next ones are found while those at hand
//! are opened and printed, on another core.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use kinesis_aggregation_inspect::{FindError, Finder, Found};

use super::read_ahead::Piece;
use crate::exit::{Failure, Result};

/// A batch ends at this many bytes or records, or when the input pauses.
const BATCH_BYTES: usize = 1 << 20;
const BATCH_RECORDS: usize = 500;

/// What comes of an input, in order.
pub(super) enum Message {
    Found(Vec<Found>),
    /// There is no more. How many records were found or refused, those of earlier inputs included,
    /// and why it ends before its end.
    End(usize, Option<Unreadable>),
}

/// Why an input cannot be read, or not further.
pub(super) enum Unreadable {
    Input(io::Error),
    Form(FindError),
}

/// Finds what is in `pieces`: large batches while the input is fast, and what there is whenever it
/// pauses.
pub(super) fn found(finder: Finder, pieces: Receiver<Piece>) -> Result<Receiver<Message>> {
    // One batch is being filled, one waits, and one is being used.
    let (sender, receiver) = sync_channel(1);
    let mut finding = Finding {
        finder,
        batch: Vec::new(),
        bytes: 0,
        sender,
    };
    let find = move || {
        // Nobody listens any more when the command is done.
        let _ = finding.run(&pieces);
    };
    match thread::Builder::new().spawn(find) {
        Ok(_) => Ok(receiver),
        Err(error) => Err(Failure::new(format_args!("cannot start a thread: {error}"))),
    }
}

struct Finding {
    finder: Finder,
    batch: Vec<Found>,
    bytes: usize,
    sender: SyncSender<Message>,
}

/// There is no more to do: all is told, or nobody listens.
struct Done;

impl Finding {
    fn run(&mut self, pieces: &Receiver<Piece>) -> std::result::Result<(), Done> {
        let mut next = pieces.recv().ok();
        while let Some(piece) = next {
            match piece {
                Ok(piece) => self.finder.push(&piece),
                Err(error) => return self.end(Some(Unreadable::Input(error))),
            }
            self.drain()?;
            let waiting = pieces.try_recv().ok();
            if waiting.is_none() {
                self.hand_on()?;
            }
            next = waiting.or_else(|| pieces.recv().ok());
        }
        self.finder.end();
        self.drain()?;
        self.end(None)
    }

    /// Takes all that is found.
    fn drain(&mut self) -> std::result::Result<(), Done> {
        loop {
            match self.finder.next() {
                Ok(None) => return Ok(()),
                Ok(Some(found)) => {
                    if let Found::Record(record) = &found {
                        self.bytes += record.data().len();
                    }
                    self.batch.push(found);
                    if self.batch.len() >= BATCH_RECORDS || self.bytes >= BATCH_BYTES {
                        self.hand_on()?;
                    }
                }
                Err(error) => {
                    self.end(Some(Unreadable::Form(error)))?;
                    return Err(Done);
                }
            }
        }
    }

    fn hand_on(&mut self) -> std::result::Result<(), Done> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        self.send(Message::Found(batch))
    }

    fn end(&mut self, unreadable: Option<Unreadable>) -> std::result::Result<(), Done> {
        // What was found before a failure comes out.
        self.hand_on()?;
        let index = self.finder.next_index();
        self.send(Message::End(index, unreadable))
    }

    fn send(&self, message: Message) -> std::result::Result<(), Done> {
        self.sender.send(message).map_err(|_| Done)
    }
}
