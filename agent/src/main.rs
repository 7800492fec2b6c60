//! The agent's binary: reads the command line, puts the parts together, and ends cleanly.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use ripcord_agent::{
    assembly::{self, Agent, install_tls_provider},
    config::{Config, render_check},
    telemetry,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Deploys exact commits on this machine, watches their verdict, and rolls back by itself.
#[derive(Parser)]
#[command(name = "ripcord-agent", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the agent in the foreground, until SIGTERM or Ctrl-C.
    Run(ConfigFile),
    /// Say what is wrong with a configuration, and with the files that it names; exit 2 if anything is.
    CheckConfig(ConfigFile),
}

#[derive(clap::Args)]
struct ConfigFile {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "/etc/ripcord/agent.toml")]
    config: PathBuf,
}

/// Usage or configuration: the same code as the controller's.
const CONFIGURATION: u8 = 2;

fn main() -> ExitCode {
    install_tls_provider();
    match Cli::parse().command {
        Command::Run(file) => run(&file.config),
        Command::CheckConfig(file) => check_config(&file.config),
    }
}

fn check_config(file: &std::path::Path) -> ExitCode {
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(error) => return fail(&error.into(), CONFIGURATION),
    };
    let problems = assembly::check(&config);
    print!("{}", render_check(&config, &problems));
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(CONFIGURATION) }
}

fn run(file: &std::path::Path) -> ExitCode {
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(error) => return fail(&error.into(), CONFIGURATION),
    };
    let log = telemetry::start();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into(), 1),
    };
    let ended = runtime.block_on(async {
        let shutdown = on_signal()?;
        Agent::start(config, file.to_owned(), log, shutdown).await?.run_to_the_end().await;
        Ok(())
    });
    // A git step that hangs must not keep the process; the next start resumes it.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

/// A token that SIGTERM and SIGINT cancel.
fn on_signal() -> Result<CancellationToken> {
    let mut term = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let shutdown = CancellationToken::new();
    let told = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => tracing::info!("SIGTERM: shutting down"),
            _ = interrupt.recv() => tracing::info!("SIGINT: shutting down"),
        }
        told.cancel();
    });
    Ok(shutdown)
}

fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("ripcord-agent: {error:#}");
    ExitCode::from(code)
}
