//! One aggregate in several lines: its digest proves where it ends.

use kinesis_aggregation::wire::{DIGEST_LEN, FRAME_OVERHEAD, MAGIC};
use md5::{Digest, Md5};

use crate::record::Place;
use crate::text::Encoding;

/// No record is longer.
const MOST_BYTES: usize = 10 << 20;

/// Lines that may be one aggregate, as far as they have come.
pub(super) struct Join {
    encoding: Encoding,
    /// As they came, in case they are not.
    pub(super) lines: Vec<(Place, Vec<u8>)>,
    /// All lines but the last are as long as the first.
    width: usize,
    /// Digits that do not make a whole number of bytes yet.
    digits: Vec<u8>,
    data: Vec<u8>,
    /// Of the data between the magic and `hashed`.
    hash: Md5,
    hashed: usize,
}

/// The effect of one more line.
pub(super) enum Joined {
    /// The aggregate is whole.
    Whole(Vec<u8>),
    /// It may go on.
    More,
    /// The line does not belong to it.
    Not,
}

impl Join {
    /// Starts with `line`, unless its digits are not the start of an aggregate.
    pub(super) fn start(encoding: Encoding, place: Place, line: &[u8]) -> Option<Self> {
        let digits = encoding.digits(line)?;
        let mut join = Self {
            encoding,
            lines: Vec::new(),
            width: line.trim_ascii().len(),
            digits: Vec::new(),
            data: Vec::new(),
            hash: Md5::new(),
            hashed: MAGIC.len(),
        };
        join.lines.push((place, line.to_vec()));
        join.add(&digits, false)?;
        join.data.starts_with(&MAGIC).then_some(join)
    }

    pub(super) fn take(&mut self, place: Place, line: &[u8]) -> Joined {
        let text = line.trim_ascii();
        let digits = self
            .encoding
            .digits(text)
            .filter(|digits| !digits.is_empty());
        let Some(digits) = digits else {
            return Joined::Not;
        };
        if text.len() > self.width || self.data.len() > MOST_BYTES || self.opens(&digits) {
            return Joined::Not;
        }
        self.lines.push((place, line.to_vec()));
        let is_last = text.len() < self.width;
        if self.add(&digits, is_last).is_none() {
            return Joined::Not;
        }
        if self.is_whole() {
            return Joined::Whole(std::mem::take(&mut self.data));
        }
        if is_last {
            return Joined::Not;
        }
        // The last line may be as long as the others, and end inside a group of digits.
        match self.with_the_rest() {
            Some(whole) => Joined::Whole(whole),
            None => Joined::More,
        }
    }

    /// Whether the line starts an aggregate of its own.
    fn opens(&self, digits: &[u8]) -> bool {
        let start: &[u8] = match self.encoding {
            Encoding::Hex => b"f3899ac2",
            Encoding::Base64 => b"84mawg",
        };
        let same = |part: &[u8]| match self.encoding {
            Encoding::Hex => part.eq_ignore_ascii_case(start),
            Encoding::Base64 => part == start,
        };
        digits.get(..start.len()).is_some_and(same)
    }

    /// Decodes all whole groups of digits; at the end, the last one too.
    fn add(&mut self, digits: &[u8], is_last: bool) -> Option<()> {
        self.digits.extend_from_slice(digits);
        let unit = self.encoding.unit();
        let len = match is_last {
            true => self.digits.len(),
            false => self.digits.len() / unit * unit,
        };
        let whole: Vec<u8> = self.digits.drain(..len).collect();
        self.data.extend(self.encoding.decode(&whole)?);
        Some(())
    }

    /// Whether the digest is right. Each byte is hashed once, however many lines there are.
    fn is_whole(&mut self) -> bool {
        if self.data.len() <= FRAME_OVERHEAD {
            return false;
        }
        let end = self.data.len() - DIGEST_LEN;
        let Some(new) = self.data.get(self.hashed..end) else {
            return false;
        };
        self.hash.update(new);
        self.hashed = end;
        let digest = self.hash.clone().finalize();
        self.data.get(end..) == Some(digest.as_slice())
    }

    fn with_the_rest(&mut self) -> Option<Vec<u8>> {
        if self.digits.is_empty() || self.encoding == Encoding::Hex {
            return None;
        }
        let mut data = self.data.clone();
        data.extend(self.encoding.decode(&self.digits)?);
        kinesis_aggregation::wire::is_framed(&data).then_some(data)
    }
}
