//! The table of user records.

use std::fmt;
use std::io::{self, Write};

use kinesis_aggregation_inspect::UserRecord;

use crate::color::{BAD, DIM};

/// The service takes no longer partition key, in characters.
const LONGEST_KEY: usize = 256;

/// A key in quotes, its control characters escaped, or a dash.
pub(super) struct Key<'a>(pub(super) Option<&'a str>);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(key) = self.0 else {
            return f.write_str("-");
        };
        match key.char_indices().nth(LONGEST_KEY) {
            None => write!(f, "{key:?}"),
            // Every user record may name it: shown whole, it could fill a disk.
            Some((end, _)) => {
                let start = key.get(..end).unwrap_or_default();
                write!(f, "{start:?}… ({} bytes)", key.len())
            }
        }
    }
}

/// The columns of the user records, but for the last one, which needs no width.
const COLUMNS: usize = 7;
const HEADINGS: [&str; COLUMNS] = [
    "sub",
    "partition key",
    "explicit hash key",
    "hash key",
    "shard",
    "at byte",
    "length",
];
/// What is longer does not widen its column.
const WIDEST: usize = 40;

/// Writes the user records, one a line, all of them.
pub(super) fn user_records(
    out: &mut impl Write,
    user_records: &[UserRecord<'_>],
) -> io::Result<()> {
    if user_records.is_empty() {
        return Ok(());
    }
    let mut widths = HEADINGS.map(str::len);
    for user_record in user_records {
        for (width, cell) in widths.iter_mut().zip(cells(user_record)) {
            *width = (*width).max(cell.chars().count().min(WIDEST));
        }
    }
    write!(out, "   {DIM}")?;
    row(out, &widths, &HEADINGS.map(str::to_owned))?;
    writeln!(out, " data{DIM:#}")?;
    for user_record in user_records {
        write!(out, "   ")?;
        row(out, &widths, &cells(user_record))?;
        write!(out, " {}", user_record.data_preview)?;
        match user_record.fault {
            Some(fault) => writeln!(out, "  {BAD}{fault}{BAD:#}")?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}

fn row(
    out: &mut impl Write,
    widths: &[usize; COLUMNS],
    cells: &[String; COLUMNS],
) -> io::Result<()> {
    for (column, (width, cell)) in widths.iter().zip(cells).enumerate() {
        let width = *width;
        // Numbers to the right.
        if matches!(column, 0 | 5 | 6) {
            write!(out, " {cell:>width$} ")?;
        } else {
            write!(out, " {cell:<width$} ")?;
        }
    }
    Ok(())
}

fn cells(user_record: &UserRecord<'_>) -> [String; COLUMNS] {
    let indexed = |key: Option<&str>, index: u32| match key {
        Some(_) => Key(key).to_string(),
        None => format!("index {index}?"),
    };
    [
        user_record.sub_sequence_number.to_string(),
        indexed(
            user_record.partition_key.as_deref(),
            user_record.partition_key_index,
        ),
        user_record
            .explicit_hash_key_index
            .map_or("-".to_owned(), |index| {
                indexed(user_record.explicit_hash_key.as_deref(), index)
            }),
        user_record
            .hash_key
            .map_or("-".to_owned(), |key| key.to_string()),
        user_record
            .predicted_shard
            .unwrap_or("-")
            .escape_debug()
            .to_string(),
        user_record.data_offset.to_string(),
        user_record.data_length.to_string(),
    ]
}
