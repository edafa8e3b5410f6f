//! The report of `kagg inspect` on any input, as JSON.

use kinesis_aggregation::decompress::decompress as decompressed;
use kinesis_aggregation_inspect::{Everything, Shards, explain, find};
use serde_json::{Value, json};

use crate::input::{Bad, Input};
use crate::output::{Output, to_u32};

/// The explanations go into `text`, the records' data into `bytes`, and where each ends there into
/// `records`.
pub(crate) fn inspect(mut input: Input<'_>, output: &mut Output) -> Result<(), Bad> {
    let found = input.bytes()?;
    let shards = match input.bytes()? {
        [] => None,
        json => Some(Shards::from_json(json).map_err(|error| Bad::Owned(error.to_string()))?),
    };
    let found = find(found).map_err(|error| Bad::Owned(error.to_string()))?;
    output.text.push_str("{\"records\":[");
    for (at, record) in found.records().iter().enumerate() {
        if at > 0 {
            output.text.push(',');
        }
        let explanation = serde_json::to_string(&explain(record, shards.as_ref()));
        let explanation = explanation.map_err(|error| Bad::Owned(error.to_string()))?;
        output.text.push_str(&explanation);
        output.bytes.extend_from_slice(record.data());
        output.records.push(to_u32(output.bytes.len()));
    }
    output.text.push_str("],\"refused\":");
    output.text.push_str(&refused(&found).to_string());
    output.text.push_str(",\"warnings\":");
    output.text.push_str(&warnings(&found).to_string());
    output.text.push('}');
    Ok(())
}

/// The start of what each run of bytes decompresses to goes into `bytes`, and where each ends there
/// into `records`. Nothing comes of those that are not compressed.
pub(crate) fn decompress(mut input: Input<'_>, output: &mut Output) -> Result<(), Bad> {
    let most = input.size()?;
    let count = input.size()?;
    for _ in 0..count {
        let data = decompressed(input.bytes()?, None).unwrap_or_default();
        output.bytes.extend(data.iter().take(most));
        output.records.push(to_u32(output.bytes.len()));
    }
    Ok(())
}

fn refused(found: &Everything) -> Value {
    let refused = found.refused().iter();
    refused
        .map(|it| json!({"place": it.place().to_string(), "why": it.why()}))
        .collect()
}

fn warnings(found: &Everything) -> Value {
    let warnings = found.warnings().iter();
    warnings.map(|it| Value::from(it.to_string())).collect()
}
