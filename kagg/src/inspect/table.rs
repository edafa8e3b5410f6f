//! The table of user records.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::iter::repeat_n;

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
        // Most keys need no escape, which takes its time.
        let is_plain = |byte: u8| matches!(byte, b' '..=b'~' if byte != b'"' && byte != b'\\');
        if key.len() <= LONGEST_KEY && key.bytes().all(is_plain) {
            return write!(f, "\"{key}\"");
        }
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

/// The columns of the user records, but for the last one, the data, which needs no width.
const HEADINGS: [&str; COLUMNS] = [
    "sub",
    "partition key",
    "explicit hash key",
    "hash key",
    "shard",
    "at byte",
    "length",
];
const COLUMNS: usize = 7;
const PARTITION_KEY: usize = 1;
const EXPLICIT_HASH_KEY: usize = 2;
const HASH_KEY: usize = 3;
const SHARD: usize = 4;
/// Whether a column has numbers, which are at its right.
const IS_NUMBER: [bool; COLUMNS] = [true, false, false, false, false, true, true];
/// A longer cell does not widen its column.
const WIDEST: usize = 40;
/// The columns that may be narrower than their longest cell, in groups: the hash key tells least,
/// and the shard's id ends with what tells most.
const NARROWED: [std::ops::RangeInclusive<usize>; 3] = [
    HASH_KEY..=HASH_KEY,
    PARTITION_KEY..=EXPLICIT_HASH_KEY,
    SHARD..=SHARD,
];
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
    let mut cells = Cells::default();
    for user_record in user_records {
        cells.add(user_record);
    }
    for row in cells.rows() {
        let columns_of = widths.iter_mut().zip(&mut used);
        for ((width, used), cell) in columns_of.zip(row) {
            *width = (*width).max(columns(cell).min(WIDEST));
            *used |= cell != NOTHING;
        }
    }
    let rest = width.map(|width| fit(&mut widths, used, width));
    let is_cut = rest.is_some();
    let mut line = String::new();
    put_row(&mut line, &widths, HEADINGS, is_cut);
    writeln!(out, "   {DIM}{line} data{DIM:#}")?;
    for (user_record, row) in user_records.iter().zip(cells.rows()) {
        line.clear();
        line.push_str("   ");
        put_row(&mut line, &widths, row, is_cut);
        line.push(' ');
        let data = &user_record.data_preview;
        line.push_str(&rest.map_or(Cow::Borrowed(&**data), |rest| cut(data, rest)));
        out.write_all(line.as_bytes())?;
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

/// Appends a row.
fn put_row<'c>(
    line: &mut String,
    widths: &[usize; COLUMNS],
    cells: impl IntoIterator<Item = &'c str>,
    is_cut: bool,
) {
    for (column, ((width, is_number), cell)) in widths.iter().zip(IS_NUMBER).zip(cells).enumerate()
    {
        if *width == 0 {
            continue;
        }
        let cell = match column {
            _ if !is_cut => Cow::Borrowed(cell),
            SHARD => cut_start(cell, *width),
            _ => cut(cell, *width),
        };
        // By columns, not by characters.
        let blanks = repeat_n(' ', width.saturating_sub(columns(&cell)));
        line.push(' ');
        if is_number {
            line.extend(blanks);
            line.push_str(&cell);
        } else {
            line.push_str(&cell);
            line.extend(blanks);
        }
        line.push(' ');
    }
}

/// The cells of all rows, one after another in one text: there may be many.
#[derive(Default)]
struct Cells {
    text: String,
    /// Where each cell ends.
    ends: Vec<usize>,
}

impl Cells {
    fn add(&mut self, user_record: &UserRecord<'_>) {
        self.put(user_record.sub_sequence_number);
        let index = user_record.partition_key_index;
        self.put_key(user_record.partition_key.as_deref(), index);
        match user_record.explicit_hash_key_index {
            Some(index) => self.put_key(user_record.explicit_hash_key.as_deref(), index),
            None => self.put(NOTHING),
        }
        match user_record.hash_key {
            Some(hash_key) => self.put(hash_key),
            None => self.put(NOTHING),
        }
        match user_record.predicted_shard {
            Some(id) => self.put(id.escape_debug()),
            None => self.put(NOTHING),
        }
        self.put(user_record.data_offset);
        self.put(user_record.data_length);
    }

    fn put_key(&mut self, key: Option<&str>, index: u32) {
        match key {
            Some(_) => self.put(Key(key)),
            None => self.put(format_args!("index {index}?")),
        }
    }

    fn put(&mut self, cell: impl fmt::Display) {
        // Writing to a String does not fail.
        let _ = write!(self.text, "{cell}");
        self.ends.push(self.text.len());
    }

    fn rows(&self) -> impl Iterator<Item = impl Iterator<Item = &str>> {
        let mut start = 0;
        self.ends.chunks(COLUMNS).map(move |ends| {
            let first = start;
            start = ends.last().copied().unwrap_or(first);
            ends.iter().scan(first, |start, end| {
                let cell = self.text.get(*start..*end).unwrap_or_default();
                *start = *end;
                Some(cell)
            })
        })
    }
}
