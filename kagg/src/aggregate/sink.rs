//! Kinesis records as entries of `aws kinesis put-records`, on standard output or in files.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use kinesis_aggregation::KinesisRecord;

use crate::exit::{Failure, Result};
use crate::output::{Output, complain, put_ascii_json_str};

/// What one PutRecords takes.
const MOST_RECORDS: usize = 500;
/// In bytes, partition keys included.
const MOST_BYTES: usize = 5 * 1024 * 1024;

/// Takes Kinesis records and writes JSON arrays.
pub(super) struct Sink {
    stdout: Output,
    files: Option<Files>,
    array: Array,
}

/// The array at hand.
#[derive(Default)]
struct Array {
    json: Vec<u8>,
    records: usize,
    /// As PutRecords counts.
    bytes: usize,
}

struct Files {
    directory: PathBuf,
    written: usize,
}

impl Sink {
    /// To files in `directory`, which is made where it is missing, or to standard output.
    pub(super) fn new(directory: Option<PathBuf>) -> Result<Self> {
        Ok(Self {
            stdout: Output::stdout(),
            files: directory.map(Files::new).transpose()?,
            array: Array::default(),
        })
    }

    pub(super) fn put(&mut self, record: &KinesisRecord) -> Result<()> {
        if let Some(files) = &mut self.files
            && !self.array.takes(record)
        {
            files.write(&mut self.array, &mut self.stdout)?;
        }
        self.array.add(record);
        if self.files.is_none() {
            self.stdout.write(&self.array.json)?;
            self.array.json.clear();
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<()> {
        match &mut self.files {
            Some(_) if self.array.records == 0 => {}
            Some(files) => files.write(&mut self.array, &mut self.stdout)?,
            None => {
                self.array.end();
                self.stdout.write(&self.array.json)?;
                self.array.warn_if_too_long();
            }
        }
        self.stdout.flush()
    }
}

impl Array {
    fn takes(&self, record: &KinesisRecord) -> bool {
        let bytes = self.bytes.saturating_add(record.size());
        self.records == 0 || (self.records < MOST_RECORDS && bytes <= MOST_BYTES)
    }

    fn add(&mut self, record: &KinesisRecord) {
        let before: &[u8] = if self.records == 0 { b"[\n" } else { b",\n" };
        self.json.extend_from_slice(before);
        self.records += 1;
        self.bytes = self.bytes.saturating_add(record.size());
        let out = &mut self.json;
        out.push(b'{');
        if let Some(key) = record.partition_key() {
            out.extend_from_slice(b"\"PartitionKey\":");
            put_ascii_json_str(out, key);
            out.push(b',');
        }
        if let Some(hash_key) = record.explicit_hash_key() {
            // Writing to a Vec does not fail.
            let _ = write!(out, "\"ExplicitHashKey\":\"{hash_key}\",");
        }
        out.extend_from_slice(b"\"Data\":\"");
        base64_simd::STANDARD.encode_append(record.data(), out);
        out.extend_from_slice(b"\"}");
    }

    fn end(&mut self) {
        let end: &[u8] = if self.records == 0 { b"[]\n" } else { b"\n]\n" };
        self.json.extend_from_slice(end);
    }

    fn warn_if_too_long(&self) {
        let Self { records, bytes, .. } = self;
        if *records > MOST_RECORDS || *bytes > MOST_BYTES {
            complain(format_args!(
                "warning: {records} records of {bytes} bytes are more than one PutRecords takes \
                 ({MOST_RECORDS} records, {MOST_BYTES} bytes): use --out-dir"
            ));
        }
    }
}

impl Files {
    fn new(directory: PathBuf) -> Result<Self> {
        fs::create_dir_all(&directory)
            .map_err(|error| Failure::of_file("create", &directory, &error))?;
        let files = Self {
            directory,
            written: 0,
        };
        // What an earlier run left would be put again with what this one writes.
        let first = files.next();
        if first.exists() {
            let first = first.display();
            return Err(Failure::new(format_args!("{first} exists already")));
        }
        Ok(files)
    }

    fn next(&self) -> PathBuf {
        let name = format!("records-{:05}.json", self.written);
        self.directory.join(name)
    }

    /// Writes the array to the next file, prints the file's name, and starts the array anew.
    fn write(&mut self, array: &mut Array, stdout: &mut Output) -> Result<()> {
        array.end();
        let path = self.next();
        let written = fs::File::create_new(&path).and_then(|mut file| file.write_all(&array.json));
        written.map_err(|error| Failure::of_file("write", &path, &error))?;
        if array.bytes > MOST_BYTES {
            array.warn_alone(&path.display().to_string());
        }
        self.written += 1;
        *array = Array::default();
        stdout.write(path.as_os_str().as_encoded_bytes())?;
        stdout.write(b"\n")
    }
}

impl Array {
    /// A record of more than 5 MiB has a file of its own; not every stream takes it.
    fn warn_alone(&self, file: &str) {
        complain(format_args!(
            "warning: {file} holds one record of {} bytes, more than {MOST_BYTES}",
            self.bytes
        ));
    }
}
