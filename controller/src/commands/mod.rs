//! The verbs, one per file, and the one place that sends a command line to its verb.

pub(crate) mod certs;
pub(crate) mod check;
pub(crate) mod check_config;
pub(crate) mod completions;
pub(crate) mod deploy;
pub(crate) mod doctor;
mod fleet_doctor;
mod fleet_watch;
pub(crate) mod health;
pub(crate) mod help;
pub(crate) mod history;
pub(crate) mod hold;
pub(crate) mod init;
pub(crate) mod logs;
pub(crate) mod man;
pub(crate) mod notify;
pub(crate) mod plan;
pub(crate) mod rollback;
pub(crate) mod rolling;
pub(crate) mod show;
pub(crate) mod stats;
pub(crate) mod status;
pub(crate) mod story;
pub(crate) mod verdict;
pub(crate) mod watch;

use crate::{
    cli::{Cli, Command},
    context::Context,
    exit::Exit,
};

/// Runs the command, and tells its failure if it has one.
pub(crate) async fn run(cli: Cli) -> Exit {
    let mut context = Context::new(cli.command.name(), cli.global);
    let context = &mut context;
    let ended = match cli.command {
        Command::Deploy(arguments) => return deploy::run(context, &arguments).await,
        Command::Rollback(arguments) => return rollback::run(context, &arguments).await,
        Command::Watch(arguments) => return watch::run(context, &arguments).await,
        Command::Status(arguments) => status::run(context, &arguments).await,
        Command::Doctor(arguments) => doctor::run(context, &arguments).await,
        Command::Health(arguments) => health::run(context, &arguments).await,
        Command::History(arguments) => history::run(context, &arguments).await,
        Command::Stats(arguments) => stats::run(context, &arguments).await,
        Command::Show(arguments) => show::run(context, &arguments).await,
        Command::Logs(arguments) => logs::run(context, &arguments).await,
        Command::Hold(arguments) => hold::hold(context, &arguments).await,
        Command::Resume(arguments) => hold::resume(context, &arguments).await,
        Command::Verdict(arguments) => verdict::run(context, &arguments).await,
        Command::Notify(arguments) => notify::run(context, &arguments).await,
        Command::Check(arguments) => check::run(context, &arguments).await,
        Command::Init(arguments) => init::run(context, &arguments).await,
        Command::Certs(arguments) => certs::run(context, &arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man => man::run(),
        Command::Help(arguments) => help::run(&arguments),
    };
    ended.unwrap_or_else(|failure| context.fail(&failure))
}
