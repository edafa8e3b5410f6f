//! Decides which message goes into which lane, and when.
//!
//! Messages of one block go a vector-full at a time. Longer ones start with the longest; a lane
//! whose message ends takes the next one at once. When there is none left to take, the lanes close
//! up, and narrower kernels finish. Five messages of 9, 4, 4, 3 and 2 blocks in four lanes:
//!
//! ```text
//! lane 0   A A A A A A A A A
//! lane 1   B B B B             after block 4, B and C end and no message is left to take:
//! lane 2   C C C C             the lanes close up, and A and E go on in two
//! lane 3   D D D E E           after block 3, E takes D's lane; after block 5, A goes on alone
//! ```

use super::super::Digest;
use super::kernel::{INITIAL, Pair};
use super::lanes::{Blocks, Lanes, States, run};
use super::machine::Machine;
use fearless_simd::{u32x4, u32x8, u32x16};

/// The longest message that is one block: the padding takes at least nine bytes of the 64 (0x80,
/// and eight bytes of length).
const ONE_BLOCK: usize = 55;

/// Computes the digest of each message, in at most `MAX` lanes.
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

/// Computes one digest, by our own steps: they add the constants where that does not delay the
/// chain, and use `andn` and `rorx` where the processor has them.
pub(in crate::md5) fn digest_one<S: Machine>(simd: S, message: &[u8]) -> Digest {
    let mut tail = [[0; 64]; 2];
    let Lane { whole, padded, .. } = Lane::start(0, message, &mut tail);
    let mut states = INITIAL.map(|word| [word]);
    vectorized::<S, u32, 1>(simd, &mut states, &[whole], whole.len());
    vectorized::<S, u32, 1>(simd, &mut states, &[&tail[2 - padded..]], padded);
    digest_of(&states, 0)
}

/// Hashes `count` blocks with the narrowest kernel for the lanes in use. Nanoseconds for a block of
/// each lane:
///
/// | lanes | 1 | 2 | 4 | 8 | 16 | 32 |
/// |---|---|---|---|---|---|---|
/// | Zen 3, SSE2 | 97 | 109 | 131 | 143 | | |
/// | Zen 3, AVX2 | 91 | 103 | 128 | 128 | 151 | |
/// | Zen 5, AVX-512 | 76 | | | 139 | 139 | 155 |
///
/// So two messages are better off as interleaved scalars than in a vector, and three in a vector.
/// On Zen 5 four vectors of sixteen at once took 346: all registers are in use with two.
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

/// A kernel, compiled with the level's instructions.
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

/// Writes the end of a message of `len` bytes into `blocks`, which are zero and have room: its last
/// bytes, 0x80, and at the end the length in bits.
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

/// A message in a lane.
#[derive(Clone, Copy, Default)]
struct Lane<'m> {
    index: usize,
    /// The whole blocks of the message that are still to be hashed.
    whole: &'m [[u8; 64]],
    /// How many blocks of padding follow them: the last one or two of the lane's tail.
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

    /// Goes on by `count` blocks, and returns whether the message ends there.
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
    // The queue comes last: if zip asked it first and then found no lane, a message would be lost.
    for ((lane, tail), index) in lanes.iter_mut().zip(&mut tails).zip(queue.by_ref()) {
        *lane = Lane::start(index, messages[index], tail);
        used += 1;
    }
    while used > 0 {
        // Lanes without a message get the first one's blocks; their states are never looked at.
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
