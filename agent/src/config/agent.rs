//! The top level of `agent.json`.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::cloudwatch::CloudWatchConfig;
use super::comments;
use super::error::{ConfigError, ConfigErrors, Warning};
use super::flow::Flow;
use super::read_flow;
use super::reader::Reader;
use super::settings::{FLOW_KEYS, FlowSettings};

/// The lines in memory of all flows together, by default, in bytes.
const DEFAULT_MAX_MEMORY: u64 = 32 * 1024 * 1024;

/// An `agent.json`, understood: everything that the program is to do.
///
/// ```
/// use kinesis_aggregation_agent::Config;
///
/// let config = Config::parse(
///     r#"{"flows": [{"filePattern": "/logs/app.log*", "kinesisStream": "logs", "initialPostion": "START_OF_FILE"}]}"#,
///     &[],
/// )?;
/// assert_eq!(config.flows().len(), 1);
/// let warning = config.warnings()[0].to_string();
/// assert!(warning.ends_with("did you mean initialPosition?"), "{warning}");
/// # Ok::<(), kinesis_aggregation_agent::ConfigErrors>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    flows: Vec<Flow>,
    warnings: Vec<Warning>,
    checkpoint_file: PathBuf,
    checkpoint_ttl: Duration,
    database: PathBuf,
    max_memory: usize,
    shutdown_timeout: Duration,
    status_period: Duration,
    log_level: LogLevel,
    region: Option<String>,
    kinesis_endpoint: Option<String>,
    firehose_endpoint: Option<String>,
    assume_role: Option<String>,
    assume_role_external_id: Option<String>,
    access_key: Option<AccessKey>,
    cloudwatch: Option<CloudWatchConfig>,
}

/// The least severe message that is written to the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// Details that help to find a fault.
    Debug,
    /// Events of files and flows.
    #[default]
    Info,
    /// Something unexpected; the program goes on.
    Warn,
    /// A failure.
    Error,
}

/// Fixed credentials. Neither part is ever shown.
#[derive(Clone)]
pub struct AccessKey {
    id: String,
    secret: String,
}

impl AccessKey {
    /// `awsAccessKeyId`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `awsSecretAccessKey`.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKey")
    }
}

impl Config {
    /// Reads an `agent.json`, and the files of `agent.d` with their names, of which only the flows
    /// count. One of those that cannot be read as JSON is passed over with a warning.
    ///
    /// # Errors
    ///
    /// [`ConfigErrors`]: everything that is wrong, not only the first.
    pub fn parse(text: &str, drop_ins: &[(PathBuf, String)]) -> Result<Self, ConfigErrors> {
        Self::parse_with(text, drop_ins, &Map::new())
    }

    /// The same, with settings of our own (`kagg.…`) that take the place of the file's: for every
    /// flow, if they are a flow's.
    ///
    /// # Errors
    ///
    /// [`ConfigErrors`], as [`parse`](Self::parse).
    ///
    /// ```
    /// use kinesis_aggregation_agent::Config;
    ///
    /// let file = r#"{"flows": [{"filePattern": "/logs/app.log*", "kinesisStream": "logs"}]}"#;
    /// let flags = serde_json::json!({"kagg.aggregate": true, "kagg.maxMemoryBytes": "4194304"});
    /// let config = Config::parse_with(file, &[], flags.as_object().expect("an object"))?;
    /// assert!(config.flows()[0].aggregate());
    /// assert_eq!(config.max_memory(), 4_194_304);
    /// # Ok::<(), kinesis_aggregation_agent::ConfigErrors>(())
    /// ```
    pub fn parse_with(
        text: &str,
        drop_ins: &[(PathBuf, String)],
        flags: &Map<String, Value>,
    ) -> Result<Self, ConfigErrors> {
        let (mut object, mut flows) = parse_object(text).map_err(|error| ConfigErrors {
            errors: vec![ConfigError {
                place: "agent.json".to_owned(),
                key: String::new(),
                reason: format!("is not a JSON object: {error}"),
            }],
        })?;
        let settings = FlowSettings::take(&mut object, flags);
        let mut reader = Reader::new(&object, "agent.json");
        for (path, text) in drop_ins {
            match parse_object(text) {
                Ok((_, more)) => flows.extend(more),
                Err(error) => reader.warn(format_args!(
                    "{} is passed over: it is not a JSON object: {error}",
                    path.display()
                )),
            }
        }
        let mut config = Self::top_level(&mut reader);
        if flows.is_empty() {
            reader.refuse(
                "flows",
                "is missing or empty; there has to be at least one flow",
            );
        }
        let (mut errors, mut warnings) = (reader.errors, reader.warnings);
        let mut seen = BTreeSet::new();
        for (index, text) in flows.iter().enumerate() {
            let number = index.saturating_add(1);
            let flow = read_flow::parse(number, text, &settings, &mut errors, &mut warnings);
            if let Some(flow) = flow {
                if !seen.insert(flow.id()) {
                    errors.push(ConfigError {
                        place: format!("flow {number}"),
                        key: "filePattern".to_owned(),
                        reason: format!("duplicate flow: {}", flow.id()),
                    });
                }
                config.flows.push(flow);
            }
        }
        config.warnings = warnings;
        if errors.is_empty() {
            Ok(config)
        } else {
            Err(ConfigErrors { errors })
        }
    }

    fn top_level(reader: &mut Reader<'_>) -> Self {
        if reader
            .value("userDefinedCredentialsProvider.classname")
            .is_some()
        {
            reader.warn("userDefinedCredentialsProvider.classname names a Java class, which cannot be run here; the other ways to credentials are tried");
        }
        let id = reader.text("awsAccessKeyId").map(str::to_owned);
        let secret = reader.text("awsSecretAccessKey").map(str::to_owned);
        let mut owned = |key| reader.text(key).map(str::to_owned);
        let config = Self {
            flows: Vec::new(),
            warnings: Vec::new(),
            region: owned("kinesis.region"),
            kinesis_endpoint: owned("kinesis.endpoint"),
            firehose_endpoint: owned("firehose.endpoint"),
            assume_role: owned("assumeRoleARN"),
            assume_role_external_id: owned("assumeRoleExternalId"),
            access_key: id.zip(secret).map(|(id, secret)| AccessKey { id, secret }),
            checkpoint_file: PathBuf::from(
                owned("checkpointFile")
                    .unwrap_or("/var/run/aws-kinesis-agent/checkpoints".to_owned()),
            ),
            database: PathBuf::from(
                owned("kagg.database").unwrap_or("/var/lib/kagg/agent.db".to_owned()),
            ),
            checkpoint_ttl: Duration::from_secs(
                reader
                    .number("checkpointTimeToLiveDays", 7, 0..=36_500)
                    .saturating_mul(86_400),
            ),
            max_memory: usize::try_from(reader.number(
                "kagg.maxMemoryBytes",
                DEFAULT_MAX_MEMORY,
                4_194_304..=1 << 40,
            ))
            .unwrap_or(usize::MAX),
            shutdown_timeout: reader.millis("shutdownTimeoutMillis", 10_000, 0..=u64::MAX),
            status_period: Duration::from_secs(reader.number(
                "log.statusReportingPeriodSeconds",
                30,
                1..=u64::MAX,
            )),
            log_level: reader.choice(
                "log.level",
                LogLevel::Info,
                &[
                    ("TRACE", LogLevel::Trace),
                    ("DEBUG", LogLevel::Debug),
                    ("INFO", LogLevel::Info),
                    ("WARN", LogLevel::Warn),
                    ("ERROR", LogLevel::Error),
                ],
            ),
            cloudwatch: CloudWatchConfig::read(reader),
        };
        reader.unknown_keys(&[NO_OP_KEYS, &FLOW_KEYS].concat());
        config
    }

    /// With another database than the file says.
    #[must_use]
    pub fn with_database(mut self, database: PathBuf) -> Self {
        self.database = database;
        self
    }

    /// The flows.
    pub fn flows(&self) -> &[Flow] {
        &self.flows
    }

    /// The oddities of the configuration that do no harm.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// `checkpointFile`: the agent's database.
    pub fn checkpoint_file(&self) -> &PathBuf {
        &self.checkpoint_file
    }

    /// `checkpointTimeToLiveDays`: how long a file that is gone is remembered.
    pub fn checkpoint_ttl(&self) -> Duration {
        self.checkpoint_ttl
    }

    /// `kagg.database`: our database.
    pub fn database(&self) -> &PathBuf {
        &self.database
    }

    /// `kagg.maxMemoryBytes`: the lines in memory of all flows together, in bytes.
    pub fn max_memory(&self) -> usize {
        self.max_memory
    }

    /// `shutdownTimeoutMillis`: how long what is under way may take at the end.
    pub fn shutdown_timeout(&self) -> Duration {
        self.shutdown_timeout
    }

    /// `log.statusReportingPeriodSeconds`: how often the log says how far each flow is.
    pub fn status_period(&self) -> Duration {
        self.status_period
    }

    /// `log.level`.
    pub fn log_level(&self) -> LogLevel {
        self.log_level
    }

    /// `kinesis.region`.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// `kinesis.endpoint`, with or without a scheme.
    pub fn kinesis_endpoint(&self) -> Option<&str> {
        self.kinesis_endpoint.as_deref()
    }

    /// `firehose.endpoint`, with or without a scheme.
    pub fn firehose_endpoint(&self) -> Option<&str> {
        self.firehose_endpoint.as_deref()
    }

    /// `assumeRoleARN`: the role to take.
    pub fn assume_role(&self) -> Option<&str> {
        self.assume_role.as_deref()
    }

    /// `assumeRoleExternalId`.
    pub fn assume_role_external_id(&self) -> Option<&str> {
        self.assume_role_external_id.as_deref()
    }

    /// How metrics go to CloudWatch; `None` if `cloudwatch.emitMetrics` is false.
    pub fn cloudwatch(&self) -> Option<&CloudWatchConfig> {
        self.cloudwatch.as_ref()
    }

    /// `awsAccessKeyId` and `awsSecretAccessKey`, if there are both.
    pub fn access_key(&self) -> Option<&AccessKey> {
        self.access_key.as_ref()
    }
}

/// Keys that the agent knows, and that change nothing here.
const NO_OP_KEYS: &[&str] = &[
    "flows",
    "checkpoints.queryTimeoutSeconds",
    "checkpoints.connectionTimeoutSeconds",
    "userDefinedCredentialsProvider.location",
    "maxSendingThreads",
    "maxSendingThreadsPerCore",
    "sendingThreadsKeepAliveMillis",
    "sendingThreadsMaxQueueSize",
    "maxConnections",
    "connectionTimeoutMillis",
    "connectionTTLMillis",
    "socketTimeoutMillis",
    "useTcpKeepAlive",
    "useHttpGzip",
    "sts.endpoint",
    "log.emitMetrics",
    "log.emitInternalMetrics",
    "userAgent",
    "userAgentOverride",
];

#[derive(Default, serde::Deserialize)]
struct Flows<'t> {
    #[serde(borrow, default)]
    flows: Option<Vec<&'t RawValue>>,
}

/// The object, and the texts of its flows.
fn parse_object(text: &str) -> Result<(Map<String, Value>, Vec<String>), serde_json::Error> {
    let text = comments::blank(text);
    let object = serde_json::from_str(&text)?;
    // A value that is no list is refused where it is missed.
    let flows: Flows<'_> = serde_json::from_str(&text).unwrap_or_default();
    let texts = flows
        .flows
        .into_iter()
        .flatten()
        .map(|flow| flow.get().to_owned());
    Ok((object, texts.collect()))
}
