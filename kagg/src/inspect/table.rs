//! The table of user records.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use kinesis_aggregation_inspect::UserRecord;

use crate::color::{BAD, DIM};
use crate::terminal::{columns, cut, cut_start};

/// The service takes no longer partition key, in characters.
const LONGEST_KEY: usize = 256;

/// In the place of what is not there.
const NOTHING: &str = "-";

/// A key in quotes, its control characters escaped, or a dash.
pub(super) struct Key<'a>(pub(super) Option<&'a str>);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(key) = self.0 else {
            return f.write_str(NOTHING);
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
const SHARD: usize = 4;
/// The columns that may be narrower than their longest cell, in groups: the hash key tells least,
/// and the shard's id ends with what tells most.
const NARROWED: [std::ops::RangeInclusive<usize>; 3] = [3..=3, 1..=2, SHARD..=SHARD];
const NARROWEST: usize = 6;
/// Of the data, so many columns are shown whatever the terminal.
const DATA: usize = 16;

/// Writes the user records, one a line, all of them. On a terminal, keys and data are cut off to
/// fit into its width; a fault never is, and has a line of its own.
pub(super) fn user_records(
    out: &mut impl Write,
    user_records: &[UserRecord<'_>],
    width: Option<usize>,
) -> io::Result<()> {
    if user_records.is_empty() {
        return Ok(());
    }
    let mut widths = HEADINGS.map(str::len);
    let mut used = [false; COLUMNS];
    let rows: Vec<_> = user_records.iter().map(cells).collect();
    for row in &rows {
        let columns_of = widths.iter_mut().zip(&mut used);
        for ((width, used), cell) in columns_of.zip(row) {
            *width = (*width).max(columns(cell).min(WIDEST));
            *used |= cell != NOTHING;
        }
    }
    let rest = width.map(|width| fit(&mut widths, used, width));
    let is_cut = rest.is_some();
    write!(out, "   {DIM}")?;
    row(out, &widths, &HEADINGS.map(str::to_owned), is_cut)?;
    writeln!(out, " data{DIM:#}")?;
    for (user_record, cells) in user_records.iter().zip(&rows) {
        write!(out, "   ")?;
        row(out, &widths, cells, is_cut)?;
        let data = &user_record.data_preview;
        match rest {
            None => write!(out, " {data}")?,
            Some(rest) => write!(out, " {}", cut(data, rest))?,
        }
        match (user_record.fault, rest) {
            (Some(fault), None) => writeln!(out, "  {BAD}{fault}{BAD:#}")?,
            (Some(fault), Some(_)) => writeln!(out, "\n      {BAD}^ {fault}{BAD:#}")?,
            (None, _) => writeln!(out)?,
        }
    }
    Ok(())
}

/// Takes away the columns that say nothing, and narrows others, one by one, until a row fits.
/// Returns the columns that are left for the data.
fn fit(widths: &mut [usize; COLUMNS], used: [bool; COLUMNS], width: usize) -> usize {
    for (width, used) in widths.iter_mut().zip(used) {
        *width = if used { *width } else { 0 };
    }
    // The margin, and two blanks around each column and one before the data.
    let shown = used.into_iter().filter(|used| *used).count();
    let around = 3 + 2 * shown + 1;
    let mut groups = NARROWED.into_iter().peekable();
    loop {
        let left = width.saturating_sub(around + widths.iter().sum::<usize>());
        let Some(group) = groups.peek().filter(|_| left < DATA) else {
            return left.max(DATA);
        };
        let columns = widths.get_mut(group.clone()).into_iter().flatten();
        match columns.max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => drop(groups.next()),
        }
    }
}

fn row(
    out: &mut impl Write,
    widths: &[usize; COLUMNS],
    cells: &[String; COLUMNS],
    is_cut: bool,
) -> io::Result<()> {
    for (column, (width, cell)) in widths.iter().zip(cells).enumerate() {
        if *width == 0 {
            continue;
        }
        let cell = match column {
            _ if !is_cut => Cow::Borrowed(&**cell),
            SHARD => cut_start(cell, *width),
            _ => cut(cell, *width),
        };
        // By columns, not by characters.
        let blanks = width.saturating_sub(columns(&cell));
        // Numbers to the right.
        if matches!(column, 0 | 5 | 6) {
            write!(out, " {:blanks$}{cell} ", "")?;
        } else {
            write!(out, " {cell}{:blanks$} ", "")?;
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
            .map_or(NOTHING.to_owned(), |index| {
                indexed(user_record.explicit_hash_key.as_deref(), index)
            }),
        user_record
            .hash_key
            .map_or(NOTHING.to_owned(), |key| key.to_string()),
        user_record
            .predicted_shard
            .unwrap_or(NOTHING)
            .escape_debug()
            .to_string(),
        user_record.data_offset.to_string(),
        user_record.data_length.to_string(),
    ]
}
