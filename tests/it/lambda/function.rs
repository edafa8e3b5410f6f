//! A function whose handler fails at random, for the model of the poller.

use std::cell::RefCell;
use std::collections::HashMap;

use kinesis_aggregation::lambda::{
    BatchResponse, Error, EventUserRecord, EventUserRecords, Handled, KinesisEvent,
    KinesisEventRecord, Processor, WindowResponse,
};
use serde_json::Value;

use super::support::{block_on, quiet_panic};

/// How the function processes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    Process,
    ProcessAsync,
    Concurrently(usize),
    BatchFirst,
    BatchAllBut,
    Window,
}

/// What the handler does with one user record.
#[derive(Clone, Debug)]
pub(super) struct Behaviour {
    pub(super) key: u8,
    pub(super) failures: u32,
    pub(super) panics: bool,
    pub(super) yields: u8,
}

/// What is wrong with a Kinesis record, which makes it a cut one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    None,
    /// It ends with a user record that nobody can read.
    Cut,
    /// The last user record is salvaged.
    BadHashKey,
    /// All user records are salvaged.
    Damaged,
}

#[derive(Clone, Debug)]
pub(super) struct Shard {
    pub(super) records: Vec<(Vec<Behaviour>, Flaw)>,
    /// Which invocations break off without an answer, and after how many polls.
    pub(super) breaks: HashMap<usize, u8>,
}

/// A user record of the stream: its Kinesis record and its place in there.
pub(super) type Id = (usize, usize);

/// The function and all it ever did.
pub(super) struct Function<'a> {
    pub(super) shard: &'a Shard,
    pub(super) form: Form,
    pub(super) processor: Processor,
    /// Whether an invocation that came to nothing fails.
    pub(super) fails_whole: bool,
    /// Not with a memory: it forgets what an answer says is done.
    pub(super) answers_get_lost: bool,
    pub(super) attempts: RefCell<HashMap<Id, u32>>,
    pub(super) succeeded: RefCell<Vec<Id>>,
}

fn id(data: &[u8]) -> Id {
    let text = std::str::from_utf8(data).unwrap();
    let (record, place) = text.split_once('.').unwrap();
    (record.parse().unwrap(), place.parse().unwrap())
}

type One<'b, 'a> = EventUserRecord<'b, KinesisEventRecord<'a>>;

impl Function<'_> {
    fn behaviour(&self, (record, place): Id) -> &Behaviour {
        &self.shard.records[record].0[place]
    }

    fn handle(&self, user_record: &One<'_, '_>) -> Result<(), Error> {
        let id = id(user_record.data());
        let behaviour = self.behaviour(id);
        let mut attempts = self.attempts.borrow_mut();
        let attempts = attempts.entry(id).or_default();
        *attempts = attempts.saturating_add(1);
        match (*attempts <= behaviour.failures, behaviour.panics) {
            (false, _) => {
                self.succeeded.borrow_mut().push(id);
                Ok(())
            }
            (true, false) => Err("on purpose".into()),
            (true, true) => quiet_panic(),
        }
    }

    async fn handle_slowly(&self, user_record: One<'_, '_>) -> Result<(), Error> {
        for _ in 0..self.behaviour(id(user_record.data())).yields {
            tokio::task::yield_now().await;
        }
        self.handle(&user_record)
    }

    fn handle_slice(&self, slice: &[One<'_, '_>], go_on: bool) -> Handled {
        let mut failed = Vec::new();
        for (index, user_record) in slice.iter().enumerate() {
            let called =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.handle(user_record)));
            if !matches!(called, Ok(Ok(()))) {
                if !go_on {
                    return Handled::First(index);
                }
                failed.push(index);
            }
        }
        Handled::AllBut(failed)
    }

    /// The answer, or none if the invocation breaks off.
    pub(super) fn invoke(&self, event: &Value, break_off: Option<u8>) -> Option<Value> {
        let json = serde_json::to_vec(event).unwrap();
        let event = KinesisEvent::from_slice(&json).unwrap();
        let user_records = self.processor.read(&event);
        let before = self.succeeded.borrow().len();
        if self.form == Form::Window {
            let state: Vec<Id> = event.state().unwrap();
            let (state, response) = user_records.process_window(state, |state, user_record| {
                // What fails has left its traces already.
                state.push(id(user_record.data()));
                self.handle(&user_record)
            });
            if break_off.is_some() {
                return None;
            }
            let response = self.judge(response, before)?;
            let answer = WindowResponse::new(&state, response).unwrap();
            return Some(serde_json::to_value(&answer).unwrap());
        }
        let response = block_on(async {
            let mut run = std::pin::pin!(self.process(&user_records));
            let Some(polls) = break_off else {
                return Some(run.await);
            };
            for _ in 0..polls {
                tokio::select! {
                    biased;
                    response = &mut run => {
                        // Too late to break off; but an answer can get lost.
                        return (!self.answers_get_lost).then_some(response);
                    }
                    () = std::future::ready(()) => {}
                }
            }
            None
        });
        Some(serde_json::to_value(self.judge(response?, before)?).unwrap())
    }

    /// What Lambda sees of a response, which counts what succeeded since there were `before`.
    fn judge(&self, response: BatchResponse, before: usize) -> Option<BatchResponse> {
        let counts = response.counts();
        assert_eq!(counts.done(), self.succeeded.borrow().len() - before);
        let failures = counts.failed() + counts.cut();
        assert_eq!(failures == 0, response.is_success(), "{counts:?}");
        if self.fails_whole {
            response.error_if_nothing_done().ok()
        } else {
            Some(response)
        }
    }

    async fn process(
        &self,
        user_records: &EventUserRecords<'_, KinesisEventRecord<'_>>,
    ) -> BatchResponse {
        match self.form {
            Form::Process | Form::Window => user_records.process(|one| self.handle(&one)),
            Form::ProcessAsync => {
                user_records
                    .process_async(async |one| self.handle_slowly(one).await)
                    .await
            }
            Form::Concurrently(limit) => {
                let handle = async |one: One<'_, '_>| self.handle_slowly(one).await;
                user_records.process_concurrently(limit, handle).await
            }
            Form::BatchFirst => {
                user_records.process_batch(|all| Ok::<_, Error>(self.handle_slice(all, false)))
            }
            Form::BatchAllBut => {
                user_records.process_batch(|all| Ok::<_, Error>(self.handle_slice(all, true)))
            }
        }
    }
}
