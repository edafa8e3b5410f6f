//! One peer's run: a thread asks ahead, this one compares.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use fastrand::Rng;
use kinesis_aggregation::{Outcome, PlainReason};

use crate::binding;
use crate::compare::{self, Verdict};
use crate::faults::{self, Reader};
use crate::generate::{Job, Jobs};
use crate::ours;
use crate::peer::{Answer, Answers, Case, Peer, Status, read_request, write_request};
use crate::report;
use crate::shrink::shrink;
use crate::writers;

/// Who is at the other end.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Kcl {
        jaxb: bool,
    },
    Other(Reader),
    /// This library, in another language.
    Binding {
        writes: bool,
    },
}

pub(crate) const PEERS: [(&str, Kind); 6] = [
    ("kcl-3.5.1", Kind::Kcl { jaxb: true }),
    ("kcl-no-jaxb", Kind::Kcl { jaxb: false }),
    ("kcl-2.7.2", Kind::Kcl { jaxb: true }),
    ("kcl-1.15.3", Kind::Kcl { jaxb: true }),
    ("node", Kind::Other(Reader::Node)),
    ("python", Kind::Other(Reader::Python)),
];

/// Not run unless asked for: they are built from here first.
const BINDINGS: [(&str, Kind); 3] = [
    ("ours-node", Kind::Binding { writes: true }),
    ("ours-go", Kind::Binding { writes: true }),
    ("ours-python", Kind::Binding { writes: true }),
];

pub(crate) fn kind(name: &str) -> Option<Kind> {
    PEERS
        .iter()
        .chain(&BINDINGS)
        .find(|(peer, _)| *peer == name)
        .map(|(_, kind)| *kind)
}

/// What came of a run.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) cases: u64,
    /// By the rule that explains them.
    pub(crate) explained: BTreeMap<&'static str, u64>,
    pub(crate) unexplained: u64,
    /// What we made of the cases: what the run was about.
    outcomes: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(crate) fn outcomes(&self) -> String {
        let parts = self.outcomes.iter().map(|(name, n)| format!("{n} {name}"));
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// In a word, what we make of a case.
fn outcome(job: &Job) -> &'static str {
    let Job::Read(case) = job else {
        return "written";
    };
    match ours::read(case).map(|read| read.outcome) {
        Ok(Outcome::Plain(PlainReason::NotFramed | PlainReason::TooShort)) => "not framed",
        Ok(Outcome::Plain(PlainReason::DigestMismatch)) => "wrong digest",
        Ok(Outcome::Plain(_)) => "malformed",
        Ok(Outcome::Aggregated) => "delivered",
        Ok(Outcome::Empty) => "empty",
        Ok(Outcome::Dropped) => "dropped",
        Ok(Outcome::Cut) => "cut",
        _ => "other",
    }
}

/// No more than so many are printed.
const PRINTED: u64 = 5;
const CHUNK: usize = 500;

pub(crate) fn run(name: &str, kind: Kind, cases: u64, seed: u64) -> io::Result<Tally> {
    let mut peer = Peer::start(name)?;
    println!("{name}: {}", peer.hello);
    let writes = matches!(kind, Kind::Other(_) | Kind::Binding { writes: true });
    let mut jobs = Jobs::new(seed, writes).take(usize::try_from(cases).unwrap_or(usize::MAX));
    let (sender, receiver) = sync_channel::<Vec<Job>>(4);
    let requests = &mut peer.requests;
    let answers = &mut peer.answers;
    let tally = thread::scope(|scope| {
        let asker = scope.spawn(move || -> io::Result<()> {
            loop {
                let chunk: Vec<Job> = jobs.by_ref().take(CHUNK).collect();
                if chunk.is_empty() {
                    return Ok(());
                }
                let bytes: Vec<_> = chunk.iter().map(|job| request(kind, job)).collect();
                if sender.send(chunk).is_err() {
                    return Ok(());
                }
                for request in bytes {
                    requests.send(&request)?;
                }
                requests.flush()?;
            }
        });
        let tally = compare_all(name, kind, seed, &receiver, answers);
        drop(receiver);
        match asker.join() {
            Ok(asked) => tally.and_then(|tally| asked.map(|()| tally)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })?;
    peer.close()?;
    Ok(tally)
}

fn request(kind: Kind, job: &Job) -> Vec<u8> {
    match job {
        Job::Read(case) => read_request(case),
        Job::ReadOurs(written) => read_request(&written.case),
        Job::Write(put) => {
            // Node takes no maximum.
            let max_size = match kind {
                Kind::Other(Reader::Node) => 0,
                _ => put.max_size,
            };
            write_request(&put.user_records, max_size)
        }
    }
}

fn compare_all(
    name: &str,
    kind: Kind,
    seed: u64,
    chunks: &Receiver<Vec<Job>>,
    answers: &mut Answers,
) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut rng = Rng::with_seed(seed);
    for chunk in chunks {
        ways(&chunk, &mut rng, &mut tally);
        for job in &chunk {
            let answer = answers.next(matches!(job, Job::Write(_)))?;
            tally.cases += 1;
            *tally.outcomes.entry(outcome(job)).or_default() += 1;
            match verdict(kind, job, &answer) {
                Verdict::Same => {}
                Verdict::Explained(rule) => *tally.explained.entry(rule).or_default() += 1,
                Verdict::Unexplained(why) => {
                    tally.unexplained += 1;
                    if tally.unexplained <= PRINTED {
                        println!("{name}: UNEXPLAINED: {why}");
                        print(name, kind, job, &answer);
                    }
                }
            }
        }
    }
    Ok(tally)
}

/// All the library's own ways of reading must agree.
fn ways(chunk: &[Job], rng: &mut Rng, tally: &mut Tally) {
    let cases = chunk.iter().filter_map(|job| match job {
        Job::Read(case) => Some(case),
        Job::ReadOurs(written) => Some(&written.case),
        Job::Write(_) => None,
    });
    let cases: Vec<&Case> = cases.collect();
    let mut rest = cases.as_slice();
    while !rest.is_empty() {
        let len = rng.usize(1..40).min(rest.len());
        let (batch, others) = rest.split_at(len);
        rest = others;
        let mut one_way = rng.clone();
        if let Err(why) = ours::agree(batch, rng) {
            tally.unexplained += 1;
            println!("UNEXPLAINED: the ways of reading differ: {why}");
            for case in batch {
                if ours::agree(&[case], &mut one_way).is_err() {
                    report::case(case);
                }
            }
        }
    }
}

pub(crate) fn verdict(kind: Kind, job: &Job, answer: &Answer) -> Verdict {
    match job {
        Job::Read(case) => read_verdict(kind, case, answer),
        Job::ReadOurs(written) => {
            let found = ours::read(&written.case).map(|read| read.items == written.expected);
            match found {
                Ok(true) => read_verdict(kind, &written.case, answer),
                Ok(false) => Verdict::Unexplained("we do not read back what we wrote".to_owned()),
                Err(panicked) => Verdict::Unexplained(panicked),
            }
        }
        Job::Write(put) => match kind {
            Kind::Other(Reader::Node) => {
                let put = crate::writing::Put {
                    user_records: put.user_records.clone(),
                    max_size: 0,
                };
                writers::compare(Reader::Node, &put, answer)
            }
            Kind::Other(writer) => writers::compare(writer, put, answer),
            Kind::Binding { .. } => binding::write(put, answer),
            Kind::Kcl { .. } => Verdict::Unexplained("the KCL only reads".to_owned()),
        },
    }
}

pub(crate) fn read_verdict(kind: Kind, case: &Case, answer: &Answer) -> Verdict {
    let ours = match ours::read(case) {
        Ok(ours) => ours,
        Err(panicked) => return Verdict::Unexplained(panicked),
    };
    // What the driver cannot say, it says aloud; none of these is about the case.
    if answer.status == Status::Threw && answer.text.contains("OutOfMemory") {
        return Verdict::Unexplained("the peer ran out of memory".to_owned());
    }
    match kind {
        Kind::Kcl { jaxb } => compare::with_kcl(case, &ours, answer, jaxb),
        Kind::Other(reader) => faults::compare(reader, case, &ours, answer),
        Kind::Binding { .. } => binding::read(&ours, answer),
    }
}

fn print(name: &str, kind: Kind, job: &Job, answer: &Answer) {
    match job {
        Job::Read(case) => match shrink(name, kind, case) {
            Some((case, answer)) => report::both(&case, &answer),
            None => report::both(case, answer),
        },
        Job::ReadOurs(written) => report::both(&written.case, answer),
        Job::Write(put) => {
            for r in &put.user_records {
                println!("  put      {}", report::put(r));
            }
            report::answer(answer);
        }
    }
}
