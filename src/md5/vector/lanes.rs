//! Vectors as words: each lane of a vector belongs to one message.
//!
//! A step of MD5 then takes the same instructions as for one message, and does all lanes at once.
//! Four lanes, and the first step of [`kernel`](super::kernel)'s example in lane 1:
//!
//! ```text
//!            lane 0     lane 1     lane 2     lane 3
//! a         67452301   67452301   67452301   67452301
//! word 0    ........   80636261   ........   ........   the first word of each message's block
//! a, after  ........   D6D117B4   ........   ........
//! ```
//!
//! In memory, the words of a message follow each other, and a vector needs a word of each message.
//! So each block is loaded a quarter at a time, sixteen bytes of each message, and transposed in
//! registers. That was faster than collecting single words (6.8 against 5.9 GB/s with AVX2).
//!
//! ```text
//! message 0   w0 w1 w2 w3              w0 of messages 0 1 2 3
//! message 1   w0 w1 w2 w3      ->      w1 of messages 0 1 2 3
//! message 2   w0 w1 w2 w3              w2 of messages 0 1 2 3
//! message 3   w0 w1 w2 w3              w3 of messages 0 1 2 3
//! ```

use super::kernel::{CONSTANTS, Pair, Word, compress};
use super::machine::Machine;
use fearless_simd::{ExtractToken, prelude::*, u8x16, u32x4, u32x8, u32x16};

/// Consecutive blocks of one message.
pub(super) type Blocks<'a> = &'a [[u8; 64]];

/// The states of all lanes: row 0 holds `a` of each lane, row 1 `b`, and so on.
pub(super) type States<const MAX: usize> = [[u32; MAX]; 4];

/// A word whose lanes belong to different messages.
pub(super) trait Lanes<S: Machine>: Word {
    /// The number of lanes.
    const COUNT: usize;
    /// The four words of quarter `q` of `blocks[first..first + COUNT]`.
    fn quarter(simd: S, blocks: &[&[u8; 64]], first: usize, q: usize) -> [Self; 4];
    /// Loads lanes `first..first + COUNT` of a row.
    fn load(simd: S, row: &[u32], first: usize) -> Self;
    /// Stores them there.
    fn store(self, row: &mut [u32], first: usize);
}

/// Hashes the first `count` blocks of each of the first `W::COUNT` streams, all of which must have
/// that many.
#[inline(always)]
pub(super) fn run<S: Machine, W: Lanes<S>, const MAX: usize>(
    simd: S,
    states: &mut States<MAX>,
    streams: &[Blocks<'_>; MAX],
    count: usize,
) {
    // If the optimiser saw that these are constants, it would add them last, which lengthens the
    // chain of dependent instructions: 7 to 20 % slower.
    let constants = std::hint::black_box(&CONSTANTS);
    let [a, b, c, d] = &*states;
    let mut state = [
        W::load(simd, a, 0),
        W::load(simd, b, 0),
        W::load(simd, c, 0),
        W::load(simd, d, 0),
    ];
    #[expect(
        clippy::needless_range_loop,
        reason = "`at` is an index into every stream, not only into the first"
    )]
    for at in 0..count {
        let blocks: [&[u8; 64]; MAX] = std::array::from_fn(
            #[inline(always)]
            |lane| &streams[if lane < W::COUNT { lane } else { 0 }][at],
        );
        state = compress(
            state,
            constants,
            #[inline(always)]
            |q| W::quarter(simd, &blocks, 0, q),
        );
    }
    for (word, row) in state.into_iter().zip(states) {
        word.store(row, 0);
    }
}

macro_rules! vector {
    ($vector:ident, $count:literal, $quarter:ident) => {
        impl<S: Machine> Word for $vector<S> {
            const CHOOSES: bool = S::CHOOSES;
            #[inline(always)]
            fn constant(self, row: &[u32; 4]) -> Self {
                // With SSE2, spreading one word takes two instructions and loading four takes none.
                if S::u32s::LEN == 4 {
                    Self::block_splat(u32x4::from_slice(self.token(), row))
                } else {
                    Self::splat(self.token(), row[0])
                }
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self + other
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                self - other
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }
            #[inline(always)]
            fn and_not(self, other: Self) -> Self {
                self & !other
            }
            #[inline(always)]
            fn xor(self, other: Self) -> Self {
                self ^ other
            }
            #[inline(always)]
            fn rotate_left<const BITS: u32>(self) -> Self {
                (self << BITS) | (self >> (32 - BITS))
            }
            #[inline(always)]
            fn keep_up(self) {
                if S::DEFERS {
                    std::hint::black_box(self);
                }
            }
        }

        impl<S: Machine> Lanes<S> for $vector<S> {
            const COUNT: usize = $count;
            #[inline(always)]
            fn quarter(simd: S, blocks: &[&[u8; 64]], first: usize, q: usize) -> [Self; 4] {
                $quarter(simd, blocks, first, q)
            }
            #[inline(always)]
            fn load(simd: S, row: &[u32], first: usize) -> Self {
                Self::from_slice(simd, &row[first..first + $count])
            }
            #[inline(always)]
            fn store(self, row: &mut [u32], first: usize) {
                self.store_slice(&mut row[first..first + $count]);
            }
        }
    };
}

vector!(u32x4, 4, four);
vector!(u32x8, 8, eight);
vector!(u32x16, 16, sixteen);

/// Quarter `q` of one message's block. On every level vectors are little-endian, as MD5's words are.
#[inline(always)]
fn row<S: Machine>(simd: S, blocks: &[&[u8; 64]], lane: usize, q: usize) -> u32x4<S> {
    u8x16::from_slice(simd, &blocks[lane][16 * q..16 * q + 16]).bitcast()
}

#[inline(always)]
fn two_rows<S: Machine>(simd: S, blocks: &[&[u8; 64]], lane: usize, q: usize) -> u32x8<S> {
    simd.combine_u32x4(row(simd, blocks, lane, q), row(simd, blocks, lane + 4, q))
}

#[inline(always)]
fn four_rows<S: Machine>(simd: S, blocks: &[&[u8; 64]], lane: usize, q: usize) -> u32x16<S> {
    simd.combine_u32x8(
        two_rows(simd, blocks, lane, q),
        two_rows(simd, blocks, lane + 8, q),
    )
}

/// Loads a quarter of each block and transposes it. The instructions that interleave words do so
/// within 128 bits, which is four lanes; so each group of four lanes is transposed by itself, and
/// the rows of a wide vector are those of lanes 0, 4, 8 and 12, then of 1, 5, 9 and 13, and so on.
/// For lanes 0 to 3, whose quarters are `a` to `d`:
///
/// ```text
/// ac_low  = a0 c0 a1 c1      ac_high = a2 c2 a3 c3
/// bd_low  = b0 d0 b1 d1      bd_high = b2 d2 b3 d3
/// low of the two lows  = a0 b0 c0 d0      high of them = a1 b1 c1 d1
/// low of the two highs = a2 b2 c2 d2      high of them = a3 b3 c3 d3
/// ```
macro_rules! transpose {
    ($name:ident, $vector:ident, $rows:ident, $low:ident, $high:ident) => {
        #[cfg_attr(debug_assertions, inline)]
        #[cfg_attr(not(debug_assertions), inline(always))]
        fn $name<S: Machine>(
            simd: S,
            blocks: &[&[u8; 64]],
            first: usize,
            q: usize,
        ) -> [$vector<S>; 4] {
            let [a, b] = [
                $rows(simd, blocks, first, q),
                $rows(simd, blocks, first + 1, q),
            ];
            let [c, d] = [
                $rows(simd, blocks, first + 2, q),
                $rows(simd, blocks, first + 3, q),
            ];
            let [ac_low, ac_high] = [simd.$low(a, c), simd.$high(a, c)];
            let [bd_low, bd_high] = [simd.$low(b, d), simd.$high(b, d)];
            [
                simd.$low(ac_low, bd_low),
                simd.$high(ac_low, bd_low),
                simd.$low(ac_high, bd_high),
                simd.$high(ac_high, bd_high),
            ]
        }
    };
}

transpose!(four, u32x4, row, zip_low_u32x4, zip_high_u32x4);
transpose!(eight, u32x8, two_rows, low_8, high_8);
transpose!(sixteen, u32x16, four_rows, low_16, high_16);

impl<S: Machine> Lanes<S> for u32 {
    const COUNT: usize = 1;
    #[inline(always)]
    fn quarter(_: S, blocks: &[&[u8; 64]], first: usize, q: usize) -> [Self; 4] {
        let (words, _) = blocks[first].as_chunks();
        [
            words[4 * q],
            words[4 * q + 1],
            words[4 * q + 2],
            words[4 * q + 3],
        ]
        .map(Self::from_le_bytes)
    }
    #[inline(always)]
    fn load(_: S, row: &[u32], first: usize) -> Self {
        row[first]
    }
    #[inline(always)]
    fn store(self, row: &mut [u32], first: usize) {
        row[first] = self;
    }
}

impl<S: Machine, W: Lanes<S>> Lanes<S> for Pair<W> {
    const COUNT: usize = 2 * W::COUNT;
    #[inline(always)]
    fn quarter(simd: S, blocks: &[&[u8; 64]], first: usize, q: usize) -> [Self; 4] {
        let [a, b, c, d] = W::quarter(simd, blocks, first, q);
        let [e, f, g, h] = W::quarter(simd, blocks, first + W::COUNT, q);
        [Self(a, e), Self(b, f), Self(c, g), Self(d, h)]
    }
    #[inline(always)]
    fn load(simd: S, row: &[u32], first: usize) -> Self {
        Self(
            W::load(simd, row, first),
            W::load(simd, row, first + W::COUNT),
        )
    }
    #[inline(always)]
    fn store(self, row: &mut [u32], first: usize) {
        self.0.store(row, first);
        self.1.store(row, first + W::COUNT);
    }
}
