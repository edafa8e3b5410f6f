//! Every key of agent.json: good, at its limits, beyond them, misspelt.

use std::path::PathBuf;

use kinesis_aggregation_agent::{
    Compression, Config, Destination, InitialPosition, LogLevel, PartitionKeyOption, RealFs,
};

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, &[]).map_err(|errors| errors.to_string())
}

fn flow(keys: &str) -> Result<Config, String> {
    parse(&format!(
        r#"{{"flows": [{{"filePattern": "/logs/app.log", "kinesisStream": "s"{keys}}}]}}"#
    ))
}

/// A key of a flow, the values that are taken, and those that are refused.
const FLOW_KEYS: &[(&str, &[&str], &[&str])] = &[
    (
        "partitionKeyOption",
        &["\"RANDOM\"", "\"DETERMINISTIC\""],
        &["\"random\"", "1"],
    ),
    (
        "initialPosition",
        &["\"END_OF_FILE\"", "\"START_OF_FILE\""],
        &["\"start_of_file\""],
    ),
    ("skipHeaderLines", &["0", "\"3\""], &["-1", "\"x\"", "1.5"]),
    ("multiLineStartPattern", &["\"^\\\\d++\""], &["\"(\""]),
    ("fileFooterPattern", &["\"#.*\""], &["\"[\""]),
    ("truncatedRecordTerminator", &["\"\"", "\"...\\n\""], &["7"]),
    (
        "maxBufferAgeMillis",
        &["1000", "900000", "\"2000\""],
        &["999", "900001"],
    ),
    ("maxBufferSizeRecords", &["1", "500"], &["0", "501"]),
    ("maxBufferSizeBytes", &["1", "5242880"], &["0", "5242881"]),
    (
        "waitOnFullPublishQueueMillis",
        &["1000", "900000"],
        &["999", "900001"],
    ),
    (
        "waitOnEmptyPublishQueueMillis",
        &["1000", "900000"],
        &["999", "900001"],
    ),
    ("publishQueueCapacity", &["1", "1000"], &[]),
    ("retryInitialBackoffMillis", &["1", "\"100\""], &["0"]),
    ("retryMaxBackoffMillis", &["10000"], &["0"]),
    ("minTimeBetweenFilePollsMillis", &["1"], &["\"soon\""]),
    ("maxTimeBetweenFileTrackerRefreshMillis", &["10000"], &[]),
    (
        "kagg.aggregate",
        &["true", "\"Yes\"", "\"0\"", "1"],
        &["\"maybe\"", "2", "[]"],
    ),
    ("kagg.multiLineWaitMillis", &["0", "900000"], &["900001"]),
    ("kagg.rotatedDir", &["\"/logs/old\""], &["\"old\""]),
    ("kagg.addFile", &["\"file\"", "\"\""], &["1", "true"]),
    ("kagg.addHost", &["\"host\""], &["{}"]),
    (
        "kagg.compress",
        &["\"gzip\"", "\"zlib\"", "\"zstd\""],
        &["\"GZIP\"", "\"lz4\"", "true"],
    ),
    (
        "kagg.partitionKeyFrom",
        &["\"file\"", "\"/user/id\"", "\"/\""],
        &["\"user\"", "\"File\"", "[]"],
    ),
    ("kagg.csvQuoting", &["true", "\"yes\""], &["\"maybe\""]),
    ("kagg.onMismatch", &["\"skip\"", "\"raw\""], &["\"drop\""]),
    ("aggregatedRecordSizeBytes", &["0"], &["1", "1024001"]),
    (
        "dataProcessingOptions",
        &["[]", "{}"],
        &[
            "[{}]",
            r#"[{"optionName": "USINGPLUGGIN"}]"#,
            r#"[{"optionName": "JSONTOCSV"}]"#,
            r#"[{"optionName": "JSONTOCSV", "fields": []}]"#,
            r#"[{"optionName": "JSONTOCSV", "fields": ["a"]}]"#,
            r#"[{"optionName": "JSONTOCSV", "fields": ["/a"], "delimiter": "::"}]"#,
            r#"[{"optionName": "ADDEC2METADATA"}]"#,
            r#"[{"optionName": "ADDEC2METADATA", "logFormat": "x", "metadataTTL": 0}]"#,
            r#"[{"optionName": "CSVTOJSON", "customFieldNames": ["a"], "delimiter": "::", "kagg.csvQuoting": true}]"#,
        ],
    ),
];

const TOP_KEYS: &[(&str, &[&str], &[&str])] = &[
    ("checkpointTimeToLiveDays", &["7", "\"30\""], &["-1"]),
    ("shutdownTimeoutMillis", &["0", "10000"], &["\"now\""]),
    ("log.level", &["\"DEBUG\"", "\"ERROR\""], &["\"LOUD\""]),
    ("log.statusReportingPeriodSeconds", &["1"], &["0"]),
    (
        "kagg.maxMemoryBytes",
        &["4194304", "\"33554432\""],
        &["4194303"],
    ),
    ("kinesis.endpoint", &["\"\"", "\"localhost:4567\""], &["1"]),
    ("checkpointFile", &["\"/var/lib/x\""], &["1"]),
    (
        "cloudwatch.emitMetrics",
        &["false", "\"yes\""],
        &["\"maybe\""],
    ),
    ("cloudwatch.tagInstance", &["true"], &["2"]),
    ("cloudwatch.namespace", &["\"n\"", "\"\""], &["1"]),
    ("cloudwatch.endpoint", &["\"\"", "\"localhost\""], &["1"]),
    (
        "cloudwatch.metricsBufferTimeMillis",
        &["0", "\"5000\""],
        &["-1"],
    ),
    ("cloudwatch.metricsQueueSize", &["0", "10"], &["\"many\""]),
];

#[test]
fn every_key_is_taken_within_its_range_and_refused_beyond() {
    for (keys, is_top) in [(FLOW_KEYS, false), (TOP_KEYS, true)] {
        for &(key, good, bad) in keys {
            let with = |value: &str| {
                if is_top {
                    let flow = r#"{"filePattern": "/logs/app.log", "kinesisStream": "s"}"#;
                    parse(&format!(r#"{{"flows": [{flow}], "{key}": {value}}}"#))
                } else {
                    flow(&format!(r#", "{key}": {value}"#))
                }
            };
            for value in good {
                let config = with(value).unwrap_or_else(|error| panic!("{key} {value}: {error}"));
                let odd = config.warnings().iter().map(ToString::to_string);
                let odd: Vec<_> = odd.filter(|odd| odd.contains("not known")).collect();
                assert!(odd.is_empty(), "{odd:?}");
            }
            for value in bad {
                let error = with(value).expect_err(key);
                assert!(error.contains(key), "{error}");
                assert!(
                    is_top || error.starts_with("flow 1 (/logs/app.log): "),
                    "{error}"
                );
            }
            // Misspelt: ignored as the agent does, and said.
            let misspelt = key.replacen(['t', 'e'], "", 1);
            let config = if is_top {
                let flow = r#"{"filePattern": "/logs/app.log", "kinesisStream": "s"}"#;
                parse(&format!(r#"{{"flows": [{flow}], "{misspelt}": null}}"#))
            } else {
                flow(&format!(r#", "{misspelt}": null"#))
            };
            let warnings = config.expect("good").warnings().to_vec();
            let warning = warnings
                .first()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                warning.contains(&format!("did you mean {key}?")),
                "{misspelt}: {warning}"
            );
        }
    }
}

#[test]
fn settings_of_a_flow_may_be_said_once_for_all_and_flags_go_before_the_file() {
    let text = r#"{
        "kagg.aggregate": true, "kagg.multiLineWaitMillis": 7, "kagg.compress": "gzip",
        "kagg.partitionKeyFrom": "file",
        "flows": [
            {"filePattern": "/a", "kinesisStream": "s"},
            {"filePattern": "/b", "kinesisStream": "s", "kagg.aggregate": false, "kagg.compress": "zlib"},
            {"filePattern": "/c", "deliveryStream": "f"}
        ]}"#;
    let aggregates = |config: &Config| -> Vec<bool> {
        config.flows().iter().map(|flow| flow.aggregate()).collect()
    };
    let config = parse(text).expect("good");
    assert!(config.warnings().is_empty(), "{:?}", config.warnings());
    assert_eq!(aggregates(&config), [true, false, false]);
    for flow in config.flows() {
        assert_eq!(flow.rules().multi_line_wait.as_millis(), 7);
    }
    let compressions = config.flows().iter().map(|flow| flow.compression());
    let (gzip, zlib) = (Compression::Gzip, Compression::Zlib);
    assert!(compressions.eq([Some(gzip), Some(zlib), Some(gzip)]));
    assert_eq!(config.flows()[2].partition_key_from(), None);

    let flags = serde_json::json!({"kagg.aggregate": true, "kagg.compress": "zstd", "kagg.maxMemoryBytes": "5000000"});
    let flags = flags.as_object().expect("an object");
    let config = Config::parse_with(text, &[], flags).expect("good");
    assert_eq!(aggregates(&config), [true, true, false]);
    assert_eq!(config.flows()[1].compression(), Some(Compression::Zstd));
    assert_eq!(config.max_memory(), 5_000_000);
    let bad = serde_json::json!({"kagg.compress": "lz4"});
    let error = Config::parse_with(text, &[], bad.as_object().expect("an object"));
    let error = error.expect_err("refused").to_string();
    assert!(
        error.contains("flow 1 (/a): kagg.compress is \"lz4\", not one of gzip, zlib, zstd"),
        "{error}"
    );
    // Misspelt at the top level.
    let config =
        parse(r#"{"kagg.agregate": true, "flows": [{"filePattern": "/a", "kinesisStream": "s"}]}"#);
    let warning = config.expect("good").warnings()[0].to_string();
    assert!(
        warning.ends_with("did you mean kagg.aggregate?"),
        "{warning}"
    );
}

#[test]
fn what_cannot_go_together_is_refused() {
    let firehose = |keys: &str| {
        let flow = r#""filePattern": "/logs/app.log", "deliveryStream": "f""#;
        parse(&format!(r#"{{"flows": [{{{flow}{keys}}}]}}"#))
    };
    for (config, key) in [
        (firehose(r#", "kagg.aggregate": true"#), "kagg.aggregate"),
        (
            firehose(r#", "kagg.partitionKeyFrom": "file""#),
            "kagg.partitionKeyFrom",
        ),
        (
            firehose(r#", "kagg.compress": "gzip", "aggregatedRecordSizeBytes": 100"#),
            "kagg.compress",
        ),
        (
            firehose(r#", "multiLineStartPattern": "x", "aggregatedRecordSizeBytes": 100"#),
            "aggregatedRecordSizeBytes",
        ),
    ] {
        let error = config.expect_err(key);
        assert!(error.contains(key), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_record_leaves_room_for_its_key_and_for_what_compression_adds() {
    let most = |keys: &str| {
        flow(keys).expect("good").flows()[0]
            .rules()
            .records
            .max_record
    };
    let plain = most("");
    assert_eq!(plain, 1024 * 1024 - 40);
    assert_eq!(most(r#", "kagg.compress": "gzip""#), plain - 1024);
    let both = r#", "kagg.compress": "zstd", "kagg.partitionKeyFrom": "/a""#;
    assert_eq!(most(both), plain - 2048);
}

/// Firehose refuses a record of more than 1,000 KiB, and with it the lines of the whole request.
#[test]
fn a_record_for_firehose_is_as_long_as_it_takes() {
    let config = r#"{"flows": [{"filePattern": "/logs/app.log", "deliveryStream": "f"}]}"#;
    let config = parse(config).expect("good");
    assert_eq!(config.flows()[0].rules().records.max_record, 1_024_000);
}

#[test]
fn the_report_says_what_is_done_and_where_it_departs_from_the_agent() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("app.log"), "a line of 23 bytes now\n".repeat(10_000)).expect("written");
    let report = |keys: &str| {
        let pattern = path("app.log*");
        let text = format!(
            r#"{{"flows": [{{"filePattern": "{}", "kinesisStream": "s"{keys}}}]}}"#,
            pattern.display()
        );
        parse(&text).expect("good").report(&RealFs)
    };
    let plain = report("");
    assert!(
        plain.contains(
            "aggregation is off: one Kinesis record a line; with kagg.aggregate about 1651 lines"
        ),
        "{plain}"
    );
    assert!(
        plain.contains("departure: an unterminated last line"),
        "{plain}"
    );
    assert!(!plain.contains("DETERMINISTIC"), "{plain}");
    let full = report(
        r#", "kagg.aggregate": true, "partitionKeyOption": "DETERMINISTIC", "kagg.addFile": "f",
            "kagg.compress": "zstd", "multiLineStartPattern": "x", "fileFooterPattern": "y",
            "dataProcessingOptions": [{"optionName": "ADDBRACKETS"},
                {"optionName": "LOGTOJSON", "logFormat": "SYSLOG"}]"#,
    );
    for words in [
        "aggregation is on: a Kinesis record takes about 1651 lines",
        "goes through ADDBRACKETS, LOGTOJSON, addFile",
        "compressed: Zstd",
        "departure: DETERMINISTIC is",
        "departure: the last multi-line record",
        "departure: fileFooterPattern",
        "departure: LOGTOJSON strips",
        "departure: ADDBRACKETS",
    ] {
        assert!(full.contains(words), "{words}: {full}");
    }
    std::fs::remove_file(path("app.log")).expect("removed");
    assert!(report("").contains("with kagg.aggregate many lines would share one"));
}

#[test]
fn ranges_are_named() {
    let error = flow(r#", "maxBufferAgeMillis": 5"#).expect_err("refused");
    assert_eq!(
        error,
        "flow 1 (/logs/app.log): maxBufferAgeMillis is 5, not a number of 1000 to 900000"
    );
}

#[test]
fn what_concerns_all_flows_is_read_and_an_access_key_is_never_shown() {
    let text = r#"{"flows": [{"filePattern": "/l", "kinesisStream": "s"}], "kinesis.endpoint": "k", "firehose.endpoint": "f",
        "awsAccessKeyId": "public", "awsSecretAccessKey": "secret", "assumeRoleARN": "role",
        "assumeRoleExternalId": "external", "log.level": "ERROR"}"#;
    let config = parse(text).expect("good");
    assert_eq!(config.kinesis_endpoint(), Some("k"));
    assert_eq!(config.firehose_endpoint(), Some("f"));
    assert_eq!(config.assume_role(), Some("role"));
    assert_eq!(config.assume_role_external_id(), Some("external"));
    assert_eq!(config.log_level(), LogLevel::Error);
    let key = config.access_key().expect("there is one");
    assert_eq!((key.id(), key.secret()), ("public", "secret"));
    assert_eq!(format!("{key:?}"), "AccessKey");
}

#[test]
fn defaults_are_the_agents() {
    let config = flow("").expect("good");
    let flow = &config.flows()[0];
    assert_eq!(flow.partition_key(), PartitionKeyOption::Random);
    assert_eq!(flow.rules().initial_position, InitialPosition::EndOfFile);
    assert_eq!(flow.max_buffer_age().as_millis(), 60_000);
    assert_eq!(
        (flow.max_buffer_records(), flow.max_buffer_bytes()),
        (500, 5_242_880)
    );
    assert_eq!(flow.retry_initial().as_millis(), 100);
    assert_eq!(flow.retry_max().as_millis(), 10_000);
    assert!(!flow.aggregate());
    assert_eq!(config.shutdown_timeout().as_millis(), 10_000);
    assert_eq!(
        config.checkpoint_file().to_str(),
        Some("/var/run/aws-kinesis-agent/checkpoints")
    );
    assert_eq!(config.checkpoint_ttl().as_secs(), 7 * 86_400);
    assert_eq!(config.database().to_str(), Some("/var/lib/kagg/agent.db"));
}

#[test]
fn comments_both_destinations_and_objects_for_lists_are_borne() {
    let config = parse(
        r#"{
            // the live log
            "flows": [ /* one */ {
                "filePattern": "/logs/*/app.log",
                "kinesisStream": "s", "deliveryStream": "f",
                "dataProcessingOptions": {"optionName": "SINGLELINE"}
            } ]
        }"#,
    )
    .expect("good");
    assert_eq!(
        config.flows()[0].destination(),
        &Destination::Firehose("f".into())
    );
    assert!(config.flows()[0].converters().is_empty());
    let warnings: Vec<_> = config.warnings().iter().map(ToString::to_string).collect();
    assert!(
        warnings
            .iter()
            .any(|warning| warning.contains("not a list")),
        "{warnings:?}"
    );
    assert!(
        warnings
            .iter()
            .any(|warning| warning.contains("both given")),
        "{warnings:?}"
    );
}

#[test]
fn what_makes_no_flow_is_refused_all_at_once() {
    let error = parse(r#"{"flows": [{"filePattern": "logs/app.log"}, {"kinesisStream": "s"}]}"#);
    let error = error.expect_err("refused");
    assert!(
        error.contains("flow 1 (logs/app.log): filePattern the path is relative"),
        "{error}"
    );
    assert!(
        error.contains("flow 1 (logs/app.log): kinesisStream is missing"),
        "{error}"
    );
    assert!(error.contains("flow 2: filePattern is missing"), "{error}");
    assert!(
        parse("{}")
            .expect_err("no flows")
            .contains("flows is missing")
    );
    assert!(
        parse("[]")
            .expect_err("no object")
            .contains("not a JSON object")
    );
    let twice = r#"{"filePattern": "/logs/app.log", "kinesisStream": "s"}"#;
    let error = parse(&format!(r#"{{"flows": [{twice}, {twice}]}}"#)).expect_err("refused");
    assert!(
        error.contains("duplicate flow: kinesis:s:/logs/app.log"),
        "{error}"
    );
}

#[test]
fn drop_in_files_add_flows_and_broken_ones_are_passed_over() {
    let drop_ins = [
        (
            PathBuf::from("10-good"),
            r#"{"flows": [{"filePattern": "/logs/b", "kinesisStream": "s"}]}"#.to_owned(),
        ),
        (PathBuf::from("20-broken"), "{".to_owned()),
    ];
    let text = r#"{"flows": [{"filePattern": "/logs/a", "kinesisStream": "s"}]}"#;
    let config = Config::parse(text, &drop_ins).expect("good");
    assert_eq!(config.flows().len(), 2);
    assert!(
        config.warnings()[0]
            .to_string()
            .contains("20-broken is passed over")
    );
}

#[test]
fn the_report_names_the_files_that_would_be_followed() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::create_dir_all(directory.path().join("one/app.log.d")).expect("made");
    std::fs::write(directory.path().join("one/app.log"), "").expect("written");
    std::fs::write(directory.path().join("one/app.log.1.gz"), "").expect("written");
    let pattern = format!("{}/*/app.log*", directory.path().display());
    let config = parse(&format!(
        r#"{{"flows": [{{"filePattern": "{pattern}", "kinesisStream": "s"}}]}}"#
    ));
    let report = config.expect("good").report(&RealFs);
    let followed: Vec<_> = report
        .lines()
        .filter(|line| line.starts_with("  follows "))
        .collect();
    assert_eq!(followed.len(), 1, "{report}");
    assert!(followed[0].ends_with("one/app.log"), "{report}");
}
