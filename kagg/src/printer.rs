//! User records on standard output.

use std::io::Write;

use clap::ValueEnum;
use kinesis_aggregation::{Deaggregated, UserRecordRef};
use kinesis_aggregation_inspect::FoundRecord;

use crate::compact::put_compact;
use crate::content::ContentArgs;
use crate::exit::{Failure, Result, Status};
use crate::losses;
use crate::output::{Output, put_json_option};
use crate::template::{Delimiter, Template};
use crate::terminal::make_json_safe;

/// How user records are printed: for every subcommand that prints them.
#[derive(clap::Args)]
pub(crate) struct OutputArgs {
    /// What to print
    #[arg(long, value_name = "FORM", default_value = "jsonl")]
    output: OutputForm,
    /// Text to print after each user record with --output data [default: \n]
    ///
    /// `\0` is a zero byte. An empty TEXT prints nothing.
    #[arg(long, value_name = "TEXT")]
    delimiter: Option<Delimiter>,
    /// Print each user record in this form, like '%t %k %v\n'
    ///
    /// %s is its position (SEQ:SUB), %k its partition key, %e its explicit hash key, %t its arrival
    /// time, %v its data, %S the size of its data in bytes, %p its shard, %n the number of its
    /// Kinesis record, %% a percent sign, \n a newline, \t a tab.
    #[arg(long, value_name = "TEMPLATE", conflicts_with_all = ["output", "delimiter"])]
    format: Option<Template>,
    #[command(flatten)]
    content: ContentArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OutputForm {
    /// A line of JSON for each user record, with the keys `record` (the number of its Kinesis
    /// record), `shardId`, `sequenceNumber`, `subSequenceNumber`, `aggregated`, `partitionKey`,
    /// `explicitHashKey`, `data` (in base64) and `approximateArrivalTimestamp` (in seconds); null
    /// where the input does not say
    Jsonl,
    /// The bytes of each user record, and a newline
    Data,
    /// The Kinesis records, unopened, each as one line of JSON with the keys of `get-records`, and
    /// its shard: for `kagg inspect` and `kagg doctor`. Not with options for what is inside: those
    /// that choose among user records, change them, or bring back bad ones
    Kinesis,
    /// For a person: time, position, partition key, and the data as text, or in base64 if it is
    /// not text. Control characters are escaped
    Text,
}

impl OutputArgs {
    /// Fails if `option` is given and would do nothing, as Kinesis records are printed unopened.
    pub(crate) fn check_unopened(&self, option: &str, is_given: bool) -> Result<()> {
        let is_unopened = self.format.is_none() && self.output == OutputForm::Kinesis;
        if is_unopened && is_given {
            return Err(Failure::new(format_args!(
                "{option} cannot be used with --output kinesis, which prints Kinesis records unopened"
            )));
        }
        Ok(())
    }
}

/// Prints user records, all or up to a limit.
pub(crate) struct Printer {
    form: Form,
    content: ContentArgs,
    out: Output,
    /// Whether JSON says which user records are damaged.
    marks_damaged: bool,
    /// Kept for its room.
    line: Vec<u8>,
    /// What the lines of JSON of one Kinesis record have in common.
    common: Common,
    /// How many more may be printed.
    left: u64,
}

/// The start and the end of lines of JSON. Nothing in them steers a terminal.
#[derive(Default)]
struct Common {
    start: Vec<u8>,
    end: Vec<u8>,
}

enum Form {
    Jsonl,
    Kinesis,
    Data { delimiter: Vec<u8> },
    Template(Template),
}

impl Printer {
    /// Fails where Kinesis records are to be printed unopened, and what is in them is to be opened.
    pub(crate) fn stdout(args: &OutputArgs) -> Result<Self> {
        args.check_unopened("--decompress", args.content.decompresses())?;
        args.check_unopened("--split", args.content.splits())?;
        args.check_unopened("--delimiter", args.delimiter.is_some())?;
        let form = match (&args.format, args.output) {
            (Some(template), _) => Form::Template(template.clone()),
            (None, OutputForm::Text) => Form::Template(Template::of_text()),
            (None, OutputForm::Jsonl) => Form::Jsonl,
            (None, OutputForm::Kinesis) => Form::Kinesis,
            (None, OutputForm::Data) => Form::Data {
                delimiter: match &args.delimiter {
                    Some(delimiter) => delimiter.0.clone(),
                    None => b"\n".to_vec(),
                },
            },
        };
        Ok(Self {
            form,
            content: args.content,
            out: Output::stdout(),
            marks_damaged: false,
            line: Vec::new(),
            common: Common::default(),
            left: u64::MAX,
        })
    }

    /// Says in JSON whether each user record is damaged.
    pub(crate) fn marking_damaged(mut self, marks_damaged: bool) -> Self {
        self.marks_damaged = marks_damaged;
        self
    }

    /// Prints no more than `limit` user records.
    #[cfg(feature = "aws")]
    pub(crate) fn with_limit(mut self, limit: Option<u64>) -> Self {
        self.left = limit.unwrap_or(u64::MAX);
        self
    }

    /// Whether the limit is reached.
    #[cfg(feature = "aws")]
    pub(crate) fn is_full(&self) -> bool {
        self.left == 0
    }

    /// Whether Kinesis records are printed as they are: then nothing of them is lost.
    #[cfg(feature = "aws")]
    pub(crate) fn is_unopened(&self) -> bool {
        matches!(self.form, Form::Kinesis)
    }

    pub(crate) fn flush(&mut self) -> Result<()> {
        self.out.flush()
    }

    /// Prints the user records of a Kinesis record, and reports what is lost of it: nothing if it is
    /// printed unopened.
    pub(crate) fn record(
        &mut self,
        position: usize,
        record: &Deaggregated<&FoundRecord>,
        status: &Status,
    ) -> Result<()> {
        let source = record.source();
        if let Form::Kinesis = self.form {
            return self.unopened(source);
        }
        losses::report(position, record, status);
        if let Form::Jsonl = self.form {
            self.common.fill(position, source);
        }
        for user_record in record.user_records().flatten() {
            if self.left == 0 {
                return Ok(());
            }
            self.left -= 1;
            let marks_damaged = self.marks_damaged;
            let Self {
                form,
                out,
                line,
                common,
                ..
            } = self;
            self.content.each(user_record.data(), |data| {
                line.clear();
                match form {
                    Form::Data { delimiter } => {
                        out.write(data)?;
                        return out.write(delimiter);
                    }
                    // Printed before it was opened.
                    Form::Kinesis => {}
                    Form::Jsonl => {
                        put_json(line, common, &user_record, data);
                        if marks_damaged {
                            let damaged = user_record.is_damaged();
                            let _ = write!(line, ",\"damaged\":{damaged}");
                        }
                        line.extend_from_slice(b"}\n");
                    }
                    Form::Template(template) => {
                        template.put(line, position, source, &user_record, data);
                    }
                }
                out.write(line)
            })?;
        }
        Ok(())
    }

    fn unopened(&mut self, record: &FoundRecord) -> Result<()> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        self.line.clear();
        put_unopened(&mut self.line, record);
        make_json_safe(&mut self.line, 0);
        self.out.write(&self.line)
    }
}

/// Appends the Kinesis record as `get-records` has it, and its shard: all keys, always, in this
/// order.
fn put_unopened(out: &mut Vec<u8>, record: &FoundRecord) {
    out.extend_from_slice(b"{\"ShardId\":");
    put_json_option(out, record.shard_id());
    out.extend_from_slice(b",\"SequenceNumber\":");
    put_json_option(out, record.sequence_number());
    out.extend_from_slice(b",\"ApproximateArrivalTimestamp\":");
    match record.approximate_arrival_timestamp() {
        Some(json) => put_compact(out, json),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"PartitionKey\":");
    put_json_option(out, record.partition_key());
    out.extend_from_slice(b",\"Data\":\"");
    base64_simd::STANDARD.encode_append(record.data(), out);
    out.extend_from_slice(b"\"}\n");
}

impl Common {
    fn fill(&mut self, position: usize, source: &FoundRecord) {
        let Self { start, end } = self;
        start.clear();
        // Writing to a Vec does not fail.
        let _ = write!(start, "{{\"record\":{position},\"shardId\":");
        put_json_option(start, source.shard_id());
        start.extend_from_slice(b",\"sequenceNumber\":");
        put_json_option(start, source.sequence_number());
        start.extend_from_slice(b",\"subSequenceNumber\":");
        make_json_safe(start, 0);
        end.clear();
        end.extend_from_slice(b"\",\"approximateArrivalTimestamp\":");
        match source.approximate_arrival_timestamp() {
            Some(json) => put_compact(end, json),
            None => end.extend_from_slice(b"null"),
        }
        make_json_safe(end, 0);
    }
}

/// Appends the user record to an empty line, as a JSON object but for its end: all keys, always, in
/// this order.
fn put_json(out: &mut Vec<u8>, common: &Common, user_record: &UserRecordRef<'_>, data: &[u8]) {
    out.extend_from_slice(&common.start);
    let own = out.len();
    // Neither writing to a Vec fails, nor serialising a number.
    let _ = serde_json::to_writer(&mut *out, &user_record.sub_sequence_number());
    out.extend_from_slice(match user_record.is_aggregated() {
        true => b",\"aggregated\":true,\"partitionKey\":".as_slice(),
        false => b",\"aggregated\":false,\"partitionKey\":",
    });
    put_json_option(out, user_record.partition_key());
    out.extend_from_slice(b",\"explicitHashKey\":");
    put_json_option(out, user_record.explicit_hash_key());
    // The rest is base64, or safe already.
    make_json_safe(out, own);
    out.extend_from_slice(b",\"data\":\"");
    base64_simd::STANDARD.encode_append(data, out);
    out.extend_from_slice(&common.end);
}
