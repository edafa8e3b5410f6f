//! Aggregates whose partition keys were shuffled.

use bytestring::ByteString;
use memchr::memmem;

/// A shorter key is in most data by chance.
const SHORTEST_KEY: usize = 4;
/// More are not looked for in the data: the time is that of keys times data.
const MOST_KEYS: usize = 32;
const MOST_USER_RECORDS: usize = 64;

/// Whether most user records hold the partition key of another one in their data, and not their
/// own.
///
/// A writer that keeps its keys in a hash map and writes the table in the map's order gives every
/// user record the key of some other one: the numbers are right, the table is not. Nothing in the
/// format shows that. It shows where the key is a field of the data:
///
/// ```text
/// key "pod-7"   data {"pod":"pod-3","log":"…"}
/// key "pod-3"   data {"pod":"pod-7","log":"…"}
/// ```
pub(super) fn is_shuffled<'a>(
    keys: &[ByteString],
    user_records: impl Iterator<Item = (&'a ByteString, &'a [u8])>,
) -> bool {
    let looked_for = |key: &&ByteString| key.len() >= SHORTEST_KEY;
    if keys.len() < 2 || keys.len() > MOST_KEYS || !keys.iter().all(|key| looked_for(&key)) {
        return false;
    }
    let finders: Vec<_> = keys
        .iter()
        .map(|key| (key, memmem::Finder::new(key.as_bytes())))
        .collect();
    let (mut own, mut others) = (0_usize, 0_usize);
    for (key, data) in user_records.take(MOST_USER_RECORDS) {
        let mut held = finders
            .iter()
            .filter(|(_, finder)| finder.find(data).is_some());
        let mut is_own = finders.iter().filter(|(other, _)| *other == key);
        if is_own.any(|(_, finder)| finder.find(data).is_some()) {
            own += 1;
        } else if held.next().is_some() {
            others += 1;
        }
    }
    // A shuffle leaves some in their places.
    others >= 2 && others > own
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shuffled(records: &[(&'static str, &str)]) -> bool {
        let keys: Vec<_> = records
            .iter()
            .map(|(key, _)| ByteString::from_static(key))
            .collect();
        let data = records.iter().map(|(_, data)| data.as_bytes());
        is_shuffled(&keys, keys.iter().zip(data))
    }

    #[test]
    fn keys_that_the_data_of_others_name_are_shuffled() {
        assert!(shuffled(&[("pod-7", "of pod-3"), ("pod-3", "of pod-7")]));
        assert!(!shuffled(&[("pod-7", "of pod-7"), ("pod-3", "of pod-3")]));
        assert!(!shuffled(&[("pod-7", "of pod-7"), ("pod-3", "of pod-7")]));
        assert!(
            !shuffled(&[("pod-7", "of pod-3"), ("pod-3", "x")]),
            "by chance"
        );
        assert!(!shuffled(&[("7", "3"), ("3", "7")]), "too short to tell");
        assert!(
            !shuffled(&[("pod-7", "x"), ("pod-3", "y")]),
            "keys that no data hold"
        );
        assert!(!shuffled(&[]));
    }
}
