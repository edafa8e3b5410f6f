//! `kagg put`: lines into a stream.

mod line;
mod source;
mod tally;

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::pin::pin;

use kinesis_aggregation_producer::sdk::SdkStreamClient;
use kinesis_aggregation_producer::{Delivery, FailureKind, Producer};
use tokio::sync::{Notify, mpsc};

use crate::aws::{AwsArgs, StreamName, block_on, is_service_managed};
use crate::exit::{Failure, Result, Status};

use crate::output::complain;
use crate::source::{name, open};
use line::{Form, Pointer};
use source::Lines;
use tally::Tally;

/// Puts lines into a stream as user records
///
/// As the KPL does: user records that belong to one shard share a Kinesis record, what fails is
/// put again until it is 30 seconds old, and a split or a merge of shards loses nothing. Each
/// user record that is refused or not delivered is reported on standard error, one line each,
/// with the exit status 1. Ctrl-C ends the input; what was read is still delivered.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The stream's name or ARN
    stream: String,
    /// The input; `-` or nothing is standard input. Each line is a user record, without its
    /// newline
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The partition key of every user record. Without one they go wherever there is room: each
    /// aggregate has a random key
    #[arg(long, value_name = "KEY", conflicts_with_all = ["partition_key_from", "jsonl"])]
    partition_key: Option<String>,
    /// Where the partition key stands in each line, which is JSON then: a JSON pointer to a
    /// string or an integer
    #[arg(long, value_name = "POINTER", conflicts_with = "jsonl")]
    partition_key_from: Option<Pointer>,
    /// The lines are those that `kagg deaggregate` and `kagg tail` print: JSON objects with
    /// `data` in base64 and, if they like, `partitionKey` and `explicitHashKey`
    #[arg(long)]
    jsonl: bool,
    #[command(flatten)]
    aws: AwsArgs,
}

const EXAMPLES: &str = "\
Examples:
  kagg put orders --partition-key-from /order/id orders.jsonl
  journalctl -f -o json | kagg put logs
  kagg deaggregate --salvage event.json | kagg put orders --jsonl";

/// How often the first question to the stream is asked.
const MAX_ATTEMPTS: u32 = 3;
/// User records whose fate is not told yet: more than the producer has room for.
const MOST_PENDING: usize = 1 << 17;

impl Args {
    fn form(&self) -> Form {
        match (&self.partition_key_from, self.jsonl) {
            (_, true) => Form::JsonLine,
            (Some(pointer), _) => Form::DataWithKey(pointer.clone()),
            (None, _) => Form::Data(self.partition_key.clone()),
        }
    }
}

pub(crate) fn run(args: &Args, status: &mut Status) -> Result<()> {
    let source = open(args.file.as_deref())?;
    block_on(async {
        let client = args.aws.client(MAX_ATTEMPTS).await;
        // The producer asks too, but goes on asking where there is no such stream.
        is_service_managed(&client, &StreamName::new(&args.stream)).await?;
        let producer = Producer::builder()
            .build(SdkStreamClient::new(client, &args.stream))
            .map_err(Failure::new)?;
        let lines = source::lines(source)?;
        let put = Put {
            form: args.form(),
            producer,
            tally: RefCell::new(Tally::new()),
            useless: Notify::new(),
            given_up: Notify::new(),
        };
        let result = put.run(lines, status).await;
        result.map_err(|error| {
            let input = name(args.file.as_deref());
            Failure::new(format_args!("{input}: {error}"))
        })
    })
}

struct Put {
    form: Form,
    producer: Producer,
    tally: RefCell<Tally>,
    /// Told when the stream refuses everything.
    useless: Notify,
    /// Told when nobody waits for what is still under way.
    given_up: Notify,
}

/// Why no more of the input is put.
enum End {
    /// It was read to its end.
    Input,
    /// Reading it failed.
    Failed(io::Error),
    /// By Ctrl-C.
    Interrupted,
    /// The stream refuses everything.
    Useless,
}

/// A line's number, counted from 1, and the fate of its user record.
type Pending = (u64, Delivery);

impl Put {
    /// Puts all lines, and waits until the fate of each is known.
    async fn run(&self, lines: Lines, status: &mut Status) -> io::Result<()> {
        let (sender, receiver) = mpsc::channel(MOST_PENDING);
        let put = async {
            let (end, line) = self.put_all(lines, &sender).await;
            // The report ends with the last fate.
            drop(sender);
            self.drain(&end).await;
            (end, line)
        };
        let report = async {
            tokio::select! {
                () = self.report(receiver) => {}
                () = self.given_up.notified() => {}
            }
        };
        let ((end, line), ()) = tokio::join!(put, report);
        let mut tally = self.tally.borrow_mut();
        let interrupted = matches!(end, End::Interrupted);
        tally.finish(interrupted);
        if interrupted || matches!(end, End::Useless) {
            complain(format_args!("nothing behind line {line} was put"));
            status.lose();
        }
        if tally.is_short() {
            status.lose();
        }
        match end {
            End::Failed(error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Hands the lines to the producer. Returns why it ended, and the number of the last line.
    async fn put_all(&self, mut lines: Lines, sender: &mpsc::Sender<Pending>) -> (End, u64) {
        let mut line = 0;
        let mut stop = pin!(self.stop());
        loop {
            let batch = tokio::select! {
                biased;
                end = &mut stop => return (end, line),
                batch = lines.recv() => batch,
            };
            let batch = match batch {
                None => return (End::Input, line),
                Some(Err(error)) => return (End::Failed(error), line),
                Some(Ok(batch)) => batch,
            };
            for text in batch {
                let accepted = match self.form.user_record(text) {
                    Ok(None) => Ok(None),
                    Ok(Some(record)) => tokio::select! {
                        biased;
                        end = &mut stop => return (end, line),
                        put = self.producer.put(record) => put.map(Some),
                    }
                    .map_err(|error| error.kind().to_string()),
                    Err(why) => Err(why),
                };
                line += 1;
                match accepted {
                    Ok(None) => {}
                    Ok(Some(delivery)) => {
                        self.tally.borrow_mut().accept();
                        // The receiver outlives this, or nobody wants to know any more.
                        let _ = sender.send((line, delivery)).await;
                    }
                    Err(why) => self
                        .tally
                        .borrow_mut()
                        .fail(format_args!("line {line}: refused: {why}")),
                }
            }
        }
    }

    /// Until there is a reason not to go on.
    async fn stop(&self) -> End {
        tokio::select! {
            () = interrupt() => End::Interrupted,
            () = self.useless.notified() => End::Useless,
        }
    }

    /// Waits until all is delivered that was put; a second Ctrl-C gives that up.
    async fn drain(&self, end: &End) {
        if matches!(end, End::Interrupted) {
            self.tally.borrow_mut().complain(format_args!(
                "interrupted: what was read is still delivered; Ctrl-C again gives that up"
            ));
        }
        tokio::select! {
            _ = self.producer.close() => {}
            () = interrupt() => self.given_up.notify_one(),
        }
    }

    /// Counts what is delivered, and complains of what is not.
    async fn report(&self, mut pending: mpsc::Receiver<Pending>) {
        while let Some((line, delivery)) = pending.recv().await {
            match delivery.await {
                Ok(delivered) => self.tally.borrow_mut().deliver(&delivered),
                Err(error) => {
                    let kind = error.kind();
                    let maybe = if error.is_maybe_stored() {
                        "; the stream may hold it all the same"
                    } else {
                        ""
                    };
                    self.tally
                        .borrow_mut()
                        .fail(format_args!("line {line}: {error}{maybe}"));
                    if matches!(kind, FailureKind::Request { .. } | FailureKind::Aborted) {
                        self.useless.notify_one();
                    }
                }
            }
        }
    }
}

/// Until the next Ctrl-C; for ever where that cannot be told.
async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
