//! `kagg tail`: the user records of a stream.

mod page;
mod read;
mod start;

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_kinesis::Client;
use kinesis_aggregation::sdk::{Lineage, ListedShard, Start, list_shards};
use kinesis_aggregation::{Deaggregator, HashKeyRange, Loss, LossKind};
use kinesis_aggregation_inspect::FoundRecord;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::aws::{AwsArgs, StreamName, block_on, failure, is_service_managed};
use crate::exit::{Failure, Result, Status};
use crate::losses;
use crate::output::complain;
use crate::printer::{OutputArgs, Printer};
use page::Page;
use read::{Message, Readers};

/// Prints the user records of a stream
///
/// Reads all shards, as the KCL does: a shard that was split or merged is finished before its
/// children start, and an aggregate that reaches out of its shard's hash key range is dropped
/// whole. What the KCL would lose is reported on standard error, one line each, with the exit
/// status 1.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The stream's name or ARN
    stream: String,
    /// Where to start: `latest`, `trim-horizon` or a time like 2026-11-23T10:00:00Z
    /// [default: latest with --follow, else trim-horizon]
    #[arg(long, value_name = "latest|trim-horizon|TIME", value_parser = start::parse)]
    from: Option<Start>,
    /// Go on with what comes, instead of ending where the stream ends now
    #[arg(long, short)]
    follow: bool,
    /// End after this many user records
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Do not judge by the shards' hash key ranges: print what the KCL would drop. So it is on a
    /// stream with service-managed distribution in any case
    #[arg(long)]
    no_range: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    aws: AwsArgs,
}

const EXAMPLES: &str = "\
Examples:
  kagg tail orders --follow
  kagg tail orders --from 2026-11-23T10:00:00Z --limit 100 --output data
  kagg tail orders --follow | kagg put copies --jsonl";

/// How often a request is tried before the command gives up: for about a minute.
const MAX_ATTEMPTS: u32 = 8;
/// Pages in memory at once, of up to 10 MiB each.
const MOST_PAGES: usize = 8;

pub(crate) fn run(args: &Args, status: &Status) -> Result<()> {
    let start = match (args.from.clone(), args.follow) {
        (None, true) => Start::Latest,
        (None, false) => Start::TrimHorizon,
        (Some(Start::Latest), false) => {
            return Err(Failure::new(
                "--from latest prints nothing without --follow",
            ));
        }
        (Some(start), _) => start,
    };
    block_on(async {
        let client = args.aws.client(MAX_ATTEMPTS).await?;
        Tail::new(args, client).await?.run(start, status).await
    })
}

struct Tail {
    client: Client,
    stream: StreamName,
    range: Range,
    printer: Printer,
    /// Kinesis records so far.
    position: usize,
    lineage: Lineage,
    follow: bool,
}

/// Whether the shards' hash key ranges count.
struct Range {
    applies: bool,
    asked: Instant,
}

/// How often a stream that drops aggregates is asked whether it has become service-managed.
const ASK_AGAIN: Duration = Duration::from_secs(10);

impl Tail {
    async fn new(args: &Args, client: Client) -> Result<Self> {
        let stream = StreamName::new(&args.stream);
        let applies = !args.no_range
            && match is_service_managed(&client, &stream).await? {
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
                asked: Instant::now(),
            },
            printer: Printer::stdout(&args.output).with_limit(args.limit),
            position: 0,
            lineage: Lineage::default(),
            follow: args.follow,
        })
    }

    async fn run(mut self, start: Start, status: &Status) -> Result<()> {
        let (sender, mut messages) = mpsc::channel(1);
        let readers = Arc::new(Readers {
            client: self.client.clone(),
            stream: self.stream.clone(),
            follow: self.follow,
            started: Readers::now(),
            pages: Semaphore::new(MOST_PAGES),
            sender,
        });
        let mut tasks = JoinSet::new();
        self.learn().await?;
        if start == Start::Latest {
            self.lineage.skip_closed();
        }
        self.read(&readers, &mut tasks, &start);
        // A child is read from its beginning: its parent was read to the end.
        let next = match start {
            Start::Latest => Start::TrimHorizon,
            start => start,
        };
        while !self.lineage.is_idle() && !self.printer.is_full() {
            match messages.recv().await {
                None => break,
                Some(Message::Failed(failure)) => return Err(failure),
                Some(Message::Page(range, records)) => {
                    self.print(range, Page::new(records), status).await?;
                }
                Some(Message::End(id, children)) => {
                    self.lineage.finish(&id);
                    if children.is_empty() {
                        self.learn().await?;
                    }
                    self.lineage.learn(children);
                    self.read(&readers, &mut tasks, &next);
                }
            }
        }
        self.printer.flush()
    }

    /// Learns of all shards.
    async fn learn(&mut self) -> Result<()> {
        let listed = list_shards(&self.client, self.stream.text()).await;
        let listed = listed.map_err(|error| failure("cannot list the shards", &error))?;
        for shard in &listed {
            let listed = ListedShard::try_from(shard)
                .map_err(|error| Failure::new(format_args!("{}: {error}", shard.shard_id())))?;
            self.lineage.learn([listed]);
        }
        Ok(())
    }

    /// Starts to read every shard whose turn it is.
    fn read(&mut self, readers: &Arc<Readers>, tasks: &mut JoinSet<()>, start: &Start) {
        for shard in self.lineage.start() {
            tasks.spawn(Arc::clone(readers).read(shard, start.clone()));
        }
    }

    async fn print(&mut self, range: HashKeyRange, page: Page, status: &Status) -> Result<()> {
        let records = page.stored();
        self.look_again(range, &records).await?;
        let batch = self.deaggregator(range).deaggregate_batch(&records);
        for record in batch.records() {
            if self.printer.is_full() {
                break;
            }
            losses::report(self.position, record, status);
            self.printer.record(self.position, record)?;
            self.position += 1;
        }
        self.printer.flush()
    }

    fn deaggregator(&self, range: HashKeyRange) -> Deaggregator {
        if self.range.applies {
            Deaggregator::new().hash_key_range(range)
        } else {
            Deaggregator::new()
        }
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
