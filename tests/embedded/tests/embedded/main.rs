//! The library and the command against an embedded Kinesis.

mod client;
