//! Reading on another thread, a few pieces ahead.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use crate::exit::{Failure, Result};
use crate::source::Source;

/// Small enough for the allocator to use the same memory again.
const PIECE: usize = 1 << 16;
/// Pieces in memory at once.
const AHEAD: usize = 32;

/// A piece of the input, or why there are no more.
pub(crate) type Piece = io::Result<Vec<u8>>;

/// The pieces of `source`. That one is waiting tells that the input does not pause.
pub(crate) fn pieces(mut source: Source) -> Result<Receiver<Piece>> {
    let (sender, receiver) = sync_channel(AHEAD);
    let read = move || {
        loop {
            let mut piece = vec![0; PIECE];
            let read = loop {
                match source.read(&mut piece) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read,
                }
            };
            match read {
                Ok(0) => return,
                Ok(len) => piece.truncate(len),
                Err(error) => return drop(sender.send(Err(error))),
            }
            // A short piece of a slow input does not need the room of a long one.
            piece.shrink_to_fit();
            if sender.send(Ok(piece)).is_err() {
                return;
            }
        }
    };
    match thread::Builder::new().spawn(read) {
        Ok(_) => Ok(receiver),
        Err(error) => Err(Failure::new(format_args!("cannot start a thread: {error}"))),
    }
}
