//! Where a flow goes on when it starts.

use crate::config::{Config, Destination, Flow};
use crate::follow::Follower;
use crate::fs::FileSystem;
use crate::positions::{PositionStore, StoreError, read_checkpoints, take_over};

/// Returns the follower of a flow. It goes on where our database says; else where the Amazon Kinesis Agent's
/// database says; else it is at its very first start.
///
/// # Errors
///
/// * [`StoreError::Sqlite`] if our own database cannot be read.
/// * [`StoreError::Checkpoints`] if ours has nothing of the flow, and the agent's exists but cannot be read.
/// * [`StoreError::HandOver`] if the agent's has a position of the flow, and the file at which the agent was
///   cannot be read, or is not found and may be in a directory that cannot be read.
pub fn open_flow<S: FileSystem>(
    config: &Config,
    flow: &Flow,
    store: &PositionStore,
    fs: &S,
) -> Result<Follower<S>, StoreError> {
    let rules = flow.rules().clone();
    if let Some(saved) = store.load(&flow.id())? {
        return Ok(Follower::resume(rules, saved));
    }
    let (is_firehose, name) = match flow.destination() {
        Destination::Kinesis(name) => (false, name),
        Destination::Firehose(name) => (true, name),
    };
    let pattern = rules.pattern.as_str().to_owned();
    let checkpoints = read_checkpoints(config.checkpoint_file(), is_firehose, name, &pattern)?;
    let Some(latest) = checkpoints.first() else {
        return Ok(Follower::new(rules));
    };
    let (saved, is_found) = take_over(fs, &rules.pattern, &checkpoints)?;
    if is_found {
        tracing::info!(
            "{pattern}: goes on where the Amazon Kinesis Agent was, at byte {} of {}",
            latest.offset,
            latest.path.display()
        );
    } else {
        tracing::warn!(
            "{pattern}: the Amazon Kinesis Agent was at byte {} of {}, which is not to be found any more; what it had not sent of it is not sent",
            latest.offset,
            latest.path.display()
        );
    }
    Ok(Follower::resume(rules, saved))
}
