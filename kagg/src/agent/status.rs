//! `kagg agent status`: how far each file is.

use std::fmt::Write as _;
use std::path::Path;

use kinesis_aggregation_agent::PositionStore;

use crate::exit::{Failure, Result};

/// A line for each file, with its length at the last look.
pub(super) fn report(database: &Path) -> Result<String> {
    let named = |error| Failure::new(format_args!("{}: {error}", database.display()));
    let store = PositionStore::open_to_read(database).map_err(named)?;
    let mut text = String::new();
    for flow in store.flows().map_err(named)? {
        let _ = writeln!(text, "{flow}");
        let saved = store.load(&flow).map_err(named)?.unwrap_or_default();
        for file in &saved.files {
            let state = if file.is_finished {
                "finished".to_owned()
            } else {
                format!("{} bytes behind", file.len.saturating_sub(file.position))
            };
            let _ = writeln!(
                text,
                "  {}: at byte {}, {state}",
                file.path.display(),
                file.position
            );
        }
    }
    Ok(text)
}
