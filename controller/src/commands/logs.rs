//! `ripcord logs`: the application's log, a deployment's story, or the agent's own log.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use clap::Args;
use jiff::{Timestamp, tz::TimeZone};
use ripcord_proto::v1::{StreamLogsRequest, stream_logs_request::Of, stream_logs_response::Item};
use tokio::time::sleep;

use crate::{
    batch::Batch,
    cli,
    client::Agent,
    context::Context,
    exit::Exit,
    failure::{Failure, Meaning},
    fleet::destination::{self, Destination},
    out,
    render::logs::{self, Style},
    zone,
};

/// How long a lost connection is tried again.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);

const AFTER_HELP: &str = "\
Examples:
  ripcord logs preprod -f -n 100
  ripcord logs prod --since 10m --include ERROR
  ripcord logs preprod --deployment 142        its story, with hook and check output
  ripcord logs preprod --agent                 the agent's own log
  ripcord logs prod --json | jq .line";

/// The application's log, a deployment's, or the agent's
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Where; default: the configured environment, or the agent's only one
    #[arg(value_name = "ENV")]
    environment: Option<String>,
    /// Go on with new lines, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Only the last N lines
    #[arg(short = 'n', long, value_name = "N")]
    tail: Option<u64>,
    /// Only lines since: 10m, 2h, or 2026-11-22T10:00:00Z
    #[arg(long, value_name = "TIME", value_parser = instant)]
    since: Option<Timestamp>,
    /// Only lines before
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<Timestamp>,
    /// Show when each line was written
    #[arg(short, long)]
    timestamps: bool,
    /// Only this compose service, container or command (may be repeated)
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,
    /// Only lines that match (may be repeated: all must match)
    #[arg(long, value_name = "REGEX")]
    include: Vec<String>,
    /// No line that matches (may be repeated)
    #[arg(long, value_name = "REGEX")]
    exclude: Vec<String>,
    /// A deployment's story, with the output of hooks and checks
    #[arg(long, value_name = "N", conflicts_with = "agent_log")]
    deployment: Option<u64>,
    /// The agent's own log; `--agent` without a URL means the same
    #[arg(long)]
    agent_log: bool,
}

/// Runs it.
pub(crate) async fn run(context: &mut Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let Destination { agent, environment, .. } =
        destination::of(context, arguments.environment.as_deref()).await?;
    let mut reader = Reader {
        agent: &agent,
        request: request(arguments, environment),
        printer: Printer::new(context.wants_json(), arguments.timestamps),
        lost: None,
        reached: false,
    };
    let timeout = context.global.timeout;
    tokio::select! {
        read = reader.read_all() => read.map(|()| Exit::Success),
        _ = tokio::signal::ctrl_c() => Ok(Exit::Detached),
        () = sleep(timeout.unwrap_or_default()), if timeout.is_some() => Ok(Exit::Undecided),
    }
}

fn request(arguments: &Arguments, environment: String) -> StreamLogsRequest {
    let of = match (arguments.deployment, arguments.agent_log) {
        (Some(deployment), _) => Some(Of::Deployment(deployment)),
        (None, true) => Some(Of::Agent(true)),
        (None, false) => None,
    };
    StreamLogsRequest {
        environment,
        follow: arguments.follow,
        tail: arguments.tail,
        since_unix_nanos: arguments.since.map_or(0, nanos),
        until_unix_nanos: arguments.until.map_or(0, nanos),
        services: arguments.service.clone(),
        include: arguments.include.clone(),
        exclude: arguments.exclude.clone(),
        cursor: String::new(),
        of,
    }
}

/// 64 bits of nanoseconds reach to the year 2262.
fn nanos(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)
}

/// `10m` ago, or an RFC 3339 instant.
fn instant(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let ago = cli::duration(text)
        .map_err(|_| "write 10m, 2h, or an instant such as 2026-11-22T10:00:00Z".to_owned())?;
    Timestamp::now().checked_sub(ago).map_err(|error| error.to_string())
}

/// Why reading stopped.
enum Stop {
    Lost(String),
    Final(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Final(failure)
    }
}

/// Reads to the end; with `--follow` a lost connection is taken up again.
struct Reader<'a> {
    agent: &'a Agent,
    request: StreamLogsRequest,
    printer: Printer,
    lost: Option<Instant>,
    reached: bool,
}

impl Reader<'_> {
    async fn read_all(&mut self) -> Result<(), Failure> {
        loop {
            let why = match self.read().await {
                Ok(()) if self.has_end() => return Ok(()),
                Ok(()) => "the agent ended the stream".to_owned(),
                Err(Stop::Final(failure)) => return Err(failure),
                Err(Stop::Lost(why)) => why,
            };
            self.endure(&why).await?;
        }
    }

    /// Whether the agent ends what is asked for by itself: a story ends with its deployment.
    fn has_end(&self) -> bool {
        let is_story = matches!(self.request.of, Some(Of::Deployment(_)));
        !self.request.follow || self.request.until_unix_nanos != 0 || is_story
    }

    async fn endure(&mut self, why: &str) -> Result<(), Failure> {
        if !self.request.follow || self.lost.is_some_and(|since| since.elapsed() >= PATIENCE) {
            return Err(self.agent.unreachable(why));
        }
        if self.lost.is_none() {
            self.lost = Some(Instant::now());
            out::complain(&format!("connection lost ({why}); attaching again"));
        }
        sleep(PAUSE).await;
        Ok(())
    }

    async fn read(&mut self) -> Result<(), Stop> {
        let mut client = match self.agent.connect().await {
            Err(Failure::Unreachable { message }) if self.reached => {
                return Err(Stop::Lost(message));
            }
            connected => connected?,
        };
        self.reached = true;
        let opened = client.stream_logs(self.request.clone()).await;
        let mut stream = match opened {
            Ok(answer) => answer.into_inner(),
            Err(status) => return Err(self.stop(&status).await),
        };
        if self.lost.take().is_some() {
            out::complain("attached again");
        }
        loop {
            match stream.message().await {
                Ok(Some(message)) => self.take(message.item)?,
                Ok(None) => return Ok(()),
                Err(status) => return Err(self.stop(&status).await),
            }
        }
    }

    async fn stop(&self, status: &tonic::Status) -> Stop {
        match self.agent.meaning(status).await {
            Meaning::Lost(why) => Stop::Lost(why),
            Meaning::Final(failure) => Stop::Final(failure),
        }
    }

    fn take(&mut self, item: Option<Item>) -> Result<(), Failure> {
        match item {
            Some(Item::Batch(bytes)) => {
                let batch = Batch::decode(&bytes)
                    .map_err(|error| Failure::Unexpected(format!("unreadable lines: {error}")))?;
                self.printer.print(&batch)?;
                self.go_on_behind(batch.cursor.to_owned());
            }
            Some(Item::Gap(gap)) => {
                out::say(&logs::gap(gap.lines));
                self.go_on_behind(gap.cursor);
            }
            None => {}
        }
        Ok(())
    }

    fn go_on_behind(&mut self, cursor: String) {
        if !cursor.is_empty() {
            self.request.cursor = cursor;
        }
    }
}

/// Writes lines, with their source as soon as there is more than one.
struct Printer {
    json: bool,
    timestamps: Option<TimeZone>,
    sources: BTreeSet<String>,
}

impl Printer {
    fn new(json: bool, timestamps: bool) -> Self {
        let timestamps = timestamps.then(zone::local);
        Self { json, timestamps, sources: BTreeSet::new() }
    }

    fn print(&mut self, batch: &Batch<'_>) -> Result<(), Failure> {
        let mut text = String::new();
        if self.json {
            batch.lines.iter().for_each(|line| logs::append_json(&mut text, line));
            return out::result(&text);
        }
        let style = self.style(batch);
        batch.lines.iter().for_each(|line| logs::append(&mut text, line, &style));
        out::people(&text)
    }

    fn style(&mut self, batch: &Batch<'_>) -> Style {
        for line in batch.lines.iter().filter(|line| !line.marker) {
            if !self.sources.contains(line.source) {
                self.sources.insert(line.source.to_owned());
            }
        }
        let widths = self.sources.iter().map(|source| source.chars().count());
        let prefix = (self.sources.len() > 1).then(|| widths.max().unwrap_or(0));
        Style { prefix, timestamps: self.timestamps.clone() }
    }
}
