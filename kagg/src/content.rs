//! What is in a user record: decompressed, or split into the events of a bundle.

use std::borrow::Cow;

use clap::ValueEnum;
use kinesis_aggregation::decompress::{Compression, decompress};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::compact::put_compact;

/// What to do with the data of user records before they are printed.
#[derive(clap::Args, Clone, Copy)]
pub(crate) struct ContentArgs {
    /// Decompress the data of user records
    ///
    /// One layer is taken off. Data that does not decode whole, or to more than 16 MiB, stays as it is.
    #[arg(long, value_name = "FORMAT", default_value = "none")]
    decompress: Decompress,
    /// Print each event of a bundle in place of the user record
    #[arg(long, value_name = "BUNDLE")]
    split: Option<Split>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Decompress {
    /// As it is
    None,
    /// What the first bytes look like
    Auto,
    /// RFC 1952
    Gzip,
    /// RFC 1950
    Zlib,
    /// Zstandard, with a window of up to 8 MiB
    Zstd,
}

#[derive(Clone, Copy, ValueEnum)]
enum Split {
    /// The log events that CloudWatch Logs sends to a stream, compressed or not
    Cloudwatch,
}

/// A bundle of CloudWatch Logs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle<'a> {
    #[serde(rename = "messageType")]
    _message_type: Cow<'a, str>,
    #[serde(borrow)]
    log_events: Vec<&'a RawValue>,
}

impl ContentArgs {
    pub(crate) fn decompresses(self) -> bool {
        !matches!(self.decompress, Decompress::None)
    }

    pub(crate) fn splits(self) -> bool {
        self.split.is_some()
    }

    /// Hands on what is to be printed for `data`.
    pub(crate) fn each<E>(
        self,
        data: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let decompressed = match (self.decompress, self.split) {
            (Decompress::None, None) => return take(data),
            (Decompress::None | Decompress::Auto, _) => decompress(data, None),
            (Decompress::Gzip, _) => decompress(data, Some(Compression::Gzip)),
            (Decompress::Zlib, _) => decompress(data, Some(Compression::Zlib)),
            (Decompress::Zstd, _) => decompress(data, Some(Compression::Zstd)),
        };
        let data = decompressed.as_deref().unwrap_or(data);
        let bundle = self
            .split
            .and_then(|Split::Cloudwatch| serde_json::from_slice::<Bundle<'_>>(data).ok());
        match bundle {
            None => take(data),
            Some(bundle) => bundle.log_events.into_iter().try_for_each(|event| {
                let mut compact = Vec::new();
                put_compact(&mut compact, event.get());
                take(&compact)
            }),
        }
    }
}
