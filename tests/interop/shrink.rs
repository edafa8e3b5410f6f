//! A smaller case on which the peer and we still differ without a reason.

use crate::compare::Verdict;
use crate::peer::{Answer, Case, Peer, read_request};
use crate::run::{Kind, read_verdict};
use crate::wire::{frame, unframe};

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
