//! The 64 steps of MD5 (RFC 1321), written once for anything that behaves like a 32-bit word: one
//! word, a vector of words, or two of either side by side.
//!
//! MD5 holds a state of four words, `a` to `d`, and mixes the message into it, a block of sixteen
//! words at a time. Each step takes one word of the block and changes one word of the state:
//!
//! ```text
//! sum = a + F(b, c, d) + word + constant    F takes each bit from c where b is 1, from d where it is 0
//! a   = b + (sum rotated left by 7)
//! ```
//!
//! The next step changes `d` in the same way, then `c`, then `b`, and then it is `a`'s turn again.
//! After sixteen steps F gives way to G, then to H and I, with the words in another order. As an
//! example, the first step of the message "abc", whose first word is `61 62 63` and the `80` that
//! starts the padding:
//!
//! ```text
//! a = 67452301   b = EFCDAB89   c = 98BADCFE   d = 10325476      the initial state
//! F = 98BADCFE   sum = 67452301 + 98BADCFE + 80636261 + D76AA478 = 57CE06D8
//! a = EFCDAB89 + E7036C2B = D6D117B4
//! ```
//!
//! Each step needs the result of the one before, so the chain of instructions from `b` to the new
//! `a` is what takes the time: the last one of F, an addition, a rotation, another addition. The
//! functions below keep as much as they can off that chain.
//!
//! The steps are unrolled by macro. The compiler's own vectoriser, given loops and plain arrays, is
//! not dependable.

/// What a digest starts from.
pub(super) const INITIAL: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// Each constant four times over, so that a vector of four words can load it without an instruction
/// that spreads it.
const fn four(constants: [u32; 64]) -> [[u32; 4]; 64] {
    let mut rows = [[0; 4]; 64];
    let mut at = 0;
    while at < 64 {
        rows[at] = [constants[at]; 4];
        at += 1;
    }
    rows
}

/// RFC 1321's table of sines. The last sixteen are one less than there: see [`i`].
pub(super) static CONSTANTS: [[u32; 4]; 64] = four([
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2243,
    0x432a_ff96,
    0xab94_23a6,
    0xfc93_a038,
    0x655b_59c2,
    0x8f0c_cc91,
    0xffef_f47c,
    0x8584_5dd0,
    0x6fa8_7e4e,
    0xfe2c_e6df,
    0xa301_4313,
    0x4e08_11a0,
    0xf753_7e81,
    0xbd3a_f234,
    0x2ad7_d2ba,
    0xeb86_d390,
]);

/// The operations that the 64 steps need of a word.
pub(super) trait Word: Copy {
    /// Whether choosing bits by a mask is one instruction. If it is, G is written as a choice;
    /// otherwise as a sum, which takes more instructions but makes a shorter chain.
    const CHOOSES: bool;
    fn add(self, other: Self) -> Self;
    /// One of [`CONSTANTS`] in every lane.
    fn constant(self, row: &[u32; 4]) -> Self;
    fn sub(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    /// `self & !other`
    fn and_not(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    fn rotate_left<const BITS: u32>(self) -> Self;
    /// Is called every four steps: to have this computed before what follows, see
    /// [`Machine::DEFERS`](super::machine::Machine::DEFERS).
    #[inline(always)]
    fn keep_up(self) {}
}

/// Two words that go through the steps together. They belong to different messages, so the
/// instructions of one do not wait for those of the other, and fill its gaps.
#[derive(Clone, Copy)]
pub(super) struct Pair<W>(pub(super) W, pub(super) W);

impl<W: Word> Word for Pair<W> {
    const CHOOSES: bool = W::CHOOSES;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0.add(other.0), self.1.add(other.1))
    }
    #[inline(always)]
    fn constant(self, row: &[u32; 4]) -> Self {
        Self(self.0.constant(row), self.1.constant(row))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(self.0.sub(other.0), self.1.sub(other.1))
    }
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Self(self.0.and(other.0), self.1.and(other.1))
    }
    #[inline(always)]
    fn and_not(self, other: Self) -> Self {
        Self(self.0.and_not(other.0), self.1.and_not(other.1))
    }
    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(self.0.xor(other.0), self.1.xor(other.1))
    }
    #[inline(always)]
    fn rotate_left<const BITS: u32>(self) -> Self {
        Self(self.0.rotate_left::<BITS>(), self.1.rotate_left::<BITS>())
    }
    #[inline(always)]
    fn keep_up(self) {
        self.0.keep_up();
        self.1.keep_up();
    }
}

impl Word for u32 {
    const CHOOSES: bool = false;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    #[inline(always)]
    fn constant(self, row: &[u32; 4]) -> Self {
        row[0]
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.wrapping_sub(other)
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
        self.rotate_left(BITS)
    }
}

// Without optimisation, every intermediate vector gets a place of its own on the stack, and 64 steps
// in one function took a megabyte of it: hence the two attributes on each function.

/// F(b, c, d) = (b & c) | (!b & d)
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
fn f<W: Word, const BITS: u32>(a: W, b: W, c: W, d: W, word: W, row: &[u32; 4]) -> W {
    let chosen = c.xor(d).and(b).xor(d);
    b.add(
        word.add(word.constant(row))
            .add(a)
            .add(chosen)
            .rotate_left::<BITS>(),
    )
}

/// G(b, c, d) = (b & d) | (c & !d). The two halves share no bit, so they may be added, and the half
/// without `b` is added while `b` is still being computed.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
fn g<W: Word, const BITS: u32>(a: W, b: W, c: W, d: W, word: W, row: &[u32; 4]) -> W {
    let sum = word.add(word.constant(row)).add(a);
    let sum = if W::CHOOSES {
        sum.add(b.xor(c).and(d).xor(c))
    } else {
        sum.add(c.and_not(d)).add(b.and(d))
    };
    b.add(sum.rotate_left::<BITS>())
}

/// H(b, c, d) = b ^ c ^ d
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
fn h<W: Word, const BITS: u32>(a: W, b: W, c: W, d: W, word: W, row: &[u32; 4]) -> W {
    let mixed = c.xor(d).xor(b);
    b.add(
        word.add(word.constant(row))
            .add(a)
            .add(mixed)
            .rotate_left::<BITS>(),
    )
}

/// I(b, c, d) = c ^ (b | !d) = !x with x = c ^ (d & !b). As !x = -1 - x, x is subtracted and the
/// constant is one less: an instruction saved.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
fn i<W: Word, const BITS: u32>(a: W, b: W, c: W, d: W, word: W, row: &[u32; 4]) -> W {
    let inverse = d.and_not(b).xor(c);
    b.add(
        word.add(word.constant(row))
            .add(a)
            .sub(inverse)
            .rotate_left::<BITS>(),
    )
}

/// Four steps, one for each word of the state.
macro_rules! steps {
    ($f:ident, $a:ident $b:ident $c:ident $d:ident, $rows:ident $at:literal,
     $r0:literal $i0:ident, $r1:literal $i1:ident,
     $r2:literal $i2:ident, $r3:literal $i3:ident) => {
        $a = $f::<W, $r0>($a, $b, $c, $d, $i0, &$rows[$at + 0]);
        $d = $f::<W, $r1>($d, $a, $b, $c, $i1, &$rows[$at + 1]);
        $c = $f::<W, $r2>($c, $d, $a, $b, $i2, &$rows[$at + 2]);
        $b = $f::<W, $r3>($b, $c, $d, $a, $i3, &$rows[$at + 3]);
        $b.keep_up();
    };
}

/// Mixes one block into the state. `quarter` loads four words of the block at a time, as late as
/// possible: sixteen vectors and the state do not fit the registers of every processor.
#[inline(always)]
pub(super) fn compress<W: Word>(
    state: [W; 4],
    rows: &[[u32; 4]; 64],
    quarter: impl Fn(usize) -> [W; 4],
) -> [W; 4] {
    let [mut a, mut b, mut c, mut d] = state;
    let [w0, w1, w2, w3] = quarter(0);
    steps!(f, a b c d, rows 0, 7 w0, 12 w1, 17 w2, 22 w3);
    let [w4, w5, w6, w7] = quarter(1);
    steps!(f, a b c d, rows 4, 7 w4, 12 w5, 17 w6, 22 w7);
    let [w8, w9, w10, w11] = quarter(2);
    steps!(f, a b c d, rows 8, 7 w8, 12 w9, 17 w10, 22 w11);
    let [w12, w13, w14, w15] = quarter(3);
    steps!(f, a b c d, rows 12, 7 w12, 12 w13, 17 w14, 22 w15);
    steps!(g, a b c d, rows 16, 5 w1, 9 w6, 14 w11, 20 w0);
    steps!(g, a b c d, rows 20, 5 w5, 9 w10, 14 w15, 20 w4);
    steps!(g, a b c d, rows 24, 5 w9, 9 w14, 14 w3, 20 w8);
    steps!(g, a b c d, rows 28, 5 w13, 9 w2, 14 w7, 20 w12);
    steps!(h, a b c d, rows 32, 4 w5, 11 w8, 16 w11, 23 w14);
    steps!(h, a b c d, rows 36, 4 w1, 11 w4, 16 w7, 23 w10);
    steps!(h, a b c d, rows 40, 4 w13, 11 w0, 16 w3, 23 w6);
    steps!(h, a b c d, rows 44, 4 w9, 11 w12, 16 w15, 23 w2);
    steps!(i, a b c d, rows 48, 6 w0, 10 w7, 15 w14, 21 w5);
    steps!(i, a b c d, rows 52, 6 w12, 10 w3, 15 w10, 21 w1);
    steps!(i, a b c d, rows 56, 6 w8, 10 w15, 15 w6, 21 w13);
    steps!(i, a b c d, rows 60, 6 w4, 10 w11, 15 w2, 21 w9);
    let [a0, b0, c0, d0] = state;
    [a0.add(a), b0.add(b), c0.add(c), d0.add(d)]
}
