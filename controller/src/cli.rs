//! The command line: what may be written, and what `--help` says. It decides nothing.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;

use crate::commands::{
    certs, check, completions, deploy, doctor, health, help, history, hold, init, logs, notify,
    rollback, show, stats, status, verdict, watch,
};

const AFTER_HELP: &str = "\
Examples:
  ripcord certs dev --out certs-dev        make certificates to try things out
  ripcord deploy preprod --sha acfdb42     deploy, and wait for the verdict
  ripcord status                           what runs where
  ripcord doctor                           what is broken on the way, and what to do
  ripcord logs preprod -f -n 100           follow the application's log
  ripcord check preprod                    run the checks of ripcord.toml, as CI does
  ripcord rollback preprod                 back to what was validated last

Exit codes: 0 done · 1 unexpected · 2 usage · 3 did not become live · 4 certificate or role ·
5 unreachable · 6 refused · 7 rolled back · 8 --timeout · 9 superseded · 10 unhealthy ·
20 stranded · 130 detached. `ripcord help exit-codes` explains them.";

/// Deploys exact commits through ripcord agents, and goes back when they are bad
#[derive(Debug, Parser)]
#[command(name = "ripcord", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The agent: https://host:7443, its name in [agents], or `all` of these
    #[arg(
        long,
        global = true,
        value_name = "URL|NAME",
        env = "RIPCORD_AGENT",
        hide_env_values = true
    )]
    pub(crate) agent: Option<String>,
    /// The client certificate, PEM
    #[arg(long, global = true, value_name = "FILE", env = "RIPCORD_CERT", hide_env_values = true)]
    pub(crate) cert: Option<PathBuf>,
    /// The client certificate's private key, PEM
    #[arg(long, global = true, value_name = "FILE", env = "RIPCORD_KEY", hide_env_values = true)]
    pub(crate) key: Option<PathBuf>,
    /// The CA that signed the agent's certificate, PEM
    #[arg(long, global = true, value_name = "FILE", env = "RIPCORD_CA", hide_env_values = true)]
    pub(crate) ca: Option<PathBuf>,
    /// Read this file instead of looking for ripcord.toml
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "RIPCORD_CONFIG",
        hide_env_values = true
    )]
    pub(crate) config: Option<PathBuf>,
    /// How the result is written to standard output
    #[arg(long, global = true, value_enum, default_value_t = Format::Human, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// The same as --output json
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Only the result
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Also what hooks and checks print
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// Never ask
    #[arg(long, global = true)]
    pub(crate) no_input: bool,
    /// How long to wait for a result, such as 90s or 10m; what was started goes on
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
}

impl Global {
    /// The format that was asked for, by either flag.
    pub(crate) fn format(&self) -> Format {
        match self.output {
            Format::Human if self.json => Format::Json,
            asked => asked,
        }
    }
}

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Human,
    /// One JSON object
    Json,
    /// One JSON object per event, then the result
    Ndjson,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Deploy(deploy::Arguments),
    Rollback(rollback::Arguments),
    Status(status::Arguments),
    Watch(watch::Arguments),
    Health(health::Arguments),
    Doctor(doctor::Arguments),
    History(history::Arguments),
    Stats(stats::Arguments),
    Show(show::Arguments),
    Logs(logs::Arguments),
    Hold(hold::HoldArguments),
    Resume(hold::ResumeArguments),
    Verdict(verdict::Arguments),
    Notify(notify::Arguments),
    Check(check::Arguments),
    Init(init::Arguments),
    Certs(certs::Arguments),
    Completions(completions::Arguments),
    /// Write the manual page to standard output, as roff
    Man,
    Help(help::Arguments),
}

impl Command {
    /// The verb, as results name it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Deploy(_) => "deploy",
            Self::Rollback(_) => "rollback",
            Self::Status(_) => "status",
            Self::Watch(_) => "watch",
            Self::Health(_) => "health",
            Self::Doctor(_) => "doctor",
            Self::History(_) => "history",
            Self::Stats(_) => "stats",
            Self::Show(_) => "show",
            Self::Logs(_) => "logs",
            Self::Hold(_) => "hold",
            Self::Resume(_) => "resume",
            Self::Verdict(_) => "verdict",
            Self::Notify(_) => "notify",
            Self::Check(_) => "check",
            Self::Init(_) => "init",
            Self::Certs(_) => "certs",
            Self::Completions(_) => "completions",
            Self::Man => "man",
            Self::Help(_) => "help",
        }
    }
}

/// How long a caller waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wait {
    /// Until the agent has taken the request
    None,
    /// Until the commit is live and healthy, or is not going to be
    Live,
    /// Until the deployment has ended
    Verdict,
}

impl From<Wait> for ripcord_proto::v1::WaitFor {
    fn from(wait: Wait) -> Self {
        match wait {
            Wait::None => Self::None,
            Wait::Live => Self::Live,
            Wait::Verdict => Self::Verdict,
        }
    }
}

/// What besides failures makes the exit code say no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// A newer deployment took its place: exit 9
    Superseded,
}

/// `90s`, `5m`, `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let invalid = || "write a duration such as 90s, 5m or 1h30m".to_owned();
    let parsed: SignedDuration = text.parse().map_err(|_| invalid())?;
    Duration::try_from(parsed).map_err(|_| invalid())
}

/// In `ripcord logs`, a bare `--agent` means the agent's own log; with a URL behind it, it is the
/// global option. In `ripcord check`, a bare `--config` means the lint; with a file behind it, it is
/// the global option. One name cannot be both for the parser, so the first becomes another.
pub(crate) fn arguments(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = given.collect();
    bare(&mut arguments, "logs", ["--agent", "--agent-log"], |next| !next.starts_with("https://"));
    bare(&mut arguments, "check", ["--config", "--lint"], |next| {
        next.is_empty() || next.starts_with('-')
    });
    arguments
}

/// Gives an option of `command` its other name where no value follows.
fn bare(
    arguments: &mut [OsString],
    command: &str,
    [name, other]: [&str; 2],
    is_no_value: impl Fn(&str) -> bool,
) {
    let from = arguments.iter().position(|argument| argument == command);
    for at in from.unwrap_or(arguments.len())..arguments.len() {
        let next = arguments.get(at + 1).and_then(|next| next.to_str()).unwrap_or_default();
        if arguments[at] == name && is_no_value(next) {
            arguments[at] = other.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn logs_agent_is_the_agents_log_unless_a_url_follows() {
        let rewritten = |line: &str| {
            let words = arguments(line.split(' ').map(OsString::from));
            words.join(&OsString::from(" ")).into_string().expect("text")
        };
        assert_eq!(rewritten("ripcord logs --agent prod"), "ripcord logs --agent-log prod");
        assert_eq!(rewritten("ripcord logs prod --agent"), "ripcord logs prod --agent-log");
        for kept in ["ripcord --agent https://x logs", "ripcord logs --agent https://x prod"] {
            assert_eq!(rewritten(kept), kept);
        }
    }

    #[test]
    fn check_config_is_the_lint_unless_a_file_follows() {
        let rewritten = |line: &str| arguments(line.split(' ').map(OsString::from))[2].clone();
        assert_eq!(rewritten("ripcord check --config"), "--lint");
        assert_eq!(rewritten("ripcord check --config --json"), "--lint");
        assert_eq!(rewritten("ripcord check --config other.toml"), "--config");
        assert_eq!(rewritten("ripcord deploy --config"), "--config");
    }

    #[test]
    fn durations_are_written_as_people_write_them() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "soon", "-5s", "5"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
