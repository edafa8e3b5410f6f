//! Any text as `agent.json`, as a file of `agent.d`, and as a value of a flag: it is understood or
//! refused, and what is understood keeps its ranges.
#![no_main]

use kinesis_aggregation_agent::{Config, RealFs};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let base = r#"{"flows": [{"filePattern": "/nowhere/app.log", "kinesisStream": "s"}]}"#;
    let drop_in = [("10-more".into(), text.to_owned())];
    let flags = serde_json::from_str(text).unwrap_or_default();
    let read = [
        Config::parse(text, &[]),
        Config::parse(base, &drop_in),
        Config::parse_with(base, &[], &flags),
    ];
    for config in read {
        let config = match config {
            Ok(config) => config,
            Err(errors) => {
                assert!(!errors.to_string().is_empty());
                continue;
            }
        };
        assert!(!config.flows().is_empty());
        assert!(config.max_memory() >= 4_194_304);
        for flow in config.flows() {
            assert!((1..=500).contains(&flow.max_buffer_records()));
            assert!((1_000..=900_000).contains(&flow.max_buffer_age().as_millis()));
            assert!(flow.rules().records.terminator.len() <= flow.rules().records.max_record);
        }
        // Reading directories takes long, and patterns of the fuzzer's may name any.
        let is_nowhere = |flow: &kinesis_aggregation_agent::Flow| {
            flow.rules().pattern.as_str().starts_with("/nowhere/")
        };
        if config.flows().iter().all(is_nowhere) {
            let _ = config.report(&RealFs);
        }
    }
});
