//! What the follower asks of a file system.

use std::ffi::OsString;
use std::io;
use std::path::Path;

/// What the follower asks of a file system. All of it may fail at any time, and is then asked
/// again later.
pub trait FileSystem {
    /// An open file. It stays readable after the file was renamed or deleted.
    type File: OpenFile;

    /// The names in a directory, in any order, without `.` and `..`.
    ///
    /// # Errors
    ///
    /// Any error of the file system.
    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>>;

    /// What a path names, after symbolic links.
    ///
    /// # Errors
    ///
    /// Any error of the file system.
    fn meta(&self, path: &Path) -> io::Result<Meta>;

    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// Any error of the file system.
    fn open(&self, path: &Path) -> io::Result<Self::File>;
}

/// An open file.
pub trait OpenFile {
    /// What it is now.
    ///
    /// # Errors
    ///
    /// Any error of the file system.
    fn meta(&self) -> io::Result<Meta>;

    /// Reads at a byte position; 0 bytes at or after the end.
    ///
    /// # Errors
    ///
    /// Any error of the file system.
    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// What tells one file from another while it exists: after that its number may be given to
/// another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// The device, or the volume.
    pub device: u64,
    /// The inode, or the file's index on the volume.
    pub inode: u64,
}

/// What a path or an open file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Which file it is.
    pub id: FileId,
    /// Its length in bytes.
    pub len: u64,
    /// When it was last written, in nanoseconds since 1970.
    pub modified: i128,
    /// Whether it is a regular file.
    pub is_file: bool,
}

/// Reads until `buffer` is full or the file ends; the number of bytes read.
pub(crate) fn read_full(
    file: &impl OpenFile,
    position: u64,
    buffer: &mut [u8],
) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(position.saturating_add(filled as u64), rest) {
            Ok(0) => break,
            Ok(read) => filled = filled.saturating_add(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Answers with these, the last first.
    struct Answers(RefCell<Vec<io::Result<usize>>>);

    impl OpenFile for Answers {
        fn meta(&self) -> io::Result<Meta> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
            self.0.borrow_mut().pop().unwrap_or(Ok(0))
        }
    }

    #[test]
    fn a_read_that_is_interrupted_goes_on_and_one_that_fails_does_not() {
        let read = |kind: io::ErrorKind| {
            let answers = vec![Ok(2), Err(kind.into()), Ok(3)];
            read_full(&Answers(RefCell::new(answers)), 0, &mut [0; 9]).ok()
        };
        assert_eq!(read(io::ErrorKind::Interrupted), Some(5));
        assert_eq!(read(io::ErrorKind::PermissionDenied), None);
    }
}
