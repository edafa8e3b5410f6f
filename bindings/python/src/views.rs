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

pub(crate) type View = [u8; 16];

/// A view of `bytes`, which are in buffer number `buffer` from `offset` on. `None` if they are
/// further in than 2 GiB.
pub(crate) fn view(bytes: &[u8], buffer: i32, offset: usize) -> Option<View> {
    let mut view = View::default();
    let len = i32::try_from(bytes.len()).ok()?;
    view[..4].copy_from_slice(&len.to_ne_bytes());
    if bytes.len() <= INLINE {
        view[4..4 + bytes.len()].copy_from_slice(bytes);
    } else {
        view[4..8].copy_from_slice(&bytes[..4]);
        view[8..12].copy_from_slice(&buffer.to_ne_bytes());
        view[12..].copy_from_slice(&i32::try_from(offset).ok()?.to_ne_bytes());
    }
    Some(view)
}

/// A column: where there is a value, and the views.
#[derive(Default)]
pub(crate) struct Views {
    valid: Bits,
    views: Vec<u8>,
    /// Rows without a value that are not written yet: most columns of keys and losses have no others.
    pending: usize,
}

impl Views {
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.views.reserve(rows * size_of::<View>());
    }

    pub(crate) fn push(&mut self, view: Option<View>) {
        let Some(view) = view else {
            self.pending += 1;
            return;
        };
        self.write_pending();
        self.valid.push(true);
        self.views.extend_from_slice(&view);
    }

    fn write_pending(&mut self) {
        for _ in 0..self.pending {
            self.valid.push(false);
            self.views.extend_from_slice(&View::default());
        }
        self.pending = 0;
    }

    /// The bits and the views; `None` if no row has a value.
    pub(crate) fn finish(&mut self) -> Option<(&[u8], &[u8])> {
        if self.views.is_empty() {
            return None;
        }
        self.write_pending();
        Some((&self.valid.bytes, &self.views))
    }
}

/// One bit a row, the lowest of a byte first.
#[derive(Default)]
pub(crate) struct Bits {
    pub(crate) bytes: Vec<u8>,
    len: usize,
}

impl Bits {
    pub(crate) fn push(&mut self, bit: bool) {
        let at = self.len % 8;
        if at == 0 {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << at;
        }
        self.len += 1;
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

    pub(crate) fn key(&mut self, key: &str) -> Option<View> {
        let address = (key.as_ptr().addr(), key.len());
        if key.len() <= INLINE {
            return view(key.as_bytes(), 0, 0);
        }
        if self.last.0 != address {
            let view = match self.known.get(&address) {
                Some(view) => *view,
                None => {
                    let view = self.text(key)?;
                    self.known.insert(address, view);
                    view
                }
            };
            self.last = (address, view);
        }
        Some(self.last.1)
    }

    pub(crate) fn text(&mut self, text: &str) -> Option<View> {
        let view = view(text.as_bytes(), self.number, self.bytes.len())?;
        if text.len() > INLINE {
            self.bytes.extend_from_slice(text.as_bytes());
        }
        Some(view)
    }
}
