//! A batch of Kinesis records, opened: plain tables, made without the GIL.

use std::ops::Range;
use std::sync::Arc;

use kinesis_aggregation::{Deaggregated, Deaggregator, Loss, Outcome, StoredRecord, UserRecordRef};
use rustc_hash::FxHashMap;

/// A Kinesis record as Python holds it, borrowed.
pub(crate) struct Borrowed<'a> {
    pub(crate) data: BorrowedData<'a>,
    pub(crate) sequence_number: Option<&'a str>,
}

pub(crate) enum BorrowedData<'a> {
    Bytes(&'a [u8]),
    Base64(&'a str),
}

impl Borrowed<'_> {
    /// Returns the most bytes that its base64 can decode to.
    fn decoded_len(&self) -> usize {
        match self.data {
            BorrowedData::Bytes(_) => 0,
            BorrowedData::Base64(text) => text.len() / 4 * 3,
        }
    }
}

/// What came out of one Kinesis record.
pub(crate) struct Opened {
    /// The Kinesis record's data, if it was base64.
    pub(crate) decoded: Option<Decoded>,
    /// Whether any byte of its user records may be wrong.
    pub(crate) damaged: bool,
    /// In order.
    pub(crate) items: Vec<Item>,
    /// The keys that the items use, each once.
    pub(crate) keys: Vec<Box<str>>,
}

/// A part of a batch's decoded base64. All of it is one allocation: glibc gives the memory of many small ones back to the
/// system after each batch, and getting it again would take half of the time.
pub(crate) struct Decoded {
    all: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl Decoded {
    pub(crate) fn data(&self) -> &[u8] {
        self.all.get(self.range.clone()).unwrap_or_default()
    }
}

pub(crate) enum Item {
    /// Of an aggregate. Keys are places in [`Opened::keys`].
    UserRecord {
        data: Range<usize>,
        partition_key: usize,
        explicit_hash_key: Option<usize>,
        sub_sequence_number: u64,
    },
    /// The Kinesis record itself.
    Plain,
    Loss {
        message: String,
        sub_sequence_number: u64,
    },
}

/// Opens Kinesis records, the first of which is number `first`, up to one whose data is not base64.
pub(crate) fn open(
    deaggregator: &Deaggregator,
    given: &[Borrowed<'_>],
    first: usize,
) -> Vec<Opened> {
    let mut decoded = Vec::with_capacity(given.iter().map(Borrowed::decoded_len).sum());
    let mut ranges = Vec::with_capacity(given.len());
    for record in given {
        let start = decoded.len();
        ranges.push(match record.data {
            BorrowedData::Bytes(_) => None,
            BorrowedData::Base64(text) => {
                match base64_simd::STANDARD.decode_append(text, &mut decoded) {
                    Ok(()) => Some(start..decoded.len()),
                    Err(_) => break,
                }
            }
        });
    }
    let stored: Vec<_> = given
        .iter()
        .zip(&ranges)
        .map(|(record, range)| Stored::new(record, range.as_ref(), &decoded))
        .collect();
    let batch = deaggregator.deaggregate_batch(&stored);
    let mut opened: Vec<_> = batch
        .records()
        .iter()
        .map(|record| Opened::of(record, first))
        .collect();
    let all = Arc::new(decoded);
    for (opened, range) in opened.iter_mut().zip(ranges) {
        opened.decoded = range.map(|range| Decoded {
            all: Arc::clone(&all),
            range,
        });
    }
    opened
}

struct Stored<'a> {
    data: &'a [u8],
    sequence_number: Option<&'a str>,
}

impl<'a> Stored<'a> {
    fn new(record: &'a Borrowed<'_>, range: Option<&Range<usize>>, decoded: &'a [u8]) -> Self {
        let data = match record.data {
            BorrowedData::Bytes(bytes) => Some(bytes),
            BorrowedData::Base64(_) => range.and_then(|range| decoded.get(range.clone())),
        };
        Self {
            data: data.unwrap_or_default(),
            sequence_number: record.sequence_number,
        }
    }
}

impl StoredRecord for Stored<'_> {
    /// Python has it: a plain record takes it from there.
    fn partition_key(&self) -> Option<&str> {
        None
    }

    fn data(&self) -> &[u8] {
        self.data
    }

    fn sequence_number(&self) -> Option<&str> {
        self.sequence_number
    }
}

impl Opened {
    /// `first` is the number of the batch's first Kinesis record.
    fn of(record: &Deaggregated<&Stored<'_>>, first: usize) -> Self {
        let mut keys = Keys::default();
        let items = record.user_records().map(|user_record| match user_record {
            Ok(user_record) => item(record.source().data, &user_record, &mut keys),
            Err(loss) => Item::Loss {
                message: message(&loss, first + loss.record_index()),
                sub_sequence_number: loss.sub_sequence_number(),
            },
        });
        Self {
            decoded: None,
            damaged: matches!(record.outcome(), Outcome::Damaged(_)),
            items: items.collect(),
            keys: keys.all,
        }
    }
}

fn item(data: &[u8], user_record: &UserRecordRef<'_>, keys: &mut Keys) -> Item {
    if !user_record.is_aggregated() {
        return Item::Plain;
    }
    Item::UserRecord {
        data: range(data, user_record.data()),
        partition_key: keys.place(user_record.partition_key().unwrap_or_default()),
        explicit_hash_key: user_record.explicit_hash_key().map(|key| keys.place(key)),
        sub_sequence_number: user_record.sub_sequence_number(),
    }
}

/// The keys of one Kinesis record.
#[derive(Default)]
struct Keys {
    all: Vec<Box<str>>,
    /// Where each is in `all`. Keys are told apart by where they are in memory: the library decodes
    /// each used table entry once, so all user records that use an entry give the same address. A
    /// key that is not recognised is added again, which is not wrong.
    places: FxHashMap<(usize, usize), usize>,
}

impl Keys {
    fn place(&mut self, key: &str) -> usize {
        let address = key.as_ptr().addr();
        *self.places.entry((address, key.len())).or_insert_with(|| {
            self.all.push(key.into());
            self.all.len() - 1
        })
    }
}

/// Where `part` is in `data`.
pub(crate) fn range(data: &[u8], part: &[u8]) -> Range<usize> {
    // It may be elsewhere.
    if part.is_empty() {
        return 0..0;
    }
    let start = part.as_ptr().addr().wrapping_sub(data.as_ptr().addr());
    start..start.wrapping_add(part.len())
}

/// As the loss says it, but with the Kinesis record's place among all, not in its batch.
pub(crate) fn message(loss: &Loss, index: usize) -> String {
    format!(
        "user record {} of Kinesis record {index}, at byte {}: {}",
        loss.sub_sequence_number(),
        loss.offset(),
        loss.kind()
    )
}
