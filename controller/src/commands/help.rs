//! `ripcord help`: the topics that belong to no single verb.

use clap::{Args, CommandFactory};

use crate::{cli::Cli, config::similar, exit::Exit, failure::Failure, lint, out};

const ENVIRONMENT: &str = "\
Environment variables. A flag wins over its variable, a variable over a file.

  RIPCORD_AGENT    the agent: https://host:7443, its name in [agents], or all
  RIPCORD_CERT     the client certificate, PEM
  RIPCORD_KEY      the client certificate's private key, PEM
  RIPCORD_CA       the CA that signed the agent's certificate, PEM
  RIPCORD_CERT_PEM, RIPCORD_KEY_PEM, RIPCORD_CA_PEM
                   the same three as contents instead of files: they win over files,
                   and are never written to disk, shown, or given to other programs
  RIPCORD_CONFIG   read this file instead of looking for ripcord.toml

  RIPCORD_OIDC_TOKEN                    the token of a workflow outside GitHub Actions, for
                                        environments that ask for one

In a GitHub workflow these are read too:
  GITHUB_SHA                            the commit, when --sha is not given and the environment
                                        does not promote what another one has validated
  GITHUB_RUN_ID, GITHUB_RUN_ATTEMPT     the request id, so that a repeated step joins
  ACTIONS_ID_TOKEN_REQUEST_URL, …TOKEN  to fetch the workflow's token for environments that ask
                                        for one; the job needs `id-token: write`
  GITHUB_ACTIONS                        the story folds into one group; a check's into one for each job
  GITHUB_OUTPUT, GITHUB_STEP_SUMMARY    the result, for later steps and for the run's page; a
                                        check's table, too

`ripcord check` hands its own environment on to jobs, and sets RIPCORD_CHECK to the group's name.";

const CONFIG: &str = "\
Configuration. What flags and variables do not say is read from

  1. ripcord.toml, looked for from the current folder upwards, as far as the git root
     (or the file that --config names)
  2. ~/.config/ripcord/config.toml

Both take these keys; the first file that has a key wins:

  agent = \"https://vm.example:7443\"
  cert  = \"~/.config/ripcord/operator.pem\"     relative paths start at the file's folder
  key   = \"~/.config/ripcord/operator.key\"
  ca    = \"~/.config/ripcord/agent-ca.pem\"
  default_environment = \"preprod\"

  [agents.paris]                                 several agents, in this order
  url  = \"https://paris.example:7443\"
  cert = \"~/.config/ripcord/paris.pem\"          cert, key, ca: those above where it has none

With [agents] and no `agent`, `status`, `health`, `stats` and `doctor` ask all of them at once, and
other commands take the one that has the environment, or ENV@AGENT, such as preprod@paris. `agent`,
--agent and RIPCORD_AGENT take a name, too, and mean that one alone; `all` means all. What flags and
variables say wins over what is written for an agent.

ripcord.toml may also hold [environments.NAME] and [checks.NAME], which `ripcord help check`
explains. Unknown keys are errors.";

const TOPICS: [&str; 4] = ["exit-codes", "environment", "config", "lint"];

/// Explain exit-codes, environment, config, lint, or a command
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// exit-codes, environment, config, lint, or a command
    topic: Option<String>,
}

/// Runs it.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match arguments.topic.as_deref() {
        None => out::result(&Cli::command().render_long_help().to_string())?,
        Some("exit-codes") => out::result(&exit_codes())?,
        Some("environment") => out::result(ENVIRONMENT)?,
        Some("config") => out::result(CONFIG)?,
        Some("lint") => out::result(&lint::tell::codes())?,
        Some(command) => out::result(&command_help(command)?)?,
    }
    Ok(Exit::Success)
}

const SEVERAL: &str = "
Of several agents the worst end counts, in this order:

  20 stranded · 130 detached · 10 users see it now · 5, 4, 1, 2 nobody knows how it is there ·
  7 rolled back · 3 did not become live · 6 refused · 8 may still come · 9 something newer runs · 0

An environment that is known to be down (10) outranks an agent that does not answer (5): whoever is
woken by 10 is not to sleep because another machine is away, too. Agents that were skipped count for
nothing: what stopped them counts.";

const REASONS: &str = "
Why it was refused, as `error` of the JSON result says it:

  CONFIRMATION         --confirm with the environment's word, byte for byte: the plan names it
  NOT_VALIDATED        the commit is not what the environment's source stands behind
  NOTHING_TO_PROMOTE   the source has validated nothing yet
  PLAN_CHANGED         what would happen is not what was shown: look again with --dry-run
  BACKUP               there is no such backup, or it is damaged: ripcord history ENV --backups
  OIDC                 (exit 4) the workflow's own token: `permissions: id-token: write`
  HELD                 ripcord resume ENV
  QUARANTINED          deploy a fix, or --override --reason
  COMMIT_NEEDED        (exit 2) the environment promotes nothing: --sha

The manual of the controller has them all.";

fn exit_codes() -> String {
    let lines = Exit::ALL.iter().map(|exit| format!("{:>5}  {}", exit.code(), exit.meaning()));
    let (first, last) = ("Exit codes".to_owned(), REASONS.to_owned());
    std::iter::once(first)
        .chain(lines)
        .chain([SEVERAL.to_owned(), last])
        .collect::<Vec<_>>()
        .join("\n")
}

fn command_help(name: &str) -> Result<String, Failure> {
    let mut cli = Cli::command();
    cli.build();
    if let Some(command) = cli.find_subcommand_mut(name) {
        return Ok(command.render_long_help().to_string());
    }
    let commands = cli.get_subcommands().map(clap::Command::get_name);
    let known: Vec<&str> = TOPICS.into_iter().chain(commands).collect();
    let advice = similar(name, &known).map(|meant| format!("; did you mean {meant}?"));
    let advice = advice.unwrap_or_else(|| format!("; there are {}", TOPICS.join(", ")));
    Err(Failure::Usage(format!("there is no help on {name:?}{advice}")))
}
