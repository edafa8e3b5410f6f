//! `kagg tail`: the user records of a stream.

mod batch;
mod read;
mod reader_gone;
mod start;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::Record;
use kinesis_aggregation::sdk::{Lineage, ListedShard, Start, list_shards};
use kinesis_aggregation::{Deaggregator, HashKeyRange, Loss, LossKind, Shard};
use kinesis_aggregation_inspect::FoundRecord;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::aws::{AwsArgs, StreamName, block_on, failure, is_service_managed};
use crate::exit::{Failure, Result, Status};
use crate::output::complain;
use crate::printer::{OutputArgs, Printer};
use crate::received::found;
use batch::Batch;
use read::{Message, Readers, Until};
use reader_gone::reader_is_gone;
use start::From;

/// Prints the user records of a stream
///
/// Reads all shards, as the KCL does: a shard that was split or merged is finished before its
/// children start, and an aggregate that reaches out of its shard's hash key range is dropped
/// whole. What the KCL would lose is reported on standard error, one line each, with the exit
/// status 1. Without --from it starts at the end and follows; with --from it reads up to now.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The stream's name or ARN
    stream: String,
    /// Start at latest, trim-horizon, a time or a position [default: latest, with --follow]
    ///
    /// A time is 15m (ago), 2026-11-23, 2026-11-23T10:00:00Z, or what this command prints. A
    /// position is SEQ or SEQ:SUB of a record, in one shard.
    #[arg(long, value_name = "WHERE", value_parser = start::from)]
    from: Option<From>,
    /// End with the records that arrived at this time
    ///
    /// It takes a time as --from does.
    #[arg(long, value_name = "TIME", value_parser = start::time)]
    until: Option<DateTime>,
    /// Go on with new records as they arrive
    ///
    /// Without this, --from reads what is in the stream now, and ends.
    #[arg(long, short)]
    follow: bool,
    /// Read only this shard; repeat it for several
    ///
    /// The shards that it was split or merged into are not read.
    #[arg(long, value_name = "ID")]
    shard: Vec<String>,
    /// Read the batch that Lambda's on-failure message names
    ///
    /// The message is one to a destination in SQS or SNS; `-` is standard input. Records of the batch
    /// that the stream no longer has make the exit status 1.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "until", "follow", "shard"])]
    batch: Option<PathBuf>,
    /// End after this many records
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Print what the KCL would lose, too
    ///
    /// Records are not judged by their shards' hash key ranges, and reading goes on after a bad user
    /// record. On a stream with service-managed distribution the ranges do not count in any case.
    #[arg(long)]
    no_range: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    aws: AwsArgs,
}

const EXAMPLES: &str = "\
Examples:
  kagg tail orders
  kagg tail orders --from 15m --until 5m --output text
  kagg tail orders --from trim-horizon --shard shardId-000000000002 --limit 100
  kagg tail orders --batch message.json
  kagg tail orders --from 1h --output kinesis | kagg inspect --only-problems
  kagg tail orders | kagg put copies --jsonl";

/// How often a request is tried before the command gives up: for about a minute.
const MAX_ATTEMPTS: u32 = 8;
/// Pages in memory at once, of up to 10 MiB each.
const MOST_PAGES: usize = 8;

pub(crate) fn run(args: &Args, status: &Status) -> Result<()> {
    args.output.check_unopened("--no-range", args.no_range)?;
    let scope = match &args.batch {
        Some(path) => Scope::of_batch(batch::read(path, &args.stream)?),
        None => Scope::of_args(args)?,
    };
    block_on(async {
        let client = args.aws.client(MAX_ATTEMPTS).await?;
        let tail = Tail::new(args, scope, client).await?;
        let mut gone = pin!(reader_is_gone());
        tokio::select! {
            result = tail.run(status) => result,
            () = &mut gone => Err(Failure::ClosedPipe),
        }
    })
}

/// What to read.
struct Scope {
    from: From,
    until: Option<Until>,
    follow: bool,
    /// All if it is empty.
    shards: Vec<String>,
    /// How many Kinesis records there must be.
    size: Option<u64>,
}

impl Scope {
    fn of_args(args: &Args) -> Result<Self> {
        let from = args.from.clone();
        if from == Some(From::Everywhere(Start::Latest)) && !args.follow {
            return Err(Failure::new(
                "--from latest prints nothing without --follow",
            ));
        }
        Ok(Self {
            follow: args.follow || from.is_none(),
            from: from.unwrap_or(From::Everywhere(Start::Latest)),
            until: args.until.map(Until::Time),
            shards: args.shard.clone(),
            size: None,
        })
    }

    fn of_batch(batch: Batch) -> Self {
        Self {
            from: From::Position(batch.first, 0),
            until: Some(Until::Record(batch.last)),
            follow: false,
            shards: vec![batch.shard],
            size: batch.size,
        }
    }

    fn has(&self, shard: &str) -> bool {
        self.shards.is_empty() || self.shards.iter().any(|id| id == shard)
    }
}

struct Tail {
    client: Client,
    stream: StreamName,
    range: Range,
    printer: Printer,
    /// Kinesis records so far.
    position: usize,
    lineage: Lineage,
    scope: Scope,
}

/// Whether the shards' hash key ranges count.
struct Range {
    applies: bool,
    /// Whether all is to be printed, whatever is wrong with it.
    salvage: bool,
    asked: Instant,
}

/// How often a stream that drops aggregates is asked whether it has become service-managed.
const ASK_AGAIN: Duration = Duration::from_secs(10);

impl Tail {
    async fn new(args: &Args, scope: Scope, client: Client) -> Result<Self> {
        let stream = StreamName::new(&args.stream);
        let printer = Printer::stdout(&args.output)?.with_limit(args.limit);
        // Asked in any case: it tells soonest that nobody answers.
        let managed = is_service_managed(&client, &stream).await?;
        let applies = !args.no_range
            && !printer.is_unopened()
            && match managed {
                Some(managed) => !managed,
                None => {
                    complain(
                        "warning: not permitted to describe the stream; if its distribution is \
                         service-managed, use --no-range",
                    );
                    true
                }
            };
        Ok(Self {
            client,
            stream,
            range: Range {
                applies,
                salvage: args.no_range,
                asked: Instant::now(),
            },
            printer,
            position: 0,
            lineage: Lineage::default(),
            scope,
        })
    }

    async fn run(mut self, status: &Status) -> Result<()> {
        let (sender, mut messages) = mpsc::channel(1);
        let readers = Arc::new(Readers {
            client: self.client.clone(),
            stream: self.stream.clone(),
            follow: self.scope.follow,
            until: self.scope.until.take(),
            started: Readers::now(),
            pages: Semaphore::new(MOST_PAGES),
            sender,
        });
        let mut tasks = JoinSet::new();
        let shards = self.learn().await?;
        self.check_shards(&shards)?;
        let start = self.scope.from.start();
        if start == Start::Latest {
            self.lineage.skip_closed();
        }
        self.read(&readers, &mut tasks, &start);
        self.say_what_is_followed(tasks.len());
        let next = self.scope.from.of_children();
        while !self.lineage.is_idle() && !self.printer.is_full() {
            match messages.recv().await {
                None => break,
                Some(Message::Failed(failure)) => return Err(failure),
                Some(Message::Page(shard, records)) => {
                    self.print(&shard, &records, status).await?;
                }
                Some(Message::End(id, children)) => {
                    self.lineage.finish(&id);
                    if children.is_empty() {
                        self.learn().await?;
                    }
                    let children = children.into_iter();
                    let children = children.filter(|child| self.scope.has(child.shard().id()));
                    self.lineage.learn(children);
                    self.read(&readers, &mut tasks, &next);
                }
            }
        }
        self.printer.flush()?;
        self.check_size(status);
        Ok(())
    }

    /// Says how many records of a batch the stream no longer has, unless the limit ended it.
    fn check_size(&self, status: &Status) {
        let found = u64::try_from(self.position).unwrap_or(u64::MAX);
        let missing = self.scope.size.map_or(0, |size| size.saturating_sub(found));
        if missing > 0 && !self.printer.is_full() {
            status.lose();
            complain(format_args!(
                "{missing} of the {} Kinesis records of the batch are not in the stream: most \
                 likely they are past its retention",
                found + missing
            ));
        }
    }

    /// Learns of all shards. Returns the ids of those to be read.
    async fn learn(&mut self) -> Result<Vec<String>> {
        let listed = list_shards(&self.client, self.stream.text()).await;
        let listed = listed.map_err(|error| failure("cannot list the shards", &error))?;
        let mut ids = Vec::new();
        for shard in listed
            .iter()
            .filter(|shard| self.scope.has(shard.shard_id()))
        {
            let listed = ListedShard::try_from(shard)
                .map_err(|error| Failure::new(format_args!("{}: {error}", shard.shard_id())))?;
            self.lineage.learn([listed]);
            ids.push(shard.shard_id().to_owned());
        }
        Ok(ids)
    }

    /// Whether the shards that are named are there, and a position is in one of one.
    fn check_shards(&self, found: &[String]) -> Result<()> {
        let mut named = self.scope.shards.iter();
        if let Some(id) = named.find(|id| !found.contains(id)) {
            let id = id.escape_debug();
            return Err(Failure::new(format_args!("the stream has no shard {id}")));
        }
        match self.scope.from {
            From::Position(..) if found.len() != 1 => Err(Failure::new(
                "--from: a sequence number is one of a shard: name it with --shard",
            )),
            _ => Ok(()),
        }
    }

    /// On a terminal, where nothing happening looks like nothing working.
    fn say_what_is_followed(&self, shards: usize) {
        if self.scope.follow && io::stderr().is_terminal() {
            let stream = self.stream.text();
            let from = match self.scope.from {
                From::Everywhere(Start::Latest) => "what comes from now on",
                _ => "what there is, and what comes",
            };
            complain(format_args!(
                "{stream}, shards being read: {shards}: {from}; Ctrl-C ends"
            ));
        }
    }

    /// Starts to read every shard whose turn it is.
    fn read(&mut self, readers: &Arc<Readers>, tasks: &mut JoinSet<()>, start: &Start) {
        for shard in self.lineage.start() {
            tasks.spawn(Arc::clone(readers).read(shard, start.clone()));
        }
    }

    async fn print(&mut self, shard: &Shard, page: &[Record], status: &Status) -> Result<()> {
        let range = shard.hash_key_range();
        let records: Vec<_> = (self.position..)
            .zip(page)
            .map(|(index, record)| found(record, index, shard.id()))
            .collect();
        self.look_again(range, &records).await?;
        let batch = self.deaggregator(range).deaggregate_batch(&records);
        for record in batch.records() {
            if self.printer.is_full() {
                break;
            }
            self.printer.record(self.position, record, status)?;
            self.position += 1;
        }
        self.printer.flush()
    }

    fn deaggregator(&self, range: HashKeyRange) -> Deaggregator {
        let mut deaggregator = Deaggregator::new().salvage(self.range.salvage);
        if let Some(position) = self.scope.from.after() {
            deaggregator = deaggregator.after(position);
        }
        if self.range.applies {
            deaggregator = deaggregator.hash_key_range(range);
        }
        deaggregator
    }

    /// Where something would be dropped: the distribution can be switched at any time, and then
    /// the range must not count.
    async fn look_again(&mut self, range: HashKeyRange, records: &[FoundRecord]) -> Result<()> {
        if !self.range.applies || self.range.asked.elapsed() < ASK_AGAIN {
            return Ok(());
        }
        let batch = self.deaggregator(range).deaggregate_batch(records);
        let dropped = |loss: &Loss| *loss.kind() == LossKind::OutOfRange;
        if batch.losses().iter().any(dropped) {
            self.range.asked = Instant::now();
            let managed = is_service_managed(&self.client, &self.stream).await?;
            self.range.applies = managed != Some(true);
        }
        Ok(())
    }
}
