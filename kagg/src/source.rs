//! Files and standard input.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::compressed::Decompressed;
use crate::exit::{Failure, Result};

pub(crate) type Source = Box<dyn Read + Send>;

/// Opens `file`, or standard input, as if it were not compressed.
pub(crate) fn open(file: Option<&Path>) -> Result<Source> {
    Ok(Box::new(Decompressed::new(open_raw(file)?)))
}

/// Opens `file`, or standard input, for its bytes as they are.
pub(crate) fn open_raw(file: Option<&Path>) -> Result<Source> {
    match file {
        None => Ok(Box::new(io::stdin())),
        Some(path) if path == Path::new("-") => Ok(Box::new(io::stdin())),
        Some(path) => match File::open(path) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => Err(Failure::of_file("open", path, &error)),
        },
    }
}

/// What messages call the input.
pub(crate) fn name(file: Option<&Path>) -> Cow<'_, str> {
    match file {
        // A line break in it must not make two lines of one.
        Some(path) if path != Path::new("-") => match path.to_string_lossy() {
            name if name.contains('\n') => Cow::Owned(name.replace('\n', "\\n")),
            name => name,
        },
        _ => Cow::Borrowed("standard input"),
    }
}

/// `text` without a byte order mark, which some editors and shells put before JSON.
pub(crate) fn without_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text)
}
