//! The shapes that can be named.

/// The shape of an input, for when its content should not decide.
///
/// ```
/// use kinesis_aggregation_inspect::{Finder, Found, Shape};
///
/// // All digits are hexadecimal, but this is base64.
/// let mut finder = Finder::new().shape(Shape::Base64);
/// finder.push(b"abcd");
/// finder.end();
/// let Some(Found::Record(record)) = finder.next()? else { panic!() };
/// assert_eq!(record.data()[..], [0x69, 0xb7, 0x1d]);
/// # Ok::<(), kinesis_aggregation_inspect::FindError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shape {
    /// A Lambda event of a Kinesis stream, with a tumbling window or without.
    Lambda,
    /// The JSON that `aws kinesis get-records` prints, or a request of PutRecords.
    Kinesis,
    /// The event of an EventBridge pipe with a Kinesis source.
    Pipes,
    /// The event of a Firehose transformation.
    Firehose,
    /// The bytes of one Kinesis record.
    Raw,
    /// One Kinesis record a line, in hexadecimal; an empty line is a record without data.
    Hex,
    /// One Kinesis record a line, in base64; an empty line is a record without data.
    Base64,
}
