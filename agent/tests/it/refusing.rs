//! The real files, but for what must not be read.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use kinesis_aggregation_agent::{FileSystem, Meta, RealFile, RealFs};

/// Which call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    List,
    Meta,
    Open,
}

#[derive(Default)]
pub(crate) struct Refusing(RefCell<HashMap<(Call, PathBuf), io::ErrorKind>>);

impl Refusing {
    pub(crate) fn refuse(&self, call: Call, path: PathBuf, kind: io::ErrorKind) {
        self.0.borrow_mut().insert((call, path), kind);
    }

    pub(crate) fn refuse_nothing(&self) {
        self.0.borrow_mut().clear();
    }

    fn check(&self, call: Call, path: &Path) -> io::Result<()> {
        let refused = self.0.borrow();
        let kind = refused.get(&(call, path.to_owned()));
        kind.map_or(Ok(()), |kind| Err((*kind).into()))
    }
}

impl FileSystem for Refusing {
    type File = RealFile;

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        self.check(Call::List, directory)?;
        RealFs.list(directory)
    }

    fn meta(&self, path: &Path) -> io::Result<Meta> {
        self.check(Call::Meta, path)?;
        RealFs.meta(path)
    }

    fn open(&self, path: &Path) -> io::Result<RealFile> {
        self.check(Call::Open, path)?;
        RealFs.open(path)
    }
}
