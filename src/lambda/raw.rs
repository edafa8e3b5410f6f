//! From what serde read to records that are whole.

use bytes::Bytes;

use super::base64::Data;
use super::error::{RecordError, RecordErrorKind};

/// The JSON object of one record, as serde reads it: with everything optional, so that an error
/// can name the record.
pub(super) trait RawRecord {
    /// What becomes of it.
    type Record;

    /// The sequence number or record id.
    fn identifier(&self) -> Option<&str>;

    fn complete(self) -> Result<Self::Record, RecordErrorKind>;
}

pub(super) fn complete<Raw: RawRecord>(raw: Vec<Raw>) -> Result<Vec<Raw::Record>, RecordError> {
    let records = raw.into_iter().enumerate().map(|(position, raw)| {
        let identifier = raw.identifier().map(str::to_owned);
        raw.complete().map_err(|kind| RecordError {
            position,
            identifier,
            kind,
        })
    });
    records.collect()
}

pub(super) fn data(data: Option<&Data>) -> Result<Bytes, RecordErrorKind> {
    match data {
        None => Err(RecordErrorKind::NoData),
        Some(&Data::Bad { len }) => Err(RecordErrorKind::NotBase64 { len }),
        Some(Data::Decoded(data)) => Ok(data.clone()),
    }
}

/// An identifier that an answer will have to name: there, and not empty.
pub(super) fn named(
    identifier: Option<&str>,
    missing: RecordErrorKind,
) -> Result<(), RecordErrorKind> {
    match identifier {
        None | Some("") => Err(missing),
        Some(_) => Ok(()),
    }
}

/// All that an event type needs to be read and written: `$event` wraps `$json<$record>`, and
/// serde reads `$json<$raw>`.
macro_rules! event {
    ($event:ident, $json:ident, $raw:ident => $record:ident) => {
        impl<'a> $event<'a> {
            /// Reads the event from JSON, borrowing from it.
            ///
            /// # Errors
            ///
            /// [`EventError`](crate::lambda::EventError) if it is not JSON of this shape, or if a
            /// record lacks its data or its identifier, or has data that are not base64.
            pub fn from_slice(json: &'a [u8]) -> Result<Self, crate::lambda::EventError> {
                let read: $json<'a, $raw<'a>> = serde_json::from_slice(json)?;
                Ok(Self(read.complete()?))
            }

            /// The records, in order.
            pub fn records(&self) -> &[$record<'a>] {
                &self.0.records
            }
        }

        impl<'de: 'a, 'a> serde::Deserialize<'de> for $event<'a> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let read = $json::<'a, $raw<'a>>::deserialize(deserializer)?;
                read.complete().map(Self).map_err(serde::de::Error::custom)
            }
        }

        impl<'a> crate::lambda::Records for $event<'a> {
            type Record = $record<'a>;

            fn records(&self) -> &[$record<'a>] {
                &self.0.records
            }
        }
    };
}
pub(super) use event;

/// All that a record type needs to be read and written, and to be read by a batch: `$record` is
/// made of `json`, a `$json`, and of the decoded data, which it shares. Answers name it by what is
/// under `$id`, and its `metadata()` has `partition_key` and `sequence_number`. `data` and `$id` are
/// in the object `$at`.
macro_rules! event_record {
    ($json:ident => $record:ident, ($($at:ident.)*) $id:ident or $missing:ident) => {
        impl<'a> crate::lambda::raw::RawRecord for $json<'a> {
            type Record = $record<'a>;

            fn identifier(&self) -> Option<&str> {
                crate::lambda::text::as_str(&self.$($at.)*$id)
            }

            fn complete(self) -> Result<$record<'a>, crate::lambda::RecordErrorKind> {
                let missing = crate::lambda::RecordErrorKind::$missing;
                crate::lambda::raw::named(self.identifier(), missing)?;
                let data = crate::lambda::raw::data(self.$($at.)*data.as_ref())?;
                Ok($record { json: self, data })
            }
        }

        impl crate::record::StoredRecord for $record<'_> {
            fn partition_key(&self) -> Option<&str> {
                crate::lambda::text::as_str(&self.metadata()?.partition_key)
            }

            fn data(&self) -> &[u8] {
                &self.data
            }

            fn sequence_number(&self) -> Option<&str> {
                crate::lambda::text::as_str(&self.metadata()?.sequence_number)
            }

            fn share(&self, range: std::ops::Range<usize>) -> bytes::Bytes {
                crate::record::share_bytes(&self.data, range)
            }
        }

        impl $record<'_> {
            /// The data, decoded.
            pub fn data(&self) -> &bytes::Bytes {
                &self.data
            }
        }

        /// Written as it was read.
        impl serde::Serialize for $record<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.json.serialize(serializer)
            }
        }

        /// Lengths only.
        impl std::fmt::Debug for $record<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let partition_key = crate::record::StoredRecord::partition_key(self);
                f.debug_struct(stringify!($record))
                    .field(stringify!($id), &self.$id())
                    .field("partition_key_len", &partition_key.map(str::len))
                    .field("data_len", &self.data.len())
                    .finish_non_exhaustive()
            }
        }
    };
}
pub(super) use event_record;
