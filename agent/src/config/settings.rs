//! Settings of our own that are said once for every flow: at the top level, or by a flag.

use serde_json::{Map, Value};

/// The keys of a flow that may also be at the top level, for every flow that does not have them.
pub(super) const FLOW_KEYS: [&str; 9] = [
    "kagg.addFile",
    "kagg.addHost",
    "kagg.aggregate",
    "kagg.compress",
    "kagg.csvQuoting",
    "kagg.multiLineWaitMillis",
    "kagg.onMismatch",
    "kagg.partitionKeyFrom",
    "kagg.rotatedDir",
];
/// Those of them that mean nothing to a flow to Firehose.
const KINESIS_KEYS: [&str; 2] = ["kagg.aggregate", "kagg.partitionKeyFrom"];

/// The settings that hold for every flow.
pub(super) struct FlowSettings {
    /// At the top level: for the flows that say nothing else.
    defaults: Map<String, Value>,
    /// By a flag: for all flows, whatever the file says.
    forced: Map<String, Value>,
}

impl FlowSettings {
    /// Takes the keys of flows out of the top level and of the flags. What is left of the flags goes
    /// into the top level.
    pub(super) fn take(top: &mut Map<String, Value>, flags: &Map<String, Value>) -> Self {
        let is_flow_key = |key: &str| FLOW_KEYS.contains(&key);
        let defaults = FLOW_KEYS.iter().filter_map(|key| top.remove_entry(*key));
        let mut settings = Self {
            defaults: defaults.collect(),
            forced: Map::new(),
        };
        for (key, value) in flags {
            let to = if is_flow_key(key) {
                &mut settings.forced
            } else {
                &mut *top
            };
            to.insert(key.clone(), value.clone());
        }
        settings
    }

    /// Puts the settings into a flow.
    pub(super) fn apply(&self, flow: &mut Map<String, Value>) {
        let has_text = |key| matches!(flow.get(key), Some(Value::String(text)) if !text.is_empty());
        let is_firehose = has_text("deliveryStream");
        let is_meant = |key: &str| !(is_firehose && KINESIS_KEYS.contains(&key));
        for (key, value) in self.defaults.iter().filter(|(key, _)| is_meant(key)) {
            flow.entry(key.clone()).or_insert_with(|| value.clone());
        }
        for (key, value) in self.forced.iter().filter(|(key, _)| is_meant(key)) {
            flow.insert(key.clone(), value.clone());
        }
    }
}
