//! Contestants take turns, so that whatever else the machine does hits them alike.

use std::hint::black_box;
use std::time::Duration;

/// Runs a piece of work once and says how long it took.
pub(crate) type Contestant<'a> = Box<dyn FnMut() -> Duration + 'a>;

/// Times `work`; what it returns is dropped off the clock.
pub(crate) fn contestant<'a, T>(mut work: impl FnMut() -> T + 'a) -> Contestant<'a> {
    with_input(|| (), move |()| work())
}

/// Times `work` on what `prepare` makes off the clock.
pub(crate) fn with_input<'a, I, T>(
    mut prepare: impl FnMut() -> I + 'a,
    mut work: impl FnMut(I) -> T + 'a,
) -> Contestant<'a> {
    Box::new(move || {
        let input = black_box(prepare());
        let start = now();
        let output = black_box(work(input));
        let took = now() - start;
        drop(output);
        took
    })
}

/// The time that this thread has spent on a processor: on a shared machine, others' turns count
/// for nobody.
#[cfg(unix)]
pub(crate) fn now() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

#[cfg(not(unix))]
pub(crate) fn now() -> Duration {
    use std::sync::LazyLock;
    use std::time::Instant;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

/// The times of contestants, round by round.
pub(crate) struct Times(Vec<Vec<Duration>>);

impl Times {
    /// Lets all run in turn, for so many rounds after one to warm up.
    pub(crate) fn of(rounds: usize, contestants: &mut [Contestant<'_>]) -> Self {
        let mut times = vec![Vec::with_capacity(rounds); contestants.len()];
        for round in 0..=rounds {
            for (contestant, times) in contestants.iter_mut().zip(&mut times) {
                let took = contestant();
                if round > 0 {
                    times.push(took);
                }
            }
        }
        Self(times)
    }

    /// How many times faster `fast` was than `slow`: the median over the rounds.
    pub(crate) fn ratio(&self, slow: usize, fast: usize) -> f64 {
        let rounds = self.0[slow].iter().zip(&self.0[fast]);
        median(rounds.map(|(slow, fast)| slow.as_secs_f64() / fast.as_secs_f64()))
    }

    /// The median time, in seconds.
    pub(crate) fn median(&self, of: usize) -> f64 {
        median(self.0[of].iter().map(Duration::as_secs_f64))
    }

    /// The least time, in seconds.
    pub(crate) fn least(&self, of: usize) -> f64 {
        self.0[of].iter().min().map_or(0.0, Duration::as_secs_f64)
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
