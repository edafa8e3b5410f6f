//! `kagg.compress`: each record compressed, before it is aggregated.

use std::io::Write as _;

use bytes::Bytes;
use flate2::write::{GzEncoder, ZlibEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// How records are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 1950.
    Zlib,
    /// Zstandard, RFC 8878.
    Zstd,
}

impl Compression {
    /// Compresses all of `data`. The same bytes always give the same bytes. What does not get smaller
    /// grows by less than 1024 bytes for each MiB.
    pub fn compress(self, data: &[u8]) -> Bytes {
        let level = flate2::Compression::default();
        // Writing to memory does not fail.
        let compressed = match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), level);
                encoder.write_all(data).and_then(|()| encoder.finish())
            }
            Self::Zlib => {
                let mut encoder = ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(data).and_then(|()| encoder.finish())
            }
            Self::Zstd => Ok(compress_to_vec(data, CompressionLevel::Fastest)),
        };
        compressed.unwrap_or_default().into()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn decompress(compression: Compression, data: &[u8]) -> Vec<u8> {
        let mut decompressed = Vec::new();
        match compression {
            Compression::Gzip => flate2::read::GzDecoder::new(data).read_to_end(&mut decompressed),
            Compression::Zlib => {
                flate2::read::ZlibDecoder::new(data).read_to_end(&mut decompressed)
            }
            Compression::Zstd => ruzstd::decoding::StreamingDecoder::new(data)
                .expect("a frame")
                .read_to_end(&mut decompressed),
        }
        .expect("good");
        decompressed
    }

    #[test]
    fn what_is_compressed_is_the_same_again_and_hardly_ever_larger() {
        let mut random = fastrand::Rng::with_seed(1);
        let noise: Vec<u8> = (0..1024 * 1024).map(|_| random.u8(..)).collect();
        for compression in [Compression::Gzip, Compression::Zlib, Compression::Zstd] {
            for data in [&b""[..], b"a line\n", &b"a line\n".repeat(10_000), &noise] {
                let compressed = compression.compress(data);
                assert_eq!(decompress(compression, &compressed), data);
                assert_eq!(compression.compress(data), compressed);
                assert!(compressed.len() < data.len() + 1024, "{compression:?}");
            }
            assert!(compression.compress(&b"a line\n".repeat(10_000)).len() < 1000);
        }
    }
}
