//! Where each file was read to: kept in one SQLite file, taken over from the Amazon Kinesis Agent
//! and handed back to it.

mod other_agent;
mod store;

pub use other_agent::{AgentCheckpoint, hand_back, read_checkpoints, take_over};
pub use store::{PositionStore, StoreError};
