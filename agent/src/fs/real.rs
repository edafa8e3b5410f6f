//! The machine's own file system.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;

use super::traits::{FileId, FileSystem, Meta, OpenFile};

/// The machine's own file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFs;

/// An open file of [`RealFs`].
#[derive(Debug)]
pub struct RealFile {
    file: File,
    id: FileId,
}

impl FileSystem for RealFs {
    type File = RealFile;

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(directory)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect()
    }

    fn meta(&self, path: &Path) -> io::Result<Meta> {
        let metadata = fs::metadata(path)?;
        Ok(meta(system::id(path, &metadata)?, &metadata))
    }

    fn open(&self, path: &Path) -> io::Result<RealFile> {
        let (file, id) = system::open(path)?;
        Ok(RealFile { file, id })
    }
}

impl OpenFile for RealFile {
    fn meta(&self) -> io::Result<Meta> {
        Ok(meta(self.id, &self.file.metadata()?))
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        system::read_at(&self.file, position, buffer)
    }
}

fn meta(id: FileId, metadata: &Metadata) -> Meta {
    Meta {
        id,
        len: metadata.len(),
        modified: modified(metadata),
        is_file: metadata.is_file(),
    }
}

/// 0 where the file system does not say.
fn modified(metadata: &Metadata) -> i128 {
    let Ok(time) = metadata.modified() else {
        return 0;
    };
    let nanoseconds = |duration: std::time::Duration| duration.as_nanos().cast_signed();
    match time.duration_since(std::time::UNIX_EPOCH) {
        Ok(after) => nanoseconds(after),
        Err(before) => nanoseconds(before.duration()).saturating_neg(),
    }
}

#[cfg(unix)]
mod system {
    use std::os::unix::fs::{FileExt as _, MetadataExt as _};

    use super::{File, FileId, Metadata, Path, io};

    pub(super) fn open(path: &Path) -> io::Result<(File, FileId)> {
        let file = File::open(path)?;
        let id = id(path, &file.metadata()?)?;
        Ok((file, id))
    }

    #[expect(clippy::unnecessary_wraps, reason = "Windows has to ask the path")]
    pub(super) fn id(_: &Path, metadata: &Metadata) -> io::Result<FileId> {
        Ok(FileId {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }

    pub(super) fn read_at(file: &File, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        file.read_at(buffer, position)
    }
}

#[cfg(windows)]
mod system {
    use std::fs::OpenOptions;
    use std::os::windows::fs::{FileExt as _, OpenOptionsExt as _};

    use super::{File, FileId, Metadata, Path, io};

    /// `FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE`: the program that rotates the
    /// file must be able to rename and delete it while we read.
    const SHARE_ALL: u32 = 1 | 2 | 4;

    pub(super) fn open(path: &Path) -> io::Result<(File, FileId)> {
        let file = OpenOptions::new()
            .read(true)
            .share_mode(SHARE_ALL)
            .open(path)?;
        let id = id(path, &file.metadata()?)?;
        Ok((file, id))
    }

    pub(super) fn id(path: &Path, _: &Metadata) -> io::Result<FileId> {
        match file_id::get_low_res_file_id(path)? {
            file_id::FileId::LowRes {
                volume_serial_number,
                file_index,
            } => Ok(FileId {
                device: volume_serial_number.into(),
                inode: file_index,
            }),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    pub(super) fn read_at(file: &File, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        file.seek_read(buffer, position)
    }
}
