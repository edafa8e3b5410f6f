//! The consumer: this library's reading, by each shard's hash key range, as the KCL filters.

use kinesis_aggregation::Deaggregator;

use super::model_stream::ModelStream;

/// One user record as a consumer gets it.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) id: u64,
    pub(super) data_len: usize,
    pub(super) partition_key: Option<String>,
    pub(super) shard_id: String,
    pub(super) sequence_number: String,
    pub(super) sub_sequence_number: u64,
    /// Whether the stream that held it was deleted since.
    pub(super) is_gone: bool,
}

/// The number that a record's data start with.
pub(super) fn id_of(data: &[u8]) -> u64 {
    let digits: String = data
        .windows(2)
        .position(|window| window == b"#<")
        .map(|at| &data[at + 2..])
        .expect("every record carries its number")
        .iter()
        .take_while(|byte| **byte != b'>')
        .map(|byte| char::from(*byte))
        .collect();
    digits.parse().expect("a number")
}

/// All that a consumer of the stream gets, in an order in which it may get it.
pub(super) fn read(stream: &ModelStream, filters: bool) -> Vec<Read> {
    let ranges = stream.ranges();
    let mut all = Vec::new();
    for stored in &stream.stored {
        let mut deaggregator = Deaggregator::new();
        // Of a stream that was deleted nobody can tell any more.
        if filters && stream.is_alive(stored.shard) {
            deaggregator = deaggregator.hash_key_range(ranges[stored.shard]);
        }
        let record = &stored.record;
        let read = deaggregator.deaggregate(record);
        // A loss is a whole aggregate on the wrong shard.
        for user_record in read.user_records().flatten() {
            all.push(Read {
                id: id_of(user_record.data()),
                data_len: user_record.data().len(),
                partition_key: user_record.partition_key().map(str::to_owned),
                shard_id: stream.shard_id(stored.shard).to_owned(),
                sequence_number: stored.sequence_number.clone(),
                sub_sequence_number: user_record.sub_sequence_number(),
                is_gone: !stream.is_alive(stored.shard),
            });
        }
    }
    all
}
