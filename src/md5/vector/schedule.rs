//! Which message goes in which lane, and when.
//!
//! Short messages, which are one block each, go a vector-full at a time. The others go longest
//! first; a lane takes the next message as soon as its own ends; when none is left to take, the
//! lanes close up and narrower kernels finish.

use super::super::Digest;
use super::kernel::{INITIAL, Pair};
use super::lanes::{Blocks, Lanes, States, run};
use super::machine::Machine;
use fearless_simd::{u32x4, u32x8, u32x16};

/// With its padding (a byte 0x80 and eight bytes of length), a message up to this long is one
/// block.
const ONE_BLOCK: usize = 55;

/// The digest of each message, in at most `MAX` lanes.
pub(in crate::md5) fn digest_many<S: Machine, const MAX: usize>(
    simd: S,
    messages: &[&[u8]],
) -> Vec<Digest> {
    if let &[message] = messages {
        return vec![digest_one(simd, message)];
    }
    let mut digests = vec![[0; 16]; messages.len()];
    let long = messages
        .iter()
        .filter(|message| message.len() > ONE_BLOCK)
        .count();
    if long < messages.len() {
        digest_short::<S, MAX>(simd, messages, &mut digests);
    }
    if long > 0 {
        let mut queue = Vec::with_capacity(long);
        queue.extend(
            messages
                .iter()
                .enumerate()
                .filter(|(_, message)| message.len() > ONE_BLOCK)
                .map(|(index, message)| (message.len() / 64, index)),
        );
        queue.sort_unstable_by_key(|&(blocks, _)| std::cmp::Reverse(blocks));
        digest_long::<S, MAX>(simd, messages, &queue, &mut digests);
    }
    digests
}

/// One digest, by our own steps: with the constants where they do not delay the chain, and `andn`
/// and `rorx` where there are any.
pub(in crate::md5) fn digest_one<S: Machine>(simd: S, message: &[u8]) -> Digest {
    let mut tail = [[0; 64]; 2];
    let Lane { whole, padded, .. } = Lane::start(0, message, &mut tail);
    let mut states = INITIAL.map(|word| [word]);
    vectorized::<S, u32, 1>(simd, &mut states, &[whole], whole.len());
    vectorized::<S, u32, 1>(simd, &mut states, &[&tail[2 - padded..]], padded);
    digest_of(&states, 0)
}

/// The narrowest kernel for the lanes in use. Nanoseconds a block of all lanes, measured on Zen 3
/// with AVX2 (SSE2): 1 lane 91 (97), 2 lanes 103 (109), 4 lanes 128 (131), 8 lanes 128 (143), 16
/// lanes 151. So two messages are better off as interleaved scalars than in a vector, and three as
/// a vector.
fn hash<S: Machine, const MAX: usize>(
    simd: S,
    lanes: usize,
    states: &mut States<MAX>,
    streams: &[Blocks<'_>; MAX],
    count: usize,
) {
    match lanes {
        0 => {}
        1 => vectorized::<S, u32, MAX>(simd, states, streams, count),
        2 => vectorized::<S, Pair<u32>, MAX>(simd, states, streams, count),
        3..=4 => vectorized::<S, u32x4<S>, MAX>(simd, states, streams, count),
        5..=8 => vectorized::<S, u32x8<S>, MAX>(simd, states, streams, count),
        9..=16 if MAX >= 16 => vectorized::<S, u32x16<S>, MAX>(simd, states, streams, count),
        _ if MAX >= 32 => vectorized::<S, Pair<u32x16<S>>, MAX>(simd, states, streams, count),
        _ => {}
    }
}

/// One kernel, compiled with the level's instructions.
#[inline(never)]
fn vectorized<S: Machine, W: Lanes<S>, const MAX: usize>(
    simd: S,
    states: &mut States<MAX>,
    streams: &[Blocks<'_>; MAX],
    count: usize,
) {
    simd.vectorize(
        #[inline(always)]
        || run::<S, W, MAX>(simd, states, streams, count),
    );
}

fn digest_short<S: Machine, const MAX: usize>(simd: S, messages: &[&[u8]], digests: &mut [Digest]) {
    let mut blocks = [[0; 64]; MAX];
    let mut indices = [0; MAX];
    let mut lanes = 0;
    for (index, message) in messages
        .iter()
        .enumerate()
        .filter(|(_, message)| message.len() <= ONE_BLOCK)
    {
        blocks[lanes] = [0; 64];
        pad(&mut blocks[lanes], message, message.len());
        indices[lanes] = index;
        lanes += 1;
        if lanes == MAX {
            digest_blocks(simd, &blocks, &indices, digests);
            lanes = 0;
        }
    }
    digest_blocks(simd, &blocks, &indices[..lanes], digests);
}

fn digest_blocks<S: Machine, const MAX: usize>(
    simd: S,
    blocks: &[[u8; 64]; MAX],
    indices: &[usize],
    digests: &mut [Digest],
) {
    let streams = std::array::from_fn(|lane| std::slice::from_ref(&blocks[lane]));
    let mut states = INITIAL.map(|word| [word; MAX]);
    hash(simd, indices.len(), &mut states, &streams, 1);
    for (lane, &index) in indices.iter().enumerate() {
        digests[index] = digest_of(&states, lane);
    }
}

fn digest_of<const MAX: usize>(states: &States<MAX>, lane: usize) -> Digest {
    let mut digest = [0; 16];
    for (bytes, row) in digest.as_chunks_mut().0.iter_mut().zip(states) {
        *bytes = row[lane].to_le_bytes();
    }
    digest
}

/// Ends a message of `len` bytes: its last bytes, 0x80, and the length in bits at the end of
/// `blocks`, which has room and is zero.
fn pad(blocks: &mut [u8], rest: &[u8], len: usize) {
    copy(blocks, rest);
    blocks[rest.len()] = 0x80;
    if let Some(bits) = blocks.last_chunk_mut() {
        // RFC 1321: modulo 2^64.
        *bits = (len as u64).wrapping_mul(8).to_le_bytes();
    }
}

/// Copies at most 63 bytes as a head and a tail of fixed size that may overlap: a call of memcpy
/// would take longer than a lane's share of the hashing.
#[inline]
fn copy(to: &mut [u8], from: &[u8]) {
    fn ends<const N: usize>(to: &mut [u8], from: &[u8]) -> bool {
        let (Some(head), Some(tail)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else {
            return false;
        };
        to[..N].copy_from_slice(head);
        to[from.len() - N..from.len()].copy_from_slice(tail);
        true
    }
    let done = ends::<32>(to, from)
        || ends::<16>(to, from)
        || ends::<8>(to, from)
        || ends::<4>(to, from)
        || ends::<2>(to, from);
    if !done && let Some(&only) = from.first() {
        to[0] = only;
    }
}

/// A message under way.
#[derive(Clone, Copy, Default)]
struct Lane<'m> {
    index: usize,
    /// Whole blocks of the message that are still to be hashed.
    whole: &'m [[u8; 64]],
    /// After those, so many blocks of the lane's tail, at its end.
    padded: usize,
}

impl<'m> Lane<'m> {
    fn start(index: usize, message: &'m [u8], tail: &mut [[u8; 64]; 2]) -> Self {
        let (whole, rest) = message.as_chunks();
        let padded = if rest.len() <= ONE_BLOCK { 1 } else { 2 };
        *tail = [[0; 64]; 2];
        pad(tail[2 - padded..].as_flattened_mut(), rest, message.len());
        Self {
            index,
            whole,
            padded,
        }
    }

    fn blocks<'a>(&self, tail: &'a [[u8; 64]; 2]) -> Blocks<'a>
    where
        'm: 'a,
    {
        if self.whole.is_empty() {
            &tail[2 - self.padded..]
        } else {
            self.whole
        }
    }

    /// Is this the end of the message?
    fn advance(&mut self, count: usize) -> bool {
        if self.whole.is_empty() {
            self.padded -= count;
        } else {
            self.whole = &self.whole[count..];
        }
        self.whole.is_empty() && self.padded == 0
    }
}

fn digest_long<S: Machine, const MAX: usize>(
    simd: S,
    messages: &[&[u8]],
    queue: &[(usize, usize)],
    digests: &mut [Digest],
) {
    let mut queue = queue.iter().map(|&(_, index)| index);
    let mut states = INITIAL.map(|word| [word; MAX]);
    let mut tails = [[[0; 64]; 2]; MAX];
    let mut lanes = [Lane::default(); MAX];
    let mut used = 0;
    // The queue last: zip would lose a message if it asked the queue first and then found no lane.
    for ((lane, tail), index) in lanes.iter_mut().zip(&mut tails).zip(queue.by_ref()) {
        *lane = Lane::start(index, messages[index], tail);
        used += 1;
    }
    while used > 0 {
        // Lanes without a message repeat the first one's blocks; nobody looks at their states.
        let streams: [Blocks<'_>; MAX] = std::array::from_fn(|at| {
            let at = if at < used { at } else { 0 };
            lanes[at].blocks(&tails[at])
        });
        let count = streams.iter().map(|blocks| blocks.len()).min().unwrap_or(0);
        hash(simd, used, &mut states, &streams, count);
        let mut at = 0;
        while at < used {
            if !lanes[at].advance(count) {
                at += 1;
                continue;
            }
            digests[lanes[at].index] = digest_of(&states, at);
            if let Some(index) = queue.next() {
                lanes[at] = Lane::start(index, messages[index], &mut tails[at]);
                for (row, word) in states.iter_mut().zip(INITIAL) {
                    row[at] = word;
                }
                at += 1;
            } else {
                // The last lane moves here, and is advanced in its turn.
                used -= 1;
                lanes[at] = lanes[used];
                tails[at] = tails[used];
                for row in &mut states {
                    row[at] = row[used];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::pad;

    /// RFC 1321: "only the low-order 64 bits of b are used". No test can have such a message.
    #[test]
    fn lengths_are_modulo_two_to_the_64_bits() {
        let mut block = [0; 64];
        pad(&mut block, b"end", usize::MAX);
        assert_eq!(block[..4], *b"end\x80");
        assert_eq!(
            block[56..],
            (usize::MAX as u64).wrapping_mul(8).to_le_bytes()
        );
    }
}
