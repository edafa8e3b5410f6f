//! The report for a person: aligned, and in colours where the terminal has them.

use std::fmt;
use std::io::{self, Write};

use kinesis_aggregation_inspect::doctor::known_faults;
use kinesis_aggregation_inspect::{
    Delivers, Explanation, FoundRecord, FrameReport, JudgedBy, Kind, Sizes, Tables, Verdict,
    dump_around,
};

use super::table::{self, Key};
use crate::color::{BAD, BOLD, DIM, GOOD};

/// How many Kinesis records there were, by kind.
#[derive(Default)]
pub(super) struct Summary {
    records: usize,
    aggregates: usize,
    user_records: usize,
    plain: usize,
    broken: usize,
    undelivered: usize,
}

impl Summary {
    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    pub(super) fn add(&mut self, report: &Explanation<'_>) {
        self.records += 1;
        if report.kind == Kind::Aggregate {
            self.user_records += report.user_records.len();
        }
        *match report.kind {
            Kind::Plain => &mut self.plain,
            Kind::Aggregate => &mut self.aggregates,
            Kind::Broken => &mut self.broken,
        } += 1;
        self.undelivered += usize::from(!report.kcl.delivers_all());
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            records,
            aggregates,
            user_records,
            plain,
            broken,
            undelivered,
        } = self;
        let style = |count: &usize| if *count == 0 { GOOD } else { BAD };
        let (bad, lost) = (style(broken), style(undelivered));
        write!(
            f,
            "{BOLD}Kinesis records: {records}{BOLD:#} (aggregates: {aggregates}, of \
             {user_records} user records; plain: {plain}; broken: {bad}{broken}{bad:#}); \
             not delivered whole: {lost}{undelivered}{lost:#}"
        )
    }
}

/// Writes the report, and an empty line. Tables fit into `width` columns.
pub(super) fn record(
    out: &mut impl Write,
    record: &FoundRecord,
    report: &Explanation<'_>,
    width: Option<usize>,
) -> io::Result<()> {
    let what = match report.kind {
        Kind::Plain => "plain record",
        Kind::Aggregate => "aggregate",
        Kind::Broken => "broken aggregate",
    };
    let style = if report.is_bad() { BAD } else { GOOD };
    writeln!(
        out,
        "{BOLD}record {}{BOLD:#}: {style}{what}{style:#}",
        report.record
    )?;
    if let Some(number) = report.sequence_number {
        line(out, "sequence number", number.escape_debug())?;
    }
    if let Some(id) = report.shard_id {
        line(out, "shard", id.escape_debug())?;
    }
    line(out, "partition key", Key(report.partition_key))?;
    if let Some(id) = report.predicted_shard {
        line(out, "predicted shard", id.escape_debug())?;
    }
    let data = format!("{} bytes", report.data_length);
    if report.kind == Kind::Aggregate {
        line(out, "data", data)?;
    } else {
        line(out, "data", format_args!("{data}  {}", report.data_preview))?;
    }
    if let Some(frame) = &report.frame {
        frame_lines(out, frame)?;
    }
    if let Some(tables) = &report.tables {
        table_lines(out, tables)?;
    }
    if let Some(sizes) = &report.sizes {
        size_lines(out, sizes)?;
    }
    problem_lines(out, record, report)?;
    verdict_lines(out, report)?;
    for fault in known_faults(record, report) {
        let (name, title) = (fault.name, fault.title);
        line(
            out,
            "known fault",
            format_args!("{BAD}{name}{BAD:#}: {title}"),
        )?;
    }
    table::user_records(out, &report.user_records, width)?;
    writeln!(out)
}

/// One line under a record's heading.
fn line(out: &mut impl Write, label: &str, value: impl fmt::Display) -> io::Result<()> {
    writeln!(out, "  {DIM}{label:<18}{DIM:#}  {value}")
}

fn frame_lines(out: &mut impl Write, frame: &FrameReport) -> io::Result<()> {
    let length = frame.message_length;
    line(
        out,
        "frame",
        format_args!("4 bytes of magic, {length} of message, 16 of digest"),
    )?;
    if frame.is_intact() {
        let right = format_args!("{GOOD}right{GOOD:#}");
        return line(out, "digest", format_args!("{}  {right}", frame.digest));
    }
    let wrong = format_args!("{BAD}wrong{BAD:#}");
    line(out, "digest", format_args!("{}  {wrong}", frame.digest))?;
    let computed = &frame.computed_digest;
    line(
        out,
        "",
        format_args!("{computed}  is that of the message as it is"),
    )
}

fn table_lines(out: &mut impl Write, tables: &Tables) -> io::Result<()> {
    for (label, table) in [
        ("partition keys", &tables.partition_keys),
        ("explicit hash keys", &tables.explicit_hash_keys),
    ] {
        let bytes: usize = table.iter().map(|key| key.len()).sum();
        line(
            out,
            label,
            format_args!("{} in the table, {bytes} bytes", table.len()),
        )?;
    }
    Ok(())
}

fn size_lines(out: &mut impl Write, sizes: &Sizes) -> io::Result<()> {
    let Sizes {
        user_records,
        user_data,
        aggregated,
        alone,
        saved,
        ..
    } = sizes;
    line(
        out,
        "user records",
        format_args!("{user_records}, {user_data} bytes of data"),
    )?;
    let compared = if *saved < 0 {
        format!("{} bytes more", saved.unsigned_abs())
    } else {
        format!("{saved} bytes saved")
    };
    line(
        out,
        "size with keys",
        format_args!("{aggregated} bytes; as {user_records} Kinesis records {alone}: {compared}"),
    )
}

fn problem_lines(
    out: &mut impl Write,
    record: &FoundRecord,
    report: &Explanation<'_>,
) -> io::Result<()> {
    if let Some(problem) = &report.problem {
        line(out, "problem", format_args!("{BAD}{problem}{BAD:#}"))?;
    }
    let damaged = report
        .frame
        .as_ref()
        .is_some_and(|frame| !frame.is_intact());
    match (report.appended, report.breaks_at) {
        (Some(bytes), _) => {
            let what =
                format_args!("the digest is right without the last {bytes}: were they added?");
            line(out, "", what)?;
        }
        (None, Some(offset)) if damaged => {
            line(
                out,
                "",
                format_args!("its protobuf breaks at byte {offset}"),
            )?;
        }
        (None, None) if damaged => {
            let what =
                "its protobuf is well-formed: keys, data, numbers or the digest have changed";
            line(out, "", what)?;
        }
        _ => {}
    }
    let Some(offset) = report.breaks_at.or(report.kcl.breaks_at) else {
        return Ok(());
    };
    for row in dump_around(record.data(), offset).lines() {
        line(out, "", row)?;
    }
    Ok(())
}

fn verdict_lines(out: &mut impl Write, report: &Explanation<'_>) -> io::Result<()> {
    let Verdict {
        delivers,
        explanation,
        shard,
        hash_key_range,
        judged_by,
        ..
    } = &report.kcl;
    let style = if *delivers == Delivers::All && !report.is_bad() {
        GOOD
    } else {
        BAD
    };
    line(
        out,
        "the KCL",
        format_args!("{style}{explanation}{style:#}"),
    )?;
    if report.kind != Kind::Aggregate {
        return Ok(());
    }
    let shard = shard.unwrap_or_default().escape_debug();
    match judged_by {
        JudgedBy::Input => line(out, "on", format_args!("{shard}, {hash_key_range}")),
        JudgedBy::FirstUserRecord => line(
            out,
            "on",
            match report.shard_id {
                Some(_) => format!(
                    "{shard}, {hash_key_range} (where its first user record belongs: the input's \
                     own shard is not among --shards)"
                ),
                None => format!("{shard}, {hash_key_range} (where its first user record belongs)"),
            },
        ),
        JudgedBy::Named if report.kcl.shard.is_none() => {
            line(out, "on", format_args!("a shard of {hash_key_range}"))
        }
        JudgedBy::Named => line(out, "on", format_args!("{shard}, {hash_key_range}")),
        JudgedBy::SequenceNumber => line(
            out,
            "on",
            format_args!("{shard}, {hash_key_range} (which had its sequence number)"),
        ),
        _ => line(out, "on", "a shard of the full hash key range"),
    }
}
