/// The result of reading one Kinesis record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It is not an aggregate: it came out as it is, as one user record.
    Plain(PlainReason),
    /// It is an aggregate, and all its user records came out.
    Aggregated,
    /// It is an aggregate of zero user records: nothing came out, and nothing is lost.
    Empty,
    /// A user record is outside the hash key range: nothing came out but one loss.
    Dropped,
    /// A user record has a bad index or explicit hash key: those before it came out, then a loss;
    /// when salvaging, good ones after it too.
    Cut,
    /// A plain record for the KCL, for this reason, but it was an aggregate once, and
    /// [`salvage_damaged`](crate::Deaggregator::salvage_damaged) opened it: what can be read of it
    /// came out, and a loss.
    Damaged(PlainReason),
    /// All of it is at or below the position to resume after: it was not opened.
    #[default]
    Skipped,
}

/// Why a Kinesis record is taken for a plain one.
///
/// All but the first start with the magic: such a record was probably an aggregate once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PlainReason {
    /// It does not start with the magic.
    NotFramed,
    /// It starts with the magic, but 16 bytes or fewer follow: no room for a message and a digest.
    TooShort,
    /// The digest is not the message's: corrupt, or cut short, or longer than it was.
    DigestMismatch,
    /// The digest is right, but protobuf-java refuses the message, or a required field is missing.
    Malformed {
        /// Where, in bytes from the start of the Kinesis record's data.
        offset: usize,
    },
}
