//! Where a file's bytes come from: the file, or what gzip made of it.

use std::io::{self, Read};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

use crate::fs::{Meta, OpenFile, read_full};

/// An open file, or what one unpacks to.
pub(super) enum Source<F: OpenFile> {
    Plain(F),
    Packed(Box<Packed<F>>),
}

impl<F: OpenFile> Source<F> {
    pub(super) fn meta(&self) -> io::Result<Meta> {
        match self {
            Self::Plain(file) => file.meta(),
            Self::Packed(packed) => packed.file.meta(),
        }
    }

    pub(super) fn is_packed(&self) -> bool {
        matches!(self, Self::Packed(_))
    }

    /// Reads at a position until `buffer` is full or there is no more.
    pub(super) fn read_at(&mut self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => read_full(file, position, buffer),
            Self::Packed(packed) => packed.read_at(position, buffer),
        }
    }
}

/// A gzipped file, unpacked as it is read. Going back begins again at its start.
pub(super) struct Packed<F: OpenFile> {
    file: Arc<F>,
    decoder: MultiGzDecoder<Reader<F>>,
    position: u64,
}

impl<F: OpenFile> Packed<F> {
    pub(super) fn new(file: F) -> Self {
        let file = Arc::new(file);
        Self {
            decoder: decoder(&file),
            file,
            position: 0,
        }
    }

    pub(super) fn read_at(&mut self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.seek(position).and_then(|()| self.fill(buffer));
        if result.is_err() {
            // The decoder is of no more use.
            self.restart();
        }
        result
    }

    fn restart(&mut self) {
        self.decoder = decoder(&self.file);
        self.position = 0;
    }

    fn seek(&mut self, position: u64) -> io::Result<()> {
        if position < self.position {
            self.restart();
        }
        let skipped = position.saturating_sub(self.position);
        let copied = io::copy(&mut self.decoder.by_ref().take(skipped), &mut io::sink())?;
        self.position = self.position.saturating_add(copied);
        Ok(())
    }

    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let read = self.decoder.read(rest)?;
            if read == 0 {
                break;
            }
            filled = filled.saturating_add(read);
        }
        self.position = self.position.saturating_add(filled as u64);
        Ok(filled)
    }
}

fn decoder<F: OpenFile>(file: &Arc<F>) -> MultiGzDecoder<Reader<F>> {
    MultiGzDecoder::new(Reader {
        file: Arc::clone(file),
        position: 0,
    })
}

/// An open file, read from its start to its end.
struct Reader<F> {
    file: Arc<F>,
    position: u64,
}

impl<F: OpenFile> Read for Reader<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(self.position, buffer)?;
        self.position = self.position.saturating_add(read as u64);
        Ok(read)
    }
}
