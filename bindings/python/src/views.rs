//! Columns of Arrow's "variable-size binary view" layout: 16 bytes a value, which refer to buffers that are never copied.
//!
//! ```text
//! 03 00 00 00  61 62 63 00 00 00 00 00 00 00 00 00   "abc": up to 12 bytes are in the view itself
//! 10 00 00 00  61 62 63 64  02 00 00 00  40 00 00 00  16 bytes, the first of which are "abcd", in buffer
//!                                                     2 from byte 64 on
//! ```

use rustc_hash::FxHashMap;

/// The most bytes that are in the view itself.
const INLINE: usize = 12;

/// A number, because that stays in registers until it is in its column: bytes that are written in parts and read back at
/// once as a whole make the processor wait.
pub(crate) type View = u128;

/// A view of `bytes`, which are in buffer number `buffer` from `offset` on. `None` if they are
/// further in than 2 GiB.
#[inline]
pub(crate) fn view(bytes: &[u8], buffer: i32, offset: usize) -> Option<View> {
    let len = i32::try_from(bytes.len()).ok()?.cast_unsigned();
    if let (Some(first), true) = (bytes.first_chunk(), bytes.len() > INLINE) {
        let offset = i32::try_from(offset).ok()?.cast_unsigned();
        let first = u32::from_ne_bytes(*first);
        return Some(joined([len, first, buffer.cast_unsigned(), offset]));
    }
    let mut inline = [[0; 4]; INLINE / 4];
    for (place, byte) in inline.as_flattened_mut().iter_mut().zip(bytes) {
        *place = *byte;
    }
    let [one, two, three] = inline.map(u32::from_ne_bytes);
    Some(joined([len, one, two, three]))
}

/// The number that has these in memory one after another.
fn joined(mut parts: [u32; 4]) -> View {
    if cfg!(target_endian = "little") {
        parts.reverse();
    }
    let all = parts.into_iter();
    all.fold(0, |all, part| all << 32 | View::from(part))
}

/// A column: where there is a value, and the views.
#[derive(Default)]
pub(crate) struct Views {
    valid: Bits,
    views: Vec<[u8; size_of::<View>()]>,
    /// Rows without a value that are not written yet: most columns of keys and losses have no others.
    pending: usize,
}

impl Views {
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.views.reserve(rows);
    }

    pub(crate) fn push_null(&mut self) {
        self.pending += 1;
    }

    #[inline]
    pub(crate) fn push(&mut self, view: View) {
        if self.pending > 0 {
            self.write_pending();
        }
        self.valid.push(true, 1);
        self.views.push(view.to_ne_bytes());
    }

    fn write_pending(&mut self) {
        self.valid.push(false, self.pending);
        let len = self.views.len() + self.pending;
        self.views.resize(len, View::default().to_ne_bytes());
        self.pending = 0;
    }

    /// The bits and the views; `None` if no row has a value.
    pub(crate) fn finish(&mut self) -> Option<(&[u8], &[u8])> {
        if self.views.is_empty() {
            return None;
        }
        self.write_pending();
        Some((self.valid.finish(), self.views.as_flattened()))
    }
}

/// One bit a row, the lowest of a byte first. Neighbours are mostly equal, so a run of them is written at once.
#[derive(Default)]
pub(crate) struct Bits {
    bytes: Vec<u8>,
    /// How many are written. Those after them in the last byte are 0.
    len: usize,
    /// How many are not written yet, and what they are.
    pending: usize,
    bit: bool,
}

impl Bits {
    pub(crate) fn push(&mut self, bit: bool, count: usize) {
        if bit != self.bit {
            self.write_pending();
            self.bit = bit;
        }
        self.pending += count;
    }

    /// The last byte is filled up, whole ones follow, and what is too much of the last one is cut off:
    ///
    /// ```text
    /// 00000101                      three bits
    /// 11111101  00000011            and seven 1s more
    /// ```
    fn write_pending(&mut self) {
        let ones = |from: usize| u8::MAX << (from % 8);
        if let (true, 1.., Some(last)) = (self.bit, self.len % 8, self.bytes.last_mut()) {
            *last |= ones(self.len);
        }
        self.len += self.pending;
        self.pending = 0;
        let fill = if self.bit { u8::MAX } else { 0 };
        self.bytes.resize(self.len.div_ceil(8), fill);
        if let (1.., Some(last)) = (self.len % 8, self.bytes.last_mut()) {
            *last &= !ones(self.len);
        }
    }

    pub(crate) fn finish(&mut self) -> &[u8] {
        self.write_pending();
        &self.bytes
    }
}

/// A buffer of texts, each of which is written once for each Kinesis record.
pub(crate) struct Texts {
    pub(crate) bytes: Vec<u8>,
    number: i32,
    /// The views of the Kinesis record's keys, by where they are in memory: see
    /// [`opened`](crate::opened).
    known: FxHashMap<(usize, usize), View>,
    last: ((usize, usize), View),
}

impl Texts {
    /// An empty buffer of this number.
    pub(crate) fn new(number: i32) -> Self {
        Self {
            bytes: Vec::new(),
            number,
            known: FxHashMap::default(),
            last: Default::default(),
        }
    }

    /// Starts with another Kinesis record: its keys may be where others were.
    pub(crate) fn forget(&mut self) {
        self.known.clear();
        self.last = Default::default();
    }

    #[inline]
    pub(crate) fn key(&mut self, key: &str) -> Option<View> {
        let address = (key.as_ptr().addr(), key.len());
        if key.len() <= INLINE {
            return view(key.as_bytes(), 0, 0);
        }
        if self.last.0 != address {
            self.last = (address, self.long_key(key, address)?);
        }
        Some(self.last.1)
    }

    fn long_key(&mut self, key: &str, address: (usize, usize)) -> Option<View> {
        if let Some(view) = self.known.get(&address) {
            return Some(*view);
        }
        let view = self.text(key)?;
        self.known.insert(address, view);
        Some(view)
    }

    pub(crate) fn text(&mut self, text: &str) -> Option<View> {
        let view = view(text.as_bytes(), self.number, self.bytes.len())?;
        if text.len() > INLINE {
            self.bytes.extend_from_slice(text.as_bytes());
        }
        Some(view)
    }
}
