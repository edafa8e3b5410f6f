//! Macros that write the reading and writing that all event types have in common.

use bytes::Bytes;
use serde::de::Error;

use super::error::{RecordError, RecordErrorKind};
use super::json::Data;

/// The JSON object of one record, as serde reads it. All of its fields are optional, so that the
/// error about a missing one can name the record.
pub(super) trait RawRecord {
    /// The record, once it is known to be complete.
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

/// Refuses a record that no answer could name: its identifier is missing or empty.
pub(super) fn named(
    identifier: Option<&str>,
    missing: RecordErrorKind,
) -> Result<(), RecordErrorKind> {
    match identifier {
        None | Some("") => Err(missing),
        Some(_) => Ok(()),
    }
}

/// The error without what serde quotes from the payload, which may be a key or data.
///
/// Serde writes ``invalid type: string "secret", expected a sequence at line 1 column 20``. All that
/// it quotes comes before the last `, expected `, and what follows is our types' own text, with the
/// position. Its other errors quote nothing: the payload has no enums, and unknown fields are fine.
pub(super) fn discreet<E: Error>(error: E) -> E {
    let text = error.to_string();
    if !text.starts_with("invalid ") {
        return error;
    }
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => E::custom(format_args!("expected {expected}")),
        None => error,
    }
}

/// Reading and owning the envelope of an event: `$json` has `records` and these fields.
macro_rules! event_json {
    ($json:ident { $($field:ident),* $(,)? }) => {
        impl<'a, Raw: crate::lambda::event::RawRecord> $json<'a, Raw> {
            fn complete(self) -> Result<$json<'a, Raw::Record>, crate::lambda::error::RecordError> {
                Ok($json {
                    records: crate::lambda::event::complete(self.records)?,
                    $($field: self.$field),*
                })
            }
        }

        impl<R: crate::lambda::json::IntoOwned> crate::lambda::json::IntoOwned for $json<'_, R> {
            type Owned = $json<'static, R::Owned>;

            fn into_owned(self) -> Self::Owned {
                $(let $field = crate::lambda::json::IntoOwned::into_owned(self.$field);)*
                $json {
                    records: self.records.into_iter().map(R::into_owned).collect(),
                    $($field),*
                }
            }
        }
    };
}
pub(super) use event_json;

/// All that an event type needs to be read and written: `$event` wraps `$json<$record>`, and
/// serde reads `$json<$raw>`. `$owned` is the event without a lifetime.
macro_rules! event {
    ($event:ident, $owned:ident, $json:ident, $raw:ident => $record:ident) => {
        impl<'a> $event<'a> {
            /// Reads the event from JSON, borrowing from it.
            ///
            /// # Errors
            ///
            /// [`EventError`](crate::lambda::EventError) if it is not JSON of this shape, or if a
            /// record lacks its data or its identifier, or has data that are not base64.
            pub fn from_slice(json: &'a [u8]) -> Result<Self, crate::lambda::error::EventError> {
                let read: $json<'a, $raw<'a>> = serde_json::from_slice(json)?;
                Ok(Self(read.complete()?))
            }

            /// The records, in order.
            pub fn records(&self) -> &[$record<'a>] {
                &self.0.records
            }

            /// The event without the payload: its strings are copied, the data are not.
            pub fn into_owned(self) -> $event<'static> {
                $event(crate::lambda::json::IntoOwned::into_owned(self.0))
            }
        }

        impl<'de: 'a, 'a> serde::Deserialize<'de> for $event<'a> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let read = $json::<'a, $raw<'a>>::deserialize(deserializer)
                    .map_err(crate::lambda::event::discreet)?;
                read.complete().map(Self).map_err(serde::de::Error::custom)
            }
        }

        impl<'a> crate::lambda::record::Records for $event<'a> {
            type Record = $record<'a>;

            fn records(&self) -> &[$record<'a>] {
                &self.0.records
            }
        }

        impl<'de> serde::Deserialize<'de> for $owned {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $event::deserialize(deserializer).map(Self::from)
            }
        }

        impl From<$event<'_>> for $owned {
            fn from(event: $event<'_>) -> Self {
                Self(event.into_owned())
            }
        }

        impl std::ops::Deref for $owned {
            type Target = $event<'static>;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl crate::lambda::record::Records for $owned {
            type Record = $record<'static>;

            fn records(&self) -> &[Self::Record] {
                self.0.records()
            }
        }
    };
}
pub(super) use event;

/// All that a record type needs to be read and written, and to be read by a batch. `$record` has
/// `json`, a `$json`, and `data`, the decoded data. Answers name it by its field `$id`; its
/// `metadata()` has `partition_key` and `sequence_number`. `data` and `$id` are in the object `$at`.
macro_rules! event_record {
    ($json:ident => $record:ident, ($($at:ident.)*) $id:ident or $missing:ident) => {
        impl<'a> crate::lambda::event::RawRecord for $json<'a> {
            type Record = $record<'a>;

            fn identifier(&self) -> Option<&str> {
                crate::lambda::json::as_str(&self.$($at.)*$id)
            }

            fn complete(self) -> Result<$record<'a>, crate::lambda::error::RecordErrorKind> {
                let missing = crate::lambda::error::RecordErrorKind::$missing;
                crate::lambda::event::named(self.identifier(), missing)?;
                let data = crate::lambda::event::data(self.$($at.)*data.as_ref())?;
                Ok($record { json: self, data })
            }
        }

        impl crate::record::StoredRecord for $record<'_> {
            fn partition_key(&self) -> Option<&str> {
                crate::lambda::json::as_str(&self.metadata()?.partition_key)
            }

            fn data(&self) -> &[u8] {
                &self.data
            }

            fn sequence_number(&self) -> Option<&str> {
                crate::lambda::json::as_str(&self.metadata()?.sequence_number)
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

            /// The record without the payload: its strings are copied, the data are shared.
            pub fn into_owned(self) -> $record<'static> {
                crate::lambda::json::IntoOwned::into_owned(self)
            }
        }

        impl crate::lambda::json::IntoOwned for $record<'_> {
            type Owned = $record<'static>;

            fn into_owned(self) -> $record<'static> {
                $record {
                    json: self.json.into_owned(),
                    data: self.data,
                }
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

/// The fields of a record from a Kinesis stream: in the object `$at`, a `$metadata`, what the stream
/// stores; beside it what Lambda or Pipes say.
macro_rules! stream_record {
    ($record:ident, ($($at:ident.)*) $metadata:ident) => {
        impl $record<'_> {
            /// The partition key; a stream with service-managed distribution may leave it out.
            pub fn partition_key(&self) -> Option<&str> {
                crate::lambda::json::as_str(&self.json.$($at.)*partition_key)
            }

            /// The sequence number.
            pub fn sequence_number(&self) -> &str {
                let number = &self.json.$($at.)*sequence_number;
                crate::lambda::json::as_str(number).unwrap_or_default()
            }

            /// `NONE` or `KMS`, where the event says so.
            pub fn encryption_type(&self) -> Option<&str> {
                crate::lambda::json::as_str(&self.json.$($at.)*encryption_type)
            }

            /// The region of the stream.
            pub fn aws_region(&self) -> Option<&str> {
                crate::lambda::json::as_str(&self.json.aws_region)
            }

            fn metadata(&self) -> Option<&$metadata<'_>> {
                Some(&self.json$(.$at)*)
            }
        }

        impl crate::lambda::record::EventRecord for $record<'_> {
            fn event_id(&self) -> Option<&str> {
                crate::lambda::json::as_str(&self.json.event_id)
            }

            fn event_source_arn(&self) -> Option<&str> {
                crate::lambda::json::as_str(&self.json.event_source_arn)
            }

            fn arrival_timestamp(&self) -> Option<&crate::lambda::timestamp::Timestamp> {
                self.json.$($at.)*approximate_arrival_timestamp.as_ref()
            }
        }
    };
}
pub(super) use stream_record;
