//! A Lambda event of 6.2 MB, and the ways to its user records.

use std::hint::black_box;

use aws_lambda_events::kinesis as aws;
use bytes::Bytes;
use kinesis_aggregation::lambda::{KinesisEvent, OwnedKinesisEvent, Payload, Processor, Records};
use serde_json::json;

use super::{Traffic, prost_way};

/// An event as Lambda sends it, at its limit of 6 MB: 90 aggregates of 200-byte user records.
pub(crate) fn event() -> Vec<u8> {
    let page = Traffic::USUAL.aggregates(90);
    let stream = "arn:aws:kinesis:eu-central-1:210987654321:stream/orders";
    let records: Vec<_> = page
        .iter()
        .enumerate()
        .map(|(at, record)| {
            let sequence_number = format!("49671246667567228643283430150187087032206582658{at:09}");
            json!({
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": record.partition_key(),
                    "sequenceNumber": sequence_number,
                    "data": base64_simd::STANDARD.encode_to_string(record.data()),
                    "approximateArrivalTimestamp": 1_785_312_000.123,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": format!("shardId-000000000002:{sequence_number}"),
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::210987654321:role/orders-reader",
                "awsRegion": "eu-central-1",
                "eventSourceARN": stream,
            })
        })
        .collect();
    serde_json::to_vec(&json!({ "Records": records })).expect("JSON")
}

/// serde_json, `aws_lambda_events`, md-5 and prost; no hash keys.
pub(crate) fn usual(event: &[u8]) -> usize {
    let event: aws::KinesisEvent = serde_json::from_slice(event).expect("an event");
    let records = event.records.into_iter();
    let read =
        records.map(|record| prost_way::read_unfiltered(&Bytes::from(record.kinesis.data.0)));
    read.sum()
}

/// The same types for the event, and our batch.
pub(crate) fn kinesis_event(processor: &Processor, event: &[u8]) -> usize {
    let event: aws::KinesisEvent = serde_json::from_slice(event).expect("an event");
    read(processor, &event)
}

/// The same types alone, nothing of ours: no reader behind them can be quicker than this.
pub(crate) fn kinesis_event_alone(event: &[u8]) -> usize {
    let event: aws::KinesisEvent = serde_json::from_slice(event).expect("an event");
    black_box(event.records.len())
}

/// serde_json alone, which finds where the strings of the data end: no reader on it can be quicker
/// than this.
pub(crate) fn scan_alone(event: &[u8]) -> usize {
    #[derive(serde::Deserialize)]
    struct Event<'a> {
        #[serde(borrow, rename = "Records")]
        records: Vec<Record<'a>>,
    }
    #[derive(serde::Deserialize)]
    struct Record<'a> {
        #[serde(borrow)]
        kinesis: Kinesis<'a>,
    }
    #[derive(serde::Deserialize)]
    struct Kinesis<'a> {
        data: &'a [u8],
    }
    let event: Event<'_> = serde_json::from_slice(event).expect("an event");
    let records = event.records.iter();
    black_box(records.map(|record| record.kinesis.data.len()).sum())
}

/// Our event.
pub(crate) fn own_event(processor: &Processor, event: &[u8]) -> usize {
    let event = KinesisEvent::from_slice(event).expect("an event");
    read(processor, &event)
}

/// The types without a lifetime, as a runtime reads them.
pub(crate) fn owned_event(processor: &Processor, event: &[u8]) -> usize {
    let event: OwnedKinesisEvent = serde_json::from_slice(event).expect("an event");
    read(processor, &event)
}

/// The same, given to code that is written against `aws_lambda_events`.
pub(crate) fn converted_event(processor: &Processor, event: &[u8]) -> usize {
    let event: OwnedKinesisEvent = serde_json::from_slice(event).expect("an event");
    read(processor, &aws::KinesisEvent::from(event))
}

pub(crate) fn payload(processor: &Processor, event: &[u8]) -> usize {
    let payload: Payload = serde_json::from_slice(event).expect("JSON");
    read(processor, &payload.kinesis_event().expect("an event"))
}

fn read(processor: &Processor, event: &impl Records) -> usize {
    let user_records = processor.read(event);
    let read = user_records.user_records().map(|user_record| {
        let user_record = user_record.expect("nothing is lost");
        black_box((user_record.partition_key(), user_record.data()));
    });
    read.count()
}
