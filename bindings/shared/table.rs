//! A table of keys, as an aggregate has two. Compiled into each of the bindings that writes.

use std::collections::HashMap;

/// Keys in the order of their first use.
#[derive(Default)]
pub(crate) struct Table<'a> {
    entries: Vec<&'a str>,
    indices: HashMap<&'a str, u32>,
}

impl<'a> Table<'a> {
    /// The place of `key`, which is added if it is not there.
    pub(crate) fn index(&mut self, key: &'a str) -> u32 {
        *self.indices.entry(key).or_insert_with(|| {
            let next = self.entries.len();
            self.entries.push(key);
            u32::try_from(next).unwrap_or(u32::MAX)
        })
    }

    pub(crate) fn entries(&self) -> &[&'a str] {
        &self.entries
    }
}
