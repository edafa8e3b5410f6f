//! Processing in order.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::call::{Alarm, Broken, Called, call, call_in_time, catch};
use super::error::{AfterCut, Error, FailureReason, JsonError};
use super::progress::Progress;
use super::record::EventRecord;
use super::response::BatchResponse;
use super::resume::Resume;
use super::user_records::{EventUserRecord, EventUserRecords};
use crate::deaggregate::UserRecords;
use crate::error::Loss;

impl<R: EventRecord> EventUserRecords<'_, R> {
    /// Calls `f` for one user record after another, in order, and stops at the first failure. The
    /// answer names the Kinesis record that failed, and Lambda starts again there.
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
        let mut run = InOrder::new(self, self.memory());
        while let Some(user_record) = run.next() {
            let called = call(|| f(user_record));
            run.settle(&user_record, called);
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
        let mut run = InOrder::new(self, self.memory());
        let mut alarm = self.alarm();
        while let Some(user_record) = run.next_in_time(&mut alarm).await {
            let called = call_in_time(&mut alarm, || f(user_record)).await;
            run.settle(&user_record, called);
        }
        run.finish()
    }

    /// [`process`](Self::process) for user records whose data are JSON. `f` gets those that can be
    /// read as a `T`, `poison` gets the others, with the reason. In `poison`, return `Ok` to go on, for
    /// example after storing the user record elsewhere, or an error to fail.
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
        let mut run = InOrder::new(self, self.memory());
        let mut alarm = self.alarm();
        while let Some(user_record) = run.next_in_time(&mut alarm).await {
            let called = match catch(|| user_record.json()) {
                Ok(Ok(value)) => call_in_time(&mut alarm, || f(value, user_record)).await,
                Ok(Err(error)) => call_in_time(&mut alarm, || poison(error, user_record)).await,
                Err(panicked) => Err(panicked),
            };
            run.settle(&user_record, called);
        }
        run.finish()
    }
}

/// Goes through user records. It does not call the handler itself, so that the synchronous and the
/// asynchronous forms can share it.
pub(super) trait Run<'b, R: EventRecord + 'b> {
    fn event(&self) -> &'b EventUserRecords<'b, R>;

    /// Returns the next user record to call the handler for, or the next cut to ask the callback
    /// about. Settle it before the next call.
    fn step(&mut self) -> Option<Result<EventUserRecord<'b, R>, Loss>>;

    /// Takes the callback's answer about a cut.
    fn settle_cut(&mut self, loss: &Loss, after: AfterCut);

    /// The next user record to call the handler for.
    fn next(&mut self) -> Option<EventUserRecord<'b, R>> {
        loop {
            match self.step()? {
                Ok(user_record) => return Some(user_record),
                Err(loss) => self.settle_cut(&loss, self.event().after_cut(&loss)),
            }
        }
    }

    /// [`Self::next`] for the asynchronous forms.
    async fn next_in_time(&mut self, alarm: &mut Alarm) -> Option<EventUserRecord<'b, R>> {
        loop {
            match self.step()? {
                Ok(user_record) => return Some(user_record),
                Err(loss) => {
                    let after = self.event().after_cut_in_time(&loss, alarm).await;
                    self.settle_cut(&loss, after);
                }
            }
        }
    }
}

/// The user records of an event in order, up to the first failure.
pub(super) struct InOrder<'b, R: EventRecord> {
    event: &'b EventUserRecords<'b, R>,
    progress: Progress<'b, R>,
    /// The index of the current Kinesis record.
    position: usize,
    /// The rest of it; `None` before its turn.
    user_records: Option<UserRecords<'b>>,
    /// A cut that will make it fail, after its readable user records.
    cut: Option<Loss>,
    failed: bool,
}

impl<'b, R: EventRecord> InOrder<'b, R> {
    pub(super) fn new(event: &'b EventUserRecords<'b, R>, resume: Option<&'b dyn Resume>) -> Self {
        Self {
            event,
            progress: Progress::new(event, resume),
            position: 0,
            user_records: None,
            cut: None,
            failed: false,
        }
    }

    /// The current Kinesis record has no more user records.
    fn close(&mut self) {
        self.user_records = None;
        if self.progress.close(self.position, self.cut.take()) {
            self.position = self.position.saturating_add(1);
        } else {
            self.failed = true;
        }
    }

    /// Takes the result of the call for a user record.
    pub(super) fn settle(&mut self, user_record: &EventUserRecord<'b, R>, called: Called<()>) {
        let broken_off = matches!(called, Err(Broken::OutOfTime));
        if self.event.report(user_record, called).is_some() {
            self.progress.done_one(user_record);
        } else {
            self.progress.fail(usize::from(!broken_off));
            self.failed = true;
        }
    }

    /// The index of the Kinesis record that failed, if one did.
    pub(super) fn failed(&self) -> Option<usize> {
        self.failed.then_some(self.position)
    }

    pub(super) fn finish(self) -> BatchResponse {
        self.progress.finish()
    }
}

impl<'b, R: EventRecord> Run<'b, R> for InOrder<'b, R> {
    fn event(&self) -> &'b EventUserRecords<'b, R> {
        self.event
    }

    fn step(&mut self) -> Option<Result<EventUserRecord<'b, R>, Loss>> {
        while !self.failed {
            let record = self.event.batch().records().get(self.position)?;
            let Some(user_records) = &mut self.user_records else {
                if self.progress.leaves_out(self.position, record) {
                    self.position = self.position.saturating_add(1);
                } else {
                    self.user_records = Some(record.into_iter());
                }
                continue;
            };
            match user_records.next() {
                Some(Ok(user_record)) => {
                    let source: &'b R = record.source();
                    let user_record = EventUserRecord::new(self.position, source, user_record);
                    if self.progress.leaves_out_one(&user_record) {
                        continue;
                    }
                    if !self.event.deadline_has_passed() {
                        return Some(Ok(user_record));
                    }
                    self.event.fail_one(&user_record, FailureReason::Deadline);
                    self.failed = true;
                }
                Some(Err(loss)) if self.progress.asks_about(&loss) => return Some(Err(loss)),
                Some(Err(_)) => {}
                None => self.close(),
            }
        }
        None
    }

    fn settle_cut(&mut self, loss: &Loss, after: AfterCut) {
        self.progress.settle_cut(loss, after, &mut self.cut);
    }
}
