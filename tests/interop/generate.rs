//! Kinesis records of all kinds, from a seed.

use std::collections::VecDeque;

use fastrand::Rng;

use crate::keys::{any_hash_key, any_key, good_hash_key, good_key};
use crate::peer::Case;
use crate::ranges::any_range;
use crate::rules::RULES;
use crate::runs;
use crate::sweep::{SWEEPS, sweep};
use crate::wire::{FIXED32, FIXED64, LENGTH, Pen, START_GROUP, VARINT, frame, unframe};
use crate::writing::{self, Written};

/// What a peer is asked.
pub(crate) enum Job {
    /// Read this, as we do.
    Read(Case),
    /// Read this, which we wrote, and find what was put.
    ReadOurs(Written),
    /// Write these.
    Write(writing::Put),
}

/// The jobs of a run: the same for the same seed, whatever the peer, but for the writing.
pub(crate) struct Jobs {
    seed: u64,
    next: u64,
    writes: bool,
    waiting: VecDeque<Job>,
}

impl Jobs {
    pub(crate) fn new(seed: u64, peer_writes: bool) -> Self {
        Self {
            seed,
            next: 0,
            writes: peer_writes,
            waiting: VecDeque::new(),
        }
    }
}

impl Iterator for Jobs {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        if let Some(job) = self.waiting.pop_front() {
            return Some(job);
        }
        let n = self.next;
        self.next += 1;
        // Each case from a seed of its own, so that one case's appetite does not shift the rest.
        let mut rng = Rng::with_seed(self.seed ^ n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        Some(match n % 32 {
            7 => {
                let written = writing::round(&mut rng).into_iter().map(Job::ReadOurs);
                self.waiting.extend(written);
                return self.next();
            }
            15 if self.writes => Job::Write(writing::put(&mut rng)),
            3 | 11 | 19 | 27 => {
                let start = self.seed.wrapping_mul(7919);
                Job::Read(sweep(start.wrapping_add(n / 8) % SWEEPS, &mut rng))
            }
            _ => Job::Read(case(&mut rng)),
        })
    }
}

/// Any Kinesis record.
fn case(rng: &mut Rng) -> Case {
    let partition_key = (rng.u8(0..20) > 0).then(|| good_key(rng));
    let mut data = match rng.u8(0..50) {
        0 => plain(rng),
        1..=4 => {
            let rule = &RULES[rng.usize(0..RULES.len())];
            let data = (rule.data)();
            if rng.bool() {
                corrupt_body(rng, &data)
            } else {
                data
            }
        }
        5..=16 => frame(&runs::body(rng)),
        _ => frame(&aggregate(rng)),
    };
    match rng.u8(0..20) {
        0 => data = corrupt_body(rng, &data),
        1 => corrupt_frame(rng, &mut data),
        _ => {}
    }
    let range = any_range(rng, &data);
    Case {
        partition_key,
        range,
        data,
    }
}

fn plain(rng: &mut Rng) -> Vec<u8> {
    let len = rng.usize(0..60);
    (0..len).map(|_| rng.u8(..)).collect()
}

/// Bytes changed, inserted, left out, moved; then the right digest again.
fn corrupt_body(rng: &mut Rng, data: &[u8]) -> Vec<u8> {
    let mut body = unframe(data).to_vec();
    for _ in 0..rng.usize(1..4) {
        let at = rng.usize(0..=body.len());
        let end = (at + rng.usize(0..10)).min(body.len());
        match rng.u8(0..6) {
            0 => body.insert(at, rng.u8(..)),
            1 => drop(body.drain(at..end)),
            2 => body.truncate(at),
            3 => {
                let copy = body[at..end].to_vec();
                let to = rng.usize(0..=body.len());
                body.splice(to..to, copy);
            }
            _ if at < body.len() => body[at] = rng.u8(..),
            _ => {}
        }
    }
    frame(&body)
}

/// Something wrong with magic, digest or length.
fn corrupt_frame(rng: &mut Rng, data: &mut Vec<u8>) {
    let at = rng.usize(0..=data.len());
    match rng.u8(0..7) {
        0 => data.truncate(at),
        1 => data.push(rng.u8(..)),
        2 => data.insert(at, rng.u8(..)),
        3 => data.truncate(rng.usize(0..24)),
        4 => data.drain(..at.min(4)).for_each(drop),
        _ if at < data.len() => data[at] ^= 1 << rng.u8(0..8),
        _ => {}
    }
}

/// The body of an aggregate: valid, or strange in places.
fn aggregate(rng: &mut Rng) -> Vec<u8> {
    let chaos = [0, 0, 0, 30, 200, 1000][rng.usize(0..6)];
    let odd_keys = [0, 0, 2, 12][rng.usize(0..4)];
    let size = |rng: &mut Rng, small: usize, large: usize| match rng.u8(0..60) {
        0 => rng.usize(0..large),
        _ => rng.usize(0..small),
    };
    let key_count = size(rng, 6, 300);
    let hash_key_count = size(rng, 4, 200);
    let record_count = size(rng, 8, 300);
    let mut fields = Vec::new();
    let mut pen = Pen { rng, chaos };
    for number in [1, 2] {
        let count = if number == 1 {
            key_count
        } else {
            hash_key_count
        };
        for _ in 0..count {
            let odd = pen.rng.u8(0..32) < odd_keys;
            let key = match (number, odd) {
                (1, false) => good_key(pen.rng).into_bytes(),
                (1, true) => any_key(pen.rng),
                (_, false) => good_hash_key(pen.rng).into_bytes(),
                (_, true) => any_hash_key(pen.rng),
            };
            fields.push(pen.field(number, &key));
        }
    }
    for _ in 0..record_count {
        let record = record(&mut pen, key_count, hash_key_count);
        fields.push(pen.field(3, &record));
    }
    disturb(&mut pen, &mut fields, 0);
    fields.concat()
}

fn record(pen: &mut Pen<'_>, key_count: usize, hash_key_count: usize) -> Vec<u8> {
    let index = index(pen, key_count);
    let mut fields = vec![[pen.tag(1, VARINT), index].concat()];
    if hash_key_count > 0 && pen.rng.u8(0..3) == 0 || pen.strange() {
        let index = self::index(pen, hash_key_count);
        fields.push([pen.tag(2, VARINT), index].concat());
    }
    let data = data(pen.rng);
    fields.push(pen.field(3, &data));
    if pen.rng.u8(0..20) == 0 {
        for _ in 0..pen.rng.usize(1..4) {
            let tag = tag(pen);
            fields.push(pen.field(4, &tag));
        }
    }
    disturb(pen, &mut fields, 1);
    fields.concat()
}

/// The `Tag` of a user record, which nobody uses.
fn tag(pen: &mut Pen<'_>) -> Vec<u8> {
    let key = any_key(pen.rng);
    let mut fields = vec![pen.field(1, &key)];
    if pen.rng.bool() {
        let value = any_key(pen.rng);
        fields.push(pen.field(2, &value));
    }
    disturb(pen, &mut fields, 2);
    fields.concat()
}

/// An index into a table of `count` entries; seldom one that is not in it.
fn index(pen: &mut Pen<'_>, count: usize) -> Vec<u8> {
    let count = u64::try_from(count).unwrap();
    let mut index = if count > 0 { pen.rng.u64(0..count) } else { 0 };
    if pen.strange() {
        index = match pen.rng.u8(0..8) {
            0 => count,
            1 => (1 << 31) - 1,
            2 => (1 << 31) + pen.rng.u64(0..2),
            3 => (1 << 32) - 1,
            4 => index | (pen.rng.u64(1..1 << 32) << 32),
            5 => u64::MAX - pen.rng.u64(0..2),
            6 => 1 << 63,
            _ => pen.rng.u64(..) >> pen.rng.u32(0..64),
        };
    }
    pen.number64(index)
}

fn data(rng: &mut Rng) -> Vec<u8> {
    let len = match rng.u8(0..100) {
        0 => rng.usize(0..20_000),
        1..=4 => rng.usize(100..300),
        5 => return frame(b"\x0a\x01a\x1a\x05\x08\x00\x1a\x01x"),
        _ => rng.usize(0..30),
    };
    (0..len).map(|_| rng.u8(..)).collect()
}

/// Moves, repeats, drops, retypes and adds fields of one message, `depth` messages deep.
fn disturb(pen: &mut Pen<'_>, fields: &mut Vec<Vec<u8>>, depth: usize) {
    if pen.strange() {
        pen.rng.shuffle(fields);
    }
    let mut at = 0;
    while at <= fields.len() {
        if pen.strange() {
            match pen.rng.u8(0..5) {
                0 if at < fields.len() => drop(fields.remove(at)),
                1 if at < fields.len() => fields.insert(at, fields[at].clone()),
                2 if at < fields.len() => {
                    // A known number with another wire type; at times packed indices.
                    let number = pen.rng.u32(1..5);
                    let types = [VARINT, FIXED64, LENGTH, START_GROUP, FIXED32];
                    let wire_type = types[pen.rng.usize(0..types.len())];
                    fields[at] = pen.of_type(number, wire_type, depth);
                }
                _ => {
                    let unknown = pen.unknown(depth);
                    fields.insert(at, unknown);
                }
            }
        }
        at += 1;
    }
}
