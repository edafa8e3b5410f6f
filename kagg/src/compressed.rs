//! Compressed input, read as if it were not.

use std::io::{self, BufReader, Cursor, Read};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

type Bytes = Box<dyn Read + Send>;

/// Reads a source, decompressed if its first bytes say that it is gzip or zstd.
pub(crate) struct Decompressed {
    state: State,
}

enum State {
    New(Bytes),
    Open(Bytes),
    Failed,
}

const GZIP: &[u8] = &[0x1F, 0x8B];
const ZSTD: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];

impl Decompressed {
    pub(crate) fn new(source: Bytes) -> Self {
        Self {
            state: State::New(source),
        }
    }
}

impl Read for Decompressed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match std::mem::replace(&mut self.state, State::Failed) {
                State::New(source) => self.state = State::Open(opened(source)?),
                State::Open(mut source) => {
                    let read = source.read(buffer);
                    self.state = State::Open(source);
                    return read;
                }
                State::Failed => return Ok(0),
            }
        }
    }
}

/// Looks at no more bytes than it needs: the source may be a pipe whose writer waits.
fn opened(mut source: Bytes) -> io::Result<Bytes> {
    let mut head = Vec::new();
    let is_start = |head: &[u8]| GZIP.starts_with(head) || ZSTD.starts_with(head);
    while is_start(&head) && head != GZIP && head != ZSTD {
        let mut byte = [0; 1];
        match source.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => head.extend(byte),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let kind = (head == GZIP, head == ZSTD);
    let whole = BufReader::with_capacity(1 << 16, Cursor::new(head).chain(source));
    Ok(match kind {
        (true, _) => Box::new(MultiGzDecoder::new(whole)),
        (_, true) => Box::new(Zstd(Frames::Next(whole))),
        _ => Box::new(whole),
    })
}

/// Zstandard frames, one after another.
struct Zstd<R: Read>(Frames<R>);

enum Frames<R: Read> {
    Next(R),
    Frame(Box<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>),
    Done,
}

impl<R: io::BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match std::mem::replace(&mut self.0, Frames::Done) {
                Frames::Done => return Ok(0),
                Frames::Next(mut source) => {
                    if source.fill_buf()?.is_empty() {
                        return Ok(0);
                    }
                    let frame = StreamingDecoder::new(source).map_err(io::Error::other)?;
                    self.0 = Frames::Frame(Box::new(frame));
                }
                Frames::Frame(mut frame) => match frame.read(buffer)? {
                    0 if !buffer.is_empty() => self.0 = Frames::Next(frame.into_inner()),
                    read => {
                        self.0 = Frames::Frame(frame);
                        return Ok(read);
                    }
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        let source: Bytes = Box::new(Cursor::new(bytes.to_vec()));
        Decompressed::new(source).read_to_end(&mut all)?;
        Ok(all)
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(data: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn what_is_compressed_is_read_as_it_was() {
        let long = vec![b'x'; 300_000];
        for data in [
            &b""[..],
            b"data",
            &long,
            b"\x1F",
            b"\x28\xB5\x2F",
            b"\x1F\x8C",
        ] {
            assert_eq!(read(data).unwrap(), data);
            for packed in [gzip(data), zstd(data)] {
                assert_eq!(read(&packed).unwrap(), data);
                // Files that were appended to one another.
                let twice = [&packed[..], &packed].concat();
                assert_eq!(read(&twice).unwrap(), data.repeat(2));
            }
        }
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        for packed in [gzip(b"some data"), zstd(b"some data")] {
            assert!(read(&packed[..packed.len() - 3]).is_err());
        }
    }
}
