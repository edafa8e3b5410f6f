//! Processing in order.

use std::iter::Enumerate;
use std::slice;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::call::{Broken, Called, call, call_in_time, catch};
use super::error::{AfterCut, Error, Failure, FailureReason, JsonError};
use super::processor::Processor;
use super::progress::Progress;
use super::record::EventRecord;
use super::response::BatchResponse;
use super::resume::Resume;
use super::user_record::EventUserRecord;
use super::user_records::EventUserRecords;
use crate::deaggregate::{Deaggregated, UserRecords};
use crate::error::Loss;

impl<R: EventRecord> EventUserRecords<'_, R> {
    /// Calls `f` for one user record after another, in order, up to the first failure; what follows
    /// is not called. The answer names the failed Kinesis record, and Lambda starts again there.
    ///
    /// A panic in `f` is a failure.
    ///
    /// ```
    /// use kinesis_aggregation::lambda::{BatchResponse, EventUserRecord, OwnedKinesisEvent, Processor};
    ///
    /// // A function, or a closure; with any error type that turns into a `lambda::Error`.
    /// fn handle(user_record: EventUserRecord<'_>) -> Result<(), std::str::Utf8Error> {
    ///     println!("{} characters", std::str::from_utf8(user_record.data())?.chars().count());
    ///     Ok(())
    /// }
    ///
    /// fn function(processor: &Processor, event: &OwnedKinesisEvent) -> BatchResponse {
    ///     processor.read(event).process(handle)
    /// }
    /// ```
    pub fn process<'b, F, E>(&'b self, mut f: F) -> BatchResponse
    where
        F: FnMut(EventUserRecord<'b, R>) -> Result<(), E>,
        E: Into<Error>,
    {
        let mut run = InOrder::new(self, self.processor().memory());
        while let Some(step) = run.next() {
            match step {
                Step::Call(user_record) => {
                    let called = call(|| f(user_record));
                    run.settle(&user_record, called);
                }
                Step::Cut(cut) => {
                    let after = self.processor().after_cut(&cut.loss, cut.source);
                    run.settle_cut(&cut, after);
                }
            }
        }
        run.finish()
    }

    /// [`process`](Self::process) with an asynchronous function. An `async` closure may borrow what
    /// it captures.
    ///
    /// ```
    /// use kinesis_aggregation::lambda::{BatchResponse, Error, OwnedKinesisEvent, Processor};
    ///
    /// # async fn write(_: &[u8]) -> Result<(), Error> { Ok(()) }
    /// async fn function(processor: &Processor, event: &OwnedKinesisEvent) -> BatchResponse {
    ///     let mut bytes = 0;
    ///     let user_records = processor.read(event);
    ///     let response = user_records.process_async(async |user_record| {
    ///         write(user_record.data()).await?;
    ///         bytes += user_record.data().len();
    ///         Ok::<(), Error>(())
    ///     });
    ///     let response = response.await;
    ///     println!("{bytes} bytes");
    ///     response
    /// }
    /// ```
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, a [`Resume`] knows what is done.
    pub async fn process_async<F, E>(&self, mut f: F) -> BatchResponse
    where
        F: AsyncFnMut(EventUserRecord<'_, R>) -> Result<(), E>,
        E: Into<Error>,
    {
        let mut run = InOrder::new(self, self.processor().memory());
        let mut alarm = self.alarm();
        while let Some(step) = run.next() {
            match step {
                Step::Call(user_record) => {
                    let called = call_in_time(&mut alarm, || f(user_record)).await;
                    run.settle(&user_record, called);
                }
                Step::Cut(cut) => {
                    let processor = self.processor();
                    let asked = processor.after_cut_async(&cut.loss, cut.source);
                    let after = alarm.race(asked).await.unwrap_or(AfterCut::Fail);
                    run.settle_cut(&cut, after);
                }
            }
        }
        run.finish()
    }

    /// [`process`](Self::process) for user records whose data are JSON. `f` gets those that are a
    /// `T`, and `poison` the others, with the reason: put one aside there and return `Ok` to go on,
    /// or return an error to fail.
    ///
    /// ```
    /// use kinesis_aggregation::lambda::{BatchResponse, Error, OwnedKinesisEvent, Processor};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Order {
    ///     total: u64,
    /// }
    ///
    /// fn function(processor: &Processor, event: &OwnedKinesisEvent) -> BatchResponse {
    ///     processor.read(event).process_json(
    ///         |order: Order, _user_record| {
    ///             println!("{}", order.total);
    ///             Ok::<(), Error>(())
    ///         },
    ///         |error, user_record| {
    ///             eprintln!("{:?} put aside: {error}", user_record.idempotency_key());
    ///             Ok(())
    ///         },
    ///     )
    /// }
    /// ```
    pub fn process_json<'b, T, F, P, E>(&'b self, mut f: F, mut poison: P) -> BatchResponse
    where
        T: Deserialize<'b>,
        F: FnMut(T, EventUserRecord<'b, R>) -> Result<(), E>,
        P: FnMut(JsonError, EventUserRecord<'b, R>) -> Result<(), E>,
        E: Into<Error>,
    {
        self.process(|user_record| match user_record.json() {
            Ok(value) => f(value, user_record),
            Err(error) => poison(error, user_record),
        })
    }

    /// [`process_json`](Self::process_json) with asynchronous functions, and values that own what
    /// they hold.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, a [`Resume`] knows what is done.
    pub async fn process_json_async<T, F, P, E>(&self, mut f: F, mut poison: P) -> BatchResponse
    where
        T: DeserializeOwned,
        F: AsyncFnMut(T, EventUserRecord<'_, R>) -> Result<(), E>,
        P: AsyncFnMut(JsonError, EventUserRecord<'_, R>) -> Result<(), E>,
        E: Into<Error>,
    {
        // Not by way of `process_async` and a closure around both: the compiler could not show that
        // future to be `Send`.
        let mut run = InOrder::new(self, self.processor().memory());
        let mut alarm = self.alarm();
        while let Some(step) = run.next() {
            match step {
                Step::Call(user_record) => {
                    let called = match catch(|| user_record.json()) {
                        Ok(Ok(value)) => call_in_time(&mut alarm, || f(value, user_record)).await,
                        Ok(Err(error)) => {
                            call_in_time(&mut alarm, || poison(error, user_record)).await
                        }
                        Err(panicked) => Err(panicked.into()),
                    };
                    run.settle(&user_record, called);
                }
                Step::Cut(cut) => {
                    let processor = self.processor();
                    let asked = processor.after_cut_async(&cut.loss, cut.source);
                    let after = alarm.race(asked).await.unwrap_or(AfterCut::Fail);
                    run.settle_cut(&cut, after);
                }
            }
        }
        run.finish()
    }
}

/// Steps through the user records of an event, up to the first failure. It calls nothing itself, so
/// that the synchronous forms and the asynchronous ones can share it.
pub(super) struct InOrder<'b, R: EventRecord> {
    user_records: &'b EventUserRecords<'b, R>,
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
    /// Makes the Kinesis record fail after its readable user records.
    cut: Option<Loss>,
}

/// The next thing to do. Each step is settled before the next one is asked for.
pub(super) enum Step<'b, R> {
    /// The handler is to be called.
    Call(EventUserRecord<'b, R>),
    /// The callback for cuts is to be asked.
    Cut(CutStep<'b, R>),
}

pub(super) struct CutStep<'b, R> {
    pub(super) loss: Loss,
    pub(super) source: &'b R,
    position: usize,
}

impl<'b, R: EventRecord> InOrder<'b, R> {
    pub(super) fn new(
        user_records: &'b EventUserRecords<'b, R>,
        resume: Option<&'b dyn Resume>,
    ) -> Self {
        Self {
            user_records,
            processor: user_records.processor(),
            progress: Progress::new(user_records.records(), resume),
            records: user_records.batch().records().iter().enumerate(),
            current: None,
            failed: None,
        }
    }

    pub(super) fn next(&mut self) -> Option<Step<'b, R>> {
        while self.failed.is_none() {
            let Some(current) = &mut self.current else {
                self.open()?;
                continue;
            };
            let (position, source) = (current.position, current.source);
            match current.user_records.next() {
                Some(Ok(user_record)) => {
                    let user_record = EventUserRecord::new(position, source, user_record);
                    let sub_sequence_number = user_record.sub_sequence_number();
                    if self.progress.is_done(position, sub_sequence_number) {
                        self.progress.leave_out(1);
                    } else if self.user_records.deadline_has_passed() {
                        user_record.fail(self.processor, FailureReason::Deadline);
                        self.failed = Some(position);
                    } else {
                        return Some(Step::Call(user_record));
                    }
                }
                Some(Err(loss)) => {
                    let told = self.progress.was_told(position, &loss);
                    if !told && !self.processor.is_dropped(&loss, source) {
                        return Some(Step::Cut(CutStep {
                            loss,
                            source,
                            position,
                        }));
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
            let readable = record.user_records().flatten().count();
            self.progress.leave_out(readable);
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
            self.progress.cut();
            self.failed = Some(position);
        } else {
            self.progress.complete(position);
        }
    }

    /// Takes the end of the call for a user record. Returns what the call returned, if it is done.
    pub(super) fn settle<T>(
        &mut self,
        user_record: &EventUserRecord<'b, R>,
        called: Called<T>,
    ) -> Option<T> {
        let position = user_record.record_index();
        let broken_off = matches!(called, Err(Broken::OutOfTime));
        let returned = user_record.report(self.processor, called);
        if returned.is_some() {
            let sub_sequence_number = user_record.sub_sequence_number();
            self.progress.done_one(position, sub_sequence_number);
        } else {
            self.progress.fail(usize::from(!broken_off));
            self.failed = Some(position);
        }
        returned
    }

    /// Takes the callback's answer about a cut.
    pub(super) fn settle_cut(&mut self, cut: &CutStep<'b, R>, after: AfterCut) {
        if after == AfterCut::GoOn {
            self.progress.tell(cut.position, &cut.loss);
        } else if let Some(current) = &mut self.current {
            current.cut.get_or_insert_with(|| cut.loss.clone());
        }
    }

    /// The index of the Kinesis record that failed, if one did.
    pub(super) fn failed(&self) -> Option<usize> {
        self.failed
    }

    pub(super) fn finish(self) -> BatchResponse {
        self.progress.finish()
    }
}
