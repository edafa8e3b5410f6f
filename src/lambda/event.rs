//! What all event types have in common: how they and their records are read.

use serde::de::{Deserialize, Deserializer, Error};

use super::error::{RecordError, RecordErrorKind};

/// Refuses the first record without an identifier, or with an empty one (`unnamed` is the error), or
/// with a problem with its data. `records` has the identifier and the problem of each.
///
/// To serde all fields of a record are optional, so that the error about a missing one can name the
/// record.
pub(super) fn check<'r>(
    records: impl Iterator<Item = (Option<&'r str>, Option<RecordErrorKind>)>,
    unnamed: RecordErrorKind,
) -> Result<(), RecordError> {
    for (position, (identifier, problem)) in records.enumerate() {
        let problem = match identifier {
            None | Some("") => Some(unnamed),
            Some(_) => problem,
        };
        if let Some(kind) = problem {
            return Err(RecordError {
                position,
                identifier: identifier.map(str::to_owned),
                kind,
            });
        }
    }
    Ok(())
}

/// Reads an array of records as the JSON that they wrap. A record alone cannot be deserialised, because
/// the event checks its records.
pub(super) fn records<'de, D, Json, R>(deserializer: D) -> Result<Vec<R>, D::Error>
where
    D: Deserializer<'de>,
    Json: Deserialize<'de>,
    R: From<Json>,
{
    let records = Vec::<Json>::deserialize(deserializer)?;
    Ok(records.into_iter().map(R::from).collect())
}

/// Removes from an error what serde quotes from the payload, which may be a key or data.
///
/// Serde writes ``invalid type: string "secret", expected a sequence at line 1 column 20``. Everything
/// that it quotes comes before the last `, expected `; after that come our types' own words and the
/// position. Its other errors quote nothing: the payload has no enums, and unknown fields are ignored.
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

/// How an event type is read: `$event` wraps `$json`, which has `records`; `$owned` is the event without
/// a lifetime.
macro_rules! event {
    ($event:ident($json:ident), $owned:ident, $record:ident) => {
        impl<'a> $event<'a> {
            /// Reads the event from JSON, borrowing from it.
            ///
            /// # Errors
            ///
            /// [`EventError`](crate::lambda::EventError) if it is not JSON of this shape, or if a
            /// record lacks its data or its identifier, or has data that are not base64.
            pub fn from_slice(json: &'a [u8]) -> Result<Self, crate::lambda::error::EventError> {
                let read = serde_json::from_slice(json);
                let event = Self(read.map_err(crate::lambda::error::JsonError::from)?);
                $record::check(event.records())?;
                Ok(event)
            }

            /// The records, in order.
            pub fn records(&self) -> &[$record<'a>] {
                &self.0.records
            }
        }

        /// Counts only.
        impl std::fmt::Debug for $event<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($event))
                    .field("records", &self.records().len())
                    .finish_non_exhaustive()
            }
        }

        impl<'de: 'a, 'a> serde::Deserialize<'de> for $event<'a> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let json = $json::deserialize(deserializer);
                let event = Self(json.map_err(crate::lambda::event::discreet)?);
                let checked = $record::check(event.records());
                checked.map_err(serde::de::Error::custom)?;
                Ok(event)
            }
        }

        impl<'de> serde::Deserialize<'de> for $owned {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $event::deserialize(deserializer).map(Self::from)
            }
        }

        /// The event's strings are copied, its data are not.
        impl From<$event<'_>> for $owned {
            fn from(event: $event<'_>) -> Self {
                Self($event(crate::lambda::json::IntoOwned::into_owned(event.0)))
            }
        }

        impl std::ops::Deref for $owned {
            type Target = $event<'static>;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        impl<'a> crate::lambda::record::Records for $event<'a> {
            type Record = $record<'a>;

            fn records(&self) -> &[$record<'a>] {
                self.records()
            }
        }

        impl crate::lambda::record::Records for $owned {
            type Record = $record<'static>;

            fn records(&self) -> &[$record<'static>] {
                self.0.records()
            }
        }
    };
}
pub(super) use event;

/// How a record type is read, by an event and by a batch: `$record` wraps `$json`. Answers name it by
/// its field `$id`; its `metadata()` has `partition_key` and `sequence_number`. `data` and `$id` are in
/// the object `$at`.
macro_rules! event_record {
    ($record:ident($json:ident), ($($at:ident.)*) $id:ident or $unnamed:ident) => {
        impl<'a> From<$json<'a>> for $record<'a> {
            fn from(json: $json<'a>) -> Self {
                Self(json)
            }
        }

        impl crate::lambda::json::IntoOwned for $record<'_> {
            type Owned = $record<'static>;

            fn into_owned(self) -> Self::Owned {
                $record(self.0.into_owned())
            }
        }

        impl $record<'_> {
            fn check(records: &[Self]) -> Result<(), crate::lambda::error::RecordError> {
                let records = records.iter().map(|record| {
                    let identifier = record.0.$($at.)*$id.as_deref();
                    (identifier, record.0.$($at.)*data.problem)
                });
                let unnamed = crate::lambda::error::RecordErrorKind::$unnamed;
                crate::lambda::event::check(records, unnamed)
            }

            /// The data, decoded.
            pub fn data(&self) -> &bytes::Bytes {
                &self.0.$($at.)*data.bytes
            }
        }

        impl crate::record::StoredRecord for $record<'_> {
            fn partition_key(&self) -> Option<&str> {
                self.metadata()?.partition_key.as_deref()
            }

            fn data(&self) -> &[u8] {
                self.data()
            }

            fn sequence_number(&self) -> Option<&str> {
                self.metadata()?.sequence_number.as_deref()
            }

            fn share(&self, range: std::ops::Range<usize>) -> bytes::Bytes {
                crate::record::share_bytes(self.data(), range)
            }
        }

        /// Lengths only.
        impl std::fmt::Debug for $record<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let partition_key = crate::record::StoredRecord::partition_key(self);
                f.debug_struct(stringify!($record))
                    .field(stringify!($id), &self.$id())
                    .field("partition_key_len", &partition_key.map(str::len))
                    .field("data_len", &self.data().len())
                    .finish_non_exhaustive()
            }
        }
    };
}
pub(super) use event_record;

/// The fields of a record from a Kinesis stream: what the stream stores is in the object `$at`, a
/// `$metadata`; what Lambda or Pipes add is beside it.
macro_rules! stream_record {
    ($record:ident, ($($at:ident.)*) $metadata:ident) => {
        impl $record<'_> {
            /// The partition key; a stream with service-managed distribution may leave it out.
            pub fn partition_key(&self) -> Option<&str> {
                self.0.$($at.)*partition_key.as_deref()
            }

            /// The sequence number.
            pub fn sequence_number(&self) -> &str {
                self.0.$($at.)*sequence_number.as_deref().unwrap_or_default()
            }

            /// `NONE` or `KMS`, where the event says so.
            pub fn encryption_type(&self) -> Option<&str> {
                self.0.$($at.)*encryption_type.as_deref()
            }

            /// The region of the stream.
            pub fn aws_region(&self) -> Option<&str> {
                self.0.aws_region.as_deref()
            }

            fn metadata(&self) -> Option<&$metadata<'_>> {
                Some(&self.0$(.$at)*)
            }
        }

        impl crate::lambda::record::EventRecord for $record<'_> {
            fn event_id(&self) -> Option<&str> {
                self.0.event_id.as_deref()
            }

            fn event_source_arn(&self) -> Option<&str> {
                self.0.event_source_arn.as_deref()
            }

            fn arrival_timestamp(&self) -> Option<&crate::lambda::record::Timestamp> {
                self.0.$($at.)*approximate_arrival_timestamp.as_ref()
            }
        }
    };
}
pub(super) use stream_record;
