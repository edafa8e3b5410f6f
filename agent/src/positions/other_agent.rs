//! The Amazon Kinesis Agent's checkpoints: a table of one row a file, without a fingerprint.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, params};

use super::store::StoreError;
use crate::follow::{Head, MARK, Mark, Saved, SavedFile, is_rotated};
use crate::fs::{FileId, FileSystem, OpenFile, read_full};
use crate::pattern::FilePattern;

/// A row of the agent's `FILE_CHECKPOINTS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentCheckpoint {
    /// Where the file was.
    pub path: PathBuf,
    /// Which file it was; `None` where the text cannot be read.
    pub id: Option<FileId>,
    /// When the file was last written, in milliseconds since 1970.
    pub modified_millis: i64,
    /// Up to where the agent had sent it.
    pub offset: u64,
}

/// The agent's name for a flow, as in its database: `kinesis:STREAM:PATTERN`, `fh:STREAM:PATTERN`.
fn flow_id(is_firehose: bool, stream: &str, pattern: &str) -> String {
    let kind = if is_firehose { "fh" } else { "kinesis" };
    format!("{kind}:{stream}:{pattern}")
}

/// Returns the agent's checkpoints of a flow, the latest first. No database and no table mean no
/// checkpoints. A row that is not of the agent's form is passed over, and the log says so: a file without a
/// position is sent from its start, so that lines may come again, and none is skipped.
///
/// # Errors
///
/// [`StoreError::Checkpoints`] if the database exists but cannot be read: it is locked or damaged,
/// permission is denied, or no row of the flow is of the agent's form.
pub fn read_checkpoints(
    database: &Path,
    is_firehose: bool,
    stream: &str,
    pattern: &str,
) -> Result<Vec<AgentCheckpoint>, StoreError> {
    let cannot_read = |error: Box<dyn Error + Send + Sync>| StoreError::Checkpoints {
        path: database.to_owned(),
        error,
    };
    // SQLite has one code for a file that is missing and for one that may not be opened.
    match std::fs::metadata(database) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(cannot_read(error.into())),
    }
    let flow = flow_id(is_firehose, stream, pattern);
    let rows = read_rows(database, &flow).map_err(|error| cannot_read(error.into()))?;
    let mut checkpoints = Vec::new();
    let mut bad = None;
    for row in rows {
        match row {
            Ok(checkpoint) => checkpoints.push(checkpoint),
            Err(error) => {
                tracing::warn!(
                    "{flow}: a row of the Amazon Kinesis Agent's checkpoints in {} cannot be read and is passed over: {error}",
                    database.display()
                );
                bad = Some(error);
            }
        }
    }
    match bad {
        // As if there were none, lines would be skipped.
        Some(error) if checkpoints.is_empty() => Err(cannot_read(error.into())),
        _ => Ok(checkpoints),
    }
}

/// Reads the rows of a flow, each of which may be bad.
fn read_rows(
    database: &Path,
    flow: &str,
) -> rusqlite::Result<Vec<rusqlite::Result<AgentCheckpoint>>> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    if !connection.table_exists(None, "FILE_CHECKPOINTS")? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare(
        "SELECT path, fileId, lastModifiedTime, offset FROM FILE_CHECKPOINTS WHERE flow = ?
            ORDER BY lastUpdated DESC",
    )?;
    let rows = statement.query_map([flow], |row| {
        let id: Option<String> = row.get(1)?;
        let offset: i64 = row.get(3)?;
        let out_of_range = |_| rusqlite::Error::IntegralValueOutOfRange(3, offset);
        Ok(AgentCheckpoint {
            path: PathBuf::from(row.get::<_, String>(0)?),
            id: id.as_deref().and_then(parse_id),
            modified_millis: row.get(2)?,
            offset: offset.try_into().map_err(out_of_range)?,
        })
    })?;
    Ok(rows.collect())
}

/// `(dev=fd00,ino=1048587)`: the device in hexadecimal, the inode in decimal.
fn parse_id(text: &str) -> Option<FileId> {
    let (device, inode) = text
        .strip_prefix("(dev=")?
        .strip_suffix(')')?
        .split_once(",ino=")?;
    Some(FileId {
        device: u64::from_str_radix(device, 16).ok()?,
        inode: inode.parse().ok()?,
    })
}

fn id_text(id: FileId) -> String {
    format!("(dev={:x},ino={})", id.device, id.inode)
}

/// Where to go on after the agent. The file of its latest checkpoint goes on where the agent was,
/// under whatever name it has in its directory now; files that were written last before that one
/// count as sent; newer ones are new. Also returned: whether the checkpoint's file was found.
///
/// The agent keeps no fingerprint, so a file is known again only by its number and its length. What cannot be
/// read and is not that file is passed over, and the log says so: a file among it is new once it can be read,
/// and all of it is sent, even if the agent has sent it.
///
/// # Errors
///
/// [`StoreError::HandOver`] if the file of the latest checkpoint cannot be read, or if it is not found, and what
/// cannot be read may be that file or hide it: then lines would be skipped or sent again.
pub fn take_over(
    fs: &impl FileSystem,
    pattern: &FilePattern,
    checkpoints: &[AgentCheckpoint],
) -> Result<(Saved, bool), StoreError> {
    let Some(latest) = checkpoints.first() else {
        return Ok((Saved::default(), false));
    };
    let mut look = Look::new(fs, pattern, latest)?;
    if !look.is_found {
        // Rotation may have renamed it between the listing and the look at it: its new name is listed now.
        look = Look::new(fs, pattern, latest)?;
    }
    for (path, error) in look.unreadable {
        if !look.is_found && may_hide(&path, &latest.path) {
            return Err(StoreError::HandOver { path, error });
        }
        tracing::warn!(
            "{}: cannot read {}: {error}; the Amazon Kinesis Agent was at another file",
            pattern.as_str(),
            path.display()
        );
    }
    for (path, error) in look.unopened {
        tracing::warn!(
            "{}: cannot read {}: {error}; once it can be read, all of it is sent, even what the Amazon Kinesis Agent has sent",
            pattern.as_str(),
            path.display()
        );
    }
    let saved = Saved {
        files: look.files,
        listed_at: sent_before(latest),
    };
    Ok((saved, look.is_found))
}

/// Returns the moment before which a file has to be written last to count as sent, in nanoseconds since 1970. The
/// agent keeps milliseconds; they are rounded up, so that a file written within the same one counts as sent.
fn sent_before(latest: &AgentCheckpoint) -> i128 {
    i128::from(latest.modified_millis)
        .saturating_add(1)
        .saturating_mul(1_000_000)
}

/// One look at the files of a pattern.
#[derive(Default)]
struct Look {
    /// Files that the agent has sent, and the one that it was at.
    files: Vec<SavedFile>,
    /// Whether the file that the agent was at is among them.
    is_found: bool,
    /// Directories and files that cannot be read, and why.
    unreadable: Vec<(PathBuf, io::Error)>,
    /// Files that count as sent and cannot be opened.
    unopened: Vec<(PathBuf, io::Error)>,
}

impl Look {
    /// Looks at every file in the directories of the pattern.
    fn new(
        fs: &impl FileSystem,
        pattern: &FilePattern,
        latest: &AgentCheckpoint,
    ) -> Result<Self, StoreError> {
        let mut look = Self::default();
        let directories = pattern.directories(fs);
        for (path, error) in directories.unreadable {
            look.cannot_read(path, error);
        }
        for directory in directories.found {
            match fs.list(&directory) {
                Ok(names) => {
                    for name in names {
                        let may_be_sent = pattern.matches_name(&name);
                        look.take(fs, directory.join(name), may_be_sent, latest)?;
                    }
                }
                Err(error) => look.cannot_read(directory, error),
            }
        }
        Ok(look)
    }

    /// Adds a file if the agent was at it, or has sent it.
    fn take(
        &mut self,
        fs: &impl FileSystem,
        path: PathBuf,
        may_be_sent: bool,
        latest: &AgentCheckpoint,
    ) -> Result<(), StoreError> {
        let meta = match fs.meta(&path) {
            Ok(meta) => meta,
            Err(error) => {
                self.cannot_read(path, error);
                return Ok(());
            }
        };
        let is_latest = latest.id == Some(meta.id) && meta.len >= latest.offset;
        let is_sent = may_be_sent && meta.modified < sent_before(latest);
        if !meta.is_file || !(is_latest || is_sent) {
            return Ok(());
        }
        let position = if is_latest { latest.offset } else { meta.len };
        let marks = fs.open(&path).and_then(|file| marks(&file, position));
        let (head, before) = match marks {
            Ok(marks) => marks,
            Err(error) if is_missing(&error) => return Ok(()),
            Err(error) if is_latest => return Err(StoreError::HandOver { path, error }),
            Err(error) => {
                self.unopened.push((path, error));
                return Ok(());
            }
        };
        self.is_found |= is_latest;
        let first_path = if is_latest && latest.path.file_name().is_some() {
            latest.path.clone()
        } else {
            path.clone()
        };
        self.files.push(SavedFile {
            key: (self.files.len() as u64).saturating_add(1),
            first_path,
            path,
            id: Some(meta.id),
            head,
            position,
            before,
            len: meta.len,
            modified: meta.modified,
            is_finished: false,
        });
        Ok(())
    }

    /// Notes what cannot be read, unless it is gone.
    fn cannot_read(&mut self, path: PathBuf, error: io::Error) {
        if !is_missing(&error) {
            self.unreadable.push((path, error));
        }
    }
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// Whether a file may be, or be in, what cannot be read, by their names: it may have been rotated.
fn may_hide(path: &Path, file: &Path) -> bool {
    let names = path.file_name().zip(file.file_name());
    file.starts_with(path)
        || (path.parent() == file.parent()
            && names.is_some_and(|(name, file)| is_rotated(name, file)))
}

fn marks(file: &impl OpenFile, position: u64) -> std::io::Result<(Head, Mark)> {
    let mut head = vec![0; MARK];
    let read = read_full(file, 0, &mut head)?;
    head.truncate(read);
    let from = position.saturating_sub(MARK as u64);
    let mut before = vec![0; usize::try_from(position.saturating_sub(from)).unwrap_or(0)];
    let read = read_full(file, from, &mut before)?;
    before.truncate(read);
    Ok((Head::of(&head), Mark::of(&before)))
}

/// Writes the agent's database, so that the agent goes on where we were. It takes the latest row of
/// a flow and reads on from there to newer files, so the oldest file that is not sent to its end
/// gets that row.
///
/// # Errors
///
/// [`StoreError::Sqlite`].
pub fn hand_back(
    database: &Path,
    is_firehose: bool,
    stream: &str,
    pattern: &str,
    saved: &Saved,
) -> Result<(), StoreError> {
    let mut connection = Connection::open(database)?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS FILE_CHECKPOINTS (flow TEXT, path TEXT, fileId TEXT,
            lastModifiedTime BIGINT, size BIGINT, offset BIGINT, lastUpdated DATETIME,
            PRIMARY KEY (flow, path))",
    )?;
    let flow = flow_id(is_firehose, stream, pattern);
    transaction.execute("DELETE FROM FILE_CHECKPOINTS WHERE flow = ?", [&flow])?;
    let oldest_first = |file: &&SavedFile| (file.modified, file.key);
    let open = saved
        .files
        .iter()
        .filter(|file| file.position < file.len && file.id.is_some());
    let latest = open.min_by_key(oldest_first).or_else(|| {
        let known = saved.files.iter().filter(|file| file.id.is_some());
        known.max_by_key(oldest_first)
    });
    if let Some((file, id)) = latest.and_then(|file| Some((file, file.id?))) {
        transaction.execute(
            "INSERT INTO FILE_CHECKPOINTS VALUES
                (?, ?, ?, ?, ?, ?, strftime('%Y-%m-%d %H:%M:%f', 'now'))",
            params![
                flow,
                file.path.to_string_lossy(),
                id_text(id),
                i64::try_from(file.modified.div_euclid(1_000_000)).unwrap_or(i64::MAX),
                file.len.cast_signed(),
                file.position.cast_signed(),
            ],
        )?;
    }
    transaction.commit()?;
    Ok(())
}
