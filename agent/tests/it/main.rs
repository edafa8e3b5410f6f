//! The agent against the Amazon Kinesis Agent's own answers.

mod converters;
