//! Processing in order.

use std::iter::Enumerate;
use std::slice;

use super::error::{Error, Failure, FailureReason};
use super::processor::Processor;
use super::progress::Progress;
use super::record::EventRecord;
use super::response::BatchResponse;
use super::resume::Resume;
use super::unwind::{self, Called};
use super::user_records::{EventUserRecord, EventUserRecords};
use crate::deaggregate::{Deaggregated, UserRecords};
use crate::error::Loss;

impl<R: EventRecord> EventUserRecords<'_, R> {
    /// Calls `f` for one user record after another, in order, up to the first failure: what
    /// follows is not called. The answer names the failed Kinesis record, and Lambda starts again
    /// there.
    ///
    /// A panic in `f` is a failure.
    pub fn process<'b, F>(&'b self, mut f: F) -> BatchResponse
    where
        F: FnMut(EventUserRecord<'b, R>) -> Result<(), Error>,
    {
        let mut run = InOrder::new(self, self.processor().resume());
        while let Some(user_record) = run.next() {
            let called = unwind::catch(|| f(user_record));
            run.settle(&user_record, &called);
        }
        run.finish()
    }

    /// [`process`](Self::process), with an asynchronous function.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, a [`Resume`] knows what was done.
    pub async fn process_async<'b, F, Fut>(&'b self, mut f: F) -> BatchResponse
    where
        F: FnMut(EventUserRecord<'b, R>) -> Fut,
        Fut: Future<Output = Result<(), Error>>,
    {
        let mut run = InOrder::new(self, self.processor().resume());
        while let Some(user_record) = run.next() {
            let called = unwind::catch_async(|| f(user_record)).await;
            run.settle(&user_record, &called);
        }
        run.finish()
    }
}

/// Steps through the user records of an event, up to the first failure.
pub(super) struct InOrder<'b, R: EventRecord> {
    processor: &'b Processor,
    progress: Progress<'b, R>,
    records: Enumerate<slice::Iter<'b, Deaggregated<&'b R>>>,
    current: Option<Current<'b, R>>,
    failed: Option<usize>,
}

struct Current<'b, R> {
    position: usize,
    source: &'b R,
    user_records: UserRecords<'b>,
    /// What makes the Kinesis record fail behind its readable user records.
    cut: Option<Loss>,
}

impl<'b, R: EventRecord> InOrder<'b, R> {
    pub(super) fn new(
        user_records: &'b EventUserRecords<'_, R>,
        resume: Option<&'b dyn Resume>,
    ) -> Self {
        Self {
            processor: user_records.processor(),
            progress: Progress::new(user_records.records(), resume),
            records: user_records.batch().records().iter().enumerate(),
            current: None,
            failed: None,
        }
    }

    /// The next user record to call for; [`Self::settle`] it before the next one.
    pub(super) fn next(&mut self) -> Option<EventUserRecord<'b, R>> {
        while self.failed.is_none() {
            let Some(current) = &mut self.current else {
                self.open()?;
                continue;
            };
            let position = current.position;
            match current.user_records.next() {
                Some(Ok(user_record)) => {
                    let sub_sequence_number = user_record.sub_sequence_number();
                    if !self.progress.is_done(position, sub_sequence_number) {
                        let source = current.source;
                        return Some(EventUserRecord::new(position, source, user_record));
                    }
                }
                Some(Err(loss)) => {
                    if self.processor.judge(&loss, current.source).is_fail() {
                        current.cut.get_or_insert(loss);
                    }
                }
                None => self.close(),
            }
        }
        None
    }

    /// Goes to the next Kinesis record.
    fn open(&mut self) -> Option<()> {
        let (position, record) = self.records.next()?;
        if self.progress.was_complete(position) {
            self.progress.complete(position);
        } else {
            self.current = Some(Current {
                position,
                source: record.source(),
                user_records: record.into_iter(),
                cut: None,
            });
        }
        Some(())
    }

    /// The current Kinesis record has no more user records.
    fn close(&mut self) {
        let Some(current) = self.current.take() else {
            return;
        };
        let position = current.position;
        if let Some(loss) = &current.cut {
            let reason = FailureReason::Cut(loss);
            let failure = Failure::new(position, current.source, None, reason);
            self.processor.report(&failure);
            self.failed = Some(position);
        } else {
            self.progress.complete(position);
        }
    }

    /// What the call came to.
    pub(super) fn settle(&mut self, user_record: &EventUserRecord<'b, R>, called: &Called) {
        let position = user_record.position();
        if report(self.processor, user_record, called) {
            self.failed = Some(position);
        } else {
            let sub_sequence_number = user_record.sub_sequence_number();
            self.progress.mark(position, sub_sequence_number);
        }
    }

    /// The position of the Kinesis record that failed, if one did.
    pub(super) fn failed(&self) -> Option<usize> {
        self.failed
    }

    pub(super) fn finish(self) -> BatchResponse {
        self.progress.finish()
    }
}

/// Whether a call failed; if so, it is reported.
pub(super) fn report<R: EventRecord>(
    processor: &Processor,
    user_record: &EventUserRecord<'_, R>,
    called: &Called,
) -> bool {
    let reason = match called {
        Ok(Ok(())) => return false,
        Ok(Err(error)) => FailureReason::Handler(error),
        Err(unwind::Panicked) => FailureReason::Panicked,
    };
    let sub_sequence_number = Some(user_record.sub_sequence_number());
    processor.report(&Failure::new(
        user_record.position(),
        user_record.source(),
        sub_sequence_number,
        reason,
    ));
    true
}
