//! User records with their data compressed.

use clap::ValueEnum;
use kinesis_aggregation::UserRecord;
use kinesis_aggregation_agent::Compression;

/// How user records are compressed.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Format {
    /// RFC 1952
    Gzip,
    /// RFC 1950
    Zlib,
    /// Zstandard
    Zstd,
}

impl Format {
    /// The same user record, with its data compressed.
    pub(super) fn compress(self, record: UserRecord) -> UserRecord {
        let compression = match self {
            Self::Gzip => Compression::Gzip,
            Self::Zlib => Compression::Zlib,
            Self::Zstd => Compression::Zstd,
        };
        let (partition_key, explicit_hash_key, data) = record.into_parts();
        let data = compression.compress(&data);
        let compressed = match partition_key {
            Some(key) => UserRecord::new(key, data),
            None => UserRecord::without_partition_key(data),
        };
        match explicit_hash_key {
            Some(hash_key) => compressed.with_explicit_hash_key(hash_key),
            None => compressed,
        }
    }
}
