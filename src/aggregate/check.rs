//! Whether a user record may be put at all.

use super::settings::{Settings, check_key};
use crate::error::AggregateErrorKind;
use crate::record::UserRecord;
use crate::wire::{self, EncodedSize, MAGIC, RecordIndices};

/// The length of the random key of user records without one, in bytes.
pub(super) const RANDOM_KEY_LEN: usize = 16;

impl Settings {
    /// Checks `record`: what this refuses must not go into a [`Buffer`](super::Buffer).
    ///
    /// ```
    /// use kinesis_aggregation::error::AggregateErrorKind;
    /// use kinesis_aggregation::{Aggregator, UserRecord};
    ///
    /// let settings = Aggregator::builder().into_settings()?;
    /// assert_eq!(settings.check(&UserRecord::new("key", "data")), Ok(()));
    /// let error = AggregateErrorKind::PartitionKeyLength { chars: 0 };
    /// assert_eq!(settings.check(&UserRecord::new("", "data")), Err(error));
    /// # Ok::<(), kinesis_aggregation::error::AggregatorConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`AggregateErrorKind::PartitionKeyLength`], [`AggregateErrorKind::ExplicitHashKeyAlone`] or
    /// [`AggregateErrorKind::TooLarge`].
    #[inline]
    pub fn check(&self, record: &UserRecord) -> Result<(), AggregateErrorKind> {
        self.check_within(record, self.max_record_size)
    }

    /// [`check`](Self::check) with another limit in place of
    /// [`max_record_size`](Self::max_record_size): a stream's own may change while it is written
    /// to.
    ///
    /// # Errors
    ///
    /// Those of [`check`](Self::check).
    #[inline]
    pub fn check_within(
        &self,
        record: &UserRecord,
        max_record_size: usize,
    ) -> Result<(), AggregateErrorKind> {
        match record.partition_key() {
            Some(key) => {
                check_key(key).map_err(|chars| AggregateErrorKind::PartitionKeyLength { chars })?;
            }
            None if record.explicit_hash_key().is_some() => {
                return Err(AggregateErrorKind::ExplicitHashKeyAlone);
            }
            None => {}
        }
        let key_len = record.partition_key().map_or(RANDOM_KEY_LEN, str::len);
        let raw = record.data().len().saturating_add(key_len);
        let size = if raw <= max_record_size && record.data().starts_with(&MAGIC) {
            self.size_alone(record, max_record_size)
        } else {
            raw
        };
        if size > max_record_size {
            let max = max_record_size;
            return Err(AggregateErrorKind::TooLarge { size, max });
        }
        Ok(())
    }

    /// The size of the Kinesis record of `record` alone, whose data starts as an aggregate does:
    /// framed if readers would take it for one. Its digest is computed only if that decides.
    #[cold]
    fn size_alone(&self, record: &UserRecord, max_record_size: usize) -> usize {
        let key_len = record.partition_key().map_or(RANDOM_KEY_LEN, str::len);
        let hash_key = record.explicit_hash_key();
        let mut frame = EncodedSize::default().with_key(key_len);
        if let Some(hash_key) = hash_key {
            frame = frame.with_key(hash_key.to_string().len());
        }
        let indices = RecordIndices {
            partition_key: 0,
            explicit_hash_key: hash_key.map(|_| 0),
        };
        let frame = frame.with_record(indices, record.data().len());
        let framed = frame.get().saturating_add(self.outer_key.len(key_len));
        if framed > max_record_size && wire::is_framed(record.data()) {
            framed
        } else {
            record.data().len().saturating_add(key_len)
        }
    }
}
