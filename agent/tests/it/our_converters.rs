//! Converters of our own, and those that ask for something besides the record.

use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use kinesis_aggregation_agent::{
    Converted, Converter, InstanceMetadata, MetadataError, MetadataService,
};
use serde_json::json;

fn converter(option: &serde_json::Value) -> Converter {
    Converter::new(option, &option.to_string()).expect("good")
}

fn convert(converter: &Converter, line: &str, instance: Option<&InstanceMetadata>) -> String {
    match converter.convert(Bytes::copy_from_slice(line.as_bytes()), 0, instance) {
        Converted::Record(data) => String::from_utf8(data.to_vec()).expect("text"),
        Converted::Skipped => panic!("skipped"),
    }
}

#[test]
fn json_to_csv_quotes_what_rfc_4180_quotes_and_leaves_other_lines_alone() {
    let step = converter(
        &json!({"optionName": "JSONTOCSV", "fields": ["/a", "/b/c", "/n", "/list/1", "/o"]}),
    );
    let to_csv = |line: &str| convert(&step, line, None);
    assert_eq!(
        to_csv(
            r#"{"n": 1.50, "a": "x, \"y\"\n", "b": {"c": true}, "list": [0, 12345678901234567890], "o": {"k": 1}}"#
        ),
        "\"x, \"\"y\"\"\n\",true,1.50,12345678901234567890,\"{\"\"k\"\": 1}\"\n"
    );
    assert_eq!(to_csv("{\"a\": null, \"b\": 1}\r\n"), ",,,,\n");
    for other in ["text\n", "[1]\n", "{\"a\": 1\n", "\n"] {
        assert_eq!(to_csv(other), other);
    }
    let step =
        converter(&json!({"optionName": "JSONTOCSV", "fields": ["/a", "/b"], "delimiter": ";"}));
    assert_eq!(
        convert(&step, r#"{"a": "x,y", "b": "1;2"}"#, None),
        "x,y;\"1;2\"\n"
    );
}

/// A metadata service that has these paths, and fails for others if it is broken.
struct Service {
    paths: HashMap<&'static str, &'static str>,
    is_broken: bool,
}

impl MetadataService for Service {
    async fn get(&self, path: &str) -> Result<Option<String>, MetadataError> {
        match self.paths.get(path) {
            Some(text) => Ok(Some((*text).to_owned())),
            None if self.is_broken => Err(MetadataError::Service("gone".to_owned())),
            None => Ok(None),
        }
    }
}

const DOCUMENT: (&str, &str) = (
    "/latest/dynamic/instance-identity/document",
    r#"{"accountId": "123456789012", "architecture": "arm64", "availabilityZone": "eu-west-1a",
        "imageId": "ami-1", "instanceId": "i-1", "instanceType": "t4g.small",
        "privateIp": "10.0.0.7", "region": "eu-west-1", "kernelId": null}"#,
);

async fn read(paths: &[(&'static str, &'static str)]) -> Result<InstanceMetadata, MetadataError> {
    let service = Service {
        paths: paths.iter().copied().collect(),
        is_broken: paths.len() < 2,
    };
    let at = UNIX_EPOCH + Duration::from_millis(1_764_064_800_999);
    InstanceMetadata::read(&service, at).await
}

#[tokio::test]
async fn what_is_known_of_the_instance_is_put_into_json_lines() {
    let instance = read(&[
        DOCUMENT,
        ("/latest/meta-data/tags/instance", "Name\nGone\nTEAM\n"),
        ("/latest/meta-data/tags/instance/Name", "we\"b"),
        ("/latest/meta-data/tags/instance/TEAM", "logs"),
    ]);
    let instance = instance.await.expect("read");
    let fields = r#""privateIp":"10.0.0.7","availabilityZone":"eu-west-1a","instanceId":"i-1","instanceType":"t4g.small","accountId":"123456789012","amiId":"ami-1","region":"eu-west-1","metadataTimestamp":"2025-11-25T10:00:00+0000","tags":{"name":"we\"b","team":"logs"}"#;
    let step = converter(&json!({"optionName": "ADDEC2METADATA", "logFormat": "RFC3339SYSLOG"}));
    assert_eq!(
        convert(&step, "{\"message\": \"m\"}\n", Some(&instance)),
        format!("{{\"message\":\"m\",{fields}}}\n")
    );
    // A field that is there takes the new value where it is.
    assert_eq!(
        convert(&step, "{\"region\": 1, \"x\": 2}\n", Some(&instance)),
        format!(
            "{{\"region\":\"eu-west-1\",\"x\":2,{}}}\n",
            fields.replace("\"region\":\"eu-west-1\",", "")
        )
    );
    for (line, instance) in [
        ("no JSON\n", Some(&instance)),
        ("{\"message\": \"m\"}\n", None),
    ] {
        assert_eq!(convert(&step, line, instance), line);
    }
    let pretty = converter(
        &json!({"optionName": "ADDEC2METADATA", "logFormat": "SYSLOG", "jsonFormat": "PRETTYPRINT"}),
    );
    let pretty = convert(&pretty, "{\"a\": [1, {}], \"b\": []}", Some(&instance));
    assert!(
        pretty.starts_with("{\n  \"a\" : [ 1, { } ],\n  \"b\" : [ ],\n  \"privateIp\" : \"10"),
        "{pretty}"
    );
    assert!(
        pretty.ends_with(
            "  \"tags\" : {\n    \"name\" : \"we\\\"b\",\n    \"team\" : \"logs\"\n  }\n}\n"
        ),
        "{pretty}"
    );
}

#[tokio::test]
async fn an_instance_that_offers_no_tags_has_none_and_a_service_that_fails_is_an_error() {
    let none = ("/latest/meta-data/other", "");
    let instance = read(&[DOCUMENT, none]).await.expect("read");
    let step = converter(&json!({"optionName": "ADDEC2METADATA", "logFormat": "SYSLOG"}));
    let line = convert(&step, "{}", Some(&instance));
    assert!(line.ends_with("\"tags\":{}}\n"), "{line}");
    assert_eq!(read(&[none, none]).await, Err(MetadataError::NoDocument));
    assert_eq!(
        read(&[(DOCUMENT.0, "no JSON"), none]).await,
        Err(MetadataError::NoDocument)
    );
    assert_eq!(
        read(&[none]).await,
        Err(MetadataError::Service("gone".to_owned()))
    );
}
