//! Messages whose user records are alike, as producers write them, or alike in an odd way.
//!
//! The quick ways of reading take many user records by the shape of the first ones. What one strange
//! varint here and there never shows, a whole run in a strange shape does: a length or an index in more
//! bytes than it needs, a field before its place, a field that the schema does not know. And a run that
//! is broken: by another length, another shape, or one byte.

use fastrand::Rng;

use crate::keys::{good_hash_key, good_key};
use crate::wire::{LENGTH, VARINT, field, tag, varint, varint_of};

/// The shape that a run's user records share.
struct Shape {
    /// The bytes that `L`, `K`, `H` and `D` have more than they need.
    record_len: usize,
    partition_key: usize,
    explicit_hash_key: Option<usize>,
    data_len: usize,
    /// The length of the data, in bytes.
    data: usize,
    /// The fields of the user record, as positions in `K`, `H`, data: mostly in that order.
    order: [usize; 3],
    /// A field after these.
    more: Vec<u8>,
}

impl Shape {
    fn any(rng: &mut Rng, hash_keys: usize) -> Self {
        let odd = rng.bool();
        let padding = |rng: &mut Rng| {
            if odd && rng.u8(0..3) == 0 {
                rng.usize(1..4)
            } else {
                0
            }
        };
        let mut order = [0, 1, 2];
        if odd && rng.u8(0..8) == 0 {
            rng.shuffle(&mut order);
        }
        let more = match rng.u8(0..16) {
            0 if odd => field(4, &field(1, b"tag")),
            1 if odd => [tag(7, VARINT), varint(300)].concat(),
            2 if odd => [tag(1, VARINT), varint(0)].concat(),
            _ => Vec::new(),
        };
        Self {
            record_len: padding(rng),
            partition_key: padding(rng),
            explicit_hash_key: (hash_keys > 0 && rng.bool()).then(|| padding(rng)),
            data_len: padding(rng),
            data: data_len(rng),
            order,
            more,
        }
    }

    /// A user record of this shape, its tag and length included.
    fn write(&self, rng: &mut Rng, keys: usize, hash_keys: usize) -> Vec<u8> {
        let partition_key = [tag(1, VARINT), padded(index(rng, keys), self.partition_key)];
        let explicit_hash_key = self.explicit_hash_key.map(|more| {
            let index = padded(index(rng, hash_keys), more);
            [tag(2, VARINT), index].concat()
        });
        let data: Vec<u8> = (0..self.data).map(|_| rng.u8(..)).collect();
        let data = [
            tag(3, LENGTH),
            padded(data.len().try_into().unwrap(), self.data_len),
            data,
        ];
        let fields = [
            partition_key.concat(),
            explicit_hash_key.unwrap_or_default(),
            data.concat(),
        ];
        let mut body: Vec<u8> = self.order.map(|at| fields[at].clone()).concat();
        body.extend_from_slice(&self.more);
        let len = padded(body.len().try_into().unwrap(), self.record_len);
        [tag(3, LENGTH), len, body].concat()
    }
}

/// In so many bytes more than it needs, but never more than ten.
fn padded(value: u64, more: usize) -> Vec<u8> {
    varint_of(value, (varint(value).len() + more).min(10))
}

/// Around the lengths at which a varint grows, and any.
fn data_len(rng: &mut Rng) -> usize {
    match rng.u8(0..10) {
        0 => rng.usize(118..132),
        1 => rng.usize(240..260),
        2 if rng.bool() => rng.usize(16_370..16_390),
        3 => rng.usize(0..2000),
        _ => rng.usize(0..20),
    }
}

/// Mostly one that is there, of one byte.
fn index(rng: &mut Rng, count: usize) -> u64 {
    let count = u64::try_from(count).unwrap();
    match rng.u16(0..1000) {
        0 => count,
        1 => rng.u64(0..1 << 15),
        _ => rng.u64(0..count.max(1)),
    }
}

/// The body of an aggregate.
pub(crate) fn body(rng: &mut Rng) -> Vec<u8> {
    let keys = [1, 2, 5, 127, 128, 129, 300][rng.usize(0..7)];
    let hash_keys = [0, 0, 1, 3, 130][rng.usize(0..5)];
    let mut body = Vec::new();
    for _ in 0..keys {
        body.extend(field(1, good_key(rng).as_bytes()));
    }
    for _ in 0..hash_keys {
        body.extend(field(2, good_hash_key(rng).as_bytes()));
    }
    for _ in 0..rng.usize(1..5) {
        let mut shape = Shape::any(rng, hash_keys);
        // More than the blocks in which runs are read, where the data are small.
        let most = if shape.data < 20 { 600 } else { 6 };
        let count = if rng.u8(0..8) == 0 {
            most
        } else {
            12.min(most)
        };
        for _ in 0..rng.usize(1..=count) {
            if rng.u8(0..40) == 0 {
                shape.data += 1;
            }
            body.extend(shape.write(rng, keys, hash_keys));
        }
    }
    if rng.u8(0..4) == 0 {
        let at = rng.usize(0..body.len());
        body[at] = if rng.bool() {
            body[at] ^ 0x80
        } else {
            rng.u8(..)
        };
    }
    body
}
