//! Processing the whole slice at once.

use super::error::Error;
use super::process::report;
use super::record::EventRecord;
use super::response::BatchResponse;
use super::unwind::{self, Called, Panicked};
use super::user_records::{EventUserRecord, EventUserRecords};
use super::whole::Whole;

/// What a function that takes the whole slice says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// All user records are done.
    All,
    /// The first so many are done, the rest is not.
    First(usize),
    /// All but those at these indices are done. The order of the slice is not kept then: what
    /// stands behind a failed one is done before it.
    AllBut(Vec<usize>),
}

impl Handled {
    fn is_done(&self, index: usize) -> bool {
        match self {
            Self::All => true,
            Self::First(count) => index < *count,
            Self::AllBut(failed) => failed.binary_search(&index).is_err(),
        }
    }
}

impl<R: EventRecord> EventUserRecords<'_, R> {
    /// Calls `f` once with all user records, in order: those that are still to be done, with a
    /// [`Resume`](super::Resume). An error or a panic fails them all.
    ///
    /// Without user records it is not called.
    pub fn process_batch<'b, F>(&'b self, f: F) -> BatchResponse
    where
        F: FnOnce(&[EventUserRecord<'b, R>]) -> Result<Handled, Error>,
    {
        let whole = Whole::new(self);
        let handled = if whole.items().is_empty() {
            Ok(Ok(Handled::All))
        } else {
            unwind::catch(|| f(whole.items()))
        };
        settle(whole, handled)
    }

    /// [`process_batch`](Self::process_batch), with an asynchronous function.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, nothing counts as done.
    pub async fn process_batch_async<'b, F, Fut>(&'b self, f: F) -> BatchResponse
    where
        F: FnOnce(Vec<EventUserRecord<'b, R>>) -> Fut,
        Fut: Future<Output = Result<Handled, Error>>,
    {
        let whole = Whole::new(self);
        let handled = if whole.items().is_empty() {
            Ok(Ok(Handled::All))
        } else {
            let items = whole.items().to_vec();
            unwind::catch_async(|| f(items)).await
        };
        settle(whole, handled)
    }
}

fn settle<R: EventRecord>(
    mut whole: Whole<'_, R>,
    handled: Result<Result<Handled, Error>, Panicked>,
) -> BatchResponse {
    let (mut handled, called): (Handled, Called) = match handled {
        Ok(Ok(handled)) => (handled, Ok(Ok(()))),
        Ok(Err(error)) => (Handled::First(0), Ok(Err(error))),
        Err(panicked) => (Handled::First(0), Err(panicked)),
    };
    if let Some(first) = whole.items().first() {
        report(whole.processor(), first, &called);
    }
    if let Handled::AllBut(failed) = &mut handled {
        failed.sort_unstable();
    }
    for index in 0..whole.items().len() {
        if handled.is_done(index) {
            whole.done(index);
        }
    }
    whole.finish()
}
