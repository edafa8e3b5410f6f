//! Partition keys made with MD5: the 32 hexadecimal digits of a digest.

use data_encoding::HEXLOWER;
use kinesis_aggregation::{ByteString, md5};

use super::outgoing::Outgoing;

/// The length of such a key, in bytes.
const LEN: usize = 32;

/// Returns the key of these bytes.
pub(crate) fn md5_key(bytes: &[u8]) -> ByteString {
    HEXLOWER.encode(&md5::digest(bytes)).into()
}

/// Gives each record without a key the MD5 of its data as its key. The digests are computed together, which is
/// several times faster than one after another, and the keys share one string.
pub(crate) fn add_md5_keys(records: &mut [Outgoing]) {
    let is_keyless = |record: &&mut Outgoing| record.key.is_none();
    let keyless: Vec<&mut Outgoing> = records.iter_mut().filter(is_keyless).collect();
    let data: Vec<&[u8]> = keyless.iter().map(|record| &*record.data).collect();
    let mut keys = ByteString::from(HEXLOWER.encode(md5::digest_many(&data).as_flattened()));
    for record in keyless {
        let (key, rest) = keys.split_at(LEN);
        record.key = Some(key);
        keys = rest;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::outgoing::RecordId;
    use super::*;

    #[test]
    fn records_without_a_key_get_the_md5_of_their_data_and_others_keep_theirs() {
        let record = |data: &'static str, key: Option<&'static str>| Outgoing {
            id: RecordId { file: 0, serial: 0 },
            data: Bytes::from_static(data.as_bytes()),
            key: key.map(ByteString::from_static),
        };
        let mut records = [
            record("a", None),
            record("b", Some("own")),
            record("", None),
            record("c\n", None),
        ];
        add_md5_keys(&mut records);
        let keys: Vec<_> = records.iter().flat_map(|record| &record.key).collect();
        assert_eq!(
            keys,
            [
                "0cc175b9c0f1b6a831c399e269772661",
                "own",
                "d41d8cd98f00b204e9800998ecf8427e",
                "2cd6ee2c70b0bde53fbe6cac3c8b8bb1",
            ]
        );
        assert_eq!(md5_key(b"a"), "0cc175b9c0f1b6a831c399e269772661");
        add_md5_keys(&mut []);
    }
}
