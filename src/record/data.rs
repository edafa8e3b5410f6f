//! The types that become the data of a record.

use bytes::{Bytes, BytesMut};

/// A type that a record's data can be made of. [`Bytes`], `Vec<u8>`, `String` and `Box<[u8]>` are
/// taken as they are; slices, arrays and `&str` are copied. To put static data without a copy, pass
/// [`Bytes::from_static`].
///
/// ```
/// use kinesis_aggregation::UserRecord;
///
/// let line = String::from("a line\n");
/// let record = UserRecord::new("key", line.trim_end().as_bytes());
/// assert_eq!(record, UserRecord::new("key", "a line"));
/// assert_eq!(record, UserRecord::new("key", b"a line".to_vec()));
/// ```
pub trait IntoData: sealed::Sealed {
    /// Makes the data of it.
    fn into_data(self) -> Bytes;
}

mod sealed {
    pub trait Sealed {}
}

/// Each type, and how a value of it becomes `Bytes`.
macro_rules! into_data {
    ($($type:ty: $into:expr;)*) => {$(
        impl sealed::Sealed for $type {}
        impl IntoData for $type {
            #[inline]
            fn into_data(self) -> Bytes {
                $into(self)
            }
        }
    )*};
}

into_data! {
    Bytes: std::convert::identity;
    BytesMut: BytesMut::freeze;
    Vec<u8>: Bytes::from;
    Box<[u8]>: Bytes::from;
    String: Bytes::from;
    &Bytes: Bytes::clone;
    &[u8]: Bytes::copy_from_slice;
    &Vec<u8>: |data: &Vec<u8>| Bytes::copy_from_slice(data);
    &str: |data: &str| Bytes::copy_from_slice(data.as_bytes());
    &String: |data: &String| Bytes::copy_from_slice(data.as_bytes());
}

impl<const N: usize> sealed::Sealed for [u8; N] {}
impl<const N: usize> IntoData for [u8; N] {
    #[inline]
    fn into_data(self) -> Bytes {
        Bytes::copy_from_slice(&self)
    }
}

impl<const N: usize> sealed::Sealed for &[u8; N] {}
impl<const N: usize> IntoData for &[u8; N] {
    #[inline]
    fn into_data(self) -> Bytes {
        Bytes::copy_from_slice(self)
    }
}
