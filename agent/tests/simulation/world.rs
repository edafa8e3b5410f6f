//! A model file system with a writer and a rotation that go on between any two of its calls.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::rc::Rc;

use kinesis_aggregation_agent::{FileId, FileSystem, Meta, OpenFile};

pub(crate) const DIRECTORY: &str = "/logs";
pub(crate) const LIVE: &str = "app.log";

/// A file, with a name or without.
pub(crate) struct Inode {
    number: u64,
    pub(crate) content: RefCell<Vec<u8>>,
    modified: Cell<i128>,
}

impl Inode {
    fn meta(&self) -> Meta {
        Meta {
            id: FileId {
                device: 1,
                inode: self.number,
            },
            len: self.content.borrow().len() as u64,
            modified: self.modified.get(),
            is_file: true,
        }
    }

    /// What it holds, unpacked if it is packed; as far as that goes.
    pub(crate) fn text(&self) -> Vec<u8> {
        let content = self.content.borrow();
        if content.starts_with(&[0x1f, 0x8b]) {
            let mut text = Vec::new();
            let _ = flate2::read::MultiGzDecoder::new(&content[..]).read_to_end(&mut text);
            text
        } else {
            content.clone()
        }
    }
}

/// One step of the writer or of a rotation.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Writes whole lines, or the first part of one.
    Write {
        bytes: usize,
    },
    /// The writer opens the live file anew, and creates it if it must.
    Reopen,
    Rename(String, String),
    Delete(String),
    Create(String),
    /// Copies so many bytes more from the live file.
    Copy {
        to: String,
        bytes: usize,
    },
    CopyRest {
        to: String,
    },
    Truncate(String),
    /// Packs a part of a file, or all of it.
    Pack {
        from: String,
        whole: bool,
    },
}

#[derive(Default)]
pub(crate) struct World {
    pub(crate) names: BTreeMap<String, Rc<Inode>>,
    /// Files without a name that somebody may still have open.
    unnamed: Vec<Rc<Inode>>,
    pub(crate) steps: VecDeque<Step>,
    pub(crate) time: i128,
    writer: Option<Rc<Inode>>,
    /// What the writer has still to write of the line it began.
    rest_of_line: Vec<u8>,
    pub(crate) lines: Vec<Vec<u8>>,
    /// Lines that the file system gave up before they were read.
    pub(crate) excused: std::collections::HashSet<Vec<u8>>,
    /// Lines that were read by the process that runs now.
    pub(crate) read: std::collections::HashSet<Vec<u8>>,
    pub(crate) delivered: BTreeMap<Vec<u8>, usize>,
    random: fastrand::Rng,
    pub(crate) log: Vec<String>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            time: 1_000_000_000_000,
            ..Self::default()
        }
    }

    /// Does the next steps, or none.
    fn drift(&mut self) {
        while !self.steps.is_empty() && self.random.u8(..) < 60 {
            self.step();
        }
    }

    pub(crate) fn step(&mut self) {
        let Some(step) = self.steps.pop_front() else {
            return;
        };
        self.time += 1_000_000;
        self.log.push(format!("    {step:?}"));
        match step {
            Step::Write { bytes } => self.write(bytes),
            Step::Reopen => self.reopen(),
            Step::Rename(from, to) => {
                if let Some(inode) = self.names.remove(&from) {
                    self.put(to, inode);
                }
            }
            Step::Delete(name) => self.delete(&name),
            Step::Create(name) => {
                let inode = self.inode();
                self.put(name, inode);
            }
            Step::Copy { to, bytes } => self.copy(&to, bytes),
            Step::CopyRest { to } => self.copy(&to, usize::MAX),
            Step::Truncate(name) => self.truncate(&name),
            Step::Pack { from, whole } => self.pack(&from, whole),
        }
    }

    fn put(&mut self, name: String, inode: Rc<Inode>) {
        self.delete(&name);
        self.names.insert(name, inode);
    }

    fn delete(&mut self, name: &str) {
        let Some(inode) = self.names.remove(name) else {
            return;
        };
        let text = inode.text();
        self.unnamed.push(inode);
        self.unnamed.retain(|inode| Rc::strong_count(inode) > 1);
        self.excuse(&text);
    }

    /// The lowest free number is given again, as many file systems do.
    fn inode(&mut self) -> Rc<Inode> {
        self.unnamed.retain(|inode| Rc::strong_count(inode) > 1);
        let used: Vec<u64> = self
            .names
            .values()
            .chain(&self.unnamed)
            .map(|inode| inode.number)
            .collect();
        let number = (1..)
            .find(|number| !used.contains(number))
            .expect("a number");
        Rc::new(Inode {
            number,
            content: RefCell::default(),
            modified: Cell::new(self.time),
        })
    }

    fn reopen(&mut self) {
        self.end_line();
        if let Some(inode) = self.names.get(LIVE) {
            self.writer = Some(Rc::clone(inode));
        } else {
            let inode = self.inode();
            self.names.insert(LIVE.to_owned(), Rc::clone(&inode));
            self.writer = Some(inode);
        }
    }

    fn write(&mut self, bytes: usize) {
        if self.writer.is_none() {
            self.reopen();
        }
        let mut text = std::mem::take(&mut self.rest_of_line);
        while text.len() < bytes {
            let mut line = format!("line {} ", self.lines.len()).into_bytes();
            let filler = if self.random.u8(..) < 8 { 3000 } else { 20 };
            line.extend(std::iter::repeat_n(b'.', self.random.usize(0..filler)));
            line.push(b'\n');
            text.extend_from_slice(&line);
            self.lines.push(line);
        }
        // A line may be written in two pieces.
        if self.random.u8(..) < 40 {
            self.rest_of_line = text.split_off(bytes.min(text.len()));
        }
        self.append(&text);
    }

    /// The writer ends the line it began.
    pub(crate) fn end_line(&mut self) {
        let text = std::mem::take(&mut self.rest_of_line);
        self.append(&text);
    }

    fn append(&mut self, text: &[u8]) {
        let Some(writer) = &self.writer else {
            return;
        };
        writer.content.borrow_mut().extend_from_slice(text);
        writer.modified.set(self.time);
        // A writer that nobody can read any more writes into nothing.
        if !self.names.values().any(|inode| Rc::ptr_eq(inode, writer)) {
            let text = writer.text();
            self.excuse(&text);
        }
    }

    fn copy(&mut self, to: &str, bytes: usize) {
        if !self.names.contains_key(to) {
            let inode = self.inode();
            self.names.insert(to.to_owned(), inode);
        }
        let (Some(from), Some(to)) = (self.names.get(LIVE), self.names.get(to)) else {
            return;
        };
        let from = from.content.borrow();
        let mut copy = to.content.borrow_mut();
        let start = copy.len().min(from.len());
        let end = start.saturating_add(bytes).min(from.len());
        copy.extend_from_slice(&from[start..end]);
        to.modified.set(self.time);
    }

    fn truncate(&mut self, name: &str) {
        let Some(inode) = self.names.get(name) else {
            return;
        };
        let text = inode.content.take();
        inode.modified.set(self.time);
        self.excuse_begun_line();
        self.excuse(&text);
    }

    /// A line that the writer leaves half written in a rotated file for long comes in two pieces.
    pub(crate) fn excuse_begun(&mut self, piece: &[u8]) {
        if self
            .lines
            .last()
            .is_some_and(|line| line.starts_with(piece))
        {
            self.excuse_begun_line();
        }
    }

    /// The line that is half written when its file is cut is torn in two.
    fn excuse_begun_line(&mut self) {
        if let Some(line) = self.lines.last().filter(|_| !self.rest_of_line.is_empty()) {
            self.excused.insert(line.clone());
        }
    }

    fn pack(&mut self, from: &str, whole: bool) {
        let Some(inode) = self.names.get(from) else {
            return;
        };
        let inode = Rc::clone(inode);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let _ = encoder.write_all(&inode.content.borrow());
        let mut packed = encoder.finish().expect("memory");
        if !whole {
            packed.truncate(packed.len() / 2);
        }
        let to = format!("{from}.gz");
        if !self.names.contains_key(&to) {
            let new = self.inode();
            self.names.insert(to.clone(), new);
        }
        let to = &self.names[&to];
        to.content.replace(packed);
        to.modified.set(if whole {
            inode.modified.get()
        } else {
            self.time
        });
    }

    /// Lines of `text` that are nowhere else, and were not read, cannot be asked for.
    fn excuse(&mut self, text: &[u8]) {
        let read = std::mem::take(&mut self.read);
        let lines = text.split_inclusive(|&byte| byte == b'\n');
        for line in lines.filter(|line| !read.contains(*line)) {
            let open = self
                .unnamed
                .iter()
                .filter(|inode| Rc::strong_count(inode) > 1);
            let open = open.filter(|inode| !self.is_only_writers(inode));
            let is_held = self
                .names
                .values()
                .chain(open)
                .any(|inode| holds(inode, line));
            if !is_held {
                self.excused.insert(line.to_vec());
            }
        }
        self.read = read;
    }

    fn is_only_writers(&self, inode: &Rc<Inode>) -> bool {
        let writers = self
            .writer
            .as_ref()
            .is_some_and(|writer| Rc::ptr_eq(writer, inode));
        Rc::strong_count(inode) == 1 + usize::from(writers)
    }

    /// The process is gone, and with it what only it had open.
    pub(crate) fn killed(&mut self) {
        self.read.clear();
        let lines = self.lines.clone();
        for line in lines {
            let is_delivered = self.delivered.contains_key(&line);
            if !is_delivered
                && !self.names.values().any(|inode| holds(inode, &line))
                && !self.is_begun(&line)
            {
                self.excused.insert(line);
            }
        }
    }

    /// Whether the line is half written to a file that has a name.
    fn is_begun(&self, line: &[u8]) -> bool {
        let is_named = |writer| self.names.values().any(|inode| Rc::ptr_eq(inode, writer));
        !self.rest_of_line.is_empty()
            && self.lines.last().is_some_and(|last| last == line)
            && self.writer.as_ref().is_some_and(is_named)
    }
}

fn holds(inode: &Inode, line: &[u8]) -> bool {
    let text = inode.text();
    text.split_inclusive(|&byte| byte == b'\n')
        .any(|other| other == line)
}

/// The model, as the follower sees it.
pub(crate) struct ModelFs(pub(crate) RefCell<World>);

pub(crate) struct ModelFile {
    inode: Rc<Inode>,
}

impl FileSystem for ModelFs {
    type File = ModelFile;

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        self.0.borrow_mut().drift();
        if directory != Path::new(DIRECTORY) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let names = self.0.borrow().names.keys().map(OsString::from).collect();
        Ok(names)
    }

    fn meta(&self, path: &Path) -> io::Result<Meta> {
        self.0.borrow_mut().drift();
        if path == Path::new(DIRECTORY) {
            // Changed at every step: that is often enough.
            let id = FileId {
                device: 1,
                inode: 0,
            };
            let modified = self.0.borrow().log.len() as i128;
            return Ok(Meta {
                id,
                len: 0,
                modified,
                is_file: false,
            });
        }
        self.inode(path).map(|inode| inode.meta())
    }

    fn open(&self, path: &Path) -> io::Result<ModelFile> {
        self.0.borrow_mut().drift();
        let inode = self.inode(path)?;
        Ok(ModelFile { inode })
    }
}

impl ModelFs {
    fn inode(&self, path: &Path) -> io::Result<Rc<Inode>> {
        let name = path.file_name().and_then(|name| name.to_str());
        let world = self.0.borrow();
        let inode = name.and_then(|name| world.names.get(name));
        inode.cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl OpenFile for ModelFile {
    fn meta(&self) -> io::Result<Meta> {
        Ok(self.inode.meta())
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let content = self.inode.content.borrow();
        let from = (position as usize).min(content.len());
        let read = buffer.len().min(content.len() - from);
        buffer[..read].copy_from_slice(&content[from..from + read]);
        Ok(read)
    }
}
