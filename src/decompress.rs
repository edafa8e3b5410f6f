//! User records that were compressed one by one before they were put.
//!
//! CloudWatch Logs compresses what it sends to a stream with gzip, and so do many producers. The
//! KPL and the KCL know nothing of it: to them, and to [`deaggregate`](crate::deaggregate), it is
//! data.

use std::io::Read;

use flate2::bufread::{GzDecoder, ZlibDecoder};
use ruzstd::decoding::StreamingDecoder;

/// The most bytes that data may decompress to: 16 MiB. A record of 10 MiB can hold gigabytes.
pub const MAX_DECOMPRESSED: usize = 16 << 20;

/// The largest window of Zstandard data, which a decoder must hold in memory: 8 MiB, which every
/// decoder takes (RFC 8878, 3.1.1.1.2).
pub const MAX_WINDOW: u64 = 8 << 20;

/// How data is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 1950.
    Zlib,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// Guesses from the first bytes of `data`. Other data may start like that by chance: only
    /// [`decompress`] can be sure.
    ///
    /// ```
    /// use kinesis_aggregation::decompress::Compression;
    ///
    /// assert_eq!(Compression::detect(&[0x1F, 0x8B, 8]), Some(Compression::Gzip));
    /// assert_eq!(Compression::detect(b"plain"), None);
    /// ```
    pub fn detect(data: &[u8]) -> Option<Self> {
        match *data {
            [0x1F, 0x8B, 8, ..] => Some(Self::Gzip),
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Some(Self::Zstd),
            // Deflate with a window of up to 32 KiB; the two bytes are a multiple of 31.
            [method, flags, ..]
                if method & 0x0F == 8
                    && method >> 4 <= 7
                    && u16::from_be_bytes([method, flags]).is_multiple_of(31) =>
            {
                Some(Self::Zlib)
            }
            _ => None,
        }
    }
}

/// Decompresses one layer of `data`, all of it, by `compression` or by what it looks like.
///
/// `None` if it is not compressed so, if anything is wrong with it or follows it, or if it is larger
/// than [`MAX_DECOMPRESSED`] or needs a larger window than [`MAX_WINDOW`]: then the data is to be
/// taken as it is.
///
/// ```
/// use kinesis_aggregation::decompress::decompress;
///
/// let zlib = [0x78, 0x9C, 0x4B, 0xCB, 0xCF, 0x07, 0x00, 0x02, 0x82, 0x01, 0x45];
/// assert_eq!(decompress(&zlib, None).as_deref(), Some(&b"foo"[..]));
/// assert_eq!(decompress(&zlib[..9], None), None);
/// assert_eq!(decompress(b"foo", None), None);
/// ```
pub fn decompress(data: &[u8], compression: Option<Compression>) -> Option<Vec<u8>> {
    let mut rest = data;
    let decompressed = match compression.or_else(|| Compression::detect(data))? {
        Compression::Gzip => read(GzDecoder::new(&mut rest)),
        Compression::Zlib => read(ZlibDecoder::new(&mut rest)),
        Compression::Zstd => {
            window(data).filter(|&window| window <= MAX_WINDOW)?;
            read(StreamingDecoder::new(&mut rest).ok()?)
        }
    }?;
    rest.is_empty().then_some(decompressed)
}

fn read(decoder: impl Read) -> Option<Vec<u8>> {
    let limit = u64::try_from(MAX_DECOMPRESSED).ok()?.checked_add(1)?;
    let mut decompressed = Vec::new();
    decoder.take(limit).read_to_end(&mut decompressed).ok()?;
    (decompressed.len() <= MAX_DECOMPRESSED).then_some(decompressed)
}

/// The window that a Zstandard frame needs, from its header:
///
/// ```text
/// 28 B5 2F FD | descriptor | window (not if descriptor has 20) | dictionary id | content size
///                            exponent << 3 | mantissa             0, 1, 2 or 4    0 to 8 bytes
/// ```
fn window(frame: &[u8]) -> Option<u64> {
    let &descriptor = frame.get(4)?;
    if descriptor & 0x20 == 0 {
        let window = u64::from(*frame.get(5)?);
        let base = 1_u64.checked_shl(u32::try_from(window >> 3).ok()?.checked_add(10)?)?;
        return base.checked_add((base / 8).checked_mul(window & 7)?);
    }
    // Without a window it is as large as the content.
    let dictionary = [0_usize, 1, 2, 4]
        .get(usize::from(descriptor & 3))
        .copied()?;
    let (len, more) = match descriptor >> 6 {
        0 => (1, 0),
        1 => (2, 256),
        2 => (4, 0),
        _ => (8, 0),
    };
    let start = 5_usize.checked_add(dictionary)?;
    let size = frame.get(start..start.checked_add(len)?)?;
    let size = size
        .iter()
        .rev()
        .fold(0_u64, |size, &byte| size << 8 | u64::from(byte));
    size.checked_add(more)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression as Level;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    fn all(data: &[u8]) -> [(Compression, Vec<u8>); 3] {
        let mut gzip = GzEncoder::new(Vec::new(), Level::fast());
        gzip.write_all(data).unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), Level::fast());
        zlib.write_all(data).unwrap();
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        [
            (Compression::Gzip, gzip.finish().unwrap()),
            (Compression::Zlib, zlib.finish().unwrap()),
            (
                Compression::Zstd,
                ruzstd::encoding::compress_to_vec(data, level),
            ),
        ]
    }

    #[test]
    fn what_is_compressed_comes_out() {
        for data in [&b""[..], b"data", &[b'x'; 100_000]] {
            for (compression, packed) in all(data) {
                assert_eq!(Compression::detect(&packed), Some(compression));
                for named in [None, Some(compression)] {
                    assert_eq!(decompress(&packed, named).as_deref(), Some(data));
                }
            }
        }
    }

    #[test]
    fn only_what_decodes_whole() {
        for (_, packed) in all(b"some data, some data") {
            for len in 0..packed.len() {
                assert_eq!(decompress(&packed[..len], None), None, "{len}");
            }
            assert_eq!(decompress(&[&packed[..], b"\n"].concat(), None), None);
        }
        for compression in [Compression::Gzip, Compression::Zlib, Compression::Zstd] {
            assert_eq!(decompress(b"plain", Some(compression)), None);
        }
    }

    #[test]
    fn what_is_too_large_stays_as_it_is() {
        for (_, packed) in all(&vec![0; MAX_DECOMPRESSED + 1]) {
            assert!(packed.len() < MAX_DECOMPRESSED / 100);
            assert_eq!(decompress(&packed, None), None);
        }
        // A frame whose header asks for 16 MiB, and one for 8 MiB.
        assert_eq!(
            window(&[0x28, 0xB5, 0x2F, 0xFD, 0x00, 14 << 3]),
            Some(16 << 20)
        );
        assert_eq!(
            window(&[0x28, 0xB5, 0x2F, 0xFD, 0x00, 13 << 3]),
            Some(8 << 20)
        );
    }
}
