//! The parts that [`Aggregator`](crate::Aggregator) is made of, for producers that keep more beside each user
//! record, or encode many Kinesis records at once.

pub use crate::aggregate::{
    Buffer, Closed, Config, KeyHashes, Plan, Unsealed, check_within, reads_as_aggregate,
};
