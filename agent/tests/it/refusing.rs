//! The real file system, except that calls can be made to fail, and files renamed right before a call.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use kinesis_aggregation_agent::{FileSystem, Meta, OpenFile, RealFile, RealFs};

/// Which call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    List,
    Meta,
    Open,
}

#[derive(Default)]
pub(crate) struct Refusing {
    refused: RefCell<HashMap<(Call, PathBuf), io::ErrorKind>>,
    /// Files that get another name right before a call.
    renamed: RefCell<HashMap<(Call, PathBuf), PathBuf>>,
    /// Each open file has it too.
    open: Rc<()>,
}

/// An open file, which is counted.
pub(crate) struct Counted {
    file: RealFile,
    _open: Rc<()>,
}

impl OpenFile for Counted {
    fn meta(&self) -> io::Result<Meta> {
        self.file.meta()
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(position, buffer)
    }
}

impl Refusing {
    pub(crate) fn refuse(&self, call: Call, path: PathBuf, kind: io::ErrorKind) {
        self.refused.borrow_mut().insert((call, path), kind);
    }

    pub(crate) fn refuse_nothing(&self) {
        self.refused.borrow_mut().clear();
    }

    /// Renames a file right before it is asked for with this call.
    pub(crate) fn rename_before(&self, call: Call, from: PathBuf, to: PathBuf) {
        self.renamed.borrow_mut().insert((call, from), to);
    }

    /// How many files are open.
    pub(crate) fn open_files(&self) -> usize {
        Rc::strong_count(&self.open) - 1
    }

    fn check(&self, call: Call, path: &Path) -> io::Result<()> {
        if let Some(to) = self.renamed.borrow_mut().remove(&(call, path.to_owned())) {
            std::fs::rename(path, to)?;
        }
        let refused = self.refused.borrow();
        let kind = refused.get(&(call, path.to_owned()));
        kind.map_or(Ok(()), |kind| Err((*kind).into()))
    }
}

impl FileSystem for Refusing {
    type File = Counted;

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        self.check(Call::List, directory)?;
        RealFs.list(directory)
    }

    fn meta(&self, path: &Path) -> io::Result<Meta> {
        self.check(Call::Meta, path)?;
        RealFs.meta(path)
    }

    fn open(&self, path: &Path) -> io::Result<Counted> {
        self.check(Call::Open, path)?;
        Ok(Counted {
            file: RealFs.open(path)?,
            _open: Rc::clone(&self.open),
        })
    }
}
