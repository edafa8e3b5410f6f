//! A smaller case on which the peer and we still differ without a reason.

use std::ops::Range;

use crate::compare::Verdict;
use crate::peer::{Answer, Case, Peer, read_request};
use crate::run::{Kind, read_verdict};
use crate::wire::{FIXED32, FIXED64, LENGTH, VARINT, frame, unframe};

/// Questions that one case may cost.
const QUESTIONS: usize = 3000;

/// Leaves out parts of the body, ever smaller ones, as long as the difference stays. None if it
/// is gone when asked alone, or the frame itself is what differs.
pub(crate) fn shrink(name: &str, kind: Kind, case: &Case) -> Option<(Case, Answer)> {
    let mut peer = Peer::start(name).ok()?;
    let mut left = QUESTIONS;
    let mut ask = |case: &Case| {
        left = left.checked_sub(1)?;
        let answer = peer.ask(&read_request(case)).ok()?;
        matches!(read_verdict(kind, case, &answer), Verdict::Unexplained(_)).then_some(answer)
    };
    let mut best = (case.clone(), ask(case)?);
    if frame(unframe(&case.data)) == case.data {
        // Whole fields first: a part of one rarely goes alone.
        let mut n = 0;
        while let Some(field) = nth_field(unframe(&best.0.data), n) {
            let mut body = unframe(&best.0.data).to_vec();
            body.drain(field);
            let smaller = Case {
                data: frame(&body),
                ..best.0.clone()
            };
            match ask(&smaller) {
                Some(answer) => best = (smaller, answer),
                None => n += 1,
            }
        }
        let mut size = unframe(&case.data).len();
        while size > 0 {
            let mut at = 0;
            while at + size <= unframe(&best.0.data).len() {
                let mut body = unframe(&best.0.data).to_vec();
                body.drain(at..at + size);
                let smaller = Case {
                    data: frame(&body),
                    ..best.0.clone()
                };
                match ask(&smaller) {
                    Some(answer) => best = (smaller, answer),
                    None => at += size,
                }
            }
            size /= 2;
        }
    }
    let simpler = Case {
        partition_key: Some("outer".to_owned()),
        range: None,
        data: best.0.data.clone(),
    };
    if let Some(answer) = ask(&simpler) {
        best = (simpler, answer);
    }
    // The driver ends with its input.
    let _ = peer.close();
    Some(best)
}

/// Where the `n`th field of a message is, as far as its fields are of a simple kind.
fn nth_field(message: &[u8], n: usize) -> Option<Range<usize>> {
    let mut end = 0;
    for field in 0.. {
        let start = end;
        let tag = varint(message, &mut end)?;
        let len = match u32::try_from(tag & 7).ok()? {
            VARINT => varint(message, &mut end).map(|_| 0),
            FIXED64 => Some(8),
            LENGTH => varint(message, &mut end),
            FIXED32 => Some(4),
            _ => None,
        };
        end = end.checked_add(usize::try_from(len?).ok()?)?;
        if end > message.len() {
            return None;
        }
        if field == n {
            return Some(start..end);
        }
    }
    None
}

fn varint(message: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for i in 0..9 {
        let byte = *message.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7F) << (7 * i);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}
