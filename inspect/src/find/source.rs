//! Events that look like Kinesis', but are not.

/// Its name, and what to do.
pub(crate) type OtherSource = (&'static str, &'static str);

/// The event source `name`, unless it is Kinesis or not known.
pub(crate) fn other_source(name: &[u8]) -> Option<OtherSource> {
    Some(match name {
        b"aws:kafka" => (
            "aws:kafka",
            "Kafka's records are not aggregated by the KPL; their values are base64 in `value`",
        ),
        b"SelfManagedKafka" => (
            "SelfManagedKafka",
            "Kafka's records are not aggregated by the KPL; their values are base64 in `value`",
        ),
        b"aws:dynamodb" => (
            "aws:dynamodb",
            "a DynamoDB stream holds items, not Kinesis records",
        ),
        b"aws:s3" => (
            "aws:s3",
            "fetch the objects that it names (aws s3 cp) and read those",
        ),
        b"aws:sqs" => ("aws:sqs", "the message bodies hold no Kinesis records"),
        b"aws:sns" => ("aws:sns", "the messages hold no Kinesis records"),
        _ => return None,
    })
}
