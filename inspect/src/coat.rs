//! Coats: what was done to the bytes of an aggregate on their way.

use std::fmt;

use bytes::Bytes;
use kinesis_aggregation::wire::MAGIC;
use kinesis_aggregation::{Outcome, deaggregate};
use serde::Serialize;

use crate::carve::run_of_aggregates;
use crate::record::FoundRecord;
use crate::text::decode_value;

/// Why data is not the aggregate, or not the text, that it once was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Coat {
    /// Base64 or hexadecimal text of an aggregate: it was encoded once too often.
    Text {
        /// In the aggregate.
        user_records: usize,
    },
    /// The bytes were taken for Latin-1 or Windows-1252, and encoded as UTF-8. This can be undone.
    Latin1 {
        /// In the aggregate, if it is still whole.
        user_records: Option<usize>,
    },
    /// The bytes were decoded as UTF-8: what is no UTF-8 is lost.
    LossyUtf8,
    /// Several aggregates, one right after the other.
    SeveralAggregates {
        /// Where each ends, in bytes from the start.
        ends: Vec<usize>,
        /// Whether something follows the last one.
        more_follows: bool,
    },
    /// Compressed data: `gzip`, `zlib` or `zstd`.
    Compressed {
        /// With what.
        format: &'static str,
    },
}

impl Coat {
    /// The coat of a Kinesis record's data, if it has one that is known.
    ///
    /// ```
    /// use kinesis_aggregation_inspect::Coat;
    ///
    /// let lossy = String::from_utf8_lossy(b"\xF3\x89\x9A\xC2\x0A\x01a").into_owned();
    /// assert_eq!(Coat::of(&lossy.into()), Some(Coat::LossyUtf8));
    /// assert_eq!(Coat::of(&"plain".into()), None);
    /// ```
    pub fn of(data: &Bytes) -> Option<Self> {
        if data.starts_with(&MAGIC) {
            return several(data);
        }
        if let Some(inner) = text_of_an_aggregate(data) {
            let user_records = user_records(&inner)?;
            return Some(Self::Text { user_records });
        }
        if is_latin1(data) {
            let user_records = from_latin1(data).and_then(|inner| user_records(&inner));
            return Some(Self::Latin1 { user_records });
        }
        if is_lossy(data) {
            return Some(Self::LossyUtf8);
        }
        let format = match **data {
            [0x1F, 0x8B, 8, ..] => "gzip",
            [0x28, 0xB5, 0x2F, 0xFD, ..] => "zstd",
            // The usual window, and its checksum.
            [0x78, flags, ..] if (0x7800 | u16::from(flags)).is_multiple_of(31) => "zlib",
            _ => return None,
        };
        Some(Self::Compressed { format })
    }

    /// Whether [`unwrap`] takes it off.
    pub fn comes_off(&self) -> bool {
        match self {
            Self::Text { .. } => true,
            Self::Latin1 { user_records } => user_records.is_some(),
            Self::SeveralAggregates { more_follows, .. } => !more_follows,
            _ => false,
        }
    }
}

impl fmt::Display for Coat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { user_records } => write!(
                f,
                "it is the base64 or hexadecimal text of an aggregate of {user_records} user \
                 records: it was encoded twice"
            ),
            Self::Latin1 { user_records } => {
                f.write_str("it is an aggregate whose bytes were taken for Latin-1 text and encoded as UTF-8")?;
                match user_records {
                    Some(count) => write!(f, "; undone, it has {count} user records"),
                    None => f.write_str("; it was damaged besides"),
                }
            }
            Self::LossyUtf8 => f.write_str(
                "it is an aggregate that was decoded as UTF-8: the bytes that were no UTF-8 are \
                 lost, and with them its records. Have the program that wrote it handle bytes, \
                 not text",
            ),
            Self::SeveralAggregates { ends, more_follows } => {
                for (number, end) in ends.iter().enumerate() {
                    let what = match number {
                        0 => "an aggregate with a right digest",
                        _ => ", another starts there and",
                    };
                    write!(f, "{what} ends at byte {end}")?;
                }
                if *more_follows {
                    f.write_str(", and what follows is not one")?;
                }
                Ok(())
            }
            Self::Compressed { format } => write!(f, "it is compressed with {format}"),
        }
    }
}

/// Takes off the coat of a record: its aggregates, or `None` if it has no coat that comes off.
///
/// ```
/// use kinesis_aggregation_inspect::{FoundRecord, unwrap};
///
/// assert!(unwrap(&FoundRecord::new("plain")).is_none());
/// ```
pub fn unwrap(record: &FoundRecord) -> Option<Vec<FoundRecord>> {
    let data = record.data();
    let coat = Coat::of(data).filter(Coat::comes_off)?;
    let inner: Vec<Bytes> = match coat {
        Coat::Text { .. } => vec![text_of_an_aggregate(data)?],
        Coat::Latin1 { .. } => vec![from_latin1(data)?],
        Coat::SeveralAggregates { ends, .. } => {
            let starts = std::iter::once(0).chain(ends.iter().copied());
            starts
                .zip(&ends)
                .filter_map(|(start, &end)| Some(data.slice_ref(data.get(start..end)?)))
                .collect()
        }
        _ => return None,
    };
    let with = |data| FoundRecord {
        data,
        ..record.clone()
    };
    Some(inner.into_iter().map(with).collect())
}

/// The user records of an aggregate that is whole.
fn user_records(data: &[u8]) -> Option<usize> {
    let read = deaggregate(None, data);
    match read.outcome() {
        Outcome::Plain(_) => None,
        _ => Some(read.user_records().len()),
    }
}

fn text_of_an_aggregate(data: &[u8]) -> Option<Bytes> {
    let start = data.trim_ascii_start();
    let start = start.strip_prefix(b"\"").unwrap_or(start);
    let starts_like_one = start.starts_with(b"84mawg")
        || start
            .get(..8)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"f3899ac2"));
    if !starts_like_one {
        return None;
    }
    let inner: Bytes = decode_value(data)?.into();
    user_records(&inner).map(|_| inner)
}

/// `F3 89 9A C2` as Latin-1 or as Windows-1252, in UTF-8.
fn is_latin1(data: &[u8]) -> bool {
    data.starts_with("\u{F3}\u{89}\u{9A}\u{C2}".as_bytes())
        || data.starts_with("\u{F3}\u{2030}\u{161}\u{C2}".as_bytes())
}

fn from_latin1(data: &[u8]) -> Option<Bytes> {
    let text = str::from_utf8(data).ok()?;
    let bytes: Option<Vec<u8>> = text.chars().map(byte).collect();
    bytes.map(Bytes::from)
}

/// The characters of Windows-1252 for the bytes 80 to 9F.
const WINDOWS_1252: [u16; 32] = [
    0x20AC, 0x81, 0x201A, 0x192, 0x201E, 0x2026, 0x2020, 0x2021, 0x2C6, 0x2030, 0x160, 0x2039,
    0x152, 0x8D, 0x17D, 0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x2DC,
    0x2122, 0x161, 0x203A, 0x153, 0x9D, 0x17E, 0x178,
];

fn byte(c: char) -> Option<u8> {
    if let Ok(byte) = u8::try_from(u32::from(c)) {
        return Some(byte);
    }
    let at = WINDOWS_1252
        .iter()
        .position(|&unit| u32::from(unit) == u32::from(c))?;
    u8::try_from(0x80 + at).ok()
}

/// The magic as U+FFFD, two to four of them, before the tag of a partition key, an explicit hash
/// key or a user record. `F3 89 9A` starts a character and is one U+FFFD, or three.
fn is_lossy(data: &[u8]) -> bool {
    const LOST: &[u8] = "\u{FFFD}".as_bytes();
    let mut rest = data;
    let mut count = 0;
    while let Some(after) = rest.strip_prefix(LOST) {
        rest = after;
        count += 1;
    }
    (2..=4).contains(&count) && matches!(rest, [0x0A | 0x12 | 0x1A, ..])
}

/// Data that starts with the magic: whole aggregates, one after another.
fn several(data: &Bytes) -> Option<Coat> {
    let lens = run_of_aggregates(data);
    let ends: Vec<usize> = lens
        .iter()
        .scan(0, |end, len| {
            *end += len;
            Some(*end)
        })
        .collect();
    let last = *ends.last()?;
    // One aggregate and nothing else has no coat; one and a newline has its own word.
    let more_follows = last < data.len();
    (ends.len() > 1 || data.len() - last > 2)
        .then_some(Coat::SeveralAggregates { ends, more_follows })
}
