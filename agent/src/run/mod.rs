//! Runs a flow: a thread that reads its files, a task that delivers, and the database between two
//! lives.

mod flow;
mod host;
mod prepare;
mod start;
mod worker;

pub use flow::{FlowTask, RunError, Sink, Stopped};
pub use host::Host;
pub use start::open_flow;
