//! `kagg carve`: aggregates out of any bytes.

use std::path::{Path, PathBuf};

use kinesis_aggregation::Deaggregator;
use kinesis_aggregation_inspect::{Carved, Carver, FoundRecord};

use crate::exit::{Failure, Result, Status};
use crate::input::pieces;
use crate::output::complain;
use crate::printer::{OutputArgs, Printer};
use crate::source::{name, open};

/// Prints the user records of all aggregates in any bytes
///
/// For objects that Firehose or another delivery wrote to S3, dead-letter files, dumps, disk
/// images: no frame or shape around the aggregates is needed. The digest proves each one: none is
/// invented. What is between them is reported on standard error.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The input; `-` or nothing is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print the bytes between the aggregates too
    ///
    /// Each run of them is printed as a plain record.
    #[arg(long)]
    gaps: bool,
    /// Go on after a bad user record, where the KCL stops
    ///
    /// A bad one has a bad index or a bad explicit hash key.
    #[arg(long)]
    salvage: bool,
    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "\
Examples:
  kagg carve firehose-object-1 firehose-object-2
  kagg carve dead-letters.bin | kagg put orders --jsonl";

pub(crate) fn run(args: &Args, status: &Status) -> Result<()> {
    args.output.check_unopened("--salvage", args.salvage)?;
    let mut carving = Carving {
        deaggregator: Deaggregator::new().salvage(args.salvage),
        printer: Printer::stdout(&args.output)?,
        gaps: args.gaps,
        position: 0,
        status,
    };
    if args.files.is_empty() {
        carving.file(None)?;
    }
    for file in &args.files {
        carving.file(Some(file))?;
    }
    Ok(())
}

struct Carving<'a> {
    deaggregator: Deaggregator,
    printer: Printer,
    gaps: bool,
    /// Records so far.
    position: usize,
    status: &'a Status,
}

/// A gap as it is reported, however many parts it comes in.
struct Gap {
    start: u64,
    end: u64,
}

impl Carving<'_> {
    fn file(&mut self, file: Option<&Path>) -> Result<()> {
        let name = name(file);
        let mut carver = Carver::new();
        let mut gap = None;
        let mut read = Ok(());
        for piece in pieces(open(file)?)? {
            match piece {
                Ok(piece) => carver.push(&piece),
                // The last one: what came before it counts.
                Err(error) => read = Err(Failure::new(format_args!("{name}: {error}"))),
            }
            self.drain(&mut carver, &mut gap, &name)?;
        }
        carver.end();
        self.drain(&mut carver, &mut gap, &name)?;
        report(gap.as_ref(), &name);
        read
    }

    fn drain(&mut self, carver: &mut Carver, gap: &mut Option<Gap>, name: &str) -> Result<()> {
        while let Some(carved) = carver.next() {
            match carved {
                Carved::Aggregate { data, .. } => {
                    report(gap.take().as_ref(), name);
                    self.record(&FoundRecord::new(data))?;
                }
                Carved::Gap { offset, data } => {
                    let end = offset + data.len() as u64;
                    gap.get_or_insert(Gap { start: offset, end }).end = end;
                    if self.gaps {
                        self.record(&FoundRecord::new(data))?;
                    }
                }
            }
        }
        self.printer.flush()
    }

    fn record(&mut self, record: &FoundRecord) -> Result<()> {
        let read = self.deaggregator.deaggregate(record);
        self.printer.record(self.position, &read, self.status)?;
        self.position += 1;
        Ok(())
    }
}

fn report(gap: Option<&Gap>, name: &str) {
    if let Some(Gap { start, end }) = gap {
        let len = end - start;
        complain(format_args!(
            "{name}: bytes {start} to {end} ({len}) belong to no aggregate"
        ));
    }
}
