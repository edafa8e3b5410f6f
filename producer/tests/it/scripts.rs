//! Random scripts, each with the laws that hold in all of them.
//!
//! `SIM_SEED=n` replays one script, `SIM_SCRIPTS=n` runs another number of them, `SIM_FIRST=n` begins
//! with that seed.

use super::laws;
use super::model_stream::StoredRecord;
use super::script::Script;
use super::sim::{Run, run};

/// When all is resolved, a pipeline still holds this much memory at most, in bytes: empty lanes and
/// queues, and what it knows of the shards.
const MOST_LEFT: i64 = 256 * 1024;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn check(seed: u64) -> Result<Run, (u64, Vec<String>)> {
    let mut run = run(Script::new(seed));
    laws::check(&mut run);
    let left = run.left.take();
    let freed = -allocation_counter::measure(|| drop(left)).bytes_current;
    if freed > MOST_LEFT {
        run.broken.push(format!("{freed} bytes are left"));
    }
    if run.broken.is_empty() {
        Ok(run)
    } else {
        run.broken.truncate(5);
        Err((seed, run.broken))
    }
}

#[test]
fn every_law_holds_in_random_scripts() {
    if std::env::var("SIM_SEED").is_ok() {
        let seed = number("SIM_SEED", 0);
        check(seed).map(drop).expect("the laws");
        return;
    }
    let scripts = number("SIM_SCRIPTS", 10_000);
    let first = number("SIM_FIRST", 1);
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let tally = std::thread::scope(|scope| {
        let work: Vec<_> = (0..threads)
            .map(|thread| {
                let seeds = (first + thread..first + scripts).step_by(threads as usize);
                scope.spawn(move || Tally::of(seeds))
            })
            .collect();
        let parts = work.into_iter().map(|part| part.join().expect("no panic"));
        parts.fold(Tally::default(), Tally::with)
    });
    println!("{scripts} scripts from seed {first}: {tally:?}");
    let count = tally.broken.len();
    let broken = &tally.broken[..count.min(10)];
    assert!(
        broken.is_empty(),
        "{count} scripts, SIM_SEED replays one: {broken:#?}"
    );
    assert!(tally.delivered * 2 > tally.puts, "most are delivered");
    assert!(tally.again > 0 && tally.raw > 0, "both happen");
}

/// What many scripts came to.
#[derive(Debug, Default)]
struct Tally {
    puts: usize,
    delivered: usize,
    requests: usize,
    /// Delivered after their aggregate had landed where the KCL drops it.
    again: usize,
    /// Delivered without a frame.
    raw: usize,
    broken: Vec<(u64, Vec<String>)>,
}

impl Tally {
    fn of(seeds: impl Iterator<Item = u64>) -> Self {
        let mut tally = Self::default();
        for seed in seeds {
            match check(seed) {
                Ok(run) => tally.add(&run),
                Err(law) => tally.broken.push(law),
            }
        }
        tally
    }

    fn add(&mut self, run: &Run) {
        self.puts += run.puts.len();
        self.requests += run.requests;
        for put in &run.puts {
            let Some((_, Ok(delivered))) = &put.resolved else {
                continue;
            };
            self.delivered += 1;
            let wrong = delivered.attempts().any(|attempt| {
                attempt
                    .error()
                    .is_some_and(|error| error.code() == "WrongShard")
            });
            self.again += usize::from(wrong);
        }
        let is_raw = |stored: &&StoredRecord| {
            stored
                .record
                .user_record_count()
                .is_none_or(|count| count == 1)
        };
        self.raw += run.stream.stored.iter().filter(is_raw).count();
    }

    fn with(mut self, other: Self) -> Self {
        self.puts += other.puts;
        self.delivered += other.delivered;
        self.requests += other.requests;
        self.again += other.again;
        self.raw += other.raw;
        self.broken.extend(other.broken);
        self
    }
}

#[test]
fn a_seed_repeats_a_run() {
    for seed in 1..200 {
        let (one, two) = (run(Script::new(seed)), run(Script::new(seed)));
        assert_eq!(one.trace, two.trace, "seed {seed}");
    }
}
