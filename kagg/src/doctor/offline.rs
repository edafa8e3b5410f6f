//! From files.

use kinesis_aggregation_inspect::FoundRecord;
use kinesis_aggregation_inspect::doctor::{Diagnosis, Doctor};

use super::args::Args;
use crate::arrival;
use crate::exit::{Failure, Result, Status};
use crate::input::InputArgs;
use crate::output::complain;
use crate::shards;

/// Reads what can be read of all files. What cannot is said on standard error, but for the last,
/// which comes back with what was found.
pub(super) fn run(args: &Args, status: &Status) -> Result<(Diagnosis, Option<String>)> {
    let mut doctor = Doctor::new();
    if let Some(path) = &args.shards {
        doctor = doctor.shards(shards::read(path)?);
    }
    let mut files: Vec<_> = args.targets.iter().map(|file| vec![file.clone()]).collect();
    if files.is_empty() {
        files.push(Vec::new());
    }
    let (mut first, mut records) = (0, 0_usize);
    let mut unread = None;
    for file in files {
        let input = InputArgs::new(file, args.input);
        let read = input.each_batch_from(&mut first, status, &mut |batch: &[FoundRecord]| {
            for record in batch {
                let arrived = record.approximate_arrival_timestamp();
                doctor.look_at(record, arrived.and_then(arrival::seconds));
            }
            records += batch.len();
            Ok(())
        });
        match read {
            Ok(()) => {}
            Err(Failure::Message(message)) => {
                if let Some(earlier) = unread.replace(message) {
                    complain(format_args!("kagg: {earlier}"));
                }
            }
            Err(failure) => return Err(failure),
        }
    }
    match unread {
        Some(message) if records == 0 => Err(Failure::new(message)),
        unread => Ok((doctor.diagnose(), unread)),
    }
}
