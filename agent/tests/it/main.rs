//! The agent against the Amazon Kinesis Agent's own answers, and on real files.

mod config;
mod converters;
mod corners;
mod directories;
mod ends;
mod following;
mod found;
mod hand_over;
mod logged;
mod metrics;
mod our_converters;
mod refusing;
mod rotated;
mod run;
mod service_managed;
mod stream;
