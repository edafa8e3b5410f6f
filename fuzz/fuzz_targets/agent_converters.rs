//! Any record through each converter, and through two of them: what should be JSON is JSON, and what is
//! not changed is the record.
#![no_main]

use bytes::Bytes;
use kinesis_aggregation_agent::{Converted, Converter, JavaRegex, convert_all};
use serde_json::{Value, json};

/// The options, and whether what they make of any record is JSON.
fn options() -> Vec<(Value, bool)> {
    let names = json!(["a", "b", "a", "c"]);
    let log = |format: &str| json!({"optionName": "LOGTOJSON", "logFormat": format});
    vec![
        (json!({"optionName": "SINGLELINE"}), false),
        (
            json!({"optionName": "SINGLELINE", "parseOptions": ["NO_TRIM", "ESCAPE_NEW_LINE"]}),
            false,
        ),
        (
            json!({"optionName": "CSVTOJSON", "customFieldNames": names}),
            true,
        ),
        (
            json!({"optionName": "CSVTOJSON", "customFieldNames": names, "delimiter": "|", "jsonFormat": "PRETTYPRINT"}),
            true,
        ),
        (
            json!({"optionName": "CSVTOJSON", "customFieldNames": names, "delimiter": "\\s*;", "kagg.onMismatch": "raw"}),
            true,
        ),
        (
            json!({"optionName": "CSVTOJSON", "customFieldNames": names, "kagg.csvQuoting": true}),
            true,
        ),
        (
            json!({"optionName": "JSONTOCSV", "fields": ["/a", "/b/0/c", "/~0~1"]}),
            false,
        ),
        (log("COMMONAPACHELOG"), true),
        (log("COMBINEDAPACHELOG"), true),
        (log("APACHEERRORLOG"), true),
        (log("SYSLOG"), true),
        (log("RFC3339SYSLOG"), true),
        (
            json!({"optionName": "ADDMETADATA", "metadata": {"k": [1, "v"]}, "timestamp": "true"}),
            true,
        ),
        (
            json!({"optionName": "ADDEC2METADATA", "logFormat": "SYSLOG"}),
            false,
        ),
        (json!({"optionName": "ADDBRACKETS"}), false),
    ]
}

libfuzzer_sys::fuzz_target!(|input: (u8, u8, &[u8])| {
    let (first, second, record) = input;
    let options = options();
    let step = |index: u8| {
        let (option, is_json) = &options[usize::from(index) % options.len()];
        (
            Converter::new(option, &option.to_string()).expect("good"),
            *is_json,
        )
    };
    let record = Bytes::copy_from_slice(record);
    let (converter, is_json) = step(first);
    if let Converted::Record(converted) = converter.convert(record.clone(), 0, None)
        && is_json
    {
        serde_json::from_slice::<Value>(&converted).expect("JSON");
    }
    let chain = [converter, step(second).0];
    let _ = convert_all(&chain, record.clone(), u64::MAX, None);
    // A pattern of the fuzzer's own runs no longer than its step limit.
    if let Ok(text) = std::str::from_utf8(&record)
        && let Some((pattern, line)) = text.split_once('\n')
        && let Ok(pattern) = JavaRegex::new(pattern)
    {
        let _ = pattern.groups(line);
    }
});
