//! The answer: tables of numbers.

use crate::input::Bad;

/// In place of a row's partition key: the row is the Kinesis record itself, which is not an
/// aggregate.
pub const PLAIN: u32 = u32::MAX;
/// In place of a row's partition key: the row is a loss, and its first number the loss's position.
pub const LOSS: u32 = u32::MAX - 1;

/// The numbers of a loss.
#[cfg(feature = "read")]
const LOSS_NUMBERS: usize = 8;

/// The result of a call. The host gets the address of the header: the status, then the address and
/// the length of each of the tables, in the order of the fields here.
#[derive(Debug, Default)]
pub struct Output {
    header: [u32; 13],
    /// The user records, five numbers each: where the data start and end in the Kinesis record, the
    /// partition key, 0 or the explicit hash key + 1, the sub-sequence number. Keys are positions
    /// in `keys`.
    pub rows: Vec<u32>,
    /// One line for each Kinesis record.
    ///
    /// Read, five numbers: the outcome (see `read::outcome`), the byte where it is malformed, and
    /// the ends of its part of `rows`, `keys` and `text`. Its part starts where the one before ends.
    ///
    /// Written, five numbers: where its partition key starts and ends in `text`, where its explicit
    /// hash key, which follows, ends there, where its data end in `bytes`, and how many user records
    /// it has. Its data start where those of the one before end.
    ///
    /// Explained or decompressed, one number: where its data end in `bytes`.
    pub records: Vec<u32>,
    /// Where each used key ends, in UTF-16 units from the start of its Kinesis record's text.
    pub keys: Vec<u32>,
    /// Losses, eight numbers each: kind, Kinesis record, sub-sequence number, start and end of what is
    /// lost, byte offset, start and end of the reason in `bytes`. Or user records that were
    /// refused: position, start and end of the message in `text`.
    pub losses: Vec<u32>,
    /// Keys, put together.
    pub text: String,
    /// Messages, or the data of what was written.
    pub bytes: Vec<u8>,
}

impl Output {
    /// For the host: the status, then the address and the length of each table.
    pub fn header(&self) -> &[u32] {
        &self.header
    }

    /// 0: done. 1: the request makes no sense, and `text` says why. Else a handle.
    pub fn status(&self) -> u32 {
        self.header.first().copied().unwrap_or_default()
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.records.clear();
        self.keys.clear();
        self.losses.clear();
        self.text.clear();
        self.bytes.clear();
    }

    pub(crate) fn settle(&mut self, answer: Result<(), Bad>) -> &Self {
        let Err(why) = answer else {
            return self.settle_with(0);
        };
        self.clear();
        self.text.push_str(&why);
        self.settle_with(1)
    }

    pub(crate) fn settle_with(&mut self, status: u32) -> &Self {
        let numbers = |table: &Vec<u32>| [crate::address(table.as_ptr()), to_u32(table.len())];
        let tables = [
            numbers(&self.rows),
            numbers(&self.records),
            numbers(&self.keys),
            numbers(&self.losses),
            [crate::address(self.text.as_ptr()), to_u32(self.text.len())],
            [
                crate::address(self.bytes.as_ptr()),
                to_u32(self.bytes.len()),
            ],
        ];
        let all = std::iter::once(&status).chain(tables.iter().flatten());
        for (place, number) in self.header.iter_mut().zip(all) {
            *place = *number;
        }
        self
    }

    /// How many losses there are.
    #[cfg(feature = "read")]
    pub(crate) fn losses_len(&self) -> u32 {
        to_u32(self.losses.chunks(LOSS_NUMBERS).len())
    }

    /// Appends a text; where it starts and ends.
    #[cfg(feature = "read")]
    pub(crate) fn say(&mut self, message: &str) -> [u32; 2] {
        let start = to_u32(self.bytes.len());
        self.bytes.extend_from_slice(message.as_bytes());
        [start, to_u32(self.bytes.len())]
    }
}

/// In WebAssembly nothing is longer; elsewhere too long means the largest.
pub(crate) fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
