//! Our own database.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use rusqlite::types::Type;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};

use crate::follow::{Head, Mark, Saved, SavedFile};
use crate::fs::FileId;

/// `head_lines` has, for each mark, its length in two bytes, the higher one first, and its digest.
/// `first_path` is the path under which the file was seen first.
/// `listed_at`, `modified` and `updated` are nanoseconds since 1970; numbers above 2^63 wrap.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS flows (
    flow TEXT PRIMARY KEY,
    listed_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    flow TEXT NOT NULL,
    key INTEGER NOT NULL,
    path TEXT NOT NULL,
    first_path TEXT NOT NULL,
    device INTEGER,
    inode INTEGER,
    head_len INTEGER NOT NULL,
    head BLOB NOT NULL,
    head_lines BLOB NOT NULL,
    position INTEGER NOT NULL,
    before_len INTEGER NOT NULL,
    before BLOB NOT NULL,
    len INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    is_finished INTEGER NOT NULL,
    PRIMARY KEY (flow, key)
) WITHOUT ROWID;
";

/// The positions of all flows, in one SQLite file that one process at a time may write.
///
/// ```
/// use kinesis_aggregation_agent::{PositionStore, Saved, StoreError};
///
/// # let directory = tempfile::tempdir()?;
/// let path = directory.path().join("agent.db");
/// let mut store = PositionStore::open(&path)?;
/// assert_eq!(store.load("flow")?, None, "never started before");
/// store.save([("flow", &Saved::default())])?;
/// assert_eq!(store.load("flow")?, Some(Saved::default()));
/// assert!(matches!(PositionStore::open(&path), Err(StoreError::Locked(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PositionStore {
    connection: Connection,
    /// The content of the database, so that only changes are written.
    written: HashMap<String, (i128, BTreeMap<u64, SavedFile>)>,
    /// Locked while the store is open.
    _lock: Option<File>,
}

/// Why positions cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has the database.
    #[error("{0} is in use by another process")]
    Locked(PathBuf),
    /// The database or its directory cannot be opened.
    #[error("{path}: {error}")]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The Amazon Kinesis Agent's database is there, but cannot be read.
    #[error("cannot read the Amazon Kinesis Agent's checkpoints in {path}: {error}")]
    Checkpoints {
        /// Its database.
        path: PathBuf,
        /// Why.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A directory or a file of the flow cannot be read, so that it is not known where the Amazon
    /// Kinesis Agent was.
    #[error("cannot go on after the Amazon Kinesis Agent: {path}: {error}")]
    HandOver {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// SQLite fails: the disk is full, or the file is no database.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

impl PositionStore {
    /// Opens the database, and makes it and its directory if they are not there. It is locked
    /// until the store is dropped, or the process ends, however it ends.
    ///
    /// # Errors
    ///
    /// Every [`StoreError`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(|error| open_error(directory, error))?;
        }
        let lock_path = path.with_added_extension("lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let lock = options
            .open(&lock_path)
            .map_err(|error| open_error(&lock_path, error))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::Locked(path.to_owned()),
            TryLockError::Error(error) => open_error(&lock_path, error),
        })?;
        let connection = Connection::open(path)?;
        // With a write-ahead log a kill at any moment leaves the last commit or the one before.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self {
            connection,
            written: HashMap::new(),
            _lock: Some(lock),
        })
    }

    /// Opens the database only to read it, also while a process writes it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`] if it does not exist or cannot be read.
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        Ok(Self {
            connection,
            written: HashMap::new(),
            _lock: None,
        })
    }

    /// The flows that there are positions of.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`].
    pub fn flows(&self) -> Result<Vec<String>, StoreError> {
        let mut statement = self
            .connection
            .prepare("SELECT flow FROM flows ORDER BY flow")?;
        let flows = statement.query_map([], |row| row.get(0))?;
        Ok(flows.collect::<Result<_, _>>()?)
    }

    /// Returns the saved state of a flow, or `None` before its very first start.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`].
    pub fn load(&self, flow: &str) -> Result<Option<Saved>, StoreError> {
        let listed_at: Option<i64> = self
            .connection
            .query_row(
                "SELECT listed_at FROM flows WHERE flow = ?",
                [flow],
                |row| row.get(0),
            )
            .optional()?;
        let Some(listed_at) = listed_at else {
            return Ok(None);
        };
        let mut statement = self.connection.prepare(
            "SELECT key, path, first_path, device, inode, head_len, head, head_lines, position,
                before_len, before, len, modified, is_finished FROM files WHERE flow = ? ORDER BY key",
        )?;
        let files = statement
            .query_map([flow], read)?
            .collect::<Result<_, _>>()?;
        Ok(Some(Saved {
            files,
            listed_at: listed_at.into(),
        }))
    }

    /// Saves what is known of some flows, all of it or nothing. Only what changed is written.
    ///
    /// # Errors
    ///
    /// [`StoreError::Sqlite`]; the database is then as it was.
    pub fn save<'s>(
        &mut self,
        flows: impl IntoIterator<Item = (&'s str, &'s Saved)>,
    ) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        let mut written = Vec::new();
        for (flow, saved) in flows {
            let before = self.written.get(flow);
            let now: BTreeMap<u64, SavedFile> = saved
                .files
                .iter()
                .map(|file| (file.key, file.clone()))
                .collect();
            let is_written = |(key, file): &(&u64, &SavedFile)| {
                before.is_some_and(|(_, files)| files.get(key) == Some(file))
            };
            if before.map(|before| before.0) != Some(saved.listed_at) {
                transaction.execute(
                    "INSERT OR REPLACE INTO flows VALUES (?, ?)",
                    params![flow, nanoseconds(saved.listed_at)],
                )?;
            }
            for (_, file) in now.iter().filter(|entry| !is_written(entry)) {
                write(&transaction, flow, file)?;
            }
            match before {
                None => {
                    // What a process before had, and this one has forgotten.
                    let mut statement =
                        transaction.prepare("SELECT key FROM files WHERE flow = ?")?;
                    let keys = statement.query_map([flow], |row| row.get::<_, i64>(0))?;
                    let keys: Vec<u64> = keys
                        .map(|key| key.map(i64::cast_unsigned))
                        .collect::<Result<_, _>>()?;
                    delete(
                        &transaction,
                        flow,
                        keys.iter().filter(|key| !now.contains_key(key)),
                    )?;
                }
                Some((_, files)) => {
                    delete(
                        &transaction,
                        flow,
                        files.keys().filter(|key| !now.contains_key(key)),
                    )?;
                }
            }
            written.push((flow.to_owned(), (saved.listed_at, now)));
        }
        transaction.commit()?;
        self.written.extend(written);
        Ok(())
    }
}

fn open_error(path: &Path, error: std::io::Error) -> StoreError {
    StoreError::Open {
        path: path.to_owned(),
        error,
    }
}

/// SQLite's integers reach to the year 2262.
fn nanoseconds(time: i128) -> i64 {
    i64::try_from(time).unwrap_or(if time < 0 { i64::MIN } else { i64::MAX })
}

fn write(connection: &Connection, flow: &str, file: &SavedFile) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    statement.execute(params![
        flow,
        file.key.cast_signed(),
        file.path.to_string_lossy(),
        file.first_path.to_string_lossy(),
        file.id.map(|id| id.device.cast_signed()),
        file.id.map(|id| id.inode.cast_signed()),
        file.head.all().len() as u32,
        file.head.all().digest(),
        lines_to_bytes(file.head.lines()),
        file.position.cast_signed(),
        file.before.len() as u32,
        file.before.digest(),
        file.len.cast_signed(),
        nanoseconds(file.modified),
        file.is_finished,
    ])?;
    Ok(())
}

fn delete<'k>(
    connection: &Connection,
    flow: &str,
    keys: impl Iterator<Item = &'k u64>,
) -> rusqlite::Result<()> {
    for key in keys {
        let key = key.cast_signed();
        connection.execute(
            "DELETE FROM files WHERE flow = ? AND key = ?",
            params![flow, key],
        )?;
    }
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<SavedFile> {
    let unsigned = |column| row.get(column).map(i64::cast_unsigned);
    let mark = |column: usize| {
        let damaged = || rusqlite::Error::InvalidColumnType(column, "mark".to_owned(), Type::Blob);
        Mark::saved(row.get::<_, u16>(column)?.into(), row.get(column + 1)?).ok_or_else(damaged)
    };
    let device: Option<i64> = row.get(3)?;
    let inode: Option<i64> = row.get(4)?;
    let path = |column| row.get::<_, String>(column).map(PathBuf::from);
    Ok(SavedFile {
        key: unsigned(0)?,
        path: path(1)?,
        first_path: path(2)?,
        id: device.zip(inode).map(|(device, inode)| FileId {
            device: device.cast_unsigned(),
            inode: inode.cast_unsigned(),
        }),
        head: Head::saved(mark(5)?, lines_from_bytes(row, 7)?),
        position: unsigned(8)?,
        before: mark(9)?,
        len: unsigned(11)?,
        modified: row.get::<_, i64>(12)?.into(),
        is_finished: row.get(13)?,
    })
}

fn lines_to_bytes(lines: &[Mark]) -> Vec<u8> {
    let bytes = lines.iter().flat_map(|mark| {
        let len = (mark.len() as u16).to_be_bytes();
        len.into_iter().chain(mark.digest())
    });
    bytes.collect()
}

fn lines_from_bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<Mark>> {
    let damaged = || rusqlite::Error::InvalidColumnType(column, "marks".to_owned(), Type::Blob);
    let bytes: Vec<u8> = row.get(column)?;
    let (marks, []) = bytes.as_chunks::<18>() else {
        return Err(damaged());
    };
    let mark = |&[high, low, ref digest @ ..]: &[u8; 18]| {
        Mark::saved(u16::from_be_bytes([high, low]).into(), *digest).ok_or_else(damaged)
    };
    marks.iter().map(mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(key: u64, position: u64) -> SavedFile {
        SavedFile {
            key,
            path: "/logs/app.log".into(),
            first_path: "/logs/app.log".into(),
            id: Some(FileId {
                device: u64::MAX,
                inode: 7,
            }),
            head: Head::of(b"head\nand more\n"),
            position,
            before: Mark::of(b"before"),
            len: 100,
            modified: 1_700_000_000_123_456_789,
            is_finished: key.is_multiple_of(2),
        }
    }

    fn saved(files: &[SavedFile]) -> Saved {
        Saved {
            files: files.to_vec(),
            listed_at: 5,
        }
    }

    #[test]
    fn what_is_saved_is_loaded_by_the_next_process() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("made").join("agent.db");
        let mut store = PositionStore::open(&path).expect("opens");
        let one = saved(&[file(1, 10), file(2, 20), file(3, 30)]);
        store
            .save([("a", &one), ("b", &saved(&[]))])
            .expect("saves");
        let two = saved(&[file(1, 11), file(3, 30)]);
        store.save([("a", &two)]).expect("saves");
        let reader = PositionStore::open_to_read(&path).expect("reads beside it");
        assert_eq!(reader.load("a").expect("loads"), Some(two.clone()));
        drop(store);
        let mut store = PositionStore::open(&path).expect("opens again");
        assert_eq!(store.flows().expect("flows"), ["a", "b"]);
        assert_eq!(store.load("a").expect("loads"), Some(two));
        // What this process does not know any more goes.
        store.save([("a", &saved(&[file(3, 31)]))]).expect("saves");
        assert_eq!(store.load("a").expect("loads"), Some(saved(&[file(3, 31)])));
        assert_eq!(store.load("c").expect("loads"), None);
    }

    /// As a pattern may be: the first path is not meant from the directory where the file is now.
    #[test]
    fn paths_that_are_not_absolute_are_loaded_as_they_were() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut store = PositionStore::open(&directory.path().join("agent.db")).expect("opens");
        let mut rotated = file(1, 10);
        rotated.path = "logs/old/app.log.1".into();
        rotated.first_path = "logs/app.log".into();
        let saved = saved(&[rotated]);
        store.save([("a", &saved)]).expect("saves");
        assert_eq!(store.load("a").expect("loads"), Some(saved));
    }

    #[test]
    fn a_save_that_fails_changes_nothing_and_is_made_up_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("agent.db");
        let mut store = PositionStore::open(&path).expect("opens");
        store.save([("a", &saved(&[file(1, 10)]))]).expect("saves");
        let full =
            "CREATE TEMP TRIGGER full BEFORE INSERT ON files BEGIN SELECT RAISE(FAIL, 'full'); END";
        store.connection.execute_batch(full).expect("SQL");
        store
            .save([("a", &saved(&[file(1, 11)]))])
            .expect_err("no room");
        assert_eq!(store.load("a").expect("loads"), Some(saved(&[file(1, 10)])));
        store
            .connection
            .execute_batch("DROP TRIGGER full")
            .expect("SQL");
        store.save([("a", &saved(&[file(1, 11)]))]).expect("saves");
        assert_eq!(store.load("a").expect("loads"), Some(saved(&[file(1, 11)])));
    }

    #[test]
    fn what_is_no_database_is_an_error() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("agent.db");
        std::fs::write(
            &path,
            "no database, but a text that is long enough to be one",
        )
        .expect("writes");
        assert!(matches!(
            PositionStore::open(&path),
            Err(StoreError::Sqlite(_))
        ));
    }
}
