//! The diagnosis for a person.

use std::io::{self, Write};

use kinesis_aggregation_inspect::doctor::{
    Cost, Diagnosis, Finding, HotKey, Packing, Severity, StreamFacts,
};

use crate::color::{BAD, BOLD, DIM, GOOD, WARNING};
use crate::terminal::{self, wrapped};

pub(super) fn write(out: &mut impl Write, diagnosis: &Diagnosis) -> io::Result<()> {
    if let Some(stream) = &diagnosis.stream {
        facts(out, stream)?;
    }
    let sampled = &diagnosis.sampled;
    writeln!(
        out,
        "{BOLD}Kinesis records: {}{BOLD:#} ({} bytes; aggregates: {}, of {} user records; plain: \
         {}; broken: {})",
        sampled.records,
        sampled.bytes,
        sampled.aggregates,
        sampled.user_records,
        sampled.plain,
        sampled.broken
    )?;
    for writer in &diagnosis.writers {
        line(
            out,
            "aggregates",
            &format!("{}, {}", writer.aggregates, writer.signature),
        )?;
    }
    packing(out, &diagnosis.packing)?;
    hottest(out, &diagnosis.hottest_partition_keys)?;
    findings(out, &diagnosis.findings)
}

/// A line under a heading, wrapped on a terminal.
fn line(out: &mut impl Write, label: &str, value: &str) -> io::Result<()> {
    const LABEL: usize = 18;
    let width = terminal::width().map_or(usize::MAX, |width| width.saturating_sub(LABEL + 4));
    let lines = wrapped(value, width.max(LABEL));
    for (position, text) in lines.iter().enumerate() {
        let label = if position == 0 { label } else { "" };
        writeln!(out, "  {DIM}{label:<LABEL$}{DIM:#}  {text}")?;
    }
    Ok(())
}

fn facts(out: &mut impl Write, stream: &StreamFacts) -> io::Result<()> {
    writeln!(out, "{BOLD}stream {}{BOLD:#}", stream.stream.escape_debug())?;
    if let Some(managed) = stream.service_managed {
        let placed = ["by partition key", "by the service (AUTO)"];
        line(out, "distribution", placed[usize::from(managed)])?;
    }
    if let Some(bytes) = stream.max_record_size {
        line(out, "record limit", &format!("{} KiB", bytes / 1024))?;
    }
    if let Some(hours) = stream.retention_hours {
        line(out, "retention", &format!("{hours} hours"))?;
    }
    if let (Some(open), Some(closed)) = (&stream.open_shards, &stream.closed_shards) {
        let counted = format!("{} open, {} closed", open.len(), closed.len());
        line(out, "shards", &counted)?;
    }
    names(out, "fan-out consumers", stream.consumers.as_deref())?;
    names(out, "channels", stream.channels.as_deref())?;
    if let Some(mappings) = &stream.mappings {
        let functions: Vec<_> = mappings.iter().map(|map| map.function.clone()).collect();
        names(out, "Lambda functions", Some(&functions))?;
    }
    for not_asked in &stream.not_asked {
        let why = not_asked.why.escape_debug();
        line(out, "not asked", &format!("{}: {why}", not_asked.action))?;
    }
    writeln!(out)
}

fn names(out: &mut impl Write, label: &str, names: Option<&[String]>) -> io::Result<()> {
    match names {
        None => Ok(()),
        Some([]) => line(out, label, "none"),
        Some(names) => line(out, label, &names.join(", ").escape_debug().to_string()),
    }
}

fn packing(out: &mut impl Write, packing: &Packing) -> io::Result<()> {
    if packing.now.records == 0 {
        return Ok(());
    }
    if packing.user_records_per_aggregate > 0.0 {
        let mean = format!(
            "{:.1} user records and {:.0} bytes an aggregate, on average",
            packing.user_records_per_aggregate, packing.bytes_per_aggregate
        );
        line(out, "packing", &mean)?;
    }
    line(out, "cost", &cost(&packing.now))?;
    line(out, "  one by one", &cost(&packing.without_aggregation))?;
    line(out, "  aggregated", &cost(&packing.aggregated))
}

fn cost(cost: &Cost) -> String {
    let shards = cost.shards.map(|shards| format!(", shards {shards}"));
    format!(
        "records {}, bytes {}, PUT payload units {}{}",
        cost.records,
        cost.bytes,
        cost.payload_units,
        shards.unwrap_or_default()
    )
}

fn hottest(out: &mut impl Write, keys: &[HotKey]) -> io::Result<()> {
    const SHOWN: usize = 5;
    for (position, key) in keys.iter().take(SHOWN).enumerate() {
        let label = if position == 0 { "hottest keys" } else { "" };
        let (count, percent) = (key.at_least, key.percent);
        let key = &key.partition_key;
        let text = format!("{count:>9}  {percent:>3} %  {key:?}");
        line(out, label, &text)?;
    }
    Ok(())
}

fn findings(out: &mut impl Write, findings: &[Finding]) -> io::Result<()> {
    writeln!(out)?;
    if findings.is_empty() {
        return writeln!(out, "{GOOD}nothing found{GOOD:#}");
    }
    for finding in findings {
        let (style, severity) = match finding.severity {
            Severity::Loss => (BAD, "loss"),
            Severity::Warning => (WARNING, "warning"),
            Severity::Note => (DIM, "note"),
        };
        let Finding {
            name,
            title,
            evidence,
            advice,
            ..
        } = finding;
        writeln!(out, "{style}{severity}{style:#} {BOLD}{name}{BOLD:#}")?;
        line(out, "what", title)?;
        line(out, "seen", evidence)?;
        line(out, "do", advice)?;
    }
    Ok(())
}
