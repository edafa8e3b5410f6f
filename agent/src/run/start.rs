//! Where a flow goes on when it starts.

use crate::config::{Config, Destination, Flow};
use crate::follow::Follower;
use crate::fs::FileSystem;
use crate::positions::{PositionStore, StoreError, read_checkpoints, take_over};

/// The follower of a flow: where our database says, else where the agent's says, else from its very
/// first start.
///
/// # Errors
///
/// [`StoreError::Sqlite`] if our own database cannot be read; [`StoreError::Checkpoints`] if it has
/// nothing of the flow, and the agent's database exists but cannot be read; [`StoreError::HandOver`] if the
/// agent's database is read, and a directory or the last file of the flow cannot be.
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
