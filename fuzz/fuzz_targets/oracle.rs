//! The reader beside prost: where prost accepts a message that has every required field, both
//! read the same; what the reader accepts and prost refuses is on the list.
#![no_main]

use kinesis_aggregation::proto::AggregatedRecord;
use kinesis_aggregation::wire::{self, Frame, Index};
use prost::Message;

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    let data = wire::seal_message(body);
    let Some(frame) = Frame::split(&data) else {
        return;
    };
    let Ok(index) = Index::new(&frame) else {
        // prost also accepts a missing required field, and writes what it then lacks: reading
        // that back is no error.
        if let Ok(message) = AggregatedRecord::decode(body) {
            let written = wire::seal_message(&message.encode_to_vec());
            let read = Frame::split(&written).map(|frame| Index::new(&frame));
            assert!(
                !matches!(read, Some(Err(_))),
                "prost writes every required field"
            );
        }
        return;
    };
    // prost refuses: a known field of another wire type, keys that are not UTF-8, a ten-byte
    // varint with bits beyond 64, tags beyond 32 bits, and groups it cannot skip.
    let Ok(message) = AggregatedRecord::decode(body) else {
        return;
    };
    let bytes = |range: std::ops::Range<usize>| &data[range];
    assert!(
        index
            .partition_keys()
            .map(bytes)
            .eq(message.partition_key_table.iter().map(String::as_bytes))
    );
    let hash_keys = message.explicit_hash_key_table.iter().map(String::as_bytes);
    assert!(index.explicit_hash_keys().map(bytes).eq(hash_keys));
    assert_eq!(index.records().len(), message.records.len());
    for (ours, theirs) in index.records().iter().zip(&message.records) {
        assert_eq!(bytes(ours.data()), theirs.data);
        let saturated = |index: u64| u32::try_from(index).unwrap_or(u32::MAX).min(u32::MAX - 1);
        assert_eq!(
            ours.partition_key_index(),
            saturated(theirs.partition_key_index)
        );
        assert_eq!(
            ours.explicit_hash_key_index(),
            theirs.explicit_hash_key_index.map(saturated)
        );
    }
});
