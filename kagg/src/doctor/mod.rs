//! `kagg doctor`: where user records die, and what they cost.

mod args;
#[cfg(feature = "aws")]
mod lambda;
mod offline;
#[cfg(feature = "aws")]
mod sample;
#[cfg(feature = "aws")]
mod stream;
mod text;

use std::io::Write;

use kinesis_aggregation_inspect::doctor::Diagnosis;

pub(crate) use args::Args;

use crate::exit::{Failure, Result, Status};
use crate::output::complain;
use crate::terminal::make_json_safe;

pub(crate) fn run(args: &Args, status: &Status) -> Result<()> {
    let (diagnosis, unread) = diagnose(args, status)?;
    print(args, &diagnosis, status)?;
    match unread {
        None => Ok(()),
        // A loss that is proven is worth more than what could not be seen.
        Some(message) if diagnosis.loses() => {
            complain(format_args!("kagg: {message}"));
            Ok(())
        }
        Some(message) => Err(Failure::new(message)),
    }
}

/// Returns what was found, and why something could not be read.
#[cfg(feature = "aws")]
fn diagnose(args: &Args, status: &Status) -> Result<(Diagnosis, Option<String>)> {
    match args.stream() {
        Some(_) if args.shards.is_some() => Err(Failure::new(
            "--shards cannot be used with a stream, whose shards are asked for",
        )),
        Some(stream) => stream::run(args, stream),
        None => offline::run(args, status),
    }
}

#[cfg(not(feature = "aws"))]
fn diagnose(args: &Args, status: &Status) -> Result<(Diagnosis, Option<String>)> {
    offline::run(args, status)
}

fn print(args: &Args, diagnosis: &Diagnosis, status: &Status) -> Result<()> {
    if diagnosis.loses() {
        status.lose();
    }
    let mut out = args.color.stdout();
    let written = match args.json {
        true => serde_json::to_vec(diagnosis)
            .map_err(std::io::Error::from)
            .and_then(|mut json| {
                make_json_safe(&mut json, 0);
                json.push(b'\n');
                out.write_all(&json)
            }),
        false => text::write(&mut out, diagnosis),
    };
    let written = written.and_then(|()| out.flush());
    written.map_err(|error| Failure::of_output(&error))
}
