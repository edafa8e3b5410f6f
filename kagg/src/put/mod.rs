//! `kagg put`: lines into a stream.

mod compress;
mod line;
mod source;
mod tally;

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use kinesis_aggregation::UserRecord;
use kinesis_aggregation_producer::sdk::SdkStreamClient;
use kinesis_aggregation_producer::{Delivery, DeliveryError, FailureKind, Producer};
use tokio::sync::{Notify, mpsc};

use crate::aws::{AwsArgs, StreamName, block_on, wait_for_stream};
use crate::entry::{DataForm, EntryForm};
use crate::exit::{Failure, Result, Status};
use crate::output::complain;
use crate::signals::Signals;
use crate::source::{name, open};
use compress::Format;
use line::{Form, Pointer};
use source::Lines;
use tally::Tally;

/// Puts lines into a stream as user records
///
/// As the KPL does: user records of one shard share a Kinesis record, what fails is put again, and
/// a split or a merge of shards loses nothing. The records of one partition key keep their order.
/// A stream that takes less than the input gives slows the input; nothing expires unless --ttl
/// says so.
///
/// Lines that are refused or not delivered are named on standard error, with the exit status 1.
/// Ctrl-C, SIGTERM and SIGHUP end the input: what was read is still delivered, unless another Ctrl-C
/// or SIGTERM comes. In each case the last line is named up to which all is delivered.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The stream's name or ARN
    stream: String,
    /// The input; `-` or nothing is standard input
    ///
    /// Each line is a user record, without its newline.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The partition key of every user record [default: random]
    ///
    /// Without any of the options for keys, user records go wherever there is room, in no order:
    /// each aggregate has a random key.
    #[arg(long, value_name = "KEY", group = "key")]
    partition_key: Option<String>,
    /// Where each line, which is JSON, has its partition key
    ///
    /// It is a JSON pointer to a string or an integer.
    #[arg(long, value_name = "POINTER", group = "key")]
    partition_key_from: Option<Pointer>,
    /// What ends the partition key at the start of each line
    ///
    /// The data follows. `\t` is a tab.
    #[arg(long, value_name = "CHARACTER", group = "key", value_parser = delimiter)]
    key_delimiter: Option<u8>,
    /// Take lines of `kagg deaggregate` and `tail`, or of PutRecords
    ///
    /// Each is JSON with the data in base64, a partition key, and perhaps an explicit hash key.
    #[arg(long, group = "key")]
    jsonl: bool,
    /// With --jsonl: take entries without a partition key, too
    ///
    /// They go to any shard, in no order.
    #[arg(long, requires = "jsonl")]
    random_keys: bool,
    /// Compress the data of each user record
    ///
    /// Its readers have to decompress; `kagg tail --decompress auto` does.
    #[arg(long, value_name = "FORMAT")]
    compress: Option<Format>,
    /// Refuse a stream that keeps no order
    ///
    /// One with service-managed distribution keeps none.
    #[arg(long)]
    ordered: bool,
    /// Give up on a user record not delivered in this time [default: never]
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u64>,
    #[command(flatten)]
    aws: AwsArgs,
}

const EXAMPLES: &str = "\
Examples:
  kagg put orders --partition-key-from /order/id orders.jsonl
  journalctl -f -o json | kagg put logs
  kagg deaggregate --salvage event.json | kagg put orders --jsonl";

/// How often a question to the stream is asked before the command gives up.
const MAX_ATTEMPTS: u32 = 3;
/// User records whose fate is not told yet: more than the producer has room for.
const MOST_PENDING: usize = 1 << 17;
/// When nothing is delivered for so long, that is said.
const STALL: Duration = Duration::from_secs(5);
/// As good as for ever, without the edges of the largest duration.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

fn delimiter(text: &str) -> std::result::Result<u8, &'static str> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte @ ..=0x7F] => Ok(*byte),
        _ => Err("not one ASCII character"),
    }
}

impl Args {
    fn form(&self) -> Form {
        if self.jsonl {
            return Form::Entry(EntryForm {
                data: DataForm::Base64,
                random_keys: self.random_keys,
            });
        }
        match (&self.partition_key_from, self.key_delimiter) {
            (Some(pointer), _) => Form::DataWithKey(pointer.clone()),
            (None, Some(delimiter)) => Form::KeyAndData(delimiter),
            (None, None) => Form::Data(self.partition_key.clone()),
        }
    }

    /// Whether to keep the order of each key on this stream.
    fn keeps_order(&self, form: &Form, service_managed: Option<bool>) -> Result<bool> {
        match service_managed {
            Some(true) if self.ordered => Err(Failure::new(
                "--ordered: the stream's distribution is service-managed, so it keeps no order",
            )),
            Some(true) => {
                if form.has_keys() {
                    complain(
                        "warning: the stream's distribution is service-managed: the records of a \
                         partition key will not keep their order",
                    );
                }
                Ok(false)
            }
            _ => Ok(self.ordered || form.has_keys()),
        }
    }
}

pub(crate) fn run(args: &Args, status: &Status) -> Result<()> {
    let source = open(args.file.as_deref())?;
    block_on(async {
        let client = args.aws.client(MAX_ATTEMPTS).await?;
        // The producer asks too, but goes on asking where there is no such stream.
        let managed = wait_for_stream(&client, &StreamName::new(&args.stream)).await?;
        let form = args.form();
        let producer = Producer::builder()
            .ordered(args.keeps_order(&form, managed)?)
            .record_ttl(args.ttl.map_or(NEVER, Duration::from_secs))
            .build(SdkStreamClient::new(client, &args.stream))
            .map_err(Failure::new)?;
        let lines = source::lines(source)?;
        let put = Put {
            form,
            compress: args.compress,
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
    compress: Option<Format>,
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
    /// By a signal.
    Interrupted,
    /// The stream refuses everything.
    Useless,
}

/// A line's number, counted from 1, and the fate of its user record. None if its fate is known:
/// it was refused, or is blank.
type Pending = (u64, Option<Delivery>);

impl Put {
    /// Puts all lines, and waits until the fate of each is known.
    async fn run(&self, lines: Lines, status: &Status) -> io::Result<()> {
        let mut signals = Signals::new()?;
        let (sender, receiver) = mpsc::channel(MOST_PENDING);
        let put = async {
            let (end, line) = self.put_all(lines, &sender, &mut signals).await;
            // The report ends with the last fate.
            drop(sender);
            self.drain(&end, &mut signals).await;
            (end, line)
        };
        let report = async {
            tokio::select! {
                () = self.report(receiver) => {}
                () = self.given_up.notified() => {}
                () = self.watch() => {}
            }
        };
        let ((end, line), ()) = tokio::join!(put, report);
        let mut tally = self.tally.borrow_mut();
        let stopped = !matches!(end, End::Input);
        if matches!(end, End::Interrupted | End::Useless) {
            tally.complain(format_args!("lines after {line} were not put"));
            status.lose();
        }
        tally.finish(stopped);
        if tally.is_short() {
            status.lose();
        }
        match end {
            End::Failed(error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Hands the lines to the producer. Returns why it ended, and the number of the last line.
    async fn put_all(
        &self,
        mut lines: Lines,
        sender: &mpsc::Sender<Pending>,
        signals: &mut Signals,
    ) -> (End, u64) {
        let mut line = 0;
        let mut stop = pin!(self.stop(signals));
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
                let accepted = match self.user_record(text) {
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
                let delivery = accepted.unwrap_or_else(|why| {
                    self.tally
                        .borrow_mut()
                        .fail(line, format!("refused: {why}"));
                    None
                });
                if delivery.is_some() {
                    self.tally.borrow_mut().accept();
                }
                // The receiver outlives this, or nobody wants to know any more.
                let _ = sender.send((line, delivery)).await;
            }
        }
    }

    fn user_record(&self, line: Vec<u8>) -> std::result::Result<Option<UserRecord>, String> {
        let record = self.form.user_record(line)?;
        Ok(match self.compress {
            Some(format) => record.map(|record| format.compress(record)),
            None => record,
        })
    }

    /// Until there is a reason not to go on.
    async fn stop(&self, signals: &mut Signals) -> End {
        tokio::select! {
            _ = signals.next() => End::Interrupted,
            () = self.useless.notified() => End::Useless,
        }
    }

    /// Waits until all is delivered that was put; Ctrl-C or SIGTERM gives that up.
    async fn drain(&self, end: &End, signals: &mut Signals) {
        if matches!(end, End::Interrupted) {
            self.tally.borrow_mut().complain(format_args!(
                "interrupted: what was read is still delivered; interrupt again to give that up"
            ));
        }
        tokio::select! {
            _ = self.producer.close() => {}
            () = signals.stop() => self.given_up.notify_one(),
        }
    }

    /// Counts what is delivered, and names what is not.
    async fn report(&self, mut pending: mpsc::Receiver<Pending>) {
        while let Some((line, delivery)) = pending.recv().await {
            if let Some(delivery) = delivery {
                match delivery.await {
                    Ok(delivered) => self.tally.borrow_mut().deliver(line, &delivered),
                    Err(error) => {
                        self.tally.borrow_mut().fail(line, why(&error));
                        let kind = error.kind();
                        if matches!(kind, FailureKind::Request { .. } | FailureKind::Aborted) {
                            self.useless.notify_one();
                        }
                    }
                }
            }
            self.tally.borrow_mut().settle(line);
        }
    }

    /// Says when nothing is delivered, and why: a stream that cannot be reached is tried for ever.
    async fn watch(&self) {
        let mut before = None;
        loop {
            tokio::time::sleep(STALL).await;
            let (delivered, pending) = self.tally.borrow().progress();
            if pending > 0 && before == Some(delivered) {
                let metrics = self.producer.metrics();
                let errors = metrics.errors_by_code().iter();
                let most = errors.max_by_key(|(_, count)| **count);
                let why = most.map(|(code, count)| format!(": {code}, {count} times so far"));
                let why = why.unwrap_or_default();
                self.tally.borrow_mut().complain(format_args!(
                    "waiting: nothing was delivered for {} seconds{why}",
                    STALL.as_secs()
                ));
                // Once for each stop.
                before = None;
                while self.tally.borrow().progress().0 == delivered {
                    tokio::time::sleep(STALL).await;
                }
                continue;
            }
            before = Some(delivered);
        }
    }
}

/// Why a user record was not delivered.
fn why(error: &DeliveryError) -> String {
    let maybe = if error.is_maybe_stored() {
        "; the stream may hold it all the same"
    } else {
        ""
    };
    format!("{error}{maybe}")
}
