//! Runs the flows until a signal comes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kinesis_aggregation_agent::{
    Config, Destination, Flow, FlowTask, Host, LogLevel, PositionStore, RealFs, Sink, StoreError,
    open_flow,
};
use kinesis_aggregation_producer::cloudwatch::CloudWatchUpload;
use kinesis_aggregation_producer::sdk::SdkStreamClient;
use tokio::task::JoinSet;
use tracing::level_filters::LevelFilter;

use super::clients;
use super::config::RunArgs;
use super::metrics;
use crate::aws::block_on;
use crate::complaint::complain;
use crate::exit::{Failure, Result, Status};
use crate::signals::{Signal, Signals};

pub(super) fn serve(config: Config, args: &RunArgs, status: &Status) -> Result<()> {
    let store = match PositionStore::open(config.database()) {
        Ok(store) => store,
        Err(error @ StoreError::Locked(_)) => {
            complain(format_args!("kagg: {error}"));
            status.lose();
            return Ok(());
        }
        Err(error) => return Err(Failure::new(error)),
    };
    let level = match config.log_level() {
        LogLevel::Trace => LevelFilter::TRACE,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(level)
        .with_target(false)
        .init();
    let store = Arc::new(Mutex::new(store));
    block_on(run(config, args, store, status))
}

async fn run(
    mut config: Config,
    args: &RunArgs,
    store: Arc<Mutex<PositionStore>>,
    status: &Status,
) -> Result<()> {
    let mut signals = Signals::new().map_err(Failure::new)?;
    loop {
        for warning in config.warnings() {
            tracing::warn!("{warning}");
        }
        let (flows, upload) = start(&config, &store).await?;
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        let next = until_asked(&config, args, &flows, &mut signals, status).await;
        let is_last = next.is_none();
        if is_last {
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        }
        let is_stopped = tokio::select! {
            () = stop(flows, config.shutdown_timeout(), is_last, status) => true,
            // A second signal ends it at once. Undelivered lines are read again at the next start.
            () = signals.stop(), if is_last => {
                status.lose();
                false
            }
        };
        if let Some(next) = next {
            // The last upload goes on by itself.
            config = next;
            continue;
        }
        if let Some(upload) = upload.filter(|_| is_stopped) {
            // A second signal loses metrics, but no line.
            tokio::select! {
                _ = upload.close() => {}
                () = signals.stop() => {}
            }
        }
        return Ok(());
    }
}

/// Starts the flows, and the upload of their metrics.
async fn start(
    config: &Config,
    store: &Arc<Mutex<PositionStore>>,
) -> Result<(Vec<FlowTask>, Option<CloudWatchUpload>)> {
    let sdk = clients::sdk_config(config).await;
    // Open all flows before the first one sends anything: if one cannot be opened, nothing has been sent.
    let mut flows = Vec::new();
    for flow in config.flows() {
        let store = store.lock().unwrap_or_else(PoisonError::into_inner);
        let follower = open_flow(config, flow, &store, &RealFs).map_err(Failure::new)?;
        flows.push((flow, follower));
    }
    let memory = config.max_memory() / flows.len().max(1);
    let start = |flow: &Flow, follower, host| {
        let sink = match flow.destination() {
            Destination::Kinesis(name) => {
                tracing::info!("{}: {}", flow.id(), flow.grouping(&RealFs));
                Sink::Kinesis(SdkStreamClient::new(clients::kinesis(config, &sdk), name))
            }
            Destination::Firehose(name) => Sink::Firehose(clients::firehose(config, &sdk, name)),
        };
        let (store, ttl) = (Arc::clone(store), config.checkpoint_ttl());
        FlowTask::start(
            flow.clone(),
            RealFs,
            follower,
            sink,
            store,
            memory,
            ttl,
            host,
        )
        .map_err(Failure::new)
    };
    // Outside EC2 it takes a while to find out that no metadata service answers. Only flows that add the
    // instance's metadata to their records wait for that.
    let (on_instance, others): (Vec<_>, Vec<_>) = flows
        .into_iter()
        .partition(|(flow, _)| flow.instance_ttl().is_some());
    let host = Host::new();
    let mut tasks = Vec::new();
    for (flow, follower) in others {
        tasks.push(start(flow, follower, host.clone())?);
    }
    let host = match config.flows().iter().filter_map(Flow::instance_ttl).min() {
        Some(ttl) => host.on_instance(clients::InstanceService::new(), ttl).await,
        None => host,
    };
    for (flow, follower) in on_instance {
        tasks.push(start(flow, follower, host.clone())?);
    }
    let metrics = tasks.iter().map(FlowTask::metrics).collect();
    let cloudwatch = config.cloudwatch();
    let upload = cloudwatch.and_then(|config| metrics::upload(config, &sdk, metrics));
    Ok((tasks, upload))
}

/// Waits for a signal, or for a flow to fail, and logs from time to time how far the flows are.
/// Returns the configuration to go on with, or `None` to stop.
async fn until_asked(
    config: &Config,
    args: &RunArgs,
    flows: &[FlowTask],
    signals: &mut Signals,
    status: &Status,
) -> Option<Config> {
    let mut failed = JoinSet::new();
    for flow in flows {
        let (id, ended) = (flow.id().to_owned(), flow.ended());
        failed.spawn(async move {
            ended.await;
            id
        });
    }
    let mut status_line = tokio::time::interval(config.status_period());
    status_line.tick().await;
    loop {
        tokio::select! {
            Some(Ok(id)) = failed.join_next() => {
                tracing::error!("{id}: the flow has failed; stopping, because its files are not followed any more");
                status.lose();
                return None;
            }
            _ = status_line.tick() => {
                for flow in flows {
                    tracing::info!("{}: {}", flow.id(), flow.summary());
                }
            }
            signal = signals.next() => match signal {
                Signal::Stop => return None,
                Signal::HangUp => match reload(config, args) {
                    Some(config) => return Some(config),
                    None => tracing::error!("the configuration stays as it was"),
                }
            }
        }
    }
}

/// The new configuration, if it can be used. The database stays.
fn reload(old: &Config, args: &RunArgs) -> Option<Config> {
    match args.read_again() {
        Ok(Ok(config)) => Some(config.with_database(old.database().clone())),
        Ok(Err(errors)) => {
            tracing::error!("{errors}");
            None
        }
        Err(Failure::Message(message)) => {
            tracing::error!("{message}");
            None
        }
        Err(Failure::ClosedPipe) => None,
    }
}

/// Stops all flows at once. Before a reload, undelivered lines are no loss: the new flows read them again.
async fn stop(flows: Vec<FlowTask>, timeout: Duration, is_last: bool, status: &Status) {
    let mut stops = JoinSet::new();
    for flow in flows {
        stops.spawn(async move {
            let id = flow.id().to_owned();
            (id, flow.stop(timeout).await)
        });
    }
    while let Some(stopped) = stops.join_next().await {
        let Ok((id, stopped)) = stopped else {
            status.lose();
            continue;
        };
        if !stopped.is_delivered() {
            tracing::warn!("{id}: not all that was read is delivered; it is read again next time");
        }
        if stopped.has_losses() || (is_last && !stopped.is_delivered()) {
            status.lose();
        }
    }
}
